//! What must be so whatever was done (I1, I2, I4 and I7), read from the store itself.
//!
//! Called at the end of stories. What one would get wrong: events are replayed without looking
//! at users, so a difference says that one of the two lies.

use std::collections::{BTreeMap, HashSet};

use oneself::domain::*;
use oneself::id::*;
use oneself::store::*;
use oneself::vault::{Field, Place, Vault};

use super::people::Side;
use super::server::TestServer;

/// Checks a tenant of a test server.
///
/// # Panics
/// When an invariant is broken.
pub async fn check(server: &TestServer, side: &Side) {
    let users = side.everybody(server).await;
    check_invariants(&*server.store, &server.vault, side.id(), &users).await;
}

/// Checks a tenant of any store that has these users.
///
/// # Panics
/// When an invariant is broken.
pub async fn check_invariants(store: &dyn Store, vault: &Vault, tenant: TenantId, users: &[UserWithIdentities]) {
    let mut keys = HashSet::new();
    let mut owners = BTreeMap::new();
    for found in users {
        let positions: Vec<u32> = found.identities.iter().map(|identity| identity.position).collect();
        assert!(positions.is_sorted() && positions.first() == Some(&0), "{positions:?}");
        for identity in &found.identities {
            assert_eq!(identity.user, found.user.id);
            assert!(
                keys.insert(identity.key.clone()),
                "I1: two owners of {:?}",
                identity.key
            );
            assert!(
                identity.proved_at <= found.user.updated_at,
                "I2: proved later than anything happened to her: {identity:?}"
            );
            owners.insert(identity.id, (found.user.id, identity.proof));
            check_tokens(store, vault, tenant, identity).await;
        }
    }
    let events = store.list_events(tenant, None, 100_000).await.unwrap();
    assert_eq!(owners, replayed(&events), "I7: users and events disagree");
}

/// I4: what is kept opens in its own place, and in no other that differs in one part.
async fn check_tokens(store: &dyn Store, vault: &Vault, tenant: TenantId, identity: &Identity) {
    let sealed = store.find_tokens(tenant, identity.id).await.unwrap();
    assert_eq!(sealed.is_some(), identity.has_tokens, "I4: {identity:?}");
    let Some(sealed) = sealed else { return };
    let wrapped = store
        .find_tenant_key(tenant)
        .await
        .unwrap()
        .expect("a tenant has a key");
    let tenant_key = vault.open_tenant_key(tenant, &wrapped).unwrap();
    let owner = KeyOwner::User(identity.user);
    let wrapped = store
        .find_key(tenant, owner)
        .await
        .unwrap()
        .expect("I4: its user has a key");
    let key = vault.open_key(&tenant_key, owner, &wrapped).unwrap();
    let place = |version, subject| Place {
        connection: Some(identity.key.connection),
        issuer: &identity.key.issuer,
        subject,
        field: Field::TokenSet,
        version,
    };
    let subject = identity.key.subject.as_str();
    vault
        .open(&key, &place(identity.version, subject), &sealed)
        .expect("I4: it opens where it lies");
    assert!(
        vault
            .open(&key, &place(identity.version + 1, subject), &sealed)
            .is_err()
    );
    assert!(vault.open(&key, &place(identity.version, "other"), &sealed).is_err());
}

/// Who owns which identity and how it was proved, by the events alone.
fn replayed(events: &[Event]) -> BTreeMap<IdentityId, (UserId, Proof)> {
    let mut owners: BTreeMap<IdentityId, (UserId, Proof)> = BTreeMap::new();
    for Event { what, .. } in events {
        match &what.kind {
            EventKind::UserCreated { identity, proof, .. } | EventKind::IdentityLinked { identity, proof, .. } => {
                owners.insert(*identity, (what.user, *proof));
            }
            EventKind::IdentityRefreshed { identity, proof, .. } => {
                owners.insert(*identity, (what.user, *proof));
            }
            EventKind::IdentityFreed { identity, .. } => drop(owners.remove(identity)),
            EventKind::IdentitySplit { identity, to, .. } => owners.get_mut(identity).unwrap().0 = *to,
            EventKind::UserDeleted => owners.retain(|_, (owner, _)| *owner != what.user),
            EventKind::UserAbsorbed { absorbed, .. } => {
                for (owner, _) in owners.values_mut().filter(|(owner, _)| owner == absorbed) {
                    *owner = what.user;
                }
            }
            EventKind::UserUpdated { .. } | EventKind::IdentityRecreated { .. } => {}
        }
    }
    owners
}
