//! Hostile ids in paths (D-48 to D-59).

use serde_json::json;

use super::{DATABASE, PASSWORD, World, refused};

#[tokio::test]
async fn sec_api_08_ids_are_decoded_once() {
    let w = World::new().await;
    let p = w.user("abc").await;
    for path in [
        "/api/v2/users/auth0|abc",
        "/api/v2/users/auth0%7Cabc",
        "/api/v2/users/auth0%7cabc",
        "/api/v2/users/%61uth0%7Cabc",
    ] {
        assert_eq!(w.client.get(path).await.expect(200).json(), p, "{path}");
    }
    for (path, status, code) in [
        ("/api/v2/users/a%2Fb", 404, "inexistent_user"),
        ("/api/v2/users/a%252Fb", 404, "inexistent_user"),
        ("/api/v2/users/a%00b", 400, "invalid_uri"),
        ("/api/v2/users/%ff", 400, "invalid_uri"),
        ("/api/v2/users/%", 400, "invalid_uri"),
        ("/api/v2/users/%zz", 400, "invalid_uri"),
        ("/api/v2/users/a%0d%0ab", 400, "invalid_uri"),
        ("/api/v2/users/..", 400, "invalid_uri"),
        ("/api/v2/users/%2e%2e", 400, "invalid_uri"),
        ("//users/U", 404, "no_route"),
        ("/api/v2/users;x=1/U", 404, ""),
        ("/api/v2/users/auth0%7Cabc?user_id=V", 400, "invalid_query_string"),
    ] {
        let reply = w.client.get(path).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
        if path.starts_with("/api/v2") {
            refused(&reply, status, code);
        }
    }
    let dots = w.client.post("/api/v2/users/%2e%2e/identities", json!({"x": 1})).await;
    refused(&dots, 400, "invalid_uri");
    let long = format!("/api/v2/users/{}", "a".repeat(256));
    refused(&w.client.get(&long).await, 404, "inexistent_user");
    let longer = format!("/api/v2/users/{}", "a".repeat(60_000));
    refused(&w.client.get(&longer).await, 414, "uri_too_long");
    let unlink = "/api/v2/users/auth0%7Cabc/identities/auth0/12%2F34";
    w.client.delete(unlink).await.expect(200);
    let nul = "/api/v2/users/auth0%7Cabc/identities/auth0/1%00";
    refused(&w.client.delete(nul).await, 400, "invalid_uri");
    assert_eq!(w.get("auth0|abc").await.expect(200).json(), p);
}

#[tokio::test]
async fn chosen_ids_may_hold_any_character_but_spaces() {
    let w = World::new().await;
    for id in ["a/b", "a%2Fb", "a|b", "a#b", "a@b:c=d+e%", "é", "..", "Abc", "abc"] {
        let email = format!("{}@x.example", hex::encode(id));
        let body = json!({"connection": DATABASE, "user_id": id, "email": email, "password": PASSWORD});
        let made = w.client.post("/api/v2/users", body).await.expect(201).json();
        assert_eq!(made["user_id"], format!("auth0|{id}"));
        assert_eq!(w.get(&format!("auth0|{id}")).await.expect(200).json(), made, "{id}");
    }
}
