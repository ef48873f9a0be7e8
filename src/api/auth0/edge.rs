//! What happens to every request of the dialect before it is looked at, and what every answer
//! carries: requests are counted, and quotas shown (`api/auth0.md` 4.4).
//!
//! What would surprise: only the address is known here, so that is what is counted; tenant and
//! client are counted where they are believed, by `guard` and by the token endpoint.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue};

use super::error::{OAuthProblem, Problem};
use crate::app::App;
use crate::domain::Quota;
use crate::web::{Arrival, Refusal};

static LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
static REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
static RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Counts requests of the Management API, and shows what is left.
pub async fn management(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Arrival>().map(|arrival| arrival.peer.ip());
    let (mut response, counted) = match peer.map(|peer| app.admit_address(peer)).transpose() {
        Ok(quota) => (next.run(request).await, quota),
        Err(error) => (Problem::from(error).into_response(), None),
    };
    let quota = response.extensions().get::<Quota>().copied().or(counted);
    show(quota.unwrap_or_else(|| Quota::generous(app.now())), &mut response);
    response
}

/// Counts requests for tokens.
pub async fn oauth(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Arrival>().map(|arrival| arrival.peer.ip());
    match peer.map(|peer| app.admit_address(peer)).transpose() {
        Ok(_) => next.run(request).await,
        Err(error) => OAuthProblem::from(error).into_response(),
    }
}

/// What is not there is answered here too, so that it carries what every answer does.
pub async fn nothing() -> Refusal {
    Refusal::NoRoute
}

fn show(quota: Quota, response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(LIMIT.clone(), quota.limit.into());
    headers.insert(REMAINING.clone(), quota.remaining.into());
    headers.insert(RESET.clone(), HeaderValue::from(quota.reset));
}
