//! Auth0's words for our providers, and how it spells the ids of users.
//!
//! ```text
//! auth0|66a1…              two parts: provider and local id
//! samlp|staff-idp|ines     three: provider, connection and the account's own id
//! ```
//!
//! Left of the first bar is the provider, right of it what the identity calls its
//! `user_id`. What would surprise: which form an id has follows from the provider alone,
//! and where it has three parts, the connection belongs to the identity's `user_id` too.

use serde_json::Value;

use crate::app::App;
use crate::domain::connection::DATABASE;
use crate::domain::user::Birthplace;
use crate::domain::{Connection, Identity, UserRef};
use crate::error::Result;
use crate::id::{ConnectionId, TenantId};
use crate::store::UserWithIdentities;

/// The providers that requests may name: those that are listed today, and from `aol` on
/// those of older descriptions.
#[rustfmt::skip]
pub static STRATEGIES: &[&str] = &[
    "ad", "adfs", "amazon", "apple", "dropbox", "bitbucket", "auth0-oidc", "auth0", "baidu", "bitly", "box", "custom",
    "daccount", "dwolla", "email", "evernote-sandbox", "evernote", "exact", "facebook", "fitbit", "github",
    "google-apps", "google-oauth2", "instagram", "ip", "line", "linkedin", "oauth1", "oauth2", "office365", "oidc",
    "okta", "paypal", "paypal-sandbox", "pingfederate", "planningcenter", "salesforce-community",
    "salesforce-sandbox", "salesforce", "samlp", "sharepoint", "shopify", "shop", "sms", "soundcloud",
    "thirtysevensignals", "twitter", "untappd", "vkontakte", "waad", "weibo", "windowslive", "wordpress", "yahoo",
    "yandex",
    "aol", "flickr", "miicard", "renren", "thecity", "thecity-sandbox", "yammer", "auth0-adldap",
];

/// How many of them are listed today.
const LISTED: usize = 55;

/// Connections of companies. Their accounts are known by their own issuer.
const ENTERPRISE: &[&str] = &[
    "ad",
    "adfs",
    "auth0-adldap",
    "auth0-oidc",
    "custom",
    "ip",
    "office365",
    "oidc",
    "okta",
    "pingfederate",
    "samlp",
    "sharepoint",
];

/// The core's name of the provider that a strategy is.
pub fn provider_of(strategy: &str) -> &str {
    match strategy {
        "auth0" => DATABASE,
        "google-oauth2" => "google",
        "windowslive" | "waad" => "microsoft",
        other => other,
    }
}

/// The strategy of a connection: the one that it was made with here, or else Auth0's name
/// of its provider. What Auth0 has no name for is a custom network to it.
pub fn strategy_of(connection: &Connection) -> &str {
    if let Some(made_with) = connection.auth0.get("strategy").and_then(Value::as_str) {
        return made_with;
    }
    match connection.provider.as_str() {
        DATABASE => "auth0",
        "google" => "google-oauth2",
        "microsoft" => "windowslive",
        provider if STRATEGIES.iter().take(LISTED).any(|listed| *listed == provider) => provider,
        _ => "oauth2",
    }
}

/// Whether a strategy is a company's, whose people an issuer of its own vouches for.
pub fn is_enterprise(strategy: &str) -> bool {
    ENTERPRISE.contains(&strategy)
}

/// Whether a strategy is a network for everybody (`api/auth0.md` 6.5).
pub fn is_social(strategy: &str) -> bool {
    !is_enterprise(strategy) && !matches!(strategy, "auth0" | "email" | "sms" | "waad" | "google-apps")
}

/// Whether ids of a strategy name the connection too (`api/auth0.md` 6.4).
fn names_connection(strategy: &str) -> bool {
    is_enterprise(strategy) || matches!(strategy, "oauth1" | "oauth2")
}

/// Whether a strategy's local ids travel as JSON numbers.
pub fn is_numeric(strategy: &str) -> bool {
    strategy == "github"
}

/// The connections of a tenant, by which ids are read and spelled.
pub struct Names(Vec<Connection>);

impl Names {
    /// Those of this tenant.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn of(app: &App, tenant: TenantId) -> Result<Self> {
        Ok(Self(app.connections_of(tenant).await?))
    }

    /// The user that an id names.
    pub fn user(&self, id: &str) -> UserRef {
        let (strategy, local) = id.split_once('|').unwrap_or(("", id));
        let (at, subject) = match self.split(strategy, local) {
            Some((connection, subject)) => (Birthplace::Connection(connection.name.clone()), subject),
            None => (Birthplace::Provider(provider_of(strategy).to_owned()), local),
        };
        UserRef::Born {
            at,
            subject: subject.to_owned(),
        }
    }

    /// The connection that a local id names, with the account's own id there.
    pub fn split<'a>(&self, strategy: &str, local: &'a str) -> Option<(&Connection, &'a str)> {
        let (name, subject) = local.split_once('|')?;
        let connection = self.named(name)?;
        let named = names_connection(strategy) && strategy_of(connection) == strategy;
        named.then_some((connection, subject))
    }

    /// The id of a user: that of the identity that she was born with.
    pub fn id_of(&self, found: &UserWithIdentities) -> String {
        let primary = found.identities.iter().find(|identity| identity.is_primary());
        let spelled = primary.and_then(|primary| {
            let connection = self.find(primary.key.connection)?;
            Some(format!("{}|{}", strategy_of(connection), local_id(connection, primary)))
        });
        spelled.unwrap_or_default()
    }

    /// The connection of this id.
    pub fn find(&self, id: ConnectionId) -> Option<&Connection> {
        self.0.iter().find(|connection| connection.id == id)
    }

    /// The connection of this name.
    pub fn named(&self, name: &str) -> Option<&Connection> {
        self.0.iter().find(|connection| connection.name == name)
    }
}

/// What an identity calls its `user_id`.
pub fn local_id(connection: &Connection, identity: &Identity) -> String {
    let subject = &identity.key.subject;
    match names_connection(strategy_of(connection)) {
        true => format!("{}|{subject}", connection.name),
        false => subject.clone(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::domain::Object;

    fn connection(number: i64, name: &str, provider: &str, auth0: Value) -> Connection {
        Connection {
            id: ConnectionId::from_number(number),
            name: name.into(),
            provider: provider.into(),
            issuer: provider.into(),
            client_id: None,
            client_secret: None,
            auth0: match auth0 {
                Value::Object(members) => members,
                _ => Object::new(),
            },
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn every_provider_has_a_name_and_reads_back() {
        assert_eq!(STRATEGIES.iter().position(|name| *name == "aol"), Some(LISTED));
        for strategy in STRATEGIES.iter().filter(|name| **name != "waad").take(LISTED - 1) {
            let made_elsewhere = connection(1, "c", provider_of(strategy), json!(null));
            assert_eq!(strategy_of(&made_elsewhere), *strategy);
        }
        for (provider, strategy) in [("qq", "oauth2"), ("renren", "oauth2"), ("foursquare", "oauth2")] {
            assert_eq!(strategy_of(&connection(1, "c", provider, json!(null))), strategy);
        }
        let made_here = connection(1, "c", "microsoft", json!({"strategy": "waad"}));
        assert_eq!(strategy_of(&made_here), "waad");
    }

    #[test]
    fn ids_split_at_the_first_bar_and_at_known_connections() {
        let names = Names(vec![
            connection(1, "Staff", "oidc", json!({"strategy": "oidc"})),
            connection(2, "github", "github", json!(null)),
        ]);
        let born = |at, subject: &str| UserRef::Born {
            at,
            subject: subject.into(),
        };
        let provider = |name: &str| Birthplace::Provider(name.into());
        let connection = |name: &str| Birthplace::Connection(name.into());
        for (id, meant) in [
            ("auth0|a|b", born(provider("database"), "a|b")),
            ("google-oauth2|1", born(provider("google"), "1")),
            ("oidc|Staff|a|b", born(connection("Staff"), "a|b")),
            ("oidc|upn@x", born(provider("oidc"), "upn@x")),
            ("oidc|nobody|a", born(provider("oidc"), "nobody|a")),
            ("oidc|github|1", born(provider("oidc"), "github|1")),
            ("no bar", born(provider(""), "no bar")),
        ] {
            assert_eq!(names.user(id), meant, "{id}");
        }
    }
}
