//! What the log tells: of each call, of log-ins; and what it never does.

mod bodies;
mod reading;

use std::time::Duration;

use oneself::domain::Scope;
use oneself::id::ConnectionId;
use serde_json::{Value, json};

use super::*;

const LOGS: &str = "/api/v2/logs";

impl World {
    /// What the log of the tenant holds, newest first.
    async fn logs(&self, query: &str) -> Vec<Value> {
        let found = self.client.get(&format!("{LOGS}?{query}")).await.expect(200).json();
        found.as_array().unwrap().clone()
    }

    async fn logs_of(&self, id: &str) -> Vec<Value> {
        let path = format!("{}/logs", user_path(id));
        self.client
            .get(&path)
            .await
            .expect(200)
            .json()
            .as_array()
            .unwrap()
            .clone()
    }
}

fn types(logs: &[Value]) -> Vec<&str> {
    logs.iter().map(|log| log["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn calls_that_change_something_are_told_of_and_reads_are_not() {
    let w = World::new().await;
    w.user("p").await;
    w.user("s").await;
    w.get("auth0|p").await.expect(200);
    let secondary = json!({"provider": "auth0", "user_id": "s"});
    w.link("auth0|p", secondary.clone()).await.expect(201);
    refused(&w.link("auth0|p", secondary).await, 409, "identity_already_exists");
    w.unlink("auth0|p", "auth0", "s").await.expect(200);
    let logs = w.logs("").await;
    assert_eq!(types(&logs), ["sapi", "fapi", "sapi", "ss", "sapi", "ss", "sapi"]);

    let link = &logs[2];
    assert_eq!(link["description"], "Link a User Account");
    assert_eq!(link["user_id"], "auth0|p");
    assert_eq!(link["client_id"], w.tenant.credentials.client_id.to_string());
    assert_eq!(link["client_name"], "default");
    assert_eq!(link["tenant_name"], "acme");
    assert_eq!(link["ip"], "127.0.0.1");
    assert_eq!(link["hostname"], w.server.address.to_string());
    assert_eq!(link["date"], "2026-01-02T03:04:05.000Z");
    assert_eq!(link["_id"], link["log_id"]);
    let request = &link["details"]["request"];
    assert_eq!(request["method"], "post");
    assert_eq!(request["path"], "/api/v2/users/auth0%7Cp/identities");
    assert_eq!(request["channel"], "api");
    assert_eq!(request["ip"], "127.0.0.1");
    assert_eq!(request["body"], json!({"provider": "auth0", "user_id": "s"}));
    assert_eq!(
        request["auth"],
        json!({"strategy": "jwt", "credentials": {"scopes": ["update:users"]}})
    );
    assert_eq!(link["details"]["response"]["statusCode"], 201);
    assert_eq!(link["details"]["response"]["body"][1]["user_id"], "s");
    for unknown in ["location_info", "security_context", "isMobile", "auth0_client"] {
        assert!(link.get(unknown).is_none(), "{unknown} is not known");
    }

    let refused = &logs[1];
    assert_eq!(refused["details"]["response"]["statusCode"], 409);
    assert_eq!(
        refused["details"]["response"]["body"]["errorCode"],
        "identity_already_exists"
    );
    assert_eq!(
        refused["details"]["request"]["body"],
        json!({"provider": "*****", "user_id": "*****"}),
        "what was refused may be anything"
    );
    let one = w
        .client
        .get(&format!("{LOGS}/{}", link["log_id"].as_str().unwrap()))
        .await;
    assert_eq!(one.expect(200).json(), *link);
    for unknown in ["log_000000000000000000000000", "1", "log_x"] {
        super::refused(&w.client.get(&format!("{LOGS}/{unknown}")).await, 404, "inexistent_log");
    }
}

#[tokio::test]
async fn what_becomes_of_a_user_is_told_beside_the_call() {
    let w = World::new().await;
    w.connection(json!({"name": "names", "strategy": "auth0", "options": {"requires_username": true}}))
        .await;
    let body = json!({"connection": "names", "user_id": "n", "email": "n@x.example", "username": "nina", "password": PASSWORD});
    w.client.post("/api/v2/users", body).await.expect(201);
    let change = async |body: Value| {
        w.client.patch(&user_path("auth0|n"), body).await.expect(200);
    };
    change(json!({"email": "m@x.example", "connection": "names"})).await;
    change(json!({"password": "Correct-Horse-2", "connection": "names"})).await;
    change(json!({"username": "mina", "connection": "names"})).await;
    change(json!({"user_metadata": {"a": 1}})).await;
    let denied = w.only(&[Scope::ReadUsers]).await;
    refused(&denied.delete(&user_path("auth0|n")).await, 403, "insufficient_scope");
    w.client.delete(&user_path("auth0|n")).await.expect(204);
    w.client.delete(&user_path("auth0|n")).await.expect(204);
    let logs = w.logs("sort=date:1").await;
    assert_eq!(
        types(&logs),
        [
            "sapi", "sapi", "ss", "sapi", "sce", "sapi", "scp", "sapi", "scu", "sapi", "fapi", "fdu", "sapi", "sdu",
            "sapi"
        ]
    );
    assert_eq!(logs[2]["connection"], "names");
    assert_eq!(logs[13]["user_id"], "auth0|n");
    // And by an address.
    w.user("q").await;
    let database = w.connection_named(DATABASE).await;
    let path = format!("/api/v2/connections/{database}/users?email=q%40x.example");
    w.client.delete(&path).await.expect(204);
    w.client.delete(&path).await.expect(204);
    assert_eq!(types(&w.logs("per_page=3").await), ["sapi", "sdu", "sapi"]);
}

#[tokio::test]
async fn log_ins_are_told_of_and_why_they_failed() {
    let w = World::new().await;
    w.user("p").await;
    let web = w.web().await;
    let before = w.logs("per_page=100").await.len();
    let ask = async |body: Value| w.server.client().post("/oauth/token", body).await;
    let with = |name: &str, member: &str, value: &str| {
        let mut request = web.request(name);
        request[member] = value.into();
        request
    };
    web.log_in("p").await;
    ask(with("p", "password", "wrong")).await.expect(403);
    ask(web.request("nobody")).await.expect(403);
    ask(with("x", "username", "My-Secret-Password-1")).await.expect(403);
    w.client
        .patch(&user_path("auth0|p"), json!({"blocked": true}))
        .await
        .expect(200);
    ask(web.request("p")).await.expect(403);
    web.machine().await;
    w.server.advance(Duration::from_secs(2));
    ask(json!({"grant_type": "client_credentials", "client_id": web.id, "client_secret": "x", "audience": "a"}))
        .await
        .expect(401);
    // Once a second, since anybody can.
    ask(json!({"grant_type": "client_credentials", "client_id": web.id, "client_secret": "y", "audience": "a"}))
        .await
        .expect(401);
    // And nothing of clients that there are not.
    let stranger = "0123456789abcdef0123456789abcdef";
    ask(json!({"grant_type": "client_credentials", "client_id": stranger, "client_secret": "y", "audience": "a"}))
        .await
        .expect(401);
    let mut logs = w.logs("per_page=100").await;
    logs.truncate(logs.len() - before);
    assert_eq!(types(&logs), ["feccft", "seccft", "f", "sapi", "fu", "fu", "fp", "s"]);
    let (s, fp, fu, typo) = (&logs[7], &logs[6], &logs[5], &logs[4]);
    for log in [s, fp] {
        assert_eq!(log["user_id"], "auth0|p");
        assert_eq!(log["user_name"], "p@x.example");
        assert_eq!(log["connection"], DATABASE);
        assert_eq!(log["strategy"], "auth0");
        assert_eq!(log["client_name"], "web");
        let id: ConnectionId = log["connection_id"].as_str().unwrap().parse().unwrap();
        assert_eq!(id.to_string(), w.connection_named(DATABASE).await);
    }
    assert_eq!(s["audience"], format!("{}api/v2/", w.server.issuer()));
    assert_eq!(fu["user_name"], "nobody@x.example");
    assert!(fu.get("user_id").is_none());
    assert!(!typo.to_string().contains("My-Secret"), "a password in the wrong field");
    assert_eq!(logs[0]["description"], "invalid_client");
    // Hers, and nobody else's.
    assert_eq!(
        types(&w.logs_of("auth0|p").await),
        ["f", "sapi", "fp", "s", "ss", "sapi"]
    );
    assert_eq!(w.logs_of("auth0|nobody").await, [] as [Value; 0]);
    let total = w
        .client
        .get(&format!("{}/logs?include_totals=true&per_page=2", user_path("auth0|p")))
        .await;
    let total = total.expect(200).json();
    assert_eq!(
        [&total["start"], &total["limit"], &total["length"], &total["total"]],
        [0, 2, 2, 6]
    );
}

#[tokio::test]
async fn reads_that_show_tokens_are_told_of() {
    let w = World::new().await;
    w.connection(json!({"name": "twitter", "strategy": "twitter"})).await;
    let link = w.client.post(
        "/link/v1/users",
        json!({"identity": {"connection": "twitter", "subject": "1", "tokens": {"access_token": "very-secret-token"}}}),
    );
    let id = link.await.expect(201).json()["id"].as_str().unwrap().to_owned();
    let without = w.only(&[Scope::ReadUsers]).await;
    without.get(&user_path(&format!("auth0|{id}"))).await.expect(200);
    assert_eq!(types(&w.logs("").await), ["sapi"], "the connection");
    let shown = w.get(&format!("auth0|{id}")).await.expect(200);
    assert!(shown.text().contains("very-secret-token"));
    w.client.get("/api/v2/users").await.expect(200);
    let logs = w.logs("").await;
    assert_eq!(types(&logs), ["mgmt_api_read", "sapi"], "a list shows none");
    assert_eq!(logs[0]["details"]["request"]["method"], "get");
    assert_eq!(logs[0]["description"], "Get a User");
    assert!(!format!("{logs:?}").contains("very-secret-token"));
}

#[tokio::test]
async fn whoever_asks_too_often_is_told_once_a_minute() {
    let w = World::new().await;
    let limit = [("client_rate_limit".to_owned(), "1/1".to_owned())];
    w.server.app.set_settings("acme", &limit).await.unwrap();
    for _ in 0..3 {
        w.client.get("/api/v2/clients").await;
    }
    let off = [("client_rate_limit".to_owned(), "off".to_owned())];
    w.server.app.set_settings("acme", &off).await.unwrap();
    assert_eq!(types(&w.logs("").await), ["api_limit"]);
}

#[tokio::test]
async fn sec_ops_11_what_is_personal_in_a_log_goes_with_the_user() {
    let w = World::new().await;
    w.user("p").await;
    w.user("s").await;
    let web = w.web().await;
    web.log_in("p").await;
    let mut request = web.request("s");
    request["scope"] = "update:current_user_metadata".into();
    let given = w.server.client().post("/oauth/token", request).await.expect(200).json();
    let own = w.server.client().bearer(given["access_token"].as_str().unwrap());
    own.patch(&user_path("auth0|s"), json!({"user_metadata": {"hobby": "x"}}))
        .await
        .expect(200);
    w.link("auth0|p", json!({"provider": "auth0", "user_id": "s"}))
        .await
        .expect(201);
    let before = w.logs("per_page=100").await;
    for known in ["p@x.example", "s@x.example"] {
        assert!(format!("{before:?}").contains(known), "{known}");
    }
    w.client.delete(&user_path("auth0|p")).await.expect(204);
    let after = w.logs("per_page=100").await;
    assert_eq!(after.len(), before.len() + 2);
    let text = format!("{after:?}");
    for personal in ["p@x.example", "s@x.example", "hobby"] {
        assert!(!text.contains(personal), "{personal} in {text}");
    }
    let log_in = after.iter().find(|log| log["type"] == "s").unwrap();
    assert!(log_in.get("ip").is_none(), "her address is hers: {log_in}");
    let made = after.iter().find(|log| log["type"] == "ss").unwrap();
    assert_eq!(made["ip"], "127.0.0.1", "a machine's is nobody's");
    assert_eq!(w.logs_of("auth0|p").await.len(), 6, "what happened stays");
}

#[tokio::test]
async fn sec_ops_11_no_secret_is_in_a_log() {
    let w = World::new().await;
    let canary = "cAnArY-very-secret";
    let put = |body: &str| serde_json::from_str::<Value>(&body.replace("CANARY", canary)).unwrap();
    w.user("p").await;
    for (method, path, body) in [
        (
            "POST",
            "/api/v2/users",
            r#"{"connection": "Username-Password-Authentication", "email": "c@x.example", "password": "CANARY-1A", "user_metadata": {"k": "CANARY"}, "app_metadata": {"CANARY": 1}}"#,
        ),
        (
            "POST",
            "/api/v2/users",
            r#"{"connection": "CANARY", "email": "CANARY", "name": "CANARY"}"#,
        ),
        ("POST", "/api/v2/users", r#"{"CANARY": 1}"#),
        (
            "PATCH",
            "/api/v2/users/auth0%7Cp",
            r#"{"password": "CANARY-2B", "connection": "Username-Password-Authentication"}"#,
        ),
        (
            "PATCH",
            "/api/v2/users/auth0%7Cp",
            r#"{"user_metadata": {"a": ["CANARY"]}, "app_metadata": {"b": {"c": "CANARY"}}}"#,
        ),
        (
            "POST",
            "/api/v2/users/auth0%7Cp/identities",
            r#"{"link_with": "CANARY"}"#,
        ),
        (
            "POST",
            "/api/v2/users/auth0%7Cp/identities",
            r#"{"provider": "auth0", "user_id": "CANARY", "access_token": "CANARY"}"#,
        ),
        (
            "POST",
            "/api/v2/connections",
            r#"{"name": "gh", "strategy": "github", "options": {"client_id": "x", "client_secret": "CANARY"}}"#,
        ),
        (
            "POST",
            "/api/v2/clients",
            r#"{"name": "c", "client_metadata": {"k": "CANARY"}}"#,
        ),
        ("DELETE", "/api/v2/users/auth0%7Cp?access_token=CANARY", "{}"),
        (
            "DELETE",
            "/api/v2/connections/con_0000000000000001/users?email=CANARY",
            "{}",
        ),
    ] {
        w.client
            .request(method, &path.replace("CANARY", canary), &[], put(body))
            .await;
    }
    let made = w
        .client
        .post("/api/v2/clients", json!({"name": "d"}))
        .await
        .expect(201)
        .json();
    let rotated = format!("/api/v2/clients/{}/rotate-secret", made["client_id"].as_str().unwrap());
    let rotated = w.client.post(&rotated, ()).await.expect(200).json();
    let logs = w.logs("per_page=100").await;
    assert!(logs.len() >= 13, "{logs:?}");
    let text = format!("{logs:?}");
    for secret in [
        canary,
        made["client_secret"].as_str().unwrap(),
        rotated["client_secret"].as_str().unwrap(),
        PASSWORD,
    ] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(text.contains("*****"));
}
