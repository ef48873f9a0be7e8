//! Microsoft: by ID token alone; access tokens for its interfaces are opaque to us.
//!
//! The subject is `oid.tid`, person and directory, as Microsoft's own libraries write it: `sub` differs from
//! application to application, and `email`, `upn` and `preferred_username` are what a directory's owner says
//! (LNK-06). An address counts as verified only with `xms_edov`.

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
    let owns_domain = claims.get("xms_edov");
    if owns_domain == Some(&Value::Bool(true)) || owns_domain.is_some_and(|value| value == "true") {
        kept.insert("email_verified".to_owned(), Value::Bool(true));
    }
    kept
}
