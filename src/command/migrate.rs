//! `oneself migrate`: brings the data of an older version to this one.

use clap::Args;
use serde_json::json;

use super::installation::Installation;
use super::{Failure, Place, open, print};
use crate::config::Unsafe;
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::SqliteStore;

/// Bring the data to the schema of this version; a directory by itself, a database beside servers
#[derive(Debug, Args)]
pub struct Migrate {}

impl Migrate {
    /// Migrates, and says so.
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        let config = place.settings(&json!({}))?;
        if config.database_url.is_none() && !config.data.exists() {
            return Err(Unsafe(format!(
                "there is no directory {}: name the one to migrate with --data",
                config.data.display()
            ))
            .into());
        }
        let installation = Installation::take(&config, "migrate")?;
        match &installation {
            Installation::Directory(directory) => SqliteStore::migrate(directory.path(), &open::store_options())?,
            Installation::Database(database) => {
                open::runtime(&config)?.block_on(PostgresStore::migrate(&database.address))?;
            }
        }
        print(&format!(
            "{} has the schema of oneself {}",
            installation.name(),
            env!("CARGO_PKG_VERSION")
        ))
    }
}
