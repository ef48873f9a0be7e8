//! Connections as they change and go.
//!
//! What would surprise: a deleted connection is *retired* first, which is one small act: from
//! then on nothing finds it, so nobody logs in at it and nothing is linked to it. Its row
//! stays, with its name and nothing secret, until the identities that hung on it are gone,
//! which takes an act for each.

use super::{Lock, Sql, Stop, Tx, Verdict};
use jiff::Timestamp;

use super::identities;
use super::rows::{Json, Millis, params};
use super::tenants::{self, CONNECTION, read_connection};
use crate::domain::{Actor, Connection, ConnectionRef};
use crate::id::{ConnectionId, TenantId};
use crate::store::ledger::Loss;
use crate::store::{Replaced, RetiredConnection, StoreResult};

/// Replaces what may change of a connection.
pub fn update(tx: &mut dyn Tx, tenant: TenantId, was: &Connection, is: &Connection) -> Verdict<Replaced> {
    tx.lock(Lock::Connection(tenant, was.id))?;
    match tenants::find_connection(tx.sql(), tenant, &ConnectionRef::Id(was.id))? {
        None => return Err(Stop::refused(Replaced::Gone)),
        Some(found) if found != *was => return Err(Stop::refused(Replaced::Changed)),
        Some(_) => {}
    }
    // An application may come to where there was none: nobody's account hangs on another one.
    let is_another = was.client_id.is_some() && was.client_id != is.client_id;
    if is_another && !identities::at(tx.sql(), tenant, was.id, 1)?.is_empty() {
        return Err(Stop::refused(Replaced::InUse));
    }
    tx.outdate_known();
    tx.sql().run(
        "UPDATE connections SET client_id = ?3, client_secret = ?4, auth0 = ?5 WHERE tenant = ?1 AND id = ?2",
        params![tenant, was.id, is.client_id, is.client_secret, Json(&is.auth0)],
    )?;
    Ok(Replaced::Done)
}

/// Makes a connection live for nobody.
pub fn retire(tx: &mut dyn Tx, tenant: TenantId, id: ConnectionId, at: Timestamp, by: Actor) -> Verdict<bool> {
    tx.outdate_known();
    let rows = tx.sql().run(
        "UPDATE connections SET deleted_at = ?3, deleted_by = ?4, client_secret = NULL
         WHERE tenant = ?1 AND id = ?2 AND deleted_at IS NULL",
        params![tenant, id, Millis(at), by],
    )?;
    if rows > 0 {
        tx.lose(Loss::Connection { tenant, connection: id });
    }
    Ok(rows > 0)
}

/// The connections that were retired and are still there.
pub fn retired(sql: &dyn Sql, tenant: TenantId) -> StoreResult<Vec<RetiredConnection>> {
    sql.all(
        &format!("{CONNECTION} WHERE tenant = ?1 AND deleted_at IS NOT NULL ORDER BY deleted_at, id"),
        params![tenant],
        |row| {
            let Millis(at) = row.get("deleted_at")?;
            Ok(RetiredConnection {
                connection: read_connection(row)?,
                at,
                by: row.get("deleted_by")?,
            })
        },
    )
}
