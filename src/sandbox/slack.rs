//! Slack: *Sign in with Slack*, its keys, and taking a token back.
//!
//! What would surprise: Slack answers its errors with status 200 and `ok: false`.

use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::consent;
use super::exchange::{self, Wrong};
use super::network::Network;
use super::oidc::{self, Endpoints};
use super::world::{Found, Standing, World};

/// Answers a request; nothing when there is nothing at its path.
pub fn answer(world: &World, call: &Call) -> Option<Answer> {
    match (call.method.as_str(), call.path.as_str()) {
        ("GET" | "POST", "/api/openid.connect.userInfo") => Some(bearer(world, call, claims)),
        ("GET" | "POST", "/api/auth.revoke") => Some(bearer(world, call, |found| {
            world.revoke(|token| token.family == found.token.family);
            json!({"ok": true, "revoked": true})
        })),
        ("GET" | "POST", "/openid/connect/authorize") => Some(consent::oauth2(world, call)),
        ("POST", "/api/openid.connect.token") => Some(match exchange::exchange(world, call) {
            Ok(exchanged) => {
                let mut body = exchanged.to_json("Bearer", " ");
                if let Some(body) = body.as_object_mut() {
                    body.shift_remove("scope");
                    body.insert("ok".to_owned(), json!(true));
                }
                Answer::json(200, &body)
            }
            Err(wrong) => refuse(match wrong {
                Wrong::Application => "invalid_client_id",
                Wrong::Secret => "bad_client_secret",
                Wrong::GrantType => "invalid_grant_type",
                Wrong::RedirectUri => "bad_redirect_uri",
                Wrong::UsedCode => "code_already_used",
                Wrong::Refresh => "invalid_refresh_token",
                Wrong::Absent | Wrong::Code | Wrong::Verifier => "invalid_code",
            }),
        }),
        ("GET", "/openid/connect/keys") => Some(oidc::key_set(world, Network::Slack, &json!({}))),
        ("GET", "/.well-known/openid-configuration") => Some(oidc::discovery(
            world,
            &Endpoints {
                issuer: "https://slack.com",
                authorization: "https://slack.com/openid/connect/authorize",
                token: "https://slack.com/api/openid.connect.token",
                userinfo: Some("https://slack.com/api/openid.connect.userInfo"),
                keys: "https://slack.com/openid/connect/keys",
                revocation: None,
                introspection: None,
            },
        )),
        _ => None,
    }
}

fn bearer(world: &World, call: &Call, of: impl Fn(&Found) -> Value) -> Answer {
    let of_form = call
        .form
        .iter()
        .find(|(name, _)| name == "token")
        .map(|(_, token)| token.as_str());
    let Some(text) = call.bearer().or(of_form) else {
        return refuse("not_authed");
    };
    match world.good(call, Some(text)) {
        Ok(found) => Answer::json(200, &of(&found)),
        Err(Some(Standing::Expired)) => refuse("token_expired"),
        Err(Some(Standing::Revoked)) => refuse("token_revoked"),
        Err(Some(Standing::Good) | None) => refuse("invalid_auth"),
    }
}

fn claims(found: &Found) -> Value {
    let account = &found.account;
    let (given, family) = account.names();
    json!({
        "ok": true,
        "sub": account.id,
        "https://slack.com/user_id": account.id,
        "https://slack.com/team_id": account.organisation,
        "email": account.email,
        "email_verified": account.email_verified,
        "name": account.name,
        "picture": account.picture,
        "given_name": given,
        "family_name": family,
        "locale": "en-US",
    })
}

/// An error as the Web API has it.
pub fn refuse(error: &str) -> Answer {
    Answer::json(200, &json!({"ok": false, "error": error}))
}
