//! Opaque tokens: how they are kept, found, renewed and ended.
//!
//! What would surprise: tokens are written with their user locked, as she is by whatever ends them, so
//! none is left by a log-in that was under way when she was blocked.

use async_trait::async_trait;
use jiff::Timestamp;

use super::rows::{Millis, Row, corrupt, params};
use super::{Engine, Lock, Sql, SqlStore, Stop, Tx, Verdict, tenants, users};
use crate::id::{TenantId, UserId};
use crate::secret::Digest;
use crate::store::{AllowedBy, Bearer, Issued, NewTokens, OpaqueTokens, Renewal, StoreResult};

/// How many access tokens a person may have at a time. They may live for decades, and anybody who knows her
/// password could fill the store with them.
const MOST_OF_A_PERSON: u32 = 100;

#[async_trait]
impl<E: Engine> OpaqueTokens for SqlStore<E> {
    async fn issue_tokens(&self, tenant: TenantId, new: NewTokens, allowed_by: AllowedBy) -> StoreResult<Issued> {
        self.engine
            .act(vec![], move |tx, _| issue(tx, tenant, &new, allowed_by))
            .await
    }

    async fn find_token(&self, tenant: TenantId, access: Digest, now: Timestamp) -> StoreResult<Option<Bearer>> {
        self.engine.read_one(move |sql| find(sql, tenant, access, now)).await
    }

    async fn refresh_tokens(&self, tenant: TenantId, refresh: Digest, new: Renewal) -> StoreResult<Option<Bearer>> {
        self.engine
            .act(vec![], move |tx, _| renew(tx, tenant, refresh, &new))
            .await
    }
}

fn issue(tx: &mut dyn Tx, tenant: TenantId, new: &NewTokens, allowed_by: AllowedBy) -> Verdict<Issued> {
    let is_allowed = match (new.bearer, allowed_by) {
        (Bearer::User(user) | Bearer::Pseudo(user), AllowedBy::Epoch(epoch)) => {
            tx.lock(Lock::User(tenant, user))?
                && users::find(tx.sql(), tenant, user)?
                    .is_some_and(|user| user.epoch == epoch && user.blocked != Some(true))
        }
        (Bearer::Admin, AllowedBy::AdminSecret(secret)) => {
            tx.lock(Lock::Tenant(tenant))?;
            tenants::find(tx.sql(), tenant)?.is_some_and(|tenant| tenant.credentials.kii_client_secret == secret)
        }
        (Bearer::Admin, AllowedBy::Epoch(_)) | (_, AllowedBy::AdminSecret(_)) => false,
    };
    if !is_allowed {
        return Err(Stop::refused(Issued::Changed));
    }
    make_room(tx.sql(), tenant, new.bearer)?;
    insert(tx.sql(), tenant, new)?;
    Ok(Issued::Done)
}

/// Ends those of a person's tokens that would end first, when she has as many as she may.
fn make_room(sql: &dyn Sql, tenant: TenantId, bearer: Bearer) -> StoreResult<()> {
    let (Bearer::User(user) | Bearer::Pseudo(user)) = bearer else {
        return Ok(());
    };
    let too_many: Vec<(Digest, Option<Digest>)> = sql.all(
        "SELECT token, partner FROM opaque_tokens WHERE tenant = ?1 AND user_id = ?2 AND kind = 'access'
         ORDER BY ends_at DESC, token LIMIT ?3 OFFSET ?3",
        params![tenant, user, MOST_OF_A_PERSON - 1],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    for token in too_many
        .into_iter()
        .flat_map(|(access, refresh)| [Some(access), refresh])
    {
        sql.run(
            "DELETE FROM opaque_tokens WHERE tenant = ?1 AND token = ?2",
            params![tenant, token],
        )?;
    }
    Ok(())
}

fn renew(tx: &mut dyn Tx, tenant: TenantId, refresh: Digest, new: &Renewal) -> Verdict<Option<Bearer>> {
    let none = || Stop::refused(None);
    let found = find_refresh(tx.sql(), tenant, refresh)?;
    let (found, partner) = found.ok_or_else(none)?;
    match found {
        Bearer::User(user) | Bearer::Pseudo(user) => {
            if !tx.lock(Lock::User(tenant, user))? {
                return Err(none());
            }
        }
        Bearer::Admin => drop(tx.lock(Lock::Tenant(tenant))?),
    }
    let taken = tx.sql().run(
        "DELETE FROM opaque_tokens WHERE tenant = ?1 AND token = ?2 AND kind = 'refresh'",
        params![tenant, refresh],
    )?;
    if taken == 0 {
        return Err(none());
    }
    tx.sql().run(
        "DELETE FROM opaque_tokens WHERE tenant = ?1 AND token = ?2",
        params![tenant, partner],
    )?;
    let new = NewTokens {
        bearer: found,
        access: new.access,
        ends_at: new.ends_at,
        refresh: new.refresh,
    };
    insert(tx.sql(), tenant, &new)?;
    Ok(Some(found))
}

fn insert(sql: &dyn Sql, tenant: TenantId, new: &NewTokens) -> StoreResult<()> {
    let (holder, user) = match new.bearer {
        Bearer::User(user) => ("user", Some(user)),
        Bearer::Pseudo(user) => ("pseudo", Some(user)),
        Bearer::Admin => ("admin", None),
    };
    let put = |token: Digest, kind: &str, partner: Option<Digest>, ends_at: Timestamp| {
        sql.run(
            "INSERT INTO opaque_tokens (tenant, token, kind, holder, user_id, partner, ends_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![tenant, token, kind, holder, user, partner, Millis(ends_at)],
        )
    };
    put(new.access, "access", new.refresh, new.ends_at)?;
    if let Some(refresh) = new.refresh {
        put(refresh, "refresh", Some(new.access), Timestamp::MAX)?;
    }
    Ok(())
}

fn find(sql: &dyn Sql, tenant: TenantId, access: Digest, now: Timestamp) -> StoreResult<Option<Bearer>> {
    sql.first(
        "SELECT holder, user_id FROM opaque_tokens WHERE tenant = ?1 AND token = ?2 AND kind = 'access' AND ends_at > ?3",
        params![tenant, access, Millis(now)],
        bearer,
    )
}

/// Whose a refresh token is, and the access token that it came with.
fn find_refresh(sql: &dyn Sql, tenant: TenantId, refresh: Digest) -> StoreResult<Option<(Bearer, Digest)>> {
    sql.first(
        "SELECT holder, user_id, partner FROM opaque_tokens WHERE tenant = ?1 AND token = ?2 AND kind = 'refresh'",
        params![tenant, refresh],
        |row| Ok((bearer(row)?, row.get(2)?)),
    )
}

fn bearer(row: &Row<'_>) -> StoreResult<Bearer> {
    match (row.text(0)?, row.get::<Option<UserId>>(1)?) {
        ("user", Some(user)) => Ok(Bearer::User(user)),
        ("pseudo", Some(user)) => Ok(Bearer::Pseudo(user)),
        ("admin", None) => Ok(Bearer::Admin),
        (other, _) => Err(corrupt(format!("opaque_tokens: the holder is {other}"))),
    }
}

/// Ends all tokens of a user.
pub fn end_of_user(sql: &dyn Sql, tenant: TenantId, user: UserId) -> StoreResult<()> {
    sql.run(
        "DELETE FROM opaque_tokens WHERE tenant = ?1 AND user_id = ?2",
        params![tenant, user],
    )?;
    Ok(())
}

/// Ends what came by the tenant's old secret: its own tokens, and those of people without a password.
pub fn end_of_tenant(sql: &dyn Sql, tenant: TenantId) -> StoreResult<()> {
    sql.run(
        "DELETE FROM opaque_tokens WHERE tenant = ?1 AND holder IN ('admin', 'pseudo')",
        params![tenant],
    )?;
    Ok(())
}

/// Ends all of them: a copy has none, because some may have ended since.
pub fn end_all(sql: &dyn Sql) -> StoreResult<()> {
    sql.run("DELETE FROM opaque_tokens", params![])?;
    Ok(())
}

/// Forgets those that have ended.
pub fn forget_ended(sql: &dyn Sql, now: Timestamp) -> StoreResult<()> {
    sql.run("DELETE FROM opaque_tokens WHERE ends_at <= ?1", params![Millis(now)])?;
    Ok(())
}
