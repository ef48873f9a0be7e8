//! The audit.

use serde_json::{Value, json};

use super::World;

#[tokio::test]
async fn every_change_is_told_in_order_and_without_secrets() {
    let w = World::new().await;
    let user = w.user().await;
    let linked = w.link(&user, "twitter", "12").await;
    w.link(&user, "github", "9").await;
    let path = format!("/link/v1/users/{user}/identities/{}", linked["id"].as_str().unwrap());
    w.client.delete(&path).await.expect(204);
    let reply = w.client.get("/link/v1/events").await.expect(200);
    assert!(!reply.text().contains("canary"), "no token in an event");
    let page = reply.json();
    let kinds: Vec<_> = page["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["type"].clone())
        .collect();
    assert_eq!(
        kinds,
        ["user.created", "identity.linked", "identity.linked", "identity.freed"].map(Value::from)
    );
    let freed = &page["events"][3];
    assert_eq!(freed["identity"], linked["id"]);
    assert_eq!(freed["personal"]["subject"], "12");
    assert_eq!(freed["personal"]["issuer"], "twitter");
    let actor = format!("client:{}", w.tenant.credentials.client_id);
    assert_eq!(freed["actor"], json!(actor));

    let next = page["next"].as_str().unwrap();
    let rest = w
        .client
        .get(&format!("/link/v1/events?after={next}"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        rest,
        json!({"events": []}),
        "nothing yet: ask again with the same cursor"
    );
    w.link(&user, "twitter", "13").await;
    let rest = w
        .client
        .get(&format!("/link/v1/events?after={next}"))
        .await
        .expect(200)
        .json();
    assert_eq!(rest["events"][0]["type"], "identity.linked");
}

#[tokio::test]
async fn a_refusal_leaves_no_event() {
    let w = World::new().await;
    let (user, other) = (w.user().await, w.user().await);
    w.link(&user, "twitter", "12").await;
    let body = json!({"connection": "twitter", "subject": "12"});
    w.client
        .post(&format!("/link/v1/users/{other}/identities"), body)
        .await
        .expect(409);
    let page = w.client.get("/link/v1/events").await.expect(200).json();
    assert_eq!(page["events"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn what_was_erased_with_an_absorbed_user_stays_unread_when_she_is_back() {
    let w = World::new().await;
    let (stays, goes) = (w.user().await, w.user().await);
    w.link(&goes, "github", "9").await;
    let linked = w.link(&goes, "twitter", "12").await;
    let path = format!("/link/v1/users/{goes}/identities/{}", linked["id"].as_str().unwrap());
    w.client.delete(&path).await.expect(204);
    let identities = format!("/api/v2/users/auth0%7C{stays}/identities");
    w.client
        .post(&identities, json!({"provider": "auth0", "user_id": goes}))
        .await
        .expect(201);
    w.client.delete(&format!("{identities}/auth0/{goes}")).await.expect(200);
    w.link(&goes, "twitter", "13").await;

    let page = w.client.get("/link/v1/events").await.expect(200).json();
    let freed = page["events"]
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["type"] == "identity.freed")
        .unwrap();
    assert_eq!(freed["user_id"], json!(goes));
    assert_eq!(freed.get("personal"), None, "her first key is gone");
}
