//! What is kept of a test's store, past the store: for tests that count rows, change them behind
//! its back, or look for what must not be there.
//!
//! Tables and columns have the same names in every database. What would surprise: values come as
//! text, as PostgreSQL writes them, so bytes begin with `\x` and go on in hex.

use std::path::Path;

use rusqlite::Connection as Sqlite;
use rusqlite::types::ValueRef;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::database::{Database, connect};
use super::kept::Kept;

impl Kept {
    /// Runs statements; returns how many rows the last one touched.
    pub async fn execute(&self, sql: &str) -> u64 {
        match self.database() {
            None => {
                let files = files(self.path());
                let done = files.execute_batch(sql);
                done.unwrap_or_else(|error| panic!("{sql}: {error}"));
                files.changes()
            }
            Some(database) => {
                let messages = client(database).await.simple_query(sql).await;
                let messages = messages.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
                let mut ends = messages.iter().filter_map(|message| match message {
                    SimpleQueryMessage::CommandComplete(rows) => Some(*rows),
                    _ => None,
                });
                ends.next_back().unwrap_or_default()
            }
        }
    }

    /// The rows of a query, with nothing of what is NULL.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        match self.database() {
            None => rows_in_files(&files(self.path()), sql),
            Some(database) => rows_in_database(&client(database).await, sql).await,
        }
    }

    /// The first column of a query.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        self.rows(sql).await.into_iter().flatten().collect()
    }

    /// The one number that a query finds.
    pub async fn number(&self, sql: &str) -> i64 {
        self.texts(sql).await[0].parse().unwrap()
    }

    /// The one value of bytes that a query finds.
    pub async fn bytes(&self, sql: &str) -> Vec<u8> {
        as_bytes(&self.texts(sql).await[0]).expect("these are bytes")
    }

    /// How these bytes are written in a statement.
    pub fn literal(&self, bytes: impl AsRef<[u8]>) -> String {
        match self.database() {
            None => format!("x'{}'", hex::encode(bytes)),
            Some(_) => format!("'\\x{}'::bytea", hex::encode(bytes)),
        }
    }

    /// Whether these bytes are anywhere: in a file, or in a value of a row.
    pub async fn holds(&self, sought: impl AsRef<[u8]>) -> bool {
        let sought = sought.as_ref();
        let is_in = |place: &[u8]| place.windows(sought.len()).any(|window| window == sought);
        let entries = std::fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        for file in entries.filter(|path| path.is_file()) {
            // One that is not there any more was part of a database.
            if std::fs::read(file).is_ok_and(|bytes| is_in(&bytes)) {
                return true;
            }
        }
        let Some(database) = self.database() else { return false };
        let client = client(database).await;
        let tables = "SELECT table_schema || '.' || table_name FROM information_schema.tables
                      WHERE table_schema IN ('oneself', 'oneself_keys')";
        for table in rows_in_database(&client, tables).await.into_iter().flatten() {
            let values = rows_in_database(&client, &format!("SELECT * FROM {table}")).await;
            let found = values
                .into_iter()
                .flatten()
                .any(|value| is_in(value.as_bytes()) || as_bytes(&value).is_some_and(|bytes| is_in(&bytes)));
            if found {
                return true;
            }
        }
        false
    }

    /// Has done what a server does after a while and when it ends: what SQLite has in its logs
    /// goes into the files.
    pub fn checkpoint(&self) {
        if self.database().is_some() {
            return;
        }
        for file in ["data.db", "keys.db"] {
            let busy = rows_in_files(&open(&self.path().join(file)), "PRAGMA wal_checkpoint(TRUNCATE)");
            assert_eq!(busy[0][0], "0", "somebody still reads {file}");
        }
    }
}

/// The two files of SQLite, as one database.
fn files(folder: &Path) -> Sqlite {
    let files = open(&folder.join("data.db"));
    let keys = folder.join("keys.db");
    files
        .execute("ATTACH ?1 AS oneself_keys", [keys.to_str().unwrap()])
        .unwrap();
    files
}

fn open(file: &Path) -> Sqlite {
    assert!(file.is_file(), "there is no {}", file.display());
    Sqlite::open(file).unwrap()
}

/// A client that finds tables as the store does. It is no more than a bystander, so the isolation
/// of the store's own transactions is not for it.
async fn client(database: &Database) -> Client {
    let client = connect(&database.url()).await;
    let session = "SET search_path = oneself, oneself_keys; SET default_transaction_isolation = 'read committed'";
    client.batch_execute(session).await.unwrap();
    client
}

fn rows_in_files(files: &Sqlite, sql: &str) -> Vec<Vec<String>> {
    let mut statement = files.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut all = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let values = (0..columns).filter_map(|n| match row.get_ref(n).unwrap() {
            ValueRef::Null => None,
            ValueRef::Integer(number) => Some(number.to_string()),
            ValueRef::Real(number) => Some(number.to_string()),
            ValueRef::Text(text) => Some(String::from_utf8(text.to_vec()).unwrap()),
            ValueRef::Blob(bytes) => Some(format!("\\x{}", hex::encode(bytes))),
        });
        all.push(values.collect());
    }
    all
}

async fn rows_in_database(client: &Client, sql: &str) -> Vec<Vec<String>> {
    let messages = client.simple_query(sql).await;
    let messages = messages.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    rows.map(|row| (0..row.len()).filter_map(|n| row.get(n).map(str::to_owned)).collect())
        .collect()
}

fn as_bytes(value: &str) -> Option<Vec<u8>> {
    hex::decode(value.strip_prefix("\\x")?).ok()
}
