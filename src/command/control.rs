//! The control socket: how orders reach the process that holds the data directory.
//!
//! One order a connection, one line of JSON each way. The socket has mode 0600 in a
//! directory of mode 0700: whoever can reach it could as well read the root key, so
//! nothing else is asked of them. It is no interface: both ends are this version.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use super::Failure;
use super::directory::{Directory, control_socket};
use super::installation::Installation;
use super::orders::{Answer, Order, obey};
use crate::app::App;
use crate::config::Config;

/// The longest order.
const LIMIT_BYTES: u64 = 64 * 1024;

/// How long an order may take to arrive, and its answer to be read.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long an answer may take: orders are few and small, but for those that say otherwise.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// The socket of a server, removed with it.
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Listens in the directory, which the caller holds.
    ///
    /// # Errors
    /// When the socket cannot be made; its path has room for about a hundred bytes.
    pub fn bind(directory: &Directory) -> Result<Self, Failure> {
        let path = control_socket(directory.path());
        let cannot = |error: std::io::Error| {
            Failure::failed(format!(
                "cannot listen for orders at {} (give the directory by a shorter path, if that is it): {error}",
                path.display()
            ))
        };
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(cannot(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(cannot)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(cannot)?;
        Ok(Self { listener, path })
    }

    /// Executes orders until it is dropped. The directory is held for as long as one is executed.
    pub async fn serve(self, app: Arc<App>, config: Config, installation: Arc<Installation>) {
        let config = Arc::new(config);
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let (app, config, installation) = (app.clone(), config.clone(), installation.clone());
                    tokio::spawn(async move {
                        if let Err(error) = answer(stream, &app, &config, installation).await {
                            tracing::warn!(%error, "an order got no answer");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the control socket did not accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn answer(
    stream: tokio::net::UnixStream,
    app: &Arc<App>,
    config: &Config,
    installation: Arc<Installation>,
) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut read = tokio::io::BufReader::new(read.take(LIMIT_BYTES));
    tokio::time::timeout(PATIENCE, read.read_line(&mut line)).await??;
    let outcome: Result<Answer, Failure> = match serde_json::from_str::<Order>(&line) {
        Ok(order) => obey(app, config, order, installation).await,
        Err(_) => Err(Failure::Usage(
            "the server does not know this order: use the command line of its own version".into(),
        )),
    };
    let mut reply = serde_json::to_vec(&outcome)?;
    reply.push(b'\n');
    tokio::time::timeout(PATIENCE, write.write_all(&reply)).await?
}

/// Sends the order to the process that holds the directory. `None` when it does not listen.
///
/// # Errors
/// Those of the order; failed when the server ended before it answered.
pub fn send(directory: &Path, order: &Order) -> Result<Option<Answer>, Failure> {
    let mut stream = match UnixStream::connect(control_socket(directory)) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) => return Err(Failure::failed(format!("cannot reach the server: {error}"))),
    };
    let mut ask = || -> std::io::Result<Result<Answer, Failure>> {
        stream.set_read_timeout((!order.is_long()).then_some(ANSWER_WITHIN))?;
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        stream.write_all(&line)?;
        let mut reply = String::new();
        BufReader::new(&stream).read_line(&mut reply)?;
        Ok(serde_json::from_str(&reply)?)
    };
    match ask() {
        Ok(outcome) => outcome.map(Some),
        Err(error) => Err(Failure::failed(format!(
            "the server did not answer, and whether it did what was asked is not known: {error}"
        ))),
    }
}
