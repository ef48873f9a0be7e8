//! How domain values are written into columns and read back, and what SQLite's errors
//! mean to the store.
//!
//! Ids are bytes, tenants, connections and proofs numbers, times milliseconds, attributes
//! JSON.
//! What would surprise: a value that cannot be read back is [`StoreError::Corrupt`], and
//! so is a broken constraint, for acts check before they write; only what the machine
//! cannot do at the moment is [`StoreError::Unavailable`].

use std::error::Error as StdError;

use jiff::Timestamp;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Value, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, Params, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::{Actor, Proof, WrappedKey};
use crate::id::{ClientId, ConnectionId, EventId, IdentityId, JobId, LogId, TenantId, UserId};
use crate::secret::{Digest, Sealed};
use crate::store::{LoginKind, StoreError, StoreResult};

macro_rules! blob_column {
    ($($name:ident),*) => { $(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::from(self.as_bytes().as_slice()))
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                FromSql::column_result(value).map(Self::from_bytes)
            }
        }
    )* };
}

blob_column!(UserId, IdentityId, EventId, LogId, Digest);

macro_rules! number_column {
    ($($name:ident),*) => { $(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::from(self.number()))
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_i64().map(Self::from_number)
            }
        }
    )* };
}

number_column!(TenantId, ConnectionId, JobId);

impl ToSql for Sealed {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.as_bytes()))
    }
}

impl FromSql for Sealed {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_blob().map(|bytes| Self::from_bytes(bytes.to_vec()))
    }
}

impl ToSql for WrappedKey {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0.as_slice()))
    }
}

impl FromSql for WrappedKey {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_blob().map(|bytes| Self(bytes.to_vec()))
    }
}

impl ToSql for ClientId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(Value::Blob(self.to_bytes().to_vec())))
    }
}

impl FromSql for ClientId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        FromSql::column_result(value)
            .map(Self::from_bytes)?
            .ok_or(FromSqlError::InvalidType)
    }
}

impl ToSql for Actor {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(Value::Blob(self.to_bytes())))
    }
}

impl FromSql for Actor {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::from_bytes(value.as_blob()?).ok_or(FromSqlError::InvalidType)
    }
}

impl ToSql for Proof {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(proof_number(*self)))
    }
}

impl FromSql for Proof {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        let found = Self::ALL.into_iter().find(|proof| proof_number(*proof) == number);
        found.ok_or(FromSqlError::OutOfRange(number))
    }
}

/// What a proof is kept as: it stands in every identity and event, where names would take
/// ten times the space.
const fn proof_number(proof: Proof) -> i64 {
    match proof {
        Proof::Asserted => 1,
        Proof::IdToken => 2,
        Proof::AudienceChecked => 3,
        Proof::CodeFlow => 4,
        Proof::TwoProof => 5,
    }
}

impl ToSql for LoginKind {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(match self {
            Self::Email => "email",
            Self::Username => "username",
            Self::PhoneNumber => "phone_number",
        }))
    }
}

/// A moment, kept in milliseconds.
pub(super) struct Millis(pub Timestamp);

impl ToSql for Millis {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0.as_millisecond()))
    }
}

impl FromSql for Millis {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let millis = value.as_i64()?;
        Timestamp::from_millisecond(millis)
            .map(Self)
            .map_err(|_| FromSqlError::OutOfRange(millis))
    }
}

/// A value that SQL does not look into.
pub(super) struct Json<T>(pub T);

impl<T: Serialize> ToSql for Json<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        serde_json::to_string(&self.0)
            .map(|text| ToSqlOutput::Owned(Value::Text(text)))
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
    }
}

impl<T: DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?)
            .map(Self)
            .map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}

/// That the store contradicts itself, in a sentence.
pub(super) fn corrupt(what: impl Into<Box<dyn StdError + Send + Sync>>) -> StoreError {
    StoreError::Corrupt(what.into().to_string())
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

/// What every connection of ours can do: prepared statements, in one line each.
pub(super) trait Sql {
    /// The statement, prepared once for each connection.
    fn statement(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>>;

    /// Runs a write; returns how many rows it touched.
    fn run(&self, sql: &str, params: impl Params) -> StoreResult<usize> {
        Ok(self.statement(sql)?.execute(params)?)
    }

    /// The first row, if there is one.
    fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> StoreResult<Option<T>> {
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query(params)?;
        Ok(rows.next()?.map(read).transpose()?)
    }

    /// Every row.
    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> StoreResult<Vec<T>> {
        let mut statement = self.statement(sql)?;
        let rows = statement.query_map(params, read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Whether there is a row.
    fn any(&self, sql: &str, params: impl Params) -> StoreResult<bool> {
        Ok(self.first(sql, params, |_| Ok(()))?.is_some())
    }
}

impl Sql for Connection {
    fn statement(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.prepare_cached(sql)
    }
}
