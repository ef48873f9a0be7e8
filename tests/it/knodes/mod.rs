//! The Knodes Context API as its clients see it; `checks_…` are those of its contract by their
//! numbers (`api/knodes.md` 12). What is not due yet has none: 11 (searches) and 15 (notices).

mod checks;
mod customers;
mod decisions;
pub mod requests;
mod secrets;
mod users;

use oneself::domain::{Dialect, Object, TokenSet, UserRef, UserWithIdentities};
use oneself::id::UserId;
use oneself::secret::{ExposeSecret, Sealed};
use serde_json::{Value, json};

use crate::support::http::{Client, Reply};
use crate::support::sandbox::Sandbox;
use crate::support::server::{Tenant, TestServer};

/// What a form is.
pub const FORM: &str = "application/x-www-form-urlencoded";

/// A server whose networks are simulated, and a customer with applications at two of them.
pub struct World {
    pub server: TestServer,
    pub networks: Sandbox,
    pub acme: Customer,
}

/// A customer, and how it writes its requests.
pub struct Customer {
    pub tenant: Tenant,
    pub client: Client,
    pub id: String,
    pub secret: String,
}

/// An account at a simulated network, and what opens it.
#[derive(Debug, Clone)]
pub struct Account {
    pub network: &'static str,
    pub id: String,
    pub token: String,
    pub secret: Option<String>,
}

impl World {
    pub async fn new() -> Self {
        let (server, networks) = TestServer::start_with_networks().await;
        let acme = Customer::new(&server, "acme").await;
        let world = Self { server, networks, acme };
        for network in ["facebook", "twitter"] {
            world.acme.deposit(network).await;
        }
        world
    }

    /// Somebody's account at a network.
    pub fn account(&self, network: &'static str, name: &str) -> Account {
        let made = self.networks.account(network, json!({ "name": name }));
        Account {
            network,
            id: made.id,
            token: made.access_token,
            secret: made.token_secret,
        }
    }

    /// Somebody as she is kept, by her id.
    pub async fn kept(&self, id: &str) -> UserWithIdentities {
        let id: UserId = id.parse().unwrap();
        let found = self
            .server
            .store
            .find_user_with_identities(self.acme.tenant.id(), &UserRef::Id(id))
            .await;
        found.unwrap().unwrap()
    }

    /// What this interface keeps with somebody.
    pub async fn bag(&self, id: &str) -> Object {
        let (tenant, id) = (self.acme.tenant.id(), id.parse().unwrap());
        self.server.store.find_bag(tenant, id, Dialect::Knodes).await.unwrap()
    }

    /// Since when an indexing of somebody is wanted.
    pub async fn wanted_index(&self, id: &str) -> Option<i64> {
        self.bag(id).await.get("index_wanted_at").and_then(Value::as_i64)
    }

    /// The sealed tokens of the account that somebody was connected with first.
    pub async fn sealed(&self, id: &str) -> Option<Sealed> {
        let identity = self.kept(id).await.identities[1].id;
        self.server
            .store
            .find_tokens(self.acme.tenant.id(), identity)
            .await
            .unwrap()
    }

    /// The same, opened.
    pub async fn tokens(&self, id: &str) -> TokenSet {
        let secret = self.acme.secret.clone().into();
        let app = &self.server.app;
        let asked = app.authenticate_customer(&self.acme.id, &secret, &"".into()).await;
        let identity = self.kept(id).await.identities[1].clone();
        app.read_tokens(&asked.unwrap().0, &identity).await.unwrap().unwrap()
    }

    /// Changes a setting of the customer.
    pub async fn set(&self, name: &str, value: &str) {
        let settings = [(name.to_owned(), value.to_owned())];
        self.server.app.set_settings("acme", &settings).await.unwrap();
    }

    /// How much has happened to the customer's users.
    pub async fn events(&self) -> usize {
        let events = self
            .server
            .store
            .list_events(self.acme.tenant.id(), None, 100_000)
            .await;
        events.unwrap().len()
    }
}

impl Customer {
    pub async fn new(server: &TestServer, name: &str) -> Self {
        let tenant = server.tenant(name).await;
        Self {
            client: server.client(),
            id: tenant.credentials.knodes_customer_id.clone(),
            secret: tenant.credentials.knodes_customer_secret.expose_secret().to_owned(),
            tenant,
        }
    }

    /// Its application at a network.
    pub async fn deposit(&self, network: &str) {
        let app = [
            ("network", network),
            ("id", "our-application"),
            ("secret", "our-secret"),
        ];
        self.post("/customers//connect.json", &app).await.expect(200);
    }

    /// Its credentials, as parameters.
    pub fn credentials(&self) -> [(&str, &str); 2] {
        [("customer_id", &self.id), ("customer_secret", &self.secret)]
    }

    /// As its client asks: everything in the address.
    pub async fn get(&self, path: &str, pairs: &[(&str, &str)]) -> Reply {
        let query = encode(&[&self.credentials(), pairs].concat());
        self.client.get(&format!("{path}?{query}")).await
    }

    /// As its client sends: everything in a form.
    pub async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Reply {
        self.client
            .post(path, (FORM, encode(&[&self.credentials(), pairs].concat())))
            .await
    }

    /// Connects an account with its token, and perhaps more.
    pub async fn connect(&self, account: &Account, more: &[(&str, &str)]) -> Reply {
        let mut pairs = account.named();
        pairs.push(("token", &account.token));
        pairs.extend(account.secret.as_deref().map(|secret| ("secret", secret)));
        self.post("/users/connect.json", &[&pairs, more].concat()).await
    }

    /// The user who has an account that is connected now.
    pub async fn connected(&self, account: &Account, more: &[(&str, &str)]) -> Value {
        self.connect(account, more).await.expect(200).json()
    }
}

impl Account {
    /// Its name, as parameters.
    pub fn named(&self) -> Vec<(&str, &str)> {
        vec![("network", self.network), ("network_id", &self.id)]
    }
}

/// The text of a member.
#[track_caller]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// Pairs as a form or a query.
pub fn encode(pairs: &[(&str, &str)]) -> String {
    let encoded = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
                other => format!("%{other:02X}"),
            })
            .collect()
    };
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    pairs.join("&")
}
