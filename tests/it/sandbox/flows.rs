//! The way of a browser: a page, a consent, a code or a verifier, and tokens that work.

use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{OURS, Signing, encoded, networks};
use crate::support::http::Reply;
use crate::support::sandbox::Sandbox;

const BACK: &str = "https://app.example/back?from=here";

/// Where a network shows its page, and where it makes tokens.
const PLACES: [(&str, &str, &str); 14] = [
    ("twitter", "/x.com/i/oauth2/authorize", "/api.x.com/2/oauth2/token"),
    (
        "facebook",
        "/www.facebook.com/v23.0/dialog/oauth",
        "/graph.facebook.com/v23.0/oauth/access_token",
    ),
    (
        "google",
        "/accounts.google.com/o/oauth2/v2/auth",
        "/oauth2.googleapis.com/token",
    ),
    (
        "github",
        "/github.com/login/oauth/authorize",
        "/github.com/login/oauth/access_token",
    ),
    (
        "linkedin",
        "/www.linkedin.com/oauth/v2/authorization",
        "/www.linkedin.com/oauth/v2/accessToken",
    ),
    (
        "microsoft",
        "/login.microsoftonline.com/common/oauth2/v2.0/authorize",
        "/login.microsoftonline.com/common/oauth2/v2.0/token",
    ),
    (
        "apple",
        "/appleid.apple.com/auth/authorize",
        "/appleid.apple.com/auth/token",
    ),
    ("gitlab", "/gitlab.com/oauth/authorize", "/gitlab.com/oauth/token"),
    (
        "discord",
        "/discord.com/oauth2/authorize",
        "/discord.com/api/v10/oauth2/token",
    ),
    (
        "slack",
        "/slack.com/openid/connect/authorize",
        "/slack.com/api/openid.connect.token",
    ),
    ("qq", "/graph.qq.com/oauth2.0/authorize", "/graph.qq.com/oauth2.0/token"),
    (
        "foursquare",
        "/foursquare.com/oauth2/authenticate",
        "/foursquare.com/oauth2/access_token",
    ),
    ("oidc", "/oidc/authorize", "/oidc/token"),
    ("oauth2", "/oauth2/authorize", "/oauth2/token"),
];

fn form(pairs: &[(&str, &str)]) -> (&'static str, String) {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    ("application/x-www-form-urlencoded", pairs.join("&"))
}

/// What stands between two texts.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).unwrap().0
}

/// A parameter of the address that a reply leads to.
fn led_to<'a>(reply: &'a Reply, name: &str) -> &'a str {
    let place = reply.headers["location"].to_str().unwrap();
    let (_, query) = place.split_once('?').unwrap();
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix(&format!("{name}=")))
        .unwrap_or_else(|| panic!("{place}"))
}

/// Opens the page, and sends its form back.
async fn consent(networks: &Sandbox, page: &str, account: &str, decision: &str) -> Reply {
    let page = networks.client().get(page).await.expect(200);
    let page = String::from_utf8(page.body.to_vec()).unwrap();
    let action = between(&page, "action=\"", "\"");
    let consent = between(&page, "name=\"consent\" value=\"", "\"");
    let body = form(&[("consent", consent), ("account", account), ("decision", decision)]);
    networks.client().post(action, body).await
}

fn asked(page: &str, more: &str) -> String {
    format!(
        "{page}?response_type=code&client_id={}&redirect_uri={}&state=a%20b{more}",
        OURS.0,
        encoded(BACK)
    )
}

fn challenge(verifier: &str) -> String {
    let hashed = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
    format!("&code_challenge_method=S256&code_challenge={hashed}")
}

async fn exchange(networks: &Sandbox, place: &str, secret: &str, code: &str, verifier: &str) -> Reply {
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", OURS.0),
        ("client_secret", secret),
        ("code", code),
        ("redirect_uri", BACK),
        ("code_verifier", verifier),
        ("fmt", "json"),
    ];
    let accept = [("accept", "application/json")];
    networks.client().request("POST", place, &accept, form(&fields)).await
}

/// The status and what kind of refusal it is.
fn refusal(reply: &Reply) -> String {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    let number = |pointer: &str| {
        body.pointer(pointer)
            .and_then(Value::as_i64)
            .map(|code| code.to_string())
    };
    let text = body["error"].as_str().map(str::to_owned);
    let why = text.or_else(|| number("/error/code")).or_else(|| number("/error"));
    let call = || between(std::str::from_utf8(&reply.body).unwrap(), "\"error\":", ",").to_owned();
    format!("{} {}", reply.status, why.unwrap_or_else(call))
}

#[tokio::test]
async fn a_code_is_exchanged_once_by_who_asked_for_it() {
    let mut found = Vec::new();
    for (network, page, place) in PLACES {
        let networks = networks(&[network]);
        let known = networks.account(network, json!({"id": "7", "name": "Mira Ito"}));
        let back = consent(&networks, &asked(page, &challenge("our-verifier")), &known.id, "allow").await;
        let to = back.headers["location"].to_str().unwrap();
        assert!(
            to.starts_with(BACK) && led_to(&back, "state") == "a%20b",
            "{network}: {to}"
        );
        let code = led_to(&back, "code");
        let secret = refusal(&exchange(&networks, place, "no", code, "our-verifier").await);
        let verifier = refusal(&exchange(&networks, place, OURS.1, code, "no").await);
        let right = exchange(&networks, place, OURS.1, code, "our-verifier")
            .await
            .expect(200)
            .json();
        assert!(right["access_token"].is_string(), "{network}: {right}");
        let again = refusal(&exchange(&networks, place, OURS.1, code, "our-verifier").await);
        let names: Vec<&str> = right.as_object().unwrap().keys().map(String::as_str).collect();
        found.push(format!("{network}: {secret}, {verifier}, {again}; {}", names.join(" ")));
    }
    assert_eq!(
        found,
        [
            "twitter: 401 unauthorized_client, 400 invalid_request, 400 invalid_request; access_token token_type expires_in refresh_token scope",
            "facebook: 400 1, 400 1, 400 100; access_token token_type expires_in",
            "google: 401 invalid_client, 400 invalid_grant, 400 invalid_grant; access_token token_type expires_in refresh_token scope id_token",
            "github: 200 incorrect_client_credentials, 200 bad_verification_code, 200 bad_verification_code; access_token token_type scope",
            "linkedin: 401 invalid_client, 400 invalid_request, 400 invalid_request; access_token token_type expires_in refresh_token scope id_token",
            "microsoft: 401 invalid_client, 400 invalid_grant, 400 invalid_grant; access_token token_type expires_in refresh_token scope id_token",
            "apple: 400 invalid_client, 400 invalid_grant, 400 invalid_grant; access_token token_type expires_in refresh_token id_token",
            "gitlab: 401 invalid_client, 400 invalid_grant, 400 invalid_grant; access_token token_type expires_in refresh_token scope id_token created_at",
            "discord: 401 invalid_client, 400 invalid_grant, 400 invalid_grant; access_token token_type expires_in refresh_token scope",
            "slack: 200 bad_client_secret, 200 invalid_code, 200 code_already_used; access_token token_type expires_in refresh_token id_token ok",
            "qq: 200 100009, 200 100019, 200 100020; access_token expires_in refresh_token",
            "foursquare: 401 invalid_client, 400 invalid_grant, 400 invalid_grant; access_token",
            "oidc: 401 invalid_client, 400 invalid_grant, 400 invalid_grant; access_token token_type expires_in refresh_token scope id_token",
            "oauth2: 401 invalid_client, 400 invalid_grant, 400 invalid_grant; access_token token_type expires_in refresh_token scope",
        ]
    );
}

#[tokio::test]
async fn a_code_that_comes_twice_ends_what_came_of_it() {
    let networks = networks(&["oidc"]);
    let back = consent(&networks, &asked("/oidc/authorize", ""), "", "allow").await;
    let code = led_to(&back, "code");
    let token = exchange(&networks, "/oidc/token", OURS.1, code, "")
        .await
        .expect(200)
        .json();
    let client = networks.client().bearer(token["access_token"].as_str().unwrap());
    client.get("/oidc/userinfo").await.expect(200);
    exchange(&networks, "/oidc/token", OURS.1, code, "").await.expect(400);
    client.get("/oidc/userinfo").await.expect(401);
}

#[tokio::test]
async fn who_does_not_consent_goes_back_without_a_code() {
    let networks = networks(&["github", "linkedin"]);
    let back = consent(&networks, &asked("/github.com/login/oauth/authorize", ""), "", "deny").await;
    assert_eq!(
        (led_to(&back, "error"), led_to(&back, "state")),
        ("access_denied", "a%20b")
    );
    let back = consent(
        &networks,
        &asked("/www.linkedin.com/oauth/v2/authorization", ""),
        "",
        "deny",
    )
    .await;
    assert_eq!(led_to(&back, "error"), "user_cancelled_authorize");
}

#[tokio::test]
async fn a_browser_is_sent_nowhere_that_the_application_does_not_name() {
    let networks = networks(&["oidc"]);
    let client = networks.client();
    let uris = json!({
        "network": "oidc", "client_id": "strict", "client_secret": "s", "redirect_uris": ["https://app.example/back"],
    });
    client.post("/_control/applications", uris).await.expect(200);
    let page =
        |client: &str, uri: &str| format!("/oidc/authorize?response_type=code&client_id={client}&redirect_uri={uri}");
    client
        .get(&page("strict", "https://app.example/back"))
        .await
        .expect(200);
    client
        .get(&page("strict", "https://app.example/back/x"))
        .await
        .expect(400);
    client
        .get(&page("nobody", "https://app.example/back"))
        .await
        .expect(400);
    client.get("/oidc/authorize?client_id=strict").await.expect(400);
    let back = client
        .get(
            &format!("{}&response_type=token", page("strict", "https://app.example/back")).replacen(
                "response_type=code&",
                "",
                1,
            ),
        )
        .await;
    assert_eq!(led_to(&back, "error"), "unsupported_response_type");
    // X has no code without PKCE.
    networks.application("twitter", OURS.0, OURS.1);
    let back = client.get(&asked("/x.com/i/oauth2/authorize", "")).await;
    assert_eq!((back.status, led_to(&back, "error")), (302, "invalid_request"));
}

#[tokio::test]
async fn a_page_says_names_as_they_are() {
    let networks = networks(&["oidc"]);
    networks.account("oidc", json!({"id": "7", "name": "<b>Mira</b>"}));
    let page = networks.client().get(&asked("/oidc/authorize", "")).await.expect(200);
    let page = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(page.contains("&lt;b&gt;Mira") && !page.contains("<b>Mira"), "{page}");
}

#[tokio::test]
async fn apple_has_the_browser_post() {
    let networks = networks(&["apple"]);
    let page = asked(
        "/appleid.apple.com/auth/authorize",
        "&response_mode=form_post&nonce=n-1",
    );
    let reply = consent(&networks, &page, "", "allow").await.expect(200);
    let posting = String::from_utf8(reply.body.to_vec()).unwrap();
    assert_eq!(between(&posting, "action=\"", "\""), BACK);
    let code = between(&posting, "name=\"code\" value=\"", "\"");
    let token = exchange(&networks, "/appleid.apple.com/auth/token", OURS.1, code, "")
        .await
        .expect(200)
        .json();
    let claims = token["id_token"]
        .as_str()
        .unwrap()
        .split('.')
        .nth(1)
        .unwrap()
        .to_owned();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!((&claims["nonce"], &claims["aud"]), (&json!("n-1"), &json!(OURS.0)));
}

/// Signs a request of OAuth 1.0a and sends it; the form that comes back.
async fn signed(networks: &Sandbox, path: &str, token: (&str, &str), more: &[(&str, &str)]) -> (u16, String) {
    networks.clock.advance(Duration::from_secs(1));
    let signing = Signing {
        application: OURS,
        token,
        nonce: "n",
        later: 0,
        more,
    };
    let header = signing.header(networks, "POST", path);
    let reply = networks
        .client()
        .request("POST", path, &[("authorization", header.as_str())], ())
        .await;
    (reply.status, String::from_utf8(reply.body.to_vec()).unwrap() + "&")
}

#[tokio::test]
async fn a_request_token_becomes_an_access_token_once() {
    for (network, at, check) in [
        (
            "twitter",
            "/api.twitter.com/oauth",
            "/api.twitter.com/1.1/account/verify_credentials.json",
        ),
        ("oauth1", "/oauth1", "/oauth1/account"),
    ] {
        let networks = networks(&[network]);
        let known = networks.account(network, json!({"id": "7", "name": "Mira Ito"}));
        let request = format!("{at}/request_token");
        let (status, _) = signed(&networks, &request, ("", ""), &[]).await;
        assert_eq!(status, 400, "a callback must be said");
        let (status, body) = signed(&networks, &request, ("", ""), &[("oauth_callback", BACK)]).await;
        assert!(
            status == 200 && body.contains("oauth_callback_confirmed=true"),
            "{body}"
        );
        let token = (
            between(&body, "oauth_token=", "&"),
            between(&body, "oauth_token_secret=", "&"),
        );
        let access = format!("{at}/access_token");
        let back = consent(
            &networks,
            &format!("{at}/authorize?oauth_token={}", token.0),
            &known.id,
            "allow",
        )
        .await;
        assert_eq!(led_to(&back, "oauth_token"), token.0);
        let verifier = [("oauth_verifier", led_to(&back, "oauth_verifier"))];
        let (status, body) = signed(&networks, &access, token, &verifier).await;
        assert_eq!((status, between(&body, "user_id=", "&")), (200, "7"));
        let granted = (
            between(&body, "oauth_token=", "&"),
            between(&body, "oauth_token_secret=", "&"),
        );
        let signing = Signing {
            application: OURS,
            token: granted,
            nonce: "n",
            later: 0,
            more: &[],
        };
        let header = signing.header(&networks, "GET", check);
        networks
            .client()
            .request("GET", check, &[("authorization", header.as_str())], ())
            .await
            .expect(200);
        let (status, _) = signed(&networks, &access, token, &verifier).await;
        assert_eq!(status, 401, "once");
    }
}

#[tokio::test]
async fn a_request_token_is_no_use_without_consent_and_its_verifier() {
    let networks = networks(&["twitter"]);
    let at = "/api.twitter.com/oauth";
    for (decision, verifier) in [("none", "x"), ("allow", "x"), ("deny", "x")] {
        let oob = [("oauth_callback", "oob")];
        let (_, body) = signed(&networks, &format!("{at}/request_token"), ("", ""), &oob).await;
        let token = (
            between(&body, "oauth_token=", "&"),
            between(&body, "oauth_token_secret=", "&"),
        );
        if decision != "none" {
            let page = format!("{at}/authorize?oauth_token={}", token.0);
            let reply = consent(&networks, &page, "", decision).await.expect(200);
            let page = String::from_utf8(reply.body.to_vec()).unwrap();
            assert_eq!(
                page.contains("<strong>"),
                decision == "allow",
                "a PIN for who cannot be sent back"
            );
        }
        let verifier = [("oauth_verifier", verifier)];
        let (status, body) = signed(&networks, &format!("{at}/access_token"), token, &verifier).await;
        assert_eq!(status, 401, "{decision}: {body}");
    }
}
