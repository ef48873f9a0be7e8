//! Any OAuth 2 server, by configuration alone, if it offers introspection (RFC 7662).
//!
//! Options of the connection: `introspection_endpoint`; `userinfo_endpoint`, if more is to be known of the
//! person; `subject_claim`, if the id is not in `sub`. Without the first, bare tokens are refused.

use serde_json::Value;

use super::{Answer, At, Bare, Endpoints, Inquiry, Network, Told, Unproved, ask, id_text, standard_claims, whole};
use crate::error::NetworkRefusal;
use crate::secret::ExposeSecret;

pub(super) static OAUTH2: Network = Network {
    id: "oauth2",
    name: "OAuth 2",
    bare: Bare::Asked(INQUIRIES),
    id_tokens: None,
    scopes: &[],
    endpoints: Endpoints {
        refreshes: true,
        ..Endpoints::OF_CONNECTION
    },
};

/// Introspection, and what userinfo adds.
pub(super) const INQUIRIES: &[Inquiry] = &[
    Inquiry {
        ask: |at, tokens, _| {
            let token = tokens.access_token.as_ref()?.expose_secret();
            ask::post(at.option("introspection_endpoint")?)
                .basic(&ask::encoded(at.client_id), &ask::encoded(at.secret()))
                .form(&[("token", token), ("token_type_hint", "access_token")])
        },
        read: introspected,
    },
    Inquiry {
        ask: |at, tokens, told| {
            let token = tokens.access_token.as_ref()?.expose_secret();
            // Nobody is asked about a token that may be another application's.
            let endpoint = at.option("userinfo_endpoint").filter(|_| told.ours)?;
            ask::get(endpoint).bearer(token).finish()
        },
        read: person,
    },
];

fn introspected(at: &At<'_>, answer: &Answer, told: &mut Told) -> Result<(), Unproved> {
    if matches!(answer.status.as_u16(), 401 | 403) {
        return Err(Unproved::Misconfigured);
    }
    let token = answer.accepted()?;
    if token.get("active").and_then(Value::as_bool) != Some(true) {
        return Err(NetworkRefusal::NotAccepted.into());
    }
    match token.get("client_id").and_then(Value::as_str) {
        Some(client) => told.application(at, client)?,
        None => told.application(at, audience(token.get("aud"), at).ok_or(NetworkRefusal::CannotTell)?)?,
    }
    told.ends_at(at, whole(token.get("exp")))?;
    told.allows(token.get("scope").and_then(Value::as_str), &[' ']);
    match id_text(token.get(subject_claim(at))) {
        Some(id) => told.account(Some(id)),
        // Then userinfo must tell.
        None if at.option("userinfo_endpoint").is_some() => Ok(()),
        None => Err(Unproved::Garbled),
    }
}

fn person(at: &At<'_>, answer: &Answer, told: &mut Told) -> Result<(), Unproved> {
    let person = answer.accepted()?;
    told.account(id_text(person.get(subject_claim(at))))?;
    told.claims.extend(standard_claims(person));
    Ok(())
}

/// Our application among those that a token is for, or the only one that it is for.
fn audience<'a>(aud: Option<&'a Value>, at: &At<'_>) -> Option<&'a str> {
    match aud? {
        Value::String(one) => Some(one),
        Value::Array(many) => {
            let mut many = many.iter().filter_map(Value::as_str);
            many.clone().find(|one| *one == at.client_id).or_else(|| many.next())
        }
        _ => None,
    }
}

fn subject_claim<'a>(at: &'a At<'_>) -> &'a str {
    at.option("subject_claim").unwrap_or("sub")
}
