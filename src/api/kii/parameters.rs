//! The application's parameters, as the administrator sees them (`api/kii.md` 9). Secrets are not shown, and what is
//! set is set by the operator: `oneself tenant set`, `oneself connection add`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use super::body;
use super::caller::Asking;
use super::error::Problem;
use super::tokens::members;
use super::wire;
use crate::app::App;
use crate::domain::Object;
use crate::web::path::Segments;

/// What Kii calls the hosts of networks in the names of their parameters, by what we call them.
const HOSTS: [(&str, &str); 6] = [
    ("facebook", "graph.facebook.com"),
    ("twitter", "twitter.com"),
    ("google", "googleapis.com"),
    ("linkedin", "api.linkedin.com"),
    ("qq", "qq"),
    ("renren", "renren"),
];

async fn all(app: &App, asking: &Asking) -> Result<Object, Problem> {
    if !asking.is_admin() {
        return Err(asking.unauthorized());
    }
    let settings = app.settings_of(asking.tenant).await?;
    let mut all = members(json!({
        "exposeFullUserDataToOthers": settings.kii_expose_users,
        "emailAddressVerificationRequired": settings.kii_email_verification,
        "phoneNumberVerificationRequired": settings.kii_phone_verification,
        "refreshTokenEnabled": settings.kii_refresh_tokens,
        "defaultTokenExpirationSeconds": settings.kii_token_seconds,
        "maxTokenExpirationSeconds": settings.kii_max_token_seconds,
        "passwordResetMethod": "EMAIL",
        "isMasterApp": false,
    }));
    for (provider, host) in HOSTS {
        if let Ok(connection) = app.default_connection(asking.tenant, provider).await
            && let Some(id) = connection.client_id
        {
            all.insert(format!("{host}.consumer_key"), id.into());
        }
    }
    Ok(all)
}

/// `GET /apps/{appID}/configuration/parameters`.
pub async fn list(State(app): State<Arc<App>>, asking: Asking) -> Result<Response, Problem> {
    Ok(wire::json_text(StatusCode::OK, &all(&app, &asking).await?))
}

/// `PUT /apps/{appID}/configuration/parameters/{name}`.
pub async fn set(
    State(app): State<Arc<App>>,
    asking: Asking,
    Segments([_, name]): Segments<2>,
    incoming: body::Incoming,
) -> Result<Response, Problem> {
    let known = all(&app, &asking).await?;
    incoming.bytes().await?;
    match known.contains_key(&name) {
        true => Err(Problem::not_implemented()),
        false => Err(Problem::plain(
            StatusCode::NOT_FOUND,
            "APP_CONFIG_PARAMETER_NOT_FOUND",
            "There is no such parameter",
        )),
    }
}
