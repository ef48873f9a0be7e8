//! Who owns a set of users, and the applications that act for them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::{Object, RateLimit, Scopes};
use crate::error::{Error, Result};
use crate::id::{ClientId, TenantId};
use crate::secret::Digest;

/// Who owns a set of users: Auth0's tenant, Kii's app, Knodes' customer, in one record.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// The id that every key in the store begins with.
    pub id: TenantId,
    /// Unique on the server; what the command line calls it by.
    pub name: String,
    /// What its owner may change.
    pub settings: Settings,
    /// The credentials of the two dialects that know no clients of their own.
    pub credentials: OpaqueCredentials,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What Kii and Knodes clients present, as hashes; the ids are made from the tenant's.
#[derive(Debug, Clone)]
pub struct OpaqueCredentials {
    /// Kii's application key.
    pub kii_app_key: Digest,
    /// Kii's administrator: client id in clear.
    pub kii_client_id: String,
    /// Kii's administrator: client secret.
    pub kii_client_secret: Digest,
    /// Knodes' customer id in clear.
    pub knodes_customer_id: String,
    /// Knodes' customer secret.
    pub knodes_customer_secret: Digest,
}

/// Whether linking an identity that nobody has logged in with yet makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkUnknown {
    /// Refused, as Auth0's contract says.
    #[default]
    Refuse,
    /// Made, with proof `asserted`.
    Create,
}

/// Whether accounts of people who were erased may come back while marks of them are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecreatedAccounts {
    /// They may, and an event tells of whoever comes by one.
    #[default]
    Allowed,
    /// Nobody gets one.
    Refused,
}

/// What the owner of a tenant may change, with `oneself tenant set NAME key=value`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What linking by provider and id does when nobody has the identity.
    pub link_unknown: LinkUnknown,
    /// The oldest ID token that proves a second account, in seconds since it was issued.
    pub link_with_max_age: u32,
    /// The oldest ID token of a network by which an account comes to be somebody's, likewise.
    pub id_token_max_age: u32,
    /// How many identities people may give themselves; no bound for who acts for the tenant.
    pub identities_per_user: u32,
    /// Whether Knodes clients may send their secret in the query string.
    pub query_secrets: bool,
    /// Whether Knodes clients may connect an account that is known without its token.
    pub tokenless_connect: bool,
    /// How many requests of Auth0's interface all clients together may make.
    pub rate_limit: RateLimit,
    /// How many each client may.
    pub client_rate_limit: RateLimit,
    /// Whether unknown properties of clients are passed over instead of refused.
    pub lenient_clients: bool,
    /// For how many days entries of the log are kept.
    pub log_retention_days: u32,
    /// Whether accounts of people who were erased may come back.
    pub recreated_accounts: RecreatedAccounts,
    /// For how many days such accounts are recognised; those of whoever is erased while this is 0
    /// never are.
    pub erased_accounts_days: u32,
    /// Whether strangers may come to be users by Kii's interface.
    pub kii_sign_up: bool,
    /// Whether an e-mail address counts in Kii's interface only once it is verified.
    pub kii_email_verification: bool,
    /// Likewise a phone number.
    pub kii_phone_verification: bool,
    /// Whether people see the whole profile of others in Kii's interface.
    pub kii_expose_users: bool,
    /// Whether refresh tokens come with Kii's access tokens.
    pub kii_refresh_tokens: bool,
    /// How many seconds a token of Kii's lives for which nobody asked otherwise.
    pub kii_token_seconds: u32,
    /// How many seconds a token of Kii's may live.
    pub kii_max_token_seconds: u32,
    /// How many characters a password that comes by Kii's interface must have.
    pub kii_password_length: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            link_unknown: LinkUnknown::default(),
            link_with_max_age: 3600,
            id_token_max_age: 600,
            identities_per_user: 50,
            query_secrets: true,
            tokenless_connect: true,
            rate_limit: RateLimit::default(),
            client_rate_limit: RateLimit::default(),
            lenient_clients: false,
            log_retention_days: 30,
            recreated_accounts: RecreatedAccounts::default(),
            erased_accounts_days: 30,
            kii_sign_up: true,
            kii_email_verification: false,
            kii_phone_verification: false,
            kii_expose_users: false,
            kii_refresh_tokens: false,
            kii_token_seconds: i32::MAX.unsigned_abs(),
            kii_max_token_seconds: i32::MAX.unsigned_abs(),
            kii_password_length: 4,
        }
    }
}

impl Settings {
    /// The greatest age that a proof may be allowed, in seconds.
    pub const OLDEST_PROOF: u32 = 3600;

    /// The names of all settings, as `tenant set` takes them.
    pub const NAMES: [&str; 20] = [
        "link_unknown",
        "link_with_max_age",
        "id_token_max_age",
        "identities_per_user",
        "query_secrets",
        "tokenless_connect",
        "rate_limit",
        "client_rate_limit",
        "lenient_clients",
        "log_retention_days",
        "recreated_accounts",
        "erased_accounts_days",
        "kii_sign_up",
        "kii_email_verification",
        "kii_phone_verification",
        "kii_expose_users",
        "kii_refresh_tokens",
        "kii_token_seconds",
        "kii_max_token_seconds",
        "kii_password_length",
    ];

    /// Sets one of them from its text.
    ///
    /// # Errors
    /// [`Error::Invalid`], naming the setting and what it takes.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "link_unknown" => {
                self.link_unknown = match value {
                    "refuse" => LinkUnknown::Refuse,
                    "create" => LinkUnknown::Create,
                    _ => return Err(Error::invalid(name.to_owned(), "takes refuse or create")),
                };
            }
            "recreated_accounts" => {
                self.recreated_accounts = match value {
                    "allowed" => RecreatedAccounts::Allowed,
                    "refused" => RecreatedAccounts::Refused,
                    _ => return Err(Error::invalid(name.to_owned(), "takes allowed or refused")),
                };
            }
            "erased_accounts_days" => {
                self.erased_accounts_days = match value.parse() {
                    Ok(days @ 0..=3650) => days,
                    _ => return Err(Error::invalid(name.to_owned(), "takes days, 0 to 3650")),
                };
            }
            "link_with_max_age" | "id_token_max_age" => {
                let seconds = match value.parse() {
                    Ok(seconds @ 1..=Self::OLDEST_PROOF) => seconds,
                    _ => return Err(Error::invalid(name.to_owned(), "takes seconds, 1 to 3600")),
                };
                match name {
                    "link_with_max_age" => self.link_with_max_age = seconds,
                    _ => self.id_token_max_age = seconds,
                }
            }
            "log_retention_days" => {
                self.log_retention_days = match value.parse() {
                    Ok(days @ 1..=3650) => days,
                    _ => return Err(Error::invalid(name.to_owned(), "takes days, 1 to 3650")),
                };
            }
            "identities_per_user" => {
                self.identities_per_user = match value.parse() {
                    Ok(most @ 1..=10_000) => most,
                    _ => return Err(Error::invalid(name.to_owned(), "takes a number, 1 to 10000")),
                };
            }
            "query_secrets"
            | "tokenless_connect"
            | "lenient_clients"
            | "kii_sign_up"
            | "kii_email_verification"
            | "kii_phone_verification"
            | "kii_expose_users"
            | "kii_refresh_tokens" => {
                let on = value
                    .parse()
                    .map_err(|_| Error::invalid(name.to_owned(), "takes true or false"))?;
                match name {
                    "query_secrets" => self.query_secrets = on,
                    "tokenless_connect" => self.tokenless_connect = on,
                    "lenient_clients" => self.lenient_clients = on,
                    "kii_sign_up" => self.kii_sign_up = on,
                    "kii_email_verification" => self.kii_email_verification = on,
                    "kii_phone_verification" => self.kii_phone_verification = on,
                    "kii_expose_users" => self.kii_expose_users = on,
                    _ => self.kii_refresh_tokens = on,
                }
            }
            "kii_token_seconds" | "kii_max_token_seconds" => {
                let seconds = match value.parse() {
                    Ok(seconds @ 60..=0x7fff_ffff) => seconds,
                    _ => return Err(Error::invalid(name.to_owned(), "takes seconds, 60 to 2147483647")),
                };
                match name {
                    "kii_token_seconds" => self.kii_token_seconds = seconds,
                    _ => self.kii_max_token_seconds = seconds,
                }
            }
            "kii_password_length" => {
                self.kii_password_length = match value.parse() {
                    Ok(least @ 4..=50) => least,
                    _ => return Err(Error::invalid(name.to_owned(), "takes a number, 4 to 50")),
                };
            }
            "rate_limit" | "client_rate_limit" => {
                let limit = value
                    .parse()
                    .map_err(|why: &'static str| Error::invalid(name.to_owned(), why))?;
                match name {
                    "rate_limit" => self.rate_limit = limit,
                    _ => self.client_rate_limit = limit,
                }
            }
            _ => {
                return Err(Error::invalid(
                    name.to_owned(),
                    format!("is not a setting; there are {}", Self::NAMES.join(", ")),
                ));
            }
        }
        Ok(())
    }

    /// The age at which an ID token no longer proves a second account.
    pub fn link_with_max_age(&self) -> Duration {
        Duration::from_secs(self.link_with_max_age.into())
    }
}

/// A way in which a client may ask for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grant {
    /// RFC 6749, 4.4: the client itself.
    ClientCredentials,
    /// A person's name and password, with the connection that knows them; off unless
    /// the operator adds it.
    PasswordRealm,
}

impl Grant {
    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client-credentials",
            Self::PasswordRealm => "password-realm",
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Grant {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        match name {
            "client-credentials" => Ok(Self::ClientCredentials),
            "password-realm" => Ok(Self::PasswordRealm),
            _ => Err("there are client-credentials and password-realm".into()),
        }
    }
}

/// An application of a tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    /// Its id, which carries the tenant's.
    pub id: ClientId,
    /// What people call it; not unique.
    pub name: String,
    /// What it proves itself with; a public client has nothing.
    pub secret: Option<Digest>,
    /// How it may ask for tokens.
    pub grants: Vec<Grant>,
    /// The most that its own tokens may carry; `None`: it gets none of its own.
    pub scopes: Option<Scopes>,
    /// What the Auth0 dialect keeps with a client.
    pub auth0: Object,
    /// Moved by a new secret: tokens issued before are dead.
    pub epoch: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Client {
    /// Whether it can keep no secret, as what runs in a browser or on a phone.
    pub fn is_public(&self) -> bool {
        self.member("token_endpoint_auth_method")
            .and_then(Value::as_str)
            .is_some_and(|method| method == "none")
    }

    /// From where browsers may call for it.
    pub fn web_origins(&self) -> impl Iterator<Item = &str> {
        let origins = self.member("web_origins").and_then(Value::as_array);
        origins.into_iter().flatten().filter_map(Value::as_str)
    }

    /// How long the ID tokens live that it gets, where it says so.
    pub fn id_tokens_for(&self) -> Option<Duration> {
        let seconds = self.member("jwt_configuration")?.get("lifetime_in_seconds")?;
        seconds.as_u64().map(Duration::from_secs)
    }

    fn member(&self, name: &str) -> Option<&Value> {
        self.auth0.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_say_what_they_take() {
        let mut settings = Settings::default();
        settings.set("link_unknown", "create").unwrap();
        assert_eq!(settings.link_unknown, LinkUnknown::Create);
        settings.set("recreated_accounts", "refused").unwrap();
        settings.set("erased_accounts_days", "0").unwrap();
        assert_eq!(settings.recreated_accounts, RecreatedAccounts::Refused);
        assert_eq!(settings.erased_accounts_days, 0);
        for (name, value) in [
            ("link_unknown", "yes"),
            ("link_with_max_age", "0"),
            ("recreated_accounts", "never"),
            ("erased_accounts_days", "3651"),
            ("nope", "1"),
        ] {
            let error = settings.set(name, value).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        for name in Settings::NAMES {
            assert!(
                !settings
                    .set(name, "")
                    .unwrap_err()
                    .to_string()
                    .contains("not a setting")
            );
        }
    }
}
