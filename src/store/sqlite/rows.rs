//! How statements are run on a connection of SQLite, and what its errors mean to the store.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, ToSql};

use crate::store::sql::rows::{Cell, Cells, Row, ToValue, Value, corrupt};
use crate::store::sql::{Sql, Step};
use crate::store::{StoreError, StoreResult};

impl Sql for Connection {
    fn run(&self, statement: &str, params: &[&dyn ToValue]) -> StoreResult<usize> {
        Ok(bound(self, statement, params)?.raw_execute()?)
    }

    fn each(
        &self,
        statement: &str,
        params: &[&dyn ToValue],
        take: &mut dyn FnMut(&Row<'_>) -> StoreResult<Step>,
    ) -> StoreResult<()> {
        let mut statement = bound(self, statement, params)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            if take(&Row(row))? == Step::Enough {
                break;
            }
        }
        Ok(())
    }
}

/// The statement, prepared once for each connection, with its values.
fn bound<'c>(connection: &'c Connection, statement: &str, params: &[&dyn ToValue]) -> StoreResult<CachedStatement<'c>> {
    let mut statement = connection.prepare_cached(statement)?;
    debug_assert_eq!(statement.parameter_count(), params.len(), "values of a statement");
    for (param, place) in params.iter().zip(1..) {
        statement.raw_bind_parameter(place, Bound(param.to_value()?))?;
    }
    Ok(statement)
}

struct Bound<'v>(Value<'v>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match &self.0 {
            Value::Null => ValueRef::Null,
            Value::Number(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl Cells for rusqlite::Row<'_> {
    fn cell(&self, column: usize) -> StoreResult<Cell<'_>> {
        Ok(match self.get_ref(column)? {
            ValueRef::Null => Cell::Null,
            ValueRef::Integer(number) => Cell::Number(number),
            ValueRef::Text(text) => Cell::Text(std::str::from_utf8(text).map_err(corrupt)?),
            ValueRef::Blob(bytes) => Cell::Bytes(bytes),
            // The tables are STRICT, so no column holds one.
            ValueRef::Real(_) => return Err(corrupt(format!("column {column} holds a fraction"))),
        })
    }

    fn place_of(&self, name: &str) -> Option<usize> {
        self.as_ref().column_index(name).ok()
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use ErrorCode as Code;
        match error.sqlite_error_code() {
            Some(Code::DiskFull) => Self::Unavailable("the disk is full".into()),
            Some(Code::ReadOnly) => Self::Unavailable("the data directory cannot be written to".into()),
            Some(
                Code::SystemIoFailure
                | Code::OutOfMemory
                | Code::CannotOpen
                | Code::PermissionDenied
                | Code::DatabaseBusy
                | Code::DatabaseLocked
                | Code::FileLockingProtocolFailed
                | Code::OperationInterrupted
                | Code::OperationAborted,
            ) => Self::Unavailable(format!("the data directory cannot be used: {error}")),
            _ => Self::Corrupt(error.to_string()),
        }
    }
}
