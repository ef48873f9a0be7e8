//! `/api/v2/jobs` (`api/auth0.md` 10.2 to 10.4), and the links that lead to what jobs made.
//!
//! What would surprise: such a link needs no token. It carries its own authority, for a minute and
//! one job, in the query, which no log of ours has.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::channel::Channel;
use serde_json::{Value, json};

use super::error::Problem;
use super::wire;
use crate::app::App;
use crate::app::jobs::{Job, JobFile, JobKind, JobStatus};
use crate::domain::{Caller, Connection, Object};
use crate::error::{Error, Noun};
use crate::id::{ConnectionId, JobId, TenantId};
use crate::web::body::JsonObject;
use crate::web::path::Segments;
use crate::web::query::Query;
use crate::web::{Arrival, Fault, Place, Reason, Refusal, report};

mod csv;
mod export;
mod import;
mod rows;
pub mod runner;
mod upload;
mod verification;

/// Where results are fetched.
pub const DOWNLOAD_PATH: &str = "/u/users-export";

const JOB_ID_PATTERN: &str = "^job_[A-Za-z0-9]{16}$";

/// What a job shows of what was asked.
const SHOWN: [&str; 6] = [
    "connection_id",
    "connection",
    "format",
    "limit",
    "fields",
    "external_id",
];

/// `POST /api/v2/jobs/users-exports`.
pub async fn create_export(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    JsonObject(body): JsonObject,
) -> Result<Response, Problem> {
    let asked = export::asked(&app, &caller, body).await?;
    let job = app.create_job(&caller, JobKind::UsersExport, asked, &[]).await?;
    Ok(wire::json(StatusCode::OK, &Value::Object(show(&job))))
}

/// `POST /api/v2/jobs/users-imports`.
pub async fn create_import(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    form: upload::Form,
) -> Result<Response, Problem> {
    let (asked, users) = upload::read(&app, &caller, &form).await?;
    let job = app.create_job(&caller, JobKind::UsersImport, asked, &users).await?;
    Ok(wire::json(StatusCode::ACCEPTED, &Value::Object(show(&job))))
}

/// `POST /api/v2/jobs/verification-email`.
pub async fn create_verification(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Extension(arrival): Extension<Arrival>,
    JsonObject(body): JsonObject,
) -> Result<Response, Problem> {
    let asked = verification::asked(&app, &caller, &arrival.origin, body).await?;
    let job = app.create_job(&caller, JobKind::VerificationEmail, asked, &[]).await?;
    Ok(wire::json(StatusCode::CREATED, &Value::Object(show(&job))))
}

/// `GET /api/v2/jobs/{id}`.
pub async fn find(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Extension(arrival): Extension<Arrival>,
    Segments([id]): Segments<1>,
    query: Query,
) -> Result<Response, Problem> {
    query.finish()?;
    let job = app.find_job(&caller, read_id(&id)?).await?;
    let mut shown = show(&job);
    if job.kind == JobKind::UsersExport && job.status == JobStatus::Completed {
        let ticket = app.seal_download(&job).await?;
        let origin = arrival.origin.trim_end_matches('/');
        let location = format!("{origin}{DOWNLOAD_PATH}?ticket={ticket}");
        shown.insert("location".to_owned(), location.into());
    }
    Ok(wire::json(StatusCode::OK, &Value::Object(shown)))
}

/// `GET /api/v2/jobs/{id}/errors`.
pub async fn errors(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
    query: Query,
) -> Result<Response, Problem> {
    query.finish()?;
    let job = app.find_job(&caller, read_id(&id)?).await?;
    if job.status == JobStatus::Failed {
        return Ok(wire::json(StatusCode::OK, &Value::Object(show(&job))));
    }
    if job.progress.errors == 0 {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let mut response = file(app, job, JobFile::Errors, ["[", "]"]);
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    Ok(response)
}

/// What an export made, for whoever has a link that is not older than a minute.
pub async fn download(State(app): State<Arc<App>>, mut query: Query) -> Result<Response, Problem> {
    let ticket = query.text("ticket")?;
    query.finish()?;
    let job = app.open_download(&ticket).await?;
    let (media_type, name) = match job.asked.get("format").and_then(Value::as_str) {
        Some("json") => ("application/x-ndjson; charset=utf-8", "users.ndjson"),
        _ => ("text/csv; charset=utf-8", "users.csv"),
    };
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    let mut response = file(app, job, JobFile::Result, ["", ""]);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(
        header::CONTENT_DISPOSITION,
        disposition.unwrap_or(HeaderValue::from_static("attachment")),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox"),
    );
    Ok(response)
}

/// One of a job's files between two texts, read as fast as whoever gets it takes it: a part or
/// two are in memory. When a part cannot be read, the answer breaks off, before the length that it
/// says.
fn file(app: Arc<App>, job: Job, file: JobFile, [before, after]: [&'static str; 2]) -> Response {
    let (parts, bytes) = match file {
        JobFile::Input => (0, 0),
        JobFile::Result => (job.progress.results, job.progress.result_bytes),
        JobFile::Errors => (job.progress.errors, job.progress.errors_bytes),
    };
    let length = bytes.saturating_add((before.len() + after.len()) as u64);
    let (mut sender, body) = Channel::<Bytes, Error>::new(1);
    tokio::spawn(async move {
        if sender.send_data(Bytes::from_static(before.as_bytes())).await.is_err() {
            return;
        }
        for n in 0..parts {
            let read = app.read_job_part(&job, file, n).await;
            match read.and_then(|part| part.ok_or(Error::NotFound(Noun::Job))) {
                // Whoever asked may have gone away.
                Ok(part) => {
                    if sender.send_data(Bytes::copy_from_slice(&part)).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    report(&error);
                    return sender.abort(error);
                }
            }
        }
        let _ = sender.send_data(Bytes::from_static(after.as_bytes())).await;
    });
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    response
}

/// A job, as answers have it.
fn show(job: &Job) -> Object {
    let mut shown = wire::object(json!({
        "id": job.id.to_string(),
        "type": job.kind.name(),
        "status": job.status.name(),
        "created_at": wire::time(job.created_at),
    }));
    let asked = SHOWN.iter().filter_map(|name| Some((*name, job.asked.get(*name)?)));
    shown.extend(asked.map(|(name, value)| (name.to_owned(), value.clone())));
    let progress = &job.progress;
    let mut put = |name: &str, value: Value| {
        shown.insert(name.to_owned(), value);
    };
    match (job.status, progress.total) {
        (JobStatus::Completed, _) => {
            put("percentage_done", 100.into());
            put("time_left_seconds", 0.into());
        }
        (_, Some(total)) if total > 0 => {
            put("percentage_done", (progress.done.saturating_mul(100) / total).into());
        }
        _ => {}
    }
    if let (JobKind::UsersImport, Some(total)) = (job.kind, progress.total) {
        put(
            "summary",
            json!({
                "failed": progress.failed,
                "updated": progress.updated,
                "inserted": progress.inserted,
                "total": total,
            }),
        );
    }
    if let Some(details) = &progress.details {
        put("status_details", details.as_str().into());
    }
    shown
}

/// The job that a path names: of the published form, and perhaps one that can be.
fn read_id(id: &str) -> Result<JobId, Problem> {
    let is_of_the_form = id
        .strip_prefix("job_")
        .is_some_and(|rest| rest.len() == 16 && rest.bytes().all(|b| b.is_ascii_alphanumeric()));
    if !is_of_the_form {
        let fault = Fault::new("id", Reason::Pattern(JOB_ID_PATTERN));
        let place = Place::Path;
        return Err(Refusal::Invalid { place, fault }.into());
    }
    Ok(id.parse().map_err(|_| Error::NotFound(Noun::Job))?)
}

/// The connection of this id, which has the published form.
async fn connection(app: &App, tenant: TenantId, id: &str) -> Result<Connection, Problem> {
    let found = match id.parse::<ConnectionId>() {
        Ok(id) => {
            let all = app.connections_of(tenant).await?;
            all.into_iter().find(|connection| connection.id == id)
        }
        Err(_) => None,
    };
    found.ok_or_else(|| Problem::bad_request("The connection does not exist.", "inexistent_connection"))
}
