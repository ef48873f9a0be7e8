//! A server of one's own to be measured: `serve` as a child process of the same binary, on
//! a data directory with a fresh tenant.
//!
//! It is a process of its own so that what it costs is accounted apart from its clients. What
//! would surprise: it is ended by SIGKILL, which it has to survive anyhow; and its log is
//! written as always, but nobody keeps it.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::account::parent;
use crate::command::installation::Database;
use crate::command::orders::{self, Order};
use crate::command::{Failure, Place};
use crate::secret::ExposeSecret as _;
use crate::store::postgres;

/// The folder of an installation: data directory, root key, the tenant's credentials and
/// who was made in it.
pub(super) struct Home {
    path: PathBuf,
    scratch: bool,
}

impl Home {
    /// This folder, which is kept; or one that is removed at the end.
    pub fn at(kept: Option<&Path>) -> Result<Self, Failure> {
        let path = match kept {
            Some(path) => path.to_owned(),
            None => std::env::temp_dir().join(format!("oneself-bench-{}", std::process::id())),
        };
        fs::DirBuilder::new()
            .mode(0o700)
            .recursive(kept.is_some())
            .create(&path)
            .map_err(|error| Failure::failed(format!("cannot make the folder {}: {error}", path.display())))?;
        Ok(Self {
            path,
            scratch: kept.is_none(),
        })
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// The file of the people who were made.
    pub fn people(&self) -> PathBuf {
        self.path.join("people")
    }

    /// What the tenant's clients prove themselves with; the tenant is made when there is none.
    pub fn credentials(&self, place: &Place) -> Result<Value, Failure> {
        let path = self.path.join("credentials.json");
        if path.exists() {
            return read_credentials(&path);
        }
        let place = Place {
            config: place.config.clone(),
            data: Some(self.data()),
            database_url: place.database_url.clone(),
            root_key_file: Some(self.path.join("root.key")),
        };
        let config = place.settings(&json!({}))?;
        let order = Order::CreateTenant {
            name: "bench".to_owned(),
        };
        let credentials = orders::reach(&config, &order)?.data;
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(credentials.to_string().as_bytes()));
        written.map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))?;
        Ok(credentials)
    }

    /// Starts the server.
    pub fn serve(&self, place: &Place) -> Result<Server, Failure> {
        let failed = |error: io::Error| Failure::failed(format!("cannot start a server: {error}"));
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", ""])
            .arg("--data")
            .arg(self.data())
            .arg("--root-key-file")
            .arg(self.path.join("root.key"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(url) = &place.database_url {
            // Not among the arguments, which everybody on the machine can see.
            command.env("ONESELF_DATABASE_URL", url.secret().expose_secret());
        }
        if let Some(config) = &place.config {
            command.arg("--config").arg(config);
        }
        Server::start(&mut command).map_err(failed)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.scratch {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// The process of the database that began its others, which is found by the one that answers us.
pub(super) fn process_of(database: &Database) -> Result<u32, Failure> {
    let failed = |why: String| Failure::failed(format!("cannot measure the database: {why}"));
    postgres::look_at_backend(&database.address, parent)
        .map_err(|error| failed(error.to_string()))?
        .map_err(|error| failed(format!("it is not on this machine: {error}")))
}

/// What `tenant create --json` printed into a file.
pub(super) fn read_credentials(path: &Path) -> Result<Value, Failure> {
    let failed = |why: String| Failure::failed(format!("cannot read credentials from {}: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| failed(error.to_string()))
}

/// A server that is ready. It is killed when this is dropped.
pub struct Server {
    child: Child,
    authority: String,
}

impl Server {
    /// Starts what prints a line with its address when it is ready, as `serve` does.
    ///
    /// # Errors
    /// When it ends instead.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let address = line.split_whitespace().find_map(|word| word.strip_prefix("http://"));
        let mut server = Self {
            authority: address.unwrap_or_default().to_owned(),
            child,
        };
        if server.authority.is_empty() {
            let status = server.child.wait()?;
            return Err(io::Error::other(format!("it did not get ready ({status})")));
        }
        Ok(server)
    }

    /// Where it listens.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
