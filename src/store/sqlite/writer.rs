//! The one thread that writes: it takes what is queued, runs each act, commits once for all
//! of them, and only then answers them.
//!
//! A batch goes through both files in an order that needs no common commit:
//!
//! 1. `keys.db`: the new keys of the batch. An act whose key exists already does not run
//!    on that key; it is told so.
//! 2. `data.db`: the acts, and with those that erase a user a note that her key is to go. What
//!    the batch loses for good stands in the ledger before its commit.
//! 3. `keys.db`: keys of erased users, and keys that were made for an act that was then
//!    refused. What a crash leaves undone here, the notes finish at the next start.
//!
//! What would surprise: when more waits than fits into a batch, what has waited too long is refused in
//! its turn, so that whoever comes later is not late as well. Acts look before they write, so a batch is tried without savepoints,
//! which would copy every page that an act touches. Only when one of its acts has to be taken
//! back it is run again with a savepoint for each, so an act can be run twice. And when the
//! disk fails under one act, the whole batch is undone and every act of it is told so,
//! because SQLite itself rolls back more than the savepoint.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::mpsc::error::{SendTimeoutError, TrySendError};
use tokio::sync::{mpsc, oneshot};

use super::act::{Act, Open, Waiting};
use super::checkpoint::Log;
use crate::clock::{Clock, Random};
use crate::domain::KeyOwner;
use crate::id::{TenantId, UserId};
use crate::store::ledger::{Ledger, Loss};
use crate::store::sql::events::EventIds;
use crate::store::sql::keys::{self, KeyRow};
use crate::store::sql::known::Known;
use crate::store::sql::rows::{corrupt, params};
use crate::store::sql::{NewKeys, Sql, Tx, Verdict, meta};
use crate::store::{GIVEN_UP_AFTER, LONGEST_WAIT, StoreError, StoreResult};

/// How many acts wait before whoever comes next has to.
const QUEUE: usize = 1024;

/// How many acts share a commit at most.
const BATCH: usize = 256;

/// An act, and when it came.
type Queued = (Instant, Box<dyn Act>);

/// The way to the writing thread.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Queued>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Finishes what a crash may have left, and starts the thread.
    pub fn start(
        data: Connection,
        keys: Connection,
        log: Log,
        ledger: Ledger,
        known: Arc<Known>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> StoreResult<Self> {
        let ids = EventIds::after_all(&data)?;
        let doomed = (&data as &dyn Sql).all("SELECT tenant, user_id FROM key_deletions", params![], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        let mut thread = Thread {
            data,
            keys,
            log,
            ledger,
            known,
            clock,
            random,
            ids,
            doomed,
            erased: Vec::new(),
        };
        thread.erase_keys()?;
        let (queue, waiting) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || thread.serve(waiting))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Queues an act and waits until it is kept, refused, or has failed.
    pub async fn act<T: Send + 'static>(
        &self,
        keys: Vec<KeyRow>,
        act: impl Fn(&mut dyn Tx, NewKeys) -> Verdict<T> + Send + 'static,
    ) -> StoreResult<T> {
        let stopped = || StoreError::Unavailable("the store is closed".into());
        let (reply, answer) = oneshot::channel();
        let act: Box<dyn Act> = Box::new(Waiting {
            keys,
            act,
            outcome: None,
            reply,
        });
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        let full = match queue.try_send((Instant::now(), act)) {
            Err(TrySendError::Full(act)) => Some(act),
            Err(TrySendError::Closed(_)) => return Err(stopped()),
            Ok(()) => None,
        };
        if let Some(act) = full {
            queue
                .send_timeout(act, LONGEST_WAIT)
                .await
                .map_err(|error| match error {
                    SendTimeoutError::Timeout(_) => StoreError::Busy,
                    SendTimeoutError::Closed(_) => stopped(),
                })?;
        }
        answer.await.map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    /// What is queued is still done.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Thread {
    data: Connection,
    keys: Connection,
    log: Log,
    ledger: Ledger,
    known: Arc<Known>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    ids: EventIds,
    /// Users whose key is to be deleted; their notes are committed.
    doomed: Vec<(TenantId, UserId)>,
    /// Users whose key is deleted, but whose note is not.
    erased: Vec<(TenantId, UserId)>,
}

/// Whether an act of a batch can be taken back alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Savepoints {
    None,
    Each,
}

/// What the acts of a batch left to be done.
#[derive(Default)]
struct Ran {
    doomed: Vec<(TenantId, UserId)>,
    losses: Vec<Loss>,
    outdated: bool,
    /// Keys that were made for acts that then were not done.
    unused: Vec<KeyRow>,
}

/// One batch on its way, with what is known of each act.
struct Batch {
    acts: Vec<(Box<dyn Act>, NewKeys)>,
    errors: Vec<Option<StoreError>>,
    /// Keys that were made for acts that then were not done.
    unused: Vec<KeyRow>,
}

impl Thread {
    fn serve(&mut self, mut waiting: mpsc::Receiver<Queued>) {
        let mut queued = Vec::with_capacity(BATCH);
        while waiting.blocking_recv_many(&mut queued, BATCH) > 0 {
            let more_may_wait = queued.len() == BATCH;
            let mut acts = Vec::with_capacity(queued.len());
            for (came, act) in queued.drain(..) {
                match more_may_wait && came.elapsed() > GIVEN_UP_AFTER {
                    true => act.answer(Some(StoreError::Busy)),
                    false => acts.push(act),
                }
            }
            if !acts.is_empty() {
                self.serve_batch(acts);
                self.log.after_commit(&self.data);
            }
        }
        self.log.close(&self.data);
    }

    fn serve_batch(&mut self, acts: Vec<Box<dyn Act>>) {
        let mut batch = Batch {
            errors: acts.iter().map(|_| None).collect(),
            acts: acts.into_iter().map(|act| (act, NewKeys::Kept)).collect(),
            unused: Vec::new(),
        };
        if let Err(error) = self.commit_keys(&mut batch).and_then(|()| self.commit_data(&mut batch)) {
            roll_back(&self.keys);
            roll_back(&self.data);
            tracing::error!(%error, acts = batch.acts.len(), "nothing of a batch was kept");
            let overwritten = self.overwrite();
            self.ledger.failed(self.clock.now());
            batch.unused = match overwritten {
                Ok(()) => batch
                    .acts
                    .iter()
                    .filter(|(_, kept)| *kept == NewKeys::Kept)
                    .flat_map(|(act, _)| act.keys().to_vec())
                    .collect(),
                // What a crash might bring back must still open.
                Err(_) => Vec::new(),
            };
            batch
                .errors
                .fill_with(|| Some(StoreError::Unavailable(error.to_string())));
        }
        if let Err(error) = self.erase_keys().and_then(|()| self.drop_unused(&batch.unused)) {
            roll_back(&self.keys);
            tracing::warn!(%error, "a key that should be deleted is still there; it is tried again");
        }
        for ((act, _), error) in batch.acts.into_iter().zip(batch.errors) {
            act.answer(error);
        }
    }

    /// Step 1.
    fn commit_keys(&mut self, batch: &mut Batch) -> StoreResult<()> {
        self.erase_keys()?;
        if batch.acts.iter().all(|(act, _)| act.keys().is_empty()) {
            return Ok(());
        }
        self.keys.run("BEGIN IMMEDIATE", params![])?;
        for (act, kept) in &mut batch.acts {
            *kept = keys::insert(&self.keys, act.keys())?;
        }
        self.keys.run("COMMIT", params![])?;
        Ok(())
    }

    /// Step 2.
    fn commit_data(&mut self, batch: &mut Batch) -> StoreResult<()> {
        let ran = match self.run_acts(batch, Savepoints::None)? {
            Some(ran) => Some(ran),
            None => {
                roll_back(&self.data);
                self.run_acts(batch, Savepoints::Each)?
            }
        };
        let ran = ran.ok_or_else(|| corrupt("an act was not taken back with its savepoint"))?;
        if !ran.losses.is_empty() {
            self.write_losses(&ran.losses)?;
        }
        let committed = self.data.run("COMMIT", params![]);
        if ran.outdated {
            self.known.forget();
        }
        committed?;
        if !ran.losses.is_empty() {
            self.ledger.committed(self.clock.now());
        }
        self.erased.clear();
        self.doomed.extend(ran.doomed);
        batch.unused = ran.unused;
        Ok(())
    }

    /// Runs the acts of a batch in a transaction that is still open afterwards; `None` when
    /// one of them wrote before it was refused or failed, and has no savepoint.
    fn run_acts(&mut self, batch: &mut Batch, savepoints: Savepoints) -> StoreResult<Option<Ran>> {
        let mut ran = Ran::default();
        let data = &self.data;
        data.run("BEGIN IMMEDIATE", params![])?;
        for (tenant, user) in &self.erased {
            data.run(
                "DELETE FROM key_deletions WHERE tenant = ?1 AND user_id = ?2",
                params![tenant, user],
            )?;
        }
        for ((act, kept), error) in batch.acts.iter_mut().zip(&mut batch.errors) {
            let doomed_before = ran.doomed.len();
            let losses_before = ran.losses.len();
            let changes_before = data.total_changes();
            if savepoints == Savepoints::Each {
                data.run("SAVEPOINT act", params![])?;
            }
            let mut tx = Open {
                sql: data,
                keys: &self.keys,
                clock: self.clock.as_ref(),
                random: self.random.as_ref(),
                ids: &mut self.ids,
                doomed: &mut ran.doomed,
                losses: &mut ran.losses,
                unused: &mut ran.unused,
                outdated: &mut ran.outdated,
            };
            *error = None;
            let done = match act.run(&mut tx, *kept) {
                Ok(done) => done,
                Err(fault @ StoreError::Unavailable(_)) => return Err(fault),
                Err(fault) if data.is_autocommit() => return Err(fault),
                Err(fault) => {
                    tracing::error!(error = %fault, "an act failed");
                    *error = Some(fault);
                    false
                }
            };
            if !done {
                if savepoints == Savepoints::Each {
                    data.run("ROLLBACK TO act", params![])?;
                } else if data.total_changes() != changes_before {
                    return Ok(None);
                }
                ran.doomed.truncate(doomed_before);
                ran.losses.truncate(losses_before);
                if *kept == NewKeys::Kept {
                    ran.unused.extend_from_slice(act.keys());
                }
            }
            if savepoints == Savepoints::Each {
                data.run("RELEASE act", params![])?;
            }
        }
        Ok(Some(ran))
    }

    /// Has the ledger tell of what the commit that follows loses, and the data know its number.
    fn write_losses(&mut self, losses: &[Loss]) -> StoreResult<()> {
        let written = self.ledger.append(losses, self.clock.now());
        let batch = written.map_err(|error| StoreError::Unavailable(format!("the ledger cannot be used: {error}")))?;
        meta::set_ledger_batch(&self.data, batch)
    }

    /// Overwrites what a failed commit left in the log. When it was the sync that failed, the
    /// batch lies there whole, and a crash before the next commit would bring back what was
    /// answered as not done.
    fn overwrite(&self) -> StoreResult<()> {
        let done = self.data.run(
            "INSERT INTO meta (name, value) VALUES ('failed_batches', 1)
             ON CONFLICT (name) DO UPDATE SET value = value + 1",
            params![],
        );
        if let Err(error) = &done {
            roll_back(&self.data);
            tracing::error!(%error, "the disk does not take writes: what was refused last may come back after a crash");
        }
        done.map(drop)
    }

    /// Step 3: keys of users who are gone.
    fn erase_keys(&mut self) -> StoreResult<()> {
        if self.doomed.is_empty() {
            return Ok(());
        }
        self.keys.run("BEGIN IMMEDIATE", params![])?;
        for (tenant, user) in &self.doomed {
            keys::delete(&self.keys, *tenant, KeyOwner::User(*user))?;
        }
        self.keys.run("COMMIT", params![])?;
        self.erased.append(&mut self.doomed);
        Ok(())
    }

    /// Step 3: keys of users and tenants who never came to be.
    fn drop_unused(&self, unused: &[KeyRow]) -> StoreResult<()> {
        if unused.is_empty() {
            return Ok(());
        }
        self.keys.run("BEGIN IMMEDIATE", params![])?;
        for row in unused {
            keys::delete_unless_owned(&self.keys, &self.data, row)?;
        }
        self.keys.run("COMMIT", params![])?;
        Ok(())
    }
}

/// Ends a transaction that may have ended by itself.
fn roll_back(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = connection.run("ROLLBACK", params![])
    {
        tracing::error!(%error, "a transaction cannot be rolled back");
    }
}
