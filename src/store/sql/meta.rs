//! What the data knows of itself, by name.

use super::Sql;
use super::rows::{corrupt, params};
use crate::store::StoreResult;

/// Has the data know up to which commit it is as the ledger tells.
pub fn set_ledger_batch(data: &dyn Sql, batch: u64) -> StoreResult<()> {
    let batch = i64::try_from(batch).map_err(corrupt)?;
    data.run(
        "INSERT INTO meta (name, value) VALUES ('ledger_batch', ?1)
         ON CONFLICT (name) DO UPDATE SET value = ?1",
        params![batch],
    )?;
    Ok(())
}

/// The last commit that the ledger told of, as far as the data knows.
pub fn ledger_batch(data: &dyn Sql) -> StoreResult<u64> {
    let batch: Option<i64> = data.first("SELECT value FROM meta WHERE name = 'ledger_batch'", params![], |row| {
        row.get(0)
    })?;
    u64::try_from(batch.unwrap_or(0)).map_err(corrupt)
}
