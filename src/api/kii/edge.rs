//! What happens to every request of the dialect before it is looked at, and what every answer carries:
//! requests are counted by address, and pages of every origin may call (`api/kii.md` 2.5).
//!
//! What would surprise: every origin is fine because nothing here goes by cookies: who calls has to have
//! a token, and no browser sends that by itself.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};

use super::error::Problem;
use crate::app::App;
use crate::web::cors::Preflight;
use crate::web::{Arrival, Refusal};

const PREFLIGHT: Preflight = Preflight {
    methods: "GET, POST, PUT, PATCH, DELETE",
    headers: "Accept, Authorization, Content-Type, X-Kii-AppID, X-Kii-AppKey, X-Kii-SDK",
    seconds: "3600",
};

/// Counts requests, and tells browsers.
pub async fn edge(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Arrival>().map(|arrival| arrival.peer.ip());
    let mut response = match peer.map(|peer| app.admit_address(peer)).transpose() {
        Ok(_) if Preflight::is(&request) => PREFLIGHT.answer(),
        Ok(_) => next.run(request).await,
        Err(error) => Problem::from(error).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("Location, Retry-After"),
    );
    response
}

/// What Kii had beside users: this server does not do it. Everything else is not there.
const NOT_HERE: [&str; 14] = [
    "buckets",
    "groups",
    "topics",
    "things",
    "devices",
    "installations",
    "push",
    "push-tokens",
    "server-code",
    "events",
    "hooks",
    "aggregation-rules",
    "experiments",
    "query",
];

/// What no other route has, so that it carries what every answer does.
pub async fn nothing(request: Request) -> Response {
    let rest = request.uri().path().split('/').skip(4);
    match rest.into_iter().any(|segment| NOT_HERE.contains(&segment)) {
        true => Problem::not_implemented().into_response(),
        false => Refusal::NoRoute.into_response(),
    }
}
