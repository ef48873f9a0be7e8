//! What searches cost: a store with many users and half as many linked accounts more, and for each
//! of a few queries the processor time of one answer.
//!
//! `search [--users 100000]` prints one line for a query. What would surprise: the processor time
//! of the whole process counts, and the first page is read with all that is shown of it; without
//! arguments nothing is done, because that is how every bench is run once.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use oneself::api::auth0::search::{meaning, syntax};
use oneself::clock::{Clock as _, SeededRandom, SystemClock};
use oneself::command::bench::account;
use oneself::domain::search::Sort;
use oneself::domain::tenant::OpaqueCredentials;
use oneself::domain::user::Logins;
use oneself::domain::{
    Actor, Client, Connection, EventKind, ExternalIdentity, NewEvent, Object, Proof, Scopes, Settings, Tenant, User,
    WrappedKey,
};
use oneself::id::{ClientId, ConnectionId, IdentityId, TenantId, UserId};
use oneself::secret::Digest;
use oneself::store::sqlite::{SqliteOptions, SqliteStore};
use oneself::store::{Created, Link, Linked, Login, NewIdentity, NewTenant, NewUser, Search, Searched, Store};
use serde_json::json;
use tokio::task::JoinSet;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How many acts are under way at once while the store is filled.
const TASKS: u64 = 128;

/// For how long each query is asked again and again.
const TIME: Duration = Duration::from_millis(1_500);

/// What is asked, and in which order.
const QUERIES: &[(&str, &str)] = &[
    ("", ""),
    ("", "created_at:-1"),
    ("", "name:1"),
    ("", "updated_at:-1"),
    ("email:\"p77777@d77.example\"", ""),
    ("email:\"p77777@d77.example\"", "last_login:-1"),
    ("email:p7777*", ""),
    ("email.domain:\"d7.example\"", ""),
    ("email.domain:\"d7.example\"", "created_at:-1"),
    ("identities.user_id:\"77777\" AND identities.connection:github", ""),
    ("identities.connection:github", ""),
    ("user_id:\"auth0|77777\"", ""),
    ("app_metadata.customer:\"c77777\"", ""),
    ("app_metadata.plan:pro", ""),
    ("app_metadata.plan:pro AND email:\"p77777@d77.example\"", ""),
    ("app_metadata.seats:[10 TO 12}", ""),
    ("last_login:[2026-01-01 TO 2026-01-03]", ""),
    ("name:grace", ""),
    ("name:\"grace k77777\"", ""),
    ("NOT _exists_:logins_count", ""),
    ("NOT app_metadata.plan:pro", "email:1"),
    ("name:*777*", ""),
    ("email:*@d7.example", ""),
    ("updated_at:[2026-01-01 TO *]", ""),
    ("p77777", ""),
    ("grace*", ""),
];

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let users = match arguments.as_slice() {
        [] => return Ok(()),
        [name, users] if name == "--users" => users.parse()?,
        other => return Err(format!("{other:?} is not --users N").into()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(users))
}

struct Filled {
    store: Arc<dyn Store>,
    tenant: TenantId,
    database: Connection,
    github: Connection,
    clock: SystemClock,
    random: SeededRandom,
}

async fn measure(users: u64) -> Outcome<()> {
    let directory = std::env::temp_dir().join(format!("oneself-search-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let done = measure_in(&directory, users).await;
    std::fs::remove_dir_all(&directory)?;
    done
}

async fn measure_in(directory: &std::path::Path, users: u64) -> Outcome<()> {
    let (clock, random) = (SystemClock::default(), SeededRandom::new(1));
    let options = SqliteOptions::default();
    let store = SqliteStore::open(
        directory,
        Arc::new(SystemClock::default()),
        Arc::new(SeededRandom::new(2)),
        &options,
    )?;
    let connection = |name: &str, provider: &str| Connection {
        id: ConnectionId::new(&random),
        name: name.into(),
        provider: provider.into(),
        issuer: provider.into(),
        client_id: None,
        client_secret: None,
        auth0: Object::new(),
        created_at: clock.now(),
    };
    let filled = Arc::new(Filled {
        store: Arc::new(store),
        tenant: TenantId::new(&random),
        database: connection("Users", "database"),
        github: connection("github", "github"),
        clock,
        random,
    });
    filled.found().await?;
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let filled = filled.clone();
        tasks.spawn(async move {
            for n in (task..users).step_by(usize::try_from(TASKS)?) {
                filled.make(n).await?;
            }
            Outcome::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let bytes = std::fs::metadata(directory.join("data.db"))?.len();
    println!(
        "{users} users, {} bytes each, made in {:.1?}",
        bytes / users.max(1),
        began.elapsed()
    );
    let connections = filled.store.list_connections(filled.tenant).await?;
    for (q, sort) in QUERIES {
        let read = syntax::read(q).map_err(|why| why.to_string())?;
        let search = Search {
            query: meaning::query(&read, &connections).map_err(|why| why.to_string())?,
            sort: match *sort {
                "" => Sort::default(),
                sort => meaning::sort(sort, &connections).map_err(|why| why.to_string())?,
            },
            skip: 0,
            limit: 50,
            count: true,
        };
        let (before, began) = (account::cpu(std::process::id())?, Instant::now());
        let (mut answers, mut total) = (0_u32, None);
        while answers == 0 || began.elapsed() < TIME {
            match filled
                .store
                .search_users(filled.tenant, search.clone(), Duration::from_secs(60))
                .await?
            {
                Searched::Found(_, found) => total = found,
                Searched::GaveUp => return Err("a search gave up".into()),
            }
            answers += 1;
        }
        let cpu = account::cpu(std::process::id())? - before;
        println!(
            "{:>10.3} ms  {:>7} found  {q} {sort}",
            cpu.as_secs_f64() * 1e3 / f64::from(answers),
            total.unwrap_or(0)
        );
    }
    Ok(())
}

impl Filled {
    async fn found(&self) -> Outcome<()> {
        let digest = Digest::of(b"bench");
        let made = self.store.create_tenant(NewTenant {
            tenant: Tenant {
                id: self.tenant,
                name: "bench".into(),
                settings: Settings::default(),
                credentials: OpaqueCredentials {
                    kii_app_key: digest,
                    kii_client_id: "kii".into(),
                    kii_client_secret: digest,
                    knodes_customer_id: "knodes".into(),
                    knodes_customer_secret: digest,
                },
                created_at: self.clock.now(),
            },
            key: WrappedKey(vec![1; 60]),
            service_key: WrappedKey(vec![2; 60]),
            connections: vec![self.database.clone(), self.github.clone()],
            client: Client {
                id: ClientId::new(self.tenant, &self.random),
                name: "bench".into(),
                secret: Some(digest),
                grants: vec![],
                scopes: Some(Scopes::for_machines()),
                auth0: Object::new(),
                epoch: 1,
                created_at: self.clock.now(),
            },
        });
        match made.await? {
            true => Ok(()),
            false => Err("the tenant is there already".into()),
        }
    }

    fn identity(&self, connection: &Connection, subject: &str) -> Outcome<NewIdentity> {
        Ok(NewIdentity {
            id: IdentityId::new(&self.clock, &self.random),
            external: ExternalIdentity::from_claims(connection, subject, &Object::new(), Proof::Asserted)
                .map_err(|error| error.to_string())?,
            proved_by: Actor::Operator,
            tokens: None,
            login: Login::default(),
            spend: None,
        })
    }

    fn event(&self, user: UserId, kind: EventKind) -> NewEvent {
        NewEvent {
            kind,
            user,
            actor: Actor::Operator,
            at: self.clock.now(),
            sealed: None,
        }
    }

    /// One user of an ordinary kind, every second one with an account elsewhere.
    async fn make(&self, n: u64) -> Outcome<()> {
        let id = UserId::new(&self.clock, &self.random);
        let first = ["Ada", "Grace", "Edsger", "Barbara"]
            .get(usize::try_from(n % 4)?)
            .copied();
        let profile = json!({
            "email": format!("p{n}@d{}.example", n % 100), "email_verified": n.is_multiple_of(3),
            "name": format!("{} K{n}", first.unwrap_or_default()), "nickname": format!("p{n}"),
        });
        let mut user = User::new(id, serde_json::from_value(profile)?, self.clock.now());
        let plan = if n.is_multiple_of(3) { "pro" } else { "free" };
        user.app_metadata = json!({"plan": plan, "seats": n % 50, "customer": format!("c{n}")})
            .as_object()
            .cloned();
        user.user_metadata = json!({"theme": "dark"}).as_object().cloned();
        if n.is_multiple_of(2) {
            let start: jiff::Timestamp = "2025-01-01T00:00:00Z".parse()?;
            user.logins = Logins {
                count: n % 20 + 1,
                last_at: Some(start.checked_add(Duration::from_secs(n * 500))?),
                last_ip: Some("203.0.113.9".into()),
            };
        }
        let born = self.identity(&self.database, &n.to_string())?;
        let kind = EventKind::UserCreated {
            identity: born.id,
            connection: self.database.id,
            proof: Proof::Asserted,
        };
        let new = NewUser {
            user,
            born,
            more: Vec::new(),
            bag: None,
            key: None,
            once: None,
            events: vec![self.event(id, kind)],
            marked: Vec::new(),
        };
        if self.store.create_user(self.tenant, new).await? != Created::Done {
            return Err("a user was not made".into());
        }
        if n % 2 == 1 {
            let identity = self.identity(&self.github, &n.to_string())?;
            let kind = EventKind::IdentityLinked {
                identity: identity.id,
                connection: self.github.id,
                proof: Proof::Asserted,
            };
            let link = Link {
                user: id,
                identity,
                one_per_provider: false,
                most: None,
                key: None,
                bag: None,
                once: None,
                event: self.event(id, kind),
                unless_marked: None,
            };
            let Linked::Attached(_) = self.store.link(self.tenant, link).await? else {
                return Err("an account was not linked".into());
            };
        }
        Ok(())
    }
}
