//! Making a data directory of a backup.
//!
//! Everything is checked before anything is written. The directory is made beside its place,
//! durably, and gets its name when it is ready to be served, so a restore that is cut short
//! has restored nothing. What would surprise: what was deleted after the backup was made is
//! deleted again, by the ledger, before the directory gets its name (OPS-05).

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::manifest::{Manifest, length_and_digest};
use super::{open_vault, verify};
use crate::app::App;
use crate::clock::{SystemClock, SystemRandomness};
use crate::command::directory::{Claim, Directory};
use crate::command::installation::Installation;
use crate::command::{Failure, open};
use crate::config::{Config, Unsafe};
use crate::store::ledger::{self, Contents};
use crate::store::sqlite::copy::{self, Part};
use crate::store::sqlite::inspect;
use crate::store::sqlite::{Replayed, SqliteStore};

/// Which ledger says what must stay gone.
pub enum WhichLedger {
    /// This one.
    At(PathBuf),
    /// That of the directory which was backed up.
    OfSource,
    /// None: what was deleted may come back.
    None,
}

/// Makes the data directory of the settings; says what was done.
///
/// # Errors
/// Unsafe, with what to do, whenever the backup, the keys, the root key, the ledger or the
/// place is not what it must be; failed when the disk is. The place is as it was then.
pub fn restore(config: &Config, dir: &Path, keys: &Path, which: &WhichLedger) -> Result<String, Failure> {
    let to = std::path::absolute(&config.data).map_err(|error| Failure::Usage(error.to_string()))?;
    check_place(&to)?;
    let root_key_file = config.root_key_file()?;
    let vault = open_vault(&root_key_file)?;
    let found = verify::verify(dir, Some(keys), Some(&vault));
    if let Some(fault) = found.report.first_fault() {
        return Err(Unsafe(format!("nothing was restored: {fault}")).into());
    }
    let (Some(data_manifest), Some(keys_manifest)) = (found.data, found.keys) else {
        return Err(Unsafe("nothing was restored: the backup cannot be read".into()).into());
    };
    let ledger = choose_ledger(which, &data_manifest, dir)?;

    let unfinished = Unfinished::beside(&to)?;
    let cannot = |error: io::Error| Failure::failed(format!("cannot restore to {}: {error}", to.display()));
    copy_checked(Part::Data, dir, unfinished.path(), &data_manifest)?;
    copy_checked(Part::Keys, keys, unfinished.path(), &keys_manifest)?;
    let replayed = make_ready(config, &unfinished, ledger.as_ref())?;
    unfinished.finish(&to).map_err(|error| {
        if error.kind() == ErrorKind::ResourceBusy {
            return Failure::failed(format!(
                "{} is a mount point, which no directory can take the place of: name a directory within it",
                to.display()
            ));
        }
        cannot(error)
    })?;
    Ok(said(&to, &data_manifest, ledger.as_ref(), &replayed))
}

/// That a data directory may be made there.
fn check_place(to: &Path) -> Result<(), Failure> {
    let refuse = |why: String| -> Result<(), Failure> { Err(Unsafe(format!("nothing was restored: {why}")).into()) };
    match fs::read_dir(to).map(|mut entries| entries.next().is_some()) {
        Ok(true) => refuse(format!(
            "{} is not empty: name a new directory with --to, or move this one away",
            to.display()
        )),
        Ok(false) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if to.parent().is_some_and(Path::is_dir) {
                return Ok(());
            }
            refuse(format!(
                "the folder that {} goes into is not there: make it",
                to.display()
            ))
        }
        Err(error) => refuse(format!("{} cannot be used: {error}", to.display())),
    }
}

/// The ledger, which must reach from before the backup to after it.
fn choose_ledger(which: &WhichLedger, data: &Manifest, dir: &Path) -> Result<Option<(PathBuf, Contents)>, Failure> {
    let refuse = |why: String| Failure::from(Unsafe(format!("nothing was restored: {why}")));
    let path = match which {
        WhichLedger::None => return Ok(None),
        WhichLedger::At(path) => path.clone(),
        WhichLedger::OfSource => data.source.join(ledger::FILE),
    };
    let contents = ledger::read(&path).map_err(|fault| refuse(fault.to_string()))?.ok_or_else(|| {
        refuse(format!(
            "there is no ledger at {}, and without it what was deleted since {} would be back: say with --ledger where \
             the ledger of that installation is, or state with --without-ledger that there is none",
            path.display(),
            data.began_at
        ))
    })?;
    let known = inspect(dir, None)
        .and_then(|files| files.ledger_batch())
        .map_err(|error| Failure::failed(error.to_string()))?;
    if contents.since > data.began_at || contents.last_batch < known {
        return Err(refuse(format!(
            "the ledger {} does not reach back to {}, when the backup was made, or is of another installation: name a \
             complete one with --ledger, or state with --without-ledger that there is none",
            path.display(),
            data.began_at
        )));
    }
    Ok(Some((path, contents)))
}

/// Copies a file of the backup durably, and makes sure that what was copied is what was checked.
fn copy_checked(part: Part, from: &Path, to: &Path, manifest: &Manifest) -> Result<(), Failure> {
    let (from, copied) = (from.join(part.file()), to.join(part.file()));
    let copy = || -> io::Result<(u64, String)> {
        let mut source = File::open(&from)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&copied)?;
        io::copy(&mut source, &mut file)?;
        file.sync_all()?;
        length_and_digest(&copied)
    };
    let found = copy().map_err(|error| Failure::failed(format!("cannot copy {}: {error}", from.display())))?;
    if found != (manifest.bytes, manifest.sha256.clone()) {
        return Err(Unsafe(format!("nothing was restored: {} changed meanwhile", from.display())).into());
    }
    copy::adopt(part, to)?;
    Ok(())
}

/// Brings the copies to this version and makes gone what is gone by the ledger; the system must
/// start on them.
fn make_ready(
    config: &Config,
    unfinished: &Unfinished,
    ledger: Option<&(PathBuf, Contents)>,
) -> Result<Replayed, Failure> {
    let dir = unfinished.path();
    SqliteStore::migrate(dir, &open::store_options())?;
    let replayed = open::runtime(config)?.block_on(async {
        let clock = Arc::new(SystemClock::default());
        let store = SqliteStore::open(dir, clock, Arc::new(SystemRandomness::new()), &open::store_options())?;
        let replayed = match ledger {
            Some((_, contents)) => store.replay(contents).await,
            None => store.erase_unopenable().await.map(|token_sets| Replayed {
                token_sets,
                ..Replayed::default()
            }),
        };
        let replayed = match replayed {
            Ok(replayed) => store.drop_passing().await.map(|()| replayed),
            failed => failed,
        };
        replayed.map_err(|error| Failure::failed(error.to_string()))
    })?;
    if let Some((path, contents)) = ledger {
        ledger::adopt(path, dir, contents).map_err(|error| Failure::failed(error.to_string()))?;
    }
    let app: App = open::runtime(config)?.block_on(open::app(config, &unfinished.installation, config.listen))?;
    drop(app);
    Ok(replayed)
}

fn said(to: &Path, data: &Manifest, ledger: Option<&(PathBuf, Contents)>, replayed: &Replayed) -> String {
    let mut text = format!("{} is as the installation was at {}", to.display(), data.began_at);
    match ledger {
        Some((path, contents)) => {
            let counts = serde_json::to_value(replayed).unwrap_or_default();
            let gone: Vec<String> = counts
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(_, count)| count.as_u64() != Some(0))
                .map(|(what, count)| format!("{count} {}", what.replace('_', " ")))
                .collect();
            text.push_str(&format!(
                "\ngone again by {}, which ends at {}: {}",
                path.display(),
                contents.last_at,
                if gone.is_empty() {
                    "nothing".to_owned()
                } else {
                    gone.join(", ")
                }
            ));
        }
        None => text.push_str("\nwithout a ledger: what was deleted since may be back"),
    }
    text.push_str("\ncheck it with `oneself doctor`, then serve it");
    text
}

/// The directory while it is being made: held, so that there is one at a time.
struct Unfinished {
    path: PathBuf,
    installation: Installation,
    finished: bool,
}

impl Unfinished {
    /// What a restore that was cut short left there is removed.
    fn beside(to: &Path) -> Result<Self, Failure> {
        let path = to.with_added_extension("restoring");
        let cannot = |error: io::Error| Failure::failed(format!("cannot make {}: {error}", path.display()));
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(cannot(error)),
            _ => {}
        }
        let directory = match Directory::claim(&path, "backup restore")? {
            Claim::Taken(directory) => directory,
            Claim::HeldBy(holder) => {
                return Err(Unsafe(format!("{} is in use by {holder}: wait for its end", path.display())).into());
            }
        };
        for entry in fs::read_dir(&path).map_err(cannot)? {
            let entry = entry.map_err(cannot)?;
            if entry.file_name() != "lock" {
                fs::remove_file(entry.path()).map_err(cannot)?;
            }
        }
        Ok(Self {
            path,
            installation: Installation::Directory(directory.with_data()),
            finished: false,
        })
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn finish(mut self, to: &Path) -> io::Result<()> {
        for entry in fs::read_dir(self.path())? {
            File::open(entry?.path())?.sync_all()?;
        }
        File::open(self.path())?.sync_all()?;
        fs::rename(self.path(), to)?;
        self.finished = true;
        File::open(to.parent().unwrap_or(Path::new("/")))?.sync_all()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_dir_all(self.path());
        }
    }
}
