//! The simulated networks in process, with a clock that stands still until a test moves it.
//!
//! ```text
//! let networks = Sandbox::start_at(server.clock.clone());
//! networks.application("google", "our-app", "our-secret");
//! let mira = networks.account("google", json!({"name": "Mira Ito", "client_id": "our-app"}));
//! networks.fault("google", json!({"mode": "down", "for_requests": 1}));
//! networks.wrong("google", "audience");
//! ```

use std::net::SocketAddr;
use std::sync::Arc;

use oneself::clock::{ManualClock, SeededRandom};
use serde_json::{Value, json};

use super::http::Client;
use super::server::BEGINNING;

/// The networks, for as long as they are held.
pub struct Sandbox {
    networks: oneself::sandbox::Sandbox,
    pub clock: Arc<ManualClock>,
}

/// Somebody's account, with its tokens.
#[derive(Debug, Clone)]
pub struct Account {
    pub id: String,
    pub access_token: String,
    pub token_secret: Option<String>,
    pub refresh_token: Option<String>,
    pub id_token: Option<String>,
    pub expires_in: Option<i64>,
    /// All that the sandbox said.
    pub json: Value,
}

impl Sandbox {
    /// With a clock of its own, at the beginning of every test.
    pub fn start() -> Self {
        Self::start_at(Arc::new(ManualClock::at(BEGINNING.parse().unwrap())))
    }

    /// With the clock of a server.
    pub fn start_at(clock: Arc<ManualClock>) -> Self {
        let address = "127.0.0.1:0".parse().unwrap();
        let random = Arc::new(SeededRandom::new(11));
        Self {
            networks: oneself::sandbox::Sandbox::start_with(address, clock.clone(), random).unwrap(),
            clock,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.networks.address()
    }

    pub fn url(&self) -> &str {
        self.networks.url()
    }

    pub fn client(&self) -> Client {
        Client::new(self.address())
    }

    /// The network knows this application from now on.
    pub fn application(&self, network: &str, id: &str, secret: &str) {
        self.order(
            "applications",
            json!({"network": network, "client_id": id, "client_secret": secret}),
        );
    }

    /// An account there, with what is said of it, and tokens for it.
    pub fn account(&self, network: &str, about: Value) -> Account {
        let json = self.order("accounts", with_network(network, about));
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        Account {
            id: text("id").unwrap(),
            access_token: text("access_token").unwrap(),
            token_secret: text("token_secret"),
            refresh_token: text("refresh_token"),
            id_token: text("id_token"),
            expires_in: json["expires_in"].as_i64(),
            json,
        }
    }

    /// The network fails in this way.
    pub fn fault(&self, network: &str, how: Value) {
        self.order("faults", with_network(network, how));
    }

    /// The network gets this wrong.
    pub fn wrong(&self, network: &str, fact: &str) {
        self.order("wrong", json!({"network": network, "fact": fact}));
    }

    pub fn expire(&self, network: &str, id: &str) {
        self.order("expire", json!({"network": network, "id": id}));
    }

    pub fn revoke(&self, network: &str, id: &str) {
        self.order("revoke", json!({"network": network, "id": id}));
    }

    /// The network signs with another key from now on.
    pub fn rotate_key(&self, network: &str) {
        self.order("keys", json!({"network": network}));
    }

    /// What was asked of the networks.
    pub fn log(&self) -> Vec<Value> {
        self.networks.log()["requests"].as_array().unwrap().clone()
    }

    fn order(&self, order: &str, members: Value) -> Value {
        self.networks.order(order, &members).unwrap()
    }
}

fn with_network(network: &str, mut members: Value) -> Value {
    members["network"] = json!(network);
    members
}
