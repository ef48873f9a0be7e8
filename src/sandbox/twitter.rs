//! Twitter, now X: OAuth 1.0a with `account/verify_credentials`, and X's OAuth 2 with `/2/users/me`.
//!
//! Errors have the codes of Twitter's list (32, 89, 135, 215) for version 1.1 and are problem details
//! for version 2. What would surprise: Twitter's OAuth 1.0a tokens do not expire, so an expired one is
//! answered like a revoked one.

use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::consent;
use super::exchange::{self, Wrong};
use super::oauth1::{self, Refusal, Signed, With};
use super::oauth2;
use super::request_tokens;
use super::world::{Account, World};

/// Answers a request; nothing when there is nothing at its path.
pub fn answer(world: &World, call: &Call) -> Option<Answer> {
    match (call.method.as_str(), call.path.as_str()) {
        ("GET", "/1.1/account/verify_credentials.json") => Some(verify_credentials(world, call)),
        ("POST", "/1.1/oauth/invalidate_token.json" | "/1.1/oauth/invalidate_token") => Some(invalidate(world, call)),
        ("GET", "/2/users/me") => Some(me(world, call)),
        ("POST", "/oauth/request_token") => Some(request_tokens::request(world, call, refuse)),
        ("GET" | "POST", "/oauth/authorize" | "/oauth/authenticate") => Some(consent::oauth1(world, call)),
        ("POST", "/oauth/access_token") => Some(request_tokens::exchange(world, call, refuse)),
        ("GET" | "POST", "/i/oauth2/authorize") => Some(consent::oauth2(world, call)),
        ("POST", "/2/oauth2/token") => Some(match exchange::exchange(world, call) {
            Ok(exchanged) => Answer::json(200, &exchanged.to_json("bearer", " ")),
            Err(wrong) => refuse_exchange(wrong),
        }),
        ("POST", "/2/oauth2/revoke") => Some(match exchange::revoke(world, call) {
            Ok(()) => Answer::json(200, &json!({"revoked": true})),
            Err(wrong) => refuse_exchange(wrong),
        }),
        _ => None,
    }
}

/// Who signed, and with which token.
fn signed(world: &World, call: &Call) -> Result<(Signed, Account, String), Answer> {
    let signed = oauth1::check(world, call, With::AccessToken).map_err(refuse)?;
    let found = signed.found.clone().ok_or_else(|| refuse(Refusal::Token))?;
    Ok((signed, found.account, found.token.account))
}

fn verify_credentials(world: &World, call: &Call) -> Answer {
    let account = match signed(world, call) {
        Ok((_, account, _)) => account,
        Err(refusal) => return refusal,
    };
    let mut user = json!({
        "id": account.id.parse::<u64>().ok(),
        "id_str": account.id,
        "name": account.name,
        "screen_name": account.username,
        "location": "",
        "description": "",
        "protected": false,
        "verified": false,
        "followers_count": account.contacts.len(),
        "profile_image_url_https": account.picture,
    });
    if call.parameter("include_email") == Some("true")
        && let Some(user) = user.as_object_mut()
    {
        // Twitter gives an address only when it has verified it.
        let email = account.email.filter(|_| account.email_verified);
        user.insert("email".to_owned(), json!(email.unwrap_or_default()));
    }
    Answer::json(200, &user)
}

fn invalidate(world: &World, call: &Call) -> Answer {
    match signed(world, call) {
        Ok((signed, ..)) => {
            let mut state = world.state.lock();
            if let Some(token) = state.tokens.get_mut(&signed.token) {
                token.is_revoked = true;
            }
            Answer::json(200, &json!({"access_token": signed.token}))
        }
        Err(refusal) => refusal,
    }
}

fn me(world: &World, call: &Call) -> Answer {
    let account = match call.bearer() {
        Some(token) => world.good(call, Some(token)).map(|found| found.account).ok(),
        None => signed(world, call).map(|(_, account, _)| account).ok(),
    };
    let Some(account) = account else {
        return Answer::json(
            401,
            &json!({"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}),
        );
    };
    let mut data = json!({"id": account.id, "name": account.name, "username": account.username});
    if let Some(data) = data.as_object_mut() {
        let fields = call.parameter("user.fields").unwrap_or_default();
        let wants = |name: &str| fields.split(',').any(|field| field == name);
        if wants("profile_image_url") {
            data.insert("profile_image_url".to_owned(), json!(account.picture));
        }
        if wants("confirmed_email")
            && let Some(email) = account.email.filter(|_| account.email_verified)
        {
            data.insert("confirmed_email".to_owned(), json!(email));
        }
    }
    Answer::json(200, &json!({"data": data}))
}

/// A refusal of OAuth 2.
fn refuse_exchange(wrong: Wrong) -> Answer {
    let invalid = |what: &str| {
        let why = format!("Value passed for the {what} was invalid.");
        oauth2::refuse(400, "invalid_request", &why)
    };
    match wrong {
        Wrong::Application | Wrong::Secret => {
            oauth2::refuse(401, "unauthorized_client", "Missing valid authorization header")
        }
        Wrong::GrantType => oauth2::refuse(400, "unsupported_grant_type", "The grant type is not supported"),
        Wrong::Absent => oauth2::refuse(400, "invalid_request", "Missing required parameter"),
        Wrong::Code | Wrong::UsedCode => invalid("authorization code"),
        Wrong::RedirectUri => invalid("redirect uri"),
        Wrong::Verifier => invalid("code verifier"),
        Wrong::Refresh => invalid("token"),
    }
}

/// A refusal in the words of version 1.1.
pub fn refuse(refusal: Refusal) -> Answer {
    let (status, code, message) = match refusal {
        Refusal::Absent(_) | Refusal::Repeated => (400, 215, "Bad Authentication data."),
        Refusal::Timestamp => (401, 135, "Timestamp out of bounds."),
        Refusal::Token | Refusal::Dead(_) => (401, 89, "Invalid or expired token."),
        Refusal::Method | Refusal::Nonce | Refusal::Application | Refusal::Signature => {
            (401, 32, "Could not authenticate you.")
        }
    };
    Answer::json(status, &errors(code, message))
}

fn errors(code: u32, message: &str) -> Value {
    json!({"errors": [{"code": code, "message": message}]})
}
