//! Random queries over random users: what the store finds is what a plain look at everybody finds
//! (API-01).

use std::sync::Arc;
use std::time::Duration;

use oneself::api::auth0::search::{meaning, syntax};
use oneself::clock::{Clock as _, ManualClock, Random as _, SeededRandom, SystemRandomness};
use oneself::domain::search::Sort;
use oneself::domain::user::Logins;
use oneself::domain::*;
use oneself::id::*;
use oneself::store::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use super::written;
use crate::support::seeking;
use crate::support::server::TestServer;

struct Chance(SeededRandom);

impl Chance {
    fn below(&self, limit: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_be_bytes(bytes) % limit
    }

    fn one_in(&self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn some(&self, of: &[Value]) -> Value {
        of[self.below(of.len() as u64) as usize].clone()
    }

    fn profile(&self) -> Profile {
        let all = json!({
            "email": self.some(&[json!("a@x.example"), json!("A@X.example"), json!("b@y.example"), json!("l@t.example")]),
            "email_verified": self.one_in(2),
            "username": self.some(&[json!("ann"), json!("Ann")]),
            "name": self.some(&[json!("Ann"), json!("Mary Ann Lee"), json!("Ann Lee Roth"), json!("O'Neil"), json!("---")]),
            "nickname": self.some(&[json!("ann"), json!("Lee-Ann"), json!("a")]),
            "given_name": self.some(&[json!("ANN"), json!("ZOË")]),
            "locale": self.some(&[json!("de"), json!(10), json!(true), json!(["de", "en"])]),
            "address": {"city": self.some(&[json!("Köln"), json!("Bonn")])},
            "picture": "ann",
            "access_token": "ann",
        });
        let Value::Object(mut all) = all else { unreachable!() };
        all.retain(|_, _| !self.one_in(3));
        serde_json::from_value(Value::Object(all)).unwrap()
    }

    fn user(&self, id: UserId, at: jiff::Timestamp) -> User {
        let mut user = User::new(id, self.profile(), at);
        user.blocked = (!self.one_in(3)).then(|| self.one_in(2));
        let plan = self.some(&[
            json!("pro"),
            json!("free"),
            json!(10),
            json!(true),
            json!(null),
            json!(""),
        ]);
        let roles = self.some(&[json!(["admin", "dev"]), json!("dev"), json!([]), json!([{"x": 1}])]);
        let app = json!({"plan": plan, "roles": roles, "org": {"name": self.some(&[json!("x"), json!(10)])},
            "n": self.some(&[json!(9), json!(10), json!(10.0), json!(-1.5), json!("10"), json!("9")])});
        user.app_metadata = app.as_object().filter(|_| !self.one_in(4)).cloned();
        let own = json!({"theme": self.some(&[json!("dark"), json!("light")]), "a": {"b": self.some(&[json!("x"), json!(10)])}});
        user.user_metadata = own.as_object().filter(|_| !self.one_in(3)).cloned();
        if self.one_in(2) {
            let last_at: jiff::Timestamp = "2026-01-02T03:04:05.006Z".parse().unwrap();
            user.logins = Logins {
                count: 1 + self.below(12),
                last_at: Some(last_at + Duration::from_secs(self.below(3) * 86_400)),
                last_ip: Some(if self.one_in(2) { "203.0.113.9" } else { "203.0.113.10" }.into()),
            };
        }
        user
    }
}

struct People {
    store: Arc<dyn Store>,
    tenant: TenantId,
    connections: Vec<Connection>,
    clock: Arc<ManualClock>,
    chance: Chance,
}

impl People {
    fn event(&self, user: UserId, kind: EventKind) -> NewEvent {
        NewEvent {
            kind,
            user,
            actor: Actor::Operator,
            at: self.clock.now(),
            sealed: None,
        }
    }

    fn identity(&self) -> NewIdentity {
        let connection = &self.connections[self.chance.below(self.connections.len() as u64) as usize];
        let subject = self.chance.below(40).to_string();
        let claims = serde_json::to_value(self.chance.profile()).unwrap();
        let claims = claims.as_object().unwrap();
        NewIdentity {
            id: IdentityId::new(&*self.clock, &self.chance.0),
            external: ExternalIdentity::from_claims(connection, &subject, claims, Proof::Asserted).unwrap(),
            proved_by: Actor::Operator,
            tokens: None,
            login: Login::default(),
            spend: None,
        }
    }

    /// Makes users and links accounts to them, as far as chance lets it.
    async fn make(&self, how_many: u64) {
        let mut made: Vec<UserId> = Vec::new();
        for _ in 0..how_many {
            self.clock.advance(Duration::from_millis(self.chance.below(200)));
            let id = UserId::new(&*self.clock, &self.chance.0);
            let born = self.identity();
            let kind = EventKind::UserCreated {
                identity: born.id,
                connection: born.external.key().connection,
                proof: Proof::Asserted,
            };
            let new = NewUser {
                user: self.chance.user(id, self.clock.now()),
                born,
                more: Vec::new(),
                bag: None,
                key: None,
                once: None,
                events: vec![self.event(id, kind)],
                marked: Vec::new(),
            };
            if self.store.create_user(self.tenant, new).await.unwrap() == Created::Done {
                made.push(id);
            }
            let user = made[self.chance.below(made.len() as u64) as usize];
            let identity = self.identity();
            let kind = EventKind::IdentityLinked {
                identity: identity.id,
                connection: identity.external.key().connection,
                proof: Proof::Asserted,
            };
            let link = Link {
                user,
                identity,
                one_per_provider: false,
                most: None,
                key: None,
                bag: None,
                once: None,
                event: self.event(user, kind),
                unless_marked: None,
            };
            self.store.link(self.tenant, link).await.unwrap();
        }
    }

    async fn all(&self) -> Vec<UserWithIdentities> {
        let page = Page {
            after: None,
            limit: 1_000_000,
        };
        self.store.list_users(self.tenant, page).await.unwrap()
    }
}

async fn people(server: &TestServer, seed: u64) -> People {
    let tenant = server.tenant("acme").await;
    server.clock.advance(
        "2027-01-15T08:00:00Z"
            .parse::<jiff::Timestamp>()
            .unwrap()
            .duration_since(server.clock.now())
            .unsigned_abs(),
    );
    let chance = Chance(SeededRandom::new(seed));
    for (name, provider, auth0) in [
        ("google", "google", json!({})),
        ("twitter", "twitter", json!({})),
        ("my-shop", "shop-of-mine", json!({"strategy": "oauth2"})),
    ] {
        let connection = Connection {
            id: ConnectionId::new(&chance.0),
            name: name.into(),
            provider: provider.into(),
            issuer: provider.into(),
            client_id: None,
            client_secret: None,
            auth0: auth0.as_object().unwrap().clone(),
            created_at: server.clock.now(),
        };
        assert!(server.store.create_connection(tenant.id(), &connection).await.unwrap());
    }
    People {
        store: server.store.clone(),
        tenant: tenant.id(),
        connections: server.store.list_connections(tenant.id()).await.unwrap(),
        clock: server.clock.clone(),
        chance,
    }
}

const SORTS: &[&str] = &[
    "email",
    "name",
    "nickname",
    "username",
    "locale",
    "blocked",
    "logins_count",
    "last_login",
    "last_ip",
    "created_at",
    "updated_at",
    "user_id",
    "email_verified",
    "nothing",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_api_01_what_is_found_is_what_a_naive_look_finds() {
    let mut seed = [0; 8];
    SystemRandomness::new().fill(&mut seed);
    let seed = u64::from_be_bytes(seed);
    println!("seed {seed}");
    let queries = match std::env::var_os("ONESELF_TEST_ALL") {
        Some(_) => 100_000,
        None => 500,
    };
    let server = TestServer::start().await;
    let people = people(&server, seed).await;
    people.make(60).await;
    let users = people.all().await;
    let connections = &people.connections;
    let known = seeking::look_at(&users, connections);
    let mut bytes = [0; 32];
    people.chance.0.fill(&mut bytes);
    let mut runner = TestRunner::new_with_rng(
        ProptestConfig::default(),
        TestRng::from_seed(RngAlgorithm::ChaCha, &bytes),
    );
    let (mut some, mut not_all) = (0, 0);
    for n in 0..queries {
        let random = written::syntax().new_tree(&mut runner).unwrap().current();
        let text = written::print(&random);
        let read = syntax::read(&text).unwrap_or_else(|why| panic!("{text}: {why}"));
        let query = meaning::query(&read, connections).unwrap_or_else(|why| panic!("{text}: {why}"));
        let direction = if people.chance.one_in(2) { "1" } else { "-1" };
        let sort = match n % 2 {
            0 => Sort::default(),
            _ => {
                let by = SORTS[people.chance.below(SORTS.len() as u64) as usize];
                meaning::sort(&format!("{by}:{direction}"), connections).unwrap()
            }
        };
        let expected = seeking::seek(&query, &sort, &known);
        let (skip, limit) = if people.chance.one_in(2) { (0, 1000) } else { (3, 5) };
        let search = Search {
            query,
            sort: sort.clone(),
            skip,
            limit,
            count: true,
        };
        let Searched::Found(found, total) = people
            .store
            .search_users(people.tenant, search, Duration::from_secs(60))
            .await
            .unwrap()
        else {
            panic!("{text}: gave up");
        };
        let found: Vec<UserId> = found.iter().map(|found| found.user.id).collect();
        let page: Vec<UserId> = expected
            .iter()
            .skip(skip as usize)
            .take(limit as usize)
            .copied()
            .collect();
        assert_eq!(found, page, "{text} by {sort:?}");
        assert_eq!(total, Some(expected.len() as u64), "{text}");
        some += usize::from(!expected.is_empty());
        not_all += usize::from(expected.len() < users.len());
    }
    assert!(
        some > queries / 5 && not_all > queries / 5,
        "{some} found somebody, {not_all} not everybody, of {queries}"
    );
}
