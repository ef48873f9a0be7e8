//! This dialect, described in OpenAPI 3.1, from the table of its routes and the tables by which
//! bodies are read; `openapi/auth0.json` is the same text, checked in.
//!
//! What would surprise: it is not made of the handlers' types, because bodies are read member by
//! member, with refusals that types could not give. What holds it true are tests: each route is
//! described and each description has a route (`tests/it/auth0/openapi.rs`), statuses are those
//! of `docs/auth0.md` (`tests/it/house/auth0.rs`), and thousands of requests made up from it get
//! the answers that it says (`tests/it/made_up.rs`).

use std::sync::LazyLock;

use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use self::parts::{Operation, any_text, closed, integer, refusal};
use super::{GUARDED, Route, wire};
use crate::domain::{Object, Scope};

mod clients;
mod connections;
mod jobs;
mod logs;
mod oauth;
mod parts;
mod tenant;
mod user_lists;
mod users;

/// Endpoints that belong together.
struct Area {
    /// What they are called.
    tag: &'static str,
    operations: fn() -> Vec<Operation>,
    /// The schemas that have names.
    schemas: fn() -> Vec<(&'static str, Value)>,
}

/// All of them.
const AREAS: &[Area] = &[
    users::AREA,
    user_lists::AREA,
    connections::AREA,
    clients::AREA,
    jobs::AREA,
    logs::AREA,
    tenant::AREA,
    oauth::AREA,
];

/// What a route that takes a bearer token can answer besides.
const BY_ALL: &[(u16, &str)] = &[
    (401, "there is no valid token"),
    (403, "the token has none of the scopes, or it is for somebody else"),
    (414, "the target has more than 8 KiB"),
    (429, "too many requests"),
    (503, "the server is busy: nothing was done"),
    (504, "the store does not say whether it was done"),
];

/// What one can that reads a body.
const BY_READERS: &[(u16, &str)] = &[
    (413, "the body is too large"),
    (415, "the body is of another media type, or compressed"),
];

/// The description as JSON.
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| format!("{:#}", document()));
    &TEXT
}

/// `GET /api/v2/openapi.json`: open to everybody.
pub async fn serve() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json; charset=utf-8")], text())
}

fn document() -> Value {
    let mut paths = Object::new();
    let mut schemas = Object::new();
    for area in AREAS {
        for operation in (area.operations)() {
            let (method, path) = (operation.method.to_ascii_lowercase(), operation.path);
            let item = paths.entry(path).or_insert_with(|| json!({}));
            if let Some(item) = item.as_object_mut() {
                item.insert(method, describe(area.tag, operation));
            }
        }
        schemas.extend(
            (area.schemas)()
                .into_iter()
                .map(|(name, schema)| (name.to_owned(), schema)),
        );
    }
    schemas.insert("Error".to_owned(), error());
    let scopes: Object = Scope::ALL
        .iter()
        .map(|scope| (scope.name().to_owned(), "".into()))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Oneself: Auth0's interface",
            "description": "The part of Auth0's Management API that this server speaks, with the endpoints for \
                            tokens that it needs, described from its own code.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": {
                "Limit": quota("how many requests may be made at once"),
                "Remaining": quota("how many may still be made"),
                "Reset": quota("when there will be more, in seconds since 1970"),
            },
            "securitySchemes": {
                "oauth2": {
                    "type": "oauth2",
                    "flows": { "clientCredentials": { "tokenUrl": "/oauth/token", "scopes": scopes } },
                },
            },
        },
    })
}

fn describe(tag: &str, mut operation: Operation) -> Value {
    let route = GUARDED
        .iter()
        .find(|route| (route.method, route.path) == (operation.method, operation.path));
    if route.is_some() {
        let readers = BY_READERS.iter().filter(|_| operation.body.is_some());
        for (status, why) in BY_ALL.iter().chain(readers) {
            operation.answers.entry(*status).or_insert_with(|| refusal(why));
        }
        // A target that long is refused before it is known whose request it is.
        let counted = operation.answers.iter_mut().filter(|(status, _)| **status != 414);
        counted.for_each(|(_, answer)| show_quota(answer));
    }
    let answers = operation
        .answers
        .into_iter()
        .map(|(status, answer)| (status.to_string(), answer));
    let mut described = wire::object(json!({
        "operationId": operation.id,
        "tags": [tag],
        "summary": operation.summary,
        "parameters": operation.parameters,
        "responses": answers.collect::<Object>(),
        "security": route.map_or_else(Vec::new, security),
    }));
    if let Some(body) = operation.body {
        described.insert("requestBody".to_owned(), body);
    }
    Value::Object(described)
}

/// Any one of the scopes is enough, so each is a way of its own.
fn security(route: &Route) -> Vec<Value> {
    route
        .any_of
        .iter()
        .map(|scope| json!({ "oauth2": [scope.name()] }))
        .collect()
}

fn show_quota(answer: &mut Value) {
    if let Some(answer) = answer.as_object_mut() {
        let header = |name| json!({ "$ref": format!("#/components/headers/{name}") });
        let headers = json!({
            "x-ratelimit-limit": header("Limit"),
            "x-ratelimit-remaining": header("Remaining"),
            "x-ratelimit-reset": header("Reset"),
        });
        answer.insert("headers".to_owned(), headers);
    }
}

fn quota(what: &str) -> Value {
    json!({ "description": what, "required": true, "schema": { "type": "integer", "minimum": 0 } })
}

/// The shape of every refusal (`api/auth0.md` 3.1).
fn error() -> Value {
    closed(
        wire::object(json!({
            "statusCode": integer(400..=599),
            "error": any_text(),
            "message": any_text(),
            "errorCode": any_text(),
            "attributes": closed(wire::object(json!({ "error": any_text() })), &["error"]),
        })),
        &["statusCode", "error", "message"],
    )
}
