//! One user becoming part of another, and coming off again.

use std::time::Duration;

use super::search::count;
use super::world::{World, name, sealed};
use oneself::domain::*;
use oneself::secret::Digest;
use oneself::store::*;

#[tokio::test]
async fn an_absorbed_user_moves_in_with_all_identities_in_order() {
    let w = World::new().await;
    let survivor = w.make_user().await;
    w.attach(survivor, w.identity(&w.twitter, "s")).await;
    let mut new = w.new_user();
    new.born.login = Login {
        names: vec![name(LoginKind::Email, "a@x")],
        password: Some("$1".into()),
    };
    new.key = Some(w.new_key(new.user.id, 3));
    let absorbed = w.make(new).await;
    let linked = w.attach(absorbed, w.with_tokens(&w.twitter, "a")).await;
    let (one, other) = (w.get(survivor).await, w.get(absorbed).await);
    w.clock.advance(Duration::from_secs(1));
    let mut absorb = w.absorb_of(survivor, absorbed).await;
    absorb.profile.name = Some("Absorbed".into());
    assert_eq!(w.store.absorb(w.tenant, absorb).await.unwrap(), Acted::Done);

    let after = w.get(survivor).await;
    assert_eq!((after.user.version, after.user.epoch), (one.user.version + 1, 2));
    assert_eq!(after.user.updated_at, w.now());
    assert_eq!(after.identities[..2], one.identities[..]);
    let moved = &after.identities[2..];
    let ids = |identities: &[Identity]| identities.iter().map(|i| i.id).collect::<Vec<_>>();
    assert_eq!(ids(moved), ids(&other.identities));
    assert_eq!((moved[0].version, moved[1].version), (2, 2));
    assert_eq!(moved[0].profile.name.as_deref(), Some("Absorbed"));
    assert_eq!(moved[1].profile, linked.profile);
    assert!(moved[0].has_password);
    assert_eq!(
        w.store.find_tokens(w.tenant, linked.id).await.unwrap(),
        Some(sealed("absorbed"))
    );
    let email = name(LoginKind::Email, "a@x");
    let (identity, password) = w
        .store
        .find_login(w.tenant, w.built_in.id, &email)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((identity.user, password.as_deref()), (survivor, Some("$1")));
    assert_eq!(
        w.get(absorbed).await.user.id,
        survivor,
        "her core id names the survivor"
    );
    assert_eq!(w.key_of(absorbed).await, None);
    assert_eq!(count(&w).await, 1);
    let born = UserRef::Born {
        at: user::Birthplace::Provider("database".into()),
        subject: absorbed.to_string(),
    };
    assert!(
        w.store.find_user(w.tenant, &born).await.unwrap().is_none(),
        "no primary is hers any more"
    );
}

#[tokio::test]
async fn an_absorption_expects_both_as_they_were_read() {
    let w = World::new().await;
    let (one, other) = (w.make_user().await, w.make_user().await);
    w.attach(other, w.with_tokens(&w.twitter, "1")).await;
    let good = w.absorb_of(one, other).await;
    let act = async |absorb| w.store.absorb(w.tenant, absorb).await.unwrap();
    let before = (w.get(one).await, w.get(other).await, w.events().await.len());
    let with_second = |change: &dyn Fn(&mut MovingIdentity)| {
        let mut absorb = good.clone();
        change(&mut absorb.moving[1]);
        absorb
    };
    let changed = [
        Absorb {
            survivor_version: 9,
            ..good.clone()
        },
        Absorb {
            absorbed_version: 9,
            ..good.clone()
        },
        Absorb {
            moving: good.moving[..1].to_vec(),
            ..good.clone()
        },
        with_second(&|moving| moving.identity = good.moving[0].identity),
        with_second(&|moving| moving.version += 1),
        with_second(&|moving| moving.tokens = None),
        w.absorb_of(one, one).await,
    ];
    for absorb in changed {
        assert_eq!(act(absorb).await, Acted::Changed);
    }
    for (survivor, absorbed) in [(w.user_id(), other), (one, w.user_id())] {
        let absorb = Absorb {
            survivor,
            absorbed,
            ..good.clone()
        };
        assert_eq!(act(absorb).await, Acted::NoUser);
    }
    assert_eq!((w.get(one).await, w.get(other).await, w.events().await.len()), before);
    let keyed = |key| Absorb {
        key: Some(w.new_key(one, key)),
        ..good.clone()
    };
    let mut link = w.link(one, w.with_tokens(&w.google, "7"));
    link.key = Some(w.new_key(one, 1));
    w.store.link(w.tenant, link).await.unwrap();
    let mut late = keyed(2);
    assert_eq!(act(late.clone()).await, Acted::Changed, "she has got a key");
    late.key = None;
    assert_eq!(act(late).await, Acted::Done);
    assert_eq!(w.key_of(one).await, Some(1));
}

#[tokio::test]
async fn sec_lnk_19_an_absorption_counts_within_its_act() {
    let w = World::new().await;
    let (one, other, third) = (w.make_user().await, w.make_user().await, w.make_user().await);
    w.attach(other, w.with_tokens(&w.twitter, "1")).await;
    let bounded = async |absorbed, most| {
        let mut absorb = w.absorb_of(one, absorbed).await;
        absorb.most = Some(most);
        w.store.absorb(w.tenant, absorb).await.unwrap()
    };
    let before = (w.get(one).await, w.get(other).await, w.events().await.len());
    assert_eq!(bounded(other, 2).await, Acted::Full, "one and two are three");
    assert_eq!((w.get(one).await, w.get(other).await, w.events().await.len()), before);
    assert_eq!(bounded(other, 3).await, Acted::Done);
    assert_eq!(bounded(third, 3).await, Acted::Full);
    assert_eq!(w.get(third).await.user.id, third);
}

#[tokio::test]
async fn a_proof_is_spent_once() {
    let w = World::new().await;
    let (a, b, c) = (w.make_user().await, w.make_user().await, w.make_user().await);
    let spend = Spend {
        token: Digest::of(b"token"),
        until: w.now() + jiff::SignedDuration::from_hours(1),
        pair: Digest::of(b"a|b"),
    };
    let absorb = async |survivor, absorbed| {
        let mut absorb = w.absorb_of(survivor, absorbed).await;
        absorb.spend = Some(spend.clone());
        w.store.absorb(w.tenant, absorb).await.unwrap()
    };
    assert_eq!(w.store.find_spent(w.tenant, spend.token).await.unwrap(), None);
    assert_eq!(absorb(a, b).await, Acted::Done);
    assert_eq!(
        w.store.find_spent(w.tenant, spend.token).await.unwrap(),
        Some(spend.pair)
    );
    assert_eq!(absorb(a, c).await, Acted::Spent);
    assert_eq!(w.get(c).await.user.id, c);
    assert_eq!(w.store.forget_ended(w.now()).await.unwrap(), 0);
    w.clock.advance(Duration::from_secs(3600));
    assert_eq!(w.store.forget_ended(w.now()).await.unwrap(), 1);
    assert_eq!(w.store.find_spent(w.tenant, spend.token).await.unwrap(), None);
}

#[tokio::test]
async fn aliases_lead_to_the_last_survivor_and_end_with_a_split() {
    let w = World::new().await;
    let (a, b, c) = (w.make_user().await, w.make_user().await, w.make_user().await);
    for (survivor, absorbed) in [(b, a), (c, b)] {
        let absorb = w.absorb_of(survivor, absorbed).await;
        assert_eq!(w.store.absorb(w.tenant, absorb).await.unwrap(), Acted::Done);
    }
    for id in [a, b, c] {
        assert_eq!(w.get(id).await.user.id, c);
    }
    let born = w
        .get(c)
        .await
        .identities
        .into_iter()
        .find(|i| i.key.subject == a.to_string());
    let mut split = w.split_of(&born.unwrap(), a).await;
    split.force = true;
    assert_eq!(w.store.unlink(w.tenant, split).await.unwrap(), Acted::Done);
    assert_eq!(w.get(a).await.user.id, a, "she has her core id back");
    assert_eq!(w.get(b).await.user.id, c);
    let absorb = Absorb {
        survivor: b,
        ..w.absorb_of(c, a).await
    };
    assert_eq!(
        w.store.absorb(w.tenant, absorb).await.unwrap(),
        Acted::NoUser,
        "an alias is nobody"
    );
    let absorb = w.absorb_of(c, a).await;
    assert_eq!(w.store.absorb(w.tenant, absorb).await.unwrap(), Acted::Done);
    assert_eq!(w.get(a).await.user.id, c);
}
