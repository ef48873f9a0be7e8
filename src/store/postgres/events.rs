//! Giving events a place among those of their tenant.
//!
//! Acts of many servers are under way at once, and a commit may come long after its statements,
//! so nobody who writes can know what comes before what. An act leaves its events without a
//! place; whoever wants to read them first gives one to all that are committed, under the lock
//! of the tenant, with ids that go on after the last. So every event is listed once, and none
//! comes later before one that was listed, however late a commit is.
//!
//! Among those that wait, the time of the server's own clock decides at which each was written.
//! Whoever is kept waiting by an act writes after it, so what depends on one another stays in
//! order, whatever the clocks of our servers say.
//!
//! What would surprise: reading events writes.

use super::act::Around;
use crate::domain::NewEvent;
use crate::id::{EventId, TenantId};
use crate::store::StoreResult;
use crate::store::sql::events::{Columns, EventIds, bucket, last_of};
use crate::store::sql::rows::params;
use crate::store::sql::{Lock, Sql, Tx, Verdict};

/// How many events are given a place in one act.
const AT_ONCE: u32 = 500;

/// Writes down what happened in an act, without a place and together: at one time, with ids that
/// follow each other.
pub(super) fn write(sql: &dyn Sql, around: &Around, events: &[(TenantId, NewEvent)]) -> StoreResult<()> {
    let mut written_at: Option<i64> = None;
    for ((tenant, event), id) in events.iter().zip(around.event_ids(events.len())) {
        let event = Columns::of(event);
        let found = sql.first(
            "INSERT INTO unplaced_events (tenant, written_at, id, kind, user_id, identity, connection, proof, other,
                fields, actor, at, sealed)
             VALUES (?1, coalesce(?2, CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)), ?3, ?4, ?5,
                ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             RETURNING written_at",
            params![
                tenant,
                written_at,
                id,
                event.kind,
                event.user,
                event.identity,
                event.connection,
                event.proof,
                event.other,
                event.fields,
                event.actor,
                event.at,
                event.sealed,
            ],
            |row| row.get(0),
        )?;
        written_at = found;
    }
    Ok(())
}

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
    let mut waiting = tx.sql().all(
        "SELECT written_at, id FROM unplaced_events WHERE tenant = ?1 ORDER BY written_at, id LIMIT ?2",
        params![tenant, AT_ONCE + 1],
        |row| Ok((row.get::<i64>(0)?, row.get::<EventId>(1)?)),
    )?;
    let more = waiting.len() > AT_ONCE as usize;
    // What an act wrote at one time is not parted.
    if let Some((next, _)) = waiting.get(AT_ONCE as usize).copied()
        && waiting.first().is_some_and(|(first, _)| *first < next)
    {
        waiting.retain(|(written_at, _)| *written_at < next);
    }
    let last = last_of(tx.sql(), tenant)?.unwrap_or(EventId::from_bytes([0; 12]));
    let mut ids = EventIds::after(last);
    for (written_at, was) in &waiting {
        let id = ids.next(&*around.clock, &*around.random);
        tx.sql().run(
            "INSERT INTO events (tenant, bucket, id, kind, user_id, identity, connection, proof, other, fields,
                actor, at, sealed)
             SELECT tenant, ?4, ?5, kind, user_id, identity, connection, proof, other, fields, actor, at, sealed
             FROM unplaced_events WHERE tenant = ?1 AND written_at = ?2 AND id = ?3",
            params![tenant, written_at, was, bucket(id), id],
        )?;
        tx.sql().run(
            "DELETE FROM unplaced_events WHERE tenant = ?1 AND written_at = ?2 AND id = ?3",
            params![tenant, written_at, was],
        )?;
    }
    Ok(more)
}
