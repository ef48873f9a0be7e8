//! What an error of the server means: to the store, and to whoever may try again.
//!
//! What would surprise: a unique key that is broken means that somebody else was faster after an
//! act had looked, so it is tried again like a serialization failure, and sees what the other
//! wrote. Details of an error are never told: they hold the values of columns.

use tokio_postgres::error::SqlState;

use crate::store::StoreError;

/// Why a statement has no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// There is no connection, for this reason.
    Unconnected(tokio_postgres::Error),
    /// The server or the connection says so.
    Said(tokio_postgres::Error),
    /// Nobody says anything.
    Silence,
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Said(error)
    }
}

/// What can be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Others were in the way: run it again.
    Again,
    /// The connection is of no use any more, and nobody says what came of what was sent: take
    /// another and run it again.
    Lost,
    /// This server does no such thing, and did not: take another connection and run it again.
    Elsewhere,
    /// The server cannot do it now.
    Unavailable,
    /// It does no such thing at all, other than PostgreSQL.
    Unsupported,
    /// It should not have been asked.
    Ours,
}

/// What can be done about it.
pub(super) fn of(fault: &Fault) -> Trouble {
    let (error, is_connected) = match fault {
        Fault::Silence => return Trouble::Lost,
        Fault::Unconnected(error) => (error, false),
        Fault::Said(error) => (error, true),
    };
    let Some(state) = error.code() else {
        // Nothing that a server says: it cannot be reached, or what it says makes no sense.
        return match !is_connected || error.is_closed() || is_io(error) {
            true => Trouble::Lost,
            false => Trouble::Ours,
        };
    };
    match *state {
        SqlState::T_R_SERIALIZATION_FAILURE
        | SqlState::T_R_DEADLOCK_DETECTED
        | SqlState::UNIQUE_VIOLATION
        | SqlState::LOCK_NOT_AVAILABLE => Trouble::Again,
        SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN
        | SqlState::ADMIN_SHUTDOWN
        | SqlState::CRASH_SHUTDOWN
        | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Trouble::Lost,
        SqlState::FEATURE_NOT_SUPPORTED => Trouble::Unsupported,
        SqlState::CANNOT_CONNECT_NOW | SqlState::READ_ONLY_SQL_TRANSACTION => Trouble::Elsewhere,
        SqlState::INSUFFICIENT_PRIVILEGE => Trouble::Unavailable,
        _ => match state.code().get(..2) {
            // Connection, out of resources, limits, canceled, system errors.
            Some("08") => Trouble::Lost,
            Some("53" | "54" | "57" | "58" | "55" | "28" | "40") => Trouble::Unavailable,
            _ => Trouble::Ours,
        },
    }
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<std::io::Error>() {
            return true;
        }
        source = cause.source();
    }
    false
}

/// What the store says of it.
pub(super) fn to_store(fault: &Fault) -> StoreError {
    match of(fault) {
        Trouble::Again => StoreError::Unavailable("the database is busy with others who want the same".into()),
        Trouble::Lost | Trouble::Elsewhere | Trouble::Unavailable => StoreError::Unavailable(told(fault)),
        Trouble::Unsupported | Trouble::Ours => StoreError::Corrupt(told(fault)),
    }
}

/// The error in a sentence for operators, without the values that it is about.
pub(super) fn told(fault: &Fault) -> String {
    let (Fault::Unconnected(error) | Fault::Said(error)) = fault else {
        return "the database does not answer".into();
    };
    if let Some(said) = error.as_db_error() {
        let what = match *said.code() {
            SqlState::DISK_FULL => "the disk of the database is full",
            SqlState::TOO_MANY_CONNECTIONS => {
                "the database takes no more connections: raise its max_connections or lower database_connections"
            }
            SqlState::READ_ONLY_SQL_TRANSACTION => {
                "the database takes no writes: it is a standby, or set to be read only"
            }
            SqlState::QUERY_CANCELED => "the database took too long",
            SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                "the database refuses the user or the password of database_url"
            }
            SqlState::INSUFFICIENT_PRIVILEGE => "the user of database_url lacks a right",
            SqlState::INVALID_CATALOG_NAME => "the server has no database of that name: create it first",
            _ => return format!("the database says: {} ({})", said.message(), said.code().code()),
        };
        return format!("{what} ({}: {})", said.code().code(), said.message());
    }
    let mut told = format!("the database cannot be used: {error}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_told = cause.to_string();
        if !told.contains(&cause_told) {
            told = format!("{told}: {cause_told}");
        }
        source = cause.source();
    }
    told
}
