//! What proving accounts costs, and what a network that is down costs those of others.
//!
//! `networks --links 40000` starts the simulated networks and a server that asks them, each a process of
//! its own, and prints medians of five rounds:
//!
//! - processor time of the server for a link that is asserted, for one that Google is asked about, and of
//!   one plain request by the same HTTP client to the same networks. All come at one rate, so that commits
//!   are shared by as many links, and processors wake up as often, whatever is measured;
//! - the same of both kinds of links by clients that ask again as soon as they have an answer: there most of
//!   those that assert share a commit, while most of those that prove wait for a network;
//! - links by Twitter's tokens while others link by Google's, with Google well and with Google down.
//!
//! What would surprise: without arguments nothing is done, because that is how every bench is run once.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]
#![expect(
    clippy::indexing_slicing,
    reason = "a measurement that meets something else than it expects ends"
)]

use std::error::Error;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::StatusCode;
use oneself::clock::{Random as _, SeededRandom};
use oneself::command::bench::account::{self, Measured};
use oneself::command::bench::client::{Ask, Site};
use oneself::command::bench::load::{Cost, Load};
use oneself::command::bench::server::Server;
use oneself::outbound::{Outbound, OutboundSettings};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

type Outcome<T> = Result<T, Box<dyn Error>>;

const ROUNDS: usize = 5;
/// As many as `./bench` has, so that commits are shared by as many links.
const CLIENTS: usize = 64;
const APPLICATION: &str = "bench-app";

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let links: usize = match (arguments.next().as_deref(), arguments.next()) {
        (Some("--links"), Some(links)) => links.parse()?,
        _ => return Ok(()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let world = Arc::new(World::start().await?);
        costs(&world, links / ROUNDS).await?;
        shares(&world, links / ROUNDS).await
    })
}

/// The processes, and where they are.
struct World {
    networks: Server,
    server: Server,
    site: Site,
    control: Site,
    users: Vec<String>,
    _folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let oneself = || Command::new(env!("CARGO_BIN_EXE_oneself"));
        let networks = Server::start(
            oneself()
                .args(["sandbox", "--listen", "127.0.0.1:0"])
                .stderr(Stdio::null()),
        )?;
        let at = networks.authority().trim_end_matches(',').to_owned();
        let data = folder.path().join("data");
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "bench-secret")?;
        let made = oneself()
            .args(["tenant", "create", "bench", "--json", "--data"])
            .arg(&data)
            .stderr(Stdio::null())
            .output()?;
        let credentials: Value = serde_json::from_slice(&made.stdout)?;
        for network in ["google", "twitter"] {
            let ended = oneself()
                .args(["connection", "add", "--tenant", "bench", network, "--provider", network])
                .args(["--client-id", APPLICATION, "--client-secret-file"])
                .arg(&secret)
                .arg("--data")
                .arg(&data)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()?;
            assert!(ended.success(), "{network}: {ended}");
        }
        let server = Server::start(
            oneself()
                .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "", "--sandbox"])
                .arg(format!("http://{at}"))
                .arg("--data")
                .arg(&data)
                .stderr(Stdio::null()),
        )?;
        let mut site = Site {
            authority: server.authority().to_owned(),
            token: String::new(),
        };
        let request = json!({
            "grant_type": "client_credentials",
            "client_id": credentials["auth0"]["client_id"],
            "client_secret": credentials["auth0"]["client_secret"],
            "audience": format!("http://{}/api/v2/", server.authority()),
        });
        let (_, given) = site.ask(Ask::post("/oauth/token", &request)).await?;
        let given: Value = serde_json::from_slice(&given)?;
        site.token = given["access_token"].as_str().ok_or("no token")?.to_owned();
        let mut users = Vec::new();
        for _ in 0..256 {
            let (_, made) = site.ask(Ask::post("/link/v1/users", &json!({}))).await?;
            let made: Value = serde_json::from_slice(&made)?;
            users.push(made["id"].as_str().ok_or("no user")?.to_owned());
        }
        let control = Site {
            authority: at,
            token: String::new(),
        };
        Ok(Self {
            networks,
            server,
            site,
            control,
            users,
            _folder: folder,
        })
    }

    /// So many requests to link accounts at this network, by tokens that it has just given out.
    async fn proving(&self, network: &str, count: usize) -> Outcome<Vec<Ask>> {
        let mut connection = self.control.connect().await?;
        let mut asks = Vec::with_capacity(count);
        for n in 0..count {
            let about = json!({"network": network, "name": "Mira Ito", "client_id": APPLICATION});
            let (status, made) = self
                .control
                .send(&mut connection, Ask::post("/_control/accounts", &about))
                .await?;
            assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&made));
            let made: Value = serde_json::from_slice(&made)?;
            let mut tokens = json!({"access_token": made["access_token"]});
            if made["token_secret"].is_string() {
                tokens["token_secret"] = made["token_secret"].clone();
            }
            let body = json!({"connection": network, "verify": true, "tokens": tokens});
            asks.push(Ask::post(self.path(n), &body));
        }
        Ok(asks)
    }

    /// The same by assertion, with all that the network would have told.
    fn asserting(&self, round: usize, count: usize) -> Vec<Ask> {
        let ask = |n: usize| {
            let subject = format!("asserted-{round}-{n}");
            // What Google says of somebody, and how long its tokens are.
            let claims = json!({"name": "Mira Ito", "given_name": "Mira", "family_name": "Ito"});
            let token = format!("ya29.{subject:-<200}");
            let tokens = json!({"access_token": token, "scopes": ["openid", "profile", "email"], "expires_in": 3599});
            let body = json!({"connection": "google", "subject": subject, "profile": claims, "tokens": tokens});
            Ask::post(self.path(n), &body)
        };
        (0..count).map(ask).collect()
    }

    fn path(&self, n: usize) -> String {
        format!("/link/v1/users/{}/identities", self.users[n % self.users.len()])
    }

    /// Puts these requests, each once and when it is due; the processor time of the server for one.
    async fn put_at_pace(self: &Arc<Self>, asks: Vec<Ask>) -> Outcome<f64> {
        let count = asks.len();
        let asks = Arc::new(asks);
        let mut clients = JoinSet::new();
        let mut connections = Vec::new();
        for _ in 0..CLIENTS {
            connections.push(self.site.connect().await?);
        }
        let before = account::cpu(self.server.process())?;
        let pace = Pace::begin(count, RATE, 1);
        for mut connection in connections {
            let (pace, asks, world) = (pace.clone(), asks.clone(), self.clone());
            clients.spawn(async move {
                while let Some(turn) = pace.next().await {
                    let (status, said) = world.site.send(&mut connection, asks[turn].clone()).await?;
                    assert_eq!(status, StatusCode::CREATED, "{}", String::from_utf8_lossy(&said));
                }
                Ok::<_, std::io::Error>(())
            });
        }
        while let Some(ended) = clients.join_next().await {
            ended??;
        }
        let spent = account::cpu(self.server.process())?.saturating_sub(before);
        Ok(spent.as_secs_f64() * 1e6 / count as f64)
    }

    /// Puts these requests, each once.
    async fn put(&self, asks: Vec<Ask>, clients: usize, time: Duration) -> Outcome<Cost> {
        let next = AtomicUsize::new(0);
        let load = Load {
            clients,
            warm_up: Duration::ZERO,
            time,
            good: StatusCode::CREATED,
            server: Some(Measured {
                server: self.server.process(),
                database: None,
            }),
        };
        let taken = move || asks.get(next.fetch_add(1, Ordering::Relaxed)).cloned();
        Ok(load.put(&self.site, taken, |_| ()).await?)
    }

    async fn order(&self, order: &str, members: Value) -> Outcome<()> {
        let ask = Ask::post(format!("/_control/{order}"), &members);
        let (status, said) = self.control.ask(ask).await?;
        assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&said));
        Ok(())
    }
}

/// What comes by chance, so many a second in the middle, as requests of people do: neither together nor
/// evenly.
struct Pace {
    due: Semaphore,
    next: AtomicUsize,
    count: usize,
}

impl Pace {
    /// Begins. A thread of its own tells what is due, because timers of the runtime would gather what is due
    /// in one millisecond.
    fn begin(count: usize, rate: u32, seed: u64) -> Arc<Self> {
        let pace = Arc::new(Self {
            due: Semaphore::new(0),
            next: AtomicUsize::new(0),
            count,
        });
        let telling = pace.clone();
        std::thread::spawn(move || {
            let random = SeededRandom::new(seed);
            let mut at = Instant::now();
            for _ in 0..count {
                let mut drawn = [0; 4];
                random.fill(&mut drawn);
                let chance = (f64::from(u32::from_be_bytes(drawn)) + 1.0) / 2_f64.powi(32);
                at += Duration::from_secs_f64(-chance.ln() / f64::from(rate));
                std::thread::sleep(at.saturating_duration_since(Instant::now()));
                telling.due.add_permits(1);
            }
            // Those who wait find that there is no more.
            telling.due.add_permits(CLIENTS);
        });
        pace
    }

    /// The next, when it is due.
    async fn next(&self) -> Option<usize> {
        self.due.acquire().await.ok()?.forget();
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        (turn < self.count).then_some(turn)
    }
}

/// How many links come in a second: about half of what such a machine can prove.
const RATE: u32 = 4_000;

/// How many requests Google is asked about one.
const INQUIRIES: usize = 2;

const LONG: Duration = Duration::from_secs(600);

/// What a link costs that is asserted, what one that is proved, and what a plain request.
async fn costs(world: &Arc<World>, links: usize) -> Outcome<()> {
    let outbound = Outbound::new(OutboundSettings {
        allowed: vec![world.control.authority.parse()?],
        ..OutboundSettings::default()
    });
    let (mut asserted, mut proved, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    let (mut asserted_at_once, mut proved_at_once) = (Vec::new(), Vec::new());
    // The first of each opens connections and keys.
    world.put_at_pace(world.proving("google", 512).await?).await?;
    for round in 0..ROUNDS {
        asserted.push(world.put_at_pace(world.asserting(2 * round, links)).await?);
        proved.push(world.put_at_pace(world.proving("google", links).await?).await?);
        plain.push(ask_plainly(world, &outbound, links * INQUIRIES).await?);
        let cost = world.put(world.asserting(2 * round + 1, links), CLIENTS, LONG).await?;
        asserted_at_once.push(good(&cost, links));
        let cost = world.put(world.proving("google", links).await?, CLIENTS, LONG).await?;
        proved_at_once.push(good(&cost, links));
    }
    let (asserted, proved, plain) = (median(asserted), median(proved), median(plain));
    println!("asserted_us         {asserted:.1}");
    println!("proved_us           {proved:.1}   two requests to the network each");
    println!("plain_request_us    {plain:.1}");
    println!(
        "beyond_asserted     {:.2} plain requests for each request; at most 1.5",
        (proved - asserted) / plain / INQUIRIES as f64
    );
    println!("asserted_at_once    {:.1}", median(asserted_at_once));
    println!("proved_at_once      {:.1}", median(proved_at_once));
    Ok(())
}

/// Processor time of this process for one request by the client that the server has, without that of
/// waiting until it is due.
async fn ask_plainly(world: &World, outbound: &Outbound, requests: usize) -> Outcome<f64> {
    let url = format!("http://{}/oauth2.googleapis.com/tokeninfo", world.control.authority);
    let about = json!({"network": "google", "name": "Mira Ito", "client_id": APPLICATION});
    let (_, made) = world.control.ask(Ask::post("/_control/accounts", &about)).await?;
    let made: Value = serde_json::from_slice(&made)?;
    let form = format!("access_token={}", made["access_token"].as_str().ok_or("no token")?);
    let waiting = at_pace(requests, || std::future::ready(())).await?;
    let outbound = outbound.clone();
    let asking = at_pace(requests, move || {
        let (outbound, url, form) = (outbound.clone(), url.clone(), form.clone());
        async move {
            let request = http::Request::post(&url)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.into_bytes());
            let Ok(request) = request else { return };
            let reply = outbound.send(request).await;
            assert!(reply.is_ok_and(|reply| reply.status == StatusCode::OK));
        }
    });
    Ok(asking.await? - waiting)
}

/// Processor time of this process for one of so many requests, at the pace at which proved links make them.
async fn at_pace<F>(requests: usize, ask: impl Fn() -> F + Clone + Send + 'static) -> Outcome<f64>
where
    F: Future<Output = ()> + Send,
{
    let before = account::cpu(std::process::id())?;
    let pace = Pace::begin(requests, RATE * INQUIRIES as u32, 2);
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (pace, ask) = (pace.clone(), ask.clone());
        clients.spawn(async move {
            while pace.next().await.is_some() {
                ask().await;
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended?;
    }
    let spent = account::cpu(std::process::id())?.saturating_sub(before);
    Ok(spent.as_secs_f64() * 1e6 / requests as f64)
}

/// What links by Twitter's tokens get while others link by Google's, with Google well and down.
async fn shares(world: &Arc<World>, links: usize) -> Outcome<()> {
    let (mut throughputs, mut latencies) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let well = beside(world, links).await?;
        world
            .order("faults", json!({"network": "google", "mode": "down"}))
            .await?;
        let down = beside(world, links).await?;
        world
            .order("faults", json!({"network": "google", "mode": "none"}))
            .await?;
        throughputs.push(down.per_second / well.per_second);
        latencies.push(down.latency_us.p50 as f64 / well.latency_us.p50 as f64);
        // What was down is asked again after it has rested.
        tokio::time::sleep(Duration::from_secs(11)).await;
    }
    println!(
        "down_throughput     {:.2}   of what it is otherwise; at least 0.8",
        median(throughputs)
    );
    println!(
        "down_p50            {:.2}   of what it is otherwise; at most 1.5",
        median(latencies)
    );
    let _ = world.networks.process();
    Ok(())
}

async fn beside(world: &Arc<World>, links: usize) -> Outcome<Cost> {
    let twitter = world.proving("twitter", links).await?;
    let google = world.proving("google", links).await?;
    let others = {
        let world = world.clone();
        tokio::spawn(async move {
            world
                .put(google, CLIENTS / 4, LONG)
                .await
                .map_err(|error| error.to_string())
        })
    };
    let cost = world.put(twitter, CLIENTS, LONG).await?;
    others.await??;
    good(&cost, links);
    Ok(cost)
}

/// The processor time of the server for one of so many links, all of which were made.
fn good(cost: &Cost, links: usize) -> f64 {
    assert_eq!(cost.operations as usize, links, "{:?}", cost.errors);
    cost.server_cpu_us.unwrap_or_default()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
