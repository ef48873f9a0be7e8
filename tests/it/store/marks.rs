//! Marks of erased accounts: what an act does with them, also while others act.

use jiff::SignedDuration;
use oneself::domain::*;
use oneself::id::*;
use oneself::secret::Digest;
use oneself::store::*;

use super::world::{World, created};

/// What a test takes for a mark.
fn mark(key: &IdentityKey) -> Digest {
    Digest::of(key.subject.as_bytes())
}

fn marking(w: &World) -> Option<Marking> {
    Some(Marking::new(w.now() + SignedDuration::from_hours(1), mark))
}

/// Somebody who is born with this account; she may come back, or not.
fn born(w: &World, subject: &str, may_return: bool) -> NewUser {
    let mut new = w.born(w.with_tokens(&w.twitter, subject));
    new.key = Some(w.new_key(new.user.id, 1));
    let kind = EventKind::IdentityRecreated {
        identity: new.born.id,
        connection: w.twitter.id,
    };
    new.marked = vec![Marked {
        identity: new.born.id,
        mark: mark(new.born.external.key()),
        told: may_return.then(|| w.event(new.user.id, kind)),
    }];
    assert!(matches!(created(&new.born), EventKind::UserCreated { .. }));
    new
}

async fn erase(w: &World, user: UserId) -> bool {
    let event = w.event(user, EventKind::UserDeleted);
    w.store.delete_user(w.tenant, user, event, marking(w)).await.unwrap()
}

async fn told(w: &World) -> usize {
    let events = w.events().await;
    let told = |event: &&Event| matches!(event.what.kind, EventKind::IdentityRecreated { .. });
    events.iter().filter(told).count()
}

async fn is_marked(w: &World, subject: &str, after: SignedDuration) -> bool {
    let mark = Digest::of(subject.as_bytes());
    w.store.is_marked(w.tenant, mark, w.now() + after).await.unwrap()
}

#[tokio::test]
async fn a_mark_is_left_found_told_of_and_forgotten() {
    let w = World::new().await;
    let now = SignedDuration::ZERO;
    let user = w.make(born(&w, "1", true)).await;
    w.attach(user, w.identity(&w.google, "2")).await;
    assert!(!is_marked(&w, "1", now).await);
    assert!(erase(&w, user).await);
    assert!(is_marked(&w, "1", now).await && is_marked(&w, "2", now).await);
    assert!(!is_marked(&w, "1", SignedDuration::from_hours(1)).await);
    let foreign = w.foreign().await;
    assert!(!is_marked(&foreign, "1", now).await);

    let refused = w.store.create_user(w.tenant, born(&w, "1", false)).await.unwrap();
    assert_eq!(refused, Created::Erased);
    let there = w.make_user().await;
    let link = Link {
        unless_marked: Some(Digest::of(b"1")),
        ..w.link(there, w.identity(&w.twitter, "1"))
    };
    assert_eq!(w.store.link(w.tenant, link).await.unwrap(), Linked::Erased);
    assert_eq!(w.get(there).await.identities.len(), 1);
    assert_eq!(told(&w).await, 0);
    let back = w.make(born(&w, "1", true)).await;
    assert_eq!(told(&w).await, 1);
    assert!(!is_marked(&w, "1", now).await && is_marked(&w, "2", now).await);

    // Erased twice, it is marked from the later time on.
    assert!(erase(&w, back).await);
    let later = w.now() + SignedDuration::from_hours(2);
    let again = w.make(born(&w, "3", false)).await;
    w.attach(again, w.identity(&w.google, "2")).await;
    let event = w.event(again, EventKind::UserDeleted);
    let marking = Some(Marking::new(later, mark));
    assert!(w.store.delete_user(w.tenant, again, event, marking).await.unwrap());
    assert!(is_marked(&w, "2", SignedDuration::from_mins(90)).await);
    let hour = w.now() + SignedDuration::from_hours(1);
    assert_eq!(w.store.forget_ended(hour).await.unwrap(), 1);
    assert!(!is_marked(&w, "1", now).await && is_marked(&w, "3", now).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sec_lnk_20_of_many_who_come_back_by_one_account_one_does() {
    let w = World::new().await;
    for round in 0..10 {
        let subject = round.to_string();
        let first = w.make(born(&w, &subject, true)).await;
        assert!(erase(&w, first).await);
        let acts = (0..8).map(|_| {
            let (store, tenant, new) = (w.store.clone(), w.tenant, born(&w, &subject, true));
            tokio::spawn(async move { store.create_user(tenant, new).await.unwrap() })
        });
        let mut done = 0;
        for act in acts.collect::<Vec<_>>() {
            match act.await.unwrap() {
                Created::Done => done += 1,
                other => assert_eq!(other, Created::IdentityTaken),
            }
        }
        assert_eq!((done, told(&w).await), (1, round + 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sec_lnk_20_no_act_slips_between_an_account_and_its_mark() {
    let w = World::new().await;
    let there = w.make_user().await;
    for round in 0..20 {
        let subject = round.to_string();
        let user = w.make(born(&w, &subject, false)).await;
        let (store, tenant) = (w.store.clone(), w.tenant);
        let links: Vec<_> = (0..8)
            .map(|_| Link {
                unless_marked: Some(Digest::of(subject.as_bytes())),
                ..w.link(there, w.identity(&w.twitter, &subject))
            })
            .collect();
        let linking = tokio::spawn(async move {
            let mut ends = Vec::new();
            for link in links {
                ends.push(store.link(tenant, link).await.unwrap());
            }
            ends
        });
        let news: Vec<_> = (0..8).map(|_| born(&w, &subject, false)).collect();
        let store = w.store.clone();
        let coming = tokio::spawn(async move {
            let mut ends = Vec::new();
            for new in news {
                ends.push(store.create_user(tenant, new).await.unwrap());
            }
            ends
        });
        tokio::task::yield_now().await;
        assert!(erase(&w, user).await);
        for end in linking.await.unwrap() {
            assert!(matches!(end, Linked::Taken | Linked::Erased), "{end:?}");
        }
        for end in coming.await.unwrap() {
            assert!(matches!(end, Created::IdentityTaken | Created::Erased), "{end:?}");
        }
        assert_eq!(w.resolve(&w.twitter, &subject).await, None);
    }
}
