//! LinkedIn: its introspection answers an application about that application's tokens.
//!
//! The subject `sub` is scoped to the application.

use serde_json::Value;

use super::{
    Answer, At, Bare, Endpoints, IdTokens, Inquiry, Issuer, Network, Told, Unproved, ask, standard_claims, whole,
};
use crate::error::NetworkRefusal;
use crate::secret::ExposeSecret;

pub(super) static LINKEDIN: Network = Network {
    id: "linkedin",
    name: "LinkedIn",
    bare: Bare::Asked(&[
        Inquiry {
            ask: |at, tokens, _| {
                let token = tokens.access_token.as_ref()?.expose_secret();
                ask::post(&at.address("https://www.linkedin.com/oauth/v2/introspectToken")).form(&[
                    ("client_id", at.client_id),
                    ("client_secret", at.secret()),
                    ("token", token),
                ])
            },
            read: introspected,
        },
        Inquiry {
            ask: |at, tokens, _| ask::bearing(at, tokens, "https://api.linkedin.com/v2/userinfo"),
            read: super::user_info,
        },
    ]),
    id_tokens: Some(IdTokens {
        issuer: Issuer::Fixed {
            issuer: "https://www.linkedin.com/oauth",
            discovery: "https://www.linkedin.com/oauth/.well-known/openid-configuration",
        },
        subject: super::sub,
        claims: |claims| standard_claims(&claims),
    }),
    scopes: &["openid", "profile", "email"],
    endpoints: Endpoints {
        authorization: Some("https://www.linkedin.com/oauth/v2/authorization"),
        token: Some("https://www.linkedin.com/oauth/v2/accessToken"),
        revocation: Some("https://www.linkedin.com/oauth/v2/revoke"),
        request_token: None,
        refreshes: true,
    },
};

fn introspected(at: &At<'_>, answer: &Answer, told: &mut Told) -> Result<(), Unproved> {
    match answer.status.as_u16() {
        401 => return Err(Unproved::Misconfigured),
        400 => return Err(NetworkRefusal::NotAccepted.into()),
        _ => {}
    }
    let token = answer.accepted()?;
    let text = |name: &str| token.get(name).and_then(Value::as_str);
    if let Some(client) = text("client_id") {
        told.application(at, client)?;
    }
    if token.get("active").and_then(Value::as_bool) != Some(true) {
        return Err(match text("status") {
            Some("expired") => NetworkRefusal::Expired,
            Some("revoked") => NetworkRefusal::Revoked,
            _ => NetworkRefusal::NotAccepted,
        }
        .into());
    }
    // A token of two legs is the application's, and nobody's account.
    if text("auth_type").is_some_and(|kind| kind != "3L") {
        return Err(NetworkRefusal::WrongKind.into());
    }
    told.ends_at(at, whole(token.get("expires_at")))?;
    told.allows(text("scope"), &[',', ' ']);
    Ok(())
}
