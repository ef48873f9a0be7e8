//! Discord: the current authorization, and the user.

use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::consent;
use super::exchange::{self, Wrong};
use super::world::{Account, Found, World};

/// Answers a request; nothing when there is nothing at its path.
pub fn answer(world: &World, call: &Call) -> Option<Answer> {
    let parts = call.segments();
    let rest = match parts.as_slice() {
        ["api", version, rest @ ..] if version.starts_with('v') => rest,
        ["api", rest @ ..] => rest,
        ["oauth2", "authorize"] => return Some(consent::oauth2(world, call)),
        _ => return None,
    };
    match (call.method.as_str(), rest) {
        ("GET" | "POST", ["oauth2", "authorize"]) => Some(consent::oauth2(world, call)),
        ("POST", ["oauth2", "token"]) => Some(match exchange::exchange(world, call) {
            Ok(exchanged) => Answer::json(200, &exchanged.to_json("Bearer", " ")),
            Err(wrong) => refuse_exchange(wrong),
        }),
        ("POST", ["oauth2", "token", "revoke"]) => Some(match exchange::revoke(world, call) {
            Ok(()) => Answer::json(200, &json!({})),
            Err(wrong) => refuse_exchange(wrong),
        }),
        ("GET", ["oauth2", "@me"]) => Some(bearer(world, call, |found| authorization(world, found))),
        ("GET", ["users", "@me"]) => Some(bearer(world, call, |found| {
            let mut user = user(&found.account);
            if let Some(user) = user.as_object_mut()
                && found.token.scopes.iter().any(|scope| scope == "email")
            {
                user.insert("email".to_owned(), json!(found.account.email));
                user.insert("verified".to_owned(), json!(found.account.email_verified));
            }
            user
        })),
        _ => None,
    }
}

fn bearer(world: &World, call: &Call, of: impl Fn(&Found) -> Value) -> Answer {
    match world.good(call, call.bearer()) {
        Ok(found) => Answer::json(200, &of(&found)),
        Err(_) => Answer::json(401, &json!({"message": "401: Unauthorized", "code": 0})),
    }
}

fn refuse_exchange(wrong: Wrong) -> Answer {
    let (status, error) = match wrong {
        Wrong::Application | Wrong::Secret => (401, "invalid_client"),
        Wrong::GrantType => (400, "unsupported_grant_type"),
        Wrong::Absent => (400, "invalid_request"),
        Wrong::Code | Wrong::UsedCode | Wrong::RedirectUri | Wrong::Verifier | Wrong::Refresh => (400, "invalid_grant"),
    };
    Answer::json(status, &json!({"error": error}))
}

fn authorization(world: &World, found: &Found) -> Value {
    let mut about = json!({
        "application": {
            "id": world.audience(found),
            "name": "Sandbox",
            "icon": null,
            "description": "",
            "hook": true,
            "bot_public": true,
            "bot_require_code_grant": false,
            "verify_key": "",
        },
        "scopes": found.token.scopes,
        "expires": found.token.expires_at.map(|at| at.to_string()),
    });
    if let Some(about) = about.as_object_mut()
        && found.token.scopes.iter().any(|scope| scope == "identify")
    {
        about.insert("user".to_owned(), user(&found.account));
    }
    about
}

fn user(account: &Account) -> Value {
    json!({
        "id": account.id,
        "username": account.username,
        "discriminator": "0",
        "global_name": account.name,
        "avatar": null,
        "public_flags": 0,
    })
}
