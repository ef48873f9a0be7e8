//! The settings of a server as types: read once, checked once, printable as they are.
//!
//! Layers, each over the one before: `config.default.toml`, which is built in and names
//! every setting; the file given with `--config`; the environment; flags. No setting is a
//! secret, but for a password that somebody writes into a URL, which is not shown: keys,
//! certificates and passwords are named by path. What would surprise: a name that is
//! not a setting is refused wherever it stands, because a misspelt safeguard is none.

mod layers;
mod sandbox;

pub use sandbox::SandboxUrl;

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::outbound::{Net, OutboundSettings};
use crate::secret::SecretString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The text of `config.default.toml`.
pub const DEFAULTS: &str = include_str!("../../config.default.toml");

/// What names of variables begin with that only test builds may be given.
const TEST_PREFIX: &str = "ONESELF_TEST_";

/// Why nothing is started: what is unsafe or unclear, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unsafe(pub String);

/// The settings. `config.default.toml` says what each is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config.default.toml documents every setting under its name")]
pub struct Config {
    pub listen: SocketAddr,
    #[serde(deserialize_with = "or_empty", serialize_with = "as_empty")]
    pub admin_listen: Option<SocketAddr>,
    pub data: PathBuf,
    #[serde(deserialize_with = "or_empty", serialize_with = "as_empty")]
    pub database_url: Option<DatabaseUrl>,
    #[serde(deserialize_with = "or_empty", serialize_with = "as_empty")]
    pub database_password_file: Option<PathBuf>,
    pub database_connections: usize,
    #[serde(deserialize_with = "or_empty", serialize_with = "as_empty")]
    pub root_key_file: Option<PathBuf>,
    pub origins: Vec<String>,
    #[serde(deserialize_with = "or_empty", serialize_with = "as_empty")]
    pub tls_cert: Option<PathBuf>,
    #[serde(deserialize_with = "or_empty", serialize_with = "as_empty")]
    pub tls_key: Option<PathBuf>,
    pub behind_proxy: bool,
    pub log_format: LogFormat,
    pub log_level: String,
    pub drain_seconds: u64,
    pub request_threads: usize,
    pub max_connections: usize,
    pub max_connections_per_address: usize,
    pub password_hashes_at_once: usize,
    pub password_hashes_waiting: usize,
    pub rate_limit_per_address: String,
    pub mail_from: String,
    #[serde(deserialize_with = "or_empty", serialize_with = "as_empty")]
    pub mail_directory: Option<PathBuf>,
    pub mail_smtp: String,
    pub mail_smtp_security: MailSecurity,
    pub mail_smtp_user: String,
    #[serde(deserialize_with = "or_empty", serialize_with = "as_empty")]
    pub mail_smtp_password_file: Option<PathBuf>,
    pub egress_ports: Vec<u16>,
    #[serde(deserialize_with = "from_texts", serialize_with = "as_texts")]
    pub egress_allow: Vec<Net>,
    #[serde(deserialize_with = "or_empty", serialize_with = "as_empty")]
    pub sandbox: Option<SandboxUrl>,
}

/// Where a database is; it may hold a password, so it shows itself without.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The whole of it.
    pub fn secret(&self) -> SecretString {
        self.0.as_str().into()
    }
}

impl FromStr for DatabaseUrl {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for DatabaseUrl {
    /// Host and database, and nothing that comes before or after them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0.split('?').next().unwrap_or_default();
        let rest = whole.split_once("://").map_or("", |(_, rest)| rest);
        let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
        write!(f, "postgres://{place}")
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How the mail server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailSecurity {
    /// In clear, until both agree on TLS; without that nothing is sent.
    StartTls,
    /// Over TLS from the first byte.
    Tls,
    /// In clear.
    None,
}

/// How log records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a person at a terminal.
    Pretty,
}

impl Config {
    /// Where the root key is kept: the setting, or beside the data directory.
    ///
    /// # Errors
    /// When the data directory has no name that a sibling could be called after.
    pub fn root_key_file(&self) -> Result<PathBuf, Unsafe> {
        if let Some(path) = &self.root_key_file {
            return Ok(path.clone());
        }
        let named = match self.data.file_name() {
            Some(_) => Some(self.data.clone()),
            None => self.data.canonicalize().ok().filter(|path| path.file_name().is_some()),
        };
        named.map(|path| path.with_added_extension("root.key")).ok_or_else(|| {
            Unsafe(format!(
                "{} has no name to call the root key after: say where it is with --root-key-file",
                self.data.display()
            ))
        })
    }

    /// Whether the server itself speaks TLS.
    pub const fn has_tls(&self) -> bool {
        self.tls_cert.is_some()
    }

    /// How long requests under way may take to end after SIGTERM.
    pub const fn drain_for(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }

    /// The origins of a server that listens on `bound`.
    pub fn origins(&self, bound: SocketAddr) -> Vec<String> {
        if !self.origins.is_empty() {
            return self.origins.clone();
        }
        let scheme = if self.has_tls() { "https" } else { "http" };
        let port = bound.port();
        let host = match bound.ip().to_canonical() {
            ip if ip.is_unspecified() => "127.0.0.1".to_owned(),
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        [host.as_str(), "localhost"]
            .iter()
            .map(|host| format!("{scheme}://{host}:{port}"))
            .collect()
    }

    /// Where the server may go.
    pub fn outbound(&self) -> OutboundSettings {
        OutboundSettings {
            allowed: self.sandbox.iter().map(SandboxUrl::address).collect(),
            nets: self.egress_allow.clone(),
            ports: self.egress_ports.clone(),
            ..OutboundSettings::default()
        }
    }

    /// That the server may be started with these settings (OPS-07).
    ///
    /// # Errors
    /// The first thing that is unsafe.
    pub fn check_safe(&self) -> Result<(), Unsafe> {
        let refuse = |text: String| Err(Unsafe(text));
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), None) => return refuse("tls_cert is set without tls_key: set both or neither".into()),
            (None, Some(_)) => return refuse("tls_key is set without tls_cert: set both or neither".into()),
            _ => {}
        }
        if !is_loopback(self.listen) && !self.has_tls() && !self.behind_proxy {
            return refuse(format!(
                "{} is not a loopback address, and everybody on the way could read the tokens: set tls_cert and \
                 tls_key, or state with behind_proxy that a proxy in front of the server ends TLS",
                self.listen
            ));
        }
        if let Some(admin) = self.admin_listen {
            if !is_loopback(admin) {
                return refuse(format!(
                    "admin_listen is {admin}: health and metrics are served without credentials, on loopback only"
                ));
            }
            if admin == self.listen && admin.port() != 0 {
                return refuse(format!(
                    "listen and admin_listen are both {admin}: they are served apart"
                ));
            }
        }
        for (name, value) in [
            ("max_connections", self.max_connections),
            ("max_connections_per_address", self.max_connections_per_address),
            ("password_hashes_at_once", self.password_hashes_at_once),
            ("database_connections", self.database_connections),
        ] {
            if value == 0 {
                return refuse(format!("{name} is 0: the server could serve nobody"));
            }
        }
        if self.egress_ports.contains(&0) {
            return refuse("egress_ports has a 0, which is no port".into());
        }
        self.check_mail()
    }

    fn check_mail(&self) -> Result<(), Unsafe> {
        let refuse = |text: String| Err(Unsafe(text));
        let has_smtp = !self.mail_smtp.is_empty();
        if has_smtp && self.mail_directory.is_some() {
            return refuse("mail_smtp and mail_directory are both set: mail goes one way".into());
        }
        if (has_smtp || self.mail_directory.is_some()) && self.mail_from.is_empty() {
            return refuse("mail_from is not set: say from which address mail is sent".into());
        }
        if self.mail_smtp_user.is_empty() != self.mail_smtp_password_file.is_none() {
            return refuse("mail_smtp_user and mail_smtp_password_file: set both or neither".into());
        }
        if has_smtp && self.mail_smtp_security == MailSecurity::None && !is_this_machine(&self.mail_smtp) {
            return refuse(format!(
                "mail_smtp_security is none and {} is not this machine: everybody on the way could read the links in \
                 mails, set starttls or tls",
                self.mail_smtp
            ));
        }
        Ok(())
    }
}

impl fmt::Display for Config {
    /// One line a setting, in the order of `config.default.toml`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = serde_json::to_value(self).map_err(|_| fmt::Error)?;
        for (name, value) in settings.as_object().into_iter().flatten() {
            match &self.database_url {
                Some(url) if name == "database_url" => writeln!(f, "{name} = \"{url}\"")?,
                _ => writeln!(f, "{name} = {value}")?,
            }
        }
        Ok(())
    }
}

/// That nothing is set which only a test build understands (OPS-07).
///
/// # Errors
/// The variable that is, when `release` says that this is no test build.
pub fn refuse_test_knobs(names: impl IntoIterator<Item = String>, release: bool) -> Result<(), Unsafe> {
    match names.into_iter().find(|name| release && name.starts_with(TEST_PREFIX)) {
        Some(name) => Err(Unsafe(format!(
            "{name} is set: variables for tests have no place beside a release build, unset it"
        ))),
        None => Ok(()),
    }
}

/// Whether only this machine reaches the address.
const fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Whether a host with a port is this machine.
fn is_this_machine(server: &str) -> bool {
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Reads an empty text as nothing.
fn or_empty<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: fmt::Display>,
{
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

/// Writes nothing as an empty text.
fn as_empty<S: Serializer, T: Serialize>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => value.serialize(serializer),
        None => serializer.serialize_str(""),
    }
}

/// Reads a list of texts as what they stand for.
fn from_texts<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: fmt::Display>,
{
    let texts = Vec::<String>::deserialize(deserializer)?;
    let read = texts.iter().map(|text| text.parse().map_err(serde::de::Error::custom));
    read.collect()
}

/// Writes a list as the texts that it was read from.
fn as_texts<S: Serializer, T: fmt::Display>(list: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(list.iter().map(T::to_string))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use figment::value::Dict;

    use super::*;

    #[test]
    fn without_origins_the_address_and_localhost_are_used() {
        let config = Config::load(None, [], &Dict::new()).unwrap();
        let at = |bound: &str| config.origins(bound.parse().unwrap()).join(" ");
        assert_eq!(at("127.0.0.1:9"), "http://127.0.0.1:9 http://localhost:9");
        assert_eq!(at("[::1]:9"), "http://[::1]:9 http://localhost:9");
        assert_eq!(at("0.0.0.0:9"), "http://127.0.0.1:9 http://localhost:9");
    }

    #[test]
    fn the_root_key_is_a_sibling_of_the_data() {
        let mut config = Config::load(None, [], &Dict::new()).unwrap();
        assert_eq!(config.root_key_file().unwrap(), Path::new("./oneself-data.root.key"));
        config.data = "/srv/oneself/".into();
        assert_eq!(config.root_key_file().unwrap(), Path::new("/srv/oneself.root.key"));
        config.data = "/".into();
        assert!(config.root_key_file().is_err());
    }

    #[test]
    fn the_address_of_a_database_is_shown_without_who_asks() {
        let mut config = Config::load(None, [], &Dict::new()).unwrap();
        config.database_url = Some("postgres://u:p@ss@h:5,i/d?password=x".parse().unwrap());
        let shown = config.to_string();
        assert!(shown.contains("database_url = \"postgres://h:5,i/d\""), "{shown}");
        assert!(!format!("{config:?}").contains("p@ss"));
    }

    #[test]
    fn sec_ops_07_test_knobs_are_refused_beside_a_release_build() {
        let names = || ["PATH".to_owned(), "ONESELF_TEST_ALL".to_owned()];
        assert!(refuse_test_knobs(names(), false).is_ok());
        let refused = refuse_test_knobs(names(), true).unwrap_err().0;
        assert!(refused.contains("ONESELF_TEST_ALL"), "{refused}");
    }
}
