//! Attaching and renewing identities.

use std::time::Duration;

use super::world::{World, name, sealed};
use oneself::domain::*;
use oneself::secret::Digest;
use oneself::store::*;

#[tokio::test]
async fn a_link_attaches_at_the_end_and_leaves_the_row_of_the_user() {
    let w = World::new().await;
    let user = w.make_user().await;
    let before = w.get(user).await;
    w.clock.advance(Duration::from_secs(60));
    let first = w.attach(user, w.with_tokens(&w.twitter, "1")).await;
    let second = w.attach(user, w.identity(&w.google, "2")).await;
    assert_eq!((first.position, second.position), (1, 2));
    let with = w.get(user).await;
    assert_eq!(with.user, before.user, "a plain link ends no session");
    assert_eq!(
        (before.updated_at(), with.updated_at()),
        (w.now() - jiff::SignedDuration::from_secs(60), w.now())
    );
    assert_eq!(with.identities[1..], [first.clone(), second]);
    assert_eq!(
        w.store.find_tokens(w.tenant, first.id).await.unwrap(),
        Some(sealed("1"))
    );
    assert_eq!(w.resolve(&w.twitter, "1").await, Some(user));
}

#[tokio::test]
async fn a_link_that_is_refused_has_written_nothing() {
    let w = World::new().await;
    let (user, other) = (w.make_user().await, w.make_user().await);
    let mine = w.attach(user, w.with_tokens(&w.twitter, "1")).await;
    w.attach(other, w.identity(&w.google, "2")).await;
    let (before, events) = (w.get(user).await, w.events().await.len());
    let act = async |link| w.store.link(w.tenant, link).await.unwrap();

    let again = w.link(user, w.identity(&w.twitter, "1"));
    assert_eq!(act(again).await, Linked::AlreadyYours(mine.clone()));
    assert_eq!(act(w.link(user, w.with_tokens(&w.google, "2"))).await, Linked::Taken);
    let mut one = w.link(user, w.with_tokens(&w.twitter, "3"));
    one.one_per_provider = true;
    assert_eq!(act(one.clone()).await, Linked::ProviderTaken);
    let mut full = w.link(user, w.with_tokens(&w.google, "3"));
    full.most = Some(2);
    assert_eq!(act(full).await, Linked::Full);
    let mut gone = w.link(w.user_id(), w.with_tokens(&w.google, "3"));
    gone.key = Some(w.new_key(gone.user, 1));
    let nobody = gone.user;
    assert_eq!(act(gone).await, Linked::NoUser);
    assert_eq!(w.key_of(nobody).await, None);

    assert_eq!(w.get(user).await, before);
    assert_eq!(w.events().await.len(), events);
    assert_eq!(w.store.find_tokens(w.tenant, mine.id).await.unwrap(), Some(sealed("1")));
    one.one_per_provider = false;
    assert!(
        matches!(act(one).await, Linked::Attached(_)),
        "several of one network are allowed"
    );
}

#[tokio::test]
async fn nothing_is_kept_under_a_key_that_is_not_its_owners_any_more() {
    let w = World::new().await;
    let (user, other) = (w.make_user().await, w.make_user().await);
    let mut first = w.link(user, w.with_tokens(&w.twitter, "1"));
    first.key = Some(w.new_key(user, 1));
    let Linked::Attached(identity) = w.store.link(w.tenant, first).await.unwrap() else {
        panic!("it is attached");
    };
    let before = (w.get(user).await, w.get(other).await, w.events().await.len());
    let hers = |byte| UsedKey {
        is_new: false,
        ..w.new_key(user, byte)
    };
    let link = |byte| Link {
        key: Some(hers(byte)),
        ..w.link(user, w.with_tokens(&w.twitter, "2"))
    };
    let refresh = |byte| Refresh {
        key: Some(hers(byte)),
        ..w.refresh_of(&identity, Proof::Asserted)
    };
    let mut freed = w.unlink_of(&identity).await;
    freed.key = Some(hers(2));
    let mut absorbs = w.absorb_of(user, other).await;
    absorbs.key = Some(hers(2));

    assert_eq!(w.store.link(w.tenant, link(2)).await.unwrap(), Linked::OtherKey);
    assert_eq!(w.store.refresh(w.tenant, refresh(2)).await.unwrap(), Acted::Changed);
    assert_eq!(w.store.unlink(w.tenant, freed.clone()).await.unwrap(), Acted::Changed);
    assert_eq!(w.store.absorb(w.tenant, absorbs.clone()).await.unwrap(), Acted::Changed);
    assert_eq!((w.get(user).await, w.get(other).await, w.events().await.len()), before);

    assert!(matches!(
        w.store.link(w.tenant, link(1)).await.unwrap(),
        Linked::Attached(_)
    ));
    assert_eq!(w.store.refresh(w.tenant, refresh(1)).await.unwrap(), Acted::Done);
    absorbs.key = Some(hers(1));
    assert_eq!(w.store.absorb(w.tenant, absorbs).await.unwrap(), Acted::Done);
}

#[tokio::test]
async fn a_key_that_was_made_meanwhile_is_not_replaced() {
    let w = World::new().await;
    let user = w.make_user().await;
    let link = |subject: &str, key| Link {
        key: Some(w.new_key(user, key)),
        ..w.link(user, w.with_tokens(&w.twitter, subject))
    };
    let act = async |link| w.store.link(w.tenant, link).await.unwrap();
    assert!(matches!(act(link("1", 1)).await, Linked::Attached(_)));
    assert_eq!(act(link("2", 2)).await, Linked::OtherKey);
    assert_eq!(w.key_of(user).await, Some(1));
    assert_eq!(w.resolve(&w.twitter, "2").await, None);

    let other = w.make_user().await;
    let mut taken = link("1", 3);
    taken.user = other;
    taken.key = Some(w.new_key(other, 3));
    assert_eq!(act(taken).await, Linked::Taken);
    assert_eq!(
        w.key_of(other).await,
        Some(3),
        "the key of somebody who is there may stay"
    );
}

#[tokio::test]
async fn a_link_with_an_idempotency_key_happens_once() {
    let w = World::new().await;
    let user = w.make_user().await;
    let link = |subject: &str, request: &str| {
        let mut link = w.link(user, w.identity(&w.twitter, subject));
        link.once = Some(Once {
            identity: Some(link.identity.id),
            ..w.once("key", request, user)
        });
        link
    };
    let act = async |link| w.store.link(w.tenant, link).await.unwrap();
    let Linked::Attached(identity) = act(link("1", "one")).await else {
        panic!("not attached");
    };
    let expected = Repeated {
        request: Digest::of(b"one"),
        user,
        identity: Some(identity.id),
    };
    assert_eq!(act(link("1", "one")).await, Linked::Repeated(expected.clone()));
    assert_eq!(act(link("2", "two")).await, Linked::Repeated(expected));
    assert_eq!(w.resolve(&w.twitter, "2").await, None);
    w.clock.advance(Duration::from_secs(24 * 3600));
    assert!(
        matches!(act(link("2", "two")).await, Linked::Attached(_)),
        "it has ended"
    );
}

#[tokio::test]
async fn a_refresh_replaces_proof_tokens_and_profile() {
    let w = World::new().await;
    let user = w.make_user().await;
    let identity = w.attach(user, w.with_tokens(&w.twitter, "1")).await;
    let before = w.get(user).await;
    w.clock.advance(Duration::from_secs(60));
    let act = async |refresh| w.store.refresh(w.tenant, refresh).await.unwrap();
    let refresh = w.refresh_of(&identity, Proof::CodeFlow);
    assert_eq!(act(refresh.clone()).await, Acted::Done);
    let with = w.get(user).await;
    let found = &with.identities[1];
    assert_eq!(with.user, before.user);
    assert_eq!(with.updated_at(), w.now());
    assert_eq!(
        (found.version, found.proof, found.proved_at),
        (2, Proof::CodeFlow, w.now())
    );
    assert_eq!(found.proved_by, Actor::User(user));
    assert_eq!(found.profile, identity.profile, "no new one keeps the old one");
    assert_eq!(
        w.store.find_tokens(w.tenant, identity.id).await.unwrap(),
        Some(sealed("fresh"))
    );

    assert_eq!(act(refresh).await, Acted::Changed, "its version has moved");
    let mut without = w.refresh_of(found, Proof::IdToken);
    without.tokens = None;
    without.profile = Some(Profile::default());
    assert_eq!(act(without).await, Acted::Done);
    let found = w.get(user).await.identities[1].clone();
    assert!(!found.has_tokens);
    assert_eq!(found.profile, Profile::default());
    assert_eq!(w.store.find_tokens(w.tenant, identity.id).await.unwrap(), None);

    let mut gone = w.refresh_of(&found, Proof::IdToken);
    gone.user = w.user_id();
    assert_eq!(act(gone).await, Acted::NoUser);
    let mut with_key = w.refresh_of(&found, Proof::IdToken);
    with_key.key = Some(w.new_key(user, 1));
    with_key.once = Some(w.once("key", "one", user));
    assert_eq!(act(with_key.clone()).await, Acted::Done);
    assert!(matches!(act(with_key.clone()).await, Acted::Repeated(_)));
    with_key.once = None;
    with_key.expected_version += 1;
    assert_eq!(act(with_key).await, Acted::Changed, "she has got a key");
    assert_eq!(w.key_of(user).await, Some(1));
}

#[tokio::test]
async fn a_database_identity_is_linked_with_its_log_in() {
    let w = World::new().await;
    let user = w.make(w.born(w.identity(&w.twitter, "1"))).await;
    let mut identity = w.identity(&w.built_in, "x");
    identity.login = Login {
        names: vec![name(LoginKind::PhoneNumber, "+49")],
        password: Some("$1".into()),
    };
    assert!(w.attach(user, identity).await.has_password);
    let phone = name(LoginKind::PhoneNumber, "+49");
    let (found, _) = w
        .store
        .find_login(w.tenant, w.built_in.id, &phone)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.user, user);
}

#[tokio::test]
async fn a_token_makes_an_account_one_users_only() {
    let w = World::new().await;
    let (user, other) = (w.make_user().await, w.make_user().await);
    let spend = |user: &dyn std::fmt::Display| Spend {
        token: Digest::of(b"token"),
        until: w.now() + jiff::SignedDuration::from_hours(1),
        pair: Digest::of(user.to_string().as_bytes()),
    };
    let shown = |user: &dyn std::fmt::Display, subject: &str| NewIdentity {
        spend: Some(spend(user)),
        ..w.identity(&w.google, subject)
    };
    let act = async |link| w.store.link(w.tenant, link).await.unwrap();
    let mine = w.attach(user, shown(&user, "1")).await;
    assert_eq!(act(w.link(other, shown(&other, "1"))).await, Linked::Taken);
    assert_eq!(act(w.link(user, shown(&user, "1"))).await, Linked::AlreadyYours(mine));
    let found = w.store.find_spent(w.tenant, Digest::of(b"token")).await.unwrap();
    assert_eq!(found, Some(spend(&user).pair));

    let (before, events) = (w.get(other).await, w.events().await.len());
    assert_eq!(act(w.link(other, shown(&other, "2"))).await, Linked::Spent);
    let mut new = w.new_user();
    new.more = vec![shown(&new.user.id, "2")];
    assert_eq!(w.store.create_user(w.tenant, new).await.unwrap(), Created::Spent);
    assert_eq!(w.get(other).await, before);
    assert_eq!(w.events().await.len(), events);
    assert_eq!(w.resolve(&w.google, "2").await, None);
    w.attach(user, shown(&user, "2")).await;

    w.clock.advance(Duration::from_secs(3600));
    assert_eq!(w.store.forget_ended(w.now()).await.unwrap(), 1);
    w.attach(other, shown(&other, "3")).await;
}
