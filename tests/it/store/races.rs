//! What must hold when many act at once.

use std::sync::Arc;

use super::world::{World, name, sealed};
use oneself::domain::*;
use oneself::id::*;
use oneself::store::*;

/// Runs all of these at the same time; their answers, in their order.
async fn at_once<T: Send + 'static>(
    acts: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let tasks: Vec<_> = acts.into_iter().map(tokio::spawn).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sec_lnk_15_one_identity_goes_to_one_of_many_users() {
    let w = World::new().await;
    let mut users = vec![];
    for _ in 0..16 {
        users.push(w.make_user().await);
    }
    for round in 0..20 {
        let subject = round.to_string();
        let acts = users.iter().map(|user| {
            let (store, tenant) = (w.store.clone(), w.tenant);
            let link = w.link(*user, w.with_tokens(&w.twitter, &subject));
            async move { store.link(tenant, link).await.unwrap() }
        });
        let answers = at_once(acts.collect::<Vec<_>>()).await;
        let winners: Vec<_> = (0..16).filter(|n| matches!(answers[*n], Linked::Attached(_))).collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(answers.iter().filter(|answer| **answer == Linked::Taken).count(), 15);
        assert_eq!(w.resolve(&w.twitter, &subject).await, Some(users[winners[0]]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sec_lnk_16_two_parallel_unlinks_of_two_ways_in_leave_one() {
    let w = World::new().await;
    for round in 0..20 {
        let user = w.make_user().await;
        let one = w.attach(user, w.identity(&w.twitter, &round.to_string())).await;
        let two = w.attach(user, w.identity(&w.google, &round.to_string())).await;
        let mut acts = vec![];
        for identity in [one, two] {
            let mut unlink = w.unlink_of(&identity).await;
            let (store, tenant) = (w.store.clone(), w.tenant);
            acts.push(async move {
                loop {
                    match store.unlink(tenant, unlink.clone()).await.unwrap() {
                        // Somebody else was first: as a verb does, read and try again.
                        Acted::Changed => {
                            let which = UserRef::Id(unlink.user);
                            let user = store.find_user(tenant, &which).await.unwrap().unwrap();
                            unlink.expected_version = user.version;
                        }
                        other => return other,
                    }
                }
            });
        }
        let answers = at_once(acts).await;
        assert!(
            answers.contains(&Acted::Done) && answers.contains(&Acted::LastCredential),
            "{answers:?}"
        );
        assert_eq!(w.get(user).await.identities.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_idempotency_key_takes_effect_once_among_ten() {
    let w = World::new().await;
    let user = w.make_user().await;
    for round in 0..20 {
        let acts = (0..10).map(|n| {
            let mut link = w.link(user, w.identity(&w.twitter, &format!("{round}-{n}")));
            link.once = Some(w.once(&round.to_string(), "request", user));
            let (store, tenant) = (w.store.clone(), w.tenant);
            async move { store.link(tenant, link).await.unwrap() }
        });
        let answers = at_once(acts.collect::<Vec<_>>()).await;
        let attached = answers
            .iter()
            .filter(|answer| matches!(answer, Linked::Attached(_)))
            .count();
        let repeated = answers
            .iter()
            .filter(|answer| matches!(answer, Linked::Repeated(_)))
            .count();
        assert_eq!((attached, repeated), (1, 9));
    }
    assert_eq!(w.get(user).await.identities.len(), 21);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_idempotency_key_makes_one_user_among_ten() {
    let w = World::new().await;
    for round in 0..20 {
        // All want the same account and the same name, so whoever comes late finds both taken.
        let acts = (0..10).map(|_| {
            let mut new = w.born(w.identity(&w.built_in, &round.to_string()));
            new.born.login.names = vec![name(LoginKind::Email, &format!("{round}@x.example"))];
            new.once = Some(w.once(&round.to_string(), "request", new.user.id));
            let (store, tenant) = (w.store.clone(), w.tenant);
            async move { store.create_user(tenant, new).await.unwrap() }
        });
        let answers = at_once(acts.collect::<Vec<_>>()).await;
        let repeated = answers.iter().filter(|answer| matches!(answer, Created::Repeated(_)));
        assert_eq!(repeated.count(), 9, "{answers:?}");
        assert!(answers.contains(&Created::Done));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_account_stays_with_a_user_who_goes_and_comes_back_meanwhile() {
    let w = Arc::new(World::new().await);
    let (one, other) = (w.make_user().await, w.make_user().await);
    let mut attached = Vec::new();
    for round in 0..40 {
        let linking: Vec<_> = (0..3)
            .map(|linker| tokio::spawn(link_to(w.clone(), other, format!("{round}-{linker}"))))
            .collect();
        while w.find(other).await.is_some_and(|found| found.user.id == other) {
            let absorb = w.absorb_of(one, other).await;
            w.store.absorb(w.tenant, absorb).await.unwrap();
        }
        let mut identities = w.get(one).await.identities.into_iter();
        let born = identities.find(|identity| identity.key.subject == other.to_string());
        let split = Unlink {
            force: true,
            ..w.split_of(&born.unwrap(), other).await
        };
        assert_eq!(w.store.unlink(w.tenant, split).await.unwrap(), Acted::Done);
        for linking in linking {
            attached.extend(linking.await.unwrap());
        }
    }
    assert!(attached.len() > 20, "{}", attached.len());
    for subject in attached {
        let holder = w.resolve(&w.twitter, &subject).await;
        assert!(holder == Some(one) || holder == Some(other), "{subject}: {holder:?}");
    }
}

/// Links five accounts to a user, if she is there; those that were attached.
async fn link_to(w: Arc<World>, user: UserId, prefix: String) -> Vec<String> {
    let mut attached = Vec::new();
    for n in 0..5 {
        let subject = format!("{prefix}-{n}");
        let link = w.link(user, w.identity(&w.twitter, &subject));
        match w.store.link(w.tenant, link).await.unwrap() {
            Linked::Attached(_) => attached.push(subject),
            answer => assert_eq!(answer, Linked::NoUser),
        }
    }
    attached
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_key_is_kept_when_ten_make_a_users_first() {
    let w = World::new().await;
    for round in 0..10 {
        let user = w.make_user().await;
        let acts = (0..10_u8).map(|n| {
            let mut link = w.link(user, w.with_tokens(&w.twitter, &format!("{round}-{n}")));
            link.key = Some(w.new_key(user, n));
            let (store, tenant) = (w.store.clone(), w.tenant);
            async move { (n, store.link(tenant, link).await.unwrap()) }
        });
        let answers = at_once(acts.collect::<Vec<_>>()).await;
        let mut winners = answers
            .iter()
            .filter(|(_, answer)| matches!(answer, Linked::Attached(_)));
        let (winner, _) = winners.next().expect("one is first");
        assert!(winners.next().is_none());
        assert_eq!(
            answers.iter().filter(|(_, answer)| *answer == Linked::OtherKey).count(),
            9
        );
        assert_eq!(w.key_of(user).await, Some(*winner));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_see_a_user_and_her_identities_of_one_moment() {
    let w = Arc::new(World::new().await);
    let (one, other) = (w.make_user().await, w.make_user().await);
    let identity = w.attach(other, w.with_tokens(&w.twitter, "1")).await;
    let reader = {
        let w = w.clone();
        tokio::spawn(async move {
            for _ in 0..2_000 {
                let found = w
                    .store
                    .resolve(w.tenant, &ConnectionRef::Name("twitter".into()), "1")
                    .await
                    .unwrap();
                let found = found.expect("somebody always has it");
                assert!(found.identities.iter().any(|identity| identity.key.subject == "1"));
                assert!(found.identities.iter().all(|identity| identity.user == found.user.id));
                tokio::task::yield_now().await;
            }
        })
    };
    let mut holder = other;
    while !reader.is_finished() {
        let to = if holder == one { other } else { one };
        let held = w.store.find_identity(w.tenant, &identity.key).await.unwrap().unwrap();
        if holder == other && w.get(other).await.user.id == other {
            let absorb = w.absorb_of(to, holder).await;
            assert_eq!(w.store.absorb(w.tenant, absorb).await.unwrap(), Acted::Done);
        } else {
            let split = Unlink {
                force: true,
                ..w.split_of(&held, other).await
            };
            assert_eq!(w.store.unlink(w.tenant, split).await.unwrap(), Acted::Done);
        }
        holder = to;
    }
    reader.await.unwrap();
    assert!(w.store.find_tokens(w.tenant, identity.id).await.unwrap() != Some(sealed("1")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_act_that_is_taken_back_takes_nobody_along() {
    let w = World::new().await;
    let user = w.make_user().await;
    let before = w.events().await.len();
    let rounds = 100;
    let mut good = vec![];
    let mut bad = vec![];
    for n in 0..rounds {
        let (store, tenant) = (w.store.clone(), w.tenant);
        let link = w.link(user, w.with_tokens(&w.twitter, &n.to_string()));
        good.push(async move { store.link(tenant, link).await.unwrap() });
        // Its second identity is found taken when the first is written already.
        let mut twice = w.born(w.with_tokens(&w.google, &n.to_string()));
        twice.more = vec![w.identity(&w.google, &n.to_string())];
        twice.key = Some(w.new_key(twice.user.id, 1));
        let store = w.store.clone();
        bad.push((
            twice.user.id,
            async move { store.create_user(tenant, twice).await.unwrap() },
        ));
    }
    let (nobody, bad): (Vec<_>, Vec<_>) = bad.into_iter().unzip();
    let (linked, refused) = tokio::join!(at_once(good), at_once(bad));
    assert!(linked.iter().all(|answer| matches!(answer, Linked::Attached(_))));
    assert!(refused.iter().all(|answer| *answer == Created::IdentityTaken));
    let mut positions: Vec<_> = w.get(user).await.identities.iter().map(|one| one.position).collect();
    positions.sort_unstable();
    assert_eq!(positions, (0..=rounds).collect::<Vec<_>>());
    assert_eq!(w.events().await.len(), before + rounds as usize);
    for (n, id) in nobody.into_iter().enumerate() {
        assert_eq!(w.find(id).await, None);
        assert_eq!(w.key_of(id).await, None);
        assert_eq!(w.resolve(&w.google, &n.to_string()).await, None);
    }
}
