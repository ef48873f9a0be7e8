//! What clients find out before they have a token: keys and endpoints.
//!
//! What would surprise: only what works is listed, so `authorization_endpoint` is absent
//! although OpenID Connect Discovery 3 asks for one.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use super::{oauth, wire};
use crate::app::App;
use crate::web::Arrival;

/// `GET /.well-known/jwks.json`: the keys that our tokens are signed with (RFC 7517).
pub async fn jwks(State(app): State<Arc<App>>) -> Response {
    wire::json(StatusCode::OK, &app.jwks().await)
}

/// `GET /.well-known/openid-configuration`, as the origin that it is asked of.
pub async fn configuration(Extension(arrival): Extension<Arrival>) -> Response {
    let issuer = &*arrival.origin;
    let configuration = json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}oauth/token"),
        "jwks_uri": format!("{issuer}.well-known/jwks.json"),
        "scopes_supported": ["openid", "profile", "email"],
        "response_types_supported": [],
        "grant_types_supported": oauth::GRANT_TYPES,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "claims_supported": wire::ID_TOKEN_CLAIMS,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    });
    wire::json(StatusCode::OK, &configuration)
}
