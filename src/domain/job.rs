//! Work that is done beside requests, as data.
//!
//! A job is asked for by a request and done later by whichever server takes it up. What would
//! surprise: how far it has come is kept with it after each step, so that another server goes
//! on from there when this one is gone.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::Object;
use crate::id::{ClientId, JobId, TenantId, UserId};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Writing users into a file.
    UsersExport,
    /// Making users of the rows of a file.
    UsersImport,
    /// Asking whoever reads an address whether it is hers.
    VerificationEmail,
}

impl JobKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::UsersExport, Self::UsersImport, Self::VerificationEmail];

    /// The name on the wire and in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UsersExport => "users_export",
            Self::UsersImport => "users_import",
            Self::VerificationEmail => "verification_email",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// How many of a tenant may be under way; imports as in `api/auth0.md` 10.3.
    pub const fn at_a_time(self) -> u32 {
        match self {
            Self::UsersExport => 10,
            Self::UsersImport => 2,
            Self::VerificationEmail => 100,
        }
    }

    /// How many of a tenant are kept once they have ended: the files of exports hold all users, those
    /// of imports only what was refused.
    pub const fn kept(self) -> u32 {
        match self {
            Self::UsersExport => 10,
            Self::UsersImport | Self::VerificationEmail => 100,
        }
    }

    /// For how many hours it is tried.
    pub const fn hours(self) -> i64 {
        match self {
            Self::UsersExport => 24,
            Self::UsersImport => 2,
            Self::VerificationEmail => 1,
        }
    }
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobStatus {
    /// Waiting or under way.
    Pending,
    /// Done.
    Completed,
    /// Given up, as its details say.
    Failed,
}

impl JobStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Completed, Self::Failed];

    /// The name on the wire and in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// The status of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// How far a job has come, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// The last user that was written, in the order of ids.
    #[serde(with = "as_text", skip_serializing_if = "Option::is_none")]
    pub after: Option<UserId>,
    /// How many users or rows are done.
    pub done: u64,
    /// How many there are, once that is known.
    pub total: Option<u64>,
    /// How many parts of its result are kept.
    pub results: u32,
    /// How many parts of its errors are kept.
    pub errors: u32,
    /// How many bytes its result has.
    pub result_bytes: u64,
    /// How many bytes its errors have.
    pub errors_bytes: u64,
    /// Rows that were refused.
    pub failed: u64,
    /// Users that were changed.
    pub updated: u64,
    /// Users that were made.
    pub inserted: u64,
    /// How often it was tried in vain.
    pub tries: u32,
    /// Why it was given up, or is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
}

/// Ids as the text that they are read from.
mod as_text {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::id::UserId;

    pub fn serialize<S: Serializer>(id: &Option<UserId>, serializer: S) -> Result<S::Ok, S::Error> {
        match id {
            Some(id) => serializer.collect_str(id),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<UserId>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let id = text.map(|text| text.parse()).transpose();
        id.map_err(serde::de::Error::custom)
    }
}

/// Work that is done beside requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// In whose data it works.
    pub tenant: TenantId,
    /// Its id.
    pub id: JobId,
    /// Which application asked: what it does, it does for that one.
    pub client: ClientId,
    /// What is to be done.
    pub kind: JobKind,
    /// How it stands.
    pub status: JobStatus,
    /// What was asked, as the dialect wrote it.
    pub asked: Object,
    /// How far it has come.
    pub progress: Progress,
    /// How often it was taken up. Whoever took it up before has lost it.
    pub turn: i64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it is given up, and once it has ended, when it is dropped.
    pub ends_at: Timestamp,
}

/// What the parts are of which a job keeps more than its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobFile {
    /// What it works on.
    Input,
    /// What it made.
    Result,
    /// What it refused.
    Errors,
}

impl JobFile {
    /// The name in the store; part of what a sealed part is bound to.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Result => "result",
            Self::Errors => "errors",
        }
    }
}
