//! Connections that only read, used in place by whichever task asks.
//!
//! A read takes microseconds, so it is not worth another thread. Each read is one
//! transaction: what it gathers with several statements is of one moment. What would
//! surprise: a connection whose read failed is closed rather than given back.

use parking_lot::Mutex;
use rusqlite::Connection;

use super::open::Database;
use super::rows::Sql as _;
use crate::store::StoreResult;

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

    /// Reads as of one moment.
    pub fn read<T>(&self, read: impl FnOnce(&Connection) -> StoreResult<T>) -> StoreResult<T> {
        let idle = self.idle.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.database.reader()?,
        };
        connection.run("BEGIN", [])?;
        let answer = read(&connection)?;
        connection.run("COMMIT", [])?;
        self.idle.lock().push(connection);
        Ok(answer)
    }
}
