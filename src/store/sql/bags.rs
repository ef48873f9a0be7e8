//! What a dialect keeps with a user beside what all of them share.
//!
//! What would surprise: an empty bag is none, so nobody has a row for nothing.

use super::Sql;
use super::rows::{Json, params};
use crate::domain::{Dialect, Object};
use crate::id::{TenantId, UserId};
use crate::store::{BagChange, StoreResult};

/// What a dialect keeps with a user; nothing when it keeps nothing.
pub fn find(sql: &dyn Sql, tenant: TenantId, user: UserId, dialect: Dialect) -> StoreResult<Object> {
    let found = sql.first(
        "SELECT value FROM user_bags WHERE tenant = ?1 AND user_id = ?2 AND dialect = ?3",
        params![tenant, user, dialect],
        |row| Ok(row.get::<Json<Object>>(0)?.0),
    )?;
    Ok(found.unwrap_or_default())
}

/// Keeps this in the place of what a dialect kept with a user.
pub fn put(sql: &dyn Sql, tenant: TenantId, user: UserId, bag: Option<&(Dialect, Object)>) -> StoreResult<()> {
    let Some((dialect, value)) = bag else { return Ok(()) };
    if value.is_empty() {
        sql.run(
            "DELETE FROM user_bags WHERE tenant = ?1 AND user_id = ?2 AND dialect = ?3",
            params![tenant, user, dialect],
        )?;
        return Ok(());
    }
    sql.run(
        "INSERT INTO user_bags (tenant, user_id, dialect, value) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (tenant, user_id, dialect) DO UPDATE SET value = ?4",
        params![tenant, user, dialect, Json(value)],
    )?;
    Ok(())
}

/// Changes what a dialect keeps with a user, unless it is not what it was any more; whether it is done.
/// The user must be locked.
pub fn change(sql: &dyn Sql, tenant: TenantId, user: UserId, change: Option<&BagChange>) -> StoreResult<bool> {
    let Some(BagChange { dialect, was, is }) = change else {
        return Ok(true);
    };
    if find(sql, tenant, user, *dialect)? != *was {
        return Ok(false);
    }
    put(sql, tenant, user, Some(&(*dialect, is.clone())))?;
    Ok(true)
}

/// Forgets what every dialect keeps with a user who goes.
pub fn forget(sql: &dyn Sql, tenant: TenantId, user: UserId) -> StoreResult<()> {
    sql.run(
        "DELETE FROM user_bags WHERE tenant = ?1 AND user_id = ?2",
        params![tenant, user],
    )?;
    Ok(())
}
