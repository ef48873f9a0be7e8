//! The two files, open to be looked through beside whoever works on them.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::copy::Part;
use crate::store::StoreResult;
use crate::store::inspect::{Inspection, Source};
use crate::store::sql::Sql;
use crate::store::sql::rows::params;

/// Opens `data.db` in one directory and, if that is given, `keys.db` in the other.
///
/// # Errors
/// When a file cannot be opened.
pub fn inspect(data: &Path, keys: Option<&Path>) -> StoreResult<Inspection> {
    let open = |part: Part, dir: &Path| -> StoreResult<Box<dyn Source>> {
        let file = Connection::open_with_flags(
            dir.join(part.file()),
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        file.busy_timeout(Duration::from_secs(5))?;
        file.pragma_update(None, "query_only", "ON")?;
        Ok(Box::new(file))
    };
    let keys = keys.map(|dir| open(Part::Keys, dir)).transpose()?;
    Ok(Inspection::of(open(Part::Data, data)?, keys))
}

impl Source for Connection {
    fn read(&self, read: &mut dyn FnMut(&dyn Sql) -> StoreResult<()>) -> StoreResult<()> {
        self.run("BEGIN", params![])?;
        let done = read(self);
        self.run("COMMIT", params![])?;
        done
    }
}
