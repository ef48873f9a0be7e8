//! The raw sides of what `oneself bench` measures: the same store and vault without HTTP, one
//! sync of the same disk, and a plain JSON request behind the same front.
//!
//! `raw link|resolve|disk|sync|plain [--seconds 10] [--users 10000] [--tasks 64]` prints one
//! JSON object. What would surprise: here the processor time of the whole process counts, so
//! a link's contains making its account and sealing its tokens; and `disk` makes users who
//! were born with an account elsewhere, where `/link/v1` gives each a built-in one besides.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::collections::HashMap;
use std::error::Error;
use std::fs::{File, remove_dir_all};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use hdrhistogram::Histogram;
use http::StatusCode;
use oneself::app::Origins;
use oneself::clock::{Clock as _, Random as _, SeededRandom, SystemClock, SystemRandomness};
use oneself::command::bench::account::{self, Measured};
use oneself::command::bench::client::{Ask, Site};
use oneself::command::bench::load::Load;
use oneself::command::bench::server::Server as Child;
use oneself::domain::tenant::OpaqueCredentials;
use oneself::domain::{
    Actor, Client, Connection, ConnectionRef, EventKind, ExternalIdentity, KeyOwner, NewEvent, Object, Profile, Proof,
    Scopes, Settings, Tenant, TokenSet, User,
};
use oneself::id::{ClientId, ConnectionId, IdentityId, TenantId, UserId};
use oneself::secret::Digest;
use oneself::store::sqlite::{SqliteOptions, SqliteStore};
use oneself::store::{Created, Link, Linked, Login, NewIdentity, NewKey, NewTenant, NewUser, Store};
use oneself::vault::{Field, Place, RecordKey, RootKey, TenantKey, Vault};
use oneself::web::metrics::Metrics;
use oneself::web::path::Segments;
use oneself::web::{Front, Json, Limits, Server, logging};
use serde_json::json;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const TASKS: u64 = 64;
const TOKEN_BYTES: usize = 256;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let number = |name: &str, otherwise: u64| -> Outcome<u64> {
        let at = arguments.iter().position(|word| word == name);
        let given = at.and_then(|at| arguments.get(at + 1));
        Ok(given.map(|text| text.parse()).transpose()?.unwrap_or(otherwise))
    };
    let time = Duration::from_secs(number("--seconds", 10)?);
    let (users, tasks) = (number("--users", 10_000)?, number("--tasks", TASKS)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match arguments.first().map(String::as_str) {
        Some("link") => runtime.block_on(raw(What::Link, time, users, tasks)),
        Some("resolve") => runtime.block_on(raw(What::Resolve, time, users, tasks)),
        Some("disk") => runtime.block_on(disk(users)),
        Some("sync") => sync(time),
        Some("plain") => {
            let clients = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            clients.block_on(plain(time, tasks))
        }
        Some("serve-plain") => runtime.block_on(serve_plain()),
        // `cargo bench` and `cargo test --benches` run every bench without arguments.
        None => Ok(()),
        Some(other) => Err(format!("{other} is not link, resolve, disk, sync or plain").into()),
    }
}

#[derive(Clone, Copy)]
enum What {
    Link,
    Resolve,
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

/// A store with one tenant, and who was made in it.
struct World {
    store: SqliteStore,
    vault: Vault,
    clock: Arc<SystemClock>,
    random: Arc<SystemRandomness>,
    tenant: TenantId,
    key: TenantKey,
    actor: Actor,
    built_in: Connection,
    network: Connection,
    subjects: AtomicU64,
}

struct Person {
    user: UserId,
    key: RecordKey,
    subject: String,
}

impl World {
    async fn new(folder: &Path) -> Outcome<Self> {
        let clock = Arc::new(SystemClock::default());
        let random = Arc::new(SystemRandomness::new());
        let store = SqliteStore::open(folder, clock.clone(), random.clone(), &SqliteOptions::default())?;
        let vault = Vault::new(RootKey::generate(&*random), random.clone());
        let tenant = TenantId::new(&*random);
        let connection = |name: &str, provider: &str| Connection {
            id: ConnectionId::new(&*random),
            name: name.to_owned(),
            provider: provider.to_owned(),
            issuer: provider.to_owned(),
            client_id: None,
            client_secret: None,
            auth0: Object::new(),
            created_at: clock.now(),
        };
        let (built_in, network) = (connection("oneself", "database"), connection("bench", "twitter"));
        let client = ClientId::new(tenant, &*random);
        let (key, wrapped) = vault.new_tenant_key(tenant)?;
        let (_, service_key) = vault.new_key(&key, KeyOwner::Service)?;
        let nobody = Digest::of(b"");
        let made = store
            .create_tenant(NewTenant {
                tenant: Tenant {
                    id: tenant,
                    name: "raw".to_owned(),
                    settings: Settings::default(),
                    credentials: OpaqueCredentials {
                        kii_app_key: nobody,
                        kii_client_id: String::new(),
                        kii_client_secret: nobody,
                        knodes_customer_id: String::new(),
                        knodes_customer_secret: nobody,
                    },
                    created_at: clock.now(),
                },
                key: wrapped,
                service_key,
                connections: vec![built_in.clone(), network.clone()],
                client: Client {
                    id: client,
                    name: "raw".to_owned(),
                    secret: None,
                    grants: Vec::new(),
                    scopes: Some(Scopes::for_machines()),
                    auth0: Object::new(),
                    epoch: 1,
                    created_at: clock.now(),
                },
            })
            .await?;
        if !made {
            return Err("the tenant was not made".into());
        }
        Ok(Self {
            actor: Actor::Client(client),
            subjects: AtomicU64::new(0),
            store,
            vault,
            clock,
            random,
            tenant,
            key,
            built_in,
            network,
        })
    }

    /// Eighteen digits in no order, as a network's own ids come.
    fn subject(&self) -> String {
        let mut digits = [0; 8];
        SeededRandom::new(self.subjects.fetch_add(1, Ordering::Relaxed)).fill(&mut digits);
        format!("{:018}", u64::from_be_bytes(digits) % 1_000_000_000_000_000_000)
    }

    /// A new account with its tokens sealed, and the event that tells of it.
    fn account(&self, user: UserId, key: &RecordKey, subject: &str) -> Outcome<(NewIdentity, NewEvent)> {
        let external = ExternalIdentity::from_claims(&self.network, subject, &Object::new(), Proof::Asserted)?;
        let tokens = TokenSet {
            access_token: Some(format!("{subject:0>TOKEN_BYTES$}").into()),
            ..TokenSet::default()
        };
        let place = Place {
            connection: Some(self.network.id),
            issuer: &external.key().issuer,
            subject,
            field: Field::TokenSet,
            version: 1,
        };
        let sealed = self.vault.seal(key, &place, &tokens.to_plain())?;
        let id = IdentityId::new(&*self.clock, &*self.random);
        let event = self.event(
            user,
            EventKind::IdentityLinked {
                identity: id,
                connection: self.network.id,
                proof: external.proof(),
            },
        );
        Ok((self.identity(id, external, Some(sealed)), event))
    }

    fn identity(
        &self,
        id: IdentityId,
        external: ExternalIdentity,
        tokens: Option<oneself::secret::Sealed>,
    ) -> NewIdentity {
        NewIdentity {
            id,
            external,
            proved_by: self.actor,
            tokens,
            login: Login::default(),
        }
    }

    fn event(&self, user: UserId, kind: EventKind) -> NewEvent {
        NewEvent {
            kind,
            user,
            actor: self.actor,
            at: self.clock.now(),
            sealed: None,
        }
    }

    /// Somebody with one account and a key.
    async fn make_person(&self) -> Outcome<Person> {
        let user = UserId::new(&*self.clock, &*self.random);
        let owner = KeyOwner::User(user);
        let (key, wrapped) = self.vault.new_key(&self.key, owner)?;
        let born = IdentityId::new(&*self.clock, &*self.random);
        let external =
            ExternalIdentity::from_claims(&self.built_in, &user.to_string(), &Object::new(), Proof::Asserted)?;
        let created = self.event(
            user,
            EventKind::UserCreated {
                identity: born,
                connection: self.built_in.id,
                proof: external.proof(),
            },
        );
        let subject = self.subject();
        let (more, linked) = self.account(user, &key, &subject)?;
        let new = NewUser {
            user: User::new(user, Profile::default(), self.clock.now()),
            born: self.identity(born, external, None),
            more: vec![more],
            new_key: Some(NewKey { owner, key: wrapped }),
            once: None,
            events: vec![created, linked],
        };
        match self.store.create_user(self.tenant, new).await? {
            Created::Done => Ok(Person { user, key, subject }),
            other => Err(format!("a user was not made: {other:?}").into()),
        }
    }

    /// Somebody who was born with an account elsewhere: one identity, one event, one key.
    async fn make_born(&self) -> Outcome<()> {
        let user = UserId::new(&*self.clock, &*self.random);
        let owner = KeyOwner::User(user);
        let (key, wrapped) = self.vault.new_key(&self.key, owner)?;
        let (born, _) = self.account(user, &key, &self.subject())?;
        let kind = EventKind::UserCreated {
            identity: born.id,
            connection: self.network.id,
            proof: born.external.proof(),
        };
        let new = NewUser {
            user: User::new(user, Profile::default(), self.clock.now()),
            born,
            more: Vec::new(),
            new_key: Some(NewKey { owner, key: wrapped }),
            once: None,
            events: vec![self.event(user, kind)],
        };
        match self.store.create_user(self.tenant, new).await? {
            Created::Done => Ok(()),
            other => Err(format!("a user was not made: {other:?}").into()),
        }
    }

    async fn link(&self, person: &Person) -> Outcome<()> {
        let (identity, event) = self.account(person.user, &person.key, &self.subject())?;
        let link = Link {
            user: person.user,
            identity,
            one_per_provider: false,
            new_key: None,
            once: None,
            event,
        };
        match self.store.link(self.tenant, link).await? {
            Linked::Attached(_) => Ok(()),
            other => Err(format!("not linked: {other:?}").into()),
        }
    }

    async fn resolve(&self, person: &Person) -> Outcome<()> {
        let at = ConnectionRef::Name(self.network.name.clone());
        match self.store.resolve(self.tenant, &at, &person.subject).await? {
            Some(found) if found.user.id == person.user => Ok(()),
            found => Err(format!("resolved to {found:?}").into()),
        }
    }
}

/// Links or resolves from so many tasks at once, for a while.
async fn raw(what: What, time: Duration, users: u64, tasks: u64) -> Outcome<()> {
    let scratch = Scratch::new()?;
    let world = Arc::new(World::new(&scratch.0).await?);
    let mut making = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let world = Arc::clone(&world);
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
    let people = Arc::new(people);

    let before_loop = account::fixed_loop()?;
    let (before, began) = (account::cpu(std::process::id())?, Instant::now());
    let end = began + time;
    let mut working = tokio::task::JoinSet::new();
    for task in 0..tasks {
        let (world, people) = (Arc::clone(&world), Arc::clone(&people));
        working.spawn(async move {
            let chance = SeededRandom::new(task);
            let mut latency = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?;
            while Instant::now() < end {
                let mut bytes = [0; 8];
                chance.fill(&mut bytes);
                let index = u64::from_be_bytes(bytes) % people.len().max(1) as u64;
                let person = people.get(index as usize).ok_or("nobody is there")?;
                let began = Instant::now();
                match what {
                    What::Link => world.link(person).await?,
                    What::Resolve => world.resolve(person).await?,
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
    let (took, cpu) = (began.elapsed(), account::cpu(std::process::id())? - before);
    let loops = [before_loop, account::fixed_loop()?].map(|took| took.as_secs_f64() * 1e3);
    println!(
        "{}",
        json!({
            "what": match what { What::Link => "raw-link", What::Resolve => "raw-resolve" },
            "tasks": tasks,
            "operations": latency.len(),
            "per_second": latency.len() as f64 / took.as_secs_f64(),
            "latency_us": { "p50": latency.value_at_quantile(0.5), "p99": latency.value_at_quantile(0.99) },
            "cpu_us": cpu.as_secs_f64() * 1e6 / latency.len().max(1) as f64,
            "fixed_loop_ms": loops,
        })
    );
    Ok(())
}

/// Makes so many users who were born with an account elsewhere, and weighs them.
async fn disk(users: u64) -> Outcome<()> {
    let scratch = Scratch::new()?;
    let world = Arc::new(World::new(&scratch.0).await?);
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
