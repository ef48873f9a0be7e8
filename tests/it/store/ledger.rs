//! The ledger of deletions: what stands in it, and what it makes gone again in an older copy
//! (OPS-05).
//!
//! Copies are made as backups are. What one would get wrong: the copy has a ledger of its own,
//! and is told of the other one by hand.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::world::{World, name};
use crate::support::kept::Kept;
use oneself::domain::*;
use oneself::id::*;
use oneself::secret::Digest;
use oneself::store::ledger::{Contents, Loss, read};
use oneself::store::sqlite::copy::{Part, adopt, copy};
use oneself::store::sqlite::inspect;
use oneself::store::sqlite::{Replayed, SqliteOptions, SqliteStore};
use oneself::store::*;

/// A copy of a world's files as they are now.
fn backup(w: &World) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for part in [Part::Data, Part::Keys] {
        copy(part, w.kept.path(), to.path()).unwrap();
    }
    to
}

fn ledger(w: &World) -> Contents {
    read(&w.kept.path().join("ledger")).unwrap().unwrap()
}

fn losses(w: &World) -> Vec<Loss> {
    ledger(w).losses.into_iter().map(|(_, loss)| loss).collect()
}

/// Makes a store of a copy, tells it of the ledger, and gives a world on it.
async fn restored(w: &World, to: tempfile::TempDir) -> (World, Replayed) {
    for part in [Part::Data, Part::Keys] {
        adopt(part, to.path()).unwrap();
    }
    let store = SqliteStore::open(to.path(), w.clock.clone(), w.random.clone(), &SqliteOptions::default()).unwrap();
    let done = store.replay(&ledger(w)).await.unwrap();
    let again = store.replay(&ledger(w)).await.unwrap();
    assert_eq!(again, Replayed::default(), "it is done once");
    let restored = World {
        store: Arc::new(store),
        clock: w.clock.clone(),
        random: w.random.clone(),
        tenant: w.tenant,
        built_in: w.built_in.clone(),
        twitter: w.twitter.clone(),
        google: w.google.clone(),
        kept: Arc::new(Kept::of(to)),
    };
    (restored, done)
}

#[track_caller]
fn sound(dir: &Path) {
    let files = inspect(dir, Some(dir)).unwrap();
    assert_eq!(files.contradictions().unwrap(), []);
    assert_eq!(files.contradicting_events().unwrap(), []);
    assert_eq!(files.without_key().unwrap(), []);
}

fn now_of(w: &World, user: UserId) -> NewEvent {
    w.event(user, EventKind::UserDeleted)
}

#[tokio::test]
async fn sec_ops_05_what_is_lost_after_a_copy_is_lost_again() {
    let w = World::new().await;
    let mut users = Vec::new();
    for _ in 0..7 {
        users.push(w.make_user().await);
    }
    let [erased, freed, split, survivor, absorbed, same, late] = users[..] else {
        unreachable!()
    };
    w.attach(erased, w.identity(&w.twitter, "erased")).await;
    let of_freed = w.attach(freed, w.identity(&w.twitter, "freed")).await;
    let of_split = w.attach(split, w.identity(&w.twitter, "split")).await;
    let of_absorbed = w.attach(absorbed, w.identity(&w.twitter, "absorbed")).await;
    w.attach(same, w.identity(&w.twitter, "same")).await;
    let of_late = w.attach(late, w.identity(&w.twitter, "late")).await;
    let copy = backup(&w);

    w.clock.advance(Duration::from_secs(60));
    assert!(
        w.store
            .delete_user(w.tenant, erased, now_of(&w, erased), None)
            .await
            .unwrap()
    );
    let act = async |mut unlink: Unlink| {
        unlink.force = true;
        w.store.unlink(w.tenant, unlink).await.unwrap()
    };
    assert_eq!(act(w.unlink_of(&of_freed).await).await, Acted::Done);
    let to = w.user_id();
    assert_eq!(act(w.split_of(&of_split, to).await).await, Acted::Done);
    let done = w.store.absorb(w.tenant, w.absorb_of(survivor, absorbed).await).await;
    assert_eq!(done.unwrap(), Acted::Done);
    // It is freed where it is now, which is not where it was.
    let moved = w.get(survivor).await.identities[2].clone();
    assert_eq!(moved.id, of_absorbed.id);
    assert_eq!(act(w.unlink_of(&moved).await).await, Acted::Done);
    // Another user takes the place of one who goes with all that is hers.
    let done = w.store.absorb(w.tenant, w.absorb_of(same, late).await).await;
    assert_eq!(done.unwrap(), Acted::Done);
    assert!(
        w.store
            .delete_user(w.tenant, same, now_of(&w, same), None)
            .await
            .unwrap()
    );

    let (old, replayed) = restored(&w, copy).await;
    assert_eq!((replayed.users, replayed.splits), (2, 1), "{replayed:?}");
    assert!(old.find(erased).await.is_none());
    assert!(old.find(same).await.is_none());
    assert!(old.find(late).await.is_none(), "all that she had went with the other");
    assert_eq!(old.get(freed).await.identities.len(), 1);
    assert_eq!(old.get(split).await.identities.len(), 1);
    assert_eq!(old.resolve(&old.twitter, "split").await, Some(to));
    assert!(old.get(to).await.identities[0].is_primary());
    assert_eq!(old.get(absorbed).await.identities.len(), 1, "she is back, without it");
    for gone in ["erased", "freed", "absorbed", "same", "late"] {
        assert_eq!(old.resolve(&old.twitter, gone).await, None, "{gone}");
    }
    assert!(
        old.get(absorbed).await.user.epoch > 1,
        "what she was given before she was absorbed is dead"
    );
    sound(old.kept.path());
    let named = losses(&w)
        .iter()
        .any(|loss| matches!(loss, Loss::Identity { identity, .. } if *identity == of_late.id));
    assert!(named, "who goes takes all identities along, by name");

    // It goes on, and its own losses have numbers after those.
    let dir = old.kept.clone();
    let again = old.get(freed).await.user.id;
    assert!(
        old.store
            .delete_user(old.tenant, again, now_of(&old, again), None)
            .await
            .unwrap()
    );
    drop(old);
    SqliteStore::open(dir.path(), w.clock.clone(), w.random.clone(), &SqliteOptions::default()).unwrap();
}

#[tokio::test]
async fn sec_ops_05_revoked_credentials_and_spent_proofs_stay_so() {
    let w = World::new().await;
    let login = |password: &str| Login {
        names: vec![name(LoginKind::Email, "a@x")],
        password: Some(password.to_owned()),
    };
    let mut new = w.new_user();
    new.born.login = login("$old");
    let user = w.make(new).await;
    let (survivor, absorbed) = (w.make_user().await, w.make_user().await);
    let (rotated, removed) = (w.client("rotated"), w.client("removed"));
    w.store.create_client(&rotated).await.unwrap();
    w.store.create_client(&removed).await.unwrap();
    let copy = backup(&w);

    let mut now = w.get(user).await;
    now.user.version += 1;
    now.user.epoch += 1;
    now.user.blocked = Some(true);
    let update = UserUpdate {
        expected_version: now.user.version - 1,
        login: Some((now.identities[0].id, login("$new"))),
        bag: None,
        spend: None,
        identity_profile: None,
        event: Some(w.event(
            user,
            EventKind::UserUpdated {
                fields: "password".into(),
            },
        )),
        user: now.user,
    };
    assert_eq!(w.store.update_user(w.tenant, update).await.unwrap(), Acted::Done);
    let mut absorb = w.absorb_of(survivor, absorbed).await;
    let (token, pair) = (Digest::of(b"token"), Digest::of(b"pair"));
    absorb.spend = Some(Spend {
        token,
        pair,
        until: w.now() + jiff::SignedDuration::from_hours(1),
    });
    assert_eq!(w.store.absorb(w.tenant, absorb).await.unwrap(), Acted::Done);
    let secret = Digest::of(b"new");
    assert!(w.store.rotate_client(rotated.id, secret).await.unwrap());
    assert!(w.store.delete_client(removed.id).await.unwrap());
    let (at, by) = (w.now(), Actor::Operator);
    assert!(w.store.retire_connection(w.tenant, w.google.id, at, by).await.unwrap());
    let second = w.credentials("second");
    assert!(w.store.update_credentials(w.tenant, &second).await.unwrap());

    let (old, replayed) = restored(&w, copy).await;
    assert_eq!(
        (
            replayed.passwords,
            replayed.proofs,
            replayed.credentials,
            replayed.connections
        ),
        (1, 1, 3, 1),
        "{replayed:?}"
    );
    let found = old.get(user).await;
    assert_eq!((found.user.epoch, found.user.blocked), (2, Some(true)));
    assert!(!found.identities[0].has_password, "the old password opens nothing");
    assert_eq!(old.store.find_spent(old.tenant, token).await.unwrap(), Some(pair));
    let client = old.store.find_client(rotated.id).await.unwrap().unwrap();
    assert_eq!((client.secret, client.epoch), (Some(secret), 2));
    assert!(old.store.find_client(removed.id).await.unwrap().is_none());
    let retired = old.store.list_retired_connections(old.tenant).await.unwrap();
    assert_eq!(retired.len(), 1, "what hangs on it goes when it is served");
    let tenant = old.store.find_tenant(old.tenant).await.unwrap().unwrap();
    assert_eq!(tenant.credentials.knodes_customer_secret, second.knodes_customer_secret);
}

#[tokio::test]
async fn sec_ops_05_what_was_lost_and_found_before_the_copy_stays() {
    let w = World::new().await;
    let user = w.make_user().await;
    let identity = w.attach(user, w.identity(&w.twitter, "1")).await;
    let to = w.user_id();
    let mut split = w.split_of(&identity, to).await;
    split.force = true;
    assert_eq!(w.store.unlink(w.tenant, split).await.unwrap(), Acted::Done);
    let back = w.store.absorb(w.tenant, w.absorb_of(user, to).await).await;
    assert_eq!(back.unwrap(), Acted::Done);
    let copy = backup(&w);
    let (old, replayed) = restored(&w, copy).await;
    assert_eq!(replayed, Replayed::default());
    assert_eq!(old.resolve(&old.twitter, "1").await, Some(user));
}

#[tokio::test]
async fn a_link_and_a_refused_act_leave_no_line() {
    let w = World::new().await;
    let path = w.kept.path().join("ledger");
    let user = w.make_user().await;
    let identity = w.attach(user, w.identity(&w.twitter, "1")).await;
    let refused = w.unlink_at(&identity, 77);
    assert_eq!(w.store.unlink(w.tenant, refused).await.unwrap(), Acted::Changed);
    let before = std::fs::read_to_string(&path).unwrap();
    assert_eq!(before.lines().count(), 1, "{before}");
    let mut unlink = w.unlink_of(&identity).await;
    unlink.force = true;
    assert_eq!(w.store.unlink(w.tenant, unlink).await.unwrap(), Acted::Done);
    let after = std::fs::read_to_string(&path).unwrap();
    assert!(after.starts_with(&before));
    assert_eq!(after.lines().count(), 3, "the identity and the sessions: {after}");
    assert!(!after.contains("twitter"), "ids and digests only: {after}");
}

#[tokio::test]
async fn a_copy_is_opened_by_no_store_until_it_is_made_one() {
    let w = World::new().await;
    let to = backup(&w);
    let opened = SqliteStore::open(to.path(), w.clock.clone(), w.random.clone(), &SqliteOptions::default());
    let error = opened.err().expect("it is a backup");
    assert!(error.to_string().contains("backup restore"), "{error}");
}

/// A choice that repeats.
fn choose(chance: &oneself::clock::SeededRandom, of: usize) -> usize {
    let mut bytes = [0; 8];
    oneself::clock::Random::fill(chance, &mut bytes);
    (u64::from_be_bytes(bytes) % of.max(1) as u64) as usize
}

/// One act of chance on somebody who is there.
async fn play(w: &World, chance: &oneself::clock::SeededRandom, n: usize) {
    w.clock.advance(Duration::from_secs(1));
    let page = Page {
        after: None,
        limit: 1_000,
    };
    let users = w.store.list_users(w.tenant, page).await.unwrap();
    if users.len() < 4 {
        w.make_user().await;
        return;
    }
    let one = &users[choose(chance, users.len())];
    let other = &users[choose(chance, users.len())];
    let secondary = one.identities.get(1 + choose(chance, one.identities.len().max(2) - 1));
    match (choose(chance, 10), secondary) {
        (0, _) => drop(w.make_user().await),
        (1, _) => {
            let born = w.identity(&w.google, &format!("born-{n}"));
            w.make(w.born(born)).await;
        }
        (2, _) => assert!(
            w.store
                .delete_user(w.tenant, one.user.id, now_of(w, one.user.id), None)
                .await
                .unwrap()
        ),
        (3 | 4, _) if one.user.id != other.user.id => {
            let absorb = w.absorb_at(one, other);
            assert_eq!(w.store.absorb(w.tenant, absorb).await.unwrap(), Acted::Done);
        }
        (5 | 6, Some(identity)) => {
            let mut unlink = w.unlink_of(identity).await;
            unlink.force = true;
            assert_eq!(w.store.unlink(w.tenant, unlink).await.unwrap(), Acted::Done);
        }
        (7, Some(identity)) => {
            let former = w.store.find_former_user(w.tenant, identity.id).await.unwrap();
            let mut split = w.split_of(identity, former.unwrap_or_else(|| w.user_id())).await;
            split.force = true;
            let acted = w.store.unlink(w.tenant, split).await.unwrap();
            assert!(matches!(acted, Acted::Done | Acted::IdentityTaken), "{acted:?}");
        }
        _ => drop(w.attach(one.user.id, w.identity(&w.twitter, &n.to_string())).await),
    }
}

#[tokio::test]
async fn sec_ops_05_whatever_was_done_after_a_copy_the_restored_one_is_sound_and_holds_nothing_lost() {
    let rounds = crate::blackbox::rounds(6, 200);
    let mut replayed_in_all = 0;
    for seed in 0..rounds {
        let chance = oneself::clock::SeededRandom::new(seed as u64);
        let w = World::new().await;
        for n in 0..40 {
            play(&w, &chance, n).await;
        }
        let copy = backup(&w);
        let known = ledger(&w).losses.len();
        for n in 40..100 {
            play(&w, &chance, n).await;
        }
        let (old, replayed) = restored(&w, copy).await;
        replayed_in_all += replayed.users + replayed.identities + replayed.splits;
        sound(old.kept.path());
        sound(w.kept.path());
        super::search::check(&old).await;
        let later = ledger(&w).losses.split_off(known);
        let page = Page {
            after: None,
            limit: 1_000,
        };
        let now = old.store.list_users(old.tenant, page).await.unwrap();
        let owner = |id: IdentityId| {
            let all = now.iter().flat_map(|found| &found.identities);
            all.clone()
                .find(|identity| identity.id == id)
                .map(|identity| identity.user)
        };
        for (place, (_, loss)) in later.iter().enumerate() {
            match loss {
                Loss::User { user, .. } => assert!(now.iter().all(|found| found.user.id != *user), "{seed}: {loss}"),
                Loss::Identity { identity, .. } => assert_eq!(owner(*identity), None, "{seed}: {loss}"),
                Loss::Split { user, identity, .. } => {
                    let back = later[place..].iter().any(|(_, next)| {
                        matches!(next, Loss::Split { identity: again, to, .. } if again == identity && to == user)
                    });
                    assert!(back || owner(*identity) != Some(*user), "{seed}: {loss}");
                }
                _ => {}
            }
        }
    }
    assert!(
        replayed_in_all > rounds as u64,
        "only {replayed_in_all} were made gone again"
    );
}
