//! A data directory as the origin of a copy: only read, be it on a disk that takes no writes.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::copy::{Part as File, is_current, schema_of_store};
use super::open::OpenError;
use crate::store::inspect::Source as _;
use crate::store::sql::Sql;
use crate::store::transfer::{Origin, Part, Table};
use crate::store::{StoreError, StoreResult};

/// The two files of a directory that nobody writes to.
pub struct SqliteOrigin {
    data: Connection,
    keys: Connection,
}

impl SqliteOrigin {
    /// Opens them.
    ///
    /// # Errors
    /// When there is none of our schema, or it cannot be read.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let open = |file: File| -> Result<Connection, OpenError> {
            let path = dir.join(file.file());
            let failed = |why: String| OpenError::Io {
                file: path.display().to_string(),
                why,
            };
            if is_settled(&path) {
                // Beside a log that is empty nothing has to be written to read.
                let uri = format!("file:{}?immutable=1", path.display());
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
                let opened = Connection::open_with_flags(uri, flags).map_err(|error| failed(error.to_string()))?;
                let version = opened.pragma_query_value(None, "user_version", |row| row.get(0));
                return match version.map_err(|error| failed(error.to_string()))? {
                    version if is_current(file, version) => Ok(opened),
                    _ => Err(failed("it has another schema: run `oneself migrate` first".into())),
                };
            }
            schema_of_store(file, dir)?.ok_or_else(|| failed("it is not there".into()))?;
            Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
                .map_err(|error| failed(error.to_string()))
        };
        Ok(Self {
            data: open(File::Data)?,
            keys: open(File::Keys)?,
        })
    }
}

/// Whether a file is whole without its log.
fn is_settled(path: &Path) -> bool {
    let log = PathBuf::from(format!("{}-wal", path.display()));
    path.exists() && std::fs::metadata(log).map_or(true, |log| log.len() == 0)
}

impl Origin for SqliteOrigin {
    fn read(&self, part: Part, read: &mut dyn FnMut(&dyn Sql) -> StoreResult<()>) -> StoreResult<()> {
        match part {
            Part::Data => self.data.read(read),
            Part::Keys => self.keys.read(read),
        }
    }

    fn columns(&self, table: &Table) -> StoreResult<Vec<String>> {
        let mut columns = Vec::new();
        self.read(table.part, &mut |sql| {
            let statement = format!("SELECT name FROM pragma_table_info('{}') ORDER BY cid", table.name);
            columns = sql.all(&statement, &[], |row| row.get(0))?;
            Ok(())
        })?;
        match columns.is_empty() {
            false => Ok(columns),
            true => Err(StoreError::Corrupt(format!("there is no table {}", table.name))),
        }
    }
}
