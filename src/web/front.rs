//! What happens to every request and every answer, whichever dialect it belongs to.
//!
//! In order: a request id; the rules of `strict`; the router, with its panics caught; the
//! spelling of refusals by the dialect whose prefix the path has; the headers that every
//! answer carries; the counters; one line in the access log. What would surprise: an empty
//! 404 or 405 of the router is spelled here too, so routers need no fallbacks.

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::Route;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use prometheus::IntCounter;
use tower::layer::layer_fn;
use tower::{Service, service_fn};

use super::metrics::Metrics;
use super::refusal::{Refusal, Spell, SpellAs, problem};
use super::strict;
use crate::app::Origins;
use crate::clock::Random;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The label and template of what no route matched.
const UNMATCHED: &str = "none";

/// A dialect, as the front sees it.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    /// The beginning of its paths, without a slash at the end: `/link/v1`.
    pub prefix: &'static str,
    /// Its label in metrics and logs.
    pub name: &'static str,
    /// How it writes refusals.
    pub spell: Spell,
    /// What of a path is written to the log: all of it ([`whole`]) where nobody's address can be in it.
    pub logged: fn(&str) -> Cow<'_, str>,
}

const NO_DIALECT: Dialect = Dialect {
    prefix: "",
    name: UNMATCHED,
    spell: problem,
    logged: whole,
};

/// A path as it is.
pub const fn whole(path: &str) -> Cow<'_, str> {
    Cow::Borrowed(path)
}

/// How a request arrived; handlers find it among the request's extensions.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The other end of the connection. Nothing that a header says counts here.
    pub peer: SocketAddr,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// The origin of ours that the request came by, with a slash at its end.
    pub origin: Arc<str>,
    /// The id by which the answer, the access log and the log know the request.
    pub request_id: HeaderValue,
}

/// Answers requests by a router behind the rules that all dialects share.
#[derive(Clone)]
pub struct Front(Arc<Inner>);

struct Inner {
    router: Router,
    origins: Origins,
    dialects: Vec<Dialect>,
    metrics: Metrics,
    /// What request ids begin with, so that those of two runs differ.
    run: u32,
    count: AtomicU64,
}

impl Front {
    /// The front of this router. Where the prefixes of two dialects fit a path, the longer
    /// one counts.
    pub fn new(
        router: Router,
        origins: Origins,
        mut dialects: Vec<Dialect>,
        metrics: Metrics,
        random: &dyn Random,
    ) -> Self {
        dialects.sort_by_key(|dialect| std::cmp::Reverse(dialect.prefix.len()));
        let mut run = [0; 4];
        random.fill(&mut run);
        let panics = metrics.panics.clone();
        Self(Arc::new(Inner {
            router: router.layer(layer_fn(move |route| guard(route, panics.clone()))),
            origins,
            dialects,
            metrics,
            run: u32::from_be_bytes(run),
            count: AtomicU64::new(0),
        }))
    }

    /// The counters that it keeps.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// The answer to a request that came from this peer.
    pub async fn answer(&self, request: Request, peer: SocketAddr, tls: bool) -> Response {
        let began = Instant::now();
        let request_id = self.next_request_id();
        let dialect = self.dialect_of(request.uri().path());
        let method = request.method().clone();
        let uri = request.uri().clone();
        let (mut parts, body) = request.into_parts();

        let (mut response, close) = match strict::check(&parts, &self.0.origins, tls) {
            Err(refusal) => ((dialect.spell)(&refusal), true),
            Ok(origin) => {
                parts.extensions.insert(Arrival {
                    peer,
                    tls,
                    origin: Arc::clone(origin),
                    request_id: request_id.clone(),
                });
                let Ok(response) = self.0.router.clone().call(Request::from_parts(parts, body)).await;
                let (response, close) = spell(dialect, response);
                // No route has TRACE; its router answers, because it knows which methods there are.
                (response, close || method == Method::TRACE)
            }
        };
        let headers = response.headers_mut();
        if close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REQUEST_ID.clone(), request_id.clone());
        self.note(&Exchange {
            dialect,
            method,
            path: uri.path(),
            response: &response,
            request_id: &request_id,
            took: began.elapsed(),
        });
        response
    }

    fn dialect_of(&self, path: &str) -> &Dialect {
        let fits = |dialect: &&Dialect| {
            path.strip_prefix(dialect.prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.0.dialects.iter().find(fits).unwrap_or(&NO_DIALECT)
    }

    fn next_request_id(&self) -> HeaderValue {
        let n = self.0.count.fetch_add(1, Ordering::Relaxed);
        let text = format!("req_{:08x}{n:08x}", self.0.run);
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("req_"))
    }

    fn note(&self, exchange: &Exchange<'_>) {
        let Exchange {
            dialect,
            method,
            response,
            took,
            ..
        } = exchange;
        let route = response.extensions().get::<MatchedPath>();
        let route = route.map_or(UNMATCHED, MatchedPath::as_str);
        self.0
            .metrics
            .answered(dialect.name, method, route, response.status(), *took);
        tracing::info!(
            target: "access",
            dialect = dialect.name,
            method = method.as_str(),
            route,
            path = &*(dialect.logged)(exchange.path),
            status = response.status().as_u16(),
            duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            request_id = exchange.request_id.to_str().unwrap_or_default(),
            "answered"
        );
    }
}

struct Exchange<'a> {
    dialect: &'a Dialect,
    method: Method,
    path: &'a str,
    response: &'a Response,
    request_id: &'a HeaderValue,
    took: Duration,
}

/// Writes what was refused in the words of the dialect; says too whether what is left of
/// the request makes the connection useless.
fn spell(dialect: &Dialect, mut response: Response) -> (Response, bool) {
    let template = response.extensions().get::<MatchedPath>().cloned();
    let bare = !response.headers().contains_key(header::CONTENT_TYPE);
    let refusal = match response.extensions_mut().remove::<Refusal>() {
        Some(refusal) => refusal,
        None if bare && template.is_none() && response.status() == StatusCode::NOT_FOUND => Refusal::NoRoute,
        None if bare && response.status() == StatusCode::METHOD_NOT_ALLOWED => Refusal::MethodNotAllowed,
        None => return (response, false),
    };
    let unread = matches!(
        refusal,
        Refusal::BodyTooLarge { .. } | Refusal::BodyTimeout | Refusal::BodyBroken | Refusal::Internal
    );
    let chosen = response.extensions_mut().remove::<SpellAs>();
    let mut spelled = chosen.map_or(dialect.spell, |chosen| chosen.0)(&refusal);
    if let Some(template) = template {
        spelled.extensions_mut().insert(template);
    }
    // What a layer has put there stays; what tells of the body is that of the new one.
    let headers = std::mem::take(response.headers_mut());
    for (name, value) in &headers {
        if name != header::CONTENT_LENGTH && !spelled.headers().contains_key(name) {
            spelled.headers_mut().append(name, value.clone());
        }
    }
    (spelled, unread)
}

/// Wraps a route so that a panic becomes a 500 that tells nothing, and so that the front
/// sees the route's template beside the answer. Where a panic happened, the panic hook of
/// `logging` has logged by then.
fn guard(
    route: Route,
    panics: IntCounter,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone {
    service_fn(move |request: Request| {
        let template = request.extensions().get::<MatchedPath>().cloned();
        let call = route.clone().call(request);
        let panics = panics.clone();
        async move {
            let mut call = std::pin::pin!(call);
            let outcome = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))) {
                Ok(poll) => poll.map(Some),
                Err(_) => Poll::Ready(None),
            });
            let mut response = match outcome.await {
                Some(Ok(response)) => response,
                None => {
                    panics.inc();
                    Refusal::Internal.into_response()
                }
            };
            // A dialect that has a router of its own behind this route knows better.
            if let Some(template) = template
                && response.extensions().get::<MatchedPath>().is_none()
            {
                response.extensions_mut().insert(template);
            }
            Ok(response)
        }
    })
}
