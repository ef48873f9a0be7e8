//! Auth0's JSON as it travels.
//!
//! What would surprise: fall-backs for name, nickname and picture are made here and never
//! kept; `profileData` shows what is kept (`api/auth0.md` 16a.3), and on the primary
//! identity only in the answers of linking and unlinking (16a.2).

use std::collections::{HashMap, HashSet};

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use md5::{Digest, Md5};
use serde_json::{Value, json};

use super::names::{self, Names};
use crate::app::labels::Label;
use crate::domain::connection::{DATABASE, WITHDRAWN};
use crate::domain::{Connection, Identity, Object, Profile, TokenSet, UserWithIdentities, spelling};
use crate::id::IdentityId;
use crate::secret::{ExposeSecret, SecretString};

/// The greatest number that every reader of JSON reads exactly.
const EXACT: u64 = 1 << 53;

/// What ID tokens may say.
pub const ID_TOKEN_CLAIMS: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "iat",
    "exp",
    "name",
    "nickname",
    "given_name",
    "family_name",
    "picture",
    "updated_at",
    "email",
    "email_verified",
];

/// Root names that are not the provider's to fill.
const OURS: &[&str] = &[
    "user_id",
    "identities",
    "user_metadata",
    "app_metadata",
    "blocked",
    "created_at",
    "updated_at",
    "last_login",
    "last_ip",
    "logins_count",
    "last_password_reset",
    "multifactor",
    "multifactor_last_modified",
];

/// The token sets that an answer shows, and now, from which on they end.
#[derive(Debug, Default)]
pub struct Tokens {
    /// By identity.
    pub sets: HashMap<IdentityId, TokenSet>,
    /// When the answer is given.
    pub now: Timestamp,
}

/// Whether the primary identity shows `profileData`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnPrimary {
    /// As in answers of linking and unlinking.
    Show,
    /// As everywhere else.
    Hide,
}

/// A JSON answer.
pub fn json(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, body.to_string()).into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    response
}

/// A user.
pub fn user(names: &Names, found: &UserWithIdentities, tokens: &Tokens) -> Object {
    let user = &found.user;
    let mut shown = Object::new();
    shown.insert("user_id".to_owned(), names.id_of(found).into());
    shown.extend(shown_profile(names, found));
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            shown.insert(name.to_owned(), value);
        }
    };
    put("created_at", Some(time(user.created_at)));
    put("updated_at", Some(time(found.updated_at())));
    put("last_login", user.logins.last_at.map(time));
    put("last_ip", user.logins.last_ip.clone().map(Value::from));
    put(
        "logins_count",
        (user.logins.count > 0).then(|| user.logins.count.into()),
    );
    put("last_password_reset", user.last_password_reset.map(time));
    put("blocked", user.blocked.map(Value::from));
    put("user_metadata", user.user_metadata.clone().map(Value::Object));
    let app_metadata = user.app_metadata.clone().filter(|bag| !bag.is_empty());
    put("app_metadata", app_metadata.map(Value::Object));
    put("identities", Some(identities(names, found, OnPrimary::Hide, tokens)));
    shown
}

/// The identities of a user, primary first.
pub fn identities(names: &Names, found: &UserWithIdentities, on_primary: OnPrimary, tokens: &Tokens) -> Value {
    let shown = found.identities.iter().filter_map(|one| {
        let label = names.label(one)?;
        let profile = match (one.is_primary(), on_primary) {
            (true, OnPrimary::Show) => Some(&found.user.profile),
            (true, OnPrimary::Hide) => None,
            (false, _) => Some(&one.profile),
        };
        Some(identity(label, one, profile, tokens))
    });
    shown.collect()
}

fn identity(label: &Label, identity: &Identity, profile: Option<&Profile>, tokens: &Tokens) -> Value {
    let strategy = label.auth0_strategy.as_str();
    let mut shown = json!({
        "connection": label.name,
        "user_id": local_id(label, identity),
        "provider": strategy,
        "isSocial": names::is_social(strategy),
    });
    if let Some(members) = shown.as_object_mut() {
        if let Some(profile) = profile.filter(|profile| !profile.is_empty()) {
            members.insert("profileData".to_owned(), Value::Object(kept_profile(profile)));
        }
        if let Some(set) = tokens.sets.get(&identity.id) {
            members.extend(token_fields(set, tokens.now));
        }
    }
    shown
}

/// The local id, as a number where its provider's travel as numbers.
fn local_id(label: &Label, identity: &Identity) -> Value {
    let id = names::local_id(label, identity);
    let exact = |number: &u64| *number < EXACT && number.to_string() == id;
    match id.parse().ok().filter(exact) {
        Some(number) if names::is_numeric(&label.auth0_strategy) => number.into(),
        _ => id.into(),
    }
}

fn token_fields(tokens: &TokenSet, now: Timestamp) -> Object {
    let secret = |secret: &Option<SecretString>| secret.as_ref().map(|secret| secret.expose_secret().into());
    let left = |at: Timestamp| at.as_second().saturating_sub(now.as_second()).max(0);
    let fields: [(&str, Option<Value>); 4] = [
        ("access_token", secret(&tokens.access_token)),
        ("access_token_secret", secret(&tokens.token_secret)),
        ("refresh_token", secret(&tokens.refresh_token)),
        ("expires_in", tokens.expires_at.map(|at| left(at).into())),
    ];
    let shown = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    shown.collect()
}

/// The attributes that are kept of a profile.
fn kept_profile(profile: &Profile) -> Object {
    match serde_json::to_value(profile) {
        Ok(Value::Object(members)) => members,
        _ => Object::new(),
    }
}

/// The profile at the root of a user: what is kept, and fall-backs for people who have
/// only given an address (`api/auth0.md` 6.1).
fn shown_profile(names: &Names, found: &UserWithIdentities) -> Object {
    let mut shown = kept_profile(&found.user.profile);
    shown.retain(|name, _| !OURS.contains(&name.as_str()));
    let primary = found.identities.iter().find(|identity| identity.is_primary());
    let ours = primary
        .and_then(|primary| names.label(primary))
        .is_some_and(|label| label.provider == DATABASE || label.provider == "email");
    if let (true, Some(email)) = (ours, &found.user.profile.email) {
        let local = email.split('@').next().unwrap_or_default();
        for (name, fall_back) in [
            ("name", email.clone()),
            ("nickname", local.to_owned()),
            ("picture", gravatar(email)),
        ] {
            shown.entry(name).or_insert_with(|| fall_back.into());
        }
    }
    shown
}

fn gravatar(email: &str) -> String {
    let email = email.to_lowercase();
    let initials: String = email.chars().filter(char::is_ascii_alphanumeric).take(2).collect();
    format!(
        "https://s.gravatar.com/avatar/{}?s=480&r=pg&d=https%3A%2F%2Fcdn.auth0.com%2Favatars%2F{initials}.png",
        hex::encode(Md5::digest(email.as_bytes())),
    )
}

/// The claims that the scopes of an ID token open (OpenID Connect Core, 5.4).
pub fn id_token_claims(names: &Names, found: &UserWithIdentities, scopes: &[&str]) -> Object {
    let mut profile = shown_profile(names, found);
    profile.insert("updated_at".to_owned(), time(found.updated_at()));
    let opened = |name: &str| match name {
        "email" | "email_verified" => scopes.contains(&"email"),
        "name" | "nickname" | "given_name" | "family_name" | "picture" | "updated_at" => scopes.contains(&"profile"),
        _ => false,
    };
    profile.retain(|name, _| opened(name));
    profile
}

/// A connection. Auth0 shows `options.client_secret` to whoever may read connections; we
/// keep it sealed and show it to nobody (invariant 7 of the design). Of the clients that it is
/// enabled for, those are shown that are still there.
pub fn connection(connection: &Connection, clients: &HashSet<String>) -> Object {
    let strategy = spelling::auth0_strategy(connection);
    let mut options = default_options(strategy);
    if let Some(Value::Object(kept)) = connection.auth0.get("options") {
        options.extend(kept.clone());
    }
    if let Some(client_id) = &connection.client_id {
        options.insert("client_id".to_owned(), client_id.clone().into());
    }
    let mut shown = Object::new();
    let mut put = |name: &str, value: Value| {
        shown.insert(name.to_owned(), value);
    };
    put("id", connection.id.to_string().into());
    put("name", connection.name.clone().into());
    put("strategy", strategy.into());
    put("options", Value::Object(options));
    put("is_domain_connection", json!(false));
    put("realms", json!([connection.name]));
    put("authentication", json!({ "active": true }));
    put("connected_accounts", json!({ "active": false }));
    let ours = ["options", WITHDRAWN];
    let kept = connection
        .auth0
        .iter()
        .filter(|(name, _)| !ours.contains(&name.as_str()));
    shown.extend(kept.map(|(name, value)| (name.clone(), value.clone())));
    let enabled = enabled_clients(connection, clients);
    shown.insert("enabled_clients".to_owned(), enabled.into());
    shown
}

/// What a connection does when its maker did not say; only what this server does.
fn default_options(strategy: &str) -> Object {
    match (
        strategy,
        json!({ "passwordPolicy": "good", "requires_username": false }),
    ) {
        ("auth0", Value::Object(options)) => options,
        _ => Object::new(),
    }
}

/// The members of what was written as an object.
pub fn object(value: Value) -> Object {
    match value {
        Value::Object(members) => members,
        _ => Object::new(),
    }
}

/// The clients that a connection is enabled for, of those that there are.
pub fn enabled_clients(connection: &Connection, clients: &HashSet<String>) -> Vec<String> {
    let kept = connection.auth0.get("enabled_clients").and_then(Value::as_array);
    let ids = kept.into_iter().flatten().filter_map(Value::as_str);
    ids.filter(|id| clients.contains(*id)).map(str::to_owned).collect()
}

/// A moment: UTC, with milliseconds.
pub fn time(at: Timestamp) -> Value {
    format!("{at:.3}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds() {
        assert_eq!(time(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            time(Timestamp::from_millisecond(1_767_604_800_010).unwrap()),
            "2026-01-05T09:20:00.010Z"
        );
    }

    #[test]
    fn the_default_picture_is_that_of_the_address() {
        assert_eq!(
            gravatar("Ines@example.test"),
            "https://s.gravatar.com/avatar/6ed8f983eedcbbbe7448908f53703925?s=480&r=pg&d=https%3A%2F%2Fcdn.auth0.com%2Favatars%2Fin.png"
        );
    }
}
