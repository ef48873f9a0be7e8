//! An installation in a folder of its own, and the server that runs on it.
//!
//! What one would get wrong: the address changes with every start, and the issuer of tokens
//! with it, so a token is asked for again after each.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

use super::http::Client;
use super::shim::Shim;
use crate::support::database::Database;
use crate::support::kept::Kept;

/// A data directory or a database with one tenant, `acme`, that has a connection to Twitter.
pub struct Installation {
    folder: tempfile::TempDir,
    /// Where the commands and servers find the database, if it is one.
    database_url: Option<String>,
    /// The database, if it goes with this.
    kept: Option<Kept>,
    credentials: Value,
}

impl Installation {
    /// Makes one in a directory.
    pub fn new() -> Self {
        Self::at(None)
    }

    /// Makes one in the database of this URL, which is empty or has our schema.
    pub fn in_database(url: &str) -> Self {
        Self::at(Some(url.to_owned()))
    }

    /// Makes one on the store that `ONESELF_TEST_STORE` names.
    pub fn on_named_store() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let kept = runtime.unwrap().block_on(Kept::new());
        let mut installation = Self::at(kept.database().map(Database::url));
        installation.kept = Some(kept);
        installation
    }

    fn at(database_url: Option<String>) -> Self {
        let mut installation = Self {
            folder: tempfile::tempdir().unwrap(),
            database_url,
            kept: None,
            credentials: Value::Null,
        };
        installation.credentials = installation.answer(&["tenant", "create", "acme", "--json"]);
        installation.answer(&[
            "connection",
            "add",
            "--tenant",
            "acme",
            "twitter",
            "--provider",
            "twitter",
            "--json",
        ]);
        installation
    }

    /// The folder around the data directory, for what a test puts beside it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// All that is kept, by the name of its file or table.
    pub fn places(&self) -> Vec<(String, Vec<u8>)> {
        match self.kept.as_ref().filter(|kept| kept.database().is_some()) {
            None => {
                let entries = std::fs::read_dir(self.data()).unwrap();
                let files = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
                files
                    .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
                    .collect()
            }
            Some(kept) => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(kept.values())
            }
        }
    }

    /// What `tenant create` printed.
    pub const fn credentials(&self) -> &Value {
        &self.credentials
    }

    /// The command, before it is run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oneself"));
        command.args(arguments).arg("--data").arg(self.data());
        command.env("ONESELF_TEST_CHEAP_PASSWORDS", "1");
        if let Some(url) = &self.database_url {
            command.env("ONESELF_DATABASE_URL", url);
        }
        command
    }

    /// Runs a command to its end, which may be a bad one.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must end well; the JSON that it printed, if it did.
    #[track_caller]
    pub fn answer(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// A new client whose people log in with their passwords, as `client add` shows it.
    pub fn add_web_client(&self) -> Value {
        let added = ["client", "add", "--tenant", "acme", "--name", "web"];
        self.answer(&[&added[..], &["--grant", "password-realm", "--json"]].concat())
    }

    /// A disk for this installation that can lose power.
    pub fn shim(&self) -> Shim {
        Shim::new(&self.data(), self.folder())
    }

    /// How the server is started.
    pub fn serve_command(&self) -> Command {
        self.command(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
            "--log-level",
            "warn",
        ])
    }

    /// Starts the server and waits until it is ready.
    pub fn serve(&self) -> Server {
        Server::start(self.serve_command(), &self.credentials)
    }

    /// Starts a server that reaches the database by another URL.
    pub fn serve_by(&self, database_url: &str) -> Server {
        let mut command = self.serve_command();
        command.env("ONESELF_DATABASE_URL", database_url);
        Server::start(command, &self.credentials)
    }

    /// The same on a disk that can lose power.
    pub fn serve_on(&self, shim: &Shim) -> Server {
        let mut command = self.serve_command();
        shim.preload(&mut command);
        Server::start(command, &self.credentials)
    }
}

/// A server that is running; it is killed when this is dropped.
pub struct Server {
    child: Child,
    address: SocketAddr,
    /// Where operators are served.
    admin: Option<SocketAddr>,
    credentials: Value,
}

impl Server {
    /// Starts it and reads the line that it prints when it is ready.
    pub fn start(mut command: Command, credentials: &Value) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let mut addresses = line
            .split_whitespace()
            .filter_map(|word| word.split_once("://")?.1.trim_end_matches(['/', ',', '.']).parse().ok());
        let Some(address) = addresses.next() else {
            panic!("no address in {line:?}; it ended with {:?}", child.wait());
        };
        Self {
            child,
            address,
            admin: addresses.next(),
            credentials: credentials.clone(),
        }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it serves operators.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.expect("it has an admin address")
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Whether it says that it may be given work, and what it says.
    pub fn readiness(&self) -> (u16, String) {
        let answer = Client::connect(self.admin_address(), "")
            .unwrap()
            .get("/readyz")
            .unwrap();
        (answer.status, String::from_utf8(answer.bytes).unwrap())
    }

    /// A connection without a token.
    pub fn stranger(&self) -> Client {
        Client::connect(self.address, "").unwrap()
    }

    /// A token with every right over the tenant.
    pub fn token(&self) -> String {
        let request = json!({
            "grant_type": "client_credentials",
            "client_id": self.credentials["auth0"]["client_id"],
            "client_secret": self.credentials["auth0"]["client_secret"],
            "audience": format!("http://{}/api/v2/", self.address),
        });
        let answer = self.stranger().post("/oauth/token", &request).unwrap().expect(200);
        answer.text("access_token").to_owned()
    }

    /// A connection with such a token.
    pub fn client(&self) -> Client {
        Client::connect(self.address, &self.token()).unwrap()
    }

    /// SIGKILL, and the end of the process.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has ended by itself, or by the shim.
    pub fn wait(mut self) {
        self.child.wait().unwrap();
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
