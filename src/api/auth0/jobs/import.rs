//! Imports (`api/auth0.md` 10.3), some rows at a step.
//!
//! What would surprise: each row is an act of its own, and only a step of rows is written down as
//! done. So a server that is killed leaves rows that are done again, which each row knows by a
//! key of its own and takes for done. And a row is compared with all before it, which are read
//! again for that at each step: there is no state but the file.

use serde_json::Value;

use super::rows::{self, RowError, Seen};
use crate::app::App;
use crate::app::import_user::{IfThere, Imported};
use crate::app::jobs::{Job, JobFile, JobStatus, Made, Then};
use crate::app::link::OnceKey;
use crate::app::users::UserRequest;
use crate::domain::{Caller, Connection};
use crate::error::{Error, Result};
use crate::id::ConnectionId;
use crate::secret::Digest;

/// How many rows are done in a step.
const ROWS_A_STEP: usize = 50;

/// Does the next rows; `false` when nothing is left to do, or the job was lost.
///
/// # Errors
/// Those of the store and the vault. Rows that were done until then are not done again.
pub async fn step(app: &App, job: &mut Job) -> Result<bool> {
    let file = read_input(app, job).await?;
    let rows = match rows::split(&file) {
        Ok(rows) => rows,
        Err(why) => return fail(app, job, why).await,
    };
    let Some(connection) = connection(app, job).await? else {
        return fail(app, job, "The connection does not exist.").await;
    };
    let if_there = match job.asked.get("upsert").and_then(Value::as_bool) {
        Some(true) => IfThere::Update,
        _ => IfThere::Refuse,
    };
    let caller = app.caller_of(job);
    let done = usize::try_from(job.progress.done).unwrap_or(usize::MAX);
    let mut seen = Seen::default();
    for row in rows.iter().take(done) {
        // What was refused then is refused again, and what was seen twice stays seen.
        let _ = rows::read(row).and_then(|row| seen.add(&row));
    }
    let mut made = Made::default();
    job.progress.total = Some(rows.len() as u64);
    for (n, row) in rows.iter().enumerate().skip(done).take(ROWS_A_STEP) {
        let checked = rows::read(row).and_then(|read| seen.add(&read).map(|()| read));
        let outcome = match checked {
            Err(error) => Err(error),
            Ok(read) => {
                let once = once(job, n, row.get());
                one(app, &caller, &connection, read, once, if_there).await?
            }
        };
        match outcome {
            Ok(Imported::Inserted) => job.progress.inserted = job.progress.inserted.saturating_add(1),
            Ok(Imported::Updated) => job.progress.updated = job.progress.updated.saturating_add(1),
            Err(error) => {
                if job.progress.failed > 0 {
                    made.errors.push(b',');
                }
                made.errors
                    .extend_from_slice(rows::told(row, &error).to_string().as_bytes());
                job.progress.failed = job.progress.failed.saturating_add(1);
            }
        }
        job.progress.done = job.progress.done.saturating_add(1);
    }
    let ended = job.progress.done >= rows.len() as u64;
    let then = match ended {
        true => Then::End(JobStatus::Completed),
        false => Then::On,
    };
    Ok(app.step_job(job, made, then).await? && !ended)
}

/// A row that is well-formed; refused again when the core refuses it.
async fn one(
    app: &App,
    caller: &Caller,
    connection: &Connection,
    row: UserRequest,
    once: OnceKey,
    if_there: IfThere,
) -> Result<std::result::Result<Imported, RowError>> {
    match app.import_user(caller, connection, row, once, if_there).await {
        Ok(imported) => Ok(Ok(imported)),
        Err(error) => RowError::of(error).map(Err),
    }
}

/// By what a row of a job is known when it comes again.
fn once(job: &Job, n: usize, row: &str) -> OnceKey {
    OnceKey {
        key: Digest::of(format!("{} row {n}", job.id).as_bytes()),
        request: Digest::of(row.as_bytes()),
    }
}

async fn read_input(app: &App, job: &Job) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let mut n = 0;
    while let Some(part) = app.read_job_part(job, JobFile::Input, n).await? {
        file.extend_from_slice(&part);
        n = n.saturating_add(1);
    }
    Ok(file)
}

async fn connection(app: &App, job: &Job) -> Result<Option<Connection>> {
    let id = job
        .asked
        .get("connection_id")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let id: ConnectionId = id.parse().map_err(Error::internal)?;
    let mut all = app.connections_of(job.tenant).await?.into_iter();
    Ok(all.find(|connection| connection.id == id))
}

async fn fail(app: &App, job: &mut Job, why: &str) -> Result<bool> {
    job.progress.details = Some(why.to_owned());
    app.step_job(job, Made::default(), Then::End(JobStatus::Failed)).await?;
    Ok(false)
}
