//! `oneself doctor`: looks at everything that can be looked at, and says how it was found.
//!
//! A running server looks itself, beside its work; without one the command does, and needs
//! nothing to be in order for that. Exit 0 when all is sound, 1 otherwise. What would surprise: only `--sweep`
//! changes anything.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use clap::Args;
use serde_json::json;

use super::backup::{open_vault, show_report};
use super::installation::{Database, Installation};
use super::orders::{self, Order};
use super::report::Report;
use super::{Failure, Place, examine, open};
use crate::config::{Config, Unsafe};
use crate::id::{TenantId, UserId};
use crate::store::sqlite::copy::{self, Part};
use crate::store::{StoreError, ledger, postgres};
use crate::vault::Vault;

/// From which part of the disk on the space that is left is a fault, and is worth a note.
const FULL: f64 = 0.01;
const FILLING: f64 = 0.10;

/// Say whether everything about an installation is as it should be
#[derive(Debug, Args)]
pub struct Doctor {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Delete keys that belong to nobody
    #[arg(long)]
    sweep: bool,
}

impl Doctor {
    /// Looks, and shows what was found.
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        let config = place.settings(&json!({}))?;
        if config.database_url.is_none() && !config.data.exists() {
            return Err(Unsafe(format!(
                "there is no directory {}: name the one to look at with --data",
                config.data.display()
            ))
            .into());
        }
        let order = Order::Examine { sweep: self.sweep };
        let answer = orders::reach_or(&config, &order, |installation| {
            let (mut report, unused) = examine(&config, None);
            if self.sweep && !unused.is_empty() {
                sweep(&config, installation, unused.clone())?;
            }
            say_unused(&mut report, unused.len(), self.sweep);
            Ok(report.answer())
        })?;
        show_report(&answer, self.json)
    }
}

/// Deletes keys of an installation that no server here holds.
fn sweep(config: &Config, installation: &Installation, unused: Vec<(TenantId, UserId)>) -> Result<(), Failure> {
    open::runtime(config)?.block_on(async {
        let app = open::app(config, installation, config.listen).await?;
        Ok(app.sweep_keys(unused).await?)
    })
}

/// Says how many keys belong to nobody.
pub fn say_unused(report: &mut Report, count: usize, swept: bool) {
    match (count, swept) {
        (0, _) => report.ok("unused keys", "every key has an owner"),
        (count, true) => report.ok("unused keys", format!("{count} were deleted")),
        (count, false) => report.note(
            "unused keys",
            format!("{count} belong to nobody, which does no harm: --sweep deletes them"),
        ),
    }
}

/// Looks at the installation of these settings, and returns the keys that belong to nobody. The vault is
/// that of a running server; without one, that of the root key's file. It blocks.
pub fn examine(config: &Config, running: Option<&Vault>) -> (Report, Vec<(TenantId, UserId)>) {
    let mut report = Report::default();
    match &config.database_url {
        Some(_) => database(&mut report, config),
        None => directory(&mut report, &config.data),
    }
    let own = root_key(&mut report, config);
    let vault = running.or(own.as_ref());
    let mut unused = Vec::new();
    let opened = examine::open(config).map_err(|failure| StoreError::Unavailable(failure.message().to_owned()));
    examine::say(&mut report, "contents", opened, |report, files| {
        examine::contents(report, &files, examine::Subject::Store);
        if let Some(vault) = vault {
            examine::say(report, "key check", files.key_check(), |report, check| match check {
                Some(check) if check != vault.check_value() => report.fault(
                    "key check",
                    "the data was sealed under another root key: put that key back, or say with --root-key-file where \
                     it is",
                ),
                Some(_) => {
                    report.ok("key check", "the root key is that of the data");
                    examine::sealed(report, &files, vault);
                }
                None => report.note("key check", "no key was ever used here"),
            });
        }
        examine::say(report, "unused keys", files.unused_keys(examine::APART), |_, found| {
            unused = found;
        });
    });
    (report, unused)
}

/// The directory and what is in it.
fn directory(report: &mut Report, dir: &Path) {
    modes(report, dir);
    space(report, dir);
    for part in [Part::Data, Part::Keys] {
        file(report, part, dir);
    }
    match ledger::read(&dir.join(ledger::FILE)) {
        Ok(Some(contents)) => report.ok(
            "ledger",
            format!("{} entries, complete since {}", contents.losses.len(), contents.since),
        ),
        Ok(None) => report.fault(
            "ledger",
            "it is not there: the next start begins one, and a backup that is older is restored only \
             --without-ledger",
        ),
        Err(fault) => report.fault("ledger", fault.to_string()),
    }
}

/// Whether the database can be used.
fn database(report: &mut Report, config: &Config) {
    let found = Database::of(config).and_then(|database| match database {
        Some(database) => Ok(postgres::check_schema(&database.address)?),
        None => Ok(()),
    });
    match found {
        Ok(()) => report.ok("database", "it can be reached, and has the schema of this version"),
        Err(failure) => report.fault("database", failure.message()),
    }
}

/// Who else may read or write.
fn modes(report: &mut Report, dir: &Path) {
    let mode = |path: &Path| fs::metadata(path).map(|metadata| metadata.permissions().mode() & 0o7777);
    match mode(dir) {
        Ok(mode) if mode & 0o077 == 0 => report.ok("directory", format!("{} is its owner's alone", dir.display())),
        Ok(mode) => report.fault(
            "directory",
            format!(
                "others may look into {0} (mode {mode:04o}): chmod 700 {0}",
                dir.display()
            ),
        ),
        Err(error) => report.fault("directory", format!("{} cannot be read: {error}", dir.display())),
    }
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        if let Ok(mode) = mode(&path)
            && mode & 0o022 != 0
        {
            report.fault(
                "directory",
                format!(
                    "others may write to {0} (mode {mode:04o}): chmod 600 {0}",
                    path.display()
                ),
            );
        }
    }
}

/// What is left of the disk.
fn space(report: &mut Report, dir: &Path) {
    match rustix::fs::statvfs(dir) {
        Ok(disk) => {
            let left = disk.f_bavail as f64 / (disk.f_blocks as f64).max(1.0);
            let says = format!(
                "{:.0} MB left, {:.0} % of the disk",
                disk.f_bavail as f64 * disk.f_frsize as f64 / 1e6,
                left * 100.0
            );
            if left < FULL {
                report.fault("space", format!("{says}: make room before writes fail"));
            } else if left < FILLING {
                report.note("space", says);
            } else {
                report.ok("space", says);
            }
        }
        Err(error) => report.fault("space", format!("cannot be told: {error}")),
    }
}

/// The root key's file; its vault, if it can be read.
fn root_key(report: &mut Report, config: &Config) -> Option<Vault> {
    let opened = config
        .root_key_file()
        .map_err(Failure::from)
        .and_then(|path| Ok((open_vault(&path)?, path)));
    match opened {
        Ok((vault, path)) => {
            report.ok("root key", format!("{} is readable by its owner alone", path.display()));
            Some(vault)
        }
        Err(failure) => {
            report.fault("root key", failure.message());
            None
        }
    }
}

/// One of the two databases.
fn file(report: &mut Report, part: Part, dir: &Path) {
    let name = part.file();
    match copy::schema_of_store(part, dir) {
        Ok(Some(version)) => match copy::unsound(part, dir) {
            Ok(said) if said.is_empty() => report.ok(name, format!("a sound database of schema version {version}")),
            Ok(said) => report.fault(
                name,
                format!("SQLite finds it unsound: {}; restore a backup", said.join("; ")),
            ),
            Err(error) => report.fault(name, format!("{error}; restore a backup")),
        },
        Ok(None) => report.fault(name, "it is not there"),
        Err(error) => report.fault(name, error.to_string()),
    }
}
