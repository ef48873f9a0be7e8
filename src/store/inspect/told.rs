//! What the events alone say of identities, compared with what there is (I7).
//!
//! Identities are compared part by part, because all of them together may be more than memory
//! should hold.

use std::collections::HashMap;

use crate::domain::{Event, EventKind, Proof};
use crate::id::{IdentityId, TenantId, UserId};
use crate::store::StoreResult;
use crate::store::sql::rows::params;
use crate::store::sql::{Sql, Step, events};

/// How many events are read at a time.
const EVENTS_AT_ONCE: u32 = 1_000;

/// Owner and proof of an identity.
type Held = (UserId, Proof);

/// `waiting` are events that have no place yet. Of those identities whose id falls into this part, the ones that the events tell otherwise.
pub(super) fn differing(
    data: &dyn Sql,
    tenant: TenantId,
    waiting: Vec<Event>,
    parts: u64,
    part: u64,
) -> StoreResult<Vec<String>> {
    let is_in = |id: &IdentityId| {
        let random = id.as_bytes().iter().rev().take(4);
        random.fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte)) % parts == part
    };
    let mut told = replay(data, tenant, waiting, is_in)?;
    let mut differing = Vec::new();
    let all = "SELECT id, user_id, proof FROM identities WHERE tenant = ?1";
    data.walk(all, params![tenant], &mut |row| {
        let id = row.get(0)?;
        if is_in(&id) && told.remove(&id) != Some((row.get(1)?, row.get(2)?)) {
            differing.push(id.to_string());
        }
        Ok(Step::Next)
    })?;
    differing.extend(told.keys().map(ToString::to_string));
    Ok(differing)
}

/// Who has which identity, and how it was proved, by the events alone.
fn replay(
    data: &dyn Sql,
    tenant: TenantId,
    waiting: Vec<Event>,
    is_in: impl Fn(&IdentityId) -> bool,
) -> StoreResult<HashMap<IdentityId, Held>> {
    let mut held: HashMap<IdentityId, Held> = HashMap::new();
    let mut of_user: HashMap<UserId, Vec<IdentityId>> = HashMap::new();
    let mut after = None;
    let mut rest = waiting;
    loop {
        let mut page = events::list(data, tenant, after, EVENTS_AT_ONCE)?;
        match page.last() {
            Some(last) => after = Some(last.id),
            None if rest.is_empty() => return Ok(held),
            None => page.append(&mut rest),
        }
        for event in &page {
            let user = event.what.user;
            match &event.what.kind {
                EventKind::UserCreated { identity, proof, .. }
                | EventKind::IdentityLinked { identity, proof, .. }
                | EventKind::IdentityRefreshed { identity, proof, .. } => {
                    if is_in(identity)
                        && held
                            .insert(*identity, (user, *proof))
                            .is_none_or(|(was, _)| was != user)
                    {
                        of_user.entry(user).or_default().push(*identity);
                    }
                }
                EventKind::IdentityFreed { identity, .. } => drop(held.remove(identity)),
                EventKind::IdentitySplit { identity, to, .. } => {
                    if let Some(owner) = held.get_mut(identity) {
                        owner.0 = *to;
                        of_user.entry(*to).or_default().push(*identity);
                    }
                }
                EventKind::UserDeleted => {
                    for identity in of_user.remove(&user).unwrap_or_default() {
                        if held.get(&identity).is_some_and(|(owner, _)| *owner == user) {
                            held.remove(&identity);
                        }
                    }
                }
                EventKind::UserAbsorbed { absorbed, .. } => {
                    for identity in of_user.remove(absorbed).unwrap_or_default() {
                        if let Some(owner) = held.get_mut(&identity).filter(|(owner, _)| owner == absorbed) {
                            owner.0 = user;
                            of_user.entry(user).or_default().push(identity);
                        }
                    }
                }
                EventKind::UserUpdated { .. } | EventKind::IdentityRecreated { .. } => {}
            }
        }
    }
}
