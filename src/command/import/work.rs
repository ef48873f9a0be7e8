//! The work of an import, in the process that holds the data directory.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;

use super::errors::ErrorFile;
use super::lines::Lines;
use crate::app::App;
use crate::app::import::{Refusal, Seen};
use crate::command::Failure;
use crate::command::bench::account;
use crate::error::Error;

/// How many refused lines are told of in the summary.
const SHOWN: usize = 10;

/// What is to be taken over.
pub struct Work {
    /// The name of the tenant.
    pub tenant: String,
    /// The file, by its whole path.
    pub file: PathBuf,
    /// Whether only to look.
    pub dry_run: bool,
    /// Where to write what is refused.
    pub errors: Option<PathBuf>,
}

/// How it ended.
#[derive(Serialize)]
pub struct Summary {
    tenant: String,
    file: PathBuf,
    dry_run: bool,
    /// That there was nothing to do, because the same file was imported before.
    done_before: bool,
    /// After how many lines it went on, when it had been cut off.
    resumed_after: Option<u64>,
    /// That another file of this name was not finished, so many lines of it were.
    other_file_before: Option<u64>,
    lines: u64,
    users: u64,
    identities: u64,
    refused: u64,
    seconds: f64,
    users_per_second: f64,
    peak_memory_bytes: Option<u64>,
    /// The first of those that were refused now.
    first_refused: Vec<Refusal>,
}

/// Does it. `progress` is told how much of how many bytes is done.
///
/// # Errors
/// Wrong usage when a file cannot be meant; failed when one cannot be read or written, or the store
/// cannot write. What was done then is kept, and the same command goes on after it.
pub async fn run(app: &App, work: &Work, mut progress: impl FnMut(u64, u64)) -> Result<Summary, Failure> {
    let began = Instant::now();
    refuse_same_file(work)?;
    let (mut lines, digest) = apart(&work.file, {
        let path = work.file.clone();
        move || Lines::open(&path)
    })
    .await?;
    let name = work.file.to_string_lossy().into_owned();
    let begun = app.begin_import(&work.tenant, digest, &name).await;
    let begun = begun.map_err(|error| refusal(work, error))?;
    let mut summary = Summary {
        tenant: work.tenant.clone(),
        file: work.file.clone(),
        dry_run: work.dry_run,
        done_before: begun.import.ended_at.is_some(),
        resumed_after: Some(begun.import.lines).filter(|lines| *lines > 0 && begun.import.ended_at.is_none()),
        other_file_before: begun.other.as_ref().map(|other| other.lines),
        lines: 0,
        users: 0,
        identities: 0,
        refused: 0,
        seconds: 0.0,
        users_per_second: 0.0,
        peak_memory_bytes: None,
        first_refused: Vec::new(),
    };
    let mut import = begun.import.clone();
    let mut errors = match &work.errors {
        Some(path) if !summary.done_before => Some(
            ErrorFile::open(path, &import)
                .map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))?,
        ),
        _ => None,
    };
    lines
        .resume(import.lines, import.offset)
        .map_err(|error| cannot_read(&work.file, &error))?;
    let mut is_done = summary.done_before;
    let mut seen = Seen::default();
    while !is_done {
        let length = lines.length();
        let (rest, batch) = apart(&work.file, move || {
            let batch = lines.batch()?;
            Ok((lines, batch))
        })
        .await?;
        lines = rest;
        is_done = batch.is_last;
        import = match work.dry_run {
            true => app.check_import(begun.tenant, import, batch, &mut seen).await,
            false => app.import_users(begun.tenant, import, batch).await,
        }
        .map_err(|error| refusal(work, error))?;
        if let Some(errors) = &mut errors {
            errors
                .write(&import.last_refused)
                .map_err(|error| Failure::failed(format!("cannot write what was refused: {error}")))?;
        }
        let room = SHOWN.saturating_sub(summary.first_refused.len());
        summary
            .first_refused
            .extend(import.last_refused.iter().take(room).cloned());
        progress(import.offset, length);
    }
    summary.lines = import.lines;
    summary.users = import.users;
    summary.identities = import.identities;
    summary.refused = import.refused;
    summary.seconds = began.elapsed().as_secs_f64();
    summary.users_per_second = (import.users - begun.import.users) as f64 / summary.seconds;
    summary.peak_memory_bytes = account::peak_memory(std::process::id()).ok();
    Ok(summary)
}

fn refusal(work: &Work, error: Error) -> Failure {
    match error {
        Error::Busy { .. } => Failure::failed(format!(
            "another import of {} is under way: wait for its end",
            work.file.display()
        )),
        error => error.into(),
    }
}

/// Reads beside the threads that answer requests.
async fn apart<T: Send + 'static>(
    path: &Path,
    read: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(read).await {
        Ok(done) => done.map_err(|error| cannot_read(path, &error)),
        Err(error) => Err(Failure::failed(format!("it was cut short: {error}"))),
    }
}

fn cannot_read(path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("cannot read {}: {error}", path.display()))
}

fn refuse_same_file(work: &Work) -> Result<(), Failure> {
    let Some(errors) = &work.errors else { return Ok(()) };
    match (errors.canonicalize(), work.file.canonicalize()) {
        (Ok(errors), Ok(file)) if errors == file => Err(Failure::Usage("--errors is the file to import".into())),
        _ => Ok(()),
    }
}
