//! The terms by which users are found, written in the same act as what they were made from.
//!
//! What would surprise: there is no index that leads from a user to her terms. What is to be
//! removed is made anew from the row that it was made from, and only what differs is written.
//! So how terms are made may change only with a migration that makes all of them anew, and they
//! are made of what a row reads back as, never of what was written into it.

use super::Sql;
use std::collections::BTreeSet;

use super::rows::params;
use super::{identities, users};
use crate::domain::connection::DATABASE;
use crate::domain::search::attributes::{self, FallBack, Term};
use crate::domain::{ExternalIdentity, Identity, Profile, User};
use crate::id::{ConnectionId, IdentityId, TenantId, UserId};
use crate::store::{StoreResult, term_key};

/// What a user is found by who was born at this connection.
pub fn of_user(
    sql: &dyn Sql,
    tenant: TenantId,
    user: &User,
    born: Option<ConnectionId>,
) -> StoreResult<BTreeSet<Term>> {
    let mut fall_back = FallBack::None;
    if let (Some(born), true) = (born, lacks_a_name(&user.profile)) {
        // Also of a retired connection, whose users still have to go with all their terms.
        let provider: Option<String> = sql.first(
            "SELECT provider FROM connections WHERE tenant = ?1 AND id = ?2",
            params![tenant, born],
            |row| row.get(0),
        )?;
        if matches!(provider.as_deref(), Some(DATABASE | "email")) {
            fall_back = FallBack::Email;
        }
    }
    Ok(attributes::of_user(user, fall_back))
}

/// Whether a name may come from elsewhere.
fn lacks_a_name(profile: &Profile) -> bool {
    profile.email.is_some() && (profile.name.is_none() || profile.nickname.is_none())
}

/// Keeps what a user is found by whose row and identities were written just now.
pub fn insert_user(sql: &dyn Sql, tenant: TenantId, user: UserId) -> StoreResult<()> {
    let terms = of_row(sql, tenant, user)?;
    replace(sql, tenant, user, None, &BTreeSet::new(), &terms)
}

/// Keeps what a user is found by whose row was written just now, and was this one before.
pub fn update_user(sql: &dyn Sql, tenant: TenantId, old: &User) -> StoreResult<()> {
    let born = identities::born_at(sql, tenant, old.id)?;
    let (before, now) = (of_user(sql, tenant, old, born)?, of_row(sql, tenant, old.id)?);
    replace(sql, tenant, old.id, None, &before, &now)
}

/// Removes what a user is found by, while her row and identities are still there.
pub fn delete_user(sql: &dyn Sql, tenant: TenantId, user: UserId) -> StoreResult<()> {
    let terms = of_row(sql, tenant, user)?;
    replace(sql, tenant, user, None, &terms, &BTreeSet::new())
}

fn of_row(sql: &dyn Sql, tenant: TenantId, user: UserId) -> StoreResult<BTreeSet<Term>> {
    let born = identities::born_at(sql, tenant, user)?;
    match users::find(sql, tenant, user)? {
        Some(user) => of_user(sql, tenant, &user, born),
        None => Ok(BTreeSet::new()),
    }
}

/// Keeps what a user is found by because of an identity with this profile.
pub fn insert_account(
    sql: &dyn Sql,
    tenant: TenantId,
    user: UserId,
    identity: IdentityId,
    profile: &Profile,
) -> StoreResult<()> {
    let terms = attributes::of_account(profile);
    replace(sql, tenant, user, Some(identity), &BTreeSet::new(), &terms)
}

/// Keeps what her user is found by because of an identity whose profile changes to this.
pub fn update_account(sql: &dyn Sql, tenant: TenantId, identity: &Identity, profile: &Profile) -> StoreResult<()> {
    let (before, now) = (
        attributes::of_account(&identity.profile),
        attributes::of_account(profile),
    );
    replace(sql, tenant, identity.user, Some(identity.id), &before, &now)
}

/// Removes what its user is found by because of an identity.
pub fn delete_account(sql: &dyn Sql, tenant: TenantId, identity: &Identity) -> StoreResult<()> {
    update_account(sql, tenant, identity, &Profile::default())
}

/// Under which path the address of an account stands.
const ADDRESS_OF_ACCOUNT: &str = "identities.profileData.email";

/// How many accounts with one address are looked at.
const LOOKED_AT: u32 = 32;

/// Other accounts at this one's connection of which the same e-mail address is told, as far as they are
/// found soon.
pub fn alike(sql: &dyn Sql, tenant: TenantId, account: &ExternalIdentity) -> StoreResult<Vec<Identity>> {
    let terms = attributes::of_account(account.profile());
    let Some(address) = terms.iter().find(|term| term.path == ADDRESS_OF_ACCOUNT) else {
        return Ok(Vec::new());
    };
    let found = sql.all(
        "SELECT user_id, identity FROM terms WHERE tenant = ?1 AND path = ?2 AND value = ?3 LIMIT ?4",
        params![tenant, address.path, term_key::key(&address.value), LOOKED_AT],
        |row| Ok((row.get::<UserId>(0)?, row.get::<IdentityId>(1)?)),
    )?;
    let mut alike = Vec::new();
    for (user, identity) in found {
        let key = account.key();
        let other = |found: &Identity| found.key != *key && found.key.connection == key.connection;
        alike.extend(identities::of(sql, tenant, user, identity)?.filter(other));
    }
    Ok(alike)
}

fn replace(
    sql: &dyn Sql,
    tenant: TenantId,
    user: UserId,
    identity: Option<IdentityId>,
    before: &BTreeSet<Term>,
    now: &BTreeSet<Term>,
) -> StoreResult<()> {
    let identity: &[u8] = identity.as_ref().map_or(&[], |identity| identity.as_bytes());
    for gone in before.difference(now) {
        sql.run(
            "DELETE FROM terms
             WHERE tenant = ?1 AND path = ?2 AND value = ?3 AND user_id = ?4 AND identity = ?5",
            params![tenant, gone.path, term_key::key(&gone.value), user, identity],
        )?;
    }
    for new in now.difference(before) {
        sql.run(
            "INSERT INTO terms (tenant, path, value, user_id, identity) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (tenant, path, value, user_id, identity) DO NOTHING",
            params![tenant, new.path, term_key::key(&new.value), user, identity],
        )?;
    }
    Ok(())
}
