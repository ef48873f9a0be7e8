//! The embedded store: two SQLite files in the data directory, for one process.
//!
//! One thread writes (`writer.rs`) and commits once for all acts that are queued; readers
//! read in place. `data.db` holds everything but keys, `keys.db` the wrapped keys, so that
//! either can be backed up and erased apart from the other. What acts and reads do is in
//! `store/sql/`, for every database alike.
//!
//! What would surprise: dropping the store waits for what is queued and closes both files;
//! that the directory belongs to this process alone is seen to by whoever opens it.

mod act;
mod checkpoint;
pub mod copy;
mod inspect;
mod open;
mod origin;
mod readers;
mod replay;
mod rows;
#[cfg(test)]
mod search_plans;
mod searcher;
mod writer;

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use self::checkpoint::Log;
pub use self::inspect::inspect;
use self::open::{Database, Prepare};
pub use self::open::{OpenError, SqliteOptions};
pub use self::origin::SqliteOrigin;
use self::readers::Readers;
pub use self::replay::Replayed;
use self::searcher::Searcher;
use self::writer::Writer;
use crate::clock::{Clock, Random};
use crate::id::TenantId;
use crate::store::ledger::Ledger;
use crate::store::sql::keys::KeyRow;
use crate::store::sql::known::Known;
use crate::store::sql::{Engine, NewKeys, Sql, SqlStore, Tx, Verdict, jobs, meta, opaque};
use crate::store::{Search, Searched, StoreResult};

/// The store in a data directory.
pub type SqliteStore = SqlStore<Sqlite>;

/// Two files, with one thread that writes them.
pub struct Sqlite {
    data: Readers,
    keys: Readers,
    searcher: Searcher,
    known: Arc<Known>,
    writer: Writer,
}

impl SqliteStore {
    /// Opens the store in this directory, and makes it if the directory has none. Nobody
    /// else may have it open.
    ///
    /// # Errors
    /// [`OpenError`]; a file with a schema newer than this binary is left as it was.
    pub fn open(
        dir: &Path,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        options: &SqliteOptions,
    ) -> Result<Self, OpenError> {
        let (data, keys) = (Database::data(dir, options), Database::keys(dir, options));
        open::prepare(&data, &keys, Prepare::Open)?;
        let mut data_writer = data.writer()?;
        let log = Log::watch(&mut data_writer, data.checkpointer()?).map_err(|error| data.explain_store(error))?;
        let keys_writer = keys.writer()?;
        let ledger = meta::ledger_batch(&data_writer)
            .map_err(|error| data.explain_store(error))
            .and_then(|batch| Ok(Ledger::open(dir, batch, clock.now())?))?;
        jobs::release_all(&data_writer).map_err(|error| data.explain_store(error))?;
        let known = Arc::new(Known::new(None));
        let writer = Writer::start(data_writer, keys_writer, log, ledger, known.clone(), clock, random)
            .map_err(|error| data.explain_store(error))?;
        let engine = Sqlite {
            searcher: Searcher::new(data.clone()),
            data: Readers::new(data),
            keys: Readers::new(keys),
            known,
            writer,
        };
        Ok(Self { engine })
    }

    /// Brings the files in this directory to the schema of this binary. Nobody may have
    /// them open.
    ///
    /// # Errors
    /// [`OpenError`]; what was done before it stays, and it is safe to run again.
    pub fn migrate(dir: &Path, options: &SqliteOptions) -> Result<(), OpenError> {
        let (data, keys) = (Database::data(dir, options), Database::keys(dir, options));
        open::prepare(&data, &keys, Prepare::Migrate)
    }

    /// Drops what must not come back with a backup. A job would be done again: an import would make users
    /// anew who were erased since, and a file of users still has them. An opaque token may have ended since,
    /// and a refresh token have been used.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn drop_passing(&self) -> StoreResult<()> {
        self.engine
            .act(vec![], |tx, _| {
                jobs::drop_all(tx.sql())?;
                Ok(opaque::end_all(tx.sql())?)
            })
            .await
    }
}

impl Engine for Sqlite {
    // Nothing is read before it is waited for: what is known is asked for first.
    async fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&dyn Sql) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.data.read(read)
    }

    async fn read_one<T: Send + 'static>(
        &self,
        read: impl Fn(&dyn Sql) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.data.read_one(read)
    }

    async fn read_keys<T: Send + 'static>(
        &self,
        read: impl Fn(&dyn Sql) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.keys.read_one(read)
    }

    fn act<T: Send + 'static>(
        &self,
        keys: Vec<KeyRow>,
        act: impl Fn(&mut dyn Tx, NewKeys) -> Verdict<T> + Send + 'static,
    ) -> impl Future<Output = StoreResult<T>> + Send {
        self.writer.act(keys, act)
    }

    /// They are in order when they are written, because one thread writes them.
    async fn place_events(&self, _: TenantId) -> StoreResult<()> {
        Ok(())
    }

    fn search(
        &self,
        tenant: TenantId,
        search: Search,
        ends: Option<Instant>,
    ) -> impl Future<Output = StoreResult<Searched>> + Send {
        self.searcher.search(tenant, search, ends)
    }

    fn known(&self) -> &Known {
        &self.known
    }
}
