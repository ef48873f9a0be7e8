//! The two files as backups: written, looked at, and made databases of a store again.
//!
//! A copy is written by `VACUUM INTO` from a connection of its own, so it is of one moment and
//! neither waits for the writer nor makes it wait. It blocks: call it from a thread that may.
//! What would surprise: copies are marked as such, and no store opens one.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::open::{Database, OpenError, SqliteOptions};

/// Which of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Everything but keys.
    Data,
    /// The wrapped keys.
    Keys,
}

impl Part {
    /// What the file is called.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Data => "data.db",
            Self::Keys => "keys.db",
        }
    }

    fn of(self, dir: &Path) -> Database {
        let options = SqliteOptions::default();
        match self {
            Self::Data => Database::data(dir, &options),
            Self::Keys => Database::keys(dir, &options),
        }
    }
}

/// Writes a copy of a file of the store in `dir` to the directory `to`, durably and with mode
/// 0600; returns its schema version. It is of a moment after the call.
///
/// # Errors
/// [`OpenError`]; what was written until then stays.
pub fn copy(part: Part, dir: &Path, to: &Path) -> Result<u32, OpenError> {
    let from = part.of(dir);
    let path = to.join(part.file());
    let copied = from.as_backup(&path);
    from.copy_to(&path)?;
    let io = |error: std::io::Error| OpenError::Io {
        file: path.display().to_string(),
        why: error.to_string(),
    };
    fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(io)?;
    copied.mark()?;
    File::open(&path).and_then(|file| file.sync_all()).map_err(io)?;
    schema(part, to)
}

/// The schema version of a backup's file.
///
/// # Errors
/// [`OpenError::NewerSchema`] when this binary does not know it, [`OpenError::Corrupt`] when the file
/// is missing or is no backup.
pub fn schema(part: Part, dir: &Path) -> Result<u32, OpenError> {
    let path = dir.join(part.file());
    let backup = part.of(dir).as_backup(&path);
    backup.version()?.ok_or_else(|| OpenError::Corrupt {
        file: path.display().to_string(),
        why: "it is missing or empty".into(),
    })
}

/// Whether that is the schema version that this binary works with.
pub fn is_current(part: Part, version: u32) -> bool {
    part.of(Path::new("")).check(version).is_ok()
}

/// Makes a backup's file, copied into a data directory, a database of the store there.
///
/// # Errors
/// [`OpenError`].
pub fn adopt(part: Part, dir: &Path) -> Result<(), OpenError> {
    part.of(dir).mark()
}

/// The schema version of a store's file; `None` when there is none.
///
/// # Errors
/// As [`schema`].
pub fn schema_of_store(part: Part, dir: &Path) -> Result<Option<u32>, OpenError> {
    let file = part.of(dir);
    let found = file.version()?;
    if let Some(found) = found {
        file.check(found)?;
    }
    Ok(found)
}

/// What SQLite finds wrong with a file, in its own words; nothing when it is sound.
///
/// # Errors
/// When the file cannot be read as a database at all.
pub fn unsound(part: Part, dir: &Path) -> Result<Vec<String>, OpenError> {
    let file = part.of(dir);
    let check = || -> rusqlite::Result<Vec<String>> {
        let file = Connection::open_with_flags(&file.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut statement = file.prepare("PRAGMA integrity_check(10)")?;
        let said: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(said.into_iter().filter(|line| line != "ok").collect())
    };
    check().map_err(|error| file.explain(&error))
}
