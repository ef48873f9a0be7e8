//! QQ: which openid a token is for, and the user.
//!
//! Codes are those of QQ's list of return codes for OAuth 2.0. What would surprise: QQ answers its errors
//! with status 200, and what is not asked for as JSON is a call of a JavaScript function.

use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::world::{Standing, World};

/// Answers a request; nothing when there is nothing at its path.
pub fn answer(world: &World, call: &Call) -> Option<Answer> {
    match (call.method.as_str(), call.path.as_str()) {
        ("GET", "/oauth2.0/me") => Some(me(world, call)),
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
