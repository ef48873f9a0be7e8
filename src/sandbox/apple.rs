//! Apple: tokens, the key set and discovery. Who somebody is stands in the ID token and nowhere else.

use serde_json::json;

use super::answer::Answer;
use super::call::Call;
use super::consent;
use super::exchange::{self, Wrong};
use super::network::Network;
use super::oidc::{self, Endpoints};
use super::world::World;

/// Answers a request; nothing when there is nothing at its path.
pub fn answer(world: &World, call: &Call) -> Option<Answer> {
    match (call.method.as_str(), call.path.as_str()) {
        ("GET", "/auth/keys") => Some(oidc::key_set(world, Network::Apple, &json!({}))),
        ("GET" | "POST", "/auth/authorize") => Some(consent::oauth2(world, call)),
        ("POST", "/auth/token") => Some(match exchange::exchange(world, call) {
            Ok(exchanged) => {
                let mut body = exchanged.to_json("Bearer", " ");
                if let Some(body) = body.as_object_mut() {
                    body.shift_remove("scope");
                }
                Answer::json(200, &body)
            }
            Err(wrong) => refuse(wrong),
        }),
        ("POST", "/auth/revoke") => Some(match exchange::revoke(world, call) {
            Ok(()) => Answer::empty(200),
            Err(wrong) => refuse(wrong),
        }),
        ("GET", "/.well-known/openid-configuration") => Some(oidc::discovery(
            world,
            &Endpoints {
                issuer: "https://appleid.apple.com",
                authorization: "https://appleid.apple.com/auth/authorize",
                token: "https://appleid.apple.com/auth/token",
                userinfo: None,
                keys: "https://appleid.apple.com/auth/keys",
                revocation: Some("https://appleid.apple.com/auth/revoke"),
                introspection: None,
            },
        )),
        _ => None,
    }
}

fn refuse(wrong: Wrong) -> Answer {
    let error = match wrong {
        Wrong::Application | Wrong::Secret => "invalid_client",
        Wrong::GrantType => "unsupported_grant_type",
        Wrong::Absent => "invalid_request",
        Wrong::Code | Wrong::UsedCode | Wrong::RedirectUri | Wrong::Verifier | Wrong::Refresh => "invalid_grant",
    };
    Answer::json(400, &json!({"error": error}))
}
