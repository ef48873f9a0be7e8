//! `oneself copy`: moves the data of a directory into a database.
//!
//! What would surprise: it can be cut off at any moment, and the same command goes on; and the
//! root key is not needed, because nothing is opened. It stays the same, so every server that is
//! to work on the database is given it.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::directory::{Claim, Directory};
use super::{Failure, Place, print};
use crate::config::{DatabaseUrl, Unsafe};
use crate::store::postgres::{Address, PostgresDestination};
use crate::store::sqlite::SqliteOrigin;
use crate::store::{StoreError, transfer};

/// Move the data of a directory, which no server works on, into an empty database
#[derive(Debug, Args)]
pub struct Copy {
    /// The data directory: sqlite:DIR
    #[arg(long, value_name = "FROM")]
    from: String,
    /// The database: postgres://USER@HOST:PORT/DATABASE
    #[arg(long, value_name = "TO")]
    to: DatabaseUrl,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Copy {
    /// Copies what is not there yet, compares both, and says what there is.
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        place.settings(&json!({}))?;
        let dir = match self.from.strip_prefix("sqlite:") {
            Some(dir) if !dir.is_empty() => PathBuf::from(dir),
            _ => return Err(Failure::Usage("--from is sqlite:DIR".into())),
        };
        if !dir.join("data.db").exists() {
            return Err(Failure::Usage(format!("{} holds no data of oneself", dir.display())));
        }
        let _held = hold(&dir)?;
        let address = Address::parse(&self.to.secret(), None)
            .map_err(|error| Unsafe(error.to_string().replacen("database_url", "--to", 1)))?;
        let from = SqliteOrigin::open(&dir)?;
        let mut to = PostgresDestination::open(&address)?;
        let failed = |error: StoreError| Failure::failed(error.to_string());
        let bar = bar(transfer::count(&from).map_err(failed)?);
        bar.set_position(transfer::count(&to).map_err(failed)?);
        transfer::copy(&from, &mut to, |rows| bar.inc(rows)).map_err(failed)?;
        bar.finish_and_clear();
        let compared = transfer::compare(&from, &to).map_err(failed)?;
        to.finish().map_err(failed)?;
        let tenants = compared.iter().filter(|of| of.tenant.is_some()).count();
        let rows: u64 = compared.iter().map(transfer::OfTenant::rows).sum();
        match self.json {
            true => print(
                &json!({
                    "rows": rows,
                    "tenants": compared.iter().map(|of| json!({
                        "tenant": of.tenant.map(|id| id.to_string()),
                        "tables": of.tables.iter().map(|(name, (count, digest))| {
                            ((*name).to_owned(), json!({"rows": count, "digest": digest}))
                        }).collect::<serde_json::Map<_, _>>(),
                    })).collect::<Vec<_>>(),
                })
                .to_string(),
            ),
            false => print(&format!(
                "{} has all of {}: {rows} rows of {tenants} tenants, with the same digests\n  Give every server the \
                 root key of {}, and leave the directory as it is until they have served for a while.",
                self.to,
                dir.display(),
                dir.display()
            )),
        }
    }
}

/// Keeps others from the directory, unless its disk takes no writes: then nobody changes it.
fn hold(dir: &Path) -> Result<Option<Directory>, Failure> {
    let taken = rustix::fs::access(dir, rustix::fs::Access::WRITE_OK);
    if taken.is_err() {
        return Ok(None);
    }
    match Directory::claim(dir, "copy")? {
        Claim::Taken(directory) => Ok(Some(directory)),
        Claim::HeldBy(holder) => Err(Unsafe(format!(
            "the directory {} is in use by {holder}: end it first, so that nothing comes after the copy",
            dir.display()
        ))
        .into()),
    }
}

/// How far it is, for whoever watches.
fn bar(rows: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} rows, {eta} left");
    ProgressBar::new(rows).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
