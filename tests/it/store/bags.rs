//! What dialects keep with users: written with her change, gone with her.

use oneself::domain::{Dialect, Object, Proof};
use oneself::id::UserId;
use oneself::store::*;
use serde_json::json;

use super::world::World;

fn bag(n: i64) -> Object {
    json!({"n": n, "odd \u{fc} key": [null, {"deep": true}]})
        .as_object()
        .cloned()
        .unwrap()
}

impl World {
    async fn bag(&self, user: UserId, dialect: Dialect) -> Object {
        self.store.find_bag(self.tenant, user, dialect).await.unwrap()
    }

    /// A change of what a dialect keeps, and of nothing else.
    async fn keep(&self, user: UserId, expected_version: i64, bag: (Dialect, Object)) -> Acted {
        let mut user = self.get(user).await.user;
        user.version = expected_version + 1;
        let update = UserUpdate {
            user,
            expected_version,
            login: None,
            identity_profile: None,
            bag: Some(bag),
            event: None,
            spend: None,
        };
        self.store.update_user(self.tenant, update).await.unwrap()
    }

    /// A user for whom both dialects keep something.
    async fn make_with_bags(&self) -> UserId {
        let mut new = self.new_user();
        new.bag = Some((Dialect::Kii, bag(1)));
        let user = self.make(new).await;
        assert_eq!(self.keep(user, 1, (Dialect::Knodes, bag(2))).await, Acted::Done);
        user
    }

    async fn bags_kept(&self) -> i64 {
        self.kept.number("SELECT count(*) FROM user_bags").await
    }
}

#[tokio::test]
async fn what_a_dialect_keeps_with_a_user_is_written_with_her_change() {
    let w = World::new().await;
    let user = w.make_with_bags().await;
    let other = w.make_user().await;
    assert_eq!(w.bag(user, Dialect::Kii).await, bag(1));
    assert_eq!(w.bag(user, Dialect::Knodes).await, bag(2));
    assert_eq!(w.bag(other, Dialect::Kii).await, Object::new());
    let foreign = w.foreign().await;
    assert_eq!(foreign.bag(user, Dialect::Kii).await, Object::new());

    assert_eq!(w.keep(user, 2, (Dialect::Kii, bag(3))).await, Acted::Done);
    assert_eq!(w.keep(user, 2, (Dialect::Kii, bag(4))).await, Acted::Changed);
    assert_eq!(w.bag(user, Dialect::Kii).await, bag(3));
    assert_eq!(w.bag(user, Dialect::Knodes).await, bag(2), "another dialect's stays");
    assert_eq!(w.keep(user, 3, (Dialect::Kii, Object::new())).await, Acted::Done);
    assert_eq!(w.bag(user, Dialect::Kii).await, Object::new());
    assert_eq!(w.bags_kept().await, 1, "an empty bag is none");
}

#[tokio::test]
async fn what_a_dialect_keeps_is_changed_with_an_account_or_nothing_is() {
    let w = World::new().await;
    let user = w.make_with_bags().await;
    let keeps = |was: Object, is: Object| {
        Some(BagChange {
            dialect: Dialect::Knodes,
            was,
            is,
        })
    };
    let link = |subject: &str, bag| Link {
        bag,
        ..w.link(user, w.with_tokens(&w.twitter, subject))
    };
    let before = (w.get(user).await, w.events().await.len(), w.bags_kept().await);
    let outdated = link("1", keeps(bag(7), bag(8)));
    assert_eq!(w.store.link(w.tenant, outdated).await.unwrap(), Linked::OtherBag);
    assert_eq!((w.get(user).await, w.events().await.len(), w.bags_kept().await), before);
    assert_eq!(w.bag(user, Dialect::Knodes).await, bag(2));

    let linked = w.store.link(w.tenant, link("1", keeps(bag(2), bag(3)))).await.unwrap();
    let Linked::Attached(identity) = linked else {
        panic!("{linked:?}")
    };
    assert_eq!(w.bag(user, Dialect::Knodes).await, bag(3));
    // What is not attached changes nothing of it.
    let again = w.store.link(w.tenant, link("1", keeps(bag(3), bag(4)))).await.unwrap();
    assert!(matches!(again, Linked::AlreadyYours(_)));
    assert_eq!(w.bag(user, Dialect::Knodes).await, bag(3));

    let refresh = |bag| Refresh {
        bag,
        ..w.refresh_of(&identity, Proof::AudienceChecked)
    };
    let outdated = refresh(keeps(bag(2), bag(5)));
    assert_eq!(w.store.refresh(w.tenant, outdated).await.unwrap(), Acted::Changed);
    let kept = w.get(user).await;
    assert!(kept.identities.contains(&identity), "as it was");
    let right = refresh(keeps(bag(3), bag(5)));
    assert_eq!(w.store.refresh(w.tenant, right).await.unwrap(), Acted::Done);
    assert_eq!(w.bag(user, Dialect::Knodes).await, bag(5));
    assert_eq!(w.bag(user, Dialect::Kii).await, bag(1), "another dialect's stays");
}

#[tokio::test]
async fn what_dialects_keep_goes_with_the_user() {
    let w = World::new().await;
    let (erased, absorbed) = (w.make_with_bags().await, w.make_with_bags().await);
    let survivor = w.make_with_bags().await;
    let event = w.event(erased, oneself::domain::EventKind::UserDeleted);
    assert!(w.store.delete_user(w.tenant, erased, event, None).await.unwrap());
    assert_eq!(w.bags_kept().await, 4);
    let absorb = w.absorb_of(survivor, absorbed).await;
    assert_eq!(w.store.absorb(w.tenant, absorb).await.unwrap(), Acted::Done);
    assert_eq!(w.bags_kept().await, 2);
    assert_eq!(w.bag(survivor, Dialect::Kii).await, bag(1), "the survivor's stay");
}
