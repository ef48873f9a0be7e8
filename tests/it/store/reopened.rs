//! What a store is asked to keep is there when it was closed and opened again.

use super::world::World;
use oneself::store::*;

#[tokio::test]
async fn everything_is_there_after_the_store_was_opened_again() {
    let w = World::new().await;
    let mut new = w.new_user();
    new.key = Some(w.new_key(new.user.id, 3));
    let user = w.make(new).await;
    let identity = w.attach(user, w.with_tokens(&w.twitter, "1")).await;
    let before = (
        w.get(user).await,
        w.store.find_tokens(w.tenant, identity.id).await.unwrap(),
    );
    let last = w.events().await.last().unwrap().id;
    let w = w.reopened().await;
    assert_eq!(
        before,
        (
            w.get(user).await,
            w.store.find_tokens(w.tenant, identity.id).await.unwrap()
        )
    );
    assert_eq!(w.key_of(user).await, Some(3));
    // The clock stands still, and the source of chance gives the next ids all the same.
    w.make_user().await;
    assert!(w.events().await.last().unwrap().id > last);
}

#[tokio::test]
async fn what_is_queued_is_done_when_the_store_is_dropped() {
    let w = World::new().await;
    let user = w.make_user().await;
    let mut waiting = Vec::new();
    for n in 0..50 {
        let (store, tenant) = (w.store.clone(), w.tenant);
        let link = w.link(user, w.identity(&w.twitter, &n.to_string()));
        waiting.push(tokio::spawn(async move { store.link(tenant, link).await }));
    }
    for task in waiting {
        assert!(matches!(task.await.unwrap().unwrap(), Linked::Attached(_)));
    }
    let w = w.reopened().await;
    assert_eq!(w.get(user).await.identities.len(), 51);
}
