//! Sealed bytes in the store: moved, they do not open; deleted, they are gone (VLT-02, -05, -12).

use std::time::{Duration, Instant};

use oneself::domain::KeyOwner;
use oneself::secret::{Digest, SecretString};

use crate::support::invariants;
use crate::support::people::Side;
use crate::support::server::TestServer;

#[tokio::test]
async fn sec_vlt_02_a_row_that_was_copied_opens_nowhere() {
    let server = TestServer::start().await;
    let side = Side::new(&server, "acme").await;
    let other = Side::new(&server, "other").await;
    let (ines, eve) = (side.person("ines").await, side.person("eve").await);
    let foreign = other.person("ines").await;
    let hers = side.link(&ines.core, "twitter", "1").await;
    let second = side.link(&ines.core, "twitter", "2").await;
    let evil = side.link(&eve.core, "twitter", "3").await;
    let abroad = other.link(&foreign.core, "twitter", "1").await;
    let read = async |side: &Side, person: &str| side.client.get(&format!("/api/v2/users/{person}")).await;
    assert!(read(&side, &eve.encoded()).await.text().contains("canary-3"));

    let kept = &server.directory;
    let literal = |identity: &str| kept.literal(hex::decode(identity.strip_prefix("idn_").unwrap()).unwrap());
    let sealed = async |identity: &str| {
        let row = literal(identity);
        let sealed = format!("SELECT sealed FROM token_sets WHERE identity = {row}");
        kept.bytes(&sealed).await
    };
    let put = async |identity: &str, bytes: &[u8]| {
        let (row, bytes) = (literal(identity), kept.literal(bytes));
        let put = format!("UPDATE token_sets SET sealed = {bytes} WHERE identity = {row}");
        assert_eq!(kept.execute(&put).await, 1);
    };
    for (from, to, at, person) in [
        (&hers, &evil, &side, &eve),
        (&hers, &second, &side, &ines),
        (&hers, &abroad, &other, &foreign),
        (&abroad, &evil, &side, &eve),
    ] {
        let own = sealed(to).await;
        put(to, &sealed(from).await).await;
        let refused = read(at, &person.encoded()).await;
        assert_eq!(refused.status, 500, "{}", refused.text());
        assert!(!refused.text().contains("canary"), "{}", refused.text());
        put(to, &own).await;
        assert!(read(at, &person.encoded()).await.text().contains("canary-"));
    }

    // A row of its own past does not open either: the version is bound.
    let old = sealed(&hers).await;
    let body = serde_json::json!({"connection": "twitter", "subject": "1", "tokens": {"access_token": "canary-new"}});
    let path = format!("/link/v1/users/{}/identities", ines.core);
    side.client.post(&path, body).await.expect(200);
    let new = sealed(&hers).await;
    put(&hers, &old).await;
    assert_eq!(read(&side, &ines.encoded()).await.status, 500);
    put(&hers, &new).await;
    invariants::check(&server, &side).await;
}

#[tokio::test]
async fn sec_vlt_05_nothing_of_a_deleted_user_is_left() {
    let server = TestServer::start().await;
    let side = Side::new(&server, "acme").await;
    let person = side.person("canary-person").await;
    let identity = side.link(&person.core, "twitter", "canary-subject").await;
    let stays = side.person("stays").await;
    side.link(&stays.core, "twitter", "staying-subject").await;
    let key_of = async |core: &str| {
        let owner = KeyOwner::User(core.parse().unwrap());
        server.store.find_key(side.id(), owner).await.unwrap().unwrap().0
    };
    let (key, theirs) = (key_of(&person.core).await, key_of(&stays.core).await);
    let sealed = server
        .store
        .find_tokens(side.id(), identity.parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    let sought: [&[u8]; 4] = [
        b"canary-person",
        b"canary-subject",
        &key[8..40],
        &sealed.as_bytes()[8..40],
    ];
    side.client.delete(&person.path()).await.expect(204);
    invariants::check(&server, &side).await;

    let kept = &server.directory;
    kept.checkpoint();
    assert!(
        kept.holds("staying-subject").await,
        "the search finds texts that are there"
    );
    assert!(kept.holds(&theirs[8..40]).await, "and bytes");
    for (n, bytes) in sought.into_iter().enumerate() {
        assert!(!kept.holds(bytes).await, "the {n}th is still there");
    }
}

/// Comparing takes as long for a secret that is wrong from the beginning as for one that is
/// right but for its end. The bound is wide, for machines that are busy; a comparison that stops
/// at the first difference of long texts is far outside it.
#[test]
fn sec_vlt_12_comparing_tells_nothing_by_its_time() {
    let secret = "s".repeat(1 << 14);
    let wrong = |at: usize| -> SecretString {
        let mut text = secret.clone().into_bytes();
        text[at] = b'x';
        String::from_utf8(text).unwrap().into()
    };
    let digest = Digest::of(secret.as_bytes());
    let (early, late, right) = (wrong(0), wrong(secret.len() - 1), SecretString::from(secret.clone()));
    assert!(digest.matches(&right) && !digest.matches(&early) && !digest.matches(&late));
    let mut least = [Duration::MAX; 3];
    for _ in 0..2_000 {
        for (least, secret) in least.iter_mut().zip([&early, &late, &right]) {
            let began = Instant::now();
            std::hint::black_box(digest.matches(std::hint::black_box(secret)));
            *least = (*least).min(began.elapsed());
        }
    }
    let (fastest, slowest) = (least.iter().min().unwrap(), least.iter().max().unwrap());
    assert!(*slowest < *fastest * 3 / 2, "{least:?}");
}
