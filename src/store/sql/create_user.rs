//! The act by which a user comes to be, and the one by which she is erased.
//!
//! What would surprise: a subject may be born only once among all connections of one
//! provider, because users are found by provider and subject too; attaching it as a
//! further identity elsewhere is no birth.

use super::rows::{corrupt, params};
use super::{Lock, NewKeys, Sql, Stop, Tx, Verdict};
use super::{bags, days, identities, logins, logs, marks, once, tenants, terms, users};
use crate::domain::{IdentityKey, NewEvent};
use crate::id::{TenantId, UserId};
use crate::secret::Digest;
use crate::store::ledger::Loss;
use crate::store::{Created, Marking, NewUser, StoreResult};

/// Makes a user.
pub fn create_user(tx: &mut dyn Tx, tenant: TenantId, new: &NewUser, keys: NewKeys) -> Verdict<Created> {
    let once = new.once.as_ref().map(|once| (once, new.user.created_at));
    once::guarded(tx, tenant, once, Created::Repeated, |tx| create(tx, tenant, new, keys))
}

fn create(tx: &mut dyn Tx, tenant: TenantId, new: &NewUser, keys: NewKeys) -> Verdict<Created> {
    let NewUser { user, born, more, .. } = new;
    if keys == NewKeys::Exist || users::version(tx.sql(), tenant, user.id)?.is_some() {
        return Err(Stop::Failed(corrupt(format!(
            "users: the new id {} is in use",
            user.id
        ))));
    }
    let mut connections: Vec<_> = std::iter::once(born).chain(more).collect();
    connections.sort_by_key(|identity| identity.external.key().connection);
    connections.dedup_by_key(|identity| identity.external.key().connection);
    lock_birth(tx, tenant, born.external.key())?;
    for identity in connections {
        tx.lock(Lock::ConnectionStays(tenant, identity.external.key().connection))?;
    }
    for identity in std::iter::once(born).chain(more) {
        let key = identity.external.key();
        if tenants::provider_of(tx.sql(), tenant, key.connection)?.is_none() {
            return Err(Stop::Failed(corrupt(format!(
                "connections: {} is gone",
                key.connection
            ))));
        }
        if identities::is_taken(tx.sql(), tenant, key)? {
            return Err(Stop::refused(Created::IdentityTaken));
        }
        if let Some(kind) = logins::taken(tx.sql(), tenant, key, &identity.login.names)? {
            return Err(Stop::refused(Created::LoginTaken(kind)));
        }
    }
    if is_birthplace_taken(tx.sql(), tenant, born.external.key())? {
        return Err(Stop::refused(Created::BirthplaceTaken));
    }
    if marks::is_refused(tx.sql(), tenant, &new.marked, user.updated_at)? {
        return Err(Stop::refused(Created::Erased));
    }
    users::put(tx.sql(), tenant, user)?;
    bags::put(tx.sql(), tenant, user.id, new.bag.as_ref())?;
    for (identity, position) in std::iter::once(born).chain(more).zip(0..) {
        if identities::insert(tx.sql(), tenant, user.id, position, user.updated_at, identity)?.is_none() {
            return Err(Stop::refused(Created::IdentityTaken));
        }
        if !once::spend_for(tx, tenant, identity.spend.as_ref())? {
            return Err(Stop::refused(Created::Spent));
        }
    }
    terms::insert_user(tx.sql(), tenant, user.id)?;
    days::count_sign_up(tx, tenant, user.created_at)?;
    once::insert(tx.sql(), tenant, new.once.as_ref(), user.created_at)?;
    for event in &new.events {
        tx.record(tenant, event)?;
    }
    marks::forget_and_tell(tx, tenant, &new.marked, user.updated_at)?;
    Ok(Created::Done)
}

/// Has nobody else be born with this subject at the provider meanwhile, where it has several
/// connections.
pub fn lock_birth(tx: &mut dyn Tx, tenant: TenantId, born: &IdentityKey) -> StoreResult<()> {
    let Some(provider) = tenants::provider_of(tx.sql(), tenant, born.connection)? else {
        return Ok(());
    };
    if tenants::of_provider(tx.sql(), tenant, &provider)?.len() < 2 {
        return Ok(());
    }
    let birth = Digest::of([provider.as_bytes(), &[0], born.subject.as_bytes()].concat().as_slice());
    tx.lock(Lock::Birth(tenant, birth))?;
    Ok(())
}

/// Whether somebody was born with this subject at another connection of the same provider.
pub fn is_birthplace_taken(sql: &dyn Sql, tenant: TenantId, born: &IdentityKey) -> StoreResult<bool> {
    let Some(provider) = tenants::provider_of(sql, tenant, born.connection)? else {
        return Ok(false);
    };
    for (connection, issuer) in tenants::of_provider(sql, tenant, &provider)? {
        if connection != born.connection
            && let Some((_, 0)) = identities::holder(sql, tenant, connection, &issuer, &born.subject)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Erases a user with all that is hers; her events stay, and marks of her accounts if it is said how they
/// are made.
pub fn delete_user(
    tx: &mut dyn Tx,
    tenant: TenantId,
    id: UserId,
    event: &NewEvent,
    marking: Option<&Marking>,
) -> Verdict<bool> {
    if !tx.lock(Lock::User(tenant, id))? || users::version(tx.sql(), tenant, id)?.is_none() {
        return Err(Stop::refused(false));
    }
    terms::delete_user(tx.sql(), tenant, id)?;
    logs::forget_person(tx.sql(), tenant, id)?;
    tx.lose(Loss::User { tenant, user: id });
    let all = identities::of_user(tx.sql(), tenant, id)?;
    if let Some(marking) = marking {
        marks::leave(tx.sql(), tenant, &all, marking)?;
    }
    for identity in all {
        identities::delete(tx.sql(), tenant, &identity)?;
        tx.lose(Loss::Identity {
            tenant,
            user: id,
            identity: identity.id,
        });
    }
    tx.sql().run(
        "DELETE FROM aliases WHERE tenant = ?1 AND survivor = ?2",
        params![tenant, id],
    )?;
    users::delete(tx.sql(), tenant, id)?;
    tx.doom_key(tenant, id)?;
    tx.record(tenant, event)?;
    Ok(true)
}
