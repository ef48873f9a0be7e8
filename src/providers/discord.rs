//! Discord: `oauth2/@me` tells application and person of the token that asks.

use serde_json::Value;

use super::{Answer, At, Bare, Endpoints, Inquiry, Network, Told, Unproved, ask, id_text};
use crate::domain::Object;
use crate::error::NetworkRefusal;

pub(super) static DISCORD: Network = Network {
    id: "discord",
    name: "Discord",
    bare: Bare::Asked(&[
        Inquiry {
            ask: |at, tokens, _| ask::bearing(at, tokens, "https://discord.com/api/v10/oauth2/@me"),
            read: authorization,
        },
        Inquiry {
            // Only this one tells the address.
            ask: |at, tokens, told| {
                let asked = told.scopes.iter().any(|scope| scope == "email");
                asked.then(|| ask::bearing(at, tokens, "https://discord.com/api/v10/users/@me"))?
            },
            read: |_, answer, told| person(answer.accepted()?, told),
        },
    ]),
    id_tokens: None,
    scopes: &["identify", "email"],
    endpoints: Endpoints {
        authorization: Some("https://discord.com/oauth2/authorize"),
        token: Some("https://discord.com/api/v10/oauth2/token"),
        revocation: Some("https://discord.com/api/v10/oauth2/token/revoke"),
        request_token: None,
        refreshes: true,
    },
};

fn authorization(at: &At<'_>, answer: &Answer, told: &mut Told) -> Result<(), Unproved> {
    let authorization = answer.accepted()?;
    told.application(
        at,
        &id_text(answer.json.pointer("/application/id")).ok_or(Unproved::Garbled)?,
    )?;
    let ends = authorization.get("expires").and_then(Value::as_str);
    told.ends_at(at, ends.and_then(super::moment))?;
    told.allows_each(authorization.get("scopes"));
    match authorization.get("user") {
        Some(Value::Object(user)) => person(user, told),
        // Without the scope `identify` nobody is named.
        _ => Err(NetworkRefusal::WrongKind.into()),
    }
}

fn person(user: &Object, told: &mut Told) -> Result<(), Unproved> {
    let id = id_text(user.get("id"));
    told.account(id.clone())?;
    told.claim("name", user.get("global_name"));
    told.claim("nickname", user.get("username"));
    if let (Some(id), Some(avatar)) = (id, user.get("avatar").and_then(Value::as_str)) {
        let picture = format!("https://cdn.discordapp.com/avatars/{id}/{avatar}.png");
        told.claim("picture", Some(&Value::from(picture)));
    }
    told.claim("email", user.get("email"));
    told.claim("email_verified", user.get("verified"));
    Ok(())
}
