//! Giving events a place among those of their tenant.
//!
//! Acts of many servers are under way at once, and a commit may come long after its statements,
//! so nobody who writes can know what comes before what. An act leaves its events without a
//! place; whoever wants to read them first gives one to all that are committed, under the lock
//! of the tenant, with ids that go on after the last. So every event is listed once, and none
//! comes later before one that was listed, however late a commit is.
//!
//! What would surprise: reading events writes, and what an act wrote in one order stays in it.

use super::act::Around;
use crate::id::{EventId, TenantId};
use crate::store::StoreResult;
use crate::store::sql::events::{EventIds, bucket, last_of};
use crate::store::sql::rows::params;
use crate::store::sql::{Lock, Sql, Tx, Verdict};

/// How many events are given a place in one act.
const AT_ONCE: u32 = 500;

/// Whether there are events without a place.
pub(super) fn are_waiting(sql: &dyn Sql, tenant: TenantId) -> StoreResult<bool> {
    sql.any(
        "SELECT 1 FROM unplaced_events WHERE tenant = ?1 LIMIT 1",
        params![tenant],
    )
}

/// Gives some of them one; whether there may be more.
pub(super) fn place(tx: &mut dyn Tx, around: &Around, tenant: TenantId) -> Verdict<bool> {
    tx.lock(Lock::Tenant(tenant))?;
    let waiting = tx.sql().all(
        "SELECT bucket, id FROM unplaced_events WHERE tenant = ?1 ORDER BY bucket, id LIMIT ?2",
        params![tenant, AT_ONCE],
        |row| Ok((row.get::<i64>(0)?, row.get::<EventId>(1)?)),
    )?;
    let last = last_of(tx.sql(), tenant)?.unwrap_or(EventId::from_bytes([0; 12]));
    let mut ids = EventIds::after(last);
    for (was_bucket, was) in &waiting {
        let id = ids.next(&*around.clock, &*around.random);
        tx.sql().run(
            "INSERT INTO events (tenant, bucket, id, kind, user_id, identity, connection, proof, other, fields,
                actor, at, sealed)
             SELECT tenant, ?4, ?5, kind, user_id, identity, connection, proof, other, fields, actor, at, sealed
             FROM unplaced_events WHERE tenant = ?1 AND bucket = ?2 AND id = ?3",
            params![tenant, was_bucket, was, bucket(id), id],
        )?;
        tx.sql().run(
            "DELETE FROM unplaced_events WHERE tenant = ?1 AND bucket = ?2 AND id = ?3",
            params![tenant, was_bucket, was],
        )?;
    }
    Ok(waiting.len() >= AT_ONCE as usize)
}
