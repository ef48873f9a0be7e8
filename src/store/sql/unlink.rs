//! The act by which an identity is taken off its user.
//!
//! What would surprise: whether it is the last way in is asked here, inside the act, so
//! that two at the same time cannot both find the other still there.

use super::create_user::{is_birthplace_taken, lock_birth};
use super::rows::params;
use super::{Lock, NewKeys, Sql, Stop, Tx, Verdict, is_current};
use super::{identities, terms, users};
use crate::domain::{Identity, Profile, User};
use crate::id::TenantId;
use crate::secret::Sealed;
use crate::store::ledger::Loss;
use crate::store::{Acted, AfterUnlink, StoreResult, Unlink};

/// Takes an identity off a user.
pub fn unlink(tx: &mut dyn Tx, tenant: TenantId, unlink: &Unlink, keys: NewKeys) -> Verdict<Acted> {
    if !tx.lock(Lock::User(tenant, unlink.user))? {
        return Err(Stop::refused(Acted::NoUser));
    }
    users::expect_version(tx.sql(), tenant, unlink.user, unlink.expected_version)?;
    let identity = match identities::of(tx.sql(), tenant, unlink.user, unlink.identity)? {
        Some(identity) if identity.version == unlink.identity_version && !identity.is_primary() => identity,
        _ => return Err(Stop::refused(Acted::Changed)),
    };
    if !is_current(tx, tenant, unlink.key.as_ref(), keys)? {
        return Err(Stop::refused(Acted::Changed));
    }
    if !unlink.force && is_last_way_in(tx.sql(), tenant, &identity)? {
        return Err(Stop::refused(Acted::LastCredential));
    }
    match &unlink.then {
        AfterUnlink::Free => identities::delete(tx.sql(), tenant, &identity)?,
        AfterUnlink::Split { user, tokens } => {
            split(tx, tenant, &identity, user, tokens.as_ref())?;
        }
    }
    for event in &unlink.events {
        tx.record(tenant, event)?;
    }
    tx.lose(lost(tenant, unlink));
    let at = unlink.events.first().map_or_else(|| tx.now(), |event| event.at);
    users::end_sessions(tx, tenant, unlink.user, at, unlink.keep)?;
    Ok(Acted::Done)
}

/// What the ledger is told of it.
fn lost(tenant: TenantId, unlink: &Unlink) -> Loss {
    let (user, identity) = (unlink.user, unlink.identity);
    match &unlink.then {
        AfterUnlink::Free => Loss::Identity { tenant, user, identity },
        AfterUnlink::Split { user: to, .. } => Loss::Split {
            tenant,
            user,
            identity,
            to: to.id,
        },
    }
}

fn is_last_way_in(sql: &dyn Sql, tenant: TenantId, identity: &Identity) -> StoreResult<bool> {
    if !identities::is_way_in(sql, tenant, identity)? {
        return Ok(false);
    }
    for other in identities::of_user(sql, tenant, identity.user)? {
        if other.id != identity.id && identities::is_way_in(sql, tenant, &other)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes the identity the primary of a user of its own, whose core id is no alias then.
fn split(
    tx: &mut dyn Tx,
    tenant: TenantId,
    identity: &Identity,
    user: &User,
    tokens: Option<&Sealed>,
) -> Verdict<Acted> {
    let changed = users::version(tx.sql(), tenant, user.id)?.is_some() || identity.has_tokens != tokens.is_some();
    if changed {
        return Err(Stop::refused(Acted::Changed));
    }
    lock_birth(tx, tenant, &identity.key)?;
    if is_birthplace_taken(tx.sql(), tenant, &identity.key)? {
        return Err(Stop::refused(Acted::IdentityTaken));
    }
    tx.sql().run(
        "DELETE FROM aliases WHERE tenant = ?1 AND id = ?2",
        params![tenant, user.id],
    )?;
    users::put(tx.sql(), tenant, user)?;
    identities::hand_over(tx.sql(), tenant, identity, user.id, 0, &Profile::default(), tokens)?;
    terms::insert_user(tx.sql(), tenant, user.id)?;
    Ok(Acted::Done)
}
