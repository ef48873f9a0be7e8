//! Events: one for every change, in commit order, with everything that they were given.

use std::time::Duration;

use super::world::{World, sealed};
use oneself::domain::*;
use oneself::id::*;

#[tokio::test]
async fn every_kind_of_event_comes_back_as_it_was_given() {
    let w = World::new().await;
    let user = w.make_user().await;
    let identity = IdentityId::from_bytes([3; 12]);
    let connection = w.twitter.id;
    let mut expected = vec![];
    for (n, kind) in [
        EventKind::UserUpdated {
            fields: "name,email".into(),
        },
        EventKind::UserDeleted,
        EventKind::IdentityFreed { identity, connection },
        EventKind::IdentityRecreated { identity, connection },
        EventKind::IdentitySplit {
            identity,
            connection,
            to: user,
        },
        EventKind::UserAbsorbed {
            absorbed: user,
            proof: Proof::TwoProof,
        },
        EventKind::IdentityLinked {
            identity,
            connection,
            proof: Proof::IdToken,
        },
        EventKind::IdentityRefreshed {
            identity,
            connection,
            proof: Proof::AudienceChecked,
        },
        EventKind::UserCreated {
            identity,
            connection,
            proof: Proof::CodeFlow,
        },
    ]
    .into_iter()
    .enumerate()
    {
        let event = NewEvent {
            kind,
            actor: match n % 3 {
                0 => Actor::Operator,
                1 => Actor::User(user),
                _ => Actor::Client(ClientId::new(w.tenant, w.random.as_ref())),
            },
            sealed: (n % 2 == 0).then(|| sealed("personal")),
            ..w.event(user, EventKind::UserDeleted)
        };
        let mut next = w.get(user).await.user;
        let version = next.version;
        next.version += 1;
        let update = oneself::store::UserUpdate {
            user: next,
            expected_version: version,
            login: None,
            identity_profile: None,
            event: Some(event.clone()),
            bag: None,
            spend: None,
        };
        w.store.update_user(w.tenant, update).await.unwrap();
        expected.push(event);
    }
    let events = w.events().await;
    for (event, expected) in events.iter().skip(1).zip(&expected) {
        assert_eq!(event.what.kind, expected.kind);
        assert_eq!(event.what.user, expected.user);
        assert_eq!(event.what.actor, expected.actor);
        assert_eq!(event.what.at, expected.at);
        assert_eq!(event.what.sealed, expected.sealed);
    }
    assert_eq!(events.len(), expected.len() + 1);
}

#[tokio::test]
async fn events_are_paged_in_commit_order_across_seconds() {
    let w = World::new().await;
    let mut users = vec![];
    for n in 0..10 {
        if n % 3 == 0 {
            w.clock.advance(Duration::from_millis(700));
        }
        users.push(w.make_user().await);
    }
    let all = w.events().await;
    assert_eq!(all.iter().map(|event| event.what.user).collect::<Vec<_>>(), users);
    assert!(all.windows(2).all(|pair| pair[0].id < pair[1].id));
    let mut paged = vec![];
    loop {
        let after = paged.last().map(|event: &Event| event.id);
        let page = w.store.list_events(w.tenant, after, 3).await.unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 3);
        paged.extend(page);
    }
    assert_eq!(
        paged.iter().map(|e| e.id).collect::<Vec<_>>(),
        all.iter().map(|e| e.id).collect::<Vec<_>>()
    );
}
