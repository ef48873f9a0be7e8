//! From a URL to a connection that may be used: address, TLS and the settings of a session.
//!
//! Of several hosts each is tried for itself, since one that accepts connections and then says
//! nothing would keep the others from being tried at all; the one that was good last is the first.
//! What would surprise: TLS is asked for, and the server's certificate checked against its name,
//! wherever the server is not this machine, unless the URL says `sslmode=disable`. There is no
//! mode in which TLS is used and the certificate not looked at.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::trouble::Fault;
use crate::secret::{ExposeSecret as _, SecretString};

/// How long a host may take until it has a connection of which it is known whether it will do.
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);

/// How long the whole of a connection with its settings may take.
const READY_PATIENCE: Duration = Duration::from_secs(8);

/// Where a server listens of which nothing else is said.
const POSTGRESQL_PORT: u16 = 5432;

/// What every session is told.
const SEARCH_PATH: &str = "SET search_path = oneself, oneself_keys";

/// What a session is told that requests wait for. A statement that takes long is ended by the
/// server, and so is a transaction that nobody goes on with, because both keep others waiting.
const LIMITS: &str = "SET statement_timeout = '6s'; SET lock_timeout = '4s';
    SET idle_in_transaction_session_timeout = '15s'";

/// What it is told besides, where the server knows it: statements are planned once, for
/// whatever values come, and along the keys that they name. Citus has to see the tenant when it
/// plans, so there the first is not said.
const PLANS: [&str; 4] = [
    "SELECT set_config('plan_cache_mode', 'force_generic_plan', false)
     WHERE NOT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus')",
    "SET enable_seqscan = off",
    "SET enable_hashjoin = off",
    "SET enable_mergejoin = off",
];

/// Who waits for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Haste {
    /// Requests, and other sessions.
    Requests,
    /// Nobody.
    None,
}

/// Where a server is and how it is spoken to.
#[derive(Clone)]
pub struct Address {
    /// One for each host.
    hosts: Vec<Config>,
    /// Which of them was good last.
    good: Arc<AtomicUsize>,
    /// How often connections that there were ceased to be trusted.
    distrusted: Arc<AtomicU64>,
    tls: Option<MakeRustlsConnect>,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address")
    }
}

impl fmt::Display for Address {
    /// Hosts and ports, and nothing that is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.hosts.iter().flat_map(|config| {
            let port = config.get_ports().first().copied().unwrap_or(POSTGRESQL_PORT);
            config.get_hosts().iter().map(move |host| match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                Host::Unix(path) => path.display().to_string(),
            })
        });
        f.write_str(&names.collect::<Vec<_>>().join(", "))
    }
}

/// What is wrong with a URL, or with the files that it names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("database_url {0}")]
pub struct BadAddress(String);

impl Address {
    /// The server that a URL names: `postgres://USER@HOST:PORT/DATABASE?…`, with several hosts
    /// separated by commas, and with libpq's parameters as far as they make sense here. The
    /// password may come apart from it.
    ///
    /// # Errors
    /// [`BadAddress`], which does not repeat the URL.
    pub fn parse(url: &SecretString, password: Option<&SecretString>) -> Result<Self, BadAddress> {
        let url = url.expose_secret();
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(BadAddress(
                "does not begin with postgres://: it is postgres://USER@HOST:PORT/DATABASE".into(),
            ));
        }
        let (rest, asked) = TlsAsked::take_from(url);
        let mut hosts = Vec::new();
        for url in one_for_each_host(&rest) {
            hosts.push(config(&url, password)?);
        }
        let with_tls = match asked.mode.as_deref() {
            Some("disable") => false,
            None => !hosts.iter().flat_map(Config::get_hosts).all(is_this_machine),
            Some("require" | "verify-ca" | "verify-full") => true,
            Some(other) => {
                return Err(BadAddress(format!(
                    "has sslmode={other}: it is disable, or verify-full, which require and verify-ca mean here too"
                )));
            }
        };
        for config in &mut hosts {
            config.ssl_mode(if with_tls { SslMode::Require } else { SslMode::Disable });
        }
        let tls = match with_tls {
            true => Some(MakeRustlsConnect::new(trusting(asked.roots.as_deref())?)),
            false => None,
        };
        Ok(Self {
            hosts,
            good: Arc::default(),
            distrusted: Arc::default(),
            tls,
        })
    }

    /// The user and the database.
    pub(super) fn parties(&self) -> (&str, &str) {
        let config = self.hosts.first();
        let of = |get: fn(&Config) -> Option<&str>| config.and_then(get).unwrap_or_default();
        (of(Config::get_user), of(Config::get_dbname))
    }

    /// A connection that is ready for statements. Its own half runs on the runtime that this is
    /// called from.
    pub(super) async fn connect(&self, haste: Haste) -> Result<Client, Fault> {
        let ready = async {
            let client = self.connect_bare().await?;
            if haste == Haste::None {
                client.batch_execute(SEARCH_PATH).await?;
                return Ok(client);
            }
            // All at once: whoever waits for a connection waits for one answer. Other servers of the same
            // protocol know none of the plans, and need none.
            let [first, second, third, fourth] = PLANS;
            let (path, limits, ..) = tokio::join!(
                client.batch_execute(SEARCH_PATH),
                client.batch_execute(LIMITS),
                client.batch_execute(first),
                client.batch_execute(second),
                client.batch_execute(third),
                client.batch_execute(fourth),
            );
            path.and(limits)?;
            Ok(client)
        };
        tokio::time::timeout(READY_PATIENCE, ready)
            .await
            .unwrap_or(Err(Fault::Silence))
    }

    /// A connection as it comes, to the first host that will do.
    pub(super) async fn connect_bare(&self) -> Result<Client, Fault> {
        let good = self.good.load(Ordering::Relaxed);
        let mut fault = Fault::Silence;
        let hosts = self.hosts.iter().enumerate();
        for (at, config) in hosts.clone().skip(good).chain(hosts.take(good)) {
            let patience = config.get_connect_timeout().copied().unwrap_or(CONNECT_PATIENCE);
            match tokio::time::timeout(patience, self.connect_to(config)).await {
                Ok(Ok(client)) => {
                    if self.good.swap(at, Ordering::Relaxed) != at {
                        self.distrust();
                    }
                    return Ok(client);
                }
                Ok(Err(said)) => fault = said,
                Err(_) => {}
            }
        }
        Err(fault)
    }

    /// Has every connection that there is exchanged before it is used again: another host has taken
    /// over, or one of them was silent. Otherwise each would have to be found out for itself, and a
    /// request that meets several of them waits for each.
    pub(super) fn distrust(&self) {
        self.distrusted.fetch_add(1, Ordering::Relaxed);
    }

    /// What changes when connections from before are not trusted any more.
    pub(super) fn trust(&self) -> u64 {
        self.distrusted.load(Ordering::Relaxed)
    }

    async fn connect_to(&self, config: &Config) -> Result<Client, Fault> {
        match &self.tls {
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await.map_err(Fault::Unconnected)?;
                tokio::spawn(connection);
                Ok(client)
            }
            None => {
                let (client, connection) = config.connect(NoTls).await.map_err(Fault::Unconnected)?;
                tokio::spawn(connection);
                Ok(client)
            }
        }
    }
}

/// The same URL for each of its hosts alone.
fn one_for_each_host(url: &str) -> Vec<String> {
    let authority = url.find("//").map_or(0, |at| at + 2);
    let end = url[authority..].find(['/', '?']).map_or(url.len(), |at| authority + at);
    let hosts = url[authority..end]
        .rfind('@')
        .map_or(authority, |at| authority + at + 1);
    let (before, after) = (&url[..hosts], &url[end..]);
    url[hosts..end]
        .split(',')
        .map(|host| format!("{before}{host}{after}"))
        .collect()
}

/// How the host of this URL is spoken to.
fn config(url: &str, password: Option<&SecretString>) -> Result<Config, BadAddress> {
    let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
        let why = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        BadAddress(format!("cannot be read: {why}"))
    })?;
    if let Some(password) = password {
        config.password(password.expose_secret());
    }
    if config.get_user().is_none_or(str::is_empty) {
        return Err(BadAddress(
            "names no user: it is postgres://USER@HOST:PORT/DATABASE".into(),
        ));
    }
    if config.get_dbname().is_none_or(str::is_empty) {
        return Err(BadAddress(
            "names no database: it is postgres://USER@HOST:PORT/DATABASE".into(),
        ));
    }
    if config.get_application_name().is_none() {
        config.application_name("oneself");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_PATIENCE);
    }
    config.tcp_user_timeout(Duration::from_secs(8));
    config.keepalives_idle(Duration::from_secs(10));
    config.keepalives_interval(Duration::from_secs(3));
    config.keepalives_retries(3);
    Ok(config)
}

/// What a URL says of TLS in words that are ours to understand.
struct TlsAsked {
    mode: Option<String>,
    roots: Option<String>,
}

impl TlsAsked {
    /// The URL without these words, and the words.
    fn take_from(url: &str) -> (String, Self) {
        let mut asked = Self {
            mode: None,
            roots: None,
        };
        let Some((before, query)) = url.split_once('?') else {
            return (url.to_owned(), asked);
        };
        let mut rest = Vec::new();
        for pair in query.split('&') {
            let value = |text: &str| {
                percent_encoding::percent_decode_str(text)
                    .decode_utf8_lossy()
                    .into_owned()
            };
            match pair.split_once('=') {
                Some(("sslmode", mode)) => asked.mode = Some(value(mode)),
                Some(("sslrootcert", path)) => asked.roots = Some(value(path)),
                _ => rest.push(pair),
            }
        }
        match rest.is_empty() {
            true => (before.to_owned(), asked),
            false => (format!("{before}?{}", rest.join("&")), asked),
        }
    }
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback()),
        Host::Unix(_) => true,
    }
}

/// Trusting the certificates of a file, or those that the machine trusts.
fn trusting(roots: Option<&str>) -> Result<ClientConfig, BadAddress> {
    let mut trusted = RootCertStore::empty();
    match roots {
        Some(path) => {
            let bad = |why: String| BadAddress(format!("has sslrootcert={path}, which cannot be used: {why}"));
            let read = CertificateDer::pem_file_iter(Path::new(path)).map_err(|error| bad(error.to_string()))?;
            for certificate in read {
                let certificate = certificate.map_err(|error| bad(error.to_string()))?;
                trusted.add(certificate).map_err(|error| bad(error.to_string()))?;
            }
            if trusted.is_empty() {
                return Err(bad("there is no certificate in it".into()));
            }
        }
        None => {
            trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| BadAddress(format!("cannot be used with TLS: {error}")))?;
    Ok(config.with_root_certificates(trusted).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<Address, String> {
        Address::parse(&url.into(), None).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_repeating_it() {
        for (url, said) in [
            ("mysql://u:secret@h/d", "postgres://"),
            ("postgres://h/d", "names no user"),
            ("postgres://u:secret@h", "names no database"),
            ("postgres://u:secret@h:port/d", "cannot be read"),
            ("postgres://u:secret@h/d?sslmode=prefer", "sslmode=prefer"),
            ("postgres://u:secret@h/d?frobnicate=1", "frobnicate"),
            ("postgres://u:secret@h/d?sslrootcert=%2Fno%2Fsuch", "/no/such"),
        ] {
            let error = read(url).unwrap_err();
            assert!(error.contains(said) && !error.contains("secret"), "{url}: {error}");
        }
    }

    #[test]
    fn each_host_of_a_url_has_one_of_its_own() {
        assert_eq!(
            one_for_each_host("postgres://u:p@a:1,b,[::1]:3/d?x=y@z,w"),
            [
                "postgres://u:p@a:1/d?x=y@z,w",
                "postgres://u:p@b/d?x=y@z,w",
                "postgres://u:p@[::1]:3/d?x=y@z,w"
            ]
        );
        assert_eq!(one_for_each_host("postgres://a/d"), ["postgres://a/d"]);
        assert_eq!(one_for_each_host("postgres:///d?host=a"), ["postgres:///d?host=a"]);
    }

    #[test]
    fn tls_is_used_where_the_server_is_not_this_machine() {
        let tls = |url: &str| read(url).unwrap().tls.is_some();
        assert!(!tls("postgres://u@127.0.0.1:5/d"));
        assert!(!tls("postgres://u@localhost,[::1]/d"));
        assert!(tls("postgres://u@db.example/d"));
        assert!(tls("postgres://u@127.0.0.1,db.example/d"));
        assert!(!tls("postgres://u@db.example/d?sslmode=disable"));
        assert!(tls("postgres://u@localhost/d?connect_timeout=2&sslmode=verify-full"));
    }
}
