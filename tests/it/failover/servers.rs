//! Servers of ours that share one database and one root key, with one tenant.
//!
//! What would surprise: each has origins of its own, so a token is good at the server that gave
//! it and at no other.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::cluster::Cluster;
use crate::blackbox::http::Client;
use crate::blackbox::server::Server;

/// They run for as long as this is held.
pub struct Servers {
    all: Vec<Server>,
    _folder: tempfile::TempDir,
}

/// Where a server is, and a token for everything there.
#[derive(Clone)]
pub struct Door {
    address: SocketAddr,
    token: String,
}

impl Servers {
    /// Makes the tenant `acme` with a connection to Twitter and starts so many.
    pub fn start(cluster: &Cluster, count: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let oneself = |arguments: &[&str]| command(cluster, folder.path(), arguments);
        let credentials = answer(oneself(&["tenant", "create", "acme", "--json"]));
        let connection = [
            "connection",
            "add",
            "--tenant",
            "acme",
            "twitter",
            "--provider",
            "twitter",
        ];
        answer(oneself(&connection));
        let serve = |_| {
            let listen = [
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--admin-listen",
                "",
                "--log-level",
                "error",
            ];
            Server::start(oneself(&listen), &credentials)
        };
        Self {
            all: (0..count).map(serve).collect(),
            _folder: folder,
        }
    }

    /// How to get in, at each of them.
    pub fn doors(&self) -> Vec<Door> {
        let door = |server: &Server| Door {
            address: server.address(),
            token: server.token(),
        };
        self.all.iter().map(door).collect()
    }
}

impl Door {
    pub fn open(&self) -> std::io::Result<Client> {
        Client::connect(self.address, &self.token)
    }

    /// Makes a user; her id.
    pub fn new_user(&self) -> String {
        let made = self.open().unwrap().post("/link/v1/users", &json!({})).unwrap();
        made.expect(201).text("id").to_owned()
    }
}

fn command(cluster: &Cluster, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oneself"));
    command.args(arguments).args(["--database-url", &cluster.url()]);
    command.arg("--root-key-file").arg(folder.join("root.key"));
    command.env("ONESELF_TEST_CHEAP_PASSWORDS", "1");
    command
}

fn answer(mut command: Command) -> Value {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}
