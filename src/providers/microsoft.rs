//! Microsoft: by ID token alone; access tokens for its interfaces are opaque to us.
//!
//! The subject is `oid.tid`, person and directory, as Microsoft's own libraries write it: `sub` differs from
//! application to application, and `email`, `upn` and `preferred_username` are what a directory's owner says
//! (LNK-06). An address counts as verified only with `xms_edov`, which applications have to ask for
//! and which says that the directory owns the address's domain. It is documented as a Boolean;
//! tokens with `1` and with texts have been seen.

use serde_json::Value;

use super::{Bare, Endpoints, IdTokens, Issuer, Network, standard_claims};
use crate::domain::Object;

pub(super) static MICROSOFT: Network = Network {
    id: "microsoft",
    name: "Microsoft",
    bare: Bare::IdTokenOnly,
    id_tokens: Some(IdTokens {
        issuer: Issuer::OfDirectory,
        subject,
        claims,
    }),
    scopes: &["openid", "profile", "email"],
    endpoints: Endpoints {
        authorization: Some("https://login.microsoftonline.com/common/oauth2/v2.0/authorize"),
        token: Some("https://login.microsoftonline.com/common/oauth2/v2.0/token"),
        request_token: None,
        revocation: None,
        refreshes: true,
    },
};

fn subject(claims: &Object) -> Option<String> {
    let part = |name: &str| claims.get(name).and_then(Value::as_str).filter(|part| !part.is_empty());
    Some(format!("{}.{}", part("oid")?, part("tid")?))
}

fn claims(claims: Object) -> Object {
    let mut kept = standard_claims(&claims);
    kept.shift_remove("email_verified");
    if claims.get("xms_edov").is_some_and(is_yes) {
        kept.insert("email_verified".to_owned(), Value::Bool(true));
    }
    kept
}

fn is_yes(value: &Value) -> bool {
    match value {
        Value::Bool(yes) => *yes,
        Value::Number(number) => number.as_u64() == Some(1),
        Value::String(text) => matches!(text.as_str(), "true" | "1"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sec_lnk_06_an_address_is_verified_by_whose_domain_it_is() {
        for (said, verified) in [
            (json!(true), true),
            (json!("true"), true),
            (json!(1), true),
            (json!("1"), true),
            (json!(false), false),
            (json!("false"), false),
            (json!("True"), false),
            (json!(0), false),
            (json!(1.5), false),
            (json!(-1), false),
            (json!(null), false),
            (json!([true]), false),
        ] {
            let token = json!({"email": "mira@x.example", "email_verified": true, "xms_edov": said});
            let kept = claims(token.as_object().cloned().unwrap_or_default());
            assert_eq!(kept.get("email_verified").is_some(), verified, "{said}");
        }
    }
}
