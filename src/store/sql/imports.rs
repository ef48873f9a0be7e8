//! Users from a file: many acts of making one, in one act with how far the file has got.
//!
//! What would surprise: there is no savepoint for each user. `create_user` looks before it
//! writes, so whoever is refused has left nothing behind; that is checked.

use super::{Engine, NewKeys, Sql, SqlStore, Stop, Tx, Verdict, key_rows};
use async_trait::async_trait;

use super::rows::{Json, Millis, Row, corrupt, params};
use super::{create_user, identities, logins, marks};
use crate::id::TenantId;
use crate::secret::Digest;
use crate::store::{
    Created, ERASED, Import, ImportBatch, Imported, Imports, LoginKind, NewIdentity, NewUser, Refusal, StoreResult,
};

macro_rules! select_imports {
    ($rest:literal) => {
        concat!(
            "SELECT file, name, lines, file_offset, users, identities, refused, lines_before, last_refused,
                began_at, ended_at
             FROM imports WHERE tenant = ?1 ",
            $rest
        )
    };
}

#[async_trait]
impl<E: Engine> Imports for SqlStore<E> {
    async fn find_import(&self, tenant: TenantId, file: Digest) -> StoreResult<Option<Import>> {
        self.engine.read_one(move |sql| find(sql, tenant, file)).await
    }

    async fn list_unfinished_imports(&self, tenant: TenantId) -> StoreResult<Vec<Import>> {
        self.engine
            .read_one(move |sql| {
                sql.all(
                    select_imports!("AND ended_at IS NULL ORDER BY began_at, file"),
                    params![tenant],
                    read,
                )
            })
            .await
    }

    async fn import_users(&self, tenant: TenantId, batch: ImportBatch) -> StoreResult<Imported> {
        let used = batch.users.iter().map(|(_, new)| new.key.as_ref());
        let keys = used.flat_map(|used| key_rows(tenant, used)).collect();
        self.engine
            .act(keys, move |tx, keys| import(tx, tenant, &batch, keys))
            .await
    }
}

fn import(tx: &mut dyn Tx, tenant: TenantId, batch: &ImportBatch, keys: NewKeys) -> Verdict<Imported> {
    let from = &batch.from;
    let known = find(tx.sql(), tenant, from.file)?;
    if known.as_ref().map_or(0, |known| known.lines) != from.lines
        || known.is_some_and(|known| known.ended_at.is_some())
    {
        return Err(Stop::refused(Imported::Elsewhere));
    }
    let mut now = Import {
        lines: batch.lines,
        offset: batch.offset,
        lines_before: from.lines,
        last_refused: batch.refused.clone(),
        ended_at: batch.ended_at,
        ..from.clone()
    };
    for (line, new) in &batch.users {
        let before = tx.changes();
        match create_user::create_user(tx, tenant, new, keys) {
            Ok(_) => {
                now.users += 1;
                now.identities += 1 + new.more.len() as u64;
            }
            Err(Stop::Refused(_)) if tx.changes() != before => {
                return Err(Stop::Failed(corrupt("users: one was refused who had been written")));
            }
            Err(Stop::Refused(created)) => {
                now.last_refused.push(refusal(tx.sql(), tenant, *line, new, &created)?);
                tx.sweep_key(tenant, new.user.id)?;
            }
            Err(Stop::Failed(error)) => return Err(Stop::Failed(error)),
        }
    }
    now.last_refused.sort_by_key(|refusal| refusal.line);
    now.refused += now.last_refused.len() as u64;
    if !put(tx.sql(), tenant, &now)? {
        return Err(Stop::refused(Imported::Elsewhere));
    }
    Ok(Imported::Done(now))
}

/// Why a user was not made, with the identity that was in the way.
fn refusal(sql: &dyn Sql, tenant: TenantId, line: u64, new: &NewUser, created: &Created) -> StoreResult<Refusal> {
    let mut at = 0;
    for (n, identity) in std::iter::once(&new.born).chain(&new.more).enumerate() {
        if is_in_the_way(sql, tenant, new, identity, created)? {
            at = n;
            break;
        }
    }
    let reason = match created {
        Created::IdentityTaken => "belongs to somebody already",
        Created::LoginTaken(LoginKind::Email) => "has an e-mail address that somebody logs in with at this connection",
        Created::LoginTaken(LoginKind::Username) => "has a user name that somebody logs in with at this connection",
        Created::LoginTaken(LoginKind::PhoneNumber) => {
            "has a phone number that somebody logs in with at this connection"
        }
        Created::BirthplaceTaken => "is what somebody was born with at another connection of the same provider",
        Created::Erased => ERASED,
        Created::Done | Created::Spent | Created::Repeated(_) => "was not made",
    };
    Ok(Refusal {
        line,
        path: format!("identities[{at}]"),
        reason: reason.to_owned(),
    })
}

fn is_in_the_way(
    sql: &dyn Sql,
    tenant: TenantId,
    new: &NewUser,
    identity: &NewIdentity,
    created: &Created,
) -> StoreResult<bool> {
    let key = identity.external.key();
    match created {
        Created::Erased => {
            let mut its = new.marked.iter().filter(|marked| marked.identity == identity.id);
            its.try_fold(false, |found, its| {
                Ok(found || marks::is_there(sql, tenant, its.mark, new.user.updated_at)?)
            })
        }
        Created::IdentityTaken => identities::is_taken(sql, tenant, key),
        Created::LoginTaken(_) => Ok(logins::taken(sql, tenant, key, &identity.login.names)?.is_some()),
        _ => Ok(true),
    }
}

fn find(sql: &dyn Sql, tenant: TenantId, file: Digest) -> StoreResult<Option<Import>> {
    sql.first(select_imports!("AND file = ?2"), params![tenant, file], read)
}

fn read(row: &Row<'_>) -> StoreResult<Import> {
    let count = |n: usize| -> StoreResult<u64> { Ok(u64::try_from(row.get::<i64>(n)?).unwrap_or(0)) };
    let Json(last_refused) = row.get(8)?;
    let Millis(began_at) = row.get(9)?;
    Ok(Import {
        file: row.get(0)?,
        name: row.get(1)?,
        lines: count(2)?,
        offset: count(3)?,
        users: count(4)?,
        identities: count(5)?,
        refused: count(6)?,
        lines_before: count(7)?,
        last_refused,
        began_at,
        ended_at: row.get::<Option<Millis>>(10)?.map(|at| at.0),
    })
}

/// Keeps how far a file has got, unless it has got elsewhere meanwhile.
fn put(sql: &dyn Sql, tenant: TenantId, import: &Import) -> StoreResult<bool> {
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let rows = sql.run(
        "INSERT INTO imports (tenant, file, name, lines, file_offset, users, identities, refused, lines_before,
            last_refused, began_at, ended_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (tenant, file) DO UPDATE SET name = ?3, lines = ?4, file_offset = ?5, users = ?6,
            identities = ?7, refused = ?8, lines_before = ?9, last_refused = ?10, ended_at = ?12
            WHERE imports.lines = ?9 AND imports.ended_at IS NULL",
        params![
            tenant,
            import.file,
            import.name,
            number(import.lines),
            number(import.offset),
            number(import.users),
            number(import.identities),
            number(import.refused),
            number(import.lines_before),
            Json(&import.last_refused),
            Millis(import.began_at),
            import.ended_at.map(Millis),
        ],
    )?;
    Ok(rows == 1)
}
