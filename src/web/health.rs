//! The admin listener's routes: is the process alive, may it be given work, what did it do.
//!
//! They are served on an address of their own (OPS-07), never beside a dialect. What would
//! surprise: a server that drains is alive and not ready, so that a balancer takes it out
//! while it still answers; and a check that takes too long is one that failed.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};

use super::metrics::Metrics;
use super::refusal::Refusal;

/// Asks whether work can be done now; the error is a sentence for operators.
pub type Check = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// How long the check may take.
const PATIENCE: Duration = Duration::from_secs(6);

/// Whether the server may be given work.
#[derive(Clone)]
pub struct Readiness {
    check: Check,
    draining: Arc<AtomicBool>,
}

impl Readiness {
    /// Ready whenever the check says so, until it drains.
    pub fn new(check: Check) -> Self {
        Self {
            check,
            draining: Arc::default(),
        }
    }

    /// From now on it is not ready any more.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// That it is ready.
    ///
    /// # Errors
    /// Why it is not.
    pub async fn ask(&self) -> Result<(), String> {
        if self.draining.load(Ordering::Relaxed) {
            return Err("draining".to_owned());
        }
        let seconds = PATIENCE.as_secs();
        tokio::time::timeout(PATIENCE, (self.check)())
            .await
            .unwrap_or_else(|_| Err(format!("the store has not answered for {seconds} seconds")))
    }
}

/// `/healthz`, `/readyz` and `/metrics`.
pub fn routes(readiness: Readiness, metrics: Metrics) -> Router {
    Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready).with_state(readiness))
        .route("/metrics", get(measured).with_state(metrics))
}

async fn ready(State(readiness): State<Readiness>) -> (StatusCode, String) {
    match readiness.ask().await {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")),
    }
}

async fn measured(State(metrics): State<Metrics>) -> Result<Response, Refusal> {
    let text = metrics.text().map_err(|error| {
        tracing::error!(%error, "the metrics could not be written");
        Refusal::Internal
    })?;
    let mut response = text.into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
    );
    Ok(response)
}
