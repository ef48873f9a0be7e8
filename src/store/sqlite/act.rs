//! An act on its way through the writing thread, until whoever asked for it is answered, and what
//! it works with there.
//!
//! What would surprise: it may be run twice, and what counts is how it ended last.

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::clock::{Clock, Random};
use crate::domain::{KeyOwner, NewEvent, WrappedKey};
use crate::id::{TenantId, UserId};
use crate::store::ledger::Loss;
use crate::store::sql::events::{self, EventIds};
use crate::store::sql::keys::KeyRow;
use crate::store::sql::rows::{corrupt, params};
use crate::store::sql::{Lock, NewKeys, Sql, Stop, Tx, Verdict};
use crate::store::{StoreError, StoreResult};

/// What an act works with: the open transaction, and what must go with it.
pub(super) struct Open<'a> {
    pub sql: &'a Connection,
    pub keys: &'a Connection,
    pub clock: &'a dyn Clock,
    pub random: &'a dyn Random,
    pub ids: &'a mut EventIds,
    pub doomed: &'a mut Vec<(TenantId, UserId)>,
    pub losses: &'a mut Vec<Loss>,
    pub unused: &'a mut Vec<KeyRow>,
    pub outdated: &'a mut bool,
}

impl Tx for Open<'_> {
    fn sql(&self) -> &dyn Sql {
        self.sql
    }

    fn keys(&self) -> &dyn Sql {
        self.keys
    }

    /// Nobody else writes, so what is there is found later.
    fn lock(&mut self, _: Lock) -> StoreResult<bool> {
        Ok(true)
    }

    fn record(&mut self, tenant: TenantId, event: &NewEvent) -> StoreResult<()> {
        let id = self.ids.next(self.clock, self.random);
        events::insert(self.sql, tenant, id, event)
    }

    fn lose(&mut self, loss: Loss) {
        self.losses.push(loss);
    }

    fn lost_before(&mut self) {
        self.losses.clear();
    }

    fn doom_key(&mut self, tenant: TenantId, user: UserId) -> StoreResult<()> {
        self.sql.run(
            "INSERT INTO key_deletions (tenant, user_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            params![tenant, user],
        )?;
        self.doomed.push((tenant, user));
        Ok(())
    }

    fn sweep_key(&mut self, tenant: TenantId, user: UserId) -> StoreResult<()> {
        let nothing = WrappedKey(Vec::new());
        self.unused.push(KeyRow::Owned(tenant, KeyOwner::User(user), nothing));
        Ok(())
    }

    fn outdate_known(&mut self) {
        *self.outdated = true;
    }

    fn is_alone(&self) -> bool {
        true
    }

    fn changes(&self) -> u64 {
        self.sql.total_changes()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn random(&self) -> &dyn Random {
        self.random
    }
}

/// An act in the queue, whatever its outcome is.
pub(super) trait Act: Send {
    fn keys(&self) -> &[KeyRow];
    /// Whether it was done rather than refused. What counts is how it ended last.
    fn run(&mut self, tx: &mut dyn Tx, keys: NewKeys) -> StoreResult<bool>;
    /// Answers, once it is known that the outcome stays or why it does not.
    fn answer(self: Box<Self>, error: Option<StoreError>);
}

/// One that answers with its outcome.
pub(super) struct Waiting<T, F> {
    pub keys: Vec<KeyRow>,
    pub act: F,
    pub outcome: Option<T>,
    pub reply: oneshot::Sender<StoreResult<T>>,
}

impl<T, F> Act for Waiting<T, F>
where
    T: Send,
    F: Fn(&mut dyn Tx, NewKeys) -> Verdict<T> + Send,
{
    fn keys(&self) -> &[KeyRow] {
        &self.keys
    }

    fn run(&mut self, tx: &mut dyn Tx, keys: NewKeys) -> StoreResult<bool> {
        let (outcome, done) = match (self.act)(tx, keys) {
            Ok(outcome) => (outcome, true),
            Err(Stop::Refused(outcome)) => (*outcome, false),
            Err(Stop::Failed(error)) => return Err(error),
        };
        self.outcome = Some(outcome);
        Ok(done)
    }

    fn answer(self: Box<Self>, error: Option<StoreError>) {
        let answer = match (error, self.outcome) {
            (Some(error), _) => Err(error),
            (None, Some(outcome)) => Ok(outcome),
            (None, None) => Err(corrupt("an act has no outcome")),
        };
        // Whoever asked may have gone away; the act stands all the same.
        let _ = self.reply.send(answer);
    }
}
