//! ID tokens, key sets and discovery.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use super::networks;
use crate::support::sandbox::Sandbox;

/// Where each network publishes its keys.
const KEYS: [(&str, &str); 7] = [
    ("google", "/www.googleapis.com/oauth2/v3/certs"),
    ("linkedin", "/www.linkedin.com/oauth/openid/jwks"),
    ("microsoft", "/login.microsoftonline.com/common/discovery/v2.0/keys"),
    ("apple", "/appleid.apple.com/auth/keys"),
    ("gitlab", "/gitlab.com/oauth/discovery/keys"),
    ("slack", "/slack.com/openid/connect/keys"),
    ("oidc", "/oidc/jwks"),
];

/// The claims, when one of the published keys has signed them.
async fn believed(networks: &Sandbox, path: &str, token: &str) -> Option<Value> {
    let keys: JwkSet = serde_json::from_slice(&networks.client().get(path).await.expect(200).body).unwrap();
    let kid = decode_header(token).ok()?.kid?;
    let key = DecodingKey::from_jwk(keys.find(&kid)?).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_aud = false;
    validation.validate_exp = false;
    decode::<Value>(token, &key, &validation).ok().map(|token| token.claims)
}

#[tokio::test]
async fn an_id_token_is_signed_and_says_whose_it_is() {
    let networks = networks(&["oidc"]);
    let url = networks.url().to_owned();
    let mut told = Vec::new();
    for (network, path) in KEYS {
        let about = json!({
            "id": "77", "name": "Mira Ito", "email": "m@x.example", "email_verified": true,
            "client_id": "our-app", "nonce": "n-1",
        });
        let token = networks.account(network, about).id_token.unwrap();
        let claims = believed(&networks, path, &token).await.expect(network);
        let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
        assert_eq!(
            (lifetime, &claims["nonce"], &claims["aud"]),
            (3600, &json!("n-1"), &json!("our-app"))
        );
        let issuer = claims["iss"].as_str().unwrap().replace(&url, "SANDBOX");
        let whose = if network == "microsoft" {
            &claims["oid"]
        } else {
            &claims["sub"]
        };
        told.push(format!("{issuer} {whose} {}", claims["email_verified"]));
    }
    assert_eq!(
        told,
        [
            r#"https://accounts.google.com "77" true"#,
            r#"https://www.linkedin.com/oauth "77" true"#,
            r#"https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0 "77" null"#,
            r#"https://appleid.apple.com "77" "true""#,
            r#"https://gitlab.com "77" true"#,
            r#"https://slack.com "77" true"#,
            r#"SANDBOX/oidc "77" true"#,
        ]
    );
}

#[tokio::test]
async fn a_key_is_rotated_and_the_one_before_it_stays_a_while() {
    let networks = networks(&["oidc"]);
    let first = networks.account("oidc", json!({})).id_token.unwrap();
    networks.rotate_key("oidc");
    let second = networks.account("oidc", json!({})).id_token.unwrap();
    assert!(believed(&networks, "/oidc/jwks", &first).await.is_some());
    assert!(believed(&networks, "/oidc/jwks", &second).await.is_some());
    assert!(decode_header(&first).unwrap().kid != decode_header(&second).unwrap().kid);
    networks.rotate_key("oidc");
    assert!(believed(&networks, "/oidc/jwks", &first).await.is_none());
}

#[tokio::test]
async fn an_id_token_can_be_wrong() {
    for (fact, member, wrong) in [
        ("issuer", "iss", json!("https://issuer.example")),
        ("audience", "aud", json!("another-application")),
        ("subject", "sub", json!("73")),
        ("subject_field", "sub", Value::Null),
        ("expiry", "exp", json!(1_767_319_445)),
    ] {
        let networks = networks(&["oidc"]);
        networks.wrong("oidc", fact);
        let token = networks.account("oidc", json!({"id": "77"})).id_token.unwrap();
        let claims = believed(&networks, "/oidc/jwks", &token).await.unwrap();
        assert_eq!(claims[member], wrong, "{fact}");
    }
    for fact in ["signing_key", "algorithm"] {
        let networks = networks(&["oidc"]);
        networks.wrong("oidc", fact);
        let token = networks.account("oidc", json!({"id": "77"})).id_token.unwrap();
        assert!(believed(&networks, "/oidc/jwks", &token).await.is_none(), "{fact}");
    }
}

#[tokio::test]
async fn discovery_has_the_real_issuer_and_endpoints_that_answer() {
    let networks = networks(&["oidc"]);
    let url = networks.url().to_owned();
    for (issuer, path) in [
        ("https://accounts.google.com", "/accounts.google.com"),
        ("https://www.linkedin.com/oauth", "/www.linkedin.com/oauth"),
        (
            "https://login.microsoftonline.com/{tenantid}/v2.0",
            "/login.microsoftonline.com/common/v2.0",
        ),
        (
            "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
            "/login.microsoftonline.com/consumers/v2.0",
        ),
        ("https://appleid.apple.com", "/appleid.apple.com"),
        ("https://gitlab.com", "/gitlab.com"),
        ("https://slack.com", "/slack.com"),
        (&format!("{url}/oidc"), "/oidc"),
    ] {
        let client = networks.client();
        let document = client
            .get(&format!("{path}/.well-known/openid-configuration"))
            .await
            .expect(200)
            .json();
        assert_eq!(document["issuer"], issuer);
        let keys = document["jwks_uri"].as_str().unwrap().strip_prefix(&url).unwrap();
        client.get(keys).await.expect(200);
    }
}
