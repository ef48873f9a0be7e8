//! Connections that only read, used in place by whichever task asks.
//!
//! A read takes microseconds, so it is not worth another thread. What a read gathers with
//! several statements is of one moment; one statement needs no transaction for that. What
//! would surprise: a connection whose read failed is closed rather than given back.

use parking_lot::Mutex;
use rusqlite::Connection;

use super::open::Database;
use crate::store::StoreResult;
use crate::store::sql::Sql;
use crate::store::sql::rows::params;

/// As many connections as there were reads at the same time.
pub(super) struct Readers {
    database: Database,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub fn new(database: Database) -> Self {
        Self {
            database,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Reads with several statements as of one moment.
    pub fn read<T>(&self, read: impl FnOnce(&dyn Sql) -> StoreResult<T>) -> StoreResult<T> {
        self.read_one(|connection| {
            connection.run("BEGIN", params![])?;
            let answer = read(connection)?;
            connection.run("COMMIT", params![])?;
            Ok(answer)
        })
    }

    /// Reads with one statement.
    pub fn read_one<T>(&self, read: impl FnOnce(&dyn Sql) -> StoreResult<T>) -> StoreResult<T> {
        let idle = self.idle.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.database.reader()?,
        };
        let answer = read(&connection)?;
        self.idle.lock().push(connection);
        Ok(answer)
    }
}
