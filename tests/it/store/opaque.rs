//! Opaque tokens: what they are good for, and what ends them.

use jiff::{SignedDuration, Timestamp};
use oneself::domain::*;
use oneself::id::UserId;
use oneself::secret::Digest;
use oneself::store::*;

use super::world::{World, name};

fn token(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

impl World {
    fn tokens(&self, bearer: Bearer, name: &str) -> NewTokens {
        NewTokens {
            bearer,
            access: token(name),
            ends_at: self.now() + SignedDuration::from_hours(1),
            refresh: Some(token(&format!("refresh {name}"))),
        }
    }

    async fn issue(&self, new: NewTokens, allowed_by: AllowedBy) -> Issued {
        self.store.issue_tokens(self.tenant, new, allowed_by).await.unwrap()
    }

    /// A person who has these tokens, and another one likewise.
    async fn with_tokens_for(&self, user: UserId, other: UserId) {
        for (user, name) in [(user, "a"), (user, "b"), (other, "c")] {
            let new = self.tokens(Bearer::User(user), name);
            let epoch = self.get(user).await.user.epoch;
            assert_eq!(self.issue(new, AllowedBy::Epoch(epoch)).await, Issued::Done);
        }
    }

    async fn bearer(&self, name: &str) -> Option<Bearer> {
        let found = self.store.find_token(self.tenant, token(name), self.now());
        found.await.unwrap()
    }

    async fn renew(&self, name: &str, new: &str) -> Option<Bearer> {
        let new = Renewal {
            access: token(new),
            ends_at: self.now() + SignedDuration::from_hours(1),
            refresh: Some(token(&format!("refresh {new}"))),
        };
        let renewed = self
            .store
            .refresh_tokens(self.tenant, token(&format!("refresh {name}")), new);
        renewed.await.unwrap()
    }

    async fn person(&self, email: &str) -> UserId {
        let mut new = self.new_user();
        new.born.login = Login {
            names: vec![name(LoginKind::Email, email)],
            password: Some("$old".into()),
        };
        self.make(new).await
    }

    /// A change of her that says so much.
    async fn change(&self, id: UserId, change: impl FnOnce(&mut User), password: Option<&str>) {
        let found = self.get(id).await;
        let mut user = found.user.clone();
        user.version += 1;
        change(&mut user);
        let login = password.map(|password| {
            let login = Login {
                names: Vec::new(),
                password: Some(password.to_owned()),
            };
            (found.identities[0].id, login)
        });
        let update = UserUpdate {
            user,
            expected_version: found.user.version,
            login,
            identity_profile: None,
            bag: None,
            event: None,
            spend: None,
        };
        assert_eq!(self.store.update_user(self.tenant, update).await.unwrap(), Acted::Done);
    }
}

#[tokio::test]
async fn a_token_is_good_for_its_bearer_until_it_ends() {
    let w = World::new().await;
    let user = w.make_user().await;
    let bearer = Bearer::Pseudo(user);
    assert_eq!(w.issue(w.tokens(bearer, "a"), AllowedBy::Epoch(1)).await, Issued::Done);
    assert_eq!(w.bearer("a").await, Some(bearer));
    assert_eq!(w.bearer("refresh a").await, None, "a refresh token opens nothing");
    assert_eq!(w.bearer("b").await, None);
    let foreign = w.foreign().await;
    assert_eq!(foreign.bearer("a").await, None);
    w.clock.advance(std::time::Duration::from_secs(3_600));
    assert_eq!(w.bearer("a").await, None);
    assert_eq!(
        w.renew("a", "b").await,
        Some(bearer),
        "a refresh token does not end with it"
    );
    assert_eq!(w.bearer("b").await, Some(bearer));
    w.store
        .forget_ended(w.now() + SignedDuration::from_hours(1))
        .await
        .unwrap();
    assert_eq!(w.kept.number("SELECT count(*) FROM opaque_tokens").await, 1);
}

#[tokio::test]
async fn a_refresh_token_works_once_and_ends_the_access_token_that_it_came_with() {
    let w = World::new().await;
    let (user, other) = (w.make_user().await, w.make_user().await);
    w.with_tokens_for(user, other).await;
    assert_eq!(w.renew("a", "new").await, Some(Bearer::User(user)));
    assert_eq!(w.bearer("a").await, None);
    assert_eq!(w.bearer("new").await, Some(Bearer::User(user)));
    assert_eq!(w.renew("a", "again").await, None);
    assert_eq!(w.bearer("again").await, None);
    for name in ["b", "c"] {
        assert!(w.bearer(name).await.is_some(), "others stay: {name}");
    }
}

#[tokio::test]
async fn sec_lnk_03_opaque_tokens_end_in_the_act_of_a_block_a_new_password_and_an_erasure() {
    for ending in ["block", "password", "erasure", "absorption"] {
        let w = World::new().await;
        let (user, other) = (w.person("a@x").await, w.person("b@x").await);
        w.with_tokens_for(user, other).await;
        let linked = w.attach(user, w.identity(&w.twitter, "1")).await;
        let unlink = w.unlink_of(&linked).await;
        assert_eq!(w.store.unlink(w.tenant, unlink).await.unwrap(), Acted::Done);
        w.change(user, |user| user.profile.name = Some("Ines".into()), None)
            .await;
        w.change(user, |user| user.move_epoch(None), None).await;
        w.change(user, |user| user.blocked = Some(false), None).await;
        for name in ["a", "b", "c"] {
            assert!(w.bearer(name).await.is_some(), "before {ending}: {name}");
        }
        match ending {
            "block" => w.change(user, |user| user.blocked = Some(true), None).await,
            "password" => w.change(user, |_| {}, Some("$new")).await,
            "erasure" => {
                let event = w.event(user, EventKind::UserDeleted);
                assert!(w.store.delete_user(w.tenant, user, event, None).await.unwrap());
            }
            _ => {
                let absorb = w.absorb_of(other, user).await;
                assert_eq!(w.store.absorb(w.tenant, absorb).await.unwrap(), Acted::Done);
            }
        }
        for name in ["a", "b"] {
            assert_eq!(w.bearer(name).await, None, "after {ending}: {name}");
            assert_eq!(w.renew(name, "x").await, None, "after {ending}: {name}");
        }
        assert_eq!(w.bearer("c").await, Some(Bearer::User(other)), "{ending}");
    }
}

#[tokio::test]
async fn a_first_password_ends_no_token() {
    let w = World::new().await;
    let user = w.make_user().await;
    w.with_tokens_for(user, user).await;
    w.change(user, |_| {}, Some("$first")).await;
    assert!(w.bearer("a").await.is_some());
}

#[tokio::test]
async fn tokens_are_kept_only_while_what_allowed_them_is_so() {
    let w = World::new().await;
    let user = w.make_user().await;
    let new = || w.tokens(Bearer::User(user), "a");
    assert_eq!(w.issue(new(), AllowedBy::Epoch(2)).await, Issued::Changed);
    assert_eq!(
        w.issue(w.tokens(Bearer::User(w.user_id()), "a"), AllowedBy::Epoch(1))
            .await,
        Issued::Changed
    );
    let secret = w.credentials("first").kii_client_secret;
    assert_eq!(w.issue(new(), AllowedBy::AdminSecret(secret)).await, Issued::Changed);
    let admin = || w.tokens(Bearer::Admin, "admin");
    assert_eq!(w.issue(admin(), AllowedBy::Epoch(1)).await, Issued::Changed);
    assert_eq!(
        w.issue(admin(), AllowedBy::AdminSecret(token("other"))).await,
        Issued::Changed
    );
    w.change(user, |user| user.blocked = Some(true), None).await;
    assert_eq!(
        w.issue(new(), AllowedBy::Epoch(1)).await,
        Issued::Changed,
        "blocked meanwhile"
    );
    assert_eq!(w.kept.number("SELECT count(*) FROM opaque_tokens").await, 0);
}

#[tokio::test]
async fn other_credentials_of_the_tenant_end_its_tokens_and_those_of_people_without_a_password() {
    let w = World::new().await;
    let (user, pseudo) = (w.person("a@x").await, w.make_user().await);
    let secret = w.credentials("first").kii_client_secret;
    let admin = w.tokens(Bearer::Admin, "admin");
    assert_eq!(w.issue(admin, AllowedBy::AdminSecret(secret)).await, Issued::Done);
    for (bearer, name) in [(Bearer::User(user), "user"), (Bearer::Pseudo(pseudo), "pseudo")] {
        assert_eq!(w.issue(w.tokens(bearer, name), AllowedBy::Epoch(1)).await, Issued::Done);
    }
    assert!(
        w.store
            .update_credentials(w.tenant, &w.credentials("second"))
            .await
            .unwrap()
    );
    assert_eq!(w.bearer("admin").await, None);
    assert_eq!(w.renew("admin", "x").await, None);
    assert_eq!(w.bearer("pseudo").await, None);
    assert_eq!(w.bearer("user").await, Some(Bearer::User(user)));
    assert!(w.renew("user", "x").await.is_some());
    assert_eq!(
        Timestamp::MAX.as_millisecond(),
        w.kept.number("SELECT max(ends_at) FROM opaque_tokens").await
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refresh_token_that_ten_use_at_once_works_for_one() {
    let w = std::sync::Arc::new(World::new().await);
    let user = w.make_user().await;
    w.with_tokens_for(user, user).await;
    let tries = (0..10).map(|n| {
        let w = w.clone();
        tokio::spawn(async move { w.renew("a", &format!("new {n}")).await })
    });
    let mut worked = 0;
    for tried in tries.collect::<Vec<_>>() {
        worked += usize::from(tried.await.unwrap().is_some());
    }
    assert_eq!(worked, 1);
    assert_eq!(w.bearer("a").await, None);
    let kept = w.kept.number("SELECT count(*) FROM opaque_tokens").await;
    assert_eq!(kept, 6, "two each, as before");
}

#[tokio::test]
async fn a_person_has_a_hundred_tokens_and_those_that_end_first_make_room() {
    let w = World::new().await;
    let user = w.make_user().await;
    for n in 0..105_i64 {
        let mut new = w.tokens(Bearer::User(user), &format!("t{n}"));
        new.ends_at = w.now() + SignedDuration::from_secs(60 + n);
        assert_eq!(w.issue(new, AllowedBy::Epoch(1)).await, Issued::Done);
    }
    let mut short = w.tokens(Bearer::User(user), "short");
    short.ends_at = w.now() + SignedDuration::from_secs(1);
    assert_eq!(w.issue(short, AllowedBy::Epoch(1)).await, Issued::Done);
    assert_eq!(w.kept.number("SELECT count(*) FROM opaque_tokens").await, 200);
    assert_eq!((w.bearer("t5").await, w.renew("t5", "x").await), (None, None));
    for alive in ["t6", "t104", "short"] {
        assert!(w.bearer(alive).await.is_some(), "{alive}");
    }
}
