//! Making, finding and listing users.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;

use super::World;

#[tokio::test]
async fn a_user_is_made_with_a_first_account() {
    let w = World::new().await;
    let body = json!({
        "name": "Ines", "email": "Ines@x.example",
        "identity": {"connection": "twitter", "subject": "12", "tokens": {"access_token": "canary-token", "expires_in": -1}},
    });
    let made = w.client.post("/link/v1/users", body.clone()).await.expect(201).json();
    assert_eq!(made["profile"], json!({"email": "Ines@x.example", "name": "Ines"}));
    assert_eq!(made["identities"][1]["subject"], "12");
    assert_eq!(made["identities"][1]["has_tokens"], true);
    let again = w.client.post("/link/v1/users", body).await.expect(409).json();
    assert_eq!(again["code"], "identity_taken");
    let listed = w.client.get("/link/v1/users").await.expect(200).json();
    assert_eq!(
        listed["users"].as_array().unwrap().len(),
        1,
        "a refusal has written nothing"
    );
}

#[tokio::test]
async fn sec_lnk_01_equal_addresses_make_two_users() {
    let w = World::new().await;
    let password = json!({"email": "victim@x.example", "password": "Correct-Horse-1"});
    let attacker = w.client.post("/link/v1/users", password).await.expect(201).json();
    let arriving = json!({"email": "victim@x.example", "identity": {
        "connection": "github", "subject": "7",
        "profile": {"email": "victim@x.example", "email_verified": true},
    }});
    let victim = w.client.post("/link/v1/users", arriving).await.expect(201).json();
    assert_ne!(attacker["id"], victim["id"]);
    let path = format!("/link/v1/users/{}", attacker["id"].as_str().unwrap());
    let untouched = w.client.get(&path).await.expect(200).json();
    assert_eq!(untouched, attacker, "nothing of hers has changed");
}

#[tokio::test]
async fn every_user_is_listed_once_in_order() {
    let w = World::new().await;
    for _ in 0..7 {
        w.user().await;
        w.server.advance(std::time::Duration::from_millis(1));
    }
    let (mut seen, mut path) = (Vec::new(), "/link/v1/users?limit=3".to_owned());
    loop {
        let page = w.client.get(&path).await.expect(200).json();
        seen.extend(
            page["users"]
                .as_array()
                .unwrap()
                .iter()
                .map(|user| user["id"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => path = format!("/link/v1/users?limit=3&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 7);
    assert!(seen.is_sorted());
}

#[tokio::test]
async fn sec_api_13_cursors_cannot_be_edited_carried_or_kept_too_long() {
    let w = World::new().await;
    w.user().await;
    let page = w.client.get("/link/v1/users").await.expect(200).json();
    let next = page["next"].as_str().unwrap().to_owned();
    let ask = |client, list: &str, cursor: &str| {
        let path = format!("/link/v1/{list}?after={cursor}");
        async move {
            crate::support::http::Client::get(client, &path)
                .await
                .expect(400)
                .json()
        }
    };
    for n in [0, next.len() / 2, next.len() - 1] {
        let mut edited = next.clone().into_bytes();
        edited[n] = if edited[n] == b'A' { b'B' } else { b'A' };
        let refused = ask(&w.client, "users", std::str::from_utf8(&edited).unwrap()).await;
        assert_eq!(refused["field"], "after");
    }
    ask(&w.client, "events", &next).await;
    let other = w.server.tenant("other").await.client().await;
    ask(&other, "users", &next).await;
    w.client.get(&format!("/link/v1/users?after={next}")).await.expect(200);
    w.server.advance(std::time::Duration::from_secs(31 * 86_400));
    let late = w.tenant.client().await;
    ask(&late, "users", &next).await;
    for bad in [
        "limit=0",
        "limit=101",
        "limit=1e9",
        "limit=-1",
        "limit=10,000",
        "limit=%2b3",
        "page=1",
        "limit=1&limit=1",
    ] {
        w.client.get(&format!("/link/v1/users?{bad}")).await.expect(401);
        late.get(&format!("/link/v1/users?{bad}")).await.expect(400);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pages_show_everybody_once_while_others_write() {
    let w = World::new().await;
    let mut there = HashSet::new();
    for _ in 0..150 {
        there.insert(w.user().await);
    }
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut writers = Vec::new();
    for n in 0..16 {
        let (client, stop, written) = (w.tenant.client().await, stop.clone(), written.clone());
        writers.push(tokio::spawn(async move {
            for round in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let identity = json!({"connection": "twitter", "subject": format!("{n}-{round}")});
                let made = client.post("/link/v1/users", json!({"identity": identity})).await;
                let id = made.expect(201).json()["id"].as_str().unwrap().to_owned();
                let account = json!({"connection": "github", "subject": format!("{n}-{round}")});
                let identities = format!("/link/v1/users/{id}/identities");
                client.post(&identities, account).await.expect(201);
                if round % 2 == 0 {
                    client.delete(&format!("/api/v2/users/auth0%7C{id}")).await.expect(204);
                }
                written.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    let mut shown = HashSet::new();
    let mut path = "/link/v1/users?limit=7".to_owned();
    loop {
        let page = w.client.get(&path).await.expect(200).json();
        for user in page["users"].as_array().unwrap() {
            assert!(
                shown.insert(user["id"].as_str().unwrap().to_owned()),
                "{user} came twice"
            );
        }
        match page["next"].as_str() {
            Some(next) => path = format!("/link/v1/users?limit=7&after={next}"),
            None => break,
        }
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(written.load(Ordering::Relaxed) >= 16, "nobody wrote meanwhile");
    let missing: Vec<_> = there.difference(&shown).collect();
    assert!(missing.is_empty(), "{missing:?} never came");
}
