//! Identities and their sealed token sets, as rows.
//!
//! A user's identities lie together, ordered by position. What would surprise: token sets
//! are in a table of their own, and `has_tokens` of an identity says whether one is there;
//! whoever writes one writes both, here.

use super::Sql;
use jiff::Timestamp;

use super::rows::{Json, Millis, Row, corrupt, params};
use super::{logins, tenants, terms};
use crate::domain::connection::DATABASE;
use crate::domain::{Identity, IdentityKey, Profile};
use crate::id::{ConnectionId, IdentityId, TenantId, UserId};
use crate::secret::Sealed;
use crate::store::{NewIdentity, StoreResult};

/// What [`read`] reads.
macro_rules! identity_columns {
    () => {
        "user_id, position, identities.id, connection, issuer, subject, proof, proved_at, proved_by,
         identities.version, identities.profile, has_tokens, password IS NOT NULL"
    };
}
pub(in crate::store) use identity_columns;

macro_rules! select_identities {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            identity_columns!(),
            ", password FROM identities WHERE tenant = ?1 ",
            $rest
        )
    };
}

/// Whose this account is, and at which position.
pub fn holder(
    sql: &dyn Sql,
    tenant: TenantId,
    connection: ConnectionId,
    issuer: &str,
    subject: &str,
) -> StoreResult<Option<(UserId, u32)>> {
    sql.first(
        "SELECT user_id, position FROM identities
         WHERE tenant = ?1 AND connection = ?2 AND issuer = ?3 AND subject = ?4",
        params![tenant, connection, issuer, subject],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Whether somebody has the identity of this key.
pub fn is_taken(sql: &dyn Sql, tenant: TenantId, key: &IdentityKey) -> StoreResult<bool> {
    Ok(holder(sql, tenant, key.connection, &key.issuer, &key.subject)?.is_some())
}

/// The identity of this key.
pub fn find(sql: &dyn Sql, tenant: TenantId, key: &IdentityKey) -> StoreResult<Option<Identity>> {
    Ok(find_with_password(sql, tenant, key)?.map(|(identity, _)| identity))
}

/// The identity of this key, and its password's PHC string.
pub fn find_with_password(
    sql: &dyn Sql,
    tenant: TenantId,
    key: &IdentityKey,
) -> StoreResult<Option<(Identity, Option<String>)>> {
    sql.first(
        select_identities!("AND connection = ?2 AND issuer = ?3 AND subject = ?4"),
        params![tenant, key.connection, key.issuer, key.subject],
        |row| Ok((read(row, 0)?, row.get("password")?)),
    )
}

/// A user's identities, primary first, in the order in which they were attached.
pub fn of_user(sql: &dyn Sql, tenant: TenantId, user: UserId) -> StoreResult<Vec<Identity>> {
    sql.all(
        select_identities!("AND user_id = ?2 ORDER BY position"),
        params![tenant, user],
        |row| read(row, 0),
    )
}

/// One of a user's identities.
pub fn of(sql: &dyn Sql, tenant: TenantId, user: UserId, id: IdentityId) -> StoreResult<Option<Identity>> {
    sql.first(
        select_identities!("AND user_id = ?2 AND id = ?3"),
        params![tenant, user, id],
        |row| read(row, 0),
    )
}

/// Where a user was born; `None` when there is no such user.
pub fn born_at(sql: &dyn Sql, tenant: TenantId, user: UserId) -> StoreResult<Option<ConnectionId>> {
    sql.first(
        "SELECT connection FROM identities WHERE tenant = ?1 AND user_id = ?2 AND position = 0",
        params![tenant, user],
        |row| row.get(0),
    )
}

/// How many identities a user has.
pub fn count_of(sql: &dyn Sql, tenant: TenantId, user: UserId) -> StoreResult<u32> {
    let counted = sql.first(
        "SELECT count(*) FROM identities WHERE tenant = ?1 AND user_id = ?2",
        params![tenant, user],
        |row| row.get(0),
    )?;
    Ok(counted.unwrap_or(0))
}

/// The position after a user's last identity; `None` when there is no such user, for a
/// user always has the identity that she was born with.
pub fn next_position(sql: &dyn Sql, tenant: TenantId, user: UserId) -> StoreResult<Option<u32>> {
    sql.first(
        "SELECT position FROM identities WHERE tenant = ?1 AND user_id = ?2 ORDER BY position DESC LIMIT 1",
        params![tenant, user],
        |row| row.get::<u32>(0),
    )?
    .map(|last| {
        last.checked_add(1)
            .ok_or_else(|| corrupt("identities: no position is left"))
    })
    .transpose()
}

/// The identity whose columns begin at this one.
pub fn read(row: &Row<'_>, first: usize) -> StoreResult<Identity> {
    let Millis(proved_at) = row.get(first + 7)?;
    let Json(profile) = row.get(first + 10)?;
    Ok(Identity {
        user: row.get(first)?,
        position: row.get(first + 1)?,
        id: row.get(first + 2)?,
        key: IdentityKey {
            connection: row.get(first + 3)?,
            issuer: row.get(first + 4)?,
            subject: row.get(first + 5)?,
        },
        proof: row.get(first + 6)?,
        proved_at,
        proved_by: row.get(first + 8)?,
        version: row.get(first + 9)?,
        profile,
        has_tokens: row.get(first + 11)?,
        has_password: row.get(first + 12)?,
    })
}

/// Keeps a new identity with all that came with it, unless somebody has it; of a primary
/// the profile is the user's and not kept here.
pub fn insert(
    sql: &dyn Sql,
    tenant: TenantId,
    user: UserId,
    position: u32,
    proved_at: Timestamp,
    new: &NewIdentity,
) -> StoreResult<Option<Identity>> {
    let identity = as_new(user, position, proved_at, new);
    if !put(sql, tenant, &identity, new.login.password.as_deref())? {
        return Ok(None);
    }
    if let Some(sealed) = &new.tokens {
        put_tokens(sql, tenant, identity.id, sealed)?;
    }
    logins::insert(sql, tenant, &identity.key, &new.login.names)?;
    terms::insert_account(sql, tenant, user, identity.id, &identity.profile)?;
    Ok(Some(identity))
}

/// A new identity as it is kept, at this position.
pub fn as_new(user: UserId, position: u32, proved_at: Timestamp, new: &NewIdentity) -> Identity {
    Identity {
        id: new.id,
        user,
        position,
        key: new.external.key().clone(),
        proof: new.external.proof(),
        proved_at: to_millis(proved_at),
        proved_by: new.proved_by,
        version: 1,
        profile: match position {
            0 => Profile::default(),
            _ => new.external.profile().clone(),
        },
        has_tokens: new.tokens.is_some(),
        has_password: new.login.password.is_some(),
    }
}

/// What the store keeps of a moment.
fn to_millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// Writes the row of an identity at its place, unless there is one of the same key.
fn put(sql: &dyn Sql, tenant: TenantId, identity: &Identity, password: Option<&str>) -> StoreResult<bool> {
    let rows = sql.run(
        "INSERT INTO identities (tenant, user_id, position, id, connection, issuer, subject, proof, proved_at,
            proved_by, version, profile, has_tokens, password)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
         ON CONFLICT (tenant, connection, issuer, subject) DO NOTHING",
        params![
            tenant,
            identity.user,
            identity.position,
            identity.id,
            identity.key.connection,
            identity.key.issuer,
            identity.key.subject,
            identity.proof,
            Millis(identity.proved_at),
            identity.proved_by,
            identity.version,
            Json(&identity.profile),
            identity.has_tokens,
            password,
        ],
    )?;
    Ok(rows == 1)
}

/// Writes what changed of an identity that stays in its place: all but its password. What her
/// user is found by because of its profile is the caller's to keep.
pub fn update(sql: &dyn Sql, tenant: TenantId, identity: &Identity) -> StoreResult<()> {
    sql.run(
        "UPDATE identities SET proof = ?4, proved_at = ?5, proved_by = ?6, version = ?7, profile = ?8, has_tokens = ?9
         WHERE tenant = ?1 AND user_id = ?2 AND position = ?3",
        params![
            tenant,
            identity.user,
            identity.position,
            identity.proof,
            Millis(identity.proved_at),
            identity.proved_by,
            identity.version,
            Json(&identity.profile),
            identity.has_tokens,
        ],
    )?;
    Ok(())
}

/// Moves an identity to the end of a user's list, or to the beginning of a new user's.
/// Its version moves, and with it go log-in names, password and the tokens given, which
/// were sealed for that place.
pub fn hand_over(
    sql: &dyn Sql,
    tenant: TenantId,
    from: &Identity,
    to: UserId,
    position: u32,
    profile: &Profile,
    tokens: Option<&Sealed>,
) -> StoreResult<()> {
    sql.run(
        "UPDATE identities SET user_id = ?4, position = ?5, version = version + 1, profile = ?6, has_tokens = ?7
         WHERE tenant = ?1 AND user_id = ?2 AND position = ?3",
        params![
            tenant,
            from.user,
            from.position,
            to,
            position,
            Json(profile),
            tokens.is_some(),
        ],
    )?;
    terms::delete_account(sql, tenant, from)?;
    terms::insert_account(sql, tenant, to, from.id, profile)?;
    match tokens {
        Some(sealed) => put_tokens(sql, tenant, from.id, sealed),
        None => delete_tokens(sql, tenant, from),
    }
}

/// Erases an identity with its tokens and log-in names.
pub fn delete(sql: &dyn Sql, tenant: TenantId, identity: &Identity) -> StoreResult<()> {
    logins::delete(sql, tenant, &identity.key)?;
    terms::delete_account(sql, tenant, identity)?;
    delete_tokens(sql, tenant, identity)?;
    sql.run(
        "DELETE FROM identities WHERE tenant = ?1 AND user_id = ?2 AND position = ?3",
        params![tenant, identity.user, identity.position],
    )?;
    Ok(())
}

/// Sets or removes the password of a database identity.
pub fn set_password(sql: &dyn Sql, tenant: TenantId, identity: &Identity, password: &str) -> StoreResult<()> {
    sql.run(
        "UPDATE identities SET password = ?4 WHERE tenant = ?1 AND user_id = ?2 AND position = ?3",
        params![tenant, identity.user, identity.position, password],
    )?;
    Ok(())
}

/// Replaces what is known of a secondary account. Its tokens stay as they were sealed, so
/// its version stays too.
pub fn set_profile(sql: &dyn Sql, tenant: TenantId, identity: &Identity, profile: &Profile) -> StoreResult<()> {
    sql.run(
        "UPDATE identities SET profile = ?4 WHERE tenant = ?1 AND user_id = ?2 AND position = ?3",
        params![tenant, identity.user, identity.position, Json(profile)],
    )?;
    terms::update_account(sql, tenant, identity, profile)
}

/// The sealed token set of an identity.
pub fn find_tokens(sql: &dyn Sql, tenant: TenantId, identity: IdentityId) -> StoreResult<Option<Sealed>> {
    sql.first(
        "SELECT sealed FROM token_sets WHERE tenant = ?1 AND identity = ?2",
        params![tenant, identity],
        |row| row.get(0),
    )
}

/// Keeps a sealed token set in place of the one before.
pub fn put_tokens(sql: &dyn Sql, tenant: TenantId, identity: IdentityId, sealed: &Sealed) -> StoreResult<()> {
    sql.run(
        "INSERT INTO token_sets (tenant, identity, sealed) VALUES (?1, ?2, ?3)
         ON CONFLICT (tenant, identity) DO UPDATE SET sealed = ?3",
        params![tenant, identity, sealed],
    )?;
    Ok(())
}

/// Erases the token set of an identity, if it has one.
pub fn delete_tokens(sql: &dyn Sql, tenant: TenantId, identity: &Identity) -> StoreResult<()> {
    if identity.has_tokens {
        sql.run(
            "DELETE FROM token_sets WHERE tenant = ?1 AND identity = ?2",
            params![tenant, identity.id],
        )?;
    }
    Ok(())
}

/// Whether somebody can log in with it: never where its connection was retired.
pub fn is_way_in(sql: &dyn Sql, tenant: TenantId, identity: &Identity) -> StoreResult<bool> {
    let provider = tenants::provider_of(sql, tenant, identity.key.connection)?;
    Ok(provider.is_some_and(|provider| identity.has_password || provider != DATABASE))
}

/// Some of the identities that hang on a connection.
pub fn at(sql: &dyn Sql, tenant: TenantId, connection: ConnectionId, limit: u32) -> StoreResult<Vec<Identity>> {
    sql.all(
        select_identities!("AND connection = ?2 LIMIT ?3"),
        params![tenant, connection, limit],
        |row| read(row, 0),
    )
}
