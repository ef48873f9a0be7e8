//! Marks of accounts whose users were erased, as rows: no account is in them, only what is made of one.

use jiff::Timestamp;

use super::rows::{Millis, params};
use super::{Sql, Tx, tenants};
use crate::domain::Identity;
use crate::domain::connection::DATABASE;
use crate::id::TenantId;
use crate::secret::Digest;
use crate::store::{Marked, Marking, StoreResult};

/// Marks those of these accounts that lie elsewhere. Those of our own databases are known by what we
/// made up ourselves, and at a connection that is going nobody arrives.
pub fn leave(sql: &dyn Sql, tenant: TenantId, of: &[Identity], marking: &Marking) -> StoreResult<()> {
    for identity in of {
        let provider = tenants::provider_of(sql, tenant, identity.key.connection)?;
        if provider.is_some_and(|provider| provider != DATABASE) {
            sql.run(
                "INSERT INTO erased_identities (tenant, mark, ends_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (tenant, mark) DO UPDATE SET ends_at = ?3",
                params![tenant, marking.of(&identity.key), Millis(marking.until())],
            )?;
        }
    }
    Ok(())
}

/// Whether there is this mark, and has not ended.
pub fn is_there(sql: &dyn Sql, tenant: TenantId, mark: Digest, now: Timestamp) -> StoreResult<bool> {
    sql.any(
        "SELECT 1 FROM erased_identities WHERE tenant = ?1 AND mark = ?2 AND ends_at > ?3",
        params![tenant, mark, Millis(now)],
    )
}

/// Whether one of these has a mark and is refused for it. To be asked when nobody has the accounts any
/// more: whoever erases them leaves the marks in the same act.
pub fn is_refused(sql: &dyn Sql, tenant: TenantId, of: &[Marked], now: Timestamp) -> StoreResult<bool> {
    for marked in of.iter().filter(|marked| marked.told.is_none()) {
        if is_there(sql, tenant, marked.mark, now)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Forgets the marks of those that may come back, and writes down that they have.
pub fn forget_and_tell(tx: &mut dyn Tx, tenant: TenantId, of: &[Marked], now: Timestamp) -> StoreResult<()> {
    for marked in of {
        let Some(told) = &marked.told else { continue };
        let forgotten = tx.sql().run(
            "DELETE FROM erased_identities WHERE tenant = ?1 AND mark = ?2 AND ends_at > ?3",
            params![tenant, marked.mark, Millis(now)],
        )?;
        if forgotten > 0 {
            tx.record(tenant, told)?;
        }
    }
    Ok(())
}
