//! Jobs: asked for by callers, taken up and brought on by whoever runs them.
//!
//! What a job works on and makes is kept in parts, each sealed under the tenant's service key for
//! its place: exports hold what is known of people, imports hashes of their passwords. What would
//! surprise: nobody has a job for longer than [`LEASE`] without a step, so a step is small, and
//! whoever is told that a step was not kept has lost the job and stops.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::OwnedSemaphorePermit;
use zeroize::Zeroizing;

use crate::app::App;
pub use crate::domain::job::{Job, JobFile, JobKind, JobStatus, Progress};
use crate::domain::{Caller, KeyOwner, Object, Scope, Scopes};
use crate::error::{Error, Noun, Result};
use crate::id::{JobId, TenantId};
use crate::store::{AfterStep, JobPart, JobStep};
use crate::vault::{Field, Place};

/// How long a job stays with whoever took it up, from its last step on.
pub const LEASE: Duration = Duration::from_secs(60);

/// How much a part holds at most, and so how much of a file is in memory at once, in bytes.
pub const PART_BYTES: usize = 256 * 1024;

/// How many uploads may come in at once.
pub const UPLOADS_AT_ONCE: usize = 16;

/// How long a link to a result can be followed (`api/auth0.md` 10.2).
const LINK_LIVES_FOR: SignedDuration = SignedDuration::from_secs(60);

/// For how long what a job made is kept (`api/auth0.md` 10.2 and 10.3).
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24);

/// What a step made.
#[derive(Debug, Default)]
pub struct Made {
    /// What goes to the end of the result.
    pub result: Vec<u8>,
    /// What goes to the end of the errors.
    pub errors: Vec<u8>,
}

/// How a job goes on after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// By a further step.
    On,
    /// By a further step, not before so long.
    Later(SignedDuration),
    /// It has ended, like this.
    End(JobStatus),
}

impl App {
    /// Keeps a job to be done, with what it works on.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::TooManyJobs`].
    pub async fn create_job(&self, caller: &Caller, kind: JobKind, asked: Object, input: &[u8]) -> Result<Job> {
        caller.needs(match kind {
            JobKind::UsersExport => &[Scope::ReadUsers],
            JobKind::UsersImport => &[Scope::CreateUsers],
            JobKind::VerificationEmail => &[Scope::UpdateUsers],
        })?;
        let now = self.clock.now();
        let job = Job {
            tenant: caller.tenant,
            id: JobId::new(&*self.random),
            client: caller.client,
            kind,
            status: JobStatus::Pending,
            asked,
            progress: Progress::default(),
            turn: 0,
            created_at: now,
            ends_at: later(now, SignedDuration::from_hours(kind.hours())),
        };
        let mut next = 0;
        let parts = self.seal_parts(&job, JobFile::Input, input, &mut next).await?;
        if !self.store.create_job(&job, parts).await? {
            return Err(Error::TooManyJobs(kind.at_a_time()));
        }
        self.jobs_asked.notify_one();
        Ok(job)
    }

    /// A job of the caller's tenant.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`], [`Error::NotFound`].
    pub async fn find_job(&self, caller: &Caller, id: JobId) -> Result<Job> {
        caller.needs(&[Scope::CreateUsers, Scope::ReadUsers])?;
        self.existing_job(caller.tenant, id).await
    }

    /// Takes up a job that nobody has, if there is one.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn take_job(&self) -> Result<Option<Job>> {
        let now = self.clock.now();
        let until = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
        Ok(self.store.take_job(now, until).await?)
    }

    /// Drops jobs that ended a day ago, or of which their tenant has too many, with their files.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn drop_jobs(&self) -> Result<()> {
        while self.store.drop_jobs(self.clock.now()).await? {}
        Ok(())
    }

    /// Room for one more upload, for as long as the answer is kept: uploads are in memory whole.
    ///
    /// # Errors
    /// [`Error::Busy`] when as many come in as may.
    pub fn room_for_upload(&self) -> Result<OwnedSemaphorePermit> {
        let room = Arc::clone(&self.uploads).try_acquire_owned();
        room.map_err(|_| Error::Busy { retry_after: 5 })
    }

    /// Whether a job has had its time, and must be given up.
    pub fn is_overdue(&self, job: &Job) -> bool {
        self.clock.now() >= job.ends_at
    }

    /// Keeps a step of a job: what it made and, in the same act, how far it has come, as
    /// `job.progress` says. `false` when somebody else has taken the job up meanwhile; nothing
    /// of the step is kept then.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn step_job(&self, job: &mut Job, made: Made, then: Then) -> Result<bool> {
        let mut progress = std::mem::take(&mut job.progress);
        let mut parts = self
            .seal_parts(job, JobFile::Result, &made.result, &mut progress.results)
            .await?;
        parts.extend(
            self.seal_parts(job, JobFile::Errors, &made.errors, &mut progress.errors)
                .await?,
        );
        progress.result_bytes = progress.result_bytes.saturating_add(made.result.len() as u64);
        progress.errors_bytes = progress.errors_bytes.saturating_add(made.errors.len() as u64);
        job.progress = progress;
        let now = self.clock.now();
        let after = match then {
            Then::On => AfterStep::Keep(now.saturating_add(LEASE).unwrap_or(Timestamp::MAX)),
            // Nobody takes it up while it is leased.
            Then::Later(pause) => AfterStep::Keep(later(now, pause)),
            Then::End(status) => AfterStep::End(status, later(now, KEPT_FOR)),
        };
        let kept = self.keep_step(job, parts, after).await?;
        if let (true, Then::End(status)) = (kept, then) {
            job.status = status;
        }
        Ok(kept)
    }

    /// Lets another take a job up, because this server stops.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn release_job(&self, job: &Job) -> Result<bool> {
        self.keep_step(job, Vec::new(), AfterStep::Release).await
    }

    async fn keep_step(&self, job: &Job, parts: Vec<JobPart>, then: AfterStep) -> Result<bool> {
        let step = JobStep {
            id: job.id,
            turn: job.turn,
            parts,
            progress: job.progress.clone(),
            then,
        };
        Ok(self.store.step_job(job.tenant, step).await?)
    }

    /// Waits until a job was asked for here. One that was asked for elsewhere is not waited for.
    pub async fn job_asked(&self) {
        self.jobs_asked.notified().await;
    }

    /// In whose name a job works: for the application that asked, with what that took.
    pub fn caller_of(&self, job: &Job) -> Caller {
        let scopes: &[Scope] = match job.kind {
            JobKind::UsersExport => &[Scope::ReadUsers],
            JobKind::UsersImport => &[Scope::CreateUsers, Scope::UpdateUsers],
            JobKind::VerificationEmail => &[Scope::UpdateUsers],
        };
        Caller {
            tenant: job.tenant,
            client: job.client,
            user: None,
            credential: None,
            scopes: scopes.iter().copied().collect::<Scopes>(),
            issuer: "".into(),
        }
    }

    /// A part of one of a job's files.
    ///
    /// # Errors
    /// Those of the store and the vault.
    pub async fn read_job_part(&self, job: &Job, file: JobFile, n: u32) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let Some(sealed) = self.store.find_job_part(job.tenant, job.id, file, n).await? else {
            return Ok(None);
        };
        let (key, _) = self.key_for(job.tenant, KeyOwner::Service).await?;
        let name = name_of_part(job.id, file, n);
        self.vault
            .open(&key, &place_of(Field::JobPart, &name), &sealed)
            .map(Some)
    }

    /// A text by which what a job made can be fetched for a minute, without another credential.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn seal_download(&self, job: &Job) -> Result<String> {
        let now = self.clock.now().as_millisecond();
        let plain = [now.to_be_bytes(), job.id.number().to_be_bytes()].concat();
        self.seal_ticket(job.tenant, Field::Download, &plain).await
    }

    /// The job whose result such a text opens.
    ///
    /// # Errors
    /// [`Error::NotFound`] for every text that was not made here in the last minute for a job
    /// that is still kept.
    pub async fn open_download(&self, text: &str) -> Result<Job> {
        let refuse = || Error::NotFound(Noun::Job);
        let (tenant, plain) = self.open_ticket(Field::Download, text).await?.ok_or_else(refuse)?;
        let (at, id) = plain.split_first_chunk::<8>().ok_or_else(refuse)?;
        let at = Timestamp::from_millisecond(i64::from_be_bytes(*at)).map_err(|_| refuse())?;
        if self.clock.now() >= later(at, LINK_LIVES_FOR) {
            return Err(refuse());
        }
        let id = i64::from_be_bytes(id.try_into().map_err(|_| refuse())?);
        let job = self.existing_job(tenant, JobId::from_number(id)).await?;
        match job.status {
            JobStatus::Completed => Ok(job),
            JobStatus::Pending | JobStatus::Failed => Err(refuse()),
        }
    }

    /// A job that has not been dropped, or is about to be.
    async fn existing_job(&self, tenant: TenantId, id: JobId) -> Result<Job> {
        let job = self.store.find_job(tenant, id).await?;
        let is_kept = |job: &Job| job.status == JobStatus::Pending || self.clock.now() < job.ends_at;
        job.filter(is_kept).ok_or(Error::NotFound(Noun::Job))
    }

    async fn seal_parts(&self, job: &Job, file: JobFile, bytes: &[u8], next: &mut u32) -> Result<Vec<JobPart>> {
        if bytes.is_empty() {
            return Ok(Vec::new());
        }
        let (key, _) = self.key_for(job.tenant, KeyOwner::Service).await?;
        let mut parts = Vec::new();
        for plain in bytes.chunks(PART_BYTES) {
            let name = name_of_part(job.id, file, *next);
            parts.push(JobPart {
                file,
                n: *next,
                sealed: self.vault.seal(&key, &place_of(Field::JobPart, &name), plain)?,
            });
            *next = next.saturating_add(1);
        }
        Ok(parts)
    }
}

fn name_of_part(job: JobId, file: JobFile, n: u32) -> String {
    format!("{job}/{}/{n}", file.name())
}

const fn place_of(field: Field, name: &str) -> Place<'_> {
    Place {
        connection: None,
        issuer: "",
        subject: name,
        field,
        version: 1,
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}
