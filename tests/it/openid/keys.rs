//! Keys are fetched when they are needed, seldom, and kept while an issuer is away (JWT-06).

use oneself::error::{Error, NetworkFault, NetworkRefusal};
use serde_json::json;

use super::{Signer, World, claims};

const HOUR: i64 = 3600;

fn is_unknown(outcome: &oneself::error::Result<oneself::domain::Object>) -> bool {
    matches!(outcome, Err(Error::NetworkRefused(NetworkRefusal::NotAccepted)))
}

#[tokio::test]
async fn sec_jwt_06_a_flood_of_unknown_names_asks_twice_a_minute_at_most() {
    let key = Signer::p256("1");
    let w = World::new(&[&key]).await;
    let good = key.token(&w.issuer, 0);
    let (_, rest) = good.split_once('.').unwrap();
    let forged = |n: i64| {
        let header = json!({"alg": "ES256", "kid": format!("made-up-{n}")}).to_string();
        format!("{}.{rest}", base64::Engine::encode(&super::URL_SAFE_NO_PAD, header))
    };
    for n in 0..10_000 {
        let outcome = w.verify(n * 60 / 10_000, &forged(n)).await;
        assert!(is_unknown(&outcome), "{outcome:?}");
    }
    assert_eq!(w.issuer.asked(), (1, 1));
    assert!(is_unknown(&w.verify(60, &forged(0)).await));
    assert_eq!(w.issuer.asked(), (2, 2));
    w.verify(60, &good).await.unwrap();
}

#[tokio::test]
async fn sec_jwt_06_of_many_at_once_one_asks() {
    let key = Signer::p256("1");
    let w = World::new(&[&key]).await;
    let token = key.token(&w.issuer, 0);
    let all = futures_of(64, || w.verify(0, &token)).await;
    assert!(all.iter().all(|outcome| outcome.is_ok()), "{all:?}");
    assert_eq!(w.issuer.asked(), (1, 1));
}

/// So many at once, in this task.
async fn futures_of<F: Future>(count: usize, make: impl Fn() -> F) -> Vec<F::Output> {
    let mut all: Vec<_> = (0..count).map(|_| Box::pin(make())).collect();
    let mut done: Vec<Option<F::Output>> = (0..count).map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, slot) in all.iter_mut().zip(&mut done) {
            if slot.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(context)
            {
                *slot = Some(output);
            }
        }
        match done.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn sec_jwt_06_known_keys_verify_while_the_issuer_is_down_for_a_day() {
    let key = Signer::p256("1");
    let w = World::new(&[&key]).await;
    w.verify(0, &key.token(&w.issuer, 0)).await.unwrap();
    w.issuer.is_down(true);
    for hours in [0, 1, 2, 12, 23] {
        let made = hours * HOUR + 1;
        w.verify(made, &key.token(&w.issuer, made)).await.unwrap();
    }
    // A key that nobody knows cannot be told from one that is new.
    let other = Signer::p256("2");
    let outcome = w.verify(23 * HOUR + 100, &other.token(&w.issuer, 23 * HOUR)).await;
    assert!(
        matches!(outcome, Err(Error::Network(NetworkFault::Failed))),
        "{outcome:?}"
    );
    let late = 24 * HOUR + 100;
    let outcome = w.verify(late, &key.token(&w.issuer, late)).await;
    assert!(
        matches!(outcome, Err(Error::Network(NetworkFault::Failed))),
        "{outcome:?}"
    );
    w.issuer.is_down(false);
    w.verify(late + 61, &key.token(&w.issuer, late)).await.unwrap();
}

#[tokio::test]
async fn sec_jwt_06_an_issuer_that_is_down_is_not_asked_by_every_token() {
    let key = Signer::p256("1");
    let w = World::new(&[&key]).await;
    w.issuer.is_down(true);
    let token = key.token(&w.issuer, 0);
    for _ in 0..100 {
        let outcome = w.verify(0, &token).await;
        assert!(
            matches!(outcome, Err(Error::Network(NetworkFault::Failed))),
            "{outcome:?}"
        );
    }
    assert_eq!(w.issuer.asked(), (1, 0));
    w.issuer.is_down(false);
    w.verify(5, &token).await.unwrap();
}

#[tokio::test]
async fn sec_jwt_06_a_rotation_just_before_signing_takes_one_more_request() {
    let (old, new) = (Signer::p256("1"), Signer::rsa("2"));
    let w = World::new(&[&old]).await;
    w.verify(0, &old.token(&w.issuer, 0)).await.unwrap();
    w.issuer.shows(&[&new]);
    let token = new.token(&w.issuer, 30);
    assert!(is_unknown(&w.verify(30, &token).await), "asked a minute ago at most");
    w.verify(60, &token).await.unwrap();
    assert_eq!(w.issuer.asked(), (2, 2));
    // What was signed before the rotation is still good, for a day.
    w.verify(61, &old.token(&w.issuer, 61)).await.unwrap();
    let late = 24 * HOUR + 1;
    assert!(w.verify(late, &old.token(&w.issuer, late)).await.is_err());
    w.verify(late + 61, &new.token(&w.issuer, late)).await.unwrap();
}

#[tokio::test]
async fn sec_jwt_06_a_set_that_is_spoilt_leaves_the_old_in_force() {
    let (key, other) = (Signer::p256("1"), Signer::p256("2"));
    let w = World::new(&[&key]).await;
    w.verify(0, &key.token(&w.issuer, 0)).await.unwrap();
    let twins = json!({"keys": [other.jwk(), Signer::p256("2").jwk()]}).to_string();
    let many = json!({"keys": (0..101).map(|_| json!({"kty": "oct"})).collect::<Vec<_>>()}).to_string();
    let huge = format!(r#"{{"keys":[{}],"x":"{}"}}"#, other.jwk(), "x".repeat(300_000));
    let mut now = 0;
    for spoilt in [&twins, &many, &huge, "<html>", "{}", r#"{"keys":[]}"#] {
        w.issuer.shows_text(spoilt);
        now += 61;
        let outcome = w.verify(now, &other.token(&w.issuer, now)).await;
        assert!(matches!(outcome, Err(Error::Network(_))), "{outcome:?}");
        w.verify(now, &key.token(&w.issuer, now)).await.unwrap();
    }
    w.issuer.shows(&[&key, &other]);
    w.verify(now + 61, &other.token(&w.issuer, now)).await.unwrap();
}

#[tokio::test]
async fn sec_jwt_06_who_goes_away_does_not_have_the_issuer_asked_again() {
    let key = Signer::p256("1");
    let w = World::new(&[&key]).await;
    let token = key.token(&w.issuer, 0);
    for _ in 0..20 {
        let waiting = w.verify(0, &token);
        let gone = tokio::time::timeout(std::time::Duration::ZERO, waiting).await;
        drop(gone);
    }
    w.verify(0, &token).await.unwrap();
    assert_eq!(w.issuer.asked(), (1, 1));
}

#[tokio::test]
async fn keys_of_one_connection_are_not_those_of_another() {
    let (ours, theirs) = (Signer::p256("1"), Signer::p256("1"));
    let (w, other) = (World::new(&[&ours]).await, World::new(&[&theirs]).await);
    let forged = theirs.sign(&theirs.header(), &claims(&w.issuer.url(), 0));
    assert!(is_unknown(&w.verify(0, &forged).await));
    other.verify(0, &theirs.token(&other.issuer, 0)).await.unwrap();
    assert!(is_unknown(&w.verify(0, &forged).await));
}
