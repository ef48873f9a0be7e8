//! Linking, unlinking, looking up.

use oneself::domain::Scope;
use serde_json::json;

use super::World;

#[tokio::test]
async fn an_account_is_linked_found_and_unlinked() {
    let w = World::new().await;
    let user = w.user().await;
    let linked = w.link(&user, "twitter", "12").await;
    let expected = json!({
        "id": linked["id"],
        "user_id": user,
        "connection": "twitter",
        "provider": "twitter",
        "issuer": "twitter",
        "subject": "12",
        "primary": false,
        "proof": "asserted",
        "proved_at": "2026-01-02T03:04:05Z",
        "proved_by": format!("client:{}", w.tenant.credentials.client_id),
        "has_tokens": true,
    });
    assert_eq!(linked, expected);
    let found = w.client.get("/link/v1/identities/twitter/12").await.expect(200).json();
    assert_eq!(found["id"], user.as_str());
    assert_eq!(found["identities"].as_array().unwrap().len(), 2);
    assert_eq!(found["identities"][0]["primary"], true);
    assert_eq!(found["identities"][1], linked);
    let id = linked["id"].as_str().unwrap();
    // It is the only way in: there is no password.
    let path = format!("/link/v1/users/{user}/identities/{id}");
    let refused = w.client.delete(&path).await.expect(409).json();
    assert_eq!(refused["code"], "last_credential");
    w.client.delete(&format!("{path}?force=true")).await.expect(204);
    w.client.get("/link/v1/identities/twitter/12").await.expect(404);
    // It is free for anyone now.
    let other = w.user().await;
    w.link(&other, "twitter", "12").await;
}

#[tokio::test]
async fn linking_again_renews_and_somebody_elses_is_refused() {
    let w = World::new().await;
    let (user, other) = (w.user().await, w.user().await);
    let linked = w.link(&user, "twitter", "12").await;
    let body = json!({"connection": "twitter", "subject": "12", "profile": {"name": "Ines R", "locale": "de"}});
    let path = format!("/link/v1/users/{user}/identities");
    let renewed = w.client.post(&path, body.clone()).await.expect(200).json();
    assert_eq!(renewed["id"], linked["id"]);
    assert_eq!(renewed["has_tokens"], true, "tokens that were not sent are kept");
    assert_eq!(renewed["profile"], json!({"name": "Ines R", "locale": "de"}));
    let listed = w.client.get(&path).await.expect(200).json();
    assert_eq!(listed[1], renewed);
    let refused = w
        .client
        .post(&format!("/link/v1/users/{other}/identities"), body)
        .await
        .expect(409);
    assert_eq!(refused.json()["code"], "identity_taken");
    assert!(!refused.text().contains(&user), "the winner is not told");
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_writes_nothing() {
    let w = World::new().await;
    let user = w.user().await;
    let path = format!("/link/v1/users/{user}/identities");
    let body = json!({"connection": "twitter", "subject": "12"});
    let answer = w
        .client
        .post(&format!("{path}?dry_run=true"), body.clone())
        .await
        .expect(200)
        .json();
    assert_eq!(answer, json!({"dry_run": true, "outcome": "attached"}));
    w.client.get("/link/v1/identities/twitter/12").await.expect(404);
    w.client.post(&path, body.clone()).await.expect(201);
    let answer = w
        .client
        .post(&format!("{path}?dry_run=true"), body.clone())
        .await
        .expect(200)
        .json();
    assert_eq!(answer["outcome"], "refreshed");
    let other = w.user().await;
    let path = format!("/link/v1/users/{other}/identities?dry_run=true");
    w.client.post(&path, body).await.expect(409);
}

#[tokio::test]
async fn sec_api_14_an_idempotency_key_takes_effect_once() {
    let w = World::new().await;
    let user = w.user().await;
    let path = format!("/link/v1/users/{user}/identities");
    let key = [("idempotency-key", "k-1")];
    let body = json!({"connection": "twitter", "subject": "12"});
    let first = w
        .client
        .request("POST", &path, &key, body.clone())
        .await
        .expect(201)
        .json();
    let again = w
        .client
        .request("POST", &path, &key, body.clone())
        .await
        .expect(201)
        .json();
    assert_eq!(first, again);
    let other = json!({"connection": "twitter", "subject": "13"});
    let refused = w.client.request("POST", &path, &key, other).await.expect(409).json();
    assert_eq!(refused["code"], "idempotency_key_reused");
    let made = [("idempotency-key", "k-2")];
    let one = w
        .client
        .request("POST", "/link/v1/users", &made, json!({"name": "A"}))
        .await
        .expect(201)
        .json();
    let two = w
        .client
        .request("POST", "/link/v1/users", &made, json!({"name": "A"}))
        .await
        .expect(201)
        .json();
    assert_eq!(one["id"], two["id"]);
    let refused = w
        .client
        .request("POST", "/link/v1/users", &made, json!({"name": "B"}))
        .await
        .expect(409);
    assert_eq!(refused.json()["code"], "idempotency_key_reused");
}

#[tokio::test]
async fn many_are_looked_up_at_once() {
    let w = World::new().await;
    let user = w.user().await;
    w.link(&user, "twitter", "12").await;
    let body = json!({"identities": [
        {"connection": "twitter", "subject": "13"}, {"connection": "twitter", "subject": "12"},
        {"connection": "nowhere", "subject": "12"},
    ]});
    let found = w
        .client
        .post("/link/v1/identities:resolve", body)
        .await
        .expect(200)
        .json();
    assert_eq!(found["results"][0]["user"], json!(null));
    assert_eq!(found["results"][1]["user"]["id"], user.as_str());
    assert_eq!(found["results"][2]["user"], json!(null));
    let too_many: Vec<_> = (0..101)
        .map(|n| json!({"connection": "twitter", "subject": n.to_string()}))
        .collect();
    let refused = w
        .client
        .post("/link/v1/identities:resolve", json!({"identities": too_many}))
        .await
        .expect(400);
    assert_eq!(refused.json()["field"], "identities");
}

#[tokio::test]
async fn ids_are_taken_in_every_spelling() {
    let w = World::new().await;
    let user = w.user().await;
    let uuid = oneself::domain::spelling::uuid(user.parse().unwrap());
    for spelling in [user.clone(), uuid, format!("auth0|{user}"), format!("auth0%7C{user}")] {
        let found = w
            .client
            .get(&format!("/link/v1/users/{spelling}"))
            .await
            .expect(200)
            .json();
        assert_eq!(found["id"], user.as_str(), "{spelling}");
    }
}

#[tokio::test]
async fn sec_lnk_16_the_primary_stays_and_what_is_not_hers_is_not_found() {
    let w = World::new().await;
    let (user, other) = (w.user().await, w.user().await);
    let theirs = w.link(&other, "twitter", "12").await;
    let found = w.client.get(&format!("/link/v1/users/{user}")).await.expect(200).json();
    let primary = found["identities"][0]["id"].as_str().unwrap();
    let path = |id: &str| format!("/link/v1/users/{user}/identities/{id}?force=true");
    let refused = w.client.delete(&path(primary)).await.expect(409).json();
    assert_eq!(refused["code"], "primary_identity");
    let foreign = w.client.delete(&path(theirs["id"].as_str().unwrap())).await.expect(404);
    let absent = w.client.delete(&path("idn_000000000000000000000000")).await.expect(404);
    assert_eq!(foreign.body, absent.body, "foreign and absent look alike");
    let malformed = w.client.delete(&path("nonsense")).await.expect(404);
    assert_eq!(malformed.body, absent.body);
    // Force takes a right over all users.
    let reader = w.only(Scope::ReadUsers).await;
    reader.delete(&path(primary)).await.expect(403);
}

#[tokio::test]
async fn what_proves_nothing_is_refused_and_nothing_is_written() {
    let w = World::new().await;
    let user = w.user().await;
    let events = w.client.get("/link/v1/events").await.expect(200).json()["events"].clone();
    let path = format!("/link/v1/users/{user}/identities");
    for (status, code, body) in [
        (400, "missing_member", json!({"connection": "twitter", "verify": true})),
        (
            400,
            "invalid_value",
            json!({"connection": "twitter", "verify": true, "tokens": {"token_secret": "s"}}),
        ),
        (
            400,
            "invalid_value",
            json!({"connection": "twitter", "verify": true, "tokens": {"access_token": "a\nb"}}),
        ),
        (
            404,
            "not_found",
            json!({"connection": "nowhere", "verify": true, "tokens": {"access_token": "a"}}),
        ),
        (
            409,
            "connection_not_configured",
            json!({"connection": "twitter", "verify": true, "tokens": {"access_token": "a"}}),
        ),
        (
            400,
            "bare_token_refused",
            json!({"connection": "oneself", "verify": true, "tokens": {"access_token": "a"}}),
        ),
        (
            400,
            "unknown_member",
            json!({"connection": "twitter", "verify": true, "tokens": {"access_token": "a"}, "profile": {"name": "x"}}),
        ),
    ] {
        let refused = w.client.post(&path, body.clone()).await.expect(status).json();
        assert_eq!(refused["code"], code, "{body}");
    }
    assert_eq!(
        w.client.get("/link/v1/events").await.expect(200).json()["events"],
        events
    );
}
