//! The front door, by real sockets on loopback.

mod bodies;
mod doors;
mod slow;
mod wire;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Extension;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use oneself::app::Origins;
use oneself::clock::SystemRandomness;
use oneself::web::body::{JsonObject, JsonOrForm};
use oneself::web::front::whole;
use oneself::web::metrics::Metrics;
use oneself::web::path::Segments;
use oneself::web::query::Query;
use oneself::web::refusal::problem;
use oneself::web::{Arrival, Dialect, Front, Json, Limits, Refusal, Server};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// How many requests for `/slow` have begun.
pub static SLOW_ONES: AtomicUsize = AtomicUsize::new(0);

/// A small router behind the real front, on a port of its own.
pub struct Door {
    pub address: SocketAddr,
    pub metrics: Metrics,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<()>>,
}

/// The name that requests call the server by, beside its address.
pub const HOST: &str = "ok.example";

impl Door {
    pub async fn open() -> Self {
        Self::open_with(Limits::default(), None).await
    }

    /// With one time limit for everything.
    pub async fn open_for(time: Duration) -> Self {
        Self::open_with(
            Limits {
                time,
                ..Limits::default()
            },
            None,
        )
        .await
    }

    pub async fn open_with(limits: Limits, tls: Option<TlsAcceptor>) -> Self {
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), tls, limits).await.unwrap();
        let address = server.address();
        let metrics = Metrics::new().unwrap();
        let origins = Origins::new([&format!("http://{address}"), "http://ok.example", "https://ok.example"]).unwrap();
        let front = Front::new(router(), origins, dialects(), metrics.clone(), &SystemRandomness::new());
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(server.serve(front, async {
            let _ = stopped.await;
        }));
        Self {
            address,
            metrics,
            stop: Some(stop),
            served: Some(served),
        }
    }

    /// Gives the shutdown signal.
    pub fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until the server is down.
    pub async fn down(mut self) {
        self.stop();
        self.served.take().unwrap().await.unwrap();
    }
}

fn dialects() -> Vec<Dialect> {
    vec![
        Dialect {
            prefix: "/link/v1",
            name: "link",
            spell: problem,
            logged: whole,
        },
        Dialect {
            prefix: "/other",
            name: "other",
            spell: in_other_words,
            logged: whole,
        },
    ]
}

/// A spelling that nobody else has, so that tests see which one was used.
fn in_other_words(refusal: &Refusal) -> Response {
    let body = json!({"statusCode": refusal.status().as_u16(), "errorCode": refusal.code()});
    (refusal.status(), Json(body)).into_response()
}

fn router() -> Router {
    let users = Router::new()
        .route("/users", get(async || "the list"))
        .route(
            "/users/{id}",
            get(async |Segments([id]): Segments<1>| Json(json!({"id": id}))),
        )
        .route("/users/{id}/identities", get(async || "identities"))
        .route(
            "/users/{id}/identities/{provider}/{subject}",
            get(async |Segments([id, provider, subject]): Segments<3>| Json(json!([id, provider, subject]))),
        );
    Router::new()
        .route("/ok", get(async || "ok").post(async || "ok"))
        .route(
            "/json",
            post(async |JsonObject(body): JsonObject| Json(Value::Object(body))),
        )
        .route(
            "/big",
            post(async |JsonObject(body): JsonObject<1_048_576>| Json(json!(body.len()))),
        )
        .route(
            "/either",
            post(async |JsonOrForm(body): JsonOrForm| Json(Value::Object(body))),
        )
        .route("/page", get(page))
        .route("/panic", get(panics))
        .route(
            "/slow",
            get(async || {
                SLOW_ONES.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(300)).await;
                "slow"
            }),
        )
        .route("/never", get(std::future::pending::<()>))
        .route(
            "/arrival",
            get(async |Extension(arrival): Extension<Arrival>| {
                Json(json!({"peer": arrival.peer.ip().to_string(), "tls": arrival.tls, "origin": &*arrival.origin}))
            }),
        )
        .nest("/link/v1", users.clone())
        .nest("/other", users)
}

async fn page(mut query: Query) -> Result<String, Refusal> {
    let page = query.opt_integer("per_page", 1..=100)?.unwrap_or(50);
    query.finish()?;
    Ok(page.to_string())
}

async fn panics() -> String {
    panic!("a secret that must not be told")
}
