//! What is counted by the day: log-ins, sign-ups, and who was there lately.
//!
//! What would surprise: nothing is read off users or events for it, because both are too
//! many to be looked through while somebody waits.

use super::Sql;
use jiff::Timestamp;

use super::rows::{corrupt, params};
use crate::id::{TenantId, UserId};
use crate::store::{DayCount, StoreResult};

/// Counts a user who came to be.
pub fn count_sign_up(sql: &dyn Sql, tenant: TenantId, at: Timestamp) -> StoreResult<()> {
    sql.run(
        "INSERT INTO day_counts (tenant, day, logins, signups) VALUES (?1, ?2, 0, 1)
         ON CONFLICT (tenant, day) DO UPDATE SET signups = day_counts.signups + 1",
        params![tenant, DayCount::day_of(at)],
    )?;
    Ok(())
}

/// Counts a log-in.
pub fn count_log_in(sql: &dyn Sql, tenant: TenantId, user: UserId, at: Timestamp) -> StoreResult<()> {
    let day = DayCount::day_of(at);
    sql.run(
        "INSERT INTO day_counts (tenant, day, logins, signups) VALUES (?1, ?2, 1, 0)
         ON CONFLICT (tenant, day) DO UPDATE SET logins = day_counts.logins + 1",
        params![tenant, day],
    )?;
    sql.run(
        "INSERT INTO last_login_days (tenant, user_id, day) VALUES (?1, ?2, ?3)
         ON CONFLICT (tenant, user_id) DO UPDATE SET day = ?3",
        params![tenant, user, day],
    )?;
    Ok(())
}

/// Forgets when a user was there.
pub fn forget(sql: &dyn Sql, tenant: TenantId, user: UserId) -> StoreResult<()> {
    sql.run(
        "DELETE FROM last_login_days WHERE tenant = ?1 AND user_id = ?2",
        params![tenant, user],
    )?;
    Ok(())
}

/// How many users logged in on this day or later.
pub fn active_since(sql: &dyn Sql, tenant: TenantId, day: i64) -> StoreResult<u64> {
    let count = sql.first(
        "SELECT count(*) FROM last_login_days WHERE tenant = ?1 AND day >= ?2",
        params![tenant, day],
        |row| row.get::<i64>(0),
    )?;
    u64::try_from(count.unwrap_or(0)).map_err(corrupt)
}

/// What happened on these days, both included; days on which nothing did are left out.
pub fn list(sql: &dyn Sql, tenant: TenantId, from: i64, to: i64) -> StoreResult<Vec<DayCount>> {
    sql.all(
        "SELECT day, logins, signups FROM day_counts WHERE tenant = ?1 AND day >= ?2 AND day <= ?3 ORDER BY day",
        params![tenant, from, to],
        |row| {
            Ok(DayCount {
                day: row.get(0)?,
                logins: row.get(1)?,
                signups: row.get(2)?,
            })
        },
    )
}
