//! OAuth 1.0a: the published examples, and what the networks refuse.

use oneself::sandbox::{base_string, signature};

use super::{OTHER, OURS, Signing, networks};

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// RFC 5849, 3.4.1.1.
#[test]
fn the_base_string_is_that_of_the_rfc() {
    let parameters = pairs(&[
        ("b5", "=%3D"),
        ("a3", "a"),
        ("c@", ""),
        ("a2", "r b"),
        ("oauth_consumer_key", "9djdj82h48djs9d2"),
        ("oauth_token", "kkk9d7dh3k39sjv7"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "137131201"),
        ("oauth_nonce", "7d8f3e4a"),
        ("c2", ""),
        ("a3", "2 q"),
    ]);
    assert_eq!(
        base_string("POST", "http://example.com/request", &parameters),
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D\
         %26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1\
         %26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
    );
}

/// *Creating a signature*, of Twitter's documentation.
#[test]
fn the_signature_is_that_of_twitters_example() {
    let parameters = pairs(&[
        ("status", "Hello Ladies + Gentlemen, a signed OAuth request!"),
        ("include_entities", "true"),
        ("oauth_consumer_key", "xvz1evFS4wEEPTGEFPHBog"),
        ("oauth_nonce", "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "1318622958"),
        ("oauth_token", "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb"),
        ("oauth_version", "1.0"),
    ]);
    let base = base_string("post", "https://api.twitter.com/1/statuses/update.json", &parameters);
    assert_eq!(
        base,
        "POST&https%3A%2F%2Fapi.twitter.com%2F1%2Fstatuses%2Fupdate.json&include_entities%3Dtrue%26oauth_consumer_key\
         %3Dxvz1evFS4wEEPTGEFPHBog%26oauth_nonce%3DkYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg%26oauth_signature_method\
         %3DHMAC-SHA1%26oauth_timestamp%3D1318622958%26oauth_token%3D370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb\
         %26oauth_version%3D1.0%26status%3DHello%2520Ladies%2520%252B%2520Gentlemen%252C%2520a%2520signed%2520OAuth\
         %2520request%2521"
    );
    let (application, token) = (
        "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
        "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
    );
    assert_eq!(signature(&base, application, token), "tnnArxj06cWHq44gCs1OSKk/jLY=");
}

#[tokio::test]
async fn a_signature_is_checked_with_its_time_and_its_nonce() {
    let networks = networks(&["twitter", "oauth1"]);
    let path = |network: &str| match network {
        "twitter" => "/api.twitter.com/1.1/account/verify_credentials.json?include_email=true",
        _ => "/oauth1/account",
    };
    let mut found = Vec::new();
    for network in ["twitter", "oauth1"] {
        let account = networks.account(network, serde_json::json!({}));
        let (token, secret) = (account.access_token.as_str(), account.token_secret.as_deref().unwrap());
        let right = || Signing {
            application: OURS,
            token: (token, secret),
            nonce: "a",
            later: 0,
            more: &[],
        };
        let tries = [
            ("right", right()),
            ("nonce again", right()),
            ("nonce again, later", Signing { later: 1, ..right() }),
            ("late", Signing { later: -301, ..right() }),
            ("early", Signing { later: 301, ..right() }),
            ("just in time", Signing { later: -300, ..right() }),
            (
                "secret of the application",
                Signing {
                    application: (OURS.0, "no"),
                    ..right()
                },
            ),
            (
                "secret of the token",
                Signing {
                    token: (token, "no"),
                    ..right()
                },
            ),
            (
                "unknown application",
                Signing {
                    application: ("no", "no"),
                    ..right()
                },
            ),
            (
                "unknown token",
                Signing {
                    token: ("no", secret),
                    ..right()
                },
            ),
            (
                "another application",
                Signing {
                    application: OTHER,
                    ..right()
                },
            ),
        ];
        for (name, signing) in tries {
            let header = signing.header(&networks, "GET", path(network));
            let reply = networks
                .client()
                .request("GET", path(network), &[("authorization", header.as_str())], ())
                .await;
            let body = String::from_utf8(reply.body.to_vec()).unwrap();
            let why = if reply.status == 200 { "" } else { body.as_str() };
            found.push(
                format!("{network} {name}: {} {why}", reply.status)
                    .trim_end()
                    .to_owned(),
            );
        }
    }
    assert_eq!(
        found,
        [
            "twitter right: 200",
            r#"twitter nonce again: 401 {"errors":[{"code":32,"message":"Could not authenticate you."}]}"#,
            "twitter nonce again, later: 200",
            r#"twitter late: 401 {"errors":[{"code":135,"message":"Timestamp out of bounds."}]}"#,
            r#"twitter early: 401 {"errors":[{"code":135,"message":"Timestamp out of bounds."}]}"#,
            "twitter just in time: 200",
            r#"twitter secret of the application: 401 {"errors":[{"code":32,"message":"Could not authenticate you."}]}"#,
            r#"twitter secret of the token: 401 {"errors":[{"code":32,"message":"Could not authenticate you."}]}"#,
            r#"twitter unknown application: 401 {"errors":[{"code":32,"message":"Could not authenticate you."}]}"#,
            r#"twitter unknown token: 401 {"errors":[{"code":89,"message":"Invalid or expired token."}]}"#,
            "twitter another application: 200",
            "oauth1 right: 200",
            "oauth1 nonce again: 401 oauth_problem=nonce_used",
            "oauth1 nonce again, later: 200",
            "oauth1 late: 401 oauth_problem=timestamp_refused",
            "oauth1 early: 401 oauth_problem=timestamp_refused",
            "oauth1 just in time: 200",
            "oauth1 secret of the application: 401 oauth_problem=signature_invalid",
            "oauth1 secret of the token: 401 oauth_problem=signature_invalid",
            "oauth1 unknown application: 401 oauth_problem=consumer_key_unknown",
            "oauth1 unknown token: 401 oauth_problem=token_rejected",
            "oauth1 another application: 200",
        ],
        "the account's tokens are for every application, so another one may sign with them"
    );
}

#[tokio::test]
async fn a_request_that_is_not_signed_has_no_answer() {
    let networks = networks(&["twitter", "oauth1"]);
    let client = networks.client();
    let reply = client.get("/api.twitter.com/1.1/account/verify_credentials.json").await;
    assert_eq!(
        (reply.status, reply.json()["errors"][0]["code"].as_u64()),
        (400, Some(215))
    );
    assert_eq!(client.get("/oauth1/account").await.status, 400);
}
