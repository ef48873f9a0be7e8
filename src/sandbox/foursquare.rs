//! Foursquare: the user behind a token. It does not say whose application a token is for.
//!
//! Answers have the envelope of version 2 of its API.

use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::consent;
use super::exchange;
use super::world::World;

/// Answers a request; nothing when there is nothing at its path.
pub fn answer(world: &World, call: &Call) -> Option<Answer> {
    match (call.method.as_str(), call.host.as_str(), call.path.as_str()) {
        ("GET", "api.foursquare.com", "/v2/users/self") => Some(myself(world, call)),
        ("GET" | "POST", "foursquare.com", "/oauth2/authenticate" | "/oauth2/authorize") => {
            Some(consent::oauth2(world, call))
        }
        ("GET" | "POST", "foursquare.com", "/oauth2/access_token") => Some(match exchange::exchange(world, call) {
            Ok(exchanged) => Answer::json(200, &json!({"access_token": exchanged.issued.access})),
            Err(wrong) => exchange::standard_refusal(wrong),
        }),
        _ => None,
    }
}

fn myself(world: &World, call: &Call) -> Answer {
    let has_version = call
        .parameter("v")
        .is_some_and(|version| version.len() == 8 && version.bytes().all(|byte| byte.is_ascii_digit()));
    if !has_version {
        let detail = "The Foursquare API no longer supports requests that do not pass in a version parameter.";
        return refuse(400, "param_error", detail);
    }
    let Ok(found) = world.good(call, call.parameter("oauth_token").or_else(|| call.bearer())) else {
        return refuse(401, "invalid_auth", "OAuth token invalid or revoked.");
    };
    let account = &found.account;
    let (first, last) = account.names();
    let mut contact = json!({});
    if let (Some(contact), Some(email)) = (contact.as_object_mut(), &account.email) {
        contact.insert("email".to_owned(), json!(email));
    }
    let user = json!({
        "id": account.id,
        "firstName": first,
        "lastName": last,
        "relationship": "self",
        "contact": contact,
        "photo": account.picture,
    });
    envelope(200, json!({"code": 200, "requestId": "sandbox"}), json!({"user": user}))
}

fn refuse(status: u16, kind: &str, detail: &str) -> Answer {
    let meta = json!({"code": status, "errorType": kind, "errorDetail": detail, "requestId": "sandbox"});
    envelope(status, meta, json!({}))
}

fn envelope(status: u16, meta: Value, response: Value) -> Answer {
    Answer::json(status, &json!({"meta": meta, "response": response}))
}
