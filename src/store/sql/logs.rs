//! Entries of tenants' logs, as rows.
//!
//! What would surprise: ids are made here, each greater than the tenant's last, so that whoever
//! reads on after one misses none; and whether a user is still there is asked in the act that
//! writes, or what is personal could be written just after she was erased.

use super::{Engine, Lock, Sql, SqlStore, Tx, Verdict};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use super::rows::{Json, Millis, Row, params};
use super::{identities, tenants, users};
use crate::clock::Random;
use crate::domain::{Dialect, IdentityKey, Object, UserRef};
use crate::id::{ClientId, LogId, TenantId, UserId};
use crate::store::{About, Log, LogOrder, LogPage, Logs, NewLog, StoreResult};

/// Dialects in which tenants act without clients.
const DIALECTS: [Dialect; 2] = [Dialect::Kii, Dialect::Knodes];

/// How many entries are forgotten in one act.
const FORGOTTEN_AT_ONCE: u32 = 1_000;

#[async_trait]
impl<E: Engine> Logs for SqlStore<E> {
    async fn append_logs(&self, new: Vec<NewLog>) -> StoreResult<()> {
        let new = Arc::new(new);
        let asked = new.clone();
        let find = move |sql: &dyn Sql| {
            let user = |log: &NewLog| match &log.about {
                About::Nobody => Ok(None),
                About::User(user) => Ok(Some(*user)),
                About::Named(which) => find_person(sql, log.tenant, which),
            };
            asked.iter().map(user).collect::<StoreResult<Vec<_>>>()
        };
        let named = self.engine.read(find).await?;
        self.engine.act(vec![], move |tx, _| append(tx, &new, &named)).await
    }

    async fn list_logs(&self, tenant: TenantId, page: LogPage) -> StoreResult<Vec<Log>> {
        self.engine.read_one(move |sql| list(sql, tenant, &page)).await
    }

    async fn count_logs(&self, tenant: TenantId, user: Option<UserId>) -> StoreResult<u64> {
        let count = self
            .engine
            .read_one(move |sql| match user {
                None => sql.first("SELECT count(*) FROM logs WHERE tenant = ?1", params![tenant], |row| {
                    row.get::<i64>(0)
                }),
                Some(user) => sql.first(
                    "SELECT count(*) FROM logs WHERE tenant = ?1 AND user_id = ?2",
                    params![tenant, user],
                    |row| row.get(0),
                ),
            })
            .await?;
        Ok(count.unwrap_or(0).unsigned_abs())
    }

    async fn find_log(&self, tenant: TenantId, id: LogId) -> StoreResult<Option<Log>> {
        self.engine
            .read_one(move |sql| {
                sql.first(
                    "SELECT id, at, entry, personal FROM logs WHERE tenant = ?1 AND id = ?2",
                    params![tenant, id],
                    read,
                )
            })
            .await
    }

    async fn forget_logs(&self, tenant: TenantId, before: Timestamp) -> StoreResult<u64> {
        let until = first_of(before);
        let due = move |sql: &dyn Sql| {
            sql.any(
                "SELECT 1 FROM logs WHERE tenant = ?1 AND id < ?2 LIMIT 1",
                params![tenant, until],
            )
        };
        match self.engine.read_one(due).await? {
            false => Ok(0),
            true => self.engine.act(vec![], move |tx, _| forget(tx, tenant, until)).await,
        }
    }
}

/// The core id of who is called so, or was before she became part of another: an entry may be
/// written after that.
fn find_person(sql: &dyn Sql, tenant: TenantId, which: &UserRef) -> StoreResult<Option<UserId>> {
    let UserRef::Born { at, subject } = which else {
        return users::find_id(sql, tenant, which);
    };
    if let Some(user) = users::find_id(sql, tenant, which)? {
        return Ok(Some(user));
    }
    for (connection, issuer) in users::birthplaces(sql, tenant, at)? {
        let key = IdentityKey {
            connection,
            issuer,
            subject: subject.clone(),
        };
        if let Some(identity) = identities::find(sql, tenant, &key)? {
            return users::find_former(sql, tenant, identity.id);
        }
    }
    Ok(None)
}

/// Whether there is this client, or the tenant for which it stands that has none in its dialect.
fn is_there(sql: &dyn Sql, tenant: TenantId, client: ClientId) -> StoreResult<bool> {
    let stands_for = |dialect: &Dialect| ClientId::of_dialect(tenant, dialect.name().as_bytes()) == client;
    if DIALECTS.iter().any(stands_for) {
        return Ok(tenants::find(sql, tenant)?.is_some());
    }
    sql.any(
        "SELECT 1 FROM clients WHERE tenant = ?1 AND id = ?2",
        params![tenant, client],
    )
}

fn append(tx: &mut dyn Tx, new: &[NewLog], users: &[Option<UserId>]) -> Verdict<()> {
    let tenants: BTreeSet<TenantId> = new.iter().map(|log| log.tenant).collect();
    for tenant in tenants {
        tx.lock(Lock::Tenant(tenant))?;
    }
    let mut last: HashMap<TenantId, LogId> = HashMap::new();
    for (log, user) in new.iter().zip(users) {
        let tenant = log.tenant;
        if log.client.tenant() != tenant || !is_there(tx.sql(), tenant, log.client)? {
            continue;
        }
        // An absorbed user is there as part of another.
        let user = match user {
            Some(user) => users::find_survivor(tx.sql(), tenant, *user)?.map(|_| *user),
            None => None,
        };
        let keeps_personal = !log.personal.is_empty() && (user.is_some() || log.about == About::Nobody);
        let before = match last.get(&tenant) {
            Some(before) => Some(*before),
            None => tx.sql().first(
                "SELECT id FROM logs WHERE tenant = ?1 ORDER BY id DESC LIMIT 1",
                params![tenant],
                |row| row.get(0),
            )?,
        };
        let id = next(before, log.at, tx.random());
        tx.sql().run(
            "INSERT INTO logs (tenant, id, user_id, at, entry, personal) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                tenant,
                id,
                user,
                Millis(log.at),
                Json(&log.entry),
                keeps_personal.then_some(Json(&log.personal)),
            ],
        )?;
        last.insert(tenant, id);
    }
    Ok(())
}

/// The id of an entry of this moment that comes after those before it.
fn next(before: Option<LogId>, at: Timestamp, random: &dyn Random) -> LogId {
    let mut chance = [0; 8];
    random.fill(&mut chance);
    let chance = u64::from_be_bytes(chance);
    // The upper half is left for those that must come after it in the same millisecond.
    let fresh = u128::from(millis(at)) << 48 | u128::from(chance >> 17);
    let least = before.map_or(0, |id| number(id).saturating_add(1 + u128::from(chance >> 32)));
    let bytes = match before {
        Some(before) if number(before) >= fresh => least,
        _ => fresh,
    };
    of_number(bytes)
}

fn millis(at: Timestamp) -> u64 {
    at.as_millisecond().max(0).unsigned_abs()
}

fn number(id: LogId) -> u128 {
    id.as_bytes().iter().fold(0, |sum, byte| sum << 8 | u128::from(*byte))
}

fn of_number(number: u128) -> LogId {
    let mut id = [0; 12];
    for (to, from) in id.iter_mut().zip(number.to_be_bytes().iter().skip(4)) {
        *to = *from;
    }
    LogId::from_bytes(id)
}

/// The least id of this moment.
fn first_of(at: Timestamp) -> LogId {
    of_number(u128::from(millis(at)) << 48)
}

fn list(sql: &dyn Sql, tenant: TenantId, page: &LogPage) -> StoreResult<Vec<Log>> {
    let after = page.after.unwrap_or(match page.order {
        LogOrder::Oldest => LogId::from_bytes([0; 12]),
        LogOrder::Newest => LogId::from_bytes([0xff; 12]),
    });
    let (limit, skip) = (page.limit, page.skip);
    match (page.user, page.order) {
        (None, LogOrder::Oldest) => sql.all(
            "SELECT id, at, entry, personal FROM logs WHERE tenant = ?1 AND id > ?2
             ORDER BY id LIMIT ?3 OFFSET ?4",
            params![tenant, after, limit, skip],
            read,
        ),
        (None, LogOrder::Newest) => sql.all(
            "SELECT id, at, entry, personal FROM logs WHERE tenant = ?1 AND id < ?2
             ORDER BY id DESC LIMIT ?3 OFFSET ?4",
            params![tenant, after, limit, skip],
            read,
        ),
        (Some(user), LogOrder::Oldest) => sql.all(
            "SELECT id, at, entry, personal FROM logs WHERE tenant = ?1 AND user_id = ?2 AND id > ?3
             ORDER BY id LIMIT ?4 OFFSET ?5",
            params![tenant, user, after, limit, skip],
            read,
        ),
        (Some(user), LogOrder::Newest) => sql.all(
            "SELECT id, at, entry, personal FROM logs WHERE tenant = ?1 AND user_id = ?2 AND id < ?3
             ORDER BY id DESC LIMIT ?4 OFFSET ?5",
            params![tenant, user, after, limit, skip],
            read,
        ),
    }
}

fn read(row: &Row<'_>) -> StoreResult<Log> {
    let Json(entry) = row.get("entry")?;
    let personal: Option<Json<Object>> = row.get("personal")?;
    let Millis(at) = row.get("at")?;
    Ok(Log {
        id: row.get("id")?,
        at,
        entry,
        personal: personal.map(|Json(personal)| personal).unwrap_or_default(),
    })
}

fn forget(tx: &mut dyn Tx, tenant: TenantId, until: LogId) -> Verdict<u64> {
    let stays = tx.sql().first(
        "SELECT id FROM logs WHERE tenant = ?1 AND id < ?2 ORDER BY id LIMIT 1 OFFSET ?3",
        params![tenant, until, FORGOTTEN_AT_ONCE],
        |row| row.get::<LogId>(0),
    )?;
    let gone = tx.sql().run(
        "DELETE FROM logs WHERE tenant = ?1 AND id < ?2",
        params![tenant, stays.unwrap_or(until)],
    )?;
    Ok(u64::try_from(gone).unwrap_or(u64::MAX))
}

/// Erases what is personal in the entries about a user, and about those who became part of her.
/// Their aliases must still be there.
pub fn forget_person(sql: &dyn Sql, tenant: TenantId, user: UserId) -> StoreResult<()> {
    let mut persons = sql.all(
        "SELECT id FROM aliases WHERE tenant = ?1 AND survivor = ?2",
        params![tenant, user],
        |row| row.get::<UserId>(0),
    )?;
    persons.push(user);
    for person in persons {
        sql.run(
            "UPDATE logs SET personal = NULL WHERE tenant = ?1 AND user_id = ?2 AND personal IS NOT NULL",
            params![tenant, person],
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededRandom;

    #[test]
    fn ids_grow_in_a_tenant_whatever_the_times_are_and_hold_the_time() {
        let random = SeededRandom::new(1);
        let at = |millis| Timestamp::from_millisecond(millis).unwrap();
        let mut last = next(None, at(1_800_000_000_500), &random);
        assert_eq!(number(last) >> 48, 1_800_000_000_500);
        for millis in [1_800_000_000_500, 1_700_000_000_000, 0, 1_800_000_000_500] {
            let id = next(Some(last), at(millis), &random);
            assert!(id > last);
            assert!(number(id) - number(last) > 1, "not to be guessed from the one before");
            last = id;
        }
        let later = next(Some(last), at(1_800_000_000_501), &random);
        assert!(later >= first_of(at(1_800_000_000_501)) && later < first_of(at(1_800_000_000_502)));
    }
}
