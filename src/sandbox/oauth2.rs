//! OAuth 2: what bearers of tokens are answered, and what clients may ask about tokens.
//!
//! RFC 6749 and 6750 for errors, RFC 7662 for introspection. Networks that say it in their own words
//! do so in their own files.

use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::exchange;
use super::oidc;
use super::world::{Found, Standing, World};

/// An error in the words of RFC 6749, 5.2.
pub fn refuse(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(status, &json!({"error": error, "error_description": description}))
}

/// What a bearer of a dead or unknown token is told (RFC 6750, 3.1).
pub fn bad_token(standing: Option<Standing>) -> Answer {
    let why = match standing {
        Some(Standing::Expired) => "The access token expired",
        Some(Standing::Revoked) => "The access token was revoked",
        Some(Standing::Good) | None => "The access token is invalid",
    };
    refuse(401, "invalid_token", why).asking(&format!("Bearer error=\"invalid_token\", error_description=\"{why}\""))
}

/// What is known of a token (RFC 7662, 2.2).
pub fn introspect(world: &World, call: &Call) -> Answer {
    let application = match exchange::client(world, call) {
        Ok(application) => application,
        Err(wrong) => return exchange::standard_refusal(wrong),
    };
    let Some(token) = call.field("token") else {
        return refuse(400, "invalid_request", "The parameter token is missing");
    };
    let found = world.look_up(call, &token).filter(Found::is_good);
    let Some(found) = found else {
        return Answer::json(200, &json!({"active": false}));
    };
    let audience = world.audience_for(&found, &application.id);
    Answer::json(
        200,
        &json!({
            "active": true,
            "scope": found.scopes(" "),
            "client_id": audience,
            "aud": audience,
            "username": found.account.username,
            "token_type": "Bearer",
            "iat": found.token.issued_at.as_second(),
            "exp": found.token.expires_at.map(jiff::Timestamp::as_second),
            "sub": found.account.id,
            "iss": oidc::issuer(world, call.network, &found.account),
        }),
    )
}

/// Who the bearer is (OpenID Connect Core, 5.3).
pub fn userinfo(world: &World, call: &Call, of: impl Fn(&Found) -> Value) -> Answer {
    match world.good(call, call.bearer()) {
        Ok(found) => Answer::json(200, &of(&found)),
        Err(standing) => bad_token(standing),
    }
}

/// The usual claims of an account.
pub fn standard_claims(found: &Found) -> Value {
    let account = &found.account;
    let (given, family) = account.names();
    let mut claims = json!({
        "sub": account.id,
        "name": account.name,
        "given_name": given,
        "family_name": family,
        "preferred_username": account.username,
        "picture": account.picture,
        "email": account.email,
        "email_verified": account.email.as_ref().map(|_| account.email_verified),
    });
    if let Some(claims) = claims.as_object_mut() {
        claims.retain(|_, value| !value.is_null());
    }
    claims
}
