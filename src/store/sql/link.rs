//! The acts by which an identity is attached, or renewed where it is.
//!
//! What would surprise: neither touches the row of the user, which would have to be written
//! anew with every link; when she changed last is read off her identities too. And renewing
//! always replaces the token set, because what was sealed for the version before does not
//! open at the new one; no tokens means that none are kept.

use super::{Lock, NewKeys, Sql, Stop, Tx, Verdict, is_current};
use super::{bags, identities, marks, once, tenants, terms, users};
use crate::domain::Identity;
use crate::id::{TenantId, UserId};
use crate::store::{Acted, Link, Linked, Refresh, StoreResult};

/// Attaches an identity.
pub fn link(tx: &mut dyn Tx, tenant: TenantId, link: &Link, keys: NewKeys) -> Verdict<Linked> {
    let once = link.once.as_ref().map(|once| (once, link.event.at));
    once::guarded(tx, tenant, once, Linked::Repeated, |tx| attach(tx, tenant, link, keys))
}

fn attach(tx: &mut dyn Tx, tenant: TenantId, link: &Link, keys: NewKeys) -> Verdict<Linked> {
    let at = link.event.at;
    let key = link.identity.external.key();
    tx.lock(Lock::ConnectionStays(tenant, key.connection))?;
    let is_there = tx.lock(Lock::User(tenant, link.user))?;
    let Some(provider) = tenants::provider_of(tx.sql(), tenant, key.connection)? else {
        return Err(Stop::refused(Linked::NoConnection));
    };
    let Some(position) = identities::next_position(tx.sql(), tenant, link.user)?.filter(|_| is_there) else {
        return Err(Stop::refused(Linked::NoUser));
    };
    if !is_current(tx, tenant, link.key.as_ref(), keys)? {
        return Err(Stop::refused(Linked::OtherKey));
    }
    // Whose the account is may change at any time, for its user is not locked: a link that found it
    // taken must not attach it all the same.
    if link.one_per_provider && has_provider(tx.sql(), tenant, link.user, &provider)? {
        let holder = identities::find(tx.sql(), tenant, key)?;
        return Err(Stop::refused(match holder {
            Some(_) => taken(link, holder),
            None => Linked::ProviderTaken,
        }));
    }
    if let Some(most) = link.most
        && identities::of_user(tx.sql(), tenant, link.user)?.len() >= usize::try_from(most).unwrap_or(usize::MAX)
    {
        let holder = identities::find(tx.sql(), tenant, key)?;
        return Err(Stop::refused(match holder {
            Some(_) => taken(link, holder),
            None => Linked::Full,
        }));
    }
    let Some(identity) = identities::insert(tx.sql(), tenant, link.user, position, at, &link.identity)? else {
        let holder = identities::find(tx.sql(), tenant, key)?;
        return Err(Stop::refused(taken(link, holder)));
    };
    // Nobody has it, so if it was erased, then by an act that has ended and left its mark.
    if let Some(mark) = link.unless_marked
        && marks::is_there(tx.sql(), tenant, mark, at)?
    {
        return Err(Stop::refused(Linked::Erased));
    }
    if !once::spend_for(tx, tenant, link.identity.spend.as_ref())? {
        return Err(Stop::refused(Linked::Spent));
    }
    if !bags::change(tx.sql(), tenant, link.user, link.bag.as_ref())? {
        return Err(Stop::refused(Linked::OtherBag));
    }
    once::insert(tx.sql(), tenant, link.once.as_ref(), at)?;
    tx.record(tenant, &link.event)?;
    Ok(Linked::Attached(identity))
}

fn taken(link: &Link, holder: Option<Identity>) -> Linked {
    match holder {
        Some(identity) if identity.user == link.user => Linked::AlreadyYours(identity),
        _ => Linked::Taken,
    }
}

fn has_provider(sql: &dyn Sql, tenant: TenantId, user: UserId, provider: &str) -> StoreResult<bool> {
    for identity in identities::of_user(sql, tenant, user)? {
        if tenants::provider_of(sql, tenant, identity.key.connection)?.is_some_and(|found| found == provider) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Renews an identity.
pub fn refresh(tx: &mut dyn Tx, tenant: TenantId, refresh: &Refresh, keys: NewKeys) -> Verdict<Acted> {
    let once = refresh.once.as_ref().map(|once| (once, refresh.event.at));
    once::guarded(tx, tenant, once, Acted::Repeated, |tx| renew(tx, tenant, refresh, keys))
}

fn renew(tx: &mut dyn Tx, tenant: TenantId, refresh: &Refresh, keys: NewKeys) -> Verdict<Acted> {
    let at = refresh.event.at;
    if !tx.lock(Lock::User(tenant, refresh.user))? || users::version(tx.sql(), tenant, refresh.user)?.is_none() {
        return Err(Stop::refused(Acted::NoUser));
    }
    let mut identity = match identities::of(tx.sql(), tenant, refresh.user, refresh.identity)? {
        Some(identity) if identity.version == refresh.expected_version => identity,
        _ => return Err(Stop::refused(Acted::Changed)),
    };
    if !is_current(tx, tenant, refresh.key.as_ref(), keys)? {
        return Err(Stop::refused(Acted::Changed));
    }
    match &refresh.tokens {
        Some(sealed) => identities::put_tokens(tx.sql(), tenant, identity.id, sealed)?,
        None => identities::delete_tokens(tx.sql(), tenant, &identity)?,
    }
    identity.version += 1;
    identity.proof = refresh.proof;
    identity.proved_at = at;
    identity.proved_by = refresh.proved_by;
    identity.has_tokens = refresh.tokens.is_some();
    if let Some(profile) = refresh.profile.as_ref().filter(|_| !identity.is_primary()) {
        terms::update_account(tx.sql(), tenant, &identity, profile)?;
        identity.profile = profile.clone();
    }
    identities::update(tx.sql(), tenant, &identity)?;
    if !bags::change(tx.sql(), tenant, refresh.user, refresh.bag.as_ref())? {
        return Err(Stop::refused(Acted::Changed));
    }
    once::insert(tx.sql(), tenant, refresh.once.as_ref(), at)?;
    tx.record(tenant, &refresh.event)?;
    Ok(Acted::Done)
}
