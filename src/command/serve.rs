//! `oneself serve`: from settings to a server, and from a signal to its end.
//!
//! What would surprise: the address is taken before the data is opened, because the
//! origins, which the data's owner issues tokens under, follow from it; but no request is
//! answered before everything is there. The first SIGTERM or SIGINT drains, a second one
//! ends at once, which loses nothing that was answered as done.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::control::ControlSocket;
use super::installation::Installation;
use super::{Failure, Place, open, print};
use crate::api;
use crate::api::auth0::jobs::runner;
use crate::app::{App, Origins};
use crate::clock::{SystemClock, SystemRandomness};
use crate::config::{Config, LogFormat, Unsafe};
use crate::web::health::{self, Readiness};
use crate::web::logging::Log;
use crate::web::metrics::Metrics;
use crate::web::{Front, Limits, Server, logging, tls};

/// How often what has ended is forgotten, and what was left is tried again.
const KEEP_UP_EVERY: Duration = Duration::from_secs(600);

/// How often events are chained that are not yet.
const CHAIN_EVERY: Duration = Duration::from_secs(5);

/// Serve the interfaces
#[derive(Debug, Args, Serialize)]
pub struct Serve {
    /// Where to serve [default: 127.0.0.1:8400]
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<SocketAddr>,
    /// Where to serve health and metrics; empty: nowhere [default: 127.0.0.1:8409]
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_listen: Option<String>,
    /// An address by which requests come; repeatable [default: the address listened on, and localhost]
    #[arg(long = "origin", value_name = "URL")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    origins: Vec<String>,
    /// Certificate chain, PEM
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_key: Option<PathBuf>,
    /// State that a proxy in front ends TLS
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    behind_proxy: bool,
    /// Ask simulated networks at this address, such as http://127.0.0.1:8401, in place of the real ones
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    sandbox: Option<String>,
    /// How log records are written
    #[arg(long, value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    log_format: Option<LogFormat>,
    /// error, warn, info, debug, trace, or directives
    #[arg(long, value_name = "FILTER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    log_level: Option<String>,
}

impl Serve {
    /// Serves until a signal.
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        let config = place.settings(&self)?;
        config.check_safe()?;
        let installation = Installation::take(&config, "serve")?;
        let _log = start_log(&config)?;
        open::runtime(&config)?.block_on(async {
            let server = Prepared::new(&config, installation).await?;
            print(&server.ready_line())?;
            server.serve().await;
            Ok(())
        })
    }
}

/// Logs from now on, until the log is dropped.
pub fn start_log(config: &Config) -> Result<Log, Failure> {
    let form = match config.log_format {
        LogFormat::Json => logging::Form::Json,
        LogFormat::Pretty => logging::Form::Pretty,
    };
    logging::start(&config.log_level, form, Arc::new(SystemClock::default()))
        .map_err(|error| Unsafe(format!("log_level: {error}")).into())
}

/// A server that holds all it needs and has not answered anybody yet.
pub struct Prepared {
    /// The system that it serves.
    pub app: Arc<App>,
    server: Server,
    front: Front,
    admin: Option<(Server, Front)>,
    readiness: Readiness,
    control: Option<ControlSocket>,
    config: Config,
    ends: Ends,
    installation: Arc<Installation>,
    with_tls: bool,
}

impl Prepared {
    /// Takes the addresses, opens the data and listens for orders.
    ///
    /// # Errors
    /// Whatever keeps the server from serving.
    pub async fn new(config: &Config, installation: Installation) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::failed(error.to_string());
        let ends = Ends::new().map_err(failed)?;
        let tls = match (&config.tls_cert, &config.tls_key) {
            (Some(certificate), Some(key)) => {
                Some(tls::acceptor(certificate, key).map_err(|error| Unsafe(error.to_string()))?)
            }
            _ => None,
        };
        let limits = Limits {
            connections: config.max_connections,
            per_address: config.max_connections_per_address,
            drain: config.drain_for(),
            ..Limits::default()
        };
        let server = Server::bind(config.listen, tls, limits).await.map_err(failed)?;
        let admin = match config.admin_listen {
            Some(address) => Some(Server::bind(address, None, Limits::default()).await.map_err(failed)?),
            None => None,
        };
        let app = Arc::new(open::app(config, &installation, server.address()).await?);
        let metrics = Metrics::new()
            .and_then(|metrics| metrics.register(app.dropped_logs()).map(|()| metrics))
            .map_err(|error| Failure::failed(error.to_string()))?;
        let readiness = readiness(&app);
        let admin = admin
            .map(|admin| admin_front(&readiness, &metrics).map(|front| (admin, front)))
            .transpose()?;
        Ok(Self {
            front: front(&app, metrics),
            control: installation.directory().map(ControlSocket::bind).transpose()?,
            config: config.clone(),
            with_tls: config.has_tls(),
            app,
            server,
            admin,
            readiness,
            ends,
            installation: Arc::new(installation),
        })
    }

    /// Where the server is reached from this machine.
    pub fn url(&self) -> String {
        let scheme = if self.with_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.server.address())
    }

    /// The one line that says that requests are answered from now on.
    pub fn ready_line(&self) -> String {
        let admin = self
            .admin
            .as_ref()
            .map(|(admin, _)| format!("admin http://{}, ", admin.address()));
        format!(
            "oneself {} ready: {} ({}data {})",
            env!("CARGO_PKG_VERSION"),
            self.url(),
            admin.unwrap_or_default(),
            self.installation.name()
        )
    }

    /// Serves until a signal, and returns when the requests under way have ended.
    pub async fn serve(mut self) {
        let (end, ending) = watch::channel(());
        let ended = |mut ending: watch::Receiver<()>| async move {
            // The sender is dropped at the signal, and never sends.
            let _ = ending.changed().await;
        };
        let orders = self
            .control
            .map(|control| tokio::spawn(control.serve(self.app.clone(), self.config, self.installation.clone())));
        let upkeep = tokio::spawn(keep_up(self.app.clone()));
        let chaining = tokio::spawn(chain(self.app.clone()));
        let jobs = {
            let ending = ending.clone();
            tokio::spawn(runner::run(self.app.clone(), move || ended(ending.clone())))
        };
        let admin = self
            .admin
            .map(|(admin, front)| tokio::spawn(admin.serve(front, ended(ending.clone()))));
        let served = tokio::spawn(self.server.serve(self.front, ended(ending)));
        self.ends.first().await;
        tracing::info!("draining: no new requests are taken");
        self.readiness.drain();
        drop(end);
        tokio::select! {
            _ = async { tokio::join!(served, jobs) } => {}
            () = self.ends.first() => tracing::warn!("ended at once by a second signal"),
        }
        upkeep.abort();
        chaining.abort();
        self.app.write_logs().await;
        if let Some(admin) = admin {
            admin.abort();
        }
        if let Some(orders) = orders {
            orders.abort();
            let _ = orders.await;
        }
        tracing::info!("ended");
        drop(self.installation);
    }
}

/// Everything that is served to callers: the routes of every dialect, behind the front.
fn front(app: &Arc<App>, metrics: Metrics) -> Front {
    let random = SystemRandomness::new();
    Front::new(
        api::router(app),
        app.origins().clone(),
        api::dialects(),
        metrics,
        &random,
    )
}

/// What operators are served. It is not counted among what callers are.
fn admin_front(readiness: &Readiness, metrics: &Metrics) -> Result<Front, Failure> {
    let own = Metrics::new().map_err(|error| Failure::failed(error.to_string()))?;
    let routes = health::routes(readiness.clone(), metrics.clone());
    Ok(Front::new(
        routes,
        Origins::any(),
        Vec::new(),
        own,
        &SystemRandomness::new(),
    ))
}

/// Ready when the store reads and writes.
fn readiness(app: &Arc<App>) -> Readiness {
    let app = app.clone();
    Readiness::new(Arc::new(move || {
        let app = app.clone();
        Box::pin(async move { app.check().await.map_err(|error| error.to_string()) })
    }))
}

/// Forgets what has ended, and finishes what was begun, every now and then.
async fn keep_up(app: Arc<App>) {
    loop {
        match app.finish_deletions().await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "finished what was left of deleted connections"),
            Err(error) => tracing::warn!(%error, "could not finish what is left of deleted connections"),
        }
        match app.forget_ended().await {
            Ok(0) => {}
            Ok(count) => tracing::debug!(count, "forgot proofs and idempotency keys that have ended"),
            Err(error) => tracing::warn!(%error, "could not forget what has ended"),
        }
        match app.forget_logs().await {
            Ok(0) => {}
            Ok(count) => tracing::debug!(count, "forgot entries of logs that are old"),
            Err(error) => tracing::warn!(%error, "could not forget old entries of logs"),
        }
        tokio::time::sleep(KEEP_UP_EVERY).await;
    }
}

/// Chains events, behind the acts that wrote them.
async fn chain(app: Arc<App>) {
    loop {
        tokio::time::sleep(CHAIN_EVERY).await;
        if let Err(error) = app.chain_events().await {
            tracing::warn!(%error, "could not chain events");
        }
    }
}

/// The signals that end a server, or a measurement.
pub(super) struct Ends {
    terminate: Signal,
    interrupt: Signal,
}

impl Ends {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next of them.
    pub(super) async fn first(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
