//! Runs jobs, whoever asked for them.
//!
//! A few are worked on at once; each step is kept before the next begins, so a server that is
//! killed leaves a job that another goes on with when its lease has lapsed. What would surprise:
//! a step that fails is not tried again at once. The job lies until its lease has lapsed, which
//! is as long as a store that cannot write should be left alone.

use std::sync::Arc;
use std::time::Duration;

use super::{export, import, verification};
use crate::app::App;
use crate::app::jobs::{Job, JobKind, JobStatus, Made, Then};
use crate::error::{Error, Result};
use crate::web::report;

/// How many jobs this server works on at once.
const AT_ONCE: usize = 2;

/// How often jobs are looked for that were asked for elsewhere, or left by somebody.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Runs jobs until `ending` ends, which is waited for by each of the workers.
pub async fn run<F>(app: Arc<App>, ending: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        workers.spawn(work(app.clone(), ending()));
    }
    while workers.join_next().await.is_some() {}
}

async fn work(app: Arc<App>, ending: impl Future<Output = ()>) {
    let mut ending = std::pin::pin!(ending);
    while !is_over(&mut ending).await {
        let taken = match app.take_job().await {
            Ok(taken) => taken,
            Err(error) => {
                report(&error);
                None
            }
        };
        let Some(mut job) = taken else {
            tokio::select! {
                () = &mut ending => return,
                () = app.job_asked() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            continue;
        };
        loop {
            match contained(app.clone(), job.clone()).await {
                Ok((true, next)) => job = next,
                Ok((false, job)) => {
                    tell(&job);
                    // One more has ended, so another may be one too many.
                    if let Err(error) = app.drop_jobs().await {
                        report(&error);
                    }
                    break;
                }
                Err(error) => {
                    report(&error);
                    break;
                }
            }
            if is_over(&mut ending).await {
                if let Err(error) = app.release_job(&job).await {
                    report(&error);
                }
                return;
            }
        }
    }
}

/// Tells the operator how a job has ended, unless somebody else has it now.
fn tell(job: &Job) {
    if job.status != JobStatus::Pending {
        let (kind, status) = (job.kind.name(), job.status.name());
        tracing::info!(tenant = %job.tenant, job = %job.id, kind, status, "a job has ended");
    }
}

async fn is_over(ending: &mut (impl Future<Output = ()> + Unpin)) -> bool {
    std::future::poll_fn(|cx| std::task::Poll::Ready(std::pin::Pin::new(&mut *ending).poll(cx).is_ready())).await
}

/// A step on a task of its own, so that a panic ends the step and not its worker.
async fn contained(app: Arc<App>, mut job: Job) -> Result<(bool, Job)> {
    let step = tokio::spawn(async move { step(&app, &mut job).await.map(|more| (more, job)) });
    step.await.map_err(|error| Error::internal(error.to_string()))?
}

/// Brings a job on by a step; whether there is more to do, and it is still ours.
///
/// # Errors
/// Those of the store and the vault; the job stands as before then.
pub async fn step(app: &App, job: &mut Job) -> Result<bool> {
    if app.is_overdue(job) {
        let hours = match job.kind.hours() {
            1 => "an hour".to_owned(),
            hours => format!("{hours} hours"),
        };
        job.progress.details = Some(format!("The job was given up after {hours}."));
        app.step_job(job, Made::default(), Then::End(JobStatus::Failed)).await?;
        return Ok(false);
    }
    match job.kind {
        JobKind::UsersExport => export::step(app, job).await,
        JobKind::UsersImport => import::step(app, job).await,
        JobKind::VerificationEmail => verification::step(app, job).await,
    }
}
