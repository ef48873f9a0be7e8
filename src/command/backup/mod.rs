//! `oneself backup`: copies of an installation, made while it serves, checked, and restored.
//!
//! A backup is two directories, one of the data and one of the keys, each with its manifest; the
//! root key is in neither. Making one is an order, executed by whoever holds the data
//! directory; checking and restoring need no server and touch none.

pub mod create;
mod manifest;
mod restore;
mod verify;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use super::installation::refuse_database;
use super::orders::{self, Answer, Order};
use super::{Failure, Place, print, root_key};
use crate::clock::SystemRandomness;
use crate::config::{Config, Unsafe};
use crate::vault::Vault;

/// Back up, check and restore an installation
#[derive(Debug, Subcommand)]
pub enum Backup {
    /// Copy the data, and the keys apart from it, while a server runs or not
    Create {
        /// A new directory for the data
        dir: PathBuf,
        /// A new directory for the keys, without which nothing sealed opens
        #[arg(long, value_name = "DIR2")]
        keys: Option<PathBuf>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Say whether a backup is whole and can be restored
    Verify {
        /// The directory of the data
        dir: PathBuf,
        /// The directory of the keys
        #[arg(long, value_name = "DIR2")]
        keys: Option<PathBuf>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Make a data directory of a backup, without what was deleted since
    Restore {
        /// The directory of the data
        dir: PathBuf,
        /// The directory of the keys
        #[arg(long, value_name = "DIR2")]
        keys: PathBuf,
        /// The data directory to be made, which must not be there or be empty
        #[arg(long, value_name = "DATA")]
        to: PathBuf,
        /// The ledger of deletions [default: that of the directory which was backed up, if it is there]
        #[arg(long, value_name = "FILE")]
        ledger: Option<PathBuf>,
        /// State that there is no ledger, and that what was deleted since the backup may come back
        #[arg(long, conflicts_with = "ledger")]
        without_ledger: bool,
    },
}

/// What is to be done about backups of a database.
const OF_DATABASES: &str = "a database is backed up by its own tools, such as pg_basebackup with an archive of its log; \
                            keep copies of the schema oneself_keys apart from the rest";

impl Backup {
    /// Does it, and says how it went.
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        refuse_database(&place.settings(&json!({}))?, OF_DATABASES)?;
        match self {
            Self::Create { dir, keys, json } => {
                let order = Order::CreateBackup {
                    to: absolute(&dir)?,
                    keys: keys.as_deref().map(absolute).transpose()?,
                };
                orders::give(place, &order, json)
            }
            Self::Verify { dir, keys, json } => {
                let config = place.settings(&json!({}))?;
                let vault = vault_at_hand(&config)?;
                let found = verify::verify(&dir, keys.as_deref(), vault.as_ref());
                show_report(&found.report.answer(), json)
            }
            Self::Restore {
                dir,
                keys,
                to,
                ledger,
                without_ledger,
            } => {
                let place = Place {
                    config: place.config.clone(),
                    data: Some(to),
                    database_url: None,
                    root_key_file: place.root_key_file.clone(),
                };
                let config = place.settings(&json!({}))?;
                let ledger = match (ledger, without_ledger) {
                    (Some(file), _) => restore::WhichLedger::At(file),
                    (None, true) => restore::WhichLedger::None,
                    (None, false) => restore::WhichLedger::OfSource,
                };
                print(&restore::restore(&config, &dir, &keys, &ledger)?)
            }
        }
    }
}

/// Prints what was looked at; a fault among it is a failure.
pub fn show_report(answer: &Answer, json: bool) -> Result<(), Failure> {
    if json {
        print(&answer.data.to_string())?;
    } else {
        print(&answer.text)?;
    }
    match answer.data.get("sound").and_then(serde_json::Value::as_bool) {
        Some(true) => Ok(()),
        _ => Err(Failure::failed("not everything is as it should be")),
    }
}

/// A path that means the same to a server, which works in another directory.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}

/// The vault of the root key, if that is where the settings say. One that was named must be there.
fn vault_at_hand(config: &Config) -> Result<Option<Vault>, Failure> {
    let path = config.root_key_file()?;
    if !path.exists() && config.root_key_file.is_none() {
        return Ok(None);
    }
    open_vault(&path).map(Some)
}

/// The vault of the root key in this file.
pub fn open_vault(path: &Path) -> Result<Vault, Failure> {
    let key = root_key::read_existing(path)?.ok_or_else(|| {
        Unsafe(format!(
            "the root key {} is not there: put it there, or say with --root-key-file where it is",
            path.display()
        ))
    })?;
    Ok(Vault::new(key, std::sync::Arc::new(SystemRandomness::new())))
}
