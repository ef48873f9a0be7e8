//! Users: how they are made, found, listed, changed and erased.

use std::time::Duration;

use super::search::{count, search};
use super::world::{World, created, name, sealed};
use oneself::domain::search::{Query, Sort};
use oneself::domain::user::{Birthplace, Logins};
use oneself::domain::*;
use oneself::id::*;
use oneself::store::*;
use serde_json::json;

fn object(value: serde_json::Value) -> Object {
    value.as_object().unwrap().clone()
}

#[tokio::test]
async fn everything_about_a_user_comes_back_as_it_was_given() {
    let w = World::new().await;
    let mut new = w.born(w.with_tokens(&w.twitter, "1"));
    new.more = vec![w.identity(&w.google, "2")];
    new.user = User {
        profile: serde_json::from_value(json!({
            "email": "Ines@example.com", "email_verified": true, "name": "Ines", "locale": "de", "phone_number": "+49"
        }))
        .unwrap(),
        blocked: Some(false),
        user_metadata: Some(object(json!({"b": 1, "a": [null, 1.5]}))),
        app_metadata: Some(Object::new()),
        logins: Logins {
            count: 3,
            last_at: Some(w.now()),
            last_ip: Some("::1".into()),
        },
        last_password_reset: Some(w.now()),
        ..new.user
    };
    let (user, born) = (new.user.clone(), new.born.clone());
    let id = w.make(new).await;
    let found = w.get(id).await;
    assert_eq!(found.user, user);
    assert_eq!(found.identities.len(), 2);
    let primary = &found.identities[0];
    assert!(primary.is_primary());
    assert_eq!(primary.id, born.id);
    assert_eq!(primary.key, *born.external.key());
    assert_eq!(primary.profile, Profile::default(), "it is the user's");
    assert_eq!((primary.version, primary.user, primary.has_tokens), (1, id, true));
    assert_eq!((primary.proof, primary.proved_at), (Proof::Asserted, w.now()));
    assert_eq!(primary.proved_by, Actor::Operator);
    let more = &found.identities[1];
    assert_eq!(more.profile.name.as_deref(), Some("2 at google"));
    assert_eq!((more.position, more.has_tokens), (1, false));
    assert_eq!(
        w.store.find_tokens(w.tenant, primary.id).await.unwrap(),
        Some(sealed("1"))
    );
    assert_eq!(w.store.find_tokens(w.tenant, more.id).await.unwrap(), None);
    let by_key = w.store.find_identity(w.tenant, &more.key).await.unwrap();
    assert_eq!(by_key.as_ref(), Some(more));
}

#[tokio::test]
async fn one_look_up_finds_a_user_by_any_spelling() {
    let w = World::new().await;
    let id = w.make(w.born(w.identity(&w.twitter, "1"))).await;
    w.attach(id, w.identity(&w.google, "2")).await;
    let born = |at, subject: &str| UserRef::Born {
        at,
        subject: subject.into(),
    };
    let provider = |name: &str| Birthplace::Provider(name.into());
    let connection = |name: &str| Birthplace::Connection(name.into());
    for (which, expected) in [
        (UserRef::Id(id), Some(id)),
        (UserRef::Id(w.user_id()), None),
        (born(provider("twitter"), "1"), Some(id)),
        (born(connection("twitter"), "1"), Some(id)),
        (born(provider("google"), "2"), None),
        (born(connection("google"), "2"), None),
        (born(provider("nope"), "1"), None),
        (born(connection("nope"), "1"), None),
        (born(provider("twitter"), "01"), None),
    ] {
        let user = w.store.find_user(w.tenant, &which).await.unwrap();
        assert_eq!(user.map(|user| user.id), expected, "{which:?}");
        let with = w.store.find_user_with_identities(w.tenant, &which).await.unwrap();
        assert_eq!(with.map(|with| with.user.id), expected, "{which:?}");
    }
    assert_eq!(w.resolve(&w.google, "2").await, Some(id));
    let by_name = ConnectionRef::Name("twitter".into());
    let found = w.store.resolve(w.tenant, &by_name, "1").await.unwrap().unwrap();
    assert_eq!(found, w.get(id).await);
    assert_eq!(w.resolve(&w.google, "1").await, None);
}

#[tokio::test]
async fn subjects_are_compared_as_bytes() {
    let w = World::new().await;
    for subject in ["Abc", "abc", "é", "e\u{301}", "a|b", "a/b", " "] {
        let id = w.make(w.born(w.identity(&w.twitter, subject))).await;
        assert_eq!(w.resolve(&w.twitter, subject).await, Some(id));
    }
}

#[tokio::test]
async fn a_user_is_refused_when_something_of_hers_is_somebodys() {
    let w = World::new().await;
    let mut first = w.born(w.identity(&w.twitter, "1"));
    first.more = vec![w.identity(&w.google, "2")];
    w.make(first).await;
    let before = w.events().await.len();

    let mut taken = w.new_user();
    taken.more = vec![w.with_tokens(&w.google, "2")];
    taken.key = Some(w.new_key(taken.user.id, 1));
    let (id, born) = (taken.user.id, taken.born.external.key().clone());
    assert_eq!(
        w.store.create_user(w.tenant, taken).await.unwrap(),
        Created::IdentityTaken
    );
    assert!(w.find(id).await.is_none());
    assert!(w.store.find_identity(w.tenant, &born).await.unwrap().is_none());
    assert_eq!(w.key_of(id).await, None, "a key that nobody needs is gone again");

    let taken = w.born(w.identity(&w.twitter, "1"));
    assert_eq!(
        w.store.create_user(w.tenant, taken).await.unwrap(),
        Created::IdentityTaken
    );
    let mut twice = w.born(w.identity(&w.twitter, "9"));
    twice.more = vec![w.identity(&w.twitter, "9")];
    assert_eq!(
        w.store.create_user(w.tenant, twice).await.unwrap(),
        Created::IdentityTaken
    );
    assert_eq!(w.events().await.len(), before);
}

#[tokio::test]
async fn a_subject_is_born_once_among_the_connections_of_a_provider() {
    let w = World::new().await;
    let mut second = w.twitter.clone();
    second.id = ConnectionId::new(w.random.as_ref());
    second.name = "twitter-2".into();
    assert!(w.store.create_connection(w.tenant, &second).await.unwrap());
    let first = w.make(w.born(w.identity(&w.twitter, "1"))).await;
    let again = w.born(w.identity(&second, "1"));
    assert_eq!(
        w.store.create_user(w.tenant, again).await.unwrap(),
        Created::BirthplaceTaken
    );
    // As a further identity it is no birth.
    let user = w.make_user().await;
    w.attach(user, w.identity(&second, "1")).await;
    // Nor is what a secondary has in the way of a birth.
    w.attach(user, w.identity(&w.twitter, "5")).await;
    let third = w.make(w.born(w.identity(&second, "5"))).await;
    let which = |subject: &str| UserRef::Born {
        at: Birthplace::Provider("twitter".into()),
        subject: subject.into(),
    };
    let find = async |subject| w.store.find_user(w.tenant, &which(subject)).await.unwrap().unwrap().id;
    assert_eq!(find("1").await, first);
    assert_eq!(find("5").await, third);
}

#[tokio::test]
async fn log_in_names_are_unique_in_their_connection() {
    let w = World::new().await;
    let login = |email: &str, password: Option<&str>| Login {
        names: vec![name(LoginKind::Email, email), name(LoginKind::Username, "ines")],
        password: password.map(Into::into),
    };
    let mut new = w.new_user();
    new.born.login = login("ines@x", Some("$argon2id$1"));
    let id = w.make(new).await;
    let email = name(LoginKind::Email, "ines@x");
    let found = w.store.find_login(w.tenant, w.built_in.id, &email).await.unwrap();
    let (identity, password) = found.unwrap();
    assert_eq!((identity.user, password.as_deref()), (id, Some("$argon2id$1")));
    assert!(identity.has_password);
    for (connection, name) in [
        (w.built_in.id, name(LoginKind::Username, "ines@x")),
        (w.built_in.id, name(LoginKind::Email, "Ines@x")),
        (w.twitter.id, email.clone()),
    ] {
        assert!(w.store.find_login(w.tenant, connection, &name).await.unwrap().is_none());
    }

    let mut same_email = w.new_user();
    same_email.born.login = login("ines@x", None);
    let refused = w.store.create_user(w.tenant, same_email).await.unwrap();
    assert_eq!(refused, Created::LoginTaken(LoginKind::Email));
    let mut same_name = w.new_user();
    same_name.born.login = login("other@x", None);
    let refused = w.store.create_user(w.tenant, same_name).await.unwrap();
    assert_eq!(refused, Created::LoginTaken(LoginKind::Username));
    let found = w
        .store
        .find_login(w.tenant, w.built_in.id, &name(LoginKind::Email, "other@x"))
        .await;
    assert!(found.unwrap().is_none(), "what was refused has written nothing");
}

#[tokio::test]
async fn a_user_is_changed_from_the_version_that_was_read() {
    let w = World::new().await;
    let mut new = w.new_user();
    new.born.login.names = vec![name(LoginKind::Email, "old@x")];
    new.user.profile.email = Some("old@x".into());
    let other = {
        let mut other = w.new_user();
        other.born.login.names = vec![name(LoginKind::Email, "other@x")];
        w.make(other).await
    };
    let id = w.make(new).await;
    let identity = w.attach(id, w.with_tokens(&w.twitter, "1")).await;
    let now = w.get(id).await;
    w.clock.advance(Duration::from_secs(5));
    let update = UserUpdate {
        user: User {
            version: now.user.version + 1,
            epoch: 2,
            profile: Profile {
                email: Some("new@x".into()),
                name: Some("Ines".into()),
                ..Profile::default()
            },
            updated_at: w.now(),
            ..now.user.clone()
        },
        bag: None,
        spend: None,
        expected_version: now.user.version,
        login: Some((
            now.identities[0].id,
            Login {
                names: vec![name(LoginKind::Email, "new@x")],
                password: Some("$2".into()),
            },
        )),
        identity_profile: Some((
            identity.id,
            Profile {
                nickname: Some("i".into()),
                ..Profile::default()
            },
        )),
        event: Some(w.event(
            id,
            EventKind::UserUpdated {
                fields: "email,name".into(),
            },
        )),
    };
    assert_eq!(
        w.store.update_user(w.tenant, update.clone()).await.unwrap(),
        Acted::Done
    );
    let after = w.get(id).await;
    assert_eq!(after.user, update.user);
    assert!(after.identities[0].has_password);
    assert_eq!(after.identities[1].profile.nickname.as_deref(), Some("i"));
    assert_eq!(
        after.identities[1].version, identity.version,
        "its tokens open as before"
    );
    let login = async |value: &str| {
        let name = name(LoginKind::Email, value);
        w.store.find_login(w.tenant, w.built_in.id, &name).await.unwrap()
    };
    assert!(login("old@x").await.is_none());
    assert_eq!(login("new@x").await.unwrap().1.as_deref(), Some("$2"));
    assert!(w.store.list_users_by_email(w.tenant, "old@x").await.unwrap().is_empty());
    assert_eq!(
        w.store.list_users_by_email(w.tenant, "new@x").await.unwrap(),
        std::slice::from_ref(&after)
    );

    let again = w.store.update_user(w.tenant, update.clone()).await.unwrap();
    assert_eq!(again, Acted::Changed, "the version has moved");
    let next = |login, identity_profile| UserUpdate {
        user: User {
            version: after.user.version + 1,
            ..after.user.clone()
        },
        expected_version: after.user.version,
        login,
        identity_profile,
        event: None,
        bag: None,
        spend: None,
    };
    let taken = Login {
        names: vec![name(LoginKind::Email, "other@x")],
        password: None,
    };
    let refused = next(Some((now.identities[0].id, taken)), None);
    let refused = w.store.update_user(w.tenant, refused).await.unwrap();
    assert_eq!(refused, Acted::LoginTaken(LoginKind::Email));
    let foreign = w.get(other).await.identities[0].id;
    let refused = next(Some((foreign, Login::default())), None);
    assert_eq!(w.store.update_user(w.tenant, refused).await.unwrap(), Acted::Changed);
    let of_primary = next(None, Some((now.identities[0].id, Profile::default())));
    assert_eq!(w.store.update_user(w.tenant, of_primary).await.unwrap(), Acted::Changed);
    let mut gone = next(None, None);
    gone.user.id = w.user_id();
    assert_eq!(w.store.update_user(w.tenant, gone).await.unwrap(), Acted::NoUser);
    assert_eq!(w.get(id).await, after);

    let events = w.events().await.len();
    assert_eq!(
        w.store.update_user(w.tenant, next(None, None)).await.unwrap(),
        Acted::Done
    );
    assert_eq!(
        w.events().await.len(),
        events,
        "a log-in that is only counted is no event"
    );
    assert!(login("new@x").await.is_some(), "no new log-in keeps the old one");
}

#[tokio::test]
async fn a_deleted_user_leaves_only_events() {
    let w = World::new().await;
    let mut new = w.new_user();
    new.born.login.names = vec![name(LoginKind::Email, "ines@x")];
    new.born.tokens = Some(sealed("a"));
    new.user.profile.email = Some("ines@x".into());
    new.key = Some(w.new_key(new.user.id, 5));
    let born = new.born.clone();
    let id = w.make(new).await;
    assert_eq!(w.key_of(id).await, Some(5));
    let linked = w.attach(id, w.with_tokens(&w.twitter, "1")).await;
    let absorbed = w.make_user().await;
    let absorb = w.absorb_of(id, absorbed).await;
    assert_eq!(w.store.absorb(w.tenant, absorb).await.unwrap(), Acted::Done);
    let events = w.events().await.len();

    let deleted = || w.event(id, EventKind::UserDeleted);
    assert!(w.store.delete_user(w.tenant, id, deleted(), None).await.unwrap());
    assert_eq!(w.key_of(id).await, None);
    for id in [id, absorbed] {
        assert!(w.find(id).await.is_none());
    }
    for key in [born.external.key(), &linked.key] {
        assert!(w.store.find_identity(w.tenant, key).await.unwrap().is_none());
    }
    for id in [born.id, linked.id] {
        assert!(w.store.find_tokens(w.tenant, id).await.unwrap().is_none());
    }
    let email = name(LoginKind::Email, "ines@x");
    assert!(
        w.store
            .find_login(w.tenant, w.built_in.id, &email)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        w.store
            .list_users_by_email(w.tenant, "ines@x")
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(count(&w).await, 0);
    assert_eq!(w.events().await.len(), events + 1);
    assert_eq!(w.events().await.last().unwrap().what.kind, EventKind::UserDeleted);
    assert!(!w.store.delete_user(w.tenant, id, deleted(), None).await.unwrap());
    assert_eq!(w.events().await.len(), events + 1);

    let again = w.make_user().await;
    w.attach(again, w.identity(&w.twitter, "1")).await;
}

#[tokio::test]
async fn users_are_listed_in_the_order_of_their_ids() {
    let w = World::new().await;
    let mut ids = Vec::new();
    for n in 0..7 {
        w.clock.advance(Duration::from_millis(1));
        let mut new = w.new_user();
        if n % 2 == 0 {
            new.user.profile.email = Some("same@x".into());
        }
        ids.push(w.make(new).await);
    }
    w.attach(ids[1], w.identity(&w.twitter, "1")).await;
    let list = async |page| {
        let users = w.store.list_users(w.tenant, page).await.unwrap();
        users.into_iter().map(|with| with.user.id).collect::<Vec<_>>()
    };
    let from = async |skip, limit| {
        let (users, _) = search(&w, &Query::default(), &Sort::default(), skip, limit).await;
        users.into_iter().map(|with| with.user.id).collect::<Vec<_>>()
    };
    assert_eq!(from(0, 100).await, ids);
    assert_eq!(from(5, 3).await, ids[5..]);
    assert_eq!(from(9, 3).await, []);
    assert_eq!(list(Page { after: None, limit: 3 }).await, ids[..3]);
    assert_eq!(
        list(Page {
            after: Some(ids[2]),
            limit: 3
        })
        .await,
        ids[3..6]
    );
    assert_eq!(
        list(Page {
            after: Some(ids[6]),
            limit: 3
        })
        .await,
        []
    );
    let (first, _) = search(&w, &Query::default(), &Sort::default(), 1, 1).await;
    assert_eq!(first, [w.get(ids[1]).await]);
    assert_eq!(count(&w).await, 7);
    let same = w.store.list_users_by_email(w.tenant, "same@x").await.unwrap();
    let same: Vec<_> = same.into_iter().map(|with| with.user.id).collect();
    assert_eq!(same, [ids[0], ids[2], ids[4], ids[6]], "oldest first");
    assert!(
        w.store
            .list_users_by_email(w.tenant, "SAME@x")
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_creation_with_an_idempotency_key_happens_once() {
    let w = World::new().await;
    let request = |request: &str| {
        let mut new = w.new_user();
        new.once = Some(w.once("key", request, new.user.id));
        new
    };
    let first = w.make(request("one")).await;
    let Created::Repeated(repeated) = w.store.create_user(w.tenant, request("two")).await.unwrap() else {
        panic!("it happened twice");
    };
    assert_eq!(repeated.user, first);
    assert_eq!(repeated.request, oneself::secret::Digest::of(b"one"));
    assert_eq!(count(&w).await, 1);
    let key = oneself::secret::Digest::of(b"key");
    assert_eq!(w.store.find_once(w.tenant, key, w.now()).await.unwrap(), Some(repeated));

    w.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(w.store.find_once(w.tenant, key, w.now()).await.unwrap(), None);
    assert_eq!(w.store.forget_ended(w.now()).await.unwrap(), 1);
    assert_eq!(w.store.forget_ended(w.now()).await.unwrap(), 0);
    w.make(request("three")).await;

    let mut refused = w.born(w.identity(&w.twitter, "1"));
    refused.once = Some(w.once("other", "r", refused.user.id));
    let event = w.event(refused.user.id, created(&refused.born));
    refused.events = vec![event];
    w.make(w.born(w.identity(&w.twitter, "1"))).await;
    assert_eq!(
        w.store.create_user(w.tenant, refused).await.unwrap(),
        Created::IdentityTaken
    );
    let other = oneself::secret::Digest::of(b"other");
    assert_eq!(
        w.store.find_once(w.tenant, other, w.now()).await.unwrap(),
        None,
        "a refusal uses no key up"
    );
}
