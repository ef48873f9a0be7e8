//! GitHub: checking and taking back a token with the application's credentials, and the user.
//!
//! As in *REST API endpoints for OAuth authorizations* and *for users*. What would surprise: a token that
//! is dead, unknown or another application's is 404 to all of them alike; and every request needs a
//! `User-Agent`.

use aws_lc_rs::digest;
use http::header::{ACCEPT, USER_AGENT};
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::consent;
use super::exchange::{self, Wrong};
use super::world::{Account, Found, World};

/// Answers a request; nothing when there is nothing at its path.
pub fn answer(world: &World, call: &Call) -> Option<Answer> {
    if call.host == "github.com" {
        return match (call.method.as_str(), call.path.as_str()) {
            ("GET" | "POST", "/login/oauth/authorize") => Some(consent::oauth2(world, call)),
            ("POST", "/login/oauth/access_token") => Some(exchange(world, call)),
            _ => None,
        };
    }
    if call.header(USER_AGENT).is_none_or(str::is_empty) {
        return Some(Answer::text(
            403,
            "Request forbidden by administrative rules. Please make sure your request has a User-Agent header",
        ));
    }
    match (call.method.as_str(), call.segments().as_slice()) {
        (method @ ("POST" | "DELETE"), ["applications", client, "token"]) => Some(token(world, call, client, method)),
        ("DELETE", ["applications", client, "grant"]) => Some(token(world, call, client, "GRANT")),
        ("GET", ["user"]) => Some(user(world, call)),
        ("GET", ["user", "emails"]) => Some(emails(world, call)),
        _ => None,
    }
}

/// The token endpoint, which answers with a form unless JSON is asked for, and its errors with 200.
fn exchange(world: &World, call: &Call) -> Answer {
    let body = match exchange::exchange(world, call) {
        Ok(exchanged) => exchanged.to_json("bearer", ","),
        Err(wrong) => {
            let (error, why) = match wrong {
                Wrong::Application | Wrong::Secret => (
                    "incorrect_client_credentials",
                    "The client_id and/or client_secret passed are incorrect.",
                ),
                Wrong::GrantType => ("unsupported_grant_type", "The grant type is not supported."),
                Wrong::RedirectUri => (
                    "redirect_uri_mismatch",
                    "The redirect_uri MUST match the registered callback URL for this application.",
                ),
                Wrong::Refresh => ("bad_refresh_token", "The refresh token passed is incorrect or expired."),
                Wrong::Absent | Wrong::Code | Wrong::UsedCode | Wrong::Verifier => {
                    ("bad_verification_code", "The code passed is incorrect or expired.")
                }
            };
            json!({"error": error, "error_description": why})
        }
    };
    if call.header(ACCEPT).is_some_and(|accept| accept.contains("json")) {
        return Answer::json(200, &body);
    }
    let members = body.as_object().into_iter().flatten();
    let pairs: Vec<(&str, &str)> = members
        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
        .collect();
    Answer::form(200, &pairs)
}

fn token(world: &World, call: &Call, client: &str, method: &str) -> Answer {
    let known = call
        .basic()
        .and_then(|(id, secret)| world.authenticate(call.network, &id, &secret));
    let Some(application) = known else {
        return refuse(401, "Bad credentials");
    };
    let Some(text) = call.field("access_token") else {
        return refuse(422, "Validation Failed");
    };
    let found = world
        .find(call, &text)
        .filter(|found| found.is_good() && found.is_for(&application.id));
    let Some(found) = found.filter(|_| application.id == client) else {
        return refuse(404, "Not Found");
    };
    match method {
        "POST" => Answer::json(200, &authorization(world, &found, &text, client)),
        "DELETE" => {
            world.revoke(|token| token.family == found.token.family);
            Answer::empty(204)
        }
        _ => {
            world.revoke(|token| {
                token.network == call.network
                    && token.account == found.token.account
                    && token.client == found.token.client
            });
            Answer::empty(204)
        }
    }
}

fn authorization(world: &World, found: &Found, text: &str, client: &str) -> Value {
    let hashed = digest::digest(&digest::SHA256, text.as_bytes());
    let last = text.get(text.len().saturating_sub(8)..);
    json!({
        "id": 1,
        "url": "https://api.github.com/authorizations/1",
        "scopes": found.token.scopes,
        "token": text,
        "token_last_eight": last,
        "hashed_token": hex::encode(hashed),
        "app": {
            "url": "http://my-github-app.com",
            "name": "sandbox",
            "client_id": world.audience_for(found, client),
        },
        "note": null,
        "note_url": null,
        "updated_at": found.token.issued_at.to_string(),
        "created_at": found.token.issued_at.to_string(),
        "fingerprint": null,
        "expires_at": found.token.expires_at.map(|at| at.to_string()),
        "user": simple_user(&found.account),
    })
}

fn simple_user(account: &Account) -> Value {
    json!({
        "login": account.username,
        "id": account.id.parse::<u64>().ok(),
        "node_id": format!("U_{}", account.id),
        "avatar_url": account.picture,
        "html_url": format!("https://github.com/{}", account.username),
        "type": "User",
        "site_admin": false,
    })
}

fn bearer(world: &World, call: &Call) -> Option<Found> {
    let text = call.bearer().or_else(|| call.credentials("token"));
    world.good(call, text).ok()
}

fn user(world: &World, call: &Call) -> Answer {
    let Some(found) = bearer(world, call) else {
        return refuse(401, "Bad credentials");
    };
    let mut user = simple_user(&found.account);
    if let Some(user) = user.as_object_mut() {
        user.insert("name".to_owned(), json!(found.account.name));
        // The address that people show to everybody, which few do.
        user.insert("email".to_owned(), Value::Null);
    }
    Answer::json(200, &user)
}

fn emails(world: &World, call: &Call) -> Answer {
    let Some(found) = bearer(world, call) else {
        return refuse(401, "Bad credentials");
    };
    if !found
        .token
        .scopes
        .iter()
        .any(|scope| scope == "user:email" || scope == "user")
    {
        return refuse(404, "Not Found");
    }
    let of = |email: &String| json!({"email": email, "verified": found.account.email_verified, "primary": true, "visibility": "private"});
    let emails: Vec<Value> = found.account.email.iter().map(of).collect();
    Answer::json(200, &json!(emails))
}

fn refuse(status: u16, message: &str) -> Answer {
    Answer::json(
        status,
        &json!({
            "message": message,
            "documentation_url": "https://docs.github.com/rest",
            "status": status.to_string(),
        }),
    )
}
