//! Where a test's store is kept: in files of its own, or in a database of its own when
//! `ONESELF_TEST_STORE` says `postgres` or `postgres-serializable`.
//!
//! What would surprise: there is a directory either way, for what tests put beside the data.

use std::path::Path;
use std::sync::Arc;

use oneself::clock::{Clock, Random, SystemClock, SystemRandomness};
use oneself::store::Store;
use oneself::store::postgres::{Address, PostgresStore};
use oneself::store::sqlite::{SqliteOptions, SqliteStore};

use super::database::{Database, fresh_like};

/// What names the template has in common with the schema that is in it.
const SCHEMA: &str = concat!(
    include_str!("../../../src/store/postgres/migrations/0001.sql"),
    include_str!("../../../src/store/postgres/migrations/0002.sql"),
    include_str!("../../../src/store/postgres/migrations/0003.sql"),
    include_str!("../../../src/store/postgres/migrations/0004.sql"),
);

/// How many connections a store of a test has: many tests run at once.
const CONNECTIONS: usize = 4;

/// Where the store of a test is kept, for as long as it is held.
pub struct Kept {
    dir: tempfile::TempDir,
    database: Option<Database>,
}

impl Kept {
    /// A place where nothing is kept yet.
    pub async fn new() -> Self {
        match std::env::var("ONESELF_TEST_STORE").as_deref() {
            Err(_) | Ok("sqlite") => Self::in_files(),
            Ok("postgres") => Self::in_database("").await,
            Ok("postgres-serializable") => {
                Self::in_database("options=-c%20default_transaction_isolation%3Dserializable").await
            }
            Ok(other) => panic!("ONESELF_TEST_STORE is {other}: it is sqlite, postgres or postgres-serializable"),
        }
    }

    /// Files where nothing is kept yet.
    pub fn in_files() -> Self {
        Self::of(tempfile::tempdir().unwrap())
    }

    /// A database where nothing is kept yet, connected to with these parameters of a URL.
    pub async fn in_database(settings: &str) -> Self {
        Self {
            database: Some(database(settings).await),
            ..Self::in_files()
        }
    }

    /// A place for files that are in this directory.
    pub fn of(dir: tempfile::TempDir) -> Self {
        Self { dir, database: None }
    }

    /// Opens the store that is kept here.
    pub async fn open(&self, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Arc<dyn Store> {
        match &self.database {
            None => {
                let store = SqliteStore::open(self.dir.path(), clock, random, &SqliteOptions::default());
                Arc::new(store.expect("the store opens"))
            }
            Some(database) => open_at(&database.url(), CONNECTIONS, clock, random).await,
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The database, if it is one.
    pub fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }
}

/// Opens the store in the database of this URL.
pub async fn open_at(url: &str, connections: usize, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Arc<dyn Store> {
    let address = Address::parse(&url.into(), None).unwrap();
    let store = PostgresStore::open(&address, connections, clock, random).await;
    Arc::new(store.expect("the store opens"))
}

/// A database that has our schema.
pub async fn database(settings: &str) -> Database {
    let digest = oneself::secret::Digest::of(SCHEMA.as_bytes());
    let template = format!("oneself_template_{}", hex::encode(&digest.as_bytes()[..6]));
    let made = fresh_like(&template, async |url| {
        let (clock, random) = (Arc::new(SystemClock::default()), Arc::new(SystemRandomness::new()));
        drop(open_at(&url, 1, clock, random).await);
    });
    made.await.with_settings(settings)
}
