//! GitLab: token info, the user, and its OpenID Connect.
//!
//! Token info answers as Doorkeeper does, on which GitLab is built: what is not good is an invalid token,
//! whatever became of it. The API says more.

use serde_json::json;

use super::answer::Answer;
use super::call::Call;
use super::consent;
use super::exchange::{self, Wrong};
use super::network::Network;
use super::oauth2;
use super::oidc::{self, Endpoints};
use super::world::{Standing, World};

/// Answers a request; nothing when there is nothing at its path.
pub fn answer(world: &World, call: &Call) -> Option<Answer> {
    match (call.method.as_str(), call.path.as_str()) {
        ("GET", "/oauth/token/info") => Some(token_info(world, call)),
        ("GET", "/api/v4/user") => Some(user(world, call)),
        ("GET" | "POST", "/oauth/userinfo") => Some(oauth2::userinfo(world, call, oauth2::standard_claims)),
        ("GET", "/oauth/discovery/keys") => Some(oidc::key_set(world, Network::GitLab, &json!({}))),
        ("GET", "/.well-known/openid-configuration") => Some(oidc::discovery(
            world,
            &Endpoints {
                issuer: "https://gitlab.com",
                authorization: "https://gitlab.com/oauth/authorize",
                token: "https://gitlab.com/oauth/token",
                userinfo: Some("https://gitlab.com/oauth/userinfo"),
                keys: "https://gitlab.com/oauth/discovery/keys",
                revocation: Some("https://gitlab.com/oauth/revoke"),
                introspection: Some("https://gitlab.com/oauth/introspect"),
            },
        )),
        ("GET" | "POST", "/oauth/authorize") => Some(consent::oauth2(world, call)),
        ("POST", "/oauth/token") => Some(match exchange::exchange(world, call) {
            Ok(exchanged) => {
                let mut body = exchanged.to_json("Bearer", " ");
                if let Some(body) = body.as_object_mut() {
                    body.insert("created_at".to_owned(), json!(world.now().as_second()));
                }
                Answer::json(200, &body)
            }
            Err(wrong) => refuse_exchange(wrong),
        }),
        ("POST", "/oauth/revoke") => Some(revoke(world, call)),
        ("POST", "/oauth/introspect") => Some(oauth2::introspect(world, call)),
        _ => None,
    }
}

fn token_info(world: &World, call: &Call) -> Answer {
    let text = call.bearer().or_else(|| call.parameter("access_token"));
    let Ok(found) = world.good(call, text) else {
        return oauth2::bad_token(None);
    };
    let left = found
        .token
        .expires_at
        .map(|at| at.as_second().saturating_sub(world.now().as_second()));
    Answer::json(
        200,
        &json!({
            "resource_owner_id": found.account.id.parse::<u64>().ok(),
            "scope": found.token.scopes,
            "expires_in": left,
            "application": {"uid": world.audience(&found)},
            "created_at": found.token.issued_at.as_second(),
            "scopes": found.token.scopes,
            "expires_in_seconds": left,
        }),
    )
}

/// Takes back a token. Of one that is unknown nothing is said; another application's is refused.
fn revoke(world: &World, call: &Call) -> Answer {
    let found = call.field("token").and_then(|text| world.look_up(call, &text));
    let Some(found) = found else {
        return Answer::json(200, &json!({}));
    };
    match exchange::client(world, call) {
        Ok(application) if found.is_for(&application.id) => {
            world.revoke(|token| token.family == found.token.family);
            Answer::json(200, &json!({}))
        }
        Ok(_) | Err(_) => oauth2::refuse(
            403,
            "unauthorized_client",
            "You are not authorized to revoke this token",
        ),
    }
}

/// A refusal in the words of Doorkeeper.
fn refuse_exchange(wrong: Wrong) -> Answer {
    match wrong {
        Wrong::Application | Wrong::Secret => oauth2::refuse(
            401,
            "invalid_client",
            "Client authentication failed due to unknown client, no client authentication included, or unsupported \
             authentication method.",
        ),
        Wrong::GrantType => oauth2::refuse(
            400,
            "unsupported_grant_type",
            "The authorization grant type is not supported by the authorization server.",
        ),
        Wrong::Absent => oauth2::refuse(400, "invalid_request", "Missing required parameter."),
        Wrong::Code | Wrong::UsedCode | Wrong::RedirectUri | Wrong::Verifier | Wrong::Refresh => oauth2::refuse(
            400,
            "invalid_grant",
            "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in \
             the authorization request, or was issued to another client.",
        ),
    }
}

fn user(world: &World, call: &Call) -> Answer {
    match world.good(call, call.bearer()) {
        Ok(found) => {
            let account = &found.account;
            Answer::json(
                200,
                &json!({
                    "id": account.id.parse::<u64>().ok(),
                    "username": account.username,
                    "name": account.name,
                    "state": "active",
                    "avatar_url": account.picture,
                    "web_url": format!("https://gitlab.com/{}", account.username),
                    "email": account.email,
                    "confirmed_at": account.email_verified.then_some("2020-01-01T00:00:00.000Z"),
                }),
            )
        }
        Err(Some(Standing::Expired)) => oauth2::refuse(
            401,
            "invalid_token",
            "Token is expired. You can either do re-authorization or token refresh.",
        ),
        Err(Some(Standing::Revoked)) => oauth2::refuse(
            401,
            "invalid_token",
            "Token was revoked. You have to re-authorize from the user.",
        ),
        Err(Some(Standing::Good) | None) => Answer::json(401, &json!({"message": "401 Unauthorized"})),
    }
}
