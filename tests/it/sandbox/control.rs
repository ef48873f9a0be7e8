//! The control API: what it makes, what it refuses, and that the log tells nothing that is secret.

use serde_json::{Value, json};

use super::{OURS, networks};
use crate::support::sandbox::Sandbox;

#[tokio::test]
async fn what_is_not_understood_is_refused_by_name() {
    let networks = Sandbox::start();
    let client = networks.client();
    let tries = [
        ("accounts", json!({"network": "myspace"}), "network: must be one of"),
        ("accounts", json!({}), "network: is missing"),
        (
            "accounts",
            json!({"network": "twitter", "nmae": "x"}),
            "nmae: there is no such member",
        ),
        (
            "accounts",
            json!({"network": "twitter", "name": 5}),
            "name: must be a text",
        ),
        (
            "accounts",
            json!({"network": "github", "id": "mira"}),
            "id: is none that an account",
        ),
        ("accounts", json!([]), "body: must be a JSON object"),
        (
            "faults",
            json!({"network": "twitter", "mode": "late"}),
            "mode: must be none, slow",
        ),
        ("faults", json!({"network": "twitter"}), "mode: is missing"),
        (
            "faults",
            json!({"network": "twitter", "mode": "slow", "delay_ms": -1}),
            "delay_ms: must be",
        ),
        (
            "wrong",
            json!({"network": "twitter", "fact": "colour"}),
            "fact: must be one of",
        ),
        (
            "wrong",
            json!({"network": "github", "fact": "issuer"}),
            "fact: github does not state it",
        ),
        (
            "expire",
            json!({"network": "twitter", "id": "1"}),
            "id: nobody has it at twitter",
        ),
        (
            "keys",
            json!({"network": "github"}),
            "network: github signs no ID tokens",
        ),
        (
            "applications",
            json!({"network": "twitter", "client_id": "a"}),
            "client_secret: is missing",
        ),
        ("party", json!({}), "path: there is no order party"),
    ];
    for (order, members, why) in tries {
        let reply = client
            .post(&format!("/_control/{order}"), members.clone())
            .await
            .expect(400)
            .json();
        let told = reply["error"].as_str().unwrap();
        assert!(told.starts_with(why), "{order} {members}: {told}");
    }
    assert_eq!(client.delete("/_control/log").await.status, 404);
}

#[tokio::test]
async fn networks_have_other_names_too() {
    let networks = Sandbox::start();
    for (name, core) in [
        ("google-oauth2", "google"),
        ("googleplus", "google"),
        ("windowslive", "microsoft"),
        ("waad", "microsoft"),
        ("live", "microsoft"),
        ("x", "twitter"),
        ("twitter", "twitter"),
    ] {
        assert_eq!(networks.account(name, json!({})).json["network"], core, "{name}");
    }
}

#[tokio::test]
async fn ids_and_tokens_look_like_those_of_their_network() {
    let networks = Sandbox::start();
    let shape = |text: &str| -> String {
        let class = |c: char| match c {
            '0'..='9' => 'd',
            'a'..='z' | 'A'..='Z' => 'x',
            other => other,
        };
        let mut shape = String::new();
        for c in text.chars().map(class) {
            if shape.ends_with(c) && c != '-' {
                continue;
            } else {
                shape.push(c)
            }
        }
        shape
    };
    let twitter = networks.account("twitter", json!({}));
    assert_eq!((twitter.id.len(), shape(&twitter.id).as_str()), (19, "d"));
    assert!(twitter.access_token.starts_with(&format!("{}-", twitter.id)));
    assert_eq!(twitter.token_secret.unwrap().len(), 45);
    assert!(twitter.json["oauth2"]["access_token"].is_string());
    let google = networks.account("google", json!({}));
    assert_eq!((google.id.len(), google.expires_in), (21, Some(3600)));
    assert!(google.access_token.starts_with("ya29.") && google.id_token.is_some() && google.refresh_token.is_some());
    let github = networks.account("github", json!({}));
    assert!(github.access_token.starts_with("gho_") && github.expires_in.is_none());
    assert_eq!(
        networks
            .account("microsoft", json!({}))
            .id
            .split('-')
            .map(str::len)
            .collect::<Vec<_>>(),
        [8, 4, 4, 4, 12]
    );
    assert!(networks.account("apple", json!({})).id.starts_with("00"));
    assert!(networks.account("slack", json!({})).id.starts_with('U'));
    assert_eq!(networks.account("facebook", json!({})).id.len(), 17);
}

#[tokio::test]
async fn an_application_that_is_known_keeps_its_secret() {
    let networks = networks(&["oauth2"]);
    let client = networks.client();
    let asks = |secret: &'static str| {
        let client = networks.client();
        async move {
            let body = format!("client_id=our-app&client_secret={secret}&token=x");
            client
                .post("/oauth2/introspect", ("application/x-www-form-urlencoded", body))
                .await
                .status
        }
    };
    let again = |if_unknown: bool| json!({"network": "oauth2", "client_id": OURS.0, "client_secret": "new", "if_unknown": if_unknown});
    client.post("/_control/applications", again(true)).await.expect(200);
    assert_eq!((asks("our-secret").await, asks("new").await), (200, 401));
    client.post("/_control/applications", again(false)).await.expect(200);
    assert_eq!((asks("our-secret").await, asks("new").await), (401, 200));
}

#[tokio::test]
async fn the_log_tells_who_asked_for_what_and_no_secret() {
    let networks = networks(&["google", "github"]);
    let google = networks.account("google", json!({"email": "m@x.example"}));
    let client = networks.client();
    let secret = format!("access_token={}", google.access_token);
    let form = ("application/x-www-form-urlencoded", secret.clone());
    client.post("/oauth2.googleapis.com/tokeninfo", form).await.expect(200);
    client
        .get(&format!("/oauth2.googleapis.com/tokeninfo?{secret}"))
        .await
        .expect(200);
    let bearer = format!("Bearer {}", google.access_token);
    let headers = [("authorization", bearer.as_str())];
    client
        .request("GET", "/openidconnect.googleapis.com/v1/userinfo", &headers, ())
        .await
        .expect(200);
    client.get(&format!("/api.github.com/{}/x", google.access_token)).await;
    client.get("/myspace.com/tom").await.expect(404);
    let log = client.get("/_control/log").await.expect(200);
    let entries = log.json()["requests"].as_array().unwrap().clone();
    let told: Vec<String> = entries
        .iter()
        .map(|entry| {
            let text = |name: &str| entry[name].to_string().replace('"', "");
            [
                text("network"),
                text("method"),
                text("path"),
                text("query"),
                text("status"),
            ]
            .join(" ")
        })
        .collect();
    assert_eq!(
        told,
        [
            "google POST /oauth2.googleapis.com/tokeninfo false 200",
            "google GET /oauth2.googleapis.com/tokeninfo true 200",
            "google GET /openidconnect.googleapis.com/v1/userinfo false 200",
            "github GET /api.github.com/…/x false 403",
            "null GET /myspace.com/tom false 404",
        ]
    );
    let headers: Vec<&str> = entries[2]["headers"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(headers.contains(&"authorization"));
    let whole = String::from_utf8(log.body.to_vec()).unwrap();
    assert!(!whole.contains(&google.access_token) && !whole.contains("m@x.example"));
}
