//! Taking identities off: free, split, and the last way in.

use std::time::Duration;

use super::world::{World, name, sealed};
use oneself::domain::user::Birthplace;
use oneself::domain::*;
use oneself::store::*;

#[tokio::test]
async fn a_freed_identity_is_erased_and_free_for_anyone() {
    let w = World::new().await;
    let user = w.make_user().await;
    let first = w.attach(user, w.with_tokens(&w.twitter, "1")).await;
    let second = w.attach(user, w.identity(&w.google, "2")).await;
    w.clock.advance(Duration::from_secs(1));
    let unlink = w.unlink_of(&first).await;
    assert_eq!(w.store.unlink(w.tenant, unlink.clone()).await.unwrap(), Acted::Done);
    let with = w.get(user).await;
    assert_eq!((with.user.version, with.user.epoch), (2, 2));
    assert_eq!(with.user.updated_at, w.now());
    assert_eq!(
        &with.identities[1..],
        std::slice::from_ref(&second),
        "others keep their places"
    );
    assert_eq!(w.store.find_tokens(w.tenant, first.id).await.unwrap(), None);
    assert_eq!(w.store.unlink(w.tenant, unlink).await.unwrap(), Acted::Changed);

    let other = w.make_user().await;
    w.attach(other, w.identity(&w.twitter, "1")).await;
    let third = w.attach(user, w.identity(&w.twitter, "3")).await;
    assert!(third.position > second.position);
}

#[tokio::test]
async fn what_is_taken_off_must_be_there_and_secondary() {
    let w = World::new().await;
    let user = w.make_user().await;
    let primary = w.get(user).await.identities[0].clone();
    let mut unlink = w.unlink_of(&primary).await;
    unlink.force = true;
    assert_eq!(w.store.unlink(w.tenant, unlink.clone()).await.unwrap(), Acted::Changed);
    unlink.user = w.user_id();
    assert_eq!(w.store.unlink(w.tenant, unlink).await.unwrap(), Acted::NoUser);
    assert_eq!(w.get(user).await.user.version, 1);
}

#[tokio::test]
async fn the_last_way_in_goes_only_by_force() {
    let w = World::new().await;
    let user = w.make_user().await;
    let first = w.attach(user, w.identity(&w.twitter, "1")).await;
    let second = w.attach(user, w.identity(&w.google, "2")).await;
    let act = async |unlink| w.store.unlink(w.tenant, unlink).await.unwrap();
    assert_eq!(act(w.unlink_of(&first).await).await, Acted::Done);
    let last = w.unlink_of(&second).await;
    let before = (w.get(user).await, w.events().await.len());
    assert_eq!(act(last.clone()).await, Acted::LastCredential);
    assert_eq!((w.get(user).await, w.events().await.len()), before);
    assert_eq!(act(Unlink { force: true, ..last }).await, Acted::Done);

    // A database identity without a password is no way in, and with one it is.
    let third = w.attach(user, w.identity(&w.twitter, "3")).await;
    let closed = w.attach(user, w.identity(&w.built_in, "closed")).await;
    assert_eq!(act(w.unlink_of(&third).await).await, Acted::LastCredential);
    assert_eq!(act(w.unlink_of(&closed).await).await, Acted::Done, "it was none");
    let mut open = w.identity(&w.built_in, "open");
    open.login.password = Some("$1".into());
    let open = w.attach(user, open).await;
    assert_eq!(act(w.unlink_of(&third).await).await, Acted::Done);
    assert_eq!(act(w.unlink_of(&open).await).await, Acted::LastCredential);
}

#[tokio::test]
async fn a_split_identity_goes_on_as_a_user_of_its_own() {
    let w = World::new().await;
    let user = w.make_user().await;
    let identity = w.attach(user, w.with_tokens(&w.twitter, "1")).await;
    let to = w.user_id();
    let mut split = w.split_of(&identity, to).await;
    split.force = true;
    split.key = Some(w.new_key(to, 4));
    assert_eq!(w.store.unlink(w.tenant, split.clone()).await.unwrap(), Acted::Done);
    let with = w.get(user).await;
    assert_eq!((with.identities.len(), with.user.version, with.user.epoch), (1, 2, 2));
    let new = w.get(to).await;
    assert_eq!((new.user.version, new.user.epoch), (1, 1));
    assert_eq!(new.user.profile, identity.profile);
    let primary = &new.identities[0];
    assert_eq!((primary.id, primary.position, primary.version), (identity.id, 0, 2));
    assert_eq!(primary.profile, Profile::default());
    assert_eq!(primary.key, identity.key);
    assert_eq!(
        w.store.find_tokens(w.tenant, identity.id).await.unwrap(),
        Some(sealed("split"))
    );
    assert_eq!(w.key_of(to).await, Some(4));
    let which = UserRef::Born {
        at: Birthplace::Connection("twitter".into()),
        subject: "1".into(),
    };
    assert_eq!(w.store.find_user(w.tenant, &which).await.unwrap().unwrap().id, to);
}

#[tokio::test]
async fn a_split_is_prepared_from_what_is_there() {
    let w = World::new().await;
    let (user, other) = (w.make_user().await, w.make_user().await);
    let identity = w.attach(user, w.with_tokens(&w.twitter, "1")).await;
    w.attach(user, w.identity(&w.google, "2")).await;
    let act = async |unlink| w.store.unlink(w.tenant, unlink).await.unwrap();
    assert_eq!(
        act(w.split_of(&identity, other).await).await,
        Acted::Changed,
        "the id is in use"
    );
    let mut unsealed = w.split_of(&identity, w.user_id()).await;
    if let AfterUnlink::Split { tokens, .. } = &mut unsealed.then {
        *tokens = None;
    }
    assert_eq!(act(unsealed).await, Acted::Changed, "its tokens were not sealed again");
    let mut second = w.twitter.clone();
    second.id = oneself::id::ConnectionId::new(w.random.as_ref());
    second.name = "twitter-2".into();
    assert!(w.store.create_connection(w.tenant, &second).await.unwrap());
    w.make(w.born(w.identity(&second, "1"))).await;
    let twin = w.split_of(&identity, w.user_id()).await;
    assert_eq!(
        act(twin).await,
        Acted::IdentityTaken,
        "two users would have one spelling"
    );
}

#[tokio::test]
async fn log_in_names_go_with_a_split_and_end_with_a_freed_one() {
    let w = World::new().await;
    let user = w.make(w.born(w.identity(&w.twitter, "1"))).await;
    let email = |value| name(LoginKind::Email, value);
    let mut identities = Vec::new();
    for value in ["a@x", "b@x"] {
        let mut identity = w.identity(&w.built_in, value);
        identity.login = Login {
            names: vec![email(value)],
            password: Some("$1".into()),
        };
        identities.push(w.attach(user, identity).await);
    }
    let to = w.user_id();
    let split = w.split_of(&identities[0], to).await;
    assert_eq!(w.store.unlink(w.tenant, split).await.unwrap(), Acted::Done);
    let login = async |value| {
        w.store
            .find_login(w.tenant, w.built_in.id, &email(value))
            .await
            .unwrap()
    };
    let (identity, password) = login("a@x").await.unwrap();
    assert_eq!((identity.user, password.as_deref()), (to, Some("$1")));
    let free = w.unlink_of(&identities[1]).await;
    assert_eq!(w.store.unlink(w.tenant, free).await.unwrap(), Acted::Done);
    assert!(login("b@x").await.is_none());
}
