//! What clients are granted, and what follows for their tokens.

use serde_json::json;

use super::{World, refused};

#[tokio::test]
async fn a_client_gets_what_it_was_granted() {
    let w = World::new().await;
    let made = w.new_client(json!({"name": "Backend"})).await;
    let ask = async |scope| w.ask(&made, &made["client_secret"], scope).await;
    let reply = ask(None).await.expect(403).json();
    assert_eq!(reply["error"], "access_denied", "without a grant");
    let grant = w.new_grant(&made, &["read:users", "read:logs"]).await;
    let id = grant["id"].as_str().unwrap();
    assert!(id.starts_with("cgr_") && id.len() == 20);
    assert_eq!(grant["subject_type"], "client");
    let path = format!("/api/v2/client-grants/{id}");
    assert_eq!(w.client.get(&path).await.expect(200).json(), grant);
    let token = ask(None).await.expect(200).json();
    assert_eq!(token["scope"], "read:users read:logs");
    assert_eq!(ask(Some("read:logs")).await.expect(200).json()["scope"], "read:logs");
    assert_eq!(
        ask(Some("create:users")).await.expect(403).json()["error"],
        "access_denied"
    );
    let client = w.server.client().bearer(token["access_token"].as_str().unwrap());
    client.get("/api/v2/users").await.expect(200);

    let again = json!({"client_id": made["client_id"], "audience": w.audience(), "scope": []});
    refused(
        &w.client.post("/api/v2/client-grants", again).await,
        409,
        "client_grant_conflict",
    );
    let changed = w
        .client
        .patch(&path, json!({"scope": ["read:logs"]}))
        .await
        .expect(200)
        .json();
    assert_eq!(changed["scope"], json!(["read:logs"]));
    refused(&client.get("/api/v2/users").await, 403, "insufficient_scope");
    w.client
        .patch(&path, json!({"scope": ["read:users"]}))
        .await
        .expect(200);
    client.get("/api/v2/users").await.expect(200);
    w.client.patch(&path, json!({"scope": []})).await.expect(200);
    assert_eq!(ask(None).await.expect(200).json()["scope"], "");
    let query = format!(
        "/api/v2/client-grants?client_id={}",
        made["client_id"].as_str().unwrap()
    );
    assert_eq!(
        w.client.get(&query).await.expect(200).json().as_array().unwrap().len(),
        1,
        "an empty grant is one"
    );
    w.client.delete(&path).await.expect(204);
    w.client.delete(&path).await.expect(204);
    refused(&w.client.get(&path).await, 404, "inexistent_client_grant");
    refused(
        &w.client.patch(&path, json!({"scope": []})).await,
        404,
        "inexistent_client_grant",
    );
    refused(&client.get("/api/v2/users").await, 403, "insufficient_scope");
    ask(None).await.expect(403);
    // What the operator made shows too, and the same rules hold.
    let all = w.client.get("/api/v2/client-grants").await.expect(200).json();
    assert_eq!(all[0]["client_id"], w.tenant.credentials.client_id.to_string());
    assert_eq!(all[0]["audience"], w.audience());
}

#[tokio::test]
async fn grants_are_listed_and_refused_by_name() {
    let w = World::new().await;
    let made = w.new_client(json!({"name": "Backend"})).await;
    let good = || json!({"client_id": made["client_id"], "audience": w.audience(), "scope": ["read:users"]});
    for (name, values) in [
        ("client_id", vec![json!(null), json!(1)]),
        ("audience", vec![json!(null), json!(1)]),
        (
            "scope",
            vec![
                json!(null),
                json!("read:users"),
                json!([1]),
                json!(["fly"]),
                json!(["read:current_user"]),
            ],
        ),
        ("subject_type", vec![json!(null), json!("user"), json!("robot")]),
        ("id", vec![json!("x")]),
    ] {
        for value in values {
            let mut body = good();
            body[name] = value;
            let reply = w.client.post("/api/v2/client-grants", body.clone()).await;
            refused(&reply, 400, "invalid_body");
            assert!(reply.text().contains(name), "{body}: {}", reply.text());
        }
    }
    for name in ["client_id", "audience", "scope"] {
        let mut body = good();
        body.as_object_mut().unwrap().remove(name);
        let reply = w.client.post("/api/v2/client-grants", body).await;
        refused(&reply, 400, "invalid_body");
        assert!(reply.text().contains(name));
    }
    let mut elsewhere = good();
    elsewhere["audience"] = json!("https://other.example/");
    refused(
        &w.client.post("/api/v2/client-grants", elsewhere).await,
        404,
        "inexistent_resource_server",
    );
    let other = w.server.tenant("other").await;
    for unknown in [other.credentials.client_id.to_string(), "x".to_owned()] {
        let mut body = good();
        body["client_id"] = json!(unknown);
        refused(
            &w.client.post("/api/v2/client-grants", body).await,
            404,
            "inexistent_client",
        );
    }
    let grant = w.client.post("/api/v2/client-grants", good()).await.expect(201).json();
    let path = format!("/api/v2/client-grants/{}", grant["id"].as_str().unwrap());
    for body in [
        json!({}),
        json!({"scope": null}),
        json!({"scope": ["x"]}),
        json!({"scope": [], "x": 1}),
    ] {
        refused(&w.client.patch(&path, body).await, 400, "invalid_body");
    }
    let stranger = other.client().await;
    refused(&stranger.get(&path).await, 404, "inexistent_client_grant");
    refused(
        &stranger.patch(&path, json!({"scope": []})).await,
        404,
        "inexistent_client_grant",
    );
    stranger.delete(&path).await.expect(204);
    assert_eq!(w.client.get(&path).await.expect(200).json(), grant);
    refused(
        &w.client.get("/api/v2/client-grants/x").await,
        404,
        "inexistent_client_grant",
    );
    let count = async |query: &str| {
        let found = w
            .client
            .get(&format!("/api/v2/client-grants?{query}"))
            .await
            .expect(200)
            .json();
        found.get("client_grants").unwrap_or(&found).as_array().unwrap().len()
    };
    assert_eq!(count("").await, 2);
    assert_eq!(count("take=1").await, 1);
    assert_eq!(count("include_totals=true").await, 2);
    assert_eq!(count("audience=https://other.example/").await, 0);
    assert_eq!(count("subject_type=user").await, 0);
    for query in ["subject_type=x", "take=0", "x=1"] {
        let reply = w.client.get(&format!("/api/v2/client-grants?{query}")).await;
        refused(&reply, 400, "invalid_query_string");
    }
}
