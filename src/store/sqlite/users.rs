//! Users: how they are found by any spelling, listed, kept and changed.
//!
//! What would surprise: the e-mail address is a column, because users are found by it, and
//! is left out of the profile beside it.

use std::borrow::Cow;

use rusqlite::{Connection as Sqlite, Row, params};

use super::rows::{Json, Millis, Sql as _, corrupt};
use super::writer::{Stop, Tx, Verdict};
use super::{identities, logins, tenants};
use crate::domain::user::{Birthplace, KeptCredential, Logins};
use crate::domain::{ConnectionRef, Profile, User, UserRef, UserWithIdentities};
use crate::id::{IdentityId, TenantId, UserId};
use crate::secret::Digest;
use crate::store::{Acted, Page, StoreResult, UserUpdate};

/// How many users of one e-mail address are listed.
const SAME_EMAIL_LIMIT: u32 = 100;

macro_rules! select_users {
    ($rest:literal) => {
        concat!(
            "SELECT id, version, epoch, kept_credential, kept_since, email, profile, blocked, user_metadata, app_metadata, created_at, updated_at,
             login_count, last_login_at, last_ip, last_password_reset FROM users WHERE tenant = ?1 ",
            $rest
        )
    };
}

/// The core id of the user that is meant, if there is one.
pub(super) fn find_id(sql: &Sqlite, tenant: TenantId, which: &UserRef) -> StoreResult<Option<UserId>> {
    match which {
        UserRef::Id(id) => {
            let exists = sql.any("SELECT 1 FROM users WHERE tenant = ?1 AND id = ?2", params![tenant, id])?;
            if exists {
                return Ok(Some(*id));
            }
            sql.first(
                "SELECT survivor FROM aliases WHERE tenant = ?1 AND id = ?2",
                params![tenant, id],
                |row| row.get(0),
            )
        }
        UserRef::Born { at, subject } => {
            let places = match at {
                Birthplace::Provider(provider) => tenants::of_provider(sql, tenant, provider)?,
                Birthplace::Connection(name) => {
                    let which = ConnectionRef::Name(name.clone());
                    tenants::key_part(sql, tenant, &which)?.into_iter().collect()
                }
            };
            for (connection, issuer) in places {
                if let Some((user, 0)) = identities::holder(sql, tenant, connection, &issuer, subject)? {
                    return Ok(Some(user));
                }
            }
            Ok(None)
        }
    }
}

/// The core id of the absorbed user whose primary this identity was.
pub(super) fn find_former(sql: &Sqlite, tenant: TenantId, identity: IdentityId) -> StoreResult<Option<UserId>> {
    sql.first(
        "SELECT id FROM aliases WHERE tenant = ?1 AND identity = ?2",
        params![tenant, identity],
        |row| row.get(0),
    )
}

/// The user of this core id.
pub(super) fn find(sql: &Sqlite, tenant: TenantId, id: UserId) -> StoreResult<Option<User>> {
    sql.first(select_users!("AND id = ?2"), params![tenant, id], read)
}

/// The user of this core id, with identities.
pub(super) fn find_with_identities(
    sql: &Sqlite,
    tenant: TenantId,
    id: UserId,
) -> StoreResult<Option<UserWithIdentities>> {
    let Some(user) = find(sql, tenant, id)? else {
        return Ok(None);
    };
    with_identities(sql, tenant, user).map(Some)
}

fn with_identities(sql: &Sqlite, tenant: TenantId, user: User) -> StoreResult<UserWithIdentities> {
    Ok(UserWithIdentities {
        identities: identities::of_user(sql, tenant, user.id)?,
        user,
    })
}

/// A page of users in the order of their ids.
pub(super) fn list(sql: &Sqlite, tenant: TenantId, page: Page) -> StoreResult<Vec<UserWithIdentities>> {
    let users = match page {
        Page::Offset { skip, limit } => sql.all(
            select_users!("ORDER BY id LIMIT ?2 OFFSET ?3"),
            params![tenant, limit, skip],
            read,
        ),
        Page::After { id, limit } => sql.all(
            select_users!("AND id > ?2 ORDER BY id LIMIT ?3"),
            params![tenant, id.unwrap_or(UserId::from_bytes([0; 12])), limit],
            read,
        ),
    }?;
    users
        .into_iter()
        .map(|user| with_identities(sql, tenant, user))
        .collect()
}

/// The users whose own e-mail is exactly this, oldest first.
pub(super) fn list_by_email(sql: &Sqlite, tenant: TenantId, email: &str) -> StoreResult<Vec<UserWithIdentities>> {
    let users = sql.all(
        select_users!("AND email = ?2 ORDER BY id LIMIT ?3"),
        params![tenant, email, SAME_EMAIL_LIMIT],
        read,
    )?;
    users
        .into_iter()
        .map(|user| with_identities(sql, tenant, user))
        .collect()
}

/// How many there are.
pub(super) fn count(sql: &Sqlite, tenant: TenantId) -> StoreResult<u64> {
    let count = sql.first("SELECT count(*) FROM users WHERE tenant = ?1", [tenant], |row| {
        row.get::<_, i64>(0)
    })?;
    u64::try_from(count.unwrap_or(0)).map_err(corrupt)
}

fn read(row: &Row<'_>) -> rusqlite::Result<User> {
    let Json(mut profile) = row.get::<_, Json<Profile>>("profile")?;
    profile.email = row.get("email")?;
    let Millis(created_at) = row.get("created_at")?;
    let Millis(updated_at) = row.get("updated_at")?;
    Ok(User {
        id: row.get("id")?,
        version: row.get("version")?,
        epoch: row.get("epoch")?,
        kept: kept(row)?,
        profile,
        blocked: row.get("blocked")?,
        user_metadata: row.get::<_, Option<Json<_>>>("user_metadata")?.map(|json| json.0),
        app_metadata: row.get::<_, Option<Json<_>>>("app_metadata")?.map(|json| json.0),
        created_at,
        updated_at,
        logins: Logins {
            count: u64::try_from(row.get::<_, i64>("login_count")?).unwrap_or(0),
            last_at: row.get::<_, Option<Millis>>("last_login_at")?.map(|at| at.0),
            last_ip: row.get("last_ip")?,
        },
        last_password_reset: row.get::<_, Option<Millis>>("last_password_reset")?.map(|at| at.0),
    })
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Option<KeptCredential>> {
    let credential: Option<Digest> = row.get("kept_credential")?;
    let since: Option<i64> = row.get("kept_since")?;
    Ok(credential
        .zip(since)
        .map(|(credential, since)| KeptCredential { credential, since }))
}

/// Keeps a new user, or what became of one.
pub(super) fn put(sql: &Sqlite, tenant: TenantId, user: &User) -> StoreResult<()> {
    sql.run(
        "INSERT INTO users (tenant, id, version, epoch, email, profile, blocked, user_metadata, app_metadata,
            created_at, updated_at, login_count, last_login_at, last_ip, last_password_reset,
            kept_credential, kept_since)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
         ON CONFLICT (tenant, id) DO UPDATE SET version = ?3, epoch = ?4, email = ?5, profile = ?6, blocked = ?7,
            user_metadata = ?8, app_metadata = ?9, created_at = ?10, updated_at = ?11, login_count = ?12,
            last_login_at = ?13, last_ip = ?14, last_password_reset = ?15, kept_credential = ?16, kept_since = ?17",
        params![
            tenant,
            user.id,
            user.version,
            user.epoch,
            user.profile.email,
            Json(without_email(&user.profile)),
            user.blocked,
            user.user_metadata.as_ref().map(Json),
            user.app_metadata.as_ref().map(Json),
            Millis(user.created_at),
            Millis(user.updated_at),
            i64::try_from(user.logins.count).unwrap_or(i64::MAX),
            user.logins.last_at.map(Millis),
            user.logins.last_ip,
            user.last_password_reset.map(Millis),
            user.kept.map(|kept| kept.credential),
            user.kept.map(|kept| kept.since),
        ],
    )?;
    Ok(())
}

fn without_email(profile: &Profile) -> Cow<'_, Profile> {
    if profile.email.is_none() {
        return Cow::Borrowed(profile);
    }
    Cow::Owned(Profile {
        email: None,
        ..profile.clone()
    })
}

/// The version of a user; `None` when she is not there.
pub(super) fn version(sql: &Sqlite, tenant: TenantId, id: UserId) -> StoreResult<Option<i64>> {
    sql.first(
        "SELECT version FROM users WHERE tenant = ?1 AND id = ?2",
        params![tenant, id],
        |row| row.get(0),
    )
}

/// That the user is there at this version.
pub(super) fn expect_version(sql: &Sqlite, tenant: TenantId, id: UserId, expected: i64) -> Verdict<Acted> {
    match version(sql, tenant, id)? {
        None => Err(Stop::refused(Acted::NoUser)),
        Some(found) if found != expected => Err(Stop::refused(Acted::Changed)),
        Some(_) => Ok(Acted::Done),
    }
}

/// Whether a change of a user ends her sessions.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sessions {
    /// All end but this one, which made the change itself.
    GoBut(Option<Digest>),
    Stay,
}

/// Moves the version of a user, and the epoch when her sessions end.
pub(super) fn touch(
    sql: &Sqlite,
    tenant: TenantId,
    id: UserId,
    at: jiff::Timestamp,
    sessions: Sessions,
) -> StoreResult<()> {
    let gone = || corrupt(format!("identities: {id} has identities and no row in users"));
    if let Sessions::GoBut(keep) = sessions {
        let mut user = find(sql, tenant, id)?.ok_or_else(gone)?;
        user.move_epoch(keep);
        user.version += 1;
        user.updated_at = at;
        return put(sql, tenant, &user);
    }
    let rows = sql.run(
        "UPDATE users SET version = version + 1, updated_at = ?3 WHERE tenant = ?1 AND id = ?2",
        params![tenant, id, Millis(at)],
    )?;
    if rows == 1 { Ok(()) } else { Err(gone()) }
}

/// Changes a user's own record.
pub(super) fn update(tx: &mut Tx<'_>, tenant: TenantId, update: &UserUpdate) -> Verdict<Acted> {
    let id = update.user.id;
    expect_version(tx.sql, tenant, id, update.expected_version)?;
    if let Some((identity, login)) = &update.login {
        let Some(identity) = identities::of(tx.sql, tenant, id, *identity)? else {
            return Err(Stop::refused(Acted::Changed));
        };
        if let Some(kind) = logins::taken(tx.sql, tenant, &identity.key, &login.names)? {
            return Err(Stop::refused(Acted::LoginTaken(kind)));
        }
        logins::delete(tx.sql, tenant, &identity.key)?;
        logins::insert(tx.sql, tenant, &identity.key, &login.names)?;
        if let Some(password) = &login.password {
            identities::set_password(tx.sql, tenant, &identity, password)?;
        }
    }
    if let Some((identity, profile)) = &update.identity_profile {
        match identities::of(tx.sql, tenant, id, *identity)? {
            Some(identity) if !identity.is_primary() => identities::set_profile(tx.sql, tenant, &identity, profile)?,
            _ => return Err(Stop::refused(Acted::Changed)),
        }
    }
    put(tx.sql, tenant, &update.user)?;
    if let Some(event) = &update.event {
        tx.record(tenant, event)?;
    }
    Ok(Acted::Done)
}

/// Removes the row of a user.
pub(super) fn delete(sql: &Sqlite, tenant: TenantId, id: UserId) -> StoreResult<()> {
    sql.run("DELETE FROM users WHERE tenant = ?1 AND id = ?2", params![tenant, id])?;
    Ok(())
}
