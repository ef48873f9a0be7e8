//! One node: Patroni and the PostgreSQL that it looks after.
//!
//! What would surprise: a node listens where only the test dials, and tells the others the
//! address of its relay. Patroni would ask etcd for etcd's own addresses and go around the
//! relay, if it were not told that it talks to a proxy (`use_proxies`). And it speaks the older
//! of etcd's two protocols: through the newer one, Patroni 3.0.2, which is Debian's, writes the
//! key of the leader without looking who has it. A primary that wakes up after another has taken
//! its place becomes the primary again, and what the other had acknowledged is lost.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::addresses::Addresses;
use super::network::{Name, Network};
use super::processes::signal_all;
use super::programs::Programs;

/// Of everybody, PostgreSQL's superuser included.
pub const PASSWORD: &str = "only-for-this-test";

/// Whether a commit waits until the other node has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replication {
    Synchronous,
    Asynchronous,
}

/// A node, running or not.
pub struct Node {
    pub name: Name,
    folder: PathBuf,
    addresses: Addresses,
    programs: Programs,
    patroni: Option<Child>,
}

impl Node {
    /// One that is not started yet, with its relays in place.
    pub fn new(name: Name, programs: &Programs, network: &Network, replication: Replication) -> Self {
        let (folder, addresses) = (network.folder(name), network.addresses());
        programs.make_folder(&folder);
        network.relay_to(name, addresses.postgres_relay(name), addresses.postgres(name));
        network.relay_to(name, addresses.rest_relay(name), addresses.rest(name));
        network.relay_from(name, addresses.etcd_relay(name), addresses.etcd());
        let node = Self {
            name,
            folder,
            addresses,
            programs: programs.clone(),
            patroni: None,
        };
        let settings = node.settings(replication).to_string();
        std::fs::write(node.folder.join("patroni.yml"), settings).unwrap();
        node
    }

    /// What Patroni is told. JSON is YAML, too.
    fn settings(&self, replication: Replication) -> Value {
        let (name, addresses) = (self.name, self.addresses);
        json!({
            "scope": "oneself",
            "name": name.text(),
            "restapi": {"listen": addresses.rest(name), "connect_address": addresses.rest_relay(name)},
            "etcd": {"hosts": addresses.etcd_relay(name).to_string(), "use_proxies": true},
            "watchdog": {"mode": "off"},
            "bootstrap": {
                "dcs": shared_settings(replication),
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums"],
            },
            "postgresql": {
                "listen": addresses.postgres(name),
                "connect_address": addresses.postgres_relay(name),
                "data_dir": self.folder.join("data"),
                "bin_dir": self.programs.postgres,
                // Otherwise the copy would wait for minutes until a checkpoint has been made leisurely.
                "basebackup": {"checkpoint": "fast"},
                "pgpass": self.folder.join("pgpass"),
                "authentication": {
                    "superuser": {"username": "postgres", "password": PASSWORD},
                    "replication": {"username": "replicator", "password": PASSWORD},
                },
                "parameters": {"unix_socket_directories": ""},
                "pg_hba": [
                    "host replication replicator 127.0.0.0/8 scram-sha-256",
                    "host all all 127.0.0.0/8 scram-sha-256",
                ],
            },
        })
    }

    /// Starts Patroni, which starts PostgreSQL as whatever it has to be now.
    pub fn start(&mut self) {
        self.patroni = Some(
            self.programs
                .start(&self.programs.patroni, &["patroni.yml"], &self.folder),
        );
    }

    /// Ends all its processes at once, without a word.
    pub fn kill(&mut self) {
        signal_all(&self.folder, Signal::KILL);
        if let Some(mut patroni) = self.patroni.take() {
            patroni.wait().unwrap();
        }
    }

    /// Stops all its processes where they are.
    pub fn freeze(&self) {
        signal_all(&self.folder, Signal::STOP);
    }

    /// Lets them go on as if nothing had been.
    pub fn thaw(&self) {
        signal_all(&self.folder, Signal::CONT);
    }

    /// Whether Patroni says that this node is of that kind (`primary`, `sync`).
    pub async fn is(&self, kind: &str) -> bool {
        let request = format!("GET /{kind} HTTP/1.0\r\n\r\n");
        let asked = async {
            let mut stream = TcpStream::connect(self.addresses.rest(self.name)).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await?;
            std::io::Result::Ok(answer)
        };
        let answer = timeout(Duration::from_secs(2), asked).await;
        answer.is_ok_and(|answer| answer.is_ok_and(|answer| answer.starts_with(b"HTTP/1.0 200 ")))
    }

    /// Where PostgreSQL itself listens, past the relay.
    pub const fn postgres(&self) -> SocketAddr {
        self.addresses.postgres(self.name)
    }
}

/// What the nodes agree on.
///
/// The leader has ten seconds to renew its key, so a fail-over takes about as long. From 3.1
/// on Patroni makes twenty of anything less, the least that its documentation knows.
///
/// With `synchronous_mode` nobody is promoted but who had everything that was acknowledged. It
/// is not strict: a node that is left alone takes writes alone, or two nodes would take none
/// until both are there again. Nothing is lost by that, because the other is not promoted
/// before it has caught up; what is taken alone is on one disk until then.
fn shared_settings(replication: Replication) -> Value {
    json!({
        "ttl": 10,
        "loop_wait": 1,
        "retry_timeout": 3,
        "synchronous_mode": replication == Replication::Synchronous,
        "synchronous_mode_strict": false,
        "maximum_lag_on_failover": i32::MAX,
        "postgresql": {
            "use_pg_rewind": true,
            "parameters": {
                "fsync": "on",
                "synchronous_commit": "on",
                "max_connections": 100,
                "wal_keep_size": "512MB",
                "wal_sender_timeout": "5s",
                "wal_receiver_timeout": "5s",
            },
        },
    })
}
