//! Bodies of the Management API: JSON, or a form with the same members (`api/auth0.md` 1.3).
//!
//! In a form `a[b]=c` is a member of an object and `a[]=c` an item of a list, and no more is nested.
//! What would surprise: a form has only texts, so what is a flag or a number in JSON is told by
//! its name. In metadata, where names are the caller's, everything stays a text.

use axum::extract::{FromRequest, Request};
use serde_json::Value;

use super::client_json;
use crate::domain::Object;
use crate::web::body::{ORDINARY_LIMIT_BYTES, Written};
use crate::web::refusal::Refusal;
use crate::web::{Fault, Reason};

/// Flags of users, connections and what is within them; those of clients are beside their JSON.
const FLAGS: &[&str] = &[
    "active",
    "blocked",
    "cross_app_access",
    "email_verified",
    "is_domain_connection",
    "phone_verified",
    "requires_username",
    "secret_encoded",
    "show_as_button",
    "verify_email",
    "verify_phone_number",
];

const NUMBERS: &[&str] = &["lifetime_in_seconds"];

const METADATA: &[&str] = &["user_metadata", "app_metadata", "metadata", "client_metadata"];

/// The members of a body.
#[derive(Debug)]
pub struct Body<const LIMIT_BYTES: usize = ORDINARY_LIMIT_BYTES>(pub Object);

impl<S: Sync, const LIMIT_BYTES: usize> FromRequest<S> for Body<LIMIT_BYTES> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        members(Written::read(request, LIMIT_BYTES).await?).map(Self)
    }
}

/// The members of what was written.
///
/// # Errors
/// [`Refusal::Invalid`] when a name of a form leads nowhere, or to two things.
pub fn members(written: Written) -> Result<Object, Refusal> {
    match written {
        Written::Json(members) => Ok(members),
        Written::Form(pairs) => Ok(nest(pairs)?),
    }
}

fn nest(pairs: Vec<(String, String)>) -> Result<Object, Fault> {
    let mut body = Object::new();
    for (path, text) in pairs {
        let twice = || Fault::new(&path, Reason::Duplicate);
        let (name, inner) = match path.split_once('[') {
            None => (path.as_str(), None),
            Some((name, rest)) => {
                let inner = rest.strip_suffix(']').filter(|inner| !inner.contains(['[', ']']));
                let inner = inner.ok_or_else(|| Fault::new(&path, Reason::Pattern("name, name[name] or name[]")))?;
                (name, Some(inner))
            }
        };
        match inner {
            None if body.contains_key(name) => return Err(twice()),
            None => {
                body.insert(name.to_owned(), typed(name, text));
            }
            Some("") => {
                let list = body.entry(name).or_insert_with(|| Value::Array(Vec::new()));
                list.as_array_mut().ok_or_else(twice)?.push(text.into());
            }
            Some(inner) => {
                let value = match METADATA.contains(&name) {
                    true => text.into(),
                    false => typed(inner, text),
                };
                let members = body.entry(name).or_insert_with(|| Value::Object(Object::new()));
                let members = members.as_object_mut().ok_or_else(twice)?;
                if members.insert(inner.to_owned(), value).is_some() {
                    return Err(twice());
                }
            }
        }
    }
    Ok(body)
}

/// A text as what its name says that it is, if it can be read as that.
fn typed(name: &str, text: String) -> Value {
    let flag = FLAGS.contains(&name) || client_json::FLAGS.contains(&name);
    match text.as_str() {
        "true" if flag => true.into(),
        "false" if flag => false.into(),
        digits if NUMBERS.contains(&name) => digits.parse::<i64>().map_or_else(|_| text.clone().into(), Value::from),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Value, String> {
        let pairs = pairs
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        nest(pairs.collect())
            .map(Value::Object)
            .map_err(|fault| fault.to_string())
    }

    #[test]
    fn forms_nest_once_and_names_tell_types() {
        let form = [
            ("email", "a@x.example"),
            ("blocked", "true"),
            ("name", "true"),
            ("user_metadata[blocked]", "false"),
            ("user_metadata[theme]", "dark"),
            ("callbacks[]", "https://a.example"),
            ("callbacks[]", "https://b.example"),
            ("jwt_configuration[lifetime_in_seconds]", "60"),
            ("verify_email", "yes"),
        ];
        let body = json!({
            "email": "a@x.example", "blocked": true, "name": "true",
            "user_metadata": {"blocked": "false", "theme": "dark"},
            "callbacks": ["https://a.example", "https://b.example"],
            "jwt_configuration": {"lifetime_in_seconds": 60}, "verify_email": "yes",
        });
        assert_eq!(read(&form), Ok(body));
        for wrong in [
            [("a", "1"), ("a", "2")],
            [("a", "1"), ("a[b]", "2")],
            [("a[b]", "1"), ("a", "2")],
            [("a[b]", "1"), ("a[b]", "2")],
            [("a[]", "1"), ("a[b]", "2")],
            [("a", "1"), ("b[c][d]", "2")],
            [("a", "1"), ("b[c", "2")],
            [("a", "1"), ("b[c]d", "2")],
        ] {
            assert!(read(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn every_flag_and_number_of_a_body_is_known_by_its_name() {
        let described: Value = serde_json::from_str(crate::api::auth0::openapi::text()).unwrap();
        let schemas = &described["components"]["schemas"];
        for (types, known) in [("boolean", [FLAGS, client_json::FLAGS]), ("integer", [NUMBERS, &[]])] {
            for name in [
                "NewUser",
                "UserChanges",
                "NewConnection",
                "ConnectionChanges",
                "NewClient",
                "ClientChanges",
            ] {
                let mut left: Vec<(&String, &Value)> =
                    schemas[name]["properties"].as_object().unwrap().iter().collect();
                while let Some((name, schema)) = left.pop() {
                    left.extend(schema["properties"].as_object().into_iter().flatten());
                    let is_known = known.iter().any(|names| names.contains(&name.as_str()));
                    assert!(schema["type"] != types || is_known, "{name}");
                }
            }
        }
    }
}
