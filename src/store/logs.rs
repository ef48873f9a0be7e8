//! What tenants are told of what happened: entries that come in batches, some time after what they
//! tell of, and are forgotten after some time.
//!
//! What would surprise: this is not the audit. An event rides in the act that it tells of; an entry
//! here can be missing after a crash, and nothing is made of it but an answer.

use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreResult;
use crate::domain::{Object, UserRef};
use crate::id::{ClientId, LogId, TenantId, UserId};

/// Whom an entry is about.
#[derive(Debug, Clone, PartialEq)]
pub enum About {
    /// Nobody who is known.
    Nobody,
    /// Her.
    User(UserId),
    /// Whoever is called so when the entry is written.
    Named(UserRef),
}

/// An entry to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewLog {
    /// Whose log.
    pub tenant: TenantId,
    /// The client that is to be there, or nothing is written: so that a stranger who makes up ids
    /// writes nothing.
    pub client: ClientId,
    /// Whom it is about.
    pub about: About,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub entry: Object,
    /// What of it is personal, and goes with the user whom it is about. Of somebody who is gone
    /// when the entry is written it is not kept at all.
    pub personal: Object,
}

/// An entry as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// Sorts as the entries of the tenant were written.
    pub id: LogId,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub entry: Object,
    /// What of it is personal, unless that is gone.
    pub personal: Object,
}

/// In which order entries are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogOrder {
    /// The oldest first.
    Oldest,
    /// The newest first.
    Newest,
}

/// Some of the entries of a tenant.
#[derive(Debug, Clone)]
pub struct LogPage {
    /// Only those about her.
    pub user: Option<UserId>,
    /// In which order.
    pub order: LogOrder,
    /// Only those that come after this one in that order.
    pub after: Option<LogId>,
    /// How many of them to pass over.
    pub skip: u32,
    /// How many at most.
    pub limit: u32,
}

/// The part of a store that keeps them.
#[async_trait]
pub trait Logs {
    /// Keeps entries, in this order, in one act.
    async fn append_logs(&self, new: Vec<NewLog>) -> StoreResult<()>;
    /// Some of a tenant's entries. No entry comes later before one that is listed.
    async fn list_logs(&self, tenant: TenantId, page: LogPage) -> StoreResult<Vec<Log>>;
    /// How many entries a tenant has, or those about one user.
    async fn count_logs(&self, tenant: TenantId, user: Option<UserId>) -> StoreResult<u64>;
    /// One entry.
    async fn find_log(&self, tenant: TenantId, id: LogId) -> StoreResult<Option<Log>>;
    /// Forgets some of the entries that were written before then, the oldest first; returns how
    /// many. None means that none is left.
    async fn forget_logs(&self, tenant: TenantId, before: Timestamp) -> StoreResult<u64>;
}
