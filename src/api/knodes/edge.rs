//! What happens to every request of the dialect before it is looked at, and what its answers carry.
//!
//! What would surprise: whoever lists `application/problem+json` in `Accept` gets refusals in that
//! form (RFC 9457) and not as the plain text that old clients print; and an answer to a secret in the
//! address says so (API-06), whatever else it says.

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, header};
use tower::Service;

use super::error::{self, Problem};
use super::{params, spelling};
use crate::app::App;
use crate::web::refusal::SpellAs;
use crate::web::{Arrival, Refusal};

/// What an answer to a secret in the address warns of (RFC 7234, 5.5.7).
const WARNING: HeaderValue = HeaderValue::from_static(
    "299 - \"secrets in the address are seen on the way: send them in the body or by HTTP Basic\"",
);

/// Counts requests by address, and has refusals written as the caller wants them.
pub async fn edge(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Arrival>().map(|arrival| arrival.peer.ip());
    let wants_problem = takes_problems(request.headers());
    let exposed = params::has_secret_in_query(request.uri());
    let mut response = match peer.map(|peer| app.admit_address(peer)).transpose() {
        Ok(_) => next.run(request).await,
        Err(error) => Problem::from(error).into_response(),
    };
    if wants_problem {
        response.extensions_mut().insert(SpellAs(error::spell_as_problem));
        response = error::into_problem(response);
    }
    if exposed {
        response.headers_mut().insert(header::WARNING, WARNING);
    }
    response
}

/// Hands a request on by the one spelling of its path.
pub async fn enter(State(mut routes): State<Router>, mut request: Request) -> Response {
    let Some(uri) = spelling::plain(request.uri()) else {
        return Refusal::NoRoute.into_response();
    };
    *request.uri_mut() = uri;
    request.extensions_mut().remove::<MatchedPath>();
    let Ok(response) = routes.call(request).await;
    response
}

/// Has the front know an answer by the route that made it.
pub async fn named_by_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

/// What no route has.
pub async fn nothing() -> Refusal {
    Refusal::NoRoute
}

fn takes_problems(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    accepted.filter_map(|value| value.to_str().ok()).any(|value| {
        let mut types = value.split(',').filter_map(|part| part.split(';').next());
        types.any(|name| name.trim().eq_ignore_ascii_case("application/problem+json"))
    })
}
