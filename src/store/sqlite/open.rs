//! The two files: how they are made, recognised, migrated and opened.
//!
//! A file says by its `application_id` that it is ours and by its `user_version` how many
//! migrations it has seen. `keys.db` is made first, so data without keys is never the
//! state of a directory that was merely begun. What would surprise: the version is read
//! through a read-only connection, which changes nothing, so a file from a newer binary is
//! left exactly as it was.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use crate::store::StoreError;
use crate::store::ledger::LedgerFault;

/// `ONES` and `ONEK`: what the two files are recognised by.
const DATA_ID: i32 = 0x4f4e_4553;
const KEYS_ID: i32 = 0x4f4e_454b;

/// `ONBD` and `ONBK`: the same as backups. No store opens these, so a backup that was only
/// copied into place serves nobody before the ledger was replayed (OPS-05).
const DATA_BACKUP_ID: i32 = 0x4f4e_4244;
const KEYS_BACKUP_ID: i32 = 0x4f4e_424b;

/// Through how much of a file readers look without copying it to private memory.
const MMAP_BYTES: i64 = 1 << 30;

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data was written by a newer binary; nothing was touched.
    #[error("{file} has schema version {found}, and this binary knows versions up to {known}: use a newer binary")]
    NewerSchema {
        /// Which file.
        file: String,
        /// Its version.
        found: u32,
        /// The newest that this binary knows.
        known: u32,
    },
    /// The data was written by an older binary.
    #[error("{file} has schema version {found}, and this binary needs {known}: run `oneself migrate`")]
    NeedsMigration {
        /// Which file.
        file: String,
        /// Its version.
        found: u32,
        /// The version that this binary works with.
        known: u32,
    },
    /// The directory or a file in it cannot be written to.
    #[error("{file} cannot be written to")]
    NotWritable {
        /// Which file.
        file: String,
    },
    /// There is no space left.
    #[error("the disk is full: {file}")]
    DiskFull {
        /// Which file.
        file: String,
    },
    /// The file cannot be read or written.
    #[error("{file} cannot be used: {why}")]
    Io {
        /// Which file.
        file: String,
        /// What the system said.
        why: String,
    },
    /// The data is older than the ledger of deletions beside it, or that cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerFault),
    /// It is not a file of ours, or a damaged one, or one of the two is missing.
    #[error("{file} is not a sound database of this program: {why}")]
    Corrupt {
        /// Which file.
        file: String,
        /// What is wrong.
        why: String,
    },
}

/// What may differ between stores.
#[derive(Debug, Clone, Default)]
pub struct SqliteOptions {
    /// Weakens durability, so that the durability test can be seen to fail.
    #[cfg(debug_assertions)]
    pub synchronous_normal: bool,
}

impl SqliteOptions {
    const fn synchronous(&self) -> &'static str {
        #[cfg(debug_assertions)]
        if self.synchronous_normal {
            return "NORMAL";
        }
        "FULL"
    }
}

/// One of the two files.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pub path: PathBuf,
    application_id: i32,
    backup_id: i32,
    migrations: &'static [&'static str],
    synchronous: &'static str,
}

impl Database {
    pub fn data(dir: &Path, options: &SqliteOptions) -> Self {
        Self {
            path: dir.join("data.db"),
            application_id: DATA_ID,
            backup_id: DATA_BACKUP_ID,
            migrations: &[
                include_str!("migrations/0001_data.sql"),
                include_str!("migrations/0002_day_counts.sql"),
                include_str!("migrations/0003_user_bags.sql"),
                include_str!("migrations/0004_opaque_tokens.sql"),
                include_str!("migrations/0005_erased_identities.sql"),
            ],
            synchronous: options.synchronous(),
        }
    }

    pub fn keys(dir: &Path, options: &SqliteOptions) -> Self {
        Self {
            path: dir.join("keys.db"),
            application_id: KEYS_ID,
            backup_id: KEYS_BACKUP_ID,
            migrations: &[include_str!("migrations/0001_keys.sql")],
            synchronous: options.synchronous(),
        }
    }

    /// The same file as a backup of it, at this path.
    pub fn as_backup(&self, path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            application_id: self.backup_id,
            backup_id: self.application_id,
            ..self.clone()
        }
    }

    /// Marks the file as what this is: a database of a store, or a backup.
    pub fn mark(&self) -> Result<(), OpenError> {
        let mark = || -> rusqlite::Result<()> {
            let file = self.open(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            file.pragma_update(None, "application_id", self.application_id)
        };
        mark().map_err(|error| self.explain(&error))
    }

    /// Writes a copy of the file as it is now, whoever else reads or writes it meanwhile.
    pub fn copy_to(&self, path: &Path) -> Result<(), OpenError> {
        let copy = || -> rusqlite::Result<()> {
            let path = path.to_str().ok_or(rusqlite::Error::InvalidPath(path.to_owned()))?;
            self.open(OpenFlags::SQLITE_OPEN_READ_ONLY)?
                .execute("VACUUM INTO ?1", [path])?;
            Ok(())
        };
        copy().map_err(|error| self.explain(&error))
    }

    fn file(&self) -> String {
        self.path.display().to_string()
    }

    fn known(&self) -> u32 {
        u32::try_from(self.migrations.len()).unwrap_or(u32::MAX)
    }

    /// The version of the file; `None` when there is none, or an empty one.
    pub fn version(&self) -> Result<Option<u32>, OpenError> {
        match std::fs::metadata(&self.path) {
            Ok(file) if file.len() > 0 => {}
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(OpenError::Io {
                    file: self.file(),
                    why: error.to_string(),
                });
            }
        }
        let look = || -> rusqlite::Result<(i32, u32)> {
            let file = Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            let number = |pragma| file.pragma_query_value(None, pragma, |row| row.get(0));
            Ok((
                number("application_id")?,
                u32::try_from(number("user_version")?).unwrap_or(0),
            ))
        };
        let (id, found) = look().map_err(|error| self.explain(&error))?;
        match (id, found) {
            (0, 0) => Ok(None),
            (id, _) if id == self.backup_id => Err(OpenError::Corrupt {
                file: self.file(),
                why: "it is a backup: `oneself backup restore` makes a data directory of it".into(),
            }),
            (id, _) if id != self.application_id => Err(OpenError::Corrupt {
                file: self.file(),
                why: "it belongs to another program".into(),
            }),
            (_, found) if found > self.known() => Err(OpenError::NewerSchema {
                file: self.file(),
                found,
                known: self.known(),
            }),
            (_, found) => Ok(Some(found)),
        }
    }

    /// That the file has exactly the schema of this binary.
    pub fn check(&self, found: u32) -> Result<(), OpenError> {
        if found == self.known() {
            return Ok(());
        }
        Err(OpenError::NeedsMigration {
            file: self.file(),
            found,
            known: self.known(),
        })
    }

    /// Runs the migrations that the file has not seen, each in its own transaction.
    pub fn migrate(&self, found: u32) -> Result<(), OpenError> {
        let run = || -> rusqlite::Result<()> {
            let mut file = self.open(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
            for (sql, version) in self.migrations.iter().zip(1_u32..) {
                if version > found {
                    let step = file.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
                    step.execute_batch(sql)?;
                    step.pragma_update(None, "application_id", self.application_id)?;
                    step.pragma_update(None, "user_version", version)?;
                    step.commit()?;
                }
            }
            Ok(())
        };
        run().map_err(|error| self.explain(&error))
    }

    fn open(&self, flags: OpenFlags) -> rusqlite::Result<Connection> {
        let file = Connection::open_with_flags(&self.path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        file.busy_timeout(Duration::from_secs(5))?;
        file.set_prepared_statement_cache_capacity(128);
        // Without this, statements are planned anew for each value that is bound to them.
        file.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(file)
    }

    /// The one connection that writes.
    pub fn writer(&self) -> Result<Connection, OpenError> {
        let open = || -> rusqlite::Result<Connection> {
            let file = self.open(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            // SQLite opens what may not be written to for reading, and says nothing.
            if file.is_readonly("main")? {
                let readonly = ffi::Error::new(ffi::SQLITE_READONLY);
                return Err(rusqlite::Error::SqliteFailure(readonly, None));
            }
            file.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
            file.pragma_update(None, "synchronous", self.synchronous)?;
            file.pragma_update_and_check(None, "secure_delete", "ON", |_| Ok(()))?;
            file.pragma_update(None, "foreign_keys", "OFF")?;
            // Its own cache stays valid from act to act, because nobody else writes: what is
            // mapped instead would be looked up in the log again and again.
            file.pragma_update(None, "cache_size", -16_384)?;
            file.pragma_update(None, "temp_store", "MEMORY")?;
            Ok(file)
        };
        open().map_err(|error| self.explain(&error))
    }

    /// A connection that moves the log into the file, for another thread than the writer's.
    pub fn checkpointer(&self) -> Result<Connection, OpenError> {
        let open = || -> rusqlite::Result<Connection> {
            let file = self.open(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            file.pragma_update(None, "synchronous", self.synchronous)?;
            file.pragma_update(None, "cache_size", -256)?;
            Ok(file)
        };
        open().map_err(|error| self.explain(&error))
    }

    /// A connection that only reads. Its own cache is small: it sees the file through the
    /// system's, which is not private memory.
    pub fn reader(&self) -> rusqlite::Result<Connection> {
        let file = self.open(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        file.pragma_update(None, "query_only", "ON")?;
        file.pragma_update(None, "cache_size", -512)?;
        file.pragma_update_and_check(None, "mmap_size", MMAP_BYTES, |_| Ok(()))?;
        Ok(file)
    }

    /// What a store that cannot begin says, as an error of opening.
    pub fn explain_store(&self, error: StoreError) -> OpenError {
        let file = self.file();
        match error {
            StoreError::Unavailable(why) => OpenError::Io { file, why },
            StoreError::Busy | StoreError::Unknown => OpenError::Io {
                file,
                why: error.to_string(),
            },
            StoreError::Corrupt(why) => OpenError::Corrupt { file, why },
        }
    }

    pub fn explain(&self, error: &rusqlite::Error) -> OpenError {
        let file = self.file();
        let why = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => OpenError::DiskFull { file },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                OpenError::NotWritable { file }
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown) => {
                OpenError::Corrupt { file, why }
            }
            _ => OpenError::Io { file, why },
        }
    }
}

/// Makes what is missing of the two files, and sees that both have the schema of this
/// binary; or, to `migrate`, brings them there.
pub(super) fn prepare(data: &Database, keys: &Database, mode: Prepare) -> Result<(), OpenError> {
    let (data_version, keys_version) = (data.version()?, keys.version()?);
    if data_version.is_some() && keys_version.is_none() {
        return Err(OpenError::Corrupt {
            file: keys.file(),
            why: "it is missing, and the data beside it opens only with it".into(),
        });
    }
    for (database, version) in [(keys, keys_version), (data, data_version)] {
        match (version, mode) {
            (None, _) => database.migrate(0)?,
            (Some(found), Prepare::Migrate) => database.migrate(found)?,
            (Some(found), Prepare::Open) => database.check(found)?,
        }
    }
    Ok(())
}

/// What is to be done with an older schema.
#[derive(Debug, Clone, Copy)]
pub(super) enum Prepare {
    Open,
    Migrate,
}
