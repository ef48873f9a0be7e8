//! Every member of a changed connection: null, of another type, too long, unknown.

use serde_json::{Value, json};

use super::{World, refused};

#[tokio::test]
async fn every_member_of_a_changed_connection_is_checked() {
    let w = World::new().await;
    let database = w.connection(json!({"name": "people", "strategy": "auth0"})).await;
    let path = format!("/api/v2/connections/{database}");
    let before = w.client.get(&path).await.expect(200).json();
    let long = |n: usize| Value::from("x".repeat(n));
    let many: Value = (0..11)
        .map(|n| (format!("k{n}"), json!("v")))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let mut bad = vec![(json!({}), "property")];
    for (name, values) in [
        ("name", vec![json!("other")]),
        ("strategy", vec![json!("auth0")]),
        ("id", vec![json!("x")]),
        (
            "display_name",
            vec![json!(null), json!(1), long(129), json!("x\u{202e}")],
        ),
        ("is_domain_connection", vec![json!(null), json!("true")]),
        ("show_as_button", vec![json!(null), json!(1)]),
        (
            "enabled_clients",
            vec![json!("x"), json!({}), json!([1]), json!([null])],
        ),
        ("realms", vec![json!(null), json!("x"), json!([1])]),
        (
            "metadata",
            vec![
                json!(null),
                json!([]),
                json!({"a": 1}),
                json!({"a": "x".repeat(256)}),
                many,
            ],
        ),
        (
            "authentication",
            vec![json!(null), json!(true), json!({}), json!({"active": 1})],
        ),
        ("connected_accounts", vec![json!(null), json!({"active": true, "x": 1})]),
        ("options", vec![json!(null), json!([]), json!("x")]),
    ] {
        bad.extend(values.into_iter().map(|value| (json!({ name: value }), name)));
    }
    for (options, name) in [
        (json!({"client_id": 1}), "options.client_id"),
        (json!({"client_secret": null}), "options.client_secret"),
        (json!({"issuer": 1}), "options.issuer"),
        (json!({"app_secret": "x"}), "options.app_secret"),
        (json!({"configuration": {}}), "options.configuration"),
        (json!({"requires_username": "yes"}), "options.requires_username"),
        (json!({"passwordPolicy": "weak"}), "options.passwordPolicy"),
    ] {
        bad.push((json!({ "options": options }), name));
    }
    for (body, name) in bad {
        let reply = w.client.patch(&path, body.clone()).await;
        refused(&reply, 400, "invalid_body");
        let message = reply.json()["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with("Payload validation error: '"), "{message}");
        assert!(message.contains(name), "{body}: {message}");
    }
    assert_eq!(w.client.get(&path).await.json(), before, "nothing was written");
}
