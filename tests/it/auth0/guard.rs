//! Who may call what, and how refusals look.

use oneself::api::auth0::GUARDED;
use oneself::domain::{Scope, Scopes};
use oneself::jwt::TokenKind;
use serde_json::{Value, json};

use super::{World, claims, identities_path, refused, refused_with, user_path};
use crate::jwt::token_with;
use crate::support::http::Client;

/// A request of this route that would be fine by its form.
async fn send(client: &Client, method: &str, path: &str) -> crate::support::http::Reply {
    let path = path.replace("{provider}", "auth0").replace("{user_id}", "s").replace(
        "{id}",
        if path.contains("connections") {
            "con_0000000000000001"
        } else {
            "auth0%7Cp"
        },
    );
    let path = path.replace("users-by-email", "users-by-email?email=a@x.example");
    match method {
        "GET" | "DELETE" => client.request(method, &path, &[], ()).await,
        _ => client.request(method, &path, &[], json!({})).await,
    }
}

#[tokio::test]
async fn sec_jwt_09_every_route_refuses_missing_tokens_and_missing_scopes() {
    let w = World::new().await;
    for route in GUARDED {
        assert!(!route.any_of.is_empty(), "{}", route.path);
        let nobody = send(&w.server.client(), route.method, route.path).await;
        refused_with(&nobody, 401, "", "Missing authentication");
        let others = Scope::ALL.iter().copied().filter(|scope| !route.any_of.contains(scope));
        let without = w.tenant.client_for(others.collect::<Scopes>()).await;
        let names: Vec<_> = route.any_of.iter().map(|scope| scope.name()).collect();
        let message = format!("Insufficient scope, expected any of: {}", names.join(","));
        let reply = send(&without, route.method, route.path).await;
        refused_with(&reply, 403, "insufficient_scope", &message);
        let garbage = send(&w.server.client().bearer("a.b.c"), route.method, route.path).await;
        refused_with(&garbage, 401, "", "Invalid token");
        for scope in route.any_of {
            let with = w.tenant.client_for(Scopes::from_iter([*scope])).await;
            let reply = send(&with, route.method, route.path).await;
            let refused_for_scope = reply.status == 403
                && reply.text().contains("Insufficient scope")
                && !matches!(scope, Scope::UpdateUsersAppMetadata | Scope::UpdateCurrentUserMetadata);
            assert!(reply.status != 401 && !refused_for_scope, "{} {}", scope, reply.text());
        }
    }
}

#[tokio::test]
async fn sec_jwt_09_another_tenants_users_look_like_nobody() {
    let w = World::new().await;
    let p = w.user("p").await;
    let stranger = w.server.tenant("other").await.client().await;
    for id in ["auth0|p", "auth0|nobody"] {
        let path = user_path(id);
        refused(&stranger.get(&path).await, 404, "inexistent_user");
        refused(
            &stranger.patch(&path, json!({"name": "x"})).await,
            404,
            "inexistent_user",
        );
        stranger.delete(&path).await.expect(204);
        let link = stranger
            .post(&identities_path(id), json!({"provider": "auth0", "user_id": "p"}))
            .await;
        refused(&link, 404, "inexistent_user");
    }
    let (one, other) = (
        stranger.get(&user_path("auth0|p")).await,
        stranger.get(&user_path("auth0|nobody")).await,
    );
    assert_eq!(one.body, other.body, "API-03");
    assert_eq!(stranger.get("/api/v2/users").await.expect(200).json(), json!([]));
    let mine = w.connection_named(super::DATABASE).await;
    let (theirs, none) = (
        stranger.get(&format!("/api/v2/connections/{mine}")).await,
        stranger.get("/api/v2/connections/con_0000000000000001").await,
    );
    refused(&theirs, 404, "inexistent_connection");
    assert_eq!(theirs.body, none.body, "API-03");
    assert_eq!(w.get("auth0|p").await.expect(200).json(), p);
}

#[tokio::test]
async fn sec_api_03_people_cannot_tell_strangers_from_nobody() {
    let w = World::new().await;
    let web = w.web().await;
    w.user("p").await;
    w.user("q").await;
    let p = web.client("p").await;
    let metadata = json!({"user_metadata": {"a": 1}});
    for (method, path, body) in [
        ("GET", user_path as fn(&str) -> String, None),
        ("DELETE", |id| format!("{}/auth0/s", identities_path(id)), None),
        ("POST", identities_path, Some(json!({"link_with": "x"}))),
    ] {
        let mut answers = Vec::new();
        for id in ["auth0|q", "auth0|nobody"] {
            let reply = match &body {
                Some(body) => p.request(method, &path(id), &[], body.clone()).await,
                None => p.request(method, &path(id), &[], ()).await,
            };
            refused(&reply, 403, "unowned_resource");
            answers.push(reply.body);
        }
        assert_eq!(answers[0], answers[1], "{method}");
    }
    refused(
        &p.patch(&user_path("auth0|q"), metadata).await,
        403,
        "insufficient_scope",
    );
}

#[tokio::test]
async fn headers_and_tokens_are_refused_by_name() {
    let w = World::new().await;
    let client = w.server.client();
    let with = async |value: &str| {
        client
            .request("GET", "/api/v2/users", &[("authorization", value)], ())
            .await
    };
    let format = "Bad HTTP authentication header format";
    for header in ["Bearer", "Bearer ", "Basic YTpi", "x"] {
        refused_with(&with(header).await, 400, "Bearer", format);
    }
    let invalid = with("Bearer a.b.c").await;
    refused_with(&invalid, 401, "", "Invalid token");
    assert_eq!(invalid.json()["attributes"], json!({"error": "Invalid token"}));
    assert_eq!(invalid.header("www-authenticate"), "Bearer");

    let request = w.tenant.token_request();
    let given = client.post("/oauth/token", request).await.expect(200).json();
    let good = claims(given["access_token"].as_str().unwrap());
    let changed = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        format!("Bearer {}", token_with(TokenKind::Access, &claims))
    };
    let now = good["iat"].as_i64().unwrap();
    with(&changed("jti", json!("x"))).await.expect(200);
    let whole = changed("jti", json!("y"));
    let forged = format!("{}.{}", whole.rsplit_once('.').unwrap().0, "A".repeat(342));
    let id_token = format!("Bearer {}", token_with(TokenKind::Id, &good));
    for (token, message) in [
        (id_token, "Invalid token"),
        (
            changed("exp", json!(now - 60)),
            "Expired token received for JSON Web Token validation",
        ),
        (
            changed("aud", json!("https://x.example/")),
            "Bad audience: https://x.example/",
        ),
        (changed("iss", json!("https://x.example/")), "Invalid token"),
        (changed("cep", json!(7)), "Invalid token"),
        (changed("azp", json!("x")), "Invalid token"),
        (forged, "Invalid signature received for JSON Web Token validation"),
    ] {
        refused_with(&with(&token).await, 401, "", message);
    }
}

#[tokio::test]
async fn a_revoked_token_is_dead_at_once() {
    let w = World::new().await;
    w.client.get("/api/v2/users").await.expect(200);
    let client = w.tenant.credentials.client_id;
    w.server.app.rotate_client("acme", client).await.unwrap();
    refused_with(&w.client.get("/api/v2/users").await, 401, "", "Invalid token");

    let w = World::new().await;
    let web = w.web().await;
    w.user("p").await;
    let p = web.client("p").await;
    p.get(&user_path("auth0|p")).await.expect(200);
    w.client
        .patch(&user_path("auth0|p"), json!({"password": "Another-Horse-1"}))
        .await
        .expect(200);
    refused_with(&p.get(&user_path("auth0|p")).await, 401, "", "Invalid token");
}

/// What `docs/auth0.md` says is not built. A path that is built goes from here and gets its rows there.
#[tokio::test]
async fn what_is_not_built_is_not_found() {
    let w = World::new().await;
    w.user("p").await;
    let user = user_path("auth0|p");
    for (method, path) in [
        ("GET", "/authorize".to_owned()),
        ("GET", "/userinfo".to_owned()),
        ("GET", "/v2/logout".to_owned()),
        ("POST", "/login/unlink".to_owned()),
        ("GET", "/me/v1/connected-accounts/accounts".to_owned()),
        ("POST", "/me/v1/connected-accounts/connect".to_owned()),
        ("GET", format!("{user}/connected-accounts")),
        ("GET", format!("{user}/federated-connections-tokensets")),
        ("DELETE", format!("{user}/federated-connections-tokensets/1")),
        ("POST", "/api/v2/tickets/email-verification".to_owned()),
        ("POST", "/api/v2/tickets/password-change".to_owned()),
        ("GET", "/api/v2/event-streams".to_owned()),
        ("GET", "/api/v2/log-streams".to_owned()),
    ] {
        let reply = w.client.request(method, &path, &[], ()).await;
        assert_eq!(reply.status, 404, "{method} {path}: {}", reply.text());
    }
    for (method, path) in [
        ("POST", format!("{user}/roles")),
        ("DELETE", format!("{user}/roles")),
        ("POST", format!("{user}/permissions")),
        ("DELETE", format!("{user}/permissions")),
        ("PATCH", "/api/v2/tenants/settings".to_owned()),
        ("POST", "/api/v2/resource-servers".to_owned()),
        ("PATCH", "/api/v2/resource-servers/x".to_owned()),
        ("DELETE", "/api/v2/resource-servers/x".to_owned()),
    ] {
        let reply = w.client.request(method, &path, &[], ()).await;
        refused(&reply, 405, "method_not_allowed");
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let w = World::new().await;
    for path in [
        "/api/v2",
        "/api/v2/",
        "/api/v2/client",
        "/api/v2/Users",
        "/api/v2/users/",
        "/api/v2//users",
        "/api/v2/users/a/b/c",
    ] {
        let reply = w.client.get(path).await;
        refused_with(&reply, 404, "", "Not Found");
    }
    refused(
        &w.client.request("PUT", "/api/v2/users", &[], ()).await,
        405,
        "method_not_allowed",
    );
}
