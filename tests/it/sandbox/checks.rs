//! How each network answers those who ask about a token: a right one, one of another application, and
//! dead and made-up ones.

use serde_json::{Value, json};

use super::{OTHER, OURS, Signing, encoded, networks};
use crate::support::http::Reply;
use crate::support::sandbox::Sandbox;

/// A way to ask about a token.
struct Check {
    name: &'static str,
    network: &'static str,
    /// What of the answer is looked at.
    shows: &'static [&'static str],
    /// Right, of another application, expired, revoked, made up.
    expected: [&'static str; 5],
}

const CHECKS: [Check; 20] = [
    Check {
        name: "verify_credentials",
        network: "twitter",
        shows: &["/id_str", "/errors/0/code"],
        expected: ["200 7 -", "401 - 89", "401 - 89", "401 - 89", "401 - 89"],
    },
    Check {
        name: "users/me",
        network: "twitter",
        shows: &["/data/id", "/title"],
        expected: [
            "200 7 -",
            "200 7 -",
            "401 - Unauthorized",
            "401 - Unauthorized",
            "401 - Unauthorized",
        ],
    },
    Check {
        name: "debug_token",
        network: "facebook",
        shows: &[
            "/data/is_valid",
            "/data/app_id",
            "/data/user_id",
            "/data/error/subcode",
            "/error/code",
        ],
        expected: [
            "200 true our-app 7 - -",
            "400 - - - - 100",
            "200 false our-app 7 463 -",
            "200 false our-app 7 458 -",
            "200 false - - - -",
        ],
    },
    Check {
        name: "me",
        network: "facebook",
        shows: &["/id", "/error/code", "/error/error_subcode", "/error/type"],
        expected: [
            "200 7 - - -",
            "400 - 100 - GraphMethodException",
            "400 - 190 463 OAuthException",
            "400 - 190 458 OAuthException",
            "400 - 190 - OAuthException",
        ],
    },
    Check {
        name: "tokeninfo",
        network: "google",
        shows: &["/aud", "/azp", "/sub", "/error"],
        expected: [
            "200 our-app our-app 7 -",
            "200 other-app other-app 7 -",
            "400 - - - invalid_token",
            "400 - - - invalid_token",
            "400 - - - invalid_token",
        ],
    },
    Check {
        name: "userinfo",
        network: "google",
        shows: &["/sub", "/email_verified", "/error"],
        expected: [
            "200 7 true -",
            "200 7 true -",
            "401 - - invalid_request",
            "401 - - invalid_request",
            "401 - - invalid_request",
        ],
    },
    Check {
        name: "token",
        network: "github",
        shows: &["/app/client_id", "/user/id", "/message"],
        expected: [
            "200 our-app 7 -",
            "404 - - Not Found",
            "404 - - Not Found",
            "404 - - Not Found",
            "404 - - Not Found",
        ],
    },
    Check {
        name: "emails",
        network: "github",
        shows: &["/0/email", "/0/verified", "/message"],
        expected: [
            "200 m@x.example true -",
            "200 m@x.example true -",
            "401 - - Bad credentials",
            "401 - - Bad credentials",
            "401 - - Bad credentials",
        ],
    },
    Check {
        name: "introspectToken",
        network: "linkedin",
        shows: &["/active", "/client_id", "/status", "/error"],
        expected: [
            "200 true our-app active -",
            "200 true other-app active -",
            "200 false our-app expired -",
            "200 false our-app revoked -",
            "400 - - - invalid_request",
        ],
    },
    Check {
        name: "userinfo",
        network: "linkedin",
        shows: &["/sub", "/serviceErrorCode"],
        expected: ["200 7 -", "200 7 -", "401 - 65602", "401 - 65601", "401 - 65600"],
    },
    Check {
        name: "me",
        network: "microsoft",
        shows: &["/id", "/error/code"],
        expected: [
            "200 7 -",
            "200 7 -",
            "401 - InvalidAuthenticationToken",
            "401 - InvalidAuthenticationToken",
            "401 - InvalidAuthenticationToken",
        ],
    },
    Check {
        name: "token/info",
        network: "gitlab",
        shows: &["/application/uid", "/resource_owner_id", "/error"],
        expected: [
            "200 our-app 7 -",
            "200 other-app 7 -",
            "401 - - invalid_token",
            "401 - - invalid_token",
            "401 - - invalid_token",
        ],
    },
    Check {
        name: "user",
        network: "gitlab",
        shows: &["/id", "/error", "/message"],
        expected: [
            "200 7 - -",
            "200 7 - -",
            "401 - invalid_token -",
            "401 - invalid_token -",
            "401 - - 401 Unauthorized",
        ],
    },
    Check {
        name: "@me",
        network: "discord",
        shows: &["/application/id", "/user/id", "/message"],
        expected: [
            "200 our-app 7 -",
            "200 other-app 7 -",
            "401 - - 401: Unauthorized",
            "401 - - 401: Unauthorized",
            "401 - - 401: Unauthorized",
        ],
    },
    Check {
        name: "userInfo",
        network: "slack",
        shows: &["/ok", "/sub", "/error"],
        expected: [
            "200 true 7 -",
            "200 true 7 -",
            "200 false - token_expired",
            "200 false - token_revoked",
            "200 false - invalid_auth",
        ],
    },
    Check {
        name: "me",
        network: "qq",
        shows: &["/client_id", "/openid", "/error"],
        expected: [
            "200 our-app 7 -",
            "200 other-app 7 -",
            "200 - - 100016",
            "200 - - 100016",
            "200 - - 100016",
        ],
    },
    Check {
        name: "get_user_info",
        network: "qq",
        shows: &["/ret", "/nickname"],
        expected: [
            "200 0 Mira Ito",
            "200 100008 -",
            "200 100014 -",
            "200 100015 -",
            "200 100013 -",
        ],
    },
    Check {
        name: "self",
        network: "foursquare",
        shows: &["/response/user/id", "/meta/errorType"],
        expected: [
            "200 7 -",
            "200 7 -",
            "401 - invalid_auth",
            "401 - invalid_auth",
            "401 - invalid_auth",
        ],
    },
    Check {
        name: "introspect",
        network: "oauth2",
        shows: &["/active", "/client_id", "/sub"],
        expected: [
            "200 true our-app 7",
            "200 true other-app 7",
            "200 false - -",
            "200 false - -",
            "200 false - -",
        ],
    },
    Check {
        name: "userinfo",
        network: "oidc",
        shows: &["/sub", "/error_description"],
        expected: [
            "200 7 -",
            "200 7 -",
            "401 - The access token expired",
            "401 - The access token was revoked",
            "401 - The access token is invalid",
        ],
    },
];

/// Asks the network about a token, as our application.
async fn ask(networks: &Sandbox, check: &Check, account: &Value) -> Reply {
    let client = networks.client();
    let token = match (check.network, check.name) {
        ("twitter", "users/me") => account["oauth2"]["access_token"].as_str().unwrap(),
        _ => account["access_token"].as_str().unwrap(),
    };
    let bearer = format!("Bearer {token}");
    let get = |path: &'static str| {
        let headers = [("authorization", bearer.as_str()), ("user-agent", "test")];
        let client = networks.client();
        async move { client.request("GET", path, &headers, ()).await }
    };
    let form = |fields: &[(&str, &str)]| {
        let pairs: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        ("application/x-www-form-urlencoded", pairs.join("&"))
    };
    match (check.network, check.name) {
        ("twitter", "verify_credentials") => {
            let path = "/api.twitter.com/1.1/account/verify_credentials.json";
            let signing = Signing {
                application: OURS,
                token: (token, account["token_secret"].as_str().unwrap()),
                nonce: token,
                later: 0,
                more: &[],
            };
            let header = signing.header(networks, "GET", path);
            client
                .request("GET", path, &[("authorization", header.as_str())], ())
                .await
        }
        ("twitter", _) => get("/api.x.com/2/users/me").await,
        ("facebook", "debug_token") => {
            let application = encoded(&format!("{}|{}", OURS.0, OURS.1));
            let path = format!("/graph.facebook.com/v23.0/debug_token?input_token={token}&access_token={application}");
            client.get(&path).await
        }
        ("facebook", _) => {
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, OURS.1.as_bytes());
            let proof = hex::encode(aws_lc_rs::hmac::sign(&key, token.as_bytes()));
            let path = format!("/graph.facebook.com/v23.0/me?fields=id&appsecret_proof={proof}");
            client
                .request("GET", &path, &[("authorization", bearer.as_str())], ())
                .await
        }
        ("google", "tokeninfo") => {
            let body = form(&[("access_token", token)]);
            client.post("/oauth2.googleapis.com/tokeninfo", body).await
        }
        ("google", _) => get("/openidconnect.googleapis.com/v1/userinfo").await,
        ("github", "token") => {
            let basic = format!("Basic {}", base64(&format!("{}:{}", OURS.0, OURS.1)));
            let headers = [("authorization", basic.as_str()), ("user-agent", "test")];
            let path = format!("/api.github.com/applications/{}/token", OURS.0);
            client
                .request("POST", &path, &headers, json!({"access_token": token}))
                .await
        }
        ("github", _) => get("/api.github.com/user/emails").await,
        ("linkedin", "introspectToken") => {
            let body = form(&[("client_id", OURS.0), ("client_secret", OURS.1), ("token", token)]);
            client.post("/www.linkedin.com/oauth/v2/introspectToken", body).await
        }
        ("linkedin", _) => get("/api.linkedin.com/v2/userinfo").await,
        ("microsoft", _) => get("/graph.microsoft.com/v1.0/me").await,
        ("gitlab", "token/info") => get("/gitlab.com/oauth/token/info").await,
        ("gitlab", _) => get("/gitlab.com/api/v4/user").await,
        ("discord", _) => get("/discord.com/api/v10/oauth2/@me").await,
        ("slack", _) => get("/slack.com/api/openid.connect.userInfo").await,
        ("qq", "me") => {
            client
                .get(&format!("/graph.qq.com/oauth2.0/me?access_token={token}&fmt=json"))
                .await
        }
        ("qq", _) => {
            let openid = account["id"].as_str().unwrap();
            let (path, key) = ("/graph.qq.com/user/get_user_info", OURS.0);
            client
                .get(&format!(
                    "{path}?access_token={token}&oauth_consumer_key={key}&openid={openid}"
                ))
                .await
        }
        ("foursquare", _) => {
            client
                .get(&format!(
                    "/api.foursquare.com/v2/users/self?oauth_token={token}&v=20240101"
                ))
                .await
        }
        ("oauth2", _) => {
            let body = form(&[("client_id", OURS.0), ("client_secret", OURS.1), ("token", token)]);
            client.post("/oauth2/introspect", body).await
        }
        ("oidc", _) => get("/oidc/userinfo").await,
        _ => unreachable!("{}", check.network),
    }
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// What a check shows of an answer.
fn shown(check: &Check, reply: &Reply) -> String {
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    let mut shown = vec![reply.status.to_string()];
    shown.extend(check.shows.iter().map(|pointer| match body.pointer(pointer) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }));
    shown.join(" ")
}

#[tokio::test]
async fn every_network_answers_for_five_kinds_of_tokens() {
    for check in &CHECKS {
        let networks = networks(&[check.network]);
        let about = |client: &str| json!({"id": "7", "name": "Mira Ito", "email": "m@x.example", "email_verified": true, "client_id": client});
        let mut found = Vec::new();
        let good = networks.account(check.network, about(OURS.0)).json;
        found.push(shown(check, &ask(&networks, check, &good).await));
        let others = networks.account(check.network, about(OTHER.0)).json;
        found.push(shown(check, &ask(&networks, check, &others).await));
        networks.expire(check.network, "7");
        found.push(shown(check, &ask(&networks, check, &good).await));
        networks.revoke(check.network, "7");
        found.push(shown(check, &ask(&networks, check, &good).await));
        let mut made_up = good.clone();
        made_up["access_token"] = json!("made-up");
        made_up["oauth2"] = json!({"access_token": "made-up"});
        found.push(shown(check, &ask(&networks, check, &made_up).await));
        assert_eq!(found, check.expected, "{} {}", check.network, check.name);
    }
}

#[tokio::test]
async fn facebook_wants_a_proof_that_its_caller_has_the_secret() {
    let networks = networks(&["facebook"]);
    let token = networks.account("facebook", json!({})).access_token;
    let client = networks.client();
    let path = format!("/graph.facebook.com/me?access_token={token}");
    let reply = client.get(&path).await.expect(400).json();
    assert_eq!(
        reply["error"]["message"],
        "API calls from the server require an appsecret_proof argument"
    );
    let reply = client
        .get(&format!("{path}&appsecret_proof=00"))
        .await
        .expect(400)
        .json();
    assert_eq!(
        reply["error"]["message"],
        "Invalid appsecret_proof provided in the API argument"
    );
}

#[tokio::test]
async fn qq_answers_with_a_call_of_a_function_unless_json_is_asked_for() {
    let networks = networks(&["qq"]);
    let account = networks.account("qq", json!({"id": "ABC"}));
    let path = format!("/graph.qq.com/oauth2.0/me?access_token={}", account.access_token);
    let body = networks.client().get(&path).await.expect(200).body;
    assert_eq!(body, "callback( {\"client_id\":\"our-app\",\"openid\":\"ABC\"} );\n");
}

#[tokio::test]
async fn who_asks_with_a_wrong_secret_learns_nothing() {
    let networks = networks(&["facebook", "github", "linkedin", "oauth2"]);
    let client = networks.client();
    let form = |path: &'static str| {
        let body = "client_id=our-app&client_secret=no&token=x";
        let client = networks.client();
        async move {
            client
                .post(path, ("application/x-www-form-urlencoded", body))
                .await
                .status
        }
    };
    assert_eq!(form("/www.linkedin.com/oauth/v2/introspectToken").await, 401);
    assert_eq!(form("/oauth2/introspect").await, 401);
    let path = "/graph.facebook.com/debug_token?input_token=x&access_token=our-app%7Cno";
    assert_eq!(client.get(path).await.expect(400).json()["error"]["code"], 190);
    let basic = format!("Basic {}", base64("our-app:no"));
    let headers = [("authorization", basic.as_str()), ("user-agent", "test")];
    let path = "/api.github.com/applications/our-app/token";
    let reply = client
        .request("POST", path, &headers, json!({"access_token": "x"}))
        .await;
    assert_eq!(reply.status, 401);
}
