//! What is counted by the day: log-ins, sign-ups, and who was there lately.
//!
//! What would surprise: nothing is read off users or events for it, because both are too
//! many to be looked through while somebody waits; and a day is counted in several parts, so that
//! acts which count at the same time need not wait for each other.

use super::{Sql, Tx};
use jiff::Timestamp;

use super::rows::{corrupt, params};
use crate::id::{TenantId, UserId};
use crate::store::{DayCount, StoreResult};

/// In how many parts a day is counted where many count at once.
const PARTS: u8 = 64;

/// The part in which this act counts.
fn part(tx: &dyn Tx) -> i64 {
    match tx.is_alone() {
        true => 0,
        false => {
            let mut chance = [0];
            tx.random().fill(&mut chance);
            let [chance] = chance;
            i64::from(chance % PARTS)
        }
    }
}

/// Counts a user who came to be.
pub fn count_sign_up(tx: &dyn Tx, tenant: TenantId, at: Timestamp) -> StoreResult<()> {
    tx.sql().run(
        "INSERT INTO day_counts (tenant, day, part, logins, signups) VALUES (?1, ?2, ?3, 0, 1)
         ON CONFLICT (tenant, day, part) DO UPDATE SET signups = day_counts.signups + 1",
        params![tenant, DayCount::day_of(at), part(tx)],
    )?;
    Ok(())
}

/// Counts a log-in.
pub fn count_log_in(tx: &dyn Tx, tenant: TenantId, user: UserId, at: Timestamp) -> StoreResult<()> {
    let day = DayCount::day_of(at);
    tx.sql().run(
        "INSERT INTO day_counts (tenant, day, part, logins, signups) VALUES (?1, ?2, ?3, 1, 0)
         ON CONFLICT (tenant, day, part) DO UPDATE SET logins = day_counts.logins + 1",
        params![tenant, day, part(tx)],
    )?;
    tx.sql().run(
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
        "SELECT day, CAST(sum(logins) AS bigint), CAST(sum(signups) AS bigint) FROM day_counts
         WHERE tenant = ?1 AND day >= ?2 AND day <= ?3 GROUP BY day ORDER BY day",
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
