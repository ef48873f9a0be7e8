//! The upload of an import (`api/auth0.md` 10.3): `multipart/form-data` (RFC 7578), read whole
//! within its limit before anything is made of it.
//!
//! What would surprise: the name of the file is not looked at, and nothing is written under it.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyDataStream, Full};
use multer::Multipart;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::super::error::Problem;
use super::super::identities::{CONNECTION_ID_PATTERN, is_connection_id};
use crate::app::App;
use crate::domain::{Caller, Connection, Object};
use crate::web::body;
use crate::web::{Fault, Reason, Refusal};

/// What an upload may have, in bytes.
const LIMIT_BYTES: usize = 512_000;

/// The longest text beside the file, in characters.
const TEXT_LIMIT: usize = 300;

/// The parts that an upload may have.
const PARTS: [&str; 5] = [
    "users",
    "connection_id",
    "upsert",
    "external_id",
    "send_completion_email",
];

/// An upload.
#[derive(Default)]
struct Upload {
    users: Option<Bytes>,
    connection_id: Option<String>,
    upsert: Option<bool>,
    external_id: Option<String>,
    /// Nobody is told: tenants have no address here.
    send_completion_email: Option<bool>,
}

/// A form as it was sent, not longer than it may be.
pub struct Form {
    boundary: String,
    bytes: Bytes,
    /// Goes when the upload has become a job.
    _room: OwnedSemaphorePermit,
}

impl FromRequest<Arc<App>> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Response> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let boundary = content_type
            .and_then(|value| value.to_str().ok())
            .and_then(|value| multer::parse_boundary(value).ok());
        let Some(boundary) = boundary else {
            let expected = "multipart/form-data with a boundary";
            return Err(Refusal::MediaType { expected }.into_response());
        };
        let room = app
            .room_for_upload()
            .map_err(|error| Problem::from(error).into_response())?;
        match body::read(request, LIMIT_BYTES).await {
            Ok(bytes) => Ok(Self {
                boundary,
                bytes,
                _room: room,
            }),
            Err(Refusal::BodyTooLarge { limit }) => Err(too_large(limit)),
            Err(refusal) => Err(refusal.into_response()),
        }
    }
}

/// Reads an upload: what is asked, as the job keeps it, and the file.
pub async fn read(app: &App, caller: &Caller, form: &Form) -> Result<(Object, Bytes), Problem> {
    let upload = parts(form).await?;
    let users = upload.users.ok_or_else(|| missing("users", " file"))?;
    if users.is_empty() {
        return Err(Problem::bad_request("Users file must not be empty.", "invalid_body"));
    }
    let id = upload.connection_id.ok_or_else(|| missing("connection_id", ""))?;
    if !is_connection_id(&id) {
        return Err(Fault::new("connection_id", Reason::Pattern(CONNECTION_ID_PATTERN)).into());
    }
    let connection = super::connection(app, caller.tenant, &id).await?;
    check(&connection)?;

    let mut asked = Object::new();
    asked.insert("connection_id".to_owned(), id.into());
    asked.insert("connection".to_owned(), connection.name.into());
    if let Some(external_id) = upload.external_id {
        asked.insert("external_id".to_owned(), external_id.into());
    }
    asked.insert("upsert".to_owned(), upload.upsert.unwrap_or(false).into());
    Ok((asked, users))
}

fn missing(name: &str, what: &str) -> Problem {
    Problem::bad_request(
        format!("Must provide '{name}'{what} as multipart part."),
        "invalid_body",
    )
}

/// That users can be imported into a connection.
fn check(connection: &Connection) -> Result<(), Problem> {
    let option = |name| connection.option(name).and_then(Value::as_bool) == Some(true);
    let is_on = connection.auth0.get("authentication").and_then(|on| on.get("active"));
    let refuse = |message: &str| Err(Problem::bad_request(message, "operation_not_supported"));
    if !connection.is_database() {
        return refuse("Connection must be a database connection.");
    }
    if is_on.and_then(Value::as_bool) == Some(false) {
        return refuse("Connection must be enabled.");
    }
    if option("enabledDatabaseCustomization") && !option("import_mode") {
        return refuse("Custom Database Connections without import mode are not allowed.");
    }
    Ok(())
}

async fn parts(form: &Form) -> Result<Upload, Problem> {
    let bytes = BodyDataStream::new(Full::new(form.bytes.clone()));
    let mut multipart = Multipart::new(bytes, form.boundary.clone());
    let mut upload = Upload::default();
    let mut seen: Vec<&str> = Vec::new();
    while let Some(part) = multipart.next_field().await.map_err(malformed)? {
        let name = part.name().unwrap_or_default().to_owned();
        let Some(name) = PARTS.into_iter().find(|known| *known == name) else {
            return Err(Fault::new(name, Reason::UnknownMember).into());
        };
        if seen.contains(&name) {
            return Err(Fault::new(name, Reason::Duplicate).into());
        }
        seen.push(name);
        let bytes = part.bytes().await.map_err(malformed)?;
        if name == "users" {
            upload.users = Some(bytes);
            continue;
        }
        let text = text(&bytes).map_err(|reason| Fault::new(name, reason))?;
        match name {
            "connection_id" => upload.connection_id = Some(text),
            "external_id" => upload.external_id = Some(text),
            "upsert" => upload.upsert = Some(flag(name, &text)?),
            _ => upload.send_completion_email = Some(flag(name, &text)?),
        }
    }
    Ok(upload)
}

fn text(bytes: &[u8]) -> Result<String, Reason> {
    let text = std::str::from_utf8(bytes).map_err(|_| Reason::NotUtf8)?;
    let (len, max) = (text.chars().count(), TEXT_LIMIT);
    if len > max {
        return Err(Reason::TooLong { len, max });
    }
    match text.chars().any(char::is_control) {
        true => Err(Reason::Control),
        false => Ok(text.to_owned()),
    }
}

fn flag(name: &str, text: &str) -> Result<bool, Fault> {
    text.parse()
        .map_err(|_| Fault::new(name, Reason::NotInEnum(&["true", "false"])))
}

fn malformed(_: multer::Error) -> Problem {
    Fault::new("", Reason::Other("It must be well-formed multipart/form-data")).into()
}

/// What is left of the body is not read, so the connection is of no more use.
fn too_large(limit: usize) -> Response {
    let message = format!("Payload content length greater than maximum allowed: {limit}");
    let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message, Some("payload_too_large"));
    let mut response = problem.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
