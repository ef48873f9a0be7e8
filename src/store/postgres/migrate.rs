//! The schema of the database: made, recognised, and brought to that of this binary.
//!
//! A migration is a list of statements, each a step of its own that may be run again, so several
//! servers may run it at once and a step that was cut off is done anew. The number in `meta` is
//! written last. What would surprise: an empty database is made ready by whoever opens it first,
//! as an empty directory is; an older schema waits for `oneself migrate`.

use std::time::{Duration, Instant};

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::connect::Address;
use super::trouble::{Fault, told};

/// The migrations, oldest first.
pub(super) const MIGRATIONS: [&str; 1] = [include_str!("migrations/0001.sql")];

/// For how long a step is tried again when another server runs it too.
const PATIENCE: Duration = Duration::from_secs(20);

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
    /// It is of no use as it is: too old, or without a right that is needed.
    #[error("{0}")]
    Unfit(String),
}

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> Self {
        let unfit = match &fault {
            Fault::Said(error) => error.code().is_some_and(|state| {
                matches!(state.code().get(..2), Some("28" | "3D" | "42"))
                    || *state == SqlState::READ_ONLY_SQL_TRANSACTION
            }),
            Fault::Silence => false,
        };
        match unfit {
            true => Self::Unfit(told(&fault)),
            false => Self::Refused(told(&fault)),
        }
    }
}

impl From<tokio_postgres::Error> for OpenError {
    fn from(error: tokio_postgres::Error) -> Self {
        Fault::from(error).into()
    }
}

/// The schema version that this binary works with.
fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// What is to be done with an older schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Older {
    /// Refused.
    Refuse,
    /// Brought up to date.
    Migrate,
}

/// Sees that the database has the schema of this binary.
pub(super) async fn prepare(address: &Address, older: Older) -> Result<(), OpenError> {
    prepare_for_copy(address, older).await?;
    let client = address.connect_bare().await?;
    let copying = client
        .query_opt("SELECT 1 FROM oneself.meta WHERE name = 'copying'", &[])
        .await?;
    match copying {
        None => Ok(()),
        Some(_) => Err(OpenError::Unfit(
            "a copy into the database has not come to its end: run `oneself copy` again".into(),
        )),
    }
}

/// The same, be a copy into it under way or not.
pub(super) async fn prepare_for_copy(address: &Address, older: Older) -> Result<(), OpenError> {
    let client = address.connect_bare().await?;
    let found = version(&client).await?;
    match found {
        Some(found) if found == known() => Ok(()),
        Some(found) if found > known() => Err(OpenError::NewerSchema { found, known: known() }),
        Some(found) if older == Older::Refuse => Err(OpenError::NeedsMigration { found, known: known() }),
        found => migrate(&client, found.unwrap_or(0)).await,
    }
}

/// The version of the schema; `None` when there is none, or one that is being made.
async fn version(client: &Client) -> Result<Option<i64>, OpenError> {
    let there = client
        .query_opt(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = 'oneself' AND table_name = 'meta'",
            &[],
        )
        .await?;
    if there.is_none() {
        return Ok(None);
    }
    let row = client
        .query_opt("SELECT value FROM oneself.meta WHERE name = 'schema_version'", &[])
        .await?;
    row.map(|row| row.try_get(0)).transpose().map_err(OpenError::from)
}

async fn migrate(client: &Client, found: i64) -> Result<(), OpenError> {
    for (migration, version) in MIGRATIONS.iter().zip(1_i64..) {
        if version <= found {
            continue;
        }
        for step in steps(migration) {
            run(client, &step).await?;
        }
        run(
            client,
            &format!(
                "INSERT INTO oneself.meta (name, value) VALUES ('schema_version', {version})
                 ON CONFLICT (name) DO UPDATE SET value = {version} WHERE meta.value < {version}"
            ),
        )
        .await?;
    }
    Ok(())
}

/// The statements of a migration, without the comments between them.
pub fn steps(migration: &str) -> Vec<String> {
    let code = migration.lines().filter(|line| !line.starts_with("--"));
    let code = code.collect::<Vec<_>>().join("\n");
    code.split(";\n")
        .map(|step| step.trim().trim_end_matches(';').to_owned())
        .filter(|step| !step.is_empty())
        .collect()
}

/// Runs a step, again if another server is about to do the same.
async fn run(client: &Client, step: &str) -> Result<(), OpenError> {
    let begun = Instant::now();
    loop {
        let Err(error) = client.batch_execute(step).await else {
            return Ok(());
        };
        let met = error.code().is_some_and(|state| {
            [
                SqlState::UNIQUE_VIOLATION,
                SqlState::DUPLICATE_TABLE,
                SqlState::DUPLICATE_SCHEMA,
                SqlState::DUPLICATE_OBJECT,
                SqlState::T_R_SERIALIZATION_FAILURE,
                SqlState::T_R_DEADLOCK_DETECTED,
                SqlState::INTERNAL_ERROR,
            ]
            .contains(state)
        });
        if !met || begun.elapsed() > PATIENCE {
            return Err(error.into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
