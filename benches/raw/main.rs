//! The raw sides of what `oneself bench` measures: the same store and vault without HTTP, one
//! sync of the same disk, and a plain JSON request behind the same front.
//!
//! `raw link|naive|resolve|disk|sync|plain [--seconds 10] [--users 10000] [--tasks 64]
//! [--database-url URL]` prints one JSON object; the database is an empty one. What would surprise: here the
//! processor time of the whole process counts, so a link's contains making its account and sealing
//! its tokens; and `disk` makes users who were born with an account elsewhere, where `/link/v1` gives each
//! a built-in one besides.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

mod naive;
mod world;

use std::collections::HashMap;
use std::error::Error;
use std::fs::{File, remove_dir_all};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use hdrhistogram::Histogram;
use http::StatusCode;
use oneself::app::Origins;
use oneself::clock::{Random as _, SeededRandom, SystemClock, SystemRandomness};
use oneself::command::bench::account::{self, Measured};
use oneself::command::bench::client::{Ask, Site};
use oneself::command::bench::load::Load;
use oneself::command::bench::server::Server as Child;
use oneself::secret::SecretString;
use oneself::store::postgres::Address;
use oneself::web::metrics::Metrics;
use oneself::web::path::Segments;
use oneself::web::{Front, Json, Limits, Server, logging};
use serde_json::{Value, json};

use self::naive::Naive;
use self::world::{Home, Person, World};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const TASKS: u64 = 64;

/// How many pairs of measurements are compared.
const PAIRS: usize = 5;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let given = |name: &str| {
        let at = arguments.iter().position(|word| word == name);
        at.and_then(|at| arguments.get(at + 1))
    };
    let number = |name: &str, otherwise: u64| -> Outcome<u64> {
        Ok(given(name).map(|text| text.parse()).transpose()?.unwrap_or(otherwise))
    };
    let time = Duration::from_secs(number("--seconds", 10)?);
    let (users, tasks) = (number("--users", 10_000)?, number("--tasks", TASKS)?);
    let database = given("--database-url").map(String::as_str);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match arguments.first().map(String::as_str) {
        Some("link") => runtime.block_on(raw(What::Link, time, users, tasks, database)),
        Some("resolve") => runtime.block_on(raw(What::Resolve, time, users, tasks, database)),
        Some("naive") => {
            let url = database.ok_or("naive links are made in a database: say --database-url")?;
            runtime.block_on(beside_naive(time, users, tasks, url))
        }
        Some("disk") => runtime.block_on(disk(users)),
        Some("sync") => sync(time),
        Some("plain") => {
            let clients = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            clients.block_on(plain(time, tasks))
        }
        Some("serve-plain") => runtime.block_on(serve_plain()),
        // `cargo bench` and `cargo test --benches` run every bench without arguments.
        None => Ok(()),
        Some(other) => Err(format!("{other} is not link, naive, resolve, disk, sync or plain").into()),
    }
}

#[derive(Clone)]
enum What {
    Link,
    Resolve,
    Naive(Arc<Naive>),
}

/// A folder on the disk of the temporary directory, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Outcome<Self> {
        let path = std::env::temp_dir().join(format!("oneself-raw-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = remove_dir_all(&self.0);
    }
}

/// A world in a database, or in files.
async fn world_in(database: Option<&str>, scratch: &Scratch) -> Outcome<Arc<World>> {
    let world = match database {
        Some(url) => World::new(Home::Database(&Address::parse(&SecretString::from(url), None)?)).await,
        None => World::new(Home::Folder(&scratch.0)).await,
    };
    Ok(Arc::new(world?))
}

/// So many people, made by several tasks at once.
async fn populate(world: &Arc<World>, users: u64) -> Outcome<Arc<[Person]>> {
    let mut making = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let world = Arc::clone(world);
        making.spawn(async move {
            let mut made = Vec::new();
            for _ in (task..users).step_by(TASKS as usize) {
                made.push(world.make_person().await?);
            }
            Outcome::Ok(made)
        });
    }
    let mut people = Vec::new();
    while let Some(made) = making.join_next().await {
        people.append(&mut made??);
    }
    Ok(people.into())
}

/// Links or resolves from so many tasks at once, for a while, and prints what it cost.
async fn raw(what: What, time: Duration, users: u64, tasks: u64, database: Option<&str>) -> Outcome<()> {
    let scratch = Scratch::new()?;
    let world = world_in(database, &scratch).await?;
    let people = populate(&world, users).await?;
    let cost = measure(&what, time, tasks, &world, &people).await?;
    println!("{}", cost.to_json());
    Ok(())
}

/// Links in pairs, as the store does it and naively, in the same database.
async fn beside_naive(time: Duration, users: u64, tasks: u64, url: &str) -> Outcome<()> {
    let scratch = Scratch::new()?;
    let world = world_in(Some(url), &scratch).await?;
    let people = populate(&world, users).await?;
    let naive = What::Naive(Arc::new(Naive::connect(url).await?));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        ours.push(measure(&What::Link, time, tasks, &world, &people).await?);
        theirs.push(measure(&naive, time, tasks, &world, &people).await?);
    }
    let pairs = ours.iter().zip(&theirs);
    let mut ratios: Vec<f64> = pairs
        .map(|(ours, theirs)| ours.per_second / theirs.per_second)
        .collect();
    ratios.sort_by(f64::total_cmp);
    let shown = |costs: &[Cost]| costs.iter().map(Cost::to_json).collect::<Vec<_>>();
    println!(
        "{}",
        json!({
            "what": "naive",
            "pairs": PAIRS,
            "times_as_many": ratios.get(PAIRS / 2),
            "links": shown(&ours),
            "naive_links": shown(&theirs),
        })
    );
    Ok(())
}

/// What a while of work cost.
struct Cost {
    what: &'static str,
    tasks: u64,
    latency: Histogram<u64>,
    per_second: f64,
    cpu_us: f64,
    fixed_loop_ms: [f64; 2],
}

impl Cost {
    fn to_json(&self) -> Value {
        json!({
            "what": self.what,
            "tasks": self.tasks,
            "operations": self.latency.len(),
            "per_second": self.per_second,
            "latency_us": { "p50": self.latency.value_at_quantile(0.5), "p99": self.latency.value_at_quantile(0.99) },
            "cpu_us": self.cpu_us,
            "fixed_loop_ms": self.fixed_loop_ms,
        })
    }
}

async fn measure(what: &What, time: Duration, tasks: u64, world: &Arc<World>, people: &Arc<[Person]>) -> Outcome<Cost> {
    let before_loop = account::fixed_loop()?;
    let (before, began) = (world.cpu()?, Instant::now());
    let end = began + time;
    let mut working = tokio::task::JoinSet::new();
    for task in 0..tasks {
        let (what, world, people) = (what.clone(), Arc::clone(world), Arc::clone(people));
        working.spawn(async move {
            let chance = SeededRandom::new(task);
            let mut latency = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?;
            while Instant::now() < end {
                let mut bytes = [0; 8];
                chance.fill(&mut bytes);
                let index = u64::from_be_bytes(bytes) % people.len().max(1) as u64;
                let person = people.get(index as usize).ok_or("nobody is there")?;
                let began = Instant::now();
                match &what {
                    What::Link => world.link(person).await?,
                    What::Resolve => world.resolve(person).await?,
                    What::Naive(naive) => naive.link(&world, person).await?,
                }
                latency.saturating_record(began.elapsed().as_micros() as u64);
            }
            Outcome::Ok(latency)
        });
    }
    let mut latency = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?;
    while let Some(ended) = working.join_next().await {
        latency.add(ended??)?;
    }
    let (took, cpu) = (began.elapsed(), world.cpu()?.saturating_sub(before));
    Ok(Cost {
        what: match what {
            What::Link => "raw-link",
            What::Resolve => "raw-resolve",
            What::Naive(_) => "naive-link",
        },
        tasks,
        per_second: latency.len() as f64 / took.as_secs_f64(),
        cpu_us: cpu.as_secs_f64() * 1e6 / latency.len().max(1) as f64,
        latency,
        fixed_loop_ms: [before_loop, account::fixed_loop()?].map(|took| took.as_secs_f64() * 1e3),
    })
}

/// Makes so many users who were born with an account elsewhere, and weighs them.
async fn disk(users: u64) -> Outcome<()> {
    let scratch = Scratch::new()?;
    let world = world_in(None, &scratch).await?;
    let mut making = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let world = Arc::clone(&world);
        making.spawn(async move {
            for _ in (task..users).step_by(TASKS as usize) {
                world.make_born().await?;
            }
            Outcome::Ok(())
        });
    }
    while let Some(made) = making.join_next().await {
        made??;
    }
    let bytes = account::disk(&scratch.0)?;
    println!(
        "{}",
        json!({ "what": "disk", "users": users, "disk_bytes": bytes, "disk_bytes_each": bytes as f64 / users as f64 })
    );
    Ok(())
}

/// Appends a page and syncs, again and again.
fn sync(time: Duration) -> Outcome<()> {
    let scratch = Scratch::new()?;
    let mut file = File::create(scratch.0.join("log"))?;
    let mut latency = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?;
    let began = Instant::now();
    while began.elapsed() < time {
        file.write_all(&[7; 4096])?;
        let began = Instant::now();
        file.sync_all()?;
        latency.saturating_record(began.elapsed().as_micros() as u64);
    }
    println!(
        "{}",
        json!({
            "what": "sync",
            "operations": latency.len(),
            "latency_us": { "p50": latency.value_at_quantile(0.5), "p99": latency.value_at_quantile(0.99) },
        })
    );
    Ok(())
}

/// The route of `/link/v1` that looks an account up.
const ROUTE: &str = "/link/v1/identities/{connection}/{subject}";

/// Serves a JSON object without asking anybody, behind the same front as everything else.
async fn serve_plain() -> Outcome<()> {
    logging::start("info", logging::Form::Json, Arc::new(SystemClock::default()))?;
    let routes = Router::new().route(
        ROUTE,
        get(async |Segments([connection, subject]): Segments<2>| {
            Json(HashMap::from([("connection", connection), ("subject", subject)]))
        }),
    );
    let server = Server::bind(([127, 0, 0, 1], 0).into(), None, Limits::default()).await?;
    let origins = Origins::new([format!("http://{}", server.address())])?;
    let front = Front::new(
        routes,
        origins,
        oneself::api::dialects(),
        Metrics::new()?,
        &SystemRandomness::new(),
    );
    println!("ready: http://{}", server.address());
    server.serve(front, std::future::pending()).await;
    Ok(())
}

async fn plain(time: Duration, clients: u64) -> Outcome<()> {
    let mut command = Command::new(std::env::current_exe()?);
    let server = Child::start(command.arg("serve-plain").stderr(std::process::Stdio::null()))?;
    let site = Site {
        authority: server.authority().to_owned(),
        // As long as our own tokens are.
        token: "x".repeat(900),
    };
    let load = Load {
        clients: clients as usize,
        warm_up: Duration::from_millis(500),
        time,
        good: StatusCode::OK,
        server: Some(Measured {
            server: server.process(),
            database: None,
        }),
    };
    let subjects = AtomicU64::new(100_000_000_000_000_000);
    let next = move || {
        let subject = subjects.fetch_add(1, Ordering::Relaxed);
        Some(Ask::get(format!("/link/v1/identities/bench/{subject}")))
    };
    let cost = load.put(&site, next, |_| ()).await?;
    let mut shown = serde_json::to_value(&cost)?;
    if let Some(members) = shown.as_object_mut() {
        members.insert("what".to_owned(), "plain".into());
    }
    println!("{shown}");
    Ok(())
}
