//! `oneself migrate`: brings the data of an older version to this one.

use clap::Args;
use serde::Serialize;

use super::directory::Directory;
use super::{Failure, Place, open, print};
use crate::config::Unsafe;
use crate::store::sqlite::SqliteStore;

/// Bring the data to the schema of this version; nothing else may work on it meanwhile
#[derive(Debug, Args, Serialize)]
pub struct Migrate {}

impl Migrate {
    /// Migrates, and says so.
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        let config = place.settings(&self)?;
        if !config.data.exists() {
            return Err(Unsafe(format!(
                "there is no directory {}: name the one to migrate with --data",
                config.data.display()
            ))
            .into());
        }
        let directory = Directory::take(&config.data, "migrate")?;
        SqliteStore::migrate(directory.path(), &open::store_options())?;
        print(&format!(
            "{} has the schema of oneself {}",
            directory.path().display(),
            env!("CARGO_PKG_VERSION")
        ))
    }
}
