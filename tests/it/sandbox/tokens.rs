//! Tokens after they were made: refreshed, rotated, taken back.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use oneself::clock::Clock;
use serde_json::{Value, json};

use super::{OTHER, OURS, encoded, networks};
use crate::support::http::Reply;
use crate::support::sandbox::Sandbox;

fn form(pairs: &[(&str, &str)]) -> (&'static str, String) {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    ("application/x-www-form-urlencoded", pairs.join("&"))
}

async fn refresh(networks: &Sandbox, place: &str, application: (&str, &str), token: &str) -> Reply {
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", application.0),
        ("client_secret", application.1),
        ("refresh_token", token),
        ("fmt", "json"),
    ];
    networks.client().post(place, form(&fields)).await
}

/// The access token and the refresh token that came of it.
fn made(reply: &Reply) -> (String, Option<String>) {
    let body = reply.json();
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    (
        text("access_token").unwrap_or_else(|| panic!("{body}")),
        text("refresh_token"),
    )
}

#[tokio::test]
async fn a_refresh_token_is_for_its_application_and_rotates_where_it_does() {
    let mut found = Vec::new();
    for (network, place) in [
        ("twitter", "/api.x.com/2/oauth2/token"),
        ("google", "/oauth2.googleapis.com/token"),
        ("linkedin", "/www.linkedin.com/oauth/v2/accessToken"),
        ("microsoft", "/login.microsoftonline.com/common/oauth2/v2.0/token"),
        ("apple", "/appleid.apple.com/auth/token"),
        ("gitlab", "/gitlab.com/oauth/token"),
        ("discord", "/discord.com/api/v10/oauth2/token"),
        ("slack", "/slack.com/api/openid.connect.token"),
        ("qq", "/graph.qq.com/oauth2.0/token"),
        ("oidc", "/oidc/token"),
        ("oauth2", "/oauth2/token"),
    ] {
        let networks = networks(&[network]);
        let account = networks.account(network, json!({"client_id": OURS.0})).json;
        let of = if network == "twitter" {
            &account["oauth2"]
        } else {
            &account
        };
        let token = of["refresh_token"].as_str().unwrap();
        let others = refresh(&networks, place, OTHER, token).await;
        assert!(others.json().get("access_token").is_none(), "{network}");
        let (_, second) = made(&refresh(&networks, place, OURS, token).await);
        let again = refresh(&networks, place, OURS, token).await;
        let lives = again.json().get("access_token").is_some();
        let then = match &second {
            Some(second) => refresh(&networks, place, OURS, second)
                .await
                .json()
                .get("access_token")
                .is_some(),
            None => lives,
        };
        let word = match (second.is_some(), lives, then) {
            (true, false, false) => "rotates, and reuse ends all",
            (true, true, true) => "gives another, and both live",
            (false, true, true) => "stays",
            other => panic!("{network}: {other:?}"),
        };
        found.push(format!("{network}: {word}"));
    }
    assert_eq!(
        found,
        [
            "twitter: rotates, and reuse ends all",
            "google: stays",
            "linkedin: stays",
            "microsoft: gives another, and both live",
            "apple: stays",
            "gitlab: rotates, and reuse ends all",
            "discord: rotates, and reuse ends all",
            "slack: rotates, and reuse ends all",
            "qq: rotates, and reuse ends all",
            "oidc: rotates, and reuse ends all",
            "oauth2: rotates, and reuse ends all",
        ]
    );
}

#[tokio::test]
async fn reuse_of_a_refresh_token_ends_the_access_tokens_too() {
    let networks = networks(&["oidc"]);
    let account = networks.account("oidc", json!({"client_id": OURS.0}));
    let first = account.refresh_token.unwrap();
    let (access, _) = made(&refresh(&networks, "/oidc/token", OURS, &first).await);
    let bearer = networks.client().bearer(&access);
    bearer.get("/oidc/userinfo").await.expect(200);
    refresh(&networks, "/oidc/token", OURS, &first).await.expect(400);
    bearer.get("/oidc/userinfo").await.expect(401);
}

#[tokio::test]
async fn a_token_is_taken_back_by_its_application_alone() {
    for (network, place) in [
        ("linkedin", "/www.linkedin.com/oauth/v2/revoke"),
        ("apple", "/appleid.apple.com/auth/revoke"),
        ("gitlab", "/gitlab.com/oauth/revoke"),
        ("discord", "/discord.com/api/v10/oauth2/token/revoke"),
        ("oidc", "/oidc/revoke"),
        ("oauth2", "/oauth2/revoke"),
        ("twitter", "/api.x.com/2/oauth2/revoke"),
    ] {
        let networks = networks(&[network]);
        let account = networks.account(network, json!({"client_id": OURS.0})).json;
        let of = if network == "twitter" {
            &account["oauth2"]
        } else {
            &account
        };
        let (access, token) = (
            of["access_token"].as_str().unwrap(),
            of["refresh_token"].as_str().unwrap(),
        );
        let revoke = |application: (&'static str, &'static str)| {
            let body = form(&[
                ("client_id", application.0),
                ("client_secret", application.1),
                ("token", access),
            ]);
            let client = networks.client();
            async move { client.post(place, body).await.status }
        };
        let again = || async {
            let place = match network {
                "linkedin" => "/www.linkedin.com/oauth/v2/accessToken",
                "apple" => "/appleid.apple.com/auth/token",
                "gitlab" => "/gitlab.com/oauth/token",
                "discord" => "/discord.com/api/v10/oauth2/token",
                "oidc" => "/oidc/token",
                "oauth2" => "/oauth2/token",
                _ => "/api.x.com/2/oauth2/token",
            };
            made_refresh(&refresh(&networks, place, OURS, token).await)
        };
        assert!(revoke((OURS.0, "no")).await >= 400, "{network}");
        // Of another's token most say nothing, and do nothing.
        let others = if network == "gitlab" { 403 } else { 200 };
        assert_eq!(revoke(OTHER).await, others, "{network}");
        assert_eq!(revoke(OURS).await, 200, "{network}");
        assert!(!again().await, "{network}: what came of the same consent is gone too");
    }
}

fn made_refresh(reply: &Reply) -> bool {
    reply.json().get("access_token").is_some()
}

#[tokio::test]
async fn google_facebook_github_and_slack_take_tokens_back_in_their_own_ways() {
    let networks = networks(&["google", "facebook", "github", "slack"]);
    let client = networks.client();
    let google = networks.account("google", json!({}));
    let body = form(&[("token", &google.access_token)]);
    client
        .post("/oauth2.googleapis.com/revoke", body.clone())
        .await
        .expect(200);
    client
        .post("/oauth2.googleapis.com/revoke", body.clone())
        .await
        .expect(400);
    let facebook = networks.account("facebook", json!({"client_id": OURS.0})).access_token;
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, OURS.1.as_bytes());
    let proof = hex::encode(aws_lc_rs::hmac::sign(&key, facebook.as_bytes()));
    let path = format!("/graph.facebook.com/v23.0/me/permissions?access_token={facebook}&appsecret_proof={proof}");
    assert_eq!(client.delete(&path).await.expect(200).json()["success"], true);
    assert_eq!(
        client.delete(&path).await.expect(400).json()["error"]["error_subcode"],
        458
    );
    let github = networks.account("github", json!({"client_id": OURS.0})).access_token;
    let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", OURS.0, OURS.1)));
    let headers = [("authorization", basic.as_str()), ("user-agent", "test")];
    for status in [204, 404] {
        let path = "/api.github.com/applications/our-app/token";
        let body = json!({"access_token": github});
        client.request("DELETE", path, &headers, body).await.expect(status);
    }
    let slack = networks
        .client()
        .bearer(&networks.account("slack", json!({})).access_token);
    assert_eq!(
        slack.post("/slack.com/api/auth.revoke", ()).await.json()["revoked"],
        true
    );
    assert_eq!(
        slack.post("/slack.com/api/auth.revoke", ()).await.json()["error"],
        "token_revoked"
    );
}

#[tokio::test]
async fn facebook_makes_a_longer_token_and_an_applications_own() {
    let networks = networks(&["facebook"]);
    let client = networks.client();
    let short = networks
        .account("facebook", json!({"client_id": OURS.0, "expires_in": 3600}))
        .access_token;
    let path = "/graph.facebook.com/v23.0/oauth/access_token?client_id=our-app&client_secret=our-secret";
    let longer = client
        .get(&format!(
            "{path}&grant_type=fb_exchange_token&fb_exchange_token={short}"
        ))
        .await;
    assert_eq!(longer.expect(200).json()["expires_in"], 5_184_000);
    let own = client
        .get(&format!("{path}&grant_type=client_credentials"))
        .await
        .expect(200)
        .json();
    assert_eq!(own["access_token"], "our-app|our-secret");
}

#[tokio::test]
async fn apples_secret_is_signed_by_the_applications_key() {
    let networks = networks(&[]);
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
        STANDARD.encode(pkcs8.as_ref())
    );
    networks.application("apple", OURS.0, &pem);
    let token = networks
        .account("apple", json!({"client_id": OURS.0}))
        .refresh_token
        .unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
    let now = networks.clock.now().as_second();
    let secret = |claims: Value| {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({"alg": "ES256", "kid": "k"})), part(&claims));
        let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    let claims = |subject: &str, ends: i64| json!({"iss": "TEAM", "iat": now, "exp": now + ends, "aud": "https://appleid.apple.com", "sub": subject});
    let place = "/appleid.apple.com/auth/token";
    for (shown, status) in [
        (secret(claims(OURS.0, 300)), 200),
        (secret(claims(OTHER.0, 300)), 400),
        (secret(claims(OURS.0, -1)), 400),
        (secret(claims(OURS.0, 16_000_000)), 400),
        (pem.clone(), 400),
    ] {
        let reply = refresh(&networks, place, (OURS.0, &shown), &token).await;
        assert_eq!(reply.status, status, "{shown}");
    }
}
