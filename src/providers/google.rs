//! Google: ID tokens are verified here; for an access token, `tokeninfo` says whose application it is for
//! (LNK-13).
//!
//! The token goes into the body and never into the address. `hd` and `email` are display data: a domain can be
//! bought by somebody else, who then has the same addresses and other subjects (LNK-08).

use serde_json::Value;

use super::{
    Answer, At, Bare, Endpoints, IdTokens, Inquiry, Issuer, Network, Told, Unproved, ask, id_text, standard_claims,
    whole,
};
use crate::error::NetworkRefusal;
use crate::secret::ExposeSecret;

pub(super) static GOOGLE: Network = Network {
    id: "google",
    name: "Google",
    bare: Bare::Asked(&[
        Inquiry {
            ask: |at, tokens, _| {
                let token = tokens.access_token.as_ref()?.expose_secret();
                ask::post(&at.address("https://oauth2.googleapis.com/tokeninfo")).form(&[("access_token", token)])
            },
            read: token_info,
        },
        Inquiry {
            ask: |at, tokens, _| ask::bearing(at, tokens, "https://openidconnect.googleapis.com/v1/userinfo"),
            read: super::user_info,
        },
    ]),
    id_tokens: Some(IdTokens {
        issuer: Issuer::Fixed {
            issuer: "https://accounts.google.com",
            discovery: "https://accounts.google.com/.well-known/openid-configuration",
        },
        subject: super::sub,
        claims: |claims| standard_claims(&claims),
    }),
    scopes: &["openid", "profile", "email"],
    endpoints: Endpoints {
        authorization: Some("https://accounts.google.com/o/oauth2/v2/auth"),
        token: Some("https://oauth2.googleapis.com/token"),
        revocation: Some("https://oauth2.googleapis.com/revoke"),
        request_token: None,
        refreshes: true,
    },
};

fn token_info(at: &At<'_>, answer: &Answer, told: &mut Told) -> Result<(), Unproved> {
    let info = answer.accepted()?;
    let audience = info.get("aud").or_else(|| info.get("azp")).and_then(Value::as_str);
    told.application(at, audience.ok_or(NetworkRefusal::OtherApplication)?)?;
    told.ends_in(at, whole(info.get("expires_in")))?;
    told.account(id_text(info.get("sub")))?;
    told.allows(info.get("scope").and_then(Value::as_str), &[' ']);
    told.claim("email", info.get("email"));
    told.claim("email_verified", info.get("email_verified"));
    Ok(())
}
