//! QQ: which openid a token is for, and the user.
//!
//! Codes are those of QQ's list of return codes for OAuth 2.0. What would surprise: QQ answers its errors
//! with status 200, and what is not asked for as JSON is a call of a JavaScript function.

use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::consent;
use super::exchange::{self, Wrong};
use super::world::{Standing, World};

/// Answers a request; nothing when there is nothing at its path.
pub fn answer(world: &World, call: &Call) -> Option<Answer> {
    match (call.method.as_str(), call.path.as_str()) {
        ("GET", "/oauth2.0/me") => Some(me(world, call)),
        ("GET" | "POST", "/oauth2.0/authorize") => Some(consent::oauth2(world, call)),
        ("GET" | "POST", "/oauth2.0/token") => Some(token(world, call)),
        ("GET", "/user/get_user_info") => Some(user_info(world, call)),
        _ => None,
    }
}

fn me(world: &World, call: &Call) -> Answer {
    let body = match world.good(call, call.parameter("access_token")) {
        Ok(found) => json!({"client_id": world.audience(&found), "openid": found.account.id}),
        Err(_) if call.parameter("access_token").is_none() => {
            json!({"error": 100_007, "error_description": "param access token is wrong or lost"})
        }
        Err(_) => json!({"error": 100_016, "error_description": "access token check failed"}),
    };
    plain_or_call(call, &body)
}

/// The token endpoint, which answers with a form unless JSON is asked for.
fn token(world: &World, call: &Call) -> Answer {
    match exchange::exchange(world, call) {
        Ok(exchanged) => {
            let issued = &exchanged.issued;
            let lifetime = issued.lifetime.unwrap_or_default().to_string();
            let refresh = issued.refresh.as_deref().unwrap_or_default();
            let pairs = [
                ("access_token", issued.access.as_str()),
                ("expires_in", &lifetime),
                ("refresh_token", refresh),
            ];
            if call.parameter("fmt") == Some("json") {
                let members = pairs.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
                return Answer::json(200, &Value::Object(members.collect()));
            }
            // The names have no sign that a form would encode, as QQ's own have not.
            let text = pairs.iter().map(|(name, value)| format!("{name}={value}"));
            Answer::html(200, &text.collect::<Vec<_>>().join("&"))
        }
        Err(wrong) => {
            let (code, why) = match wrong {
                Wrong::Application => (100_008, "client_id does not exist"),
                Wrong::Secret => (100_009, "client_secret is illegal"),
                Wrong::GrantType => (100_004, "grant_type is wrong or lost"),
                Wrong::Absent => (100_005, "code is lost"),
                Wrong::RedirectUri => (100_010, "redirect_uri is illegal"),
                Wrong::UsedCode => (100_020, "code is reused"),
                Wrong::Code | Wrong::Verifier => (100_019, "code to access token error"),
                Wrong::Refresh => (100_022, "refresh token error"),
            };
            plain_or_call(call, &json!({"error": code, "error_description": why}))
        }
    }
}

/// JSON for those who ask for it, and a call of `callback` for the others.
fn plain_or_call(call: &Call, body: &Value) -> Answer {
    if call.parameter("fmt") == Some("json") {
        return Answer::json(200, body);
    }
    Answer::html(200, &format!("callback( {body} );\n"))
}

fn user_info(world: &World, call: &Call) -> Answer {
    let found = match world.good(call, call.parameter("access_token")) {
        Ok(found) => found,
        Err(standing) => {
            return match standing {
                Some(Standing::Expired) => refuse(100_014, "access token is expired"),
                Some(Standing::Revoked) => refuse(100_015, "access token is revoked"),
                Some(Standing::Good) | None => refuse(100_013, "access token is illegal"),
            };
        }
    };
    let client = call.parameter("oauth_consumer_key").unwrap_or_default();
    if world.application(call.network, client).is_none() || !found.is_for(client) {
        return refuse(100_008, "client_id does not exist");
    }
    if call.parameter("openid") != Some(found.account.id.as_str()) {
        return refuse(100_016, "access token check failed");
    }
    Answer::json(
        200,
        &json!({
            "ret": 0,
            "msg": "",
            "nickname": found.account.name,
            "figureurl_qq_1": found.account.picture,
            "gender": "",
        }),
    )
}

fn refuse(code: i64, message: &str) -> Answer {
    Answer::json(200, &json!({"ret": code, "msg": message}))
}
