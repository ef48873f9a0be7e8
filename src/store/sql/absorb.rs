//! The act by which one user becomes part of another.
//!
//! What would surprise: an alias always leads to a user. When a survivor is absorbed later
//! herself, the aliases that led to her are pointed on, so that nobody follows a chain.

use super::rows::corrupt;
use super::rows::params;
use super::users;
use super::{Lock, NewKeys, Stop, Tx, Verdict, is_current};
use super::{identities, once, terms};
use crate::domain::Identity;
use crate::id::TenantId;
use crate::store::{Absorb, Acted};

/// Makes one user part of another.
pub fn absorb(tx: &mut dyn Tx, tenant: TenantId, absorb: &Absorb, keys: NewKeys) -> Verdict<Acted> {
    let mut gone = Vec::new();
    for user in [
        absorb.survivor.min(absorb.absorbed),
        absorb.survivor.max(absorb.absorbed),
    ] {
        if !tx.lock(Lock::User(tenant, user))? {
            gone.push(user);
        }
    }
    if once::is_spent(tx.sql(), tenant, absorb.spend.as_ref())? {
        return Err(Stop::refused(Acted::Spent));
    }
    for (user, version) in [
        (absorb.survivor, absorb.survivor_version),
        (absorb.absorbed, absorb.absorbed_version),
    ] {
        if gone.contains(&user) {
            return Err(Stop::refused(Acted::NoUser));
        }
        users::expect_version(tx.sql(), tenant, user, version)?;
    }
    let moving = identities::of_user(tx.sql(), tenant, absorb.absorbed)?;
    let next = identities::next_position(tx.sql(), tenant, absorb.survivor)?;
    let is_current = is_current(tx, tenant, absorb.key.as_ref(), keys)?;
    let (Some(next), true) = (next, is_current && is_as_read(&moving, absorb)) else {
        return Err(Stop::refused(Acted::Changed));
    };
    if let Some(most) = absorb.most {
        let kept = identities::count_of(tx.sql(), tenant, absorb.survivor)?;
        if moving.len() > most.saturating_sub(kept) as usize {
            return Err(Stop::refused(Acted::Full));
        }
    }
    let Some(born) = moving.first() else {
        return Err(Stop::Failed(corrupt(format!(
            "identities: {} has none",
            absorb.absorbed
        ))));
    };
    terms::delete_user(tx.sql(), tenant, absorb.absorbed)?;
    for ((identity, read), position) in moving.iter().zip(&absorb.moving).zip(next..) {
        let profile = if identity.is_primary() {
            &absorb.profile
        } else {
            &identity.profile
        };
        let tokens = read.tokens.as_ref();
        identities::hand_over(tx.sql(), tenant, identity, absorb.survivor, position, profile, tokens)?;
    }
    users::lose_sessions(tx, tenant, absorb.absorbed)?;
    users::delete(tx.sql(), tenant, absorb.absorbed)?;
    tx.sql().run(
        "UPDATE aliases SET survivor = ?3 WHERE tenant = ?1 AND survivor = ?2",
        params![tenant, absorb.absorbed, absorb.survivor],
    )?;
    tx.sql().run(
        "INSERT INTO aliases (tenant, id, survivor, identity) VALUES (?1, ?2, ?3, ?4)",
        params![tenant, absorb.absorbed, absorb.survivor, born.id],
    )?;
    users::end_sessions(tx, tenant, absorb.survivor, absorb.event.at, absorb.keep)?;
    tx.doom_key(tenant, absorb.absorbed)?;
    once::spend(tx, tenant, absorb.spend.as_ref())?;
    tx.record(tenant, &absorb.event)?;
    Ok(Acted::Done)
}

/// Whether the identities that move are those that were read, and the two users are two.
fn is_as_read(moving: &[Identity], absorb: &Absorb) -> bool {
    absorb.survivor != absorb.absorbed
        && moving.len() == absorb.moving.len()
        && moving.iter().zip(&absorb.moving).all(|(found, read)| {
            (found.id, found.version, found.has_tokens) == (read.identity, read.version, read.tokens.is_some())
        })
}
