//! Facebook: `debug_token` says for which application a token is; every other call carries `appsecret_proof`
//! (LNK-12).
//!
//! The id is scoped to the application. Facebook takes the token that is looked at in the query and nowhere
//! else, so it stands in that one address; addresses are written to no log.

use aws_lc_rs::hmac;
use serde_json::Value;

use super::{Answer, At, Bare, Endpoints, Inquiry, Network, Told, Unproved, ask, id_text, whole};
use crate::error::NetworkRefusal;
use crate::secret::ExposeSecret;

const GRAPH: &str = "https://graph.facebook.com/v23.0";

pub(super) static FACEBOOK: Network = Network {
    id: "facebook",
    name: "Facebook",
    bare: Bare::Asked(&[
        Inquiry {
            ask: |at, tokens, _| {
                let token = tokens.access_token.as_ref()?.expose_secret();
                let application = format!("{}|{}", at.client_id, at.secret());
                let query = ask::pairs(&[("input_token", token)]);
                ask::get(&at.address(&format!("{GRAPH}/debug_token?{query}")))
                    .bearer(&application)
                    .finish()
            },
            read: debugged,
        },
        Inquiry {
            ask: |at, tokens, _| {
                let token = tokens.access_token.as_ref()?.expose_secret();
                let query = ask::pairs(&[
                    ("fields", "id,name,first_name,last_name,email,picture"),
                    ("appsecret_proof", &proof(at, token)),
                ]);
                ask::get(&at.address(&format!("{GRAPH}/me?{query}")))
                    .bearer(token)
                    .finish()
            },
            read: me,
        },
    ]),
    id_tokens: None,
    scopes: &["public_profile", "email"],
    endpoints: Endpoints {
        authorization: Some("https://www.facebook.com/v23.0/dialog/oauth"),
        token: Some("https://graph.facebook.com/v23.0/oauth/access_token"),
        revocation: Some("https://graph.facebook.com/v23.0/me/permissions"),
        request_token: None,
        refreshes: false,
    },
};

/// That whoever asks has the application's secret: HMAC-SHA256 of the token under it.
fn proof(at: &At<'_>, token: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, at.secret().as_bytes());
    hex::encode(hmac::sign(&key, token.as_bytes()))
}

fn debugged(at: &At<'_>, answer: &Answer, told: &mut Told) -> Result<(), Unproved> {
    if answer.status.is_client_error() {
        // Code 190 is about the application's own token; 100, that both are not of one application.
        return Err(match whole(answer.json.pointer("/error/code")) {
            Some(100) => NetworkRefusal::OtherApplication.into(),
            Some(101 | 190) => Unproved::Misconfigured,
            _ => NetworkRefusal::NotAccepted.into(),
        });
    }
    let Some(Value::Object(data)) = answer.accepted()?.get("data") else {
        return Err(Unproved::Garbled);
    };
    if let Some(id) = id_text(data.get("app_id")) {
        told.application(at, &id)?;
    }
    if data.get("is_valid").and_then(Value::as_bool) != Some(true) {
        // Subcode 463 is a session that expired; 458, 460 and 467 one that was ended.
        let subcode = whole(answer.json.pointer("/data/error/subcode"));
        return Err(match subcode {
            Some(463) => NetworkRefusal::Expired,
            Some(458 | 460 | 467) => NetworkRefusal::Revoked,
            _ => NetworkRefusal::NotAccepted,
        }
        .into());
    }
    if data.get("type").and_then(Value::as_str) != Some("USER") {
        return Err(NetworkRefusal::WrongKind.into());
    }
    told.ends_at(at, whole(data.get("expires_at")))?;
    told.account(id_text(data.get("user_id")))?;
    told.allows_each(data.get("scopes"));
    Ok(())
}

fn me(_: &At<'_>, answer: &Answer, told: &mut Told) -> Result<(), Unproved> {
    let me = answer.accepted()?;
    told.account(id_text(me.get("id")))?;
    told.claim("name", me.get("name"));
    told.claim("given_name", me.get("first_name"));
    told.claim("family_name", me.get("last_name"));
    told.claim("email", me.get("email"));
    told.claim("picture", answer.json.pointer("/picture/data/url"));
    Ok(())
}
