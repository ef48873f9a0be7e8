//! What is refused, by which rule, and that nothing happens then.

use oneself::domain::{Scope, Scopes};
use serde_json::{Value, json};

use super::World;

/// Every route with the right that it takes.
const ROUTES: &[(&str, &str, Scope)] = &[
    ("POST", "/link/v1/users", Scope::CreateUsers),
    ("GET", "/link/v1/users", Scope::ReadUsers),
    ("GET", "/link/v1/users/{id}", Scope::ReadUsers),
    ("GET", "/link/v1/users/{id}/identities", Scope::ReadUsers),
    ("POST", "/link/v1/users/{id}/identities", Scope::UpdateUsers),
    (
        "DELETE",
        "/link/v1/users/{id}/identities/idn_000000000000000000000000",
        Scope::UpdateUsers,
    ),
    ("GET", "/link/v1/identities/twitter/12", Scope::ReadUsers),
    ("POST", "/link/v1/identities:resolve", Scope::ReadUsers),
    ("GET", "/link/v1/events", Scope::ReadLogs),
];

fn body(method: &str, path: &str) -> Value {
    match (method, path) {
        ("POST", "/link/v1/users") => json!({}),
        ("POST", "/link/v1/identities:resolve") => json!({"identities": [{"connection": "twitter", "subject": "1"}]}),
        _ => json!({"connection": "twitter", "subject": "12"}),
    }
}

#[tokio::test]
async fn sec_jwt_09_every_route_takes_its_right_and_its_tenant() {
    let w = World::new().await;
    let user = w.user().await;
    let other = w.server.tenant("other").await;
    for (method, path, scope) in ROUTES {
        let path = path.replace("{id}", &user);
        let body = body(method, &path);
        let nobody = w.server.client();
        let missing = nobody.request(method, &path, &[], body.clone()).await.expect(401);
        assert_eq!(missing.json()["code"], "unauthenticated");
        let garbage = nobody
            .bearer("garbage")
            .request(method, &path, &[], body.clone())
            .await
            .expect(401);
        assert_eq!(garbage.json()["code"], "unauthenticated");
        let others: Scopes = Scope::ALL
            .iter()
            .copied()
            .filter(|other| other != scope && !scope_implies(*other, *scope))
            .collect();
        let refused = w
            .tenant
            .client_for(others)
            .await
            .request(method, &path, &[], body.clone())
            .await
            .expect(403);
        assert_eq!(refused.json()["code"], "insufficient_scope", "{method} {path}");
        let allowed = w.only(*scope).await.request(method, &path, &[], body.clone()).await;
        assert!(
            ![401, 403].contains(&allowed.status),
            "{method} {path}: {}",
            allowed.text()
        );
        if path.contains(&user) {
            let foreign = other
                .client()
                .await
                .request(method, &path, &[], body.clone())
                .await
                .expect(404);
            let unknown = path.replace(&user, "000000000000000000000000");
            let unknown = other
                .client()
                .await
                .request(method, &unknown, &[], body)
                .await
                .expect(404);
            assert_eq!(
                foreign.body, unknown.body,
                "{method} {path}: foreign and unknown look alike"
            );
        }
    }
}

/// Rights that open more than the one asked for.
fn scope_implies(has: Scope, wanted: Scope) -> bool {
    matches!(
        (has, wanted),
        (Scope::ReadUserIdpTokens | Scope::ReadCurrentUser, Scope::ReadUsers)
            | (Scope::UpdateCurrentUserIdentities, Scope::UpdateUsers)
    )
}

#[tokio::test]
async fn a_revoked_secret_ends_its_tokens_on_the_next_request() {
    let w = World::new().await;
    w.client.get("/link/v1/users").await.expect(200);
    w.server.app.rotate_secrets("acme").await.unwrap();
    w.client.get("/link/v1/users").await.expect(401);
}

#[tokio::test]
async fn sec_api_10_bad_bodies_name_the_field_and_change_nothing() {
    let w = World::new().await;
    let user = w.user().await;
    let path = format!("/link/v1/users/{user}/identities");
    let long = "x".repeat(256);
    for (body, field) in [
        (json!({}), "connection"),
        (json!({"connection": "twitter"}), "subject"),
        (json!({"connection": null, "subject": "1"}), "connection"),
        (json!({"connection": 1, "subject": "1"}), "connection"),
        (json!({"connection": "twitter", "subject": 1}), "subject"),
        (json!({"connection": "twitter", "subject": ""}), "subject"),
        (json!({"connection": "twitter", "subject": long}), "subject"),
        (json!({"connection": "twitter", "subject": "a\u{7}b"}), "subject"),
        (json!({"connection": "twitter", "subject": "1", "more": 1}), "more"),
        (json!({"connection": "twitter", "subject": "1", "tokens": 1}), "tokens"),
        (
            json!({"connection": "twitter", "subject": "1", "tokens": {"access_token": 1}}),
            "tokens.access_token",
        ),
        (
            json!({"connection": "twitter", "subject": "1", "tokens": {"access_token": ""}}),
            "tokens.access_token",
        ),
        (
            json!({"connection": "twitter", "subject": "1", "tokens": {"accesstoken": "x"}}),
            "tokens.accesstoken",
        ),
        (
            json!({"connection": "twitter", "subject": "1", "tokens": {"expires_in": "3600"}}),
            "tokens.expires_in",
        ),
        (
            json!({"connection": "twitter", "subject": "1", "tokens": {"expires_in": 1e308}}),
            "tokens.expires_in",
        ),
        (
            json!({"connection": "twitter", "subject": "1", "tokens": {"scopes": "a b"}}),
            "tokens.scopes",
        ),
        (
            json!({"connection": "twitter", "subject": "1", "tokens": {"scopes": ["a b"]}}),
            "tokens.scopes[0]",
        ),
        (
            json!({"connection": "twitter", "subject": "1", "profile": []}),
            "profile",
        ),
        (
            json!({"connection": "twitter", "subject": "1", "profile": {"name": 7}}),
            "profile.name",
        ),
        (
            json!({"connection": "twitter", "subject": "1", "verify": "yes"}),
            "verify",
        ),
    ] {
        let refused = w.client.post(&path, body.clone()).await.expect(400);
        assert_eq!(refused.headers["content-type"], "application/problem+json");
        assert_eq!(refused.json()["field"], field, "{body}");
    }
    for (body, code) in [
        (
            "{\"connection\":\"twitter\",\"connection\":\"x\",\"subject\":\"1\"}",
            "duplicate_member",
        ),
        (
            "{\"connection\":\"twitter\",\"subject\":\"1\",\"profile\":{\"a\":{\"b\":1,\"b\":2}}}",
            "duplicate_member",
        ),
        (
            "{\"connection\":\"twitter\",\"subject\":\"a\\u0000b\"}",
            "invalid_value",
        ),
        ("{\"connection\":\"twitter\",\"subject\":\"1\"} x", "invalid_json"),
        ("[]", "wrong_type"),
        ("", "invalid_json"),
    ] {
        let reply = w
            .client
            .request("POST", &path, &[], ("application/json", body))
            .await
            .expect(400);
        assert_eq!(reply.json()["code"], code, "{body}");
    }
    let reply = w
        .client
        .request("POST", &path, &[], ("text/plain", "{}"))
        .await
        .expect(415);
    assert_eq!(reply.json()["code"], "media_type");
    let big = format!("{{\"connection\":\"{}\"}}", "x".repeat(70_000));
    w.client
        .request("POST", &path, &[], ("application/json", big))
        .await
        .expect(413);
    let events = w.client.get("/link/v1/events").await.expect(200).json();
    assert_eq!(
        events["events"].as_array().unwrap().len(),
        1,
        "only the user was ever made"
    );
}

#[tokio::test]
async fn sec_api_08_hostile_ids_are_refused_or_nobodys() {
    let w = World::new().await;
    let user = w.user().await;
    for (path, status) in [
        ("/link/v1/users/a%2Fb", 404),
        ("/link/v1/users/a%00b", 400),
        ("/link/v1/users/%ff", 400),
        ("/link/v1/users/%", 400),
        ("/link/v1/users/%zz", 400),
        ("/link/v1/users/a%0d%0ab", 400),
        ("/link/v1/users/%2e%2e", 400),
        ("/link/v1/users/", 404),
        ("/link/v1//users", 404),
        ("/link/v1/Users", 404),
        ("/link/v1/identities/twitter/a%00b", 400),
        ("/link/v1/identities/twitter/12%2F34", 404),
        ("/link/v1/identities/con_0000000000000001/12", 404),
    ] {
        let reply = w.client.get(path).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
    }
    let long = format!("/link/v1/users/{}", "x".repeat(256));
    w.client.get(&long).await.expect(404);
    let too_long = format!("/link/v1/users/{}", "x".repeat(9_000));
    w.client.get(&too_long).await.expect(414);
    let query = w
        .client
        .get(&format!("/link/v1/users/{user}?user_id=1"))
        .await
        .expect(400)
        .json();
    assert_eq!(query["field"], "user_id");
}

#[tokio::test]
async fn sec_api_09_subjects_are_compared_as_bytes() {
    let w = World::new().await;
    for subject in ["Abc", "abc", "é", "e\u{301}"] {
        let user = w.user().await;
        w.link(&user, "twitter", subject).await;
    }
}
