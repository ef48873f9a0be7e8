//! What happens to every request of the dialect before it is looked at, and what every answer
//! carries: requests are counted and quotas shown (`api/auth0.md` 4.4), and browsers are told
//! from where they may call (the Fetch standard's CORS; API-15).
//!
//! What would surprise: only the address is known here, so that is what is counted; tenant and
//! client are counted where they are believed, by `guard` and by the token endpoint. And a
//! browser asks before it says for which client, so a preflight is answered for the origins of
//! all clients; what it then asks for is shown to the origins of that one client only.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::error::Problem;
use super::oauth_error::OAuthProblem;
use crate::app::App;
use crate::domain::Quota;
use crate::id::ClientId;
use crate::web::cors::Preflight;
use crate::web::{Arrival, Refusal};

static LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
static REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
static RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// An origin that is taken off a client is refused as soon as this ends.
const PREFLIGHT: Preflight = Preflight {
    methods: "GET, POST, PATCH, DELETE",
    headers: "Authorization, Content-Type, Auth0-Client",
    seconds: "60",
};
const EXPOSED: HeaderValue =
    HeaderValue::from_static("X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After");

/// For which client a request was, as an extension of its answer.
#[derive(Debug, Clone, Copy)]
pub struct ForClient(pub ClientId);

/// What the layers here look at in a request.
struct Seen {
    peer: Option<IpAddr>,
    origin: Option<HeaderValue>,
    is_preflight: bool,
}

impl Seen {
    fn of(request: &Request) -> Self {
        let origin = only(request.headers(), &header::ORIGIN);
        Self {
            peer: request.extensions().get::<Arrival>().map(|arrival| arrival.peer.ip()),
            is_preflight: origin.is_some() && Preflight::is(request),
            origin,
        }
    }
}

/// Counts requests of the Management API, shows what is left, and tells browsers.
pub async fn management(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let seen = Seen::of(&request);
    let (mut response, counted) = match seen.peer.map(|peer| app.admit_address(peer)).transpose() {
        Ok(quota) if seen.is_preflight => (PREFLIGHT.answer(), quota),
        Ok(quota) => (next.run(request).await, quota),
        Err(error) => (Problem::from(error).into_response(), None),
    };
    let quota = response.extensions().get::<Quota>().copied().or(counted);
    show(quota.unwrap_or_else(|| Quota::generous(app.now())), &mut response);
    allow(&app, seen, &mut response).await;
    response
}

/// Counts requests for tokens, and tells browsers.
pub async fn oauth(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let seen = Seen::of(&request);
    let mut response = match seen.peer.map(|peer| app.admit_address(peer)).transpose() {
        Ok(_) if seen.is_preflight => PREFLIGHT.answer(),
        Ok(_) => next.run(request).await,
        Err(error) => OAuthProblem::from(error).into_response(),
    };
    allow(&app, seen, &mut response).await;
    response
}

/// Counts requests for what links lead to. No page of another origin may read it.
pub async fn links(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let peer = Seen::of(&request).peer;
    match peer.map(|peer| app.admit_address(peer)).transpose() {
        Ok(_) => next.run(request).await,
        Err(error) => Problem::from(error).into_response(),
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

/// Lets a page of this origin read the answer, if the client has registered it. Never for all
/// origins, and never with cookies, of which there are none.
async fn allow(app: &App, seen: Seen, response: &mut Response) {
    let client = response.extensions().get::<ForClient>().map(|client| client.0);
    let registered = match seen.origin.as_ref().and_then(|origin| origin.to_str().ok()) {
        // When the store cannot say, nobody is let in.
        Some(origin) => app.is_web_origin(client, origin).await.unwrap_or(false),
        None => false,
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    match seen.origin {
        Some(origin) if registered => {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            if !seen.is_preflight {
                headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
            }
        }
        _ => Preflight::withdraw(response),
    }
}

/// The value of a header that is there once.
fn only(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none()).cloned()
}
