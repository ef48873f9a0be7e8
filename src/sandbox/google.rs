//! Google: tokeninfo, userinfo, the key set and discovery.
//!
//! What would surprise: tokeninfo says every number and Boolean as a text; and it takes its parameter
//! in the body as well as in the URL, where it would stand in logs.

use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::consent;
use super::exchange::{self, Wrong};
use super::network::Network;
use super::oauth2;
use super::oidc::{self, Endpoints};
use super::world::{Found, World};

/// Answers a request; nothing when there is nothing at its path.
pub fn answer(world: &World, call: &Call) -> Option<Answer> {
    match (call.method.as_str(), call.host.as_str(), call.path.as_str()) {
        ("GET" | "POST", "oauth2.googleapis.com", "/tokeninfo")
        | ("GET" | "POST", "www.googleapis.com", "/oauth2/v3/tokeninfo") => Some(token_info(world, call)),
        ("GET" | "POST", "openidconnect.googleapis.com", "/v1/userinfo")
        | ("GET", "www.googleapis.com", "/oauth2/v3/userinfo") => Some(userinfo(world, call)),
        ("GET", "www.googleapis.com", "/oauth2/v3/certs") => Some(oidc::key_set(world, Network::Google, &json!({}))),
        ("GET" | "POST", "accounts.google.com", "/o/oauth2/v2/auth") => Some(consent::oauth2(world, call)),
        ("POST", "oauth2.googleapis.com", "/token") => Some(match exchange::exchange(world, call) {
            Ok(exchanged) => Answer::json(200, &exchanged.to_json("Bearer", " ")),
            Err(wrong) => refuse_exchange(wrong),
        }),
        ("POST", "oauth2.googleapis.com", "/revoke") => Some(revoke(world, call)),
        ("GET", "accounts.google.com", "/.well-known/openid-configuration") => Some(oidc::discovery(
            world,
            &Endpoints {
                issuer: "https://accounts.google.com",
                authorization: "https://accounts.google.com/o/oauth2/v2/auth",
                token: "https://oauth2.googleapis.com/token",
                userinfo: Some("https://openidconnect.googleapis.com/v1/userinfo"),
                keys: "https://www.googleapis.com/oauth2/v3/certs",
                revocation: Some("https://oauth2.googleapis.com/revoke"),
                introspection: None,
            },
        )),
        _ => None,
    }
}

/// Takes back a token, whoever asks, with all that came of the same consent.
fn revoke(world: &World, call: &Call) -> Answer {
    let found = call.parameter("token").and_then(|text| world.look_up(call, text));
    let Some(found) = found.filter(Found::is_good) else {
        return oauth2::refuse(400, "invalid_token", "Token expired or revoked");
    };
    world.revoke(|token| token.family == found.token.family);
    Answer::json(200, &json!({}))
}

fn refuse_exchange(wrong: Wrong) -> Answer {
    match wrong {
        Wrong::Application => oauth2::refuse(401, "invalid_client", "The OAuth client was not found."),
        Wrong::Secret => oauth2::refuse(401, "invalid_client", "The provided client secret is invalid."),
        Wrong::GrantType => oauth2::refuse(400, "unsupported_grant_type", "Invalid grant_type"),
        Wrong::Absent => oauth2::refuse(400, "invalid_request", "Missing required parameter"),
        Wrong::RedirectUri => oauth2::refuse(400, "redirect_uri_mismatch", "Bad Request"),
        Wrong::Code | Wrong::UsedCode => oauth2::refuse(400, "invalid_grant", "Malformed auth code."),
        Wrong::Verifier => oauth2::refuse(400, "invalid_grant", "Invalid code verifier."),
        Wrong::Refresh => oauth2::refuse(400, "invalid_grant", "Token has been expired or revoked."),
    }
}

fn token_info(world: &World, call: &Call) -> Answer {
    let Ok(found) = world.good(call, call.parameter("access_token")) else {
        return oauth2::refuse(400, "invalid_token", "Invalid Value");
    };
    let audience = world.audience(&found);
    let expires_at = found.token.expires_at.unwrap_or_else(|| world.now());
    let left = expires_at.as_second().saturating_sub(world.now().as_second());
    let mut about = json!({
        "azp": audience,
        "aud": audience,
        "sub": found.account.id,
        "scope": found.scopes(" "),
        "exp": expires_at.as_second().to_string(),
        "expires_in": left.to_string(),
        "access_type": "offline",
    });
    if let (Some(about), Some(email)) = (about.as_object_mut(), &found.account.email) {
        about.insert("email".to_owned(), json!(email));
        about.insert(
            "email_verified".to_owned(),
            json!(found.account.email_verified.to_string()),
        );
    }
    Answer::json(200, &about)
}

fn userinfo(world: &World, call: &Call) -> Answer {
    match world.good(call, call.bearer()) {
        Ok(found) => Answer::json(200, &claims(&found)),
        Err(_) => oauth2::refuse(401, "invalid_request", "Invalid Credentials")
            .asking("Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\""),
    }
}

fn claims(found: &Found) -> Value {
    let mut claims = oauth2::standard_claims(found);
    if let Some(claims) = claims.as_object_mut() {
        claims.shift_remove("preferred_username");
    }
    claims
}
