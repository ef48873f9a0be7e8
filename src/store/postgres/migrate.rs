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
use super::isolation;
use super::refusal::{OpenError, connect, is_forbidden, may_not_make, may_not_use};

/// The migrations, oldest first.
pub(super) const MIGRATIONS: [&str; 4] = [
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
];

/// For how long a step is tried again when another server runs it too.
const PATIENCE: Duration = Duration::from_secs(20);

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

/// Sees that the database has the schema of this binary, and that transactions are isolated in it
/// as they should be; the connection by which that was seen.
pub(super) async fn prepare(address: &Address, older: Older) -> Result<Client, OpenError> {
    let client = prepare_for_copy(address, older).await?;
    let copying = client
        .query_opt("SELECT 1 FROM oneself.meta WHERE name = 'copying'", &[])
        .await?;
    match copying {
        None => Ok(client),
        Some(_) => Err(OpenError::Unfit(
            "a copy into the database has not come to its end: run `oneself copy` again".into(),
        )),
    }
}

/// The same, be a copy into it under way or not.
pub(super) async fn prepare_for_copy(address: &Address, older: Older) -> Result<Client, OpenError> {
    let client = connect(address).await?;
    let server: String = client.query_one("SELECT version()", &[]).await?.try_get(0)?;
    isolation::check(&client, &server).await?;
    let found = version(&client).await.map_err(|fault| match fault {
        Unread::NotOurs => OpenError::Unfit(
            "the schema oneself of the database belongs to another program: make a database for this one alone".into(),
        ),
        Unread::Error(error) if is_forbidden(&error) => may_not_use(address, error),
        Unread::Error(error) => error.into(),
    })?;
    match found {
        Some(found) if found == known() => {}
        Some(found) if found > known() => return Err(OpenError::NewerSchema { found, known: known() }),
        Some(found) if older == Older::Refuse => return Err(OpenError::NeedsMigration { found, known: known() }),
        found => {
            if let Err(error) = migrate(&client, &server, found.unwrap_or(0)).await {
                return Err(match is_forbidden(&error) {
                    true if is_hidden(&client).await => may_not_use(address, error),
                    true => may_not_make(address, error),
                    false => error.into(),
                });
            }
        }
    }
    Ok(client)
}

/// Whether there is a schema of ours of which the user sees nothing.
async fn is_hidden(client: &Client) -> bool {
    let looked = client
        .batch_execute("SELECT value FROM oneself.meta WHERE name = ''")
        .await;
    looked.is_err_and(|error| is_forbidden(&error))
}

/// What whoever serves must be allowed to do, in a way that does nothing: there are no such rows.
const TRIED: [&str; 2] = [
    "DELETE FROM oneself.tenants WHERE id = -1",
    "DELETE FROM oneself_keys.key_check WHERE id = -1",
];

/// Sees that the user may write. That nobody can write at the moment does not count.
pub(super) async fn check_rights(address: &Address, client: &Client) -> Result<(), OpenError> {
    for statement in TRIED {
        if let Err(error) = client.batch_execute(statement).await
            && is_forbidden(&error)
        {
            return Err(may_not_use(address, error));
        }
    }
    Ok(())
}

/// Why the version of the schema is not known.
enum Unread {
    /// It is not our schema.
    NotOurs,
    Error(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for Unread {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(
                &SqlState::UNDEFINED_COLUMN | &SqlState::UNDEFINED_FUNCTION | &SqlState::INVALID_TEXT_REPRESENTATION,
            ) => Self::NotOurs,
            _ => Self::Error(error),
        }
    }
}

/// The version of the schema; `None` when there is none, or one that is being made. What is made
/// first is `meta`.
async fn version(client: &Client) -> Result<Option<i64>, Unread> {
    let rows = client
        .query(
            "SELECT CAST(table_name AS text) FROM information_schema.tables WHERE table_schema = 'oneself'",
            &[],
        )
        .await?;
    let mut tables = Vec::new();
    for row in &rows {
        tables.push(row.try_get::<_, String>(0)?);
    }
    if tables.is_empty() {
        return Ok(None);
    }
    if !tables.iter().any(|table| table == "meta") {
        return Err(Unread::NotOurs);
    }
    let row = client
        .query_opt("SELECT value FROM oneself.meta WHERE name = 'schema_version'", &[])
        .await?;
    row.map(|row| row.try_get(0)).transpose().map_err(|_| Unread::NotOurs)
}

async fn migrate(client: &Client, server: &str, found: i64) -> Result<(), tokio_postgres::Error> {
    for (migration, version) in MIGRATIONS.iter().zip(1_i64..) {
        if version <= found {
            continue;
        }
        for step in steps(migration) {
            run(client, &in_words_of(server, step)).await?;
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

/// A step as this server takes it. CockroachDB compares every text as bytes, and knows no collation
/// of a column that says so.
fn in_words_of(server: &str, step: String) -> String {
    match server.starts_with("CockroachDB") {
        true => step.replace(" COLLATE \"C\"", ""),
        false => step,
    }
}

/// Runs a step, again if another server is about to do the same.
async fn run(client: &Client, step: &str) -> Result<(), tokio_postgres::Error> {
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
            return Err(error);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cockroachdb_is_told_nothing_of_collations() {
        let collated = |server: &str| {
            let steps = MIGRATIONS.iter().flat_map(|migration| steps(migration));
            let told = steps.map(|step| in_words_of(server, step));
            told.filter(|step| step.contains("COLLATE")).count()
        };
        assert_eq!(collated("CockroachDB CCL v25.2.0 (x86_64-pc-linux-gnu)"), 0);
        assert!(collated("PostgreSQL 17.2 on x86_64-pc-linux-gnu") > 5);
    }
}
