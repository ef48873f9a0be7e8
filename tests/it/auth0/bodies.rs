//! Every member of every body: missing, null, of another type, too long, malformed.

use serde_json::{Value, json};

use super::{DATABASE, PASSWORD, World, identities_path, refused, user_path};

fn good_user() -> Value {
    json!({"connection": DATABASE, "email": "ines@x.example", "password": PASSWORD})
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

fn long(n: usize) -> Value {
    "x".repeat(n).into()
}

/// That a body is refused, that the refusal names the property, and that nobody was made.
async fn is_refused(w: &World, method: &str, path: &str, body: Value, name: &str) {
    let reply = w.client.request(method, path, &[], body.clone()).await;
    let shown: String = body.to_string().chars().take(200).collect();
    assert_eq!(reply.status, 400, "{method} {shown}: {}", reply.text());
    refused(&reply, 400, "invalid_body");
    let message = reply.json()["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("Payload validation error: '"), "{message}");
    assert!(message.contains(name), "{shown}: {message}");
}

/// Values that no string property takes.
fn not_strings() -> Vec<Value> {
    vec![json!(1), json!(true), json!([]), json!({}), json!(1.5)]
}

/// Values that a property of this name refuses, whatever the method.
fn bad_values(name: &str) -> Vec<Value> {
    let mut bad = not_strings();
    bad.extend(match name {
        "email" => vec![
            json!(""),
            json!("nobody"),
            json!("a@x.example\r\nBcc: v@y.example"),
            json!("=?utf-8?q?=41?=@x.example"),
            json!("\"a b\"@x.example"),
            json!("a(c)@x.example"),
            json!("<a@x.example>"),
            json!("a@[127.0.0.1]"),
            json!("a@localhost"),
            json!("ａ@x.example"),
            json!("a@ⓔ.example"),
            json!("a..b@x.example"),
            json!("a%b@x.example@evil.example"),
            json!("a\u{202e}@x.example"),
            json!(format!("{}@x.example", "a".repeat(65))),
        ],
        "username" => vec![json!(""), long(129), json!("a b"), json!("é"), json!("ines@x.example")],
        "phone_number" => vec![
            json!(""),
            json!("123"),
            json!("+"),
            json!("+1234567890123456"),
            json!("+12a"),
        ],
        "name" | "nickname" => vec![
            json!(""),
            long(301),
            json!("x\u{202e}"),
            json!("x\n"),
            json!("\u{1b}[31m"),
        ],
        "given_name" | "family_name" => vec![json!(""), long(151), json!("\u{2066}x")],
        "picture" => vec![
            json!(""),
            json!("x"),
            json!("javascript:alert(1)"),
            json!("/a.png"),
            json!("https://"),
        ],
        "password" => vec![json!(""), long(73)],
        _ => vec![],
    });
    bad
}

const TEXTS: [&str; 9] = [
    "email",
    "username",
    "phone_number",
    "name",
    "nickname",
    "given_name",
    "family_name",
    "picture",
    "password",
];

#[tokio::test]
async fn every_member_of_a_new_user_is_checked() {
    let w = World::new().await;
    let post = async |body, name| is_refused(&w, "POST", "/api/v2/users", body, name).await;
    for name in TEXTS {
        for value in bad_values(name).into_iter().chain([json!(null)]) {
            post(with(good_user(), name, value), name).await;
        }
    }
    for name in ["email_verified", "phone_verified", "blocked", "verify_email"] {
        for value in [json!(null), json!("true"), json!(1), json!({}), json!([])] {
            post(with(good_user(), name, value), name).await;
        }
    }
    for name in ["user_metadata", "app_metadata"] {
        for value in [
            json!(null),
            json!("x"),
            json!([]),
            json!(1),
            json!({"a.b": 1}),
            json!({"a": {"$x": 1}}),
            json!({"a": [{"x.y": 1}]}),
        ] {
            post(with(good_user(), name, value), name).await;
        }
    }
    for reserved in ["blocked", "user_id", "identities", "__tenant", "lastIP"] {
        post(with(good_user(), "app_metadata", json!({reserved: 1})), "app_metadata").await;
    }
    for value in [json!(null), json!(1), json!("a b"), json!("a\tb"), long(256)] {
        post(with(good_user(), "user_id", value), "user_id").await;
    }
    for value in [json!(null), json!(1), json!(""), long(129)] {
        post(with(good_user(), "connection", value), "connection").await;
    }
    for name in ["connection", "email", "password"] {
        let mut body = good_user();
        body.as_object_mut().unwrap().remove(name);
        post(body, name).await;
    }
    for name in [
        "identities",
        "created_at",
        "x",
        "tenant",
        "logins_count",
        "last_ip",
        "client_id",
    ] {
        post(with(good_user(), name, json!("x")), name).await;
    }
    let users = w.client.get("/api/v2/users").await.expect(200).json();
    assert_eq!(users, json!([]), "nobody was made");
    let mut whole = good_user();
    for (name, value) in [
        ("user_id", json!("x#1")),
        ("email_verified", json!(true)),
        ("phone_number", json!("+4912345")),
        ("phone_verified", json!(true)),
        ("blocked", json!(false)),
        ("verify_email", json!(false)),
        ("given_name", long(150)),
        ("family_name", long(150)),
        ("name", long(300)),
        ("nickname", long(300)),
        ("picture", json!("https://x.example/a.png?b=1")),
        ("user_metadata", json!({"a": {"b": [1]}})),
        ("app_metadata", json!({"plan": "pro"})),
    ] {
        whole[name] = value;
    }
    w.client.post("/api/v2/users", whole).await.expect(201);
}

#[tokio::test]
async fn every_member_of_a_change_is_checked() {
    let w = World::new().await;
    w.connection(json!({"name": "Names", "strategy": "auth0", "options": {"requires_username": true}}))
        .await;
    let p = w.user_at("Names", "p").await;
    let path = user_path("auth0|p");
    let patch = async |body, name| is_refused(&w, "PATCH", &path, body, name).await;
    for name in TEXTS {
        for value in bad_values(name) {
            patch(json!({name: value}), name).await;
        }
    }
    for name in [
        "email_verified",
        "phone_verified",
        "blocked",
        "verify_email",
        "verify_phone_number",
    ] {
        for value in [json!(null), json!("true"), json!(1)] {
            patch(json!({name: value}), name).await;
        }
    }
    for name in ["user_metadata", "app_metadata"] {
        for value in [
            json!(null),
            json!("x"),
            json!([]),
            json!({"a.b": 1}),
            json!({"a": {"$x": 1}}),
        ] {
            patch(json!({name: value}), name).await;
        }
    }
    patch(json!({"app_metadata": {"user_id": 1}}), "app_metadata").await;
    for name in ["connection", "client_id"] {
        for value in not_strings() {
            patch(json!({name: value}), name).await;
        }
    }
    for name in [
        "identities",
        "user_id",
        "tenant",
        "last_ip",
        "logins_count",
        "created_at",
        "updated_at",
        "last_login",
    ] {
        patch(json!({name: "x"}), name).await;
    }
    for (a, b) in [
        ("password", "email"),
        ("password", "email_verified"),
        ("username", "email"),
        ("username", "email_verified"),
        ("username", "password"),
    ] {
        let reply = w.client.patch(&path, json!({a: "x", b: "y"})).await.expect(400);
        assert_eq!(
            reply.json()["message"],
            format!("Cannot update {a} and {b} simultaneously")
        );
    }
    assert_eq!(w.get("auth0|p").await.expect(200).json(), p, "nothing was written");
}

#[tokio::test]
async fn every_member_of_a_link_is_checked() {
    let w = World::new().await;
    let p = w.user("p").await;
    let path = identities_path("auth0|p");
    let post = async |body, name| is_refused(&w, "POST", &path, body, name).await;
    for value in not_strings().into_iter().chain([json!(null)]) {
        post(json!({"link_with": value}), "link_with").await;
        post(json!({"provider": value, "user_id": "x"}), "provider").await;
        post(
            json!({"provider": "auth0", "user_id": "x", "connection_id": value}),
            "connection_id",
        )
        .await;
    }
    for value in [json!(null), json!(true), json!([]), json!({}), json!(1.5), json!("")] {
        post(json!({"provider": "auth0", "user_id": value}), "user_id").await;
    }
    for value in ["con_ABC", "con_AAAAAAAAAAAAAAAA\n", "con_AAAAAAAAAAAAAAAAA", "AAAA", ""] {
        let body = json!({"provider": "auth0", "user_id": "x", "connection_id": value});
        post(body, "connection_id").await;
    }
    post(json!({"provider": "auth0"}), "user_id").await;
    for name in ["provider", "user_id", "connection_id"] {
        let mut body = json!({"link_with": "x"});
        body[name] = json!("con_AAAAAAAAAAAAAAAA");
        post(body, "link_with").await;
    }
    post(json!({"provider": "auth0", "user_id": "x", "more": 1}), "more").await;
    assert_eq!(w.get("auth0|p").await.expect(200).json(), p, "nothing was written");
}

#[tokio::test]
async fn every_member_of_a_new_connection_is_checked() {
    let w = World::new().await;
    let before = w.client.get("/api/v2/connections").await.expect(200).json();
    let good = || json!({"name": "fine", "strategy": "github"});
    let post = async |body, name| is_refused(&w, "POST", "/api/v2/connections", body, name).await;
    for value in [
        json!(null),
        json!(1),
        json!(""),
        json!("-a"),
        json!("a-"),
        json!("a--b"),
        json!("a b"),
        json!("a_b"),
        json!("é"),
        json!("a\n"),
        long(129),
    ] {
        post(with(good(), "name", value), "name").await;
    }
    for value in [json!(null), json!(1), json!("myspace"), json!("GitHub"), json!("")] {
        post(with(good(), "strategy", value), "strategy").await;
    }
    for value in [json!(null), json!(1), long(129), json!("x\u{202e}")] {
        post(with(good(), "display_name", value), "display_name").await;
    }
    for name in ["is_domain_connection", "show_as_button"] {
        for value in [json!(null), json!("true"), json!(1)] {
            post(with(good(), name, value), name).await;
        }
    }
    for name in ["enabled_clients", "realms"] {
        for value in [json!(null), json!("x"), json!({}), json!([1]), json!([null])] {
            post(with(good(), name, value), name).await;
        }
    }
    let many: Value = (0..11)
        .map(|n| (format!("k{n}"), json!("v")))
        .collect::<serde_json::Map<_, _>>()
        .into();
    for value in [
        json!(null),
        json!([]),
        json!({"a": 1}),
        json!({"a": "x".repeat(256)}),
        many,
    ] {
        post(with(good(), "metadata", value), "metadata").await;
    }
    for name in ["authentication", "connected_accounts"] {
        for value in [
            json!(null),
            json!(true),
            json!({}),
            json!({"active": 1}),
            json!({"active": true, "x": 1}),
        ] {
            post(with(good(), name, value), if name == "x" { "x" } else { name }).await;
        }
    }
    for value in [
        json!(null),
        json!([]),
        json!({"client_id": 1}),
        json!({"client_secret": 1}),
        json!({"issuer": 1}),
        json!({"app_secret": "x"}),
        json!({"twilio_token": "x"}),
        json!({"configuration": {"x": "y"}}),
    ] {
        let names = [
            "options",
            "client_id",
            "client_secret",
            "issuer",
            "app_secret",
            "twilio_token",
            "configuration",
        ];
        let name = names
            .into_iter()
            .find(|name| value.get(name).is_some())
            .unwrap_or("options");
        post(with(good(), "options", value), name).await;
    }
    for value in [json!({"requires_username": "yes"}), json!({"passwordPolicy": "weak"})] {
        post(
            json!({"name": "fine", "strategy": "auth0", "options": value}),
            "options",
        )
        .await;
    }
    for name in ["name", "strategy"] {
        let mut body = good();
        body.as_object_mut().unwrap().remove(name);
        post(body, name).await;
    }
    post(with(good(), "id", json!("con_AAAAAAAAAAAAAAAA")), "id").await;
    assert_eq!(w.client.get("/api/v2/connections").await.expect(200).json(), before);
}

#[tokio::test]
async fn bodies_that_are_no_objects_are_refused_alike() {
    let w = World::new().await;
    let p = w.user("p").await;
    let routes = [
        ("POST", "/api/v2/users".to_owned()),
        ("PATCH", user_path("auth0|p")),
        ("POST", identities_path("auth0|p")),
        ("POST", "/api/v2/connections".to_owned()),
        ("PATCH", "/api/v2/connections/con_0000000000000001".to_owned()),
        ("PATCH", "/api/v2/connections/con_0000000000000001/clients".to_owned()),
    ];
    let nested = format!("{{\"user_metadata\":{}{}}}", "[".repeat(40), "]".repeat(40));
    for (method, path) in &routes {
        for body in [
            "",
            "null",
            "[]",
            "\"x\"",
            "{",
            "{} x",
            "{\"a\":NaN}",
            "{\"a\":1e400}",
            "{\"name\":\"a\",\"name\":\"b\"}",
            "{\"user_metadata\":{\"x\":{\"y\":1,\"y\":2}}}",
            "{\"name\":\"a\\u0000\"}",
            "{\"name\":\"\\ud800\"}",
            "\u{feff}{}",
            nested.as_str(),
        ] {
            let json = ("application/json", body.to_owned());
            refused(&w.client.request(method, path, &[], json).await, 400, "invalid_body");
        }
        for media_type in ["text/plain", "application/json; charset=utf-16"] {
            let reply = w.client.request(method, path, &[], (media_type, "{}")).await;
            refused(&reply, 415, "media_type");
        }
    }
    for (path, bytes) in [("/api/v2/connections", 70_000), ("/api/v2/users", 1_100_000)] {
        let body = json!({"name": "x".repeat(bytes)});
        refused(&w.client.post(path, body).await, 413, "body_too_large");
    }
    let big = json!({"user_metadata": {"x": "y".repeat(900_000)}});
    w.client.patch(&user_path("auth0|p"), big).await.expect(200);
    assert_eq!(w.get("auth0|p").await.json()["email"], p["email"]);
}

#[tokio::test]
async fn sec_api_04_what_was_read_cannot_be_sent_back_changed() {
    let w = World::new().await;
    let shown = w.user("p").await;
    let path = user_path("auth0|p");
    refused(&w.client.patch(&path, shown.clone()).await, 400, "invalid_body");
    for (name, _) in shown.as_object().unwrap() {
        let sent = match name.as_str() {
            "email" => json!("new@x.example"),
            "email_verified" => json!(true),
            "picture" => json!("https://x.example/p"),
            "name" | "nickname" => json!("New"),
            _ => {
                let reply = w.client.patch(&path, json!({name: "changed"})).await;
                refused(&reply, 400, "invalid_body");
                continue;
            }
        };
        let now = w.client.patch(&path, json!({name: sent})).await.expect(200).json();
        assert_eq!(now[name], sent);
    }
    let now = w.get("auth0|p").await.expect(200).json();
    for kept in ["user_id", "identities", "created_at"] {
        assert_eq!(now[kept], shown[kept], "{kept}");
    }
}
