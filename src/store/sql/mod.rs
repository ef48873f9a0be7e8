//! The acts and reads of a store, written once for every database that speaks SQL.
//!
//! Each noun has a file with its statements, each act that touches several a file of its own.
//! They see a database as a [`Sql`] that answers one statement after the other, and an act as a
//! [`Tx`] that says what goes with it; an [`Engine`] runs them: `sqlite/` many acts in one commit
//! on one thread, `postgres/` each in a transaction of its own, tried again when another server
//! was in the way. [`SqlStore`] makes a store of an engine.
//!
//! What would surprise: acts look before they write, and whoever runs beside others has to see
//! to it that what was looked at stays so. So an act first locks what it decides by
//! ([`Tx::lock`], which is nothing where only one writes), and a broken unique key means that
//! somebody was faster and the act is run again. Parameters are written `?1`, `?2`.

pub(super) mod absorb;
pub(super) mod bags;
pub(super) mod clients;
pub(super) mod connections;
pub(super) mod create_user;
pub(super) mod days;
pub(super) mod events;
pub(super) mod identities;
pub(super) mod imports;
pub(super) mod jobs;
pub(super) mod keys;
pub(super) mod known;
pub(super) mod link;
pub(super) mod logins;
pub(super) mod logs;
pub(super) mod marks;
pub(super) mod meta;
pub(super) mod once;
pub(super) mod opaque;
pub(super) mod passwords;
pub(super) mod rows;
pub(super) mod search;
pub(super) mod search_order;
pub(super) mod search_sets;
pub(super) mod store;
pub(super) mod tenants;
pub(super) mod terms;
pub(super) mod trail;
pub(super) mod turns;
pub(super) mod unlink;
pub(super) mod users;

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use self::keys::KeyRow;
use self::known::Known;
use self::rows::{Row, ToValue};
pub use self::store::SqlStore;
use crate::clock::Random;
use crate::domain::{Connection, KeyOwner, NewEvent, UserWithIdentities, WrappedKey};
use crate::id::{ClientId, ConnectionId, TenantId, UserId};
use crate::secret::Digest;
use crate::store::ledger::Loss;
use crate::store::{Link, Linked, Search, Searched, StoreError, StoreResult, UsedKey};

/// Whether reading goes on after a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// With the next one.
    Next,
    /// No further.
    Enough,
}

/// A database that answers one statement after the other, all of one moment or of one act.
pub trait Sql {
    /// Runs a write; returns how many rows it touched.
    ///
    /// # Errors
    /// Those of the store.
    fn run(&self, statement: &str, params: &[&dyn ToValue]) -> StoreResult<usize>;

    /// Hands over rows until it is enough, or there are no more. All of them may be fetched before
    /// the first is handed over, so a statement that could find many says itself how many it wants.
    ///
    /// # Errors
    /// Those of the store, and those of whoever takes a row.
    fn each(
        &self,
        statement: &str,
        params: &[&dyn ToValue],
        take: &mut dyn FnMut(&Row<'_>) -> StoreResult<Step>,
    ) -> StoreResult<()>;

    /// The same for what may be very many rows, of which only those that are looked at cost
    /// anything.
    ///
    /// # Errors
    /// As [`Sql::each`].
    fn walk(
        &self,
        statement: &str,
        params: &[&dyn ToValue],
        take: &mut dyn FnMut(&Row<'_>) -> StoreResult<Step>,
    ) -> StoreResult<()> {
        self.each(statement, params, take)
    }
}

impl dyn Sql + '_ {
    /// The first row, if there is one.
    ///
    /// # Errors
    /// Those of the store, and those of whoever reads it.
    pub fn first<T>(
        &self,
        statement: &str,
        params: &[&dyn ToValue],
        read: impl Fn(&Row<'_>) -> StoreResult<T>,
    ) -> StoreResult<Option<T>> {
        let mut first = None;
        self.each(statement, params, &mut |row| {
            first = Some(read(row)?);
            Ok(Step::Enough)
        })?;
        Ok(first)
    }

    /// Every row.
    ///
    /// # Errors
    /// Those of the store, and those of whoever reads it.
    pub fn all<T>(
        &self,
        statement: &str,
        params: &[&dyn ToValue],
        mut read: impl FnMut(&Row<'_>) -> StoreResult<T>,
    ) -> StoreResult<Vec<T>> {
        let mut all = Vec::new();
        self.each(statement, params, &mut |row| {
            all.push(read(row)?);
            Ok(Step::Next)
        })?;
        Ok(all)
    }

    /// Whether there is a row.
    ///
    /// # Errors
    /// Those of the store.
    pub fn any(&self, statement: &str, params: &[&dyn ToValue]) -> StoreResult<bool> {
        Ok(self.first(statement, params, |_| Ok(()))?.is_some())
    }
}

/// What an act decides by, and nobody else may change meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// What a tenant counts or numbers.
    Tenant(TenantId),
    /// That somebody is born with this at a provider of a tenant: a digest of both.
    Birth(TenantId, Digest),
    /// A client.
    Client(ClientId),
    /// A connection, against whoever changes or deletes it.
    Connection(TenantId, ConnectionId),
    /// A connection, against whoever deletes it.
    ConnectionStays(TenantId, ConnectionId),
    /// A user with all that hangs on her.
    User(TenantId, UserId),
}

/// An act under way: its statements, and what must go with it.
pub trait Tx {
    /// Where its statements are run.
    fn sql(&self) -> &dyn Sql;
    /// Where keys are.
    fn keys(&self) -> &dyn Sql;
    /// Keeps others from changing what the act decides by, until it has ended. Several are taken
    /// in the order of [`Lock`], so that no two acts wait for each other. `false` when it was not
    /// there to be locked; a user comes back where an identity is split off, so she counts as gone
    /// then, whatever is read later.
    ///
    /// # Errors
    /// Those of the store.
    fn lock(&mut self, lock: Lock) -> StoreResult<bool>;
    /// Writes down what happened.
    ///
    /// # Errors
    /// Those of the store.
    fn record(&mut self, tenant: TenantId, event: &NewEvent) -> StoreResult<()>;
    /// Has the ledger say, before this is committed, that something is gone for good.
    fn lose(&mut self, loss: Loss);
    /// Says that what is lost stands in the ledger already.
    fn lost_before(&mut self);
    /// Has the key of a user deleted with this.
    ///
    /// # Errors
    /// Those of the store.
    fn doom_key(&mut self, tenant: TenantId, user: UserId) -> StoreResult<()>;
    /// Has the key of a user deleted with this, unless she is in the data then.
    ///
    /// # Errors
    /// Those of the store.
    fn sweep_key(&mut self, tenant: TenantId, user: UserId) -> StoreResult<()>;
    /// Has what is known in memory forgotten once this is committed.
    fn outdate_known(&mut self);
    /// Whether nobody else writes meanwhile.
    fn is_alone(&self) -> bool;
    /// How many rows were written so far.
    fn changes(&self) -> u64;
    /// The store's own time, for what comes with none.
    fn now(&self) -> Timestamp;
    /// Where chance comes from.
    fn random(&self) -> &dyn Random;
}

/// Whether the keys that came with an act are in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewKeys {
    /// They are, or there were none.
    Kept,
    /// Another act was first, so none of them was kept.
    Exist,
}

/// Why an act stops. Nothing of it stays.
pub enum Stop<T> {
    /// As it may: this is its outcome.
    Refused(Box<T>),
    /// As it should not.
    Failed(StoreError),
}

impl<T> Stop<T> {
    /// With this outcome, as it may.
    pub fn refused(outcome: T) -> Self {
        Self::Refused(Box::new(outcome))
    }
}

impl<T> From<StoreError> for Stop<T> {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// How an act ends.
pub type Verdict<T> = Result<T, Stop<T>>;

/// The row of the key that an act uses, if it is new.
pub fn key_rows(tenant: TenantId, used: Option<&UsedKey>) -> Vec<KeyRow> {
    used.filter(|used| used.is_new)
        .map(|used| KeyRow::Owned(tenant, used.owner, used.key.clone()))
        .into_iter()
        .collect()
}

/// Whether the key that an act uses is the one that its owner has. It stays so until the act has
/// ended if she is locked.
pub fn is_current(tx: &dyn Tx, tenant: TenantId, used: Option<&UsedKey>, kept: NewKeys) -> StoreResult<bool> {
    match used {
        Some(used) if !used.is_new => {
            Ok(keys::find(tx.keys(), tenant, used.owner)?.is_some_and(|found| found == used.key))
        }
        _ => Ok(kept == NewKeys::Kept),
    }
}

/// A database, and how it runs acts and reads.
pub trait Engine: Send + Sync + 'static {
    /// Reads with several statements as of one moment. What reads may be run several times.
    fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&dyn Sql) -> StoreResult<T> + Send + 'static,
    ) -> impl Future<Output = StoreResult<T>> + Send;

    /// Reads with one statement.
    fn read_one<T: Send + 'static>(
        &self,
        read: impl Fn(&dyn Sql) -> StoreResult<T> + Send + 'static,
    ) -> impl Future<Output = StoreResult<T>> + Send;

    /// Reads keys with one statement.
    fn read_keys<T: Send + 'static>(
        &self,
        read: impl Fn(&dyn Sql) -> StoreResult<T> + Send + 'static,
    ) -> impl Future<Output = StoreResult<T>> + Send;

    /// Runs an act until it is kept, refused, or has failed. It may be run several times; what
    /// counts is how it ended last.
    fn act<T: Send + 'static>(
        &self,
        keys: Vec<KeyRow>,
        act: impl Fn(&mut dyn Tx, NewKeys) -> Verdict<T> + Send + 'static,
    ) -> impl Future<Output = StoreResult<T>> + Send;

    /// Attaches an identity.
    fn link(&self, tenant: TenantId, link: Link) -> impl Future<Output = StoreResult<Linked>> + Send {
        let keys = key_rows(tenant, link.key.as_ref());
        self.act(keys, move |tx, keys| link::link(tx, tenant, &link, keys))
    }

    /// The user who has the account of this subject, with all her identities.
    fn find_holder(
        &self,
        tenant: TenantId,
        connection: Arc<Connection>,
        subject: String,
    ) -> impl Future<Output = StoreResult<Option<UserWithIdentities>>> + Send {
        self.read_one(move |sql| users::find_holder(sql, tenant, connection.id, &connection.issuer, &subject))
    }

    /// The key below a tenant's that somebody has.
    fn find_key(
        &self,
        tenant: TenantId,
        owner: KeyOwner,
    ) -> impl Future<Output = StoreResult<Option<WrappedKey>>> + Send {
        self.read_keys(move |sql| keys::find(sql, tenant, owner))
    }

    /// Sees to it that events that were written are listed, in an order that stays.
    fn place_events(&self, tenant: TenantId) -> impl Future<Output = StoreResult<()>> + Send;

    /// Searches until this moment; the time spent in a queue counts.
    fn search(
        &self,
        tenant: TenantId,
        search: Search,
        ends: Option<Instant>,
    ) -> impl Future<Output = StoreResult<Searched>> + Send;

    /// Forgets what the engine itself keeps and nobody asks about any more.
    fn keep_up(&self, _: Timestamp) -> impl Future<Output = StoreResult<()>> + Send {
        async { Ok(()) }
    }

    /// What is known in memory.
    fn known(&self) -> &Known;
}
