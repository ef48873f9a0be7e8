//! Networks that are slow, down, lie, or answer what they never do; and tokens that are not what they
//! are said to be.

use serde_json::json;

use super::{OURS, World, bare, connect};

#[tokio::test]
async fn nothing_is_written_when_the_network_cannot_be_asked() {
    let w = World::named("google").await;
    let user = w.user().await;
    let mira = w.account(OURS);
    let before = w.kept().await;
    for (how, status, code) in [
        (json!({"mode": "down"}), 502, "provider_error"),
        (json!({"mode": "down", "closes": true}), 502, "provider_error"),
        (json!({"mode": "garbage"}), 502, "provider_error"),
        (json!({"mode": "rate_limited"}), 503, "busy"),
        (json!({"mode": "expired"}), 400, "proof_rejected"),
        (json!({"mode": "revoked"}), 400, "proof_rejected"),
    ] {
        w.networks.fault("google", how.clone());
        let refused = w.prove(&user, bare(&mira), None).await.expect(status).json();
        assert_eq!(refused["code"], code, "{how}");
    }
    for wrong in ["redirect", "size", "length"] {
        w.networks.fault("google", json!({"mode": "none"}));
        w.networks.wrong("google", wrong);
        let refused = w.prove(&user, bare(&mira), None).await.expect(502).json();
        assert_eq!(refused["code"], "provider_error", "{wrong}");
        let undo = json!({"network": "google", "fact": wrong, "wrong": false});
        w.networks.client().post("/_control/wrong", undo).await.expect(200);
    }
    assert_eq!(w.kept().await, before);
    w.prove(&user, bare(&mira), None).await.expect(201);
}

#[tokio::test]
async fn what_is_read_is_asked_again_once() {
    let w = World::named("google").await;
    let user = w.user().await;
    w.networks.fault("google", json!({"mode": "down", "for_requests": 1}));
    w.prove(&user, bare(&w.account(OURS)), None).await.expect(201);
}

/// A signed request counts once (RFC 5849, 3.3), so the second is signed for itself.
#[tokio::test]
async fn sec_flw_09_what_is_signed_is_signed_anew_for_a_second_try() {
    let w = World::named("twitter").await;
    let user = w.user().await;
    w.networks.fault("twitter", json!({"mode": "lost", "for_requests": 1}));
    w.prove(&user, bare(&w.account(OURS)), None).await.expect(201);
}

#[tokio::test]
async fn a_network_that_is_down_is_not_asked_for_a_while_and_then_by_one() {
    let w = World::named("google").await;
    connect(&w.server, &w.networks, "acme", "github", OURS).await;
    let user = w.user().await;
    let mira = w.account(OURS);
    w.networks.fault("google", json!({"mode": "down"}));
    let asked = || {
        w.networks
            .log()
            .iter()
            .filter(|call| call["network"] == "google")
            .count()
    };
    for _ in 0..5 {
        w.prove(&user, bare(&mira), None).await.expect(502);
    }
    let before = asked();
    for _ in 0..5 {
        w.prove(&user, bare(&mira), None).await.expect(502);
    }
    assert_eq!(asked(), before, "it rests");
    // Another network's links do not wait for it.
    let hub = w.networks.account("github", json!({"name": "Mira"}));
    let body = json!({"connection": "github", "verify": true, "tokens": bare(&hub)});
    let path = format!("/link/v1/users/{user}/identities");
    w.client.post(&path, body).await.expect(201);

    w.server.advance(std::time::Duration::from_secs(11));
    w.prove(&user, bare(&mira), None).await.expect(502);
    assert_eq!(asked(), before + 2, "it is tried, twice as every read");
    w.prove(&user, bare(&mira), None).await.expect(502);
    assert_eq!(asked(), before + 2, "and rests again");
    w.networks.fault("google", json!({"mode": "none"}));
    w.server.advance(std::time::Duration::from_secs(11));
    w.prove(&user, bare(&mira), None).await.expect(201);
}

#[tokio::test]
async fn sec_lnk_13_google_is_asked_without_a_query() {
    let w = World::named("google").await;
    let user = w.user().await;
    w.prove(&user, bare(&w.account(OURS)), None).await.expect(201);
    let log = w.networks.log();
    let about: Vec<_> = log.iter().filter(|call| call["network"] == "google").collect();
    assert!(about.len() >= 2, "{about:?}");
    for call in about {
        assert_eq!(call["query"], false, "{call}");
    }
}

#[tokio::test]
async fn sec_lnk_07_a_renamed_account_is_the_same_and_a_taken_name_another() {
    let w = World::named("github").await;
    let user = w.user().await;
    let id = "9007199254740993";
    let named = |id: &str, username: &str| json!({"id": id, "username": username, "client_id": OURS.0});
    let old = w.networks.account("github", named(id, "mira"));
    let linked = w.prove(&user, bare(&old), None).await.expect(201).json();
    assert_eq!(linked["subject"], id, "beyond what a JSON reader would round");
    let renamed = w.networks.account("github", named(id, "mira-ito"));
    let same = w.prove(&user, bare(&renamed), None).await.expect(200).json();
    assert_eq!(
        (&same["id"], &same["profile"]["nickname"]),
        (&linked["id"], &json!("mira-ito"))
    );
    let taken = w.networks.account("github", named("2", "mira"));
    let other = w.prove(&user, bare(&taken), None).await.expect(201).json();
    assert_ne!(other["id"], linked["id"], "the name found nobody");
}

#[tokio::test]
async fn a_bearer_token_of_x_is_refused_though_it_opens_the_account() {
    let w = World::named("twitter").await;
    let user = w.user().await;
    let mira = w.account(OURS);
    let before = w.kept().await;
    let bearer = json!({"access_token": mira.json["oauth2"]["access_token"]});
    let refused = w.prove(&user, bearer, Some(&mira.id)).await.expect(400).json();
    assert_eq!(refused["code"], "bare_token_refused");
    assert_eq!(w.kept().await, before);
    let asked = w
        .networks
        .log()
        .iter()
        .filter(|call| call["network"] == "twitter")
        .count();
    assert_eq!(asked, 0, "there is nothing to ask");
}

#[tokio::test]
async fn d114_tokens_of_facebook_that_are_no_living_persons_prove_nothing() {
    let w = World::named("facebook").await;
    let user = w.user().await;
    let token = |text: &str| json!({ "access_token": text });
    let (expired, revoked) = (w.account(OURS), w.account(OURS));
    w.networks.expire("facebook", &expired.id);
    w.networks.revoke("facebook", &revoked.id);
    let before = w.kept().await;
    let application = format!("{}|{}", OURS.0, OURS.1);
    for text in [&expired.access_token, &revoked.access_token, &application] {
        let refused = w.prove(&user, token(text), None).await.expect(400).json();
        assert_eq!(refused["code"], "proof_rejected", "{refused}");
    }
    w.networks.wrong("facebook", "token_type");
    let page = w.account(OURS);
    let refused = w.prove(&user, bare(&page), None).await.expect(400).json();
    assert_eq!(refused["code"], "proof_rejected", "a page's: {refused}");
    assert_eq!(w.kept().await, before);
}

#[tokio::test]
async fn d116_a_token_of_twitter_proves_nothing_without_its_own_secret() {
    let w = World::named("twitter").await;
    let user = w.user().await;
    let (mira, noah) = (w.account(OURS), w.account(OURS));
    let pair = |secret: Option<&str>| match secret {
        Some(secret) => json!({"access_token": mira.access_token, "token_secret": secret}),
        None => json!({"access_token": mira.access_token}),
    };
    let before = w.kept().await;
    for (secret, code) in [
        (Some("wrong"), "proof_rejected"),
        (noah.token_secret.as_deref(), "proof_rejected"),
        (Some(""), "too_short"),
        (None, "bare_token_refused"),
    ] {
        let refused = w.prove(&user, pair(secret), None).await.expect(400).json();
        assert_eq!(refused["code"], code, "{secret:?}: {refused}");
    }
    assert_eq!(w.kept().await, before);
    w.prove(&user, pair(mira.token_secret.as_deref()), None)
        .await
        .expect(201);
}
