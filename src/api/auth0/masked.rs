//! What of a body goes into a log: an allow-list (OPS-11).
//!
//! A member is shown if its name is in [`SHOWN`], masked if it is in [`MASKED`], and left out if
//! nobody knows it, name and all, for what is unknown may be a secret in the wrong place. What
//! would surprise: of a call that was refused no value is shown, because what was refused may be
//! anything.

use serde_json::Value;

use crate::domain::Object;

/// What stands for a value that is not shown.
const MASK: &str = "*****";

/// How deep, how many items and how long texts may be.
const DEPTH: usize = 6;
const ITEMS: usize = 20;
const CHARS: usize = 200;

/// Names whose values are shown. None of them is ever a secret, nor free for its caller to fill in.
const SHOWN: &[&str] = &[
    "access_token_type",
    "allowed_clients",
    "allowed_logout_urls",
    "allowed_origins",
    "app_type",
    "audience",
    "blocked",
    "callbacks",
    "client_id",
    "connection",
    "connection_id",
    "created_at",
    "cross_origin_authentication",
    "custom_login_page_on",
    "deleted_at",
    "description",
    "display_name",
    "email",
    "email_verified",
    "enabled_clients",
    "family_name",
    "given_name",
    "grant_types",
    "id",
    "identities",
    "is_domain_connection",
    "is_first_party",
    "isSocial",
    "jwt_configuration",
    "alg",
    "lifetime_in_seconds",
    "logo_uri",
    "name",
    "nickname",
    "oidc_conformant",
    "phone_number",
    "phone_verified",
    "picture",
    "preserve_refresh_tokens",
    "provider",
    "realms",
    "scope",
    "session_id",
    "set_user_root_attributes",
    "show_as_button",
    "status",
    "strategy",
    "token_endpoint_auth_method",
    "updated_at",
    "user_id",
    "username",
    "verify_email",
    "verify_phone_number",
    "web_origins",
];

/// Names that are known, and whose values are secrets, or anybody's to fill in.
const MASKED: &[&str] = &[
    "access_token",
    "access_token_secret",
    "app_metadata",
    "client_metadata",
    "client_secret",
    "id_token",
    "link_with",
    "metadata",
    "options",
    "password",
    "profileData",
    "refresh_token",
    "signing_keys",
    "user_metadata",
];

/// Whether values are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Those that may be.
    Shown,
    /// None.
    Masked,
}

/// What of a JSON value may be kept.
pub fn value(read: &Value, values: Values) -> Value {
    show(read, values, DEPTH)
}

fn show(value: &Value, values: Values, depth: usize) -> Value {
    let Some(below) = depth.checked_sub(1) else {
        return MASK.into();
    };
    match value {
        Value::Object(members) => Value::Object(members.iter().filter_map(|it| member(it, values, below)).collect()),
        Value::Array(items) => items.iter().take(ITEMS).map(|item| show(item, values, below)).collect(),
        _ if values == Values::Masked => MASK.into(),
        Value::String(text) => text.chars().take(CHARS).collect::<String>().into(),
        plain => plain.clone(),
    }
}

fn member((name, value): (&String, &Value), values: Values, depth: usize) -> Option<(String, Value)> {
    let name = name.as_str();
    let shown = if SHOWN.contains(&name) {
        show(value, values, depth)
    } else if MASKED.contains(&name) {
        MASK.into()
    } else {
        return None;
    };
    Some((name.to_owned(), shown))
}

/// What of the parameters of a query may be kept: that they were there.
pub fn query(pairs: &str) -> Option<Object> {
    let known = ["email", "identifier"];
    let names = pairs.split('&').filter_map(|pair| pair.split_once('='));
    let shown: Object = names
        .filter(|(name, _)| known.contains(name))
        .map(|(name, _)| (name.to_owned(), MASK.into()))
        .collect();
    (!shown.is_empty()).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sec_ops_11_only_what_is_known_is_shown_and_no_secret_is() {
        let body = json!({
            "email": "a@x.example", "blocked": true, "password": "s1", "s2": "s3", "link_with": {"email": "s4"},
            "user_metadata": {"email": "s5"}, "client_secret": ["s6"],
            "identities": [{"provider": "github", "access_token": "s7", "profileData": {"name": "s8"}, "s9": 1}],
        });
        assert_eq!(
            value(&body, Values::Shown),
            json!({
                "email": "a@x.example", "blocked": true, "password": MASK, "link_with": MASK, "user_metadata": MASK,
                "client_secret": MASK,
                "identities": [{"provider": "github", "access_token": MASK, "profileData": MASK}],
            })
        );
        let masked = value(&body, Values::Masked).to_string();
        for value in ["a@x.example", "true", "github", "s8"] {
            assert!(!masked.contains(value), "{masked}");
        }
        assert!(masked.contains("\"email\""));
        assert!(MASKED.iter().all(|name| !SHOWN.contains(name)));
    }

    #[test]
    fn what_is_long_or_deep_is_cut() {
        let long = value(
            &json!({"name": "é".repeat(1000), "callbacks": vec!["x"; 100]}),
            Values::Shown,
        );
        assert_eq!(long["name"].as_str().unwrap().chars().count(), CHARS);
        assert_eq!(long["callbacks"].as_array().unwrap().len(), ITEMS);
        let mut deep = json!("x");
        for _ in 0..100 {
            deep = json!({ "name": deep });
        }
        assert!(value(&deep, Values::Shown).to_string().len() < 100);
    }

    #[test]
    fn queries_likewise() {
        assert_eq!(query("access_token=s"), None);
        let shown = query("email=a%40x.example&t=s").map(Value::Object);
        assert_eq!(shown, Some(json!({ "email": MASK })));
    }
}
