//! This dialect, described in OpenAPI 3.1; `openapi/link-v1.json` is the same text, checked
//! in, and a test holds the two together.

use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
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
    modifiers(&Bearer, &Refusals),
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

/// What every route can refuse with, which handlers need not repeat, and the media type of
/// all refusals.
struct Refusals;

/// Of every route, and of those that read a body.
const BY_ALL: &[(&str, &str)] = &[
    ("400", "not understood"),
    ("414", "the target has more than 8 KiB"),
    (
        "503",
        "the server is busy, or its store cannot write or read: nothing was done",
    ),
    (
        "504",
        "the store does not say whether it was done: asking for it again tells",
    ),
];
const BY_READERS: &[(&str, &str)] = &[
    ("413", "the body is too large"),
    ("415", "the body is of another media type, or compressed"),
];

impl Modify for Refusals {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        for item in openapi.paths.paths.values_mut() {
            let methods = [
                &mut item.get,
                &mut item.post,
                &mut item.put,
                &mut item.patch,
                &mut item.delete,
            ];
            for operation in methods.into_iter().flatten() {
                complete(operation);
            }
        }
    }
}

fn complete(operation: &mut Operation) {
    let readers = BY_READERS.iter().filter(|_| operation.request_body.is_some());
    let answers = &mut operation.responses.responses;
    for (status, why) in BY_ALL.iter().chain(readers) {
        answers
            .entry((*status).to_owned())
            .or_insert_with(|| refusal(why).into());
    }
    for (status, answer) in answers.iter_mut() {
        if let (RefOr::T(answer), true) = (answer, status.as_str() >= "400") {
            *answer = refusal(&answer.description);
        }
    }
}

fn refusal(why: &str) -> Response {
    let schema = Ref::from_schema_name("Problem");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new()
        .description(why)
        .content("application/problem+json", content)
        .build()
}

/// The description as JSON.
pub fn text() -> String {
    Description::openapi().to_pretty_json().unwrap_or_default()
}

/// `GET /link/v1/openapi.json`: open to everybody.
pub async fn serve() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], text())
}
