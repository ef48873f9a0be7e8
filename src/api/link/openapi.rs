//! This dialect, described in OpenAPI 3.1; `openapi/link-v1.json` is the same text, checked
//! in, and a test holds the two together.

use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::api::link::{events, identities, users};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Oneself: /link/v1",
        description = "Whose account is this? Links, looks up and unlinks the accounts of people. \
                       Bearer tokens come from `POST /oauth/token` with the grant `client_credentials`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        users::create, users::list, users::find,
        identities::list, identities::link, identities::unlink, identities::resolve, identities::resolve_many,
        events::list,
    ),
    modifiers(&Bearer),
    security(("bearer" = [])),
)]
struct Description;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .build();
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The description as JSON.
pub fn text() -> String {
    Description::openapi().to_pretty_json().unwrap_or_default()
}

/// `GET /link/v1/openapi.json`: open to everybody.
pub async fn serve() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], text())
}
