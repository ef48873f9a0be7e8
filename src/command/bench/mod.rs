//! `oneself bench`: what a link, a look-up, an unlink and a mix of them cost, over HTTP.
//!
//! People are made first, then one kind of request is sent for a while. Without `--url` the
//! server is a child process on a folder in the temporary directory, which must be on a
//! disk for syncs to cost what they do; what a server elsewhere costs is not known. What
//! would surprise: with a database the server's cost is that of both, if the database is on this
//! machine; and the database is an empty one. And an unlink needs something to take off, so as many seconds of links go
//! before, which are not counted.

pub mod account;
pub mod client;
pub mod load;
mod mixed;
mod people;
pub mod server;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use http::StatusCode;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::{Value, json};

use self::account::Measured;
use self::client::{Ask, Site};
use self::load::{Cost, Load};
use self::mixed::{Mix, Mixed};
use self::people::{Accounts, Attached, Person, refusal};
use self::server::{Home, Server};
use super::installation::Database;
use super::serve::Ends;
use super::{Failure, Place, print};

/// How long clients ask before anything is counted.
const WARM_UP: Duration = Duration::from_millis(500);

/// How many requests of a mix are due each second unless it is said.
const DEFAULT_RATE: u32 = 1_000;

/// Measure what requests cost
#[derive(Debug, Args)]
pub struct Bench {
    /// Which requests
    what: What,
    /// How many clients ask at once; with `mixed`, how many connections there are at most
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    clients: u16,
    /// How long they ask
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=3_600))]
    seconds: u16,
    /// How many requests are due each second; with `mixed` only [default: 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// How many users there are before, each with one account
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    preload: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// A server that is running; without it one is started, on a temporary directory
    #[arg(long, value_name = "URL", requires = "credentials")]
    url: Option<String>,
    /// What `tenant create --json` printed for the tenant to use there
    #[arg(long, value_name = "FILE", requires = "url")]
    credentials: Option<PathBuf>,
    /// A folder for the server that is started, which is kept and used again
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    keep: Option<PathBuf>,
}

/// Requests that can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    /// Link a new account, with tokens, to a user who has a key
    Link,
    /// Link a user's first account with tokens, which makes her key
    FirstLink,
    /// Look up whose an account is
    Resolve,
    /// Take an account off
    Unlink,
    /// All of these and new users, each sent when it is due, whatever the answers do
    Mixed,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Report {
    what: What,
    clients: u16,
    preload: usize,
    #[serde(flatten)]
    cost: Cost,
    /// Of a mix, each kind of requests.
    #[serde(flatten)]
    mix: Option<Mix>,
    /// What a fixed amount of SHA-256 took before and after: the machine's own drift.
    fixed_loop_ms: [f64; 2],
    idle_memory_bytes: Option<u64>,
    /// With everybody made, and nothing measured yet.
    disk_bytes: Option<u64>,
    disk_bytes_per_user: Option<f64>,
}

impl Bench {
    /// Measures, and prints the figures.
    pub(super) fn run(self, place: &Place) -> Result<(), Failure> {
        if self.rate.is_some() && self.what != What::Mixed {
            return Err(Failure::Usage(
                "--rate is for mixed: elsewhere clients wait for answers".into(),
            ));
        }
        let stage = Stage::set(&self, place)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let report = runtime.block_on(async {
            // Either way the server is ended too, and its folder removed.
            let mut ends = Ends::new().map_err(failed)?;
            tokio::select! {
                report = self.measure(&stage) => report.map_err(failed),
                () = ends.first() => Err(Failure::failed("interrupted, nothing was measured")),
            }
        })?;
        if self.json {
            return print(&serde_json::to_string(&report).map_err(|error| failed(error.into()))?);
        }
        print(&report.to_string())
    }

    async fn measure(&self, stage: &Stage) -> io::Result<Report> {
        let idle = stage.server.as_ref().map(Server::process).map(account::private_memory);
        let idle_memory_bytes = idle.transpose()?;
        let site = stage.site().await?;
        let people = self.people(stage, &site).await?;
        let disk_bytes = stage
            .home
            .as_ref()
            .filter(|home| home.data().exists())
            .map(|home| account::disk(&home.data()))
            .transpose()?;
        let load = Load {
            clients: usize::from(self.clients),
            warm_up: match self.what {
                What::Link | What::Resolve | What::Mixed => WARM_UP,
                // These come to an end by themselves, and early on a small preload.
                What::FirstLink | What::Unlink => Duration::ZERO,
            },
            time: Duration::from_secs(self.seconds.into()),
            good: match self.what {
                What::Link | What::FirstLink => StatusCode::CREATED,
                What::Resolve | What::Mixed => StatusCode::OK,
                What::Unlink => StatusCode::NO_CONTENT,
            },
            server: stage.measured,
        };
        let preload = people.len();
        let before = account::fixed_loop()?;
        let mut mix = None;
        let cost = match self.what {
            What::Link => load.put(&site, people::links(people), |_| ()).await?,
            What::FirstLink => load.put(&site, people::first_links(people), |_| ()).await?,
            What::Resolve => load.put(&site, people::resolves(people), |_| ()).await?,
            What::Unlink => {
                let attached = Attached::default();
                let noted = attached.clone();
                let links = people::links(people);
                load.put(&site, links, move |seen| noted.note(seen)).await?;
                load.put(&site, attached.unlinks(), |_| ()).await?
            }
            What::Mixed => {
                let mixed = Mixed {
                    rate: self.rate.unwrap_or(DEFAULT_RATE),
                    connections: load.clients,
                    warm_up: load.warm_up,
                    time: load.time,
                    server: load.server,
                };
                let (cost, kinds) = mixed.put(&site, people).await?;
                mix = Some(kinds);
                cost
            }
        };
        let after = account::fixed_loop()?;
        Ok(Report {
            what: self.what,
            clients: self.clients,
            preload,
            cost,
            mix,
            fixed_loop_ms: [before, after].map(|took| took.as_secs_f64() * 1e3),
            idle_memory_bytes,
            disk_bytes,
            disk_bytes_per_user: disk_bytes.map(|bytes| bytes as f64 / preload.max(1) as f64),
        })
    }

    /// Those who were made in the folder that is kept, or new ones.
    async fn people(&self, stage: &Stage, site: &Site) -> io::Result<Arc<[Person]>> {
        let kept = match (&self.keep, &stage.home) {
            (Some(_), Some(home)) => Some(home.people()),
            _ => None,
        };
        if let Some(path) = kept.as_ref().filter(|path| path.exists()) {
            return Ok(people::load(path)?.into());
        }
        let progress = match self.json {
            true => ProgressBar::hidden(),
            false => ProgressBar::no_length().with_style(
                ProgressStyle::with_template("making users {bar:40} {pos}/{len} {eta}").map_err(io::Error::other)?,
            ),
        };
        let accounts = match self.what {
            What::FirstLink => Accounts::None,
            _ => Accounts::One,
        };
        let count = usize::try_from(self.preload).map_err(io::Error::other)?;
        let people = people::make(site, count, accounts, &progress).await?;
        if let Some(path) = kept {
            people::save(&people, &path)?;
        }
        Ok(people.into())
    }
}

fn failed(error: io::Error) -> Failure {
    Failure::failed(format!("cannot measure: {error}"))
}

/// The server that is measured, and what its tenant's client proves itself with. The server
/// goes before its folder does.
struct Stage {
    authority: String,
    client: Value,
    server: Option<Server>,
    home: Option<Home>,
    measured: Option<Measured>,
}

impl Stage {
    fn set(bench: &Bench, place: &Place) -> Result<Self, Failure> {
        let (credentials, authority, server, home) = match (&bench.url, &bench.credentials) {
            (Some(url), Some(file)) => (server::read_credentials(file)?, authority(url)?, None, None),
            _ => {
                let home = Home::at(bench.keep.as_deref())?;
                let credentials = home.credentials(place)?;
                let server = home.serve(place)?;
                (credentials, server.authority().to_owned(), Some(server), Some(home))
            }
        };
        let database = match (&server, Database::of(&place.settings(&json!({}))?)?) {
            (Some(_), Some(database)) => Some(server::process_of(&database)?),
            _ => None,
        };
        Ok(Self {
            measured: server.as_ref().map(|server| Measured {
                server: server.process(),
                database,
            }),
            authority,
            client: credentials.get("auth0").cloned().unwrap_or_default(),
            server,
            home,
        })
    }

    /// The server with a token, and with the connection that accounts are at.
    async fn site(&self) -> io::Result<Site> {
        let mut site = Site {
            authority: self.authority.clone(),
            token: String::new(),
        };
        let request = json!({
            "grant_type": "client_credentials",
            "client_id": self.client.get("client_id"),
            "client_secret": self.client.get("client_secret"),
            "audience": format!("http://{}/api/v2/", self.authority),
        });
        let (status, body) = site.ask(Ask::post("/oauth/token", &request)).await?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        match answer.get("access_token").and_then(Value::as_str) {
            Some(token) => token.clone_into(&mut site.token),
            None => return Err(refusal("no token was given", status, &body)),
        }
        let connection = json!({ "name": people::CONNECTION, "strategy": "twitter" });
        match site.ask(Ask::post("/api/v2/connections", &connection)).await? {
            (StatusCode::CREATED | StatusCode::CONFLICT, _) => Ok(site),
            (status, body) => Err(refusal("no connection was made", status, &body)),
        }
    }
}

/// Host and port of a plain address.
fn authority(url: &str) -> Result<String, Failure> {
    let refuse = || Failure::Usage(format!("{url:?} is not a server: write http://host:port"));
    let uri: http::Uri = url.parse().map_err(|_| refuse())?;
    match (uri.scheme_str(), uri.authority(), uri.port()) {
        (Some("http"), Some(authority), Some(_)) => Ok(authority.to_string()),
        _ => Err(refuse()),
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, cost, .. } = self;
        let name = what.to_possible_value();
        writeln!(
            f,
            "{}: {} in {:.1} s by {} clients among {} users: {:.0}/s",
            name.as_ref().map_or("", |name| name.get_name()),
            cost.operations,
            cost.seconds,
            self.clients,
            self.preload,
            cost.per_second
        )?;
        let errors: Vec<String> = cost
            .errors
            .iter()
            .map(|(what, count)| format!("{what} {count}"))
            .collect();
        let errors = if errors.is_empty() {
            "none".to_owned()
        } else {
            errors.join(", ")
        };
        writeln!(f, "errors        {errors}")?;
        let latency = cost.latency_us;
        writeln!(
            f,
            "latency       p50 {} µs, p90 {} µs, p99 {} µs, max {} µs",
            latency.p50, latency.p90, latency.p99, latency.max
        )?;
        if let Some(mix) = &self.mix {
            writeln!(
                f,
                "on schedule   {} due each second, counted from then; {} waited for a connection",
                mix.rate, mix.waited
            )?;
            for (name, kind) in &mix.kinds {
                let latency = kind.latency_us;
                writeln!(
                    f,
                    "{name:12}  {}: p50 {} µs, p90 {} µs, p99 {} µs, max {} µs",
                    kind.operations, latency.p50, latency.p90, latency.p99, latency.max
                )?;
            }
        }
        if let Some(server) = cost.server_cpu_us {
            writeln!(f, "server CPU    {server:.1} µs each")?;
        }
        writeln!(f, "client CPU    {:.1} µs each", cost.client_cpu_us)?;
        let [before, after] = self.fixed_loop_ms;
        write!(f, "fixed loop    {before:.1} ms before, {after:.1} ms after")?;
        if let (Some(idle), Some(loaded)) = (self.idle_memory_bytes, cost.memory_bytes) {
            let megabytes = |bytes| bytes as f64 / 1e6;
            write!(
                f,
                "\nmemory        {:.1} MB idle and empty, {:.1} MB at most under load",
                megabytes(idle),
                megabytes(loaded)
            )?;
        }
        if let (Some(bytes), Some(each)) = (self.disk_bytes, self.disk_bytes_per_user) {
            write!(
                f,
                "\ndisk          {bytes} bytes before the load, {each:.0} for each user"
            )?;
        }
        Ok(())
    }
}
