//! The chain over events: what was written stays as it was, or is named.

use std::time::Duration;

use oneself::clock::Random;
use oneself::domain::*;
use oneself::id::*;
use oneself::secret::Digest;
use oneself::store::postgres::{self, Address};
use oneself::store::sqlite;
use oneself::store::trail::{Examined, Fault};
use oneself::store::*;

use super::world::World;

impl World {
    /// Chains all events; how many there were.
    async fn chain(&self) -> u64 {
        let mut all = 0;
        loop {
            match self.store.chain_events(self.tenant).await.unwrap() {
                0 => return all,
                some => all += some,
            }
        }
    }

    async fn examined(&self, kept: Option<Digest>) -> Examined {
        // Whoever asks for one event has a place given to all of them.
        self.store.list_events(self.tenant, None, 1).await.unwrap();
        let world = self.kept.clone();
        let examining = tokio::task::spawn_blocking(move || {
            let inspection = match world.database() {
                None => sqlite::inspect(world.path(), None),
                Some(database) => postgres::inspect(&Address::parse(&database.url().into(), None).unwrap()),
            };
            inspection.unwrap().trails(Some("acme"), kept.as_ref()).unwrap()
        });
        let mut all = examining.await.unwrap();
        all.pop().unwrap().1
    }

    async fn head(&self) -> Head {
        self.store.find_head(self.tenant).await.unwrap().unwrap()
    }

    /// What somebody does who can write where the store is kept.
    async fn tamper(&self, sql: &str) {
        self.kept.execute(sql).await;
    }

    fn literal(&self, id: EventId) -> String {
        self.kept.literal(id.as_bytes())
    }
}

/// A world with so many chained events.
async fn chained(count: usize) -> (World, Vec<EventId>) {
    let w = World::new().await;
    for _ in 0..count {
        w.make_user().await;
        // Where many write, an event has its place once somebody reads, so here each gets one of
        // its own moment.
        w.events().await;
        w.clock.advance(Duration::from_millis(1));
    }
    assert_eq!(w.chain().await, count as u64);
    let ids = w.events().await.iter().map(|event| event.id).collect();
    (w, ids)
}

#[tokio::test]
async fn sec_ops_11_events_are_chained_behind_the_acts_and_once() {
    let (w, _) = chained(150).await;
    let found = w.examined(None).await;
    assert_eq!((found.sound, found.unchained, found.fault), (150, 0, None));
    let head = w.head().await;
    assert_eq!((head.count, Some(head.hash)), (150, found.head));
    assert_eq!(w.chain().await, 0);
    w.make_user().await;
    let later = w.examined(Some(head.hash)).await;
    assert_eq!((later.sound, later.unchained, later.kept_at), (150, 1, Some(150)));
    assert_eq!(w.chain().await, 1);
    let w = w.reopened().await;
    let found = w.examined(Some(head.hash)).await;
    assert_eq!((found.sound, found.kept_at, found.fault), (151, Some(150), None));
    assert_ne!(found.head, Some(head.hash));
    // Another tenant has a chain of its own.
    let foreign = w.foreign().await;
    foreign.make_user().await;
    assert_eq!(w.chain().await, 0);
    assert_eq!(foreign.chain().await, 1);
    assert_eq!(w.examined(None).await.fault, None);
}

#[tokio::test]
async fn sec_ops_11_an_edited_event_is_named_whatever_was_edited() {
    let (w, ids) = chained(5).await;
    let row = format!("WHERE id = {}", w.literal(ids[2]));
    let somebody = w.kept.literal([1; 12]);
    for (edit, back) in [
        ("kind = 3", "kind = 1"),
        (&*format!("user_id = {somebody}"), ""),
        ("identity = NULL", ""),
        ("connection = connection + 1", "connection = connection - 1"),
        ("proof = 5", "proof = 1"),
        ("other = user_id", "other = NULL"),
        ("fields = ''", "fields = NULL"),
        (&*format!("actor = {}", w.kept.literal([2; 13])), ""),
        ("at = at + 1", "at = at - 1"),
        (&*format!("sealed = {}", w.kept.literal([])), "sealed = NULL"),
    ] {
        let keep = "DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT * FROM events";
        w.tamper(&format!("{keep} {row}; UPDATE events SET {edit} {row}")).await;
        let found = w.examined(None).await;
        assert_eq!((found.sound, found.fault), (2, Some(Fault::Edited(ids[2]))), "{edit}");
        if !back.is_empty() {
            w.tamper(&format!("UPDATE events SET {back} {row}")).await;
            assert_eq!(w.examined(None).await.fault, None, "{back}");
        }
        w.tamper(&format!(
            "DELETE FROM events {row}; INSERT INTO events SELECT * FROM kept; DROP TABLE kept"
        ))
        .await;
        assert_eq!(w.examined(None).await.fault, None, "put back as it was");
    }
    w.tamper(&format!(
        "UPDATE trail SET hash = {} WHERE event = {}",
        w.kept.literal([0; 32]),
        w.literal(ids[4])
    ))
    .await;
    assert_eq!(w.examined(None).await.fault, Some(Fault::Edited(ids[4])));
}

#[tokio::test]
async fn sec_ops_11_a_deleted_and_an_inserted_event_are_named() {
    let (w, ids) = chained(5).await;
    for n in [0, 2, 4] {
        let (w, ids) = chained(5).await;
        w.tamper(&format!("DELETE FROM events WHERE id = {}", w.literal(ids[n])))
            .await;
        let found = w.examined(None).await;
        assert_eq!((found.sound, found.fault), (n as u64, Some(Fault::Deleted(ids[n]))));
    }
    let mut between = *ids[2].as_bytes();
    between[11] = between[11].wrapping_sub(1);
    let between = EventId::from_bytes(between);
    assert!(ids[1] < between && between < ids[2]);
    w.tamper(&format!(
        "INSERT INTO events SELECT tenant, bucket, {}, kind, user_id, identity, connection, proof, other, fields, actor, at, sealed
         FROM events WHERE id = {}",
        w.literal(between),
        w.literal(ids[2])
    )).await;
    let found = w.examined(None).await;
    assert_eq!((found.sound, found.fault), (2, Some(Fault::Inserted(between))));
}

#[tokio::test]
async fn sec_ops_11_an_end_that_was_cut_off_is_noticed_and_by_a_kept_head_whatever_was_cut() {
    let (w, ids) = chained(5).await;
    let kept = w.head().await.hash;
    let last = w.literal(ids[4]);
    w.tamper(&format!("DELETE FROM events WHERE id = {last}")).await;
    assert_eq!(w.examined(None).await.fault, Some(Fault::Deleted(ids[4])));
    w.tamper("DELETE FROM trail WHERE position = 5").await;
    assert_eq!(w.examined(None).await.fault, Some(Fault::Moved));
    w.tamper("UPDATE trail_heads SET position = 4, hash = (SELECT hash FROM trail WHERE position = 4), event = (SELECT event FROM trail WHERE position = 4)").await;
    let found = w.examined(None).await;
    assert_eq!(
        found.fault, None,
        "whoever makes all of it fit is not found without a head"
    );
    assert_eq!(w.examined(Some(kept)).await.kept_at, None);
    assert_eq!(w.examined(found.head).await.kept_at, Some(4));

    let (w, _) = chained(5).await;
    w.tamper("DELETE FROM trail WHERE position = 2").await;
    assert_eq!(w.examined(None).await.fault, Some(Fault::Cut(2)));
    w.tamper("DELETE FROM trail").await;
    assert_eq!(w.examined(None).await.fault, Some(Fault::Moved));
    w.tamper("DELETE FROM trail_heads").await;
    assert_eq!(
        (w.examined(None).await.fault, w.examined(None).await.unchained),
        (None, 5)
    );
    assert_eq!(w.examined(Some(kept)).await.kept_at, None);
}

/// One of some.
fn pick(chance: &dyn Random, of: usize) -> usize {
    let mut bytes = [0; 8];
    chance.fill(&mut bytes);
    usize::try_from(u64::from_be_bytes(bytes) % of as u64).unwrap()
}

#[tokio::test]
async fn sec_ops_11_every_state_difference_has_one_audit_row_and_the_chain_holds() {
    let w = World::new().await;
    let mut users = vec![w.make_user().await, w.make_user().await];
    let (mut done, mut refused) = (0, 0);
    let state = async || {
        let page = Page {
            after: None,
            limit: 1_000,
        };
        w.store.list_users(w.tenant, page).await.unwrap()
    };
    for n in 0..300 {
        let (before, events) = (state().await, w.events().await.len());
        let user = users[pick(&*w.random, users.len())];
        let other = users[pick(&*w.random, users.len())];
        let found = w.find(user).await.filter(|found| found.user.id == user);
        match (pick(&*w.random, 7), found) {
            (0, _) => users.push(w.make_user().await),
            (1 | 2, _) => {
                let subject = pick(&*w.random, 20).to_string();
                w.store
                    .link(w.tenant, w.link(user, w.with_tokens(&w.twitter, &subject)))
                    .await
                    .unwrap();
            }
            (3, Some(found)) => {
                let identity = &found.identities[pick(&*w.random, found.identities.len())];
                w.store
                    .refresh(w.tenant, w.refresh_of(identity, Proof::IdToken))
                    .await
                    .unwrap();
            }
            (4, Some(found)) => {
                let identity = &found.identities[pick(&*w.random, found.identities.len())];
                let expected = found.user.version - i64::from(n % 3 == 0);
                w.store.unlink(w.tenant, w.unlink_at(identity, expected)).await.unwrap();
            }
            (5, Some(found)) => {
                if let Some(other) = w.find(other).await {
                    w.store.absorb(w.tenant, w.absorb_at(&found, &other)).await.unwrap();
                }
            }
            (6, Some(_)) if n % 4 == 0 => {
                let event = w.event(user, EventKind::UserDeleted);
                assert!(w.store.delete_user(w.tenant, user, event, None).await.unwrap());
            }
            (_, _) => {
                let event = w.event(user, EventKind::UserDeleted);
                let gone = w.find(user).await.is_none();
                assert!(!gone || !w.store.delete_user(w.tenant, user, event, None).await.unwrap());
            }
        }
        let differs = state().await != before;
        let rows = w.events().await.len() - events;
        assert_eq!(rows, usize::from(differs), "act {n}");
        *if differs { &mut done } else { &mut refused } += 1;
        if n % 50 == 0 {
            w.chain().await;
        }
    }
    assert!(done > 80 && refused > 20, "{done} {refused}");
    w.chain().await;
    let found = w.examined(None).await;
    assert_eq!((found.fault, found.unchained), (None, 0));
    assert_eq!(found.sound, w.events().await.len() as u64);
}
