//! The data directory: one process works on it at a time, and nobody else looks into it.
//!
//! Holding a [`Directory`] is holding its lock, which the operating system takes back when
//! the process ends, however it ends; the file only says who has it. The root key is no
//! part of the directory (`root_key.rs`).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::command::Failure;
use crate::config::Unsafe;

const LOCK: &str = "lock";
const SOCKET: &str = "control.sock";

/// What a directory may hold that nobody has worked on yet.
const EMPTY_HOLDS: [&str; 3] = [LOCK, SOCKET, "lost+found"];

/// Files that show that a directory has been worked on.
const DATA_FILES: [&str; 2] = ["data.db", "keys.db"];

/// A data directory that this process alone works on, for as long as this lives.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    has_data: bool,
    _lock: File,
}

/// What asking for a directory gave.
#[derive(Debug)]
pub enum Claim {
    /// It is ours.
    Taken(Directory),
    /// Another process has it, which described itself so.
    HeldBy(String),
}

impl Directory {
    /// Takes the directory, made if it is missing, for the command of this name.
    ///
    /// # Errors
    /// When it is not safe to keep data there, or cannot be made.
    pub fn claim(path: &Path, command: &str) -> Result<Claim, Failure> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|error| Failure::failed(format!("cannot make the directory {}: {error}", path.display())))?;
        let cannot = |error| Failure::failed(format!("cannot work in the directory {}: {error}", path.display()));
        let has_data = DATA_FILES.iter().any(|name| path.join(name).exists());
        refuse_foreign_writers(path, has_data)?;
        if !has_data {
            refuse_foreign_files(path)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(cannot)?;
        }
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join(LOCK))
            .map_err(cannot)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = lock.read_to_string(&mut holder);
                let holder = holder.trim();
                return Ok(Claim::HeldBy(if holder.is_empty() {
                    "another process".to_owned()
                } else {
                    holder.to_owned()
                }));
            }
            Err(TryLockError::Error(error)) => return Err(cannot(error)),
        }
        lock.set_len(0).map_err(cannot)?;
        lock.rewind().map_err(cannot)?;
        writeln!(lock, "oneself {command}, process {}", std::process::id()).map_err(cannot)?;
        Ok(Claim::Taken(Self {
            path: path.to_owned(),
            // Asked again: whoever had the lock before may have begun meanwhile.
            has_data: DATA_FILES.iter().any(|name| path.join(name).exists()),
            _lock: lock,
        }))
    }

    /// Takes the directory for a command that cannot work beside another process.
    ///
    /// # Errors
    /// As [`Directory::claim`]; and unsafe, naming the holder, when another process has it.
    pub fn take(path: &Path, command: &str) -> Result<Self, Failure> {
        match Self::claim(path, command)? {
            Claim::Taken(directory) => Ok(directory),
            Claim::HeldBy(holder) => Err(Unsafe(format!(
                "the directory {} is in use by {holder}: end it first, or give this one another directory with --data",
                path.display()
            ))
            .into()),
        }
    }

    /// The same, with data that was brought into it.
    pub fn with_data(self) -> Self {
        Self { has_data: true, ..self }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether anything was ever kept in it.
    pub const fn has_data(&self) -> bool {
        self.has_data
    }
}

/// Where the process that holds this directory listens for orders.
pub fn control_socket(directory: &Path) -> PathBuf {
    directory.join(SOCKET)
}

/// That nobody but the owner may replace what is kept. A directory without data is only
/// refused when it is everybody's: otherwise it is closed to others before it is used.
fn refuse_foreign_writers(path: &Path, has_data: bool) -> Result<(), Unsafe> {
    let mode = fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
    if mode & if has_data { 0o022 } else { 0o002 } == 0 {
        return Ok(());
    }
    Err(Unsafe(format!(
        "others may write to the directory {0}: chmod 700 {0}",
        path.display()
    )))
}

/// That a directory without data is not somebody's home.
fn refuse_foreign_files(path: &Path) -> Result<(), Failure> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            return Err(Unsafe(format!("{} is not a directory", path.display())).into());
        }
        Err(error) => return Err(Failure::failed(format!("cannot read {}: {error}", path.display()))),
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !EMPTY_HOLDS.iter().any(|ours| name == **ours) {
            return Err(Unsafe(format!(
                "the directory {} holds {}, but no data of oneself: name an empty or a new one with --data",
                path.display(),
                name.display()
            ))
            .into());
        }
    }
    Ok(())
}
