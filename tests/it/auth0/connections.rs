//! Connections: made, shown, listed.

use oneself::domain::Scope;
use serde_json::{Value, json};

use super::{World, refused, refused_with};

#[tokio::test]
async fn a_new_connection_is_filled_in_and_keeps_its_secret() {
    let w = World::new().await;
    let body = json!({"name": "Main-DB", "strategy": "auth0"});
    let made = w
        .client
        .post("/api/v2/connections", body.clone())
        .await
        .expect(201)
        .json();
    assert_eq!(
        made["options"],
        json!({"passwordPolicy": "good", "requires_username": false})
    );
    assert_eq!(made["realms"], json!(["Main-DB"]));
    assert_eq!(made["enabled_clients"], json!([]));
    refused_with(
        &w.client.post("/api/v2/connections", body).await,
        409,
        "connection_conflict",
        "A connection with the same name already exists.",
    );

    let clients = json!([w.tenant.credentials.client_id.to_string()]);
    let body = json!({
        "name": "google", "strategy": "google-oauth2", "display_name": "Google", "show_as_button": true,
        "enabled_clients": clients, "metadata": {"a": "b"}, "connected_accounts": {"active": true},
        "options": {"client_id": "id-at-google", "client_secret": "canary-secret", "scope": ["email"]},
    });
    let made = w.client.post("/api/v2/connections", body).await.expect(201);
    assert!(!made.text().contains("canary-secret"));
    let made = made.json();
    assert_eq!(made["strategy"], "google-oauth2");
    assert_eq!(
        made["options"],
        json!({"scope": ["email"], "client_id": "id-at-google"})
    );
    assert_eq!(made["enabled_clients"], clients);
    assert_eq!(made["connected_accounts"], json!({"active": true}));
    let id = made["id"].as_str().unwrap();
    let path = format!("/api/v2/connections/{id}");
    assert_eq!(w.client.get(&path).await.expect(200).json(), made);
    let name = w.client.get(&format!("{path}?fields=name")).await.expect(200).json();
    assert_eq!(name, json!({"name": "google"}));
    let kept = &w.server.directory;
    assert!(kept.holds("id-at-google").await, "what is kept is found");
    assert!(!kept.holds("canary-secret").await, "the secret is sealed at rest");
}

#[tokio::test]
async fn lists_filter_and_page_both_ways() {
    let w = World::new().await;
    for n in 0..5 {
        w.server.advance(std::time::Duration::from_millis(1));
        w.connection(json!({"name": format!("c{n}"), "strategy": "github"}))
            .await;
        w.server.advance(std::time::Duration::from_millis(1));
    }
    let get = async |query: &str| w.client.get(&format!("/api/v2/connections?{query}")).await;
    let all = get("").await.expect(200).json();
    assert_eq!(
        all.as_array().unwrap().len(),
        7,
        "five, and the two that tenants begin with"
    );
    let both = get("strategy=github&strategy=auth0").await.expect(200).json();
    assert_eq!(both.as_array().unwrap().len(), 7);
    let some = get("strategy=github&per_page=2&page=1&include_totals=true&fields=name")
        .await
        .expect(200)
        .json();
    assert_eq!(some["total"], 5);
    assert_eq!(some["start"], 2);
    assert_eq!(some["connections"], json!([{"name": "c2"}, {"name": "c3"}]));
    assert_eq!(
        get("name=c3&fields=strategy").await.json(),
        json!([{"strategy": "github"}])
    );

    let mut seen = Vec::new();
    let mut query = "take=3&include_totals=true&fields=name".to_owned();
    loop {
        let page: Value = get(&query).await.expect(200).json();
        seen.extend(page["connections"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        query = format!("take=3&fields=name&from={next}");
    }
    assert_eq!(seen.len(), 7);
    seen.sort_by_key(Value::to_string);
    seen.dedup();
    assert_eq!(seen.len(), 7, "each once");

    let next = get("take=1").await.json()["next"].as_str().unwrap().to_owned();
    let stranger = w.server.tenant("other").await.client().await;
    let foreign = stranger.get(&format!("/api/v2/connections?from={next}")).await;
    refused(&foreign, 400, "invalid_query_string");
    let first = if next.starts_with('A') { "B" } else { "A" };
    let edited = format!("{first}{}", &next[1..]);
    for query in [
        format!("from={edited}"),
        "from=x".to_owned(),
        "take=0".to_owned(),
        "take=101".to_owned(),
        "per_page=0".to_owned(),
        "strategy=myspace".to_owned(),
        "x=1".to_owned(),
        "name=a&name=b".to_owned(),
    ] {
        refused(&get(&query).await, 400, "invalid_query_string");
    }
    w.server.advance(std::time::Duration::from_secs(31 * 86_400));
    let client = w.only(&[Scope::ReadConnections]).await;
    let old = client.get(&format!("/api/v2/connections?from={next}")).await;
    refused(&old, 400, "invalid_query_string");
}

#[tokio::test]
async fn connections_are_found_by_well_formed_ids() {
    let w = World::new().await;
    let get = async |id: &str| w.client.get(&format!("/api/v2/connections/{id}")).await;
    for bad in ["con_ABC", "con_AAAAAAAAAAAAAAAA%0A", "con_AAAAAAAAAAAAAAAAA", "x"] {
        refused(&get(bad).await, 400, "invalid_uri");
    }
    for unknown in ["con_AAAAAAAAAAAAAAAA", "con_0000000000000001"] {
        refused_with(
            &get(unknown).await,
            404,
            "inexistent_connection",
            "The connection does not exist.",
        );
    }
}
