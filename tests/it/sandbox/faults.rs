//! Faults on order, and facts that are wrong.

use oneself::sandbox::WrongFact;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::networks;
use crate::support::http::Client;
use crate::support::sandbox::Sandbox;

async fn me(client: &Client, token: &str) -> (u16, String) {
    let header = format!("Bearer {token}");
    let headers = [("authorization", header.as_str())];
    let reply = client
        .request("GET", "/discord.com/api/v10/users/@me", &headers, ())
        .await;
    let retry = reply
        .headers
        .get("retry-after")
        .map_or("", |value| value.to_str().unwrap());
    let kind = reply
        .headers
        .get("content-type")
        .map_or("", |value| value.to_str().unwrap());
    (reply.status, format!("{kind} {retry}").trim().to_owned())
}

#[tokio::test]
async fn a_network_fails_as_it_is_told_and_for_so_many_requests() {
    let networks = networks(&["discord"]);
    let token = networks.account("discord", json!({})).access_token;
    let client = networks.client();
    let (json, html, text) = (
        "application/json; charset=utf-8",
        "text/html; charset=utf-8",
        "text/plain; charset=utf-8",
    );
    for (mode, status, shows) in [
        ("none", 200, json.to_owned()),
        ("down", 503, text.to_owned()),
        ("rate_limited", 429, format!("{json} 30")),
        ("expired", 401, json.to_owned()),
        ("revoked", 401, json.to_owned()),
        ("garbage", 200, html.to_owned()),
    ] {
        networks.fault("discord", json!({"mode": mode, "for_requests": 2}));
        assert_eq!(me(&client, &token).await, (status, shows.clone()), "{mode}");
        assert_eq!(me(&client, &token).await, (status, shows), "{mode}");
        assert_eq!(me(&client, &token).await, (200, json.to_owned()), "after {mode}");
    }
}

#[tokio::test]
async fn a_slow_network_waits_and_others_do_not() {
    let networks = networks(&["discord", "slack"]);
    let token = networks.account("discord", json!({})).access_token;
    networks.fault("discord", json!({"mode": "slow", "delay_ms": 30_000}));
    let address = networks.address();
    let slow = tokio::spawn(async move { me(&Client::new(address), &token).await });
    while networks.log().is_empty() {
        let client = networks.client();
        client.get("/slack.com/api/openid.connect.userInfo").await.expect(200);
    }
    assert!(!slow.is_finished());
    slow.abort();
}

#[tokio::test]
async fn a_network_that_is_down_may_close_the_connection() {
    let networks = networks(&["discord"]);
    networks.fault("discord", json!({"mode": "down", "closes": true}));
    let address = networks.address();
    let asked = tokio::spawn(async move { Client::new(address).get("/discord.com/api/users/@me").await.status });
    assert!(
        asked.await.is_err(),
        "the client of the tests panics when nobody answers"
    );
}

/// What an ID token or an answer says with a fact wrong, beside the same with all facts right.
async fn difference(networks: &Sandbox, network: &str, fact: &str, path: &str) -> (Value, Value) {
    let about = json!({"id": "17", "email": "m@x.example", "client_id": "our-app"});
    let ask = || async {
        let account = networks.account(network, about.clone());
        let header = format!("Bearer {}", account.access_token);
        let headers = [("authorization", header.as_str())];
        let reply = networks.client().request("GET", path, &headers, ()).await;
        serde_json::from_slice(&reply.body).unwrap_or(Value::Null)
    };
    let right = ask().await;
    networks.wrong(network, fact);
    (right, ask().await)
}

#[tokio::test]
async fn a_fact_is_wrong_where_the_network_states_it() {
    for (network, fact, path, pointer, wrong) in [
        (
            "discord",
            "audience",
            "/discord.com/api/oauth2/@me",
            "/application/id",
            json!("another-application"),
        ),
        (
            "discord",
            "subject",
            "/discord.com/api/oauth2/@me",
            "/user/id",
            json!("13"),
        ),
        (
            "discord",
            "subject_field",
            "/discord.com/api/oauth2/@me",
            "/user/identifier",
            json!("17"),
        ),
        (
            "discord",
            "expiry",
            "/discord.com/api/oauth2/@me",
            "/expires",
            json!("2026-01-02T02:04:05Z"),
        ),
        (
            "oidc",
            "email_verified",
            "/oidc/userinfo",
            "/email_verified",
            json!(true),
        ),
    ] {
        let networks = networks(&[network]);
        let (right, told) = difference(&networks, network, fact, path).await;
        assert_ne!(right.pointer(pointer), Some(&wrong), "{network} {fact}");
        assert_eq!(told.pointer(pointer), Some(&wrong), "{network} {fact}");
    }
}

#[tokio::test]
async fn a_dead_token_is_called_good_when_the_standing_is_wrong() {
    let networks = networks(&["discord"]);
    let account = networks.account("discord", json!({}));
    networks.revoke("discord", &account.id);
    let client = networks.client();
    assert_eq!(me(&client, &account.access_token).await.0, 401);
    networks.wrong("discord", "standing");
    assert_eq!(me(&client, &account.access_token).await.0, 200);
}

#[tokio::test]
async fn answers_can_be_hostile() {
    let networks = networks(&["discord", "slack", "gitlab"]);
    networks.wrong("discord", "redirect");
    let reply = networks.client().get("/discord.com/api/users/@me").await;
    assert_eq!(
        (reply.status, reply.headers["location"].to_str().unwrap()),
        (302, "http://10.0.0.1/latest/meta-data/")
    );
    networks.wrong("slack", "media_type");
    let reply = networks.client().get("/slack.com/api/openid.connect.userInfo").await;
    assert_eq!(reply.headers["content-type"].to_str().unwrap(), "text/html");
    networks.wrong("gitlab", "length");
    let address = networks.address();
    let asked = tokio::spawn(async move { Client::new(address).get("/gitlab.com/api/v4/user").await.status });
    assert!(
        asked.await.is_err(),
        "the client of the tests panics when a body breaks off"
    );
}

#[tokio::test]
async fn an_error_can_come_as_a_success() {
    let networks = networks(&["discord"]);
    networks.wrong("discord", "status");
    let reply = networks.client().get("/discord.com/api/users/@me").await.expect(200);
    assert_eq!(reply.json()["message"], "401: Unauthorized");
}

#[tokio::test]
async fn an_answer_can_be_longer_than_anybody_reads() {
    const READ: usize = 16 << 20;
    let networks = networks(&["discord"]);
    networks.wrong("discord", "size");
    let mut stream = TcpStream::connect(networks.address()).await.unwrap();
    let request = b"GET /discord.com/api/users/@me HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let (mut read, mut piece) = (0, vec![0; 1 << 16]);
    while read < READ {
        let more = stream.read(&mut piece).await.unwrap();
        assert!(more > 0, "it ended after {read} bytes");
        read += more;
    }
}

#[test]
fn every_fact_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<&str> = WrongFact::ALL.iter().map(|fact| fact.name()).collect();
    assert_eq!(names.len(), WrongFact::ALL.len());
    assert!(names.len() >= 10);
}
