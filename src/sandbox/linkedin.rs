//! LinkedIn: token introspection, and userinfo of its OpenID Connect.
//!
//! Introspection has LinkedIn's own words: the client's secret is in the body, scopes are joined by commas,
//! and `status` says what became of a token. What could not be established is what it says of another
//! application's token; here it says whose it is.

use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::consent;
use super::exchange::{self, Wrong};
use super::network::Network;
use super::oauth2;
use super::oidc::{self, Endpoints};
use super::world::{Found, Standing, World};

/// Answers a request; nothing when there is nothing at its path.
pub fn answer(world: &World, call: &Call) -> Option<Answer> {
    match (call.method.as_str(), call.host.as_str(), call.path.as_str()) {
        ("POST", "www.linkedin.com", "/oauth/v2/introspectToken") => Some(introspect(world, call)),
        ("GET", "api.linkedin.com", "/v2/userinfo") => Some(userinfo(world, call)),
        ("GET" | "POST", "www.linkedin.com", "/oauth/v2/authorization") => Some(consent::oauth2(world, call)),
        ("POST", "www.linkedin.com", "/oauth/v2/accessToken") => Some(match exchange::exchange(world, call) {
            Ok(exchanged) => Answer::json(200, &exchanged.to_json("Bearer", " ")),
            Err(wrong) => refuse_exchange(wrong),
        }),
        ("POST", "www.linkedin.com", "/oauth/v2/revoke") => Some(match exchange::revoke(world, call) {
            Ok(()) => Answer::empty(200),
            Err(wrong) => refuse_exchange(wrong),
        }),
        ("GET", "www.linkedin.com", "/oauth/openid/jwks") => Some(oidc::key_set(world, Network::LinkedIn, &json!({}))),
        ("GET", "www.linkedin.com", "/oauth/.well-known/openid-configuration") => Some(oidc::discovery(
            world,
            &Endpoints {
                issuer: "https://www.linkedin.com/oauth",
                authorization: "https://www.linkedin.com/oauth/v2/authorization",
                token: "https://www.linkedin.com/oauth/v2/accessToken",
                userinfo: Some("https://api.linkedin.com/v2/userinfo"),
                keys: "https://www.linkedin.com/oauth/openid/jwks",
                revocation: None,
                introspection: None,
            },
        )),
        _ => None,
    }
}

fn introspect(world: &World, call: &Call) -> Answer {
    let client = call.field("client_id").unwrap_or_default();
    let secret = call.field("client_secret").unwrap_or_default();
    let Some(application) = world.application(call.network, &client) else {
        return oauth2::refuse(400, "invalid_client_id", "The passed in client_id is invalid");
    };
    if application.secret != secret {
        return oauth2::refuse(401, "invalid_client", "Client authentication failed");
    }
    let token = call.field("token").unwrap_or_default();
    let Some(found) = world.find(call, &token) else {
        return oauth2::refuse(400, "invalid_request", "The token is invalid");
    };
    let status = match found.standing {
        Standing::Good => "active",
        Standing::Expired => "expired",
        Standing::Revoked => "revoked",
    };
    let issued_at = found.token.issued_at.as_second();
    Answer::json(
        200,
        &json!({
            "active": found.is_good(),
            "client_id": world.audience_for(&found, &application.id),
            "authorized_at": issued_at,
            "created_at": issued_at,
            "status": status,
            "expires_at": found.token.expires_at.map(jiff::Timestamp::as_second),
            "scope": found.scopes(","),
            "auth_type": "3L",
        }),
    )
}

fn refuse_exchange(wrong: Wrong) -> Answer {
    match wrong {
        Wrong::Application | Wrong::Secret => oauth2::refuse(401, "invalid_client", "Client authentication failed"),
        Wrong::GrantType | Wrong::Absent => {
            oauth2::refuse(400, "invalid_request", "A required parameter is missing or invalid")
        }
        Wrong::Code | Wrong::UsedCode | Wrong::RedirectUri | Wrong::Verifier => oauth2::refuse(
            400,
            "invalid_request",
            "Unable to retrieve access token: appid/redirect uri/code verifier does not match authorization code. Or \
             authorization code expired. Or external member binding exists",
        ),
        Wrong::Refresh => oauth2::refuse(
            400,
            "invalid_request",
            "The provided refresh token is invalid or expired",
        ),
    }
}

fn userinfo(world: &World, call: &Call) -> Answer {
    match world.good(call, call.bearer()) {
        Ok(found) => Answer::json(200, &claims(&found)),
        Err(standing) => {
            let (service_code, code, message) = match standing {
                Some(Standing::Revoked) => (
                    65601,
                    "REVOKED_ACCESS_TOKEN",
                    "The token used in the request has been revoked by the user",
                ),
                Some(Standing::Expired) => (
                    65602,
                    "EXPIRED_ACCESS_TOKEN",
                    "The token used in the request has expired",
                ),
                Some(Standing::Good) | None => (65600, "INVALID_ACCESS_TOKEN", "Invalid access token"),
            };
            Answer::json(
                401,
                &json!({"status": 401, "serviceErrorCode": service_code, "code": code, "message": message}),
            )
        }
    }
}

fn claims(found: &Found) -> Value {
    let mut claims = oauth2::standard_claims(found);
    if let Some(claims) = claims.as_object_mut() {
        claims.shift_remove("preferred_username");
        claims.insert("locale".to_owned(), json!({"country": "US", "language": "en"}));
    }
    claims
}
