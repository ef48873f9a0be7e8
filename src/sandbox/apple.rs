//! Apple: the key set and discovery. Who somebody is stands in the ID token and nowhere else.

use serde_json::json;

use super::answer::Answer;
use super::call::Call;
use super::network::Network;
use super::oidc::{self, Endpoints};
use super::world::World;

/// Answers a request; nothing when there is nothing at its path.
pub fn answer(world: &World, call: &Call) -> Option<Answer> {
    match (call.method.as_str(), call.path.as_str()) {
        ("GET", "/auth/keys") => Some(oidc::key_set(world, Network::Apple, &json!({}))),
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
