//! The networks without a name: any provider of OpenID Connect, any server of OAuth 2 with
//! introspection, and any of OAuth 1.0a.
//!
//! Their standards leave the profile open in OAuth, so here it is the claims of OpenID Connect, with the
//! account's id under `id` too. OAuth 1.0a refuses in the words of its *Problem Reporting* extension.

use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::consent;
use super::exchange;
use super::network::Network;
use super::oauth1::{self, Refusal, With};
use super::oauth2;
use super::oidc::{self, Endpoints};
use super::request_tokens;
use super::world::{Found, Standing, World};

/// Answers a request to `oidc`; nothing when there is nothing at its path.
pub fn oidc(world: &World, call: &Call) -> Option<Answer> {
    match (call.method.as_str(), call.path.as_str()) {
        ("GET", "/.well-known/openid-configuration") => Some(oidc::discovery(
            world,
            &Endpoints {
                issuer: &format!("{}/oidc", world.url),
                authorization: "oidc/authorize",
                token: "oidc/token",
                userinfo: Some("oidc/userinfo"),
                keys: "oidc/jwks",
                revocation: Some("oidc/revoke"),
                introspection: Some("oidc/introspect"),
            },
        )),
        ("GET", "/jwks") => Some(oidc::key_set(world, Network::Oidc, &json!({}))),
        ("GET" | "POST", "/userinfo") => Some(oauth2::userinfo(world, call, oauth2::standard_claims)),
        ("POST", "/introspect") => Some(oauth2::introspect(world, call)),
        ("GET" | "POST", "/authorize") => Some(consent::oauth2(world, call)),
        ("POST", "/token") => Some(exchange::standard(world, call)),
        ("POST", "/revoke") => Some(exchange::standard_revocation(world, call)),
        _ => None,
    }
}

/// Answers a request to `oauth2`; nothing when there is nothing at its path.
pub fn oauth2(world: &World, call: &Call) -> Option<Answer> {
    match (call.method.as_str(), call.path.as_str()) {
        ("GET" | "POST", "/userinfo") => Some(oauth2::userinfo(world, call, profile)),
        ("POST", "/introspect") => Some(oauth2::introspect(world, call)),
        ("GET" | "POST", "/authorize") => Some(consent::oauth2(world, call)),
        ("POST", "/token") => Some(exchange::standard(world, call)),
        ("POST", "/revoke") => Some(exchange::standard_revocation(world, call)),
        _ => None,
    }
}

/// Answers a request to `oauth1`; nothing when there is nothing at its path.
pub fn oauth1(world: &World, call: &Call) -> Option<Answer> {
    match (call.method.as_str(), call.path.as_str()) {
        ("POST", "/request_token") => Some(request_tokens::request(world, call, problem)),
        ("GET" | "POST", "/authorize") => Some(consent::oauth1(world, call)),
        ("POST", "/access_token") => Some(request_tokens::exchange(world, call, problem)),
        ("GET", "/account") => Some(match oauth1::check(world, call, With::AccessToken) {
            Ok(signed) => match signed.found {
                Some(found) => Answer::json(200, &profile(&found)),
                None => problem(Refusal::Token),
            },
            Err(refusal) => problem(refusal),
        }),
        _ => None,
    }
}

fn profile(found: &Found) -> Value {
    let mut profile = oauth2::standard_claims(found);
    if let Some(profile) = profile.as_object_mut() {
        profile.insert("id".to_owned(), json!(found.account.id));
    }
    profile
}

/// A refusal in the words of *OAuth Problem Reporting*, with the status of RFC 5849, 3.2.
pub fn problem(refusal: Refusal) -> Answer {
    let (status, problem) = match refusal {
        Refusal::Absent(_) => (400, "parameter_absent"),
        Refusal::Repeated => (400, "parameter_rejected"),
        Refusal::Method => (400, "signature_method_rejected"),
        Refusal::Timestamp => (401, "timestamp_refused"),
        Refusal::Nonce => (401, "nonce_used"),
        Refusal::Application => (401, "consumer_key_unknown"),
        Refusal::Token | Refusal::Dead(Standing::Good) => (401, "token_rejected"),
        Refusal::Dead(Standing::Expired) => (401, "token_expired"),
        Refusal::Dead(Standing::Revoked) => (401, "token_revoked"),
        Refusal::Signature => (401, "signature_invalid"),
    };
    Answer::form(status, &[("oauth_problem", problem)])
        .asking(&format!("OAuth realm=\"sandbox\", oauth_problem=\"{problem}\""))
}
