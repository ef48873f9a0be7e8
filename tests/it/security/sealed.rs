//! Sealed bytes in the store: moved, they do not open; deleted, they are gone (VLT-02, -05, -12).

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use oneself::domain::KeyOwner;
use oneself::secret::{Digest, SecretString};
use rusqlite::Connection;

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

    let file = Connection::open(server.directory.path().join("data.db")).unwrap();
    let sealed = |identity: &str| -> Vec<u8> {
        let id = hex::decode(identity.strip_prefix("idn_").unwrap()).unwrap();
        file.query_row("SELECT sealed FROM token_sets WHERE identity = ?1", [id], |row| {
            row.get(0)
        })
        .unwrap()
    };
    let put = |identity: &str, bytes: &[u8]| {
        let id = hex::decode(identity.strip_prefix("idn_").unwrap()).unwrap();
        let changed = file.execute("UPDATE token_sets SET sealed = ?2 WHERE identity = ?1", (id, bytes));
        assert_eq!(changed.unwrap(), 1);
    };
    for (from, to, at, person) in [
        (&hers, &evil, &side, &eve),
        (&hers, &second, &side, &ines),
        (&hers, &abroad, &other, &foreign),
        (&abroad, &evil, &side, &eve),
    ] {
        let kept = sealed(to);
        put(to, &sealed(from));
        let refused = read(at, &person.encoded()).await;
        assert_eq!(refused.status, 500, "{}", refused.text());
        assert!(!refused.text().contains("canary"), "{}", refused.text());
        put(to, &kept);
        assert!(read(at, &person.encoded()).await.text().contains("canary-"));
    }

    // A row of its own past does not open either: the version is bound.
    let old = sealed(&hers);
    let body = serde_json::json!({"connection": "twitter", "subject": "1", "tokens": {"access_token": "canary-new"}});
    let path = format!("/link/v1/users/{}/identities", ines.core);
    side.client.post(&path, body).await.expect(200);
    let new = sealed(&hers);
    put(&hers, &old);
    assert_eq!(read(&side, &ines.encoded()).await.status, 500);
    put(&hers, &new);
    drop(file);
    invariants::check(&server, &side).await;
}

#[tokio::test]
async fn sec_vlt_05_nothing_of_a_deleted_user_is_left_in_the_files() {
    let server = TestServer::start().await;
    let side = Side::new(&server, "acme").await;
    let person = side.person("canary-person").await;
    let identity = side.link(&person.core, "twitter", "canary-subject").await;
    let stays = side.person("stays").await;
    side.link(&stays.core, "twitter", "staying-subject").await;
    let owner = KeyOwner::User(person.core.parse().unwrap());
    let key = server.store.find_key(side.id(), owner).await.unwrap().unwrap().0;
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

    let data = server.directory.path().to_owned();
    let beside = tempfile::tempdir().unwrap();
    let stayed = |folder: &Path| found(folder, b"staying-subject") > 0;
    // With a checkpoint, as the server makes one after a while and when it ends.
    for file in ["data.db", "keys.db"] {
        let file = Connection::open(data.join(file)).unwrap();
        let busy: i64 = file
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .unwrap();
        assert_eq!(busy, 0);
    }
    for entry in fs::read_dir(&data).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), beside.path().join(entry.file_name())).unwrap();
    }
    assert!(stayed(beside.path()), "the search finds what is there");
    for (n, bytes) in sought.into_iter().enumerate() {
        assert_eq!(found(beside.path(), bytes), 0, "the {n}th is still there");
    }
}

/// In how many files of a folder these bytes are.
fn found(folder: &Path, bytes: &[u8]) -> usize {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| fs::read(entry.unwrap().path()).unwrap());
    files
        .filter(|file| file.windows(bytes.len()).any(|window| window == bytes))
        .count()
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
