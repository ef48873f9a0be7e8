//! Why a database is not opened, and what whoever runs it can do about that.
//!
//! What would surprise: the server says which object a right is missing on, and not always which
//! right; so whoever asked for it says that, with the statements that give it.

use std::error::Error as _;
use std::io;

use rustls::CertificateError;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::connect::Address;
use super::trouble::{Fault, told};

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It was written by a newer binary; nothing was touched.
    #[error(
        "the database has schema version {found}, and this binary knows versions up to {known}: use a newer binary"
    )]
    NewerSchema {
        /// Its version.
        found: i64,
        /// The newest that this binary knows.
        known: i64,
    },
    /// It was written by an older binary.
    #[error("the database has schema version {found}, and this binary needs {known}: run `oneself migrate`")]
    NeedsMigration {
        /// Its version.
        found: i64,
        /// The version that this binary works with.
        known: i64,
    },
    /// It cannot be reached, or refuses.
    #[error("{0}")]
    Refused(String),
    /// It is of no use as it is: without a right that is needed, or not ours.
    #[error("{0}")]
    Unfit(String),
}

impl OpenError {
    fn of(fault: &Fault, why: String) -> Self {
        let unfit = match fault {
            Fault::Silence => false,
            Fault::Unconnected(error) if error.code().is_none() => needs_another_url(error),
            Fault::Unconnected(error) | Fault::Said(error) => error.code().is_some_and(|state| {
                matches!(state.code().get(..2), Some("28" | "3D" | "42"))
                    || *state == SqlState::READ_ONLY_SQL_TRANSACTION
            }),
        };
        match unfit {
            true => Self::Unfit(why),
            false => Self::Refused(why),
        }
    }
}

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> Self {
        Self::of(&fault, told(&fault))
    }
}

impl From<tokio_postgres::Error> for OpenError {
    fn from(error: tokio_postgres::Error) -> Self {
        Fault::from(error).into()
    }
}

/// A connection for whoever opens the database.
///
/// # Errors
/// Why there is none, with the server's address.
pub(super) async fn connect(address: &Address) -> Result<Client, OpenError> {
    address.connect_bare().await.map_err(|fault| {
        let advice = match &fault {
            Fault::Unconnected(error) => advice(error),
            Fault::Said(_) | Fault::Silence => "",
        };
        OpenError::of(&fault, format!("no connection to {address}: {}{advice}", told(&fault)))
    })
}

/// Whether trying again does not help, as long as the URL and the server's TLS stay as they are.
fn needs_another_url(error: &tokio_postgres::Error) -> bool {
    tls_fault(error).is_some() || (is_without_cause(error) && !error.is_closed())
}

/// What TLS has against the server.
fn tls_fault(error: &tokio_postgres::Error) -> Option<&rustls::Error> {
    error.source()?.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref()
}

/// Whether nothing that was read or written is the reason.
fn is_without_cause(error: &tokio_postgres::Error) -> bool {
    !error.source().is_some_and(|cause| cause.is::<io::Error>())
}

fn advice(error: &tokio_postgres::Error) -> &'static str {
    match tls_fault(error) {
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)) => {
            ". Say in database_url whose certificates are trusted: sslrootcert=FILE"
        }
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => ". Use a name in database_url that the certificate is for",
        Some(_) => "",
        None if error.to_string().contains("TLS") && is_without_cause(error) => {
            ". Switch TLS on at the server, or, where the network can be trusted, say sslmode=disable in database_url"
        }
        None => "",
    }
}

/// The schemas or tables cannot be made for want of a right.
pub(super) fn may_not_make(address: &Address, error: tokio_postgres::Error) -> OpenError {
    let (user, database) = address.parties();
    lacking(
        error,
        &format!(
            "What gives it: GRANT CREATE ON DATABASE \"{database}\" TO \"{user}\"; and what is there of ours must \
             be its own"
        ),
    )
}

/// The tables are there and cannot be read or written for want of a right.
pub(super) fn may_not_use(address: &Address, error: tokio_postgres::Error) -> OpenError {
    let (user, _) = address.parties();
    lacking(
        error,
        &format!(
            "What gives it: GRANT USAGE ON SCHEMA oneself, oneself_keys TO \"{user}\"; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA oneself, oneself_keys TO \"{user}\""
        ),
    )
}

fn lacking(error: tokio_postgres::Error, remedy: &str) -> OpenError {
    match OpenError::from(error) {
        OpenError::Unfit(why) => OpenError::Unfit(format!("{why}. {remedy}")),
        other => other,
    }
}

/// Whether a right is missing.
pub(super) fn is_forbidden(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE)
}
