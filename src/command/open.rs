//! Puts the system together from the settings and a directory that this process holds.
//!
//! The one place where store, vault and [`App`] meet what they are made of. The order
//! matters: whatever the settings have wrong is refused before anything is made.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::installation::Installation;
use super::{Failure, root_key};
use crate::app::{App, Origins, Parts, PasswordSettings};
use crate::clock::{SystemClock, SystemRandomness};
use crate::config::{Config, MailSecurity, Unsafe};
use crate::error::Error;
use crate::mail::{Mailer, Security, Smtp};
use crate::outbound::Outbound;
use crate::secret::SecretString;
use crate::store::Store;
use crate::store::ledger::LedgerFault;
use crate::store::postgres::{self, PostgresStore};
use crate::store::sqlite::{OpenError, SqliteOptions, SqliteStore};
use crate::vault::Vault;

/// The threads on which requests are answered. They and the store's writer share the
/// processors; one more than that costs each of them more than it brings.
///
/// # Errors
/// When the system gives none.
pub fn runtime(config: &Config) -> Result<tokio::runtime::Runtime, Failure> {
    let threads = match config.request_threads {
        0 => std::thread::available_parallelism().map_or(1, |processors| processors.get() - 1),
        threads => threads,
    };
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads.max(1))
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start threads: {error}")))
}

/// The system over this installation, known under the origins of a server at `address`.
///
/// # Errors
/// Unsafe when the root key is missing or another one, or the data is of another version;
/// failed when the files cannot be used.
pub async fn app(config: &Config, installation: &Installation, address: SocketAddr) -> Result<App, Failure> {
    let origins = Origins::new(config.origins(address)).map_err(|error| Unsafe(error.to_string()))?;
    let rate_limit_per_address = config
        .rate_limit_per_address
        .parse()
        .map_err(|why| Unsafe(format!("rate_limit_per_address {why}")))?;
    let mailer = mailer(config)?;
    let clock = Arc::new(SystemClock::default());
    let random = Arc::new(SystemRandomness::new());
    let (store, root): (Arc<dyn Store>, _) = match installation {
        Installation::Directory(directory) => {
            let root = root_key::read_or_make(config, installation, directory.has_data(), &*random)?;
            let options = store_options();
            let store = SqliteStore::open(directory.path(), clock.clone(), random.clone(), &options)?;
            (Arc::new(store), root)
        }
        Installation::Database(database) => {
            let connections = config.database_connections;
            let store = PostgresStore::open(&database.address, connections, clock.clone(), random.clone()).await?;
            let has_data = store.find_key_check().await.map_err(Error::from)?.is_some();
            let root = root_key::read_or_make(config, installation, has_data, &*random)?;
            (Arc::new(store), root)
        }
    };
    let parts = Parts {
        store,
        vault: Vault::new(root, random.clone()),
        clock,
        random,
        origins,
        passwords: PasswordSettings {
            at_once: config.password_hashes_at_once,
            waiting: config.password_hashes_waiting,
            ..password_cost()
        },
        rate_limit_per_address,
        mailer,
        outbound: Outbound::new(config.outbound()),
        sandbox: config.sandbox.as_ref().map(|sandbox| sandbox.as_str().to_owned()),
    };
    App::start(parts).await.map_err(|error| match error {
        Error::CryptoIntegrity => Failure::Unsafe(format!(
            "the data in {} was sealed under another root key: put that key back, or say with --root-key-file where \
             it is",
            installation.name()
        )),
        error => error.into(),
    })
}

/// What sends mail, as the settings say.
fn mailer(config: &Config) -> Result<Option<Mailer>, Failure> {
    let made = match &config.mail_directory {
        Some(directory) => Mailer::into_directory(&config.mail_from, directory),
        None if config.mail_smtp.is_empty() => return Ok(None),
        None => {
            let login = match &config.mail_smtp_password_file {
                Some(path) => Some((
                    config.mail_smtp_user.clone(),
                    password("mail_smtp_password_file", path)?,
                )),
                None => None,
            };
            let smtp = Smtp {
                address: config.mail_smtp.clone(),
                security: match config.mail_smtp_security {
                    MailSecurity::StartTls => Security::StartTls,
                    MailSecurity::Tls => Security::Tls,
                    MailSecurity::None => Security::None,
                },
                login,
            };
            Mailer::by_smtp(&config.mail_from, smtp)
        }
    };
    Ok(Some(made.map_err(Unsafe)?))
}

/// The first line of a file that nobody else may read, which this setting names.
///
/// # Errors
/// When it is unreadable, or readable to others.
pub fn password(setting: &str, path: &Path) -> Result<SecretString, Unsafe> {
    let cannot = |error| Unsafe(format!("cannot read {setting} {}: {error}", path.display()));
    let mode = std::fs::metadata(path).map_err(cannot)?.mode();
    if mode & 0o077 != 0 {
        return Err(Unsafe(format!(
            "{setting} {0} can be read by others: chmod 0400 {0}",
            path.display()
        )));
    }
    let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(cannot)?;
    Ok(text.lines().next().unwrap_or_default().into())
}

impl From<OpenError> for Failure {
    /// What only the operator can put right is unsafe to start with; a full or broken
    /// disk is a failure like another.
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NewerSchema { .. }
            | OpenError::NeedsMigration { .. }
            | OpenError::Corrupt { .. }
            | OpenError::Ledger(LedgerFault::DataOlder(_)) => Self::Unsafe(error.to_string()),
            OpenError::NotWritable { .. }
            | OpenError::DiskFull { .. }
            | OpenError::Io { .. }
            | OpenError::Ledger(_) => Self::Failed(error.to_string()),
        }
    }
}

impl From<postgres::OpenError> for Failure {
    /// Likewise.
    fn from(error: postgres::OpenError) -> Self {
        match error {
            postgres::OpenError::NewerSchema { .. }
            | postgres::OpenError::NeedsMigration { .. }
            | postgres::OpenError::Unfit(_) => Self::Unsafe(error.to_string()),
            postgres::OpenError::Refused(_) => Self::Failed(error.to_string()),
        }
    }
}

/// Full durability, but for the test that must see what happens without.
pub fn store_options() -> SqliteOptions {
    SqliteOptions {
        #[cfg(debug_assertions)]
        synchronous_normal: std::env::var_os("ONESELF_TEST_SYNCHRONOUS_NORMAL").is_some(),
    }
}

/// Full cost, but for tests of everything else.
fn password_cost() -> PasswordSettings {
    #[cfg(debug_assertions)]
    if std::env::var_os("ONESELF_TEST_CHEAP_PASSWORDS").is_some() {
        return PasswordSettings::cheap_for_tests();
    }
    PasswordSettings::default()
}
