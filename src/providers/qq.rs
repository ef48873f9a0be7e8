//! QQ: `oauth2.0/me` tells application and account of a token.
//!
//! The id `openid` is scoped to the application. What would surprise: QQ takes tokens in the query and
//! nowhere else, and answers errors with status 200.

use serde_json::Value;

use super::{Answer, At, Bare, Endpoints, Inquiry, Network, Told, Unproved, ask, id_text, whole};
use crate::error::NetworkRefusal;
use crate::secret::ExposeSecret;

pub(super) static QQ: Network = Network {
    id: "qq",
    name: "QQ",
    bare: Bare::Asked(&[
        Inquiry {
            ask: |at, tokens, _| {
                let token = tokens.access_token.as_ref()?.expose_secret();
                let query = ask::pairs(&[("access_token", token), ("fmt", "json")]);
                ask::get(&at.address(&format!("https://graph.qq.com/oauth2.0/me?{query}"))).finish()
            },
            read: me,
        },
        Inquiry {
            ask: |at, tokens, told| {
                let token = tokens.access_token.as_ref()?.expose_secret();
                let query = ask::pairs(&[
                    ("access_token", token),
                    ("oauth_consumer_key", at.client_id),
                    ("openid", told.subject.as_deref()?),
                ]);
                ask::get(&at.address(&format!("https://graph.qq.com/user/get_user_info?{query}"))).finish()
            },
            read: user_info,
        },
    ]),
    id_tokens: None,
    scopes: &["get_user_info"],
    endpoints: Endpoints {
        authorization: Some("https://graph.qq.com/oauth2.0/authorize"),
        token: Some("https://graph.qq.com/oauth2.0/token"),
        request_token: None,
        revocation: None,
        refreshes: true,
    },
};

fn me(at: &At<'_>, answer: &Answer, told: &mut Told) -> Result<(), Unproved> {
    let me = answer.accepted()?;
    if let Some(code) = whole(me.get("error")) {
        return Err(match code {
            100_014 => NetworkRefusal::Expired,
            100_015 => NetworkRefusal::Revoked,
            _ => NetworkRefusal::NotAccepted,
        }
        .into());
    }
    told.application(at, &id_text(me.get("client_id")).ok_or(Unproved::Garbled)?)?;
    told.account(id_text(me.get("openid")))
}

fn user_info(_: &At<'_>, answer: &Answer, told: &mut Told) -> Result<(), Unproved> {
    let info = answer.accepted()?;
    if info.get("ret").and_then(Value::as_i64) != Some(0) {
        return Err(NetworkRefusal::NotAccepted.into());
    }
    told.claim("nickname", info.get("nickname"));
    told.claim(
        "picture",
        info.get("figureurl_qq_2").or_else(|| info.get("figureurl_2")),
    );
    Ok(())
}
