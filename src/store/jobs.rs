//! Jobs, and the parts of their files.
//!
//! A server takes a job up for a while, its *lease*, and with each step keeps what it made, how
//! far it came and a longer lease, in one act. When the server is gone the lease lapses, and
//! another takes the job up where it stands. What would surprise: a server that was only slow
//! may still be at work then, so each step says by which turn it works, and is refused when
//! there was a later one.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::job::{Job, JobFile, JobStatus, Progress};
use crate::id::{JobId, TenantId};
use crate::secret::Sealed;
use crate::store::StoreResult;

/// A part of one of a job's files.
#[derive(Debug, Clone)]
pub struct JobPart {
    /// Of which file.
    pub file: JobFile,
    /// Its place in it, from 0.
    pub n: u32,
    /// What it holds, sealed for this place.
    pub sealed: Sealed,
}

/// A step of a job that was taken up.
#[derive(Debug, Clone)]
pub struct JobStep {
    /// Which job.
    pub id: JobId,
    /// By which turn.
    pub turn: i64,
    /// What was made.
    pub parts: Vec<JobPart>,
    /// How far it has come.
    pub progress: Progress,
    /// How it goes on.
    pub then: AfterStep,
}

/// How a job goes on after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterStep {
    /// It stays with whoever has it, until then.
    Keep(Timestamp),
    /// Anybody may take it up.
    Release,
    /// It has ended: nothing of its input is kept, and it is dropped at that time.
    End(JobStatus, Timestamp),
}

/// What a store must be able to do with jobs.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Keeps a job with its input; `false` when the tenant has as many of its kind under way as
    /// it may.
    async fn create_job(&self, job: &Job, input: Vec<JobPart>) -> StoreResult<bool>;
    /// The job of this id.
    async fn find_job(&self, tenant: TenantId, id: JobId) -> StoreResult<Option<Job>>;
    /// Takes up a job that nobody has, until then: of the tenant with the fewest taken up, the
    /// oldest.
    async fn take_job(&self, now: Timestamp, until: Timestamp) -> StoreResult<Option<Job>>;
    /// Keeps a step of a job; `false` when that turn is not the job's last one, or it has ended.
    async fn step_job(&self, tenant: TenantId, step: JobStep) -> StoreResult<bool>;
    /// A part of one of a job's files.
    async fn find_job_part(&self, tenant: TenantId, id: JobId, file: JobFile, n: u32) -> StoreResult<Option<Sealed>>;
    /// Drops some of what is kept of jobs that have ended for good by `now`; `false` when there
    /// was nothing.
    async fn drop_jobs(&self, now: Timestamp) -> StoreResult<bool>;
}
