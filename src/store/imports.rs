//! Users taken over from a file, many in one act, and how far each file has got.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{NewUser, StoreResult};
use crate::id::TenantId;
use crate::secret::Digest;

/// Why a line is refused one of whose accounts was somebody's who was erased.
pub const ERASED: &str = "was somebody's who was erased, and is not taken back yet";

/// What a store does for users who come from files.
#[async_trait]
pub trait Imports: Send + Sync {
    /// How far this file has got.
    async fn find_import(&self, tenant: TenantId, file: Digest) -> StoreResult<Option<Import>>;

    /// The imports that have not come to their end, oldest first.
    async fn list_unfinished_imports(&self, tenant: TenantId) -> StoreResult<Vec<Import>>;

    /// Makes users, and keeps how far their file has got, in one act. Who cannot be made is
    /// refused alone.
    async fn import_users(&self, tenant: TenantId, batch: ImportBatch) -> StoreResult<Imported>;
}

/// How far a file has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The digest of the whole file.
    pub file: Digest,
    /// What the file was called.
    pub name: String,
    /// How many of its lines are done.
    pub lines: u64,
    /// Where in the file they end, in bytes.
    pub offset: u64,
    /// How many users were made.
    pub users: u64,
    /// How many identities they have.
    pub identities: u64,
    /// How many lines were refused.
    pub refused: u64,
    /// How many lines were done before the last act.
    pub lines_before: u64,
    /// What the last act refused, for whoever could not write it down any more.
    pub last_refused: Vec<Refusal>,
    /// When it began.
    pub began_at: Timestamp,
    /// When it came to its end.
    pub ended_at: Option<Timestamp>,
}

impl Import {
    /// One of which nothing is done.
    pub fn new(file: Digest, name: String, now: Timestamp) -> Self {
        Self {
            file,
            name,
            lines: 0,
            offset: 0,
            users: 0,
            identities: 0,
            refused: 0,
            lines_before: 0,
            last_refused: Vec::new(),
            began_at: now,
            ended_at: None,
        }
    }
}

/// A line that was refused. It says nothing that stands in the line but names of members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Which, from 1.
    pub line: u64,
    /// The path of the member; empty for the whole.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The next lines of a file.
#[derive(Debug, Clone)]
pub struct ImportBatch {
    /// How far the file has got before.
    pub from: Import,
    /// How many of its lines are done with this.
    pub lines: u64,
    /// Where in the file they end.
    pub offset: u64,
    /// Who is to be made, with her line. No two identities of one user share a key or a log-in
    /// name.
    pub users: Vec<(u64, NewUser)>,
    /// What was refused before it came here.
    pub refused: Vec<Refusal>,
    /// When the file came to its end with this.
    pub ended_at: Option<Timestamp>,
}

/// How `import_users` ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Imported {
    /// Done: how far the file has got.
    Done(Import),
    /// The file has got further, or less far, than was thought; nothing was made.
    Elsewhere,
}
