//! Moving a store from one database to another, row by row and as it is: what is sealed stays
//! sealed, and its keys go along.
//!
//! Rows are written in the order of their keys, many in one commit, so the last key of each table
//! tells how far a copy has got, and one that was cut off goes on there. A mark in the new
//! database keeps servers away until the copy has ended. At the end both are read once more, and
//! each tenant's rows must give the same digest.
//!
//! What would surprise: nothing is understood on the way, so what a newer version has added to a
//! row goes along too.

mod digest;
mod tables;

pub use self::digest::{OfTenant, digests};
pub use self::tables::{After, Part, TABLES, Table};
use super::sql::rows::{Cell, ToValue, Value};
use super::sql::{Sql, Step};
use super::{StoreError, StoreResult};

/// How many rows share a commit.
const AT_ONCE: usize = 10_000;

/// A value of a row.
pub type Owned = Value<'static>;

/// Where rows come from: data and keys, as of one moment.
pub trait Origin {
    /// Reads a part of it.
    ///
    /// # Errors
    /// Those of the store.
    fn read(&self, part: Part, read: &mut dyn FnMut(&dyn Sql) -> StoreResult<()>) -> StoreResult<()>;
    /// The columns of a table, in an order of its own.
    ///
    /// # Errors
    /// Those of the store.
    fn columns(&self, table: &Table) -> StoreResult<Vec<String>>;
}

/// Where rows go to.
pub trait Destination {
    /// The key of the last row that is there.
    ///
    /// # Errors
    /// Those of the store.
    fn last_key(&mut self, table: &Table) -> StoreResult<Option<Vec<Owned>>>;
    /// Writes rows, all or none.
    ///
    /// # Errors
    /// Those of the store.
    fn write(&mut self, table: &Table, columns: &[String], rows: &[Vec<Owned>]) -> StoreResult<()>;
}

/// Copies what is not there yet; tells how many rows were done after each commit.
///
/// # Errors
/// Those of either store. What was done stays, and it is safe to go on.
pub fn copy(from: &dyn Origin, to: &mut dyn Destination, mut done: impl FnMut(u64)) -> StoreResult<()> {
    for table in &TABLES {
        let columns = from.columns(table)?;
        loop {
            let rows = next_rows(from, table, &columns, to.last_key(table)?)?;
            if rows.is_empty() {
                break;
            }
            to.write(table, &columns, &rows)?;
            done(rows.len() as u64);
        }
    }
    Ok(())
}

/// How many rows there are in all.
///
/// # Errors
/// Those of the store.
pub fn count(from: &dyn Origin) -> StoreResult<u64> {
    let mut all = 0;
    for table in &TABLES {
        from.read(table.part, &mut |sql| {
            let statement = format!("SELECT count(*) FROM {}", table.name);
            let count: Option<i64> = sql.first(&statement, &[], |row| row.get(0))?;
            all += count.unwrap_or(0).unsigned_abs();
            Ok(())
        })?;
    }
    Ok(all)
}

fn next_rows(
    from: &dyn Origin,
    table: &Table,
    columns: &[String],
    after: Option<Vec<Owned>>,
) -> StoreResult<Vec<Vec<Owned>>> {
    let mut rows = Vec::new();
    from.read(table.part, &mut |sql| {
        let after_key = if after.is_some() { After::Key } else { After::Nothing };
        let statement = table.select(columns, after_key);
        let key: Vec<&dyn ToValue> = after.iter().flatten().map(|value| value as &dyn ToValue).collect();
        sql.walk(&statement, &key, &mut |row| {
            let values = (0..columns.len()).map(|column| row.cell(&column).map(owned));
            rows.push(values.collect::<StoreResult<_>>()?);
            Ok(if rows.len() < AT_ONCE { Step::Next } else { Step::Enough })
        })
    })?;
    Ok(rows)
}

/// A cell that outlives its row.
pub(super) fn owned(cell: Cell<'_>) -> Owned {
    match cell {
        Cell::Null => Value::Null,
        Cell::Number(number) => Value::Number(number),
        Cell::Text(text) => Value::Text(text.to_owned().into()),
        Cell::Bytes(bytes) => Value::Bytes(bytes.to_vec().into()),
    }
}

/// That both have the same rows, tenant by tenant; how many there are.
///
/// # Errors
/// [`StoreError::Corrupt`] naming the tenant and the table that differ.
pub fn compare(from: &dyn Origin, to: &dyn Origin) -> StoreResult<Vec<OfTenant>> {
    let (expected, found) = (digests(from, from)?, digests(to, from)?);
    if let Some(differing) = digest::first_difference(&expected, &found) {
        return Err(StoreError::Corrupt(differing));
    }
    Ok(expected)
}
