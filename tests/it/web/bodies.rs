//! What bodies may be, by the strict reader and over HTTP.

use serde_json::{Value, json};

use super::Door;
use crate::support::http::Client;

#[tokio::test]
async fn sec_api_10_bodies_have_one_meaning() {
    let door = Door::open().await;
    let client = Client::new(door.address);
    let deep = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    let cases: Vec<(&str, Vec<u8>, &str, Value)> = vec![
        (
            "D-82",
            br#"{"identity":{"subject":"a\u0000b"}}"#.to_vec(),
            "invalid_value",
            json!("identity.subject"),
        ),
        ("D-85", br#"{"name":"\ud800"}"#.to_vec(), "invalid_json", json!("name")),
        (
            "D-85",
            b"{\"name\":\"\xc0\xaf\"}".to_vec(),
            "invalid_value",
            Value::Null,
        ),
        ("D-85", b"\xef\xbb\xbf{}".to_vec(), "invalid_json", Value::Null),
        ("D-131", deep(33).into_bytes(), "invalid_json", Value::Null),
        ("D-131", "[".repeat(60_000).into_bytes(), "invalid_json", Value::Null),
        (
            "D-132",
            br#"{"a":1,"b":2,"a":3}"#.to_vec(),
            "duplicate_member",
            json!("a"),
        ),
        (
            "D-132",
            br#"{"user_metadata":{"x":{"y":{"z":1,"z":2}}}}"#.to_vec(),
            "duplicate_member",
            json!("user_metadata.x.y.z"),
        ),
        ("D-136", br#"{"a":1}{"#.to_vec(), "invalid_json", Value::Null),
        ("D-136", br#"{"a":NaN}"#.to_vec(), "invalid_json", json!("a")),
        ("D-136", br#"{"a":1e400}"#.to_vec(), "invalid_json", json!("a")),
        ("w", b"".to_vec(), "invalid_json", Value::Null),
        ("w", b"[]".to_vec(), "wrong_type", Value::Null),
        ("w", b"null".to_vec(), "wrong_type", Value::Null),
    ];
    for (id, body, code, field) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let reply = client.post("/json", ("application/json", body)).await;
        let problem = reply.json();
        assert_eq!(reply.status, 400, "{id} {shown}");
        assert_eq!(reply.header("content-type"), "application/problem+json");
        assert_eq!(problem["code"], code, "{id} {shown}: {problem}");
        if field != Value::Null {
            assert_eq!(problem["field"], field, "{id} {shown}: {problem}");
        }
    }
    let minus_nought = client
        .post("/json", ("application/json", "{\"a\":-0}"))
        .await
        .expect(200);
    assert_eq!(minus_nought.text(), "{\"a\":0}");
    client.post("/json", ("application/json", deep(32))).await.expect(200);
    door.down().await;
}

#[tokio::test]
async fn sec_api_10_the_limit_is_that_of_the_route() {
    let door = Door::open().await;
    let client = Client::new(door.address);
    let of = |bytes: usize| json!({"a": "x".repeat(bytes - 8)});
    client.post("/json", of(65_536)).await.expect(200);
    let refused = client.post("/json", of(65_537)).await.expect(413);
    assert_eq!(refused.json()["code"], "body_too_large");
    assert_eq!(refused.header("connection"), "close");
    client.post("/big", of(1_048_576)).await.expect(200);
    client.post("/big", of(1_048_577)).await.expect(413);
    door.down().await;
}

#[tokio::test]
async fn forms_are_read_where_a_dialect_allows_them() {
    let door = Door::open().await;
    let client = Client::new(door.address);
    let form = "application/x-www-form-urlencoded";
    let reply = client
        .post("/either", (form, "grant_type=client_credentials&scope=a+b"))
        .await
        .expect(200);
    assert_eq!(
        reply.json(),
        json!({"grant_type": "client_credentials", "scope": "a b"})
    );
    client.post("/either", json!({"grant_type": "x"})).await.expect(200);
    let twice = client.post("/either", (form, "a=1&a=2")).await.expect(400);
    assert_eq!(twice.json()["code"], "duplicate_member");
    client.post("/either", ("text/plain", "a=1")).await.expect(415);
    client.post("/json", (form, "a=1")).await.expect(415);
    door.down().await;
}
