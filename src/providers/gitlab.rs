//! GitLab: `token/info` tells application and person of the token that asks.
//!
//! What would surprise: this is gitlab.com. A GitLab of one's own is a connection of the provider `oidc`.

use serde_json::Value;

use super::{
    Answer, At, Bare, Endpoints, IdTokens, Inquiry, Issuer, Network, Told, Unproved, ask, id_text, standard_claims,
    whole,
};

pub(super) static GITLAB: Network = Network {
    id: "gitlab",
    name: "GitLab",
    bare: Bare::Asked(&[
        Inquiry {
            ask: |at, tokens, _| ask::bearing(at, tokens, "https://gitlab.com/oauth/token/info"),
            read: info,
        },
        Inquiry {
            ask: |at, tokens, _| ask::bearing(at, tokens, "https://gitlab.com/oauth/userinfo"),
            read: super::user_info,
        },
    ]),
    id_tokens: Some(IdTokens {
        issuer: Issuer::Fixed {
            issuer: "https://gitlab.com",
            discovery: "https://gitlab.com/.well-known/openid-configuration",
        },
        subject: super::sub,
        claims: |claims| standard_claims(&claims),
    }),
    scopes: &["openid", "profile", "email"],
    endpoints: Endpoints {
        authorization: Some("https://gitlab.com/oauth/authorize"),
        token: Some("https://gitlab.com/oauth/token"),
        revocation: Some("https://gitlab.com/oauth/revoke"),
        request_token: None,
        refreshes: true,
    },
};

fn info(at: &At<'_>, answer: &Answer, told: &mut Told) -> Result<(), Unproved> {
    let info = answer.accepted()?;
    let application = answer.json.pointer("/application/uid").and_then(Value::as_str);
    told.application(at, application.ok_or(Unproved::Garbled)?)?;
    let lives_for = info.get("expires_in").or_else(|| info.get("expires_in_seconds"));
    told.ends_in(at, whole(lives_for))?;
    told.account(id_text(info.get("resource_owner_id")))?;
    told.allows_each(info.get("scope"));
    Ok(())
}
