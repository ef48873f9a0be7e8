//! GitHub: the application itself asks whether a token is one of its own.
//!
//! GitHub answers 404 for a token that is not, whatever the reason. The subject is the number `id`; a `login`
//! can be given up and taken by somebody else (LNK-07).

use serde_json::{Value, json};

use super::{Answer, At, Bare, Endpoints, Inquiry, Network, Told, Unproved, ask, id_text};
use crate::domain::Object;
use crate::error::NetworkRefusal;
use crate::secret::ExposeSecret;

pub(super) static GITHUB: Network = Network {
    id: "github",
    name: "GitHub",
    bare: Bare::Asked(&[
        Inquiry {
            ask: |at, tokens, _| {
                let token = tokens.access_token.as_ref()?.expose_secret();
                let address = format!(
                    "https://api.github.com/applications/{}/token",
                    ask::encoded(at.client_id)
                );
                ask::post(&at.address(&address))
                    .basic(at.client_id, at.secret())
                    .json(&json!({ "access_token": token }))
            },
            read: checked,
        },
        Inquiry {
            ask: |at, tokens, _| ask::bearing(at, tokens, "https://api.github.com/user"),
            read: |_, answer, told| person(answer.accepted()?, told),
        },
    ]),
    id_tokens: None,
    scopes: &["read:user", "user:email"],
    endpoints: Endpoints {
        authorization: Some("https://github.com/login/oauth/authorize"),
        token: Some("https://github.com/login/oauth/access_token"),
        revocation: Some("https://api.github.com/applications/{client_id}/token"),
        request_token: None,
        refreshes: true,
    },
};

fn checked(at: &At<'_>, answer: &Answer, told: &mut Told) -> Result<(), Unproved> {
    match answer.status.as_u16() {
        401 | 403 => return Err(Unproved::Misconfigured),
        404 | 422 => return Err(NetworkRefusal::NotAccepted.into()),
        _ => {}
    }
    let check = answer.accepted()?;
    let client = answer.json.pointer("/app/client_id").and_then(Value::as_str);
    told.application(at, client.ok_or(Unproved::Garbled)?)?;
    let ends = check.get("expires_at").and_then(Value::as_str);
    told.ends_at(at, ends.and_then(super::moment))?;
    told.allows_each(check.get("scopes"));
    match check.get("user") {
        Some(Value::Object(user)) => person(user, told),
        _ => Err(Unproved::Garbled),
    }
}

fn person(user: &Object, told: &mut Told) -> Result<(), Unproved> {
    told.account(id_text(user.get("id")))?;
    told.claim("name", user.get("name"));
    told.claim("nickname", user.get("login"));
    told.claim("picture", user.get("avatar_url"));
    // The address that somebody shows on her page, which GitHub has confirmed.
    told.claim("email", user.get("email"));
    Ok(())
}
