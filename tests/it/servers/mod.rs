//! Several servers on one database: what only one of them may have, what is lost when answers are,
//! and what others see of a change.
//!
//! They are real processes, and a network that fails on order is between them and the database.

mod changes;
mod copy;
mod events;
mod faults;
mod outage;
mod races;
mod refused;
mod spread;
mod statements;
mod tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::blackbox::http::Client;
use crate::blackbox::server::{Installation, Server};
use crate::support::database::{self, Database};
use crate::support::kept;
use crate::support::proxy::FaultProxy;

/// Servers on one database, each behind a network of its own.
struct Servers {
    servers: Vec<Server>,
    networks: Vec<FaultProxy>,
    installation: Installation,
    database: Database,
}

impl Servers {
    /// So many of them.
    fn start(count: usize) -> Self {
        let database = wait(kept::database(""));
        let url = database.url();
        let installation = Installation::in_database(&url);
        installation.answer(&["tenant", "set", "acme", "link_unknown=create"]);
        let networks: Vec<FaultProxy> = (0..count)
            .map(|n| FaultProxy::start(database::address(&url), n as u64 + 1))
            .collect();
        let servers = networks
            .iter()
            .map(|network| installation.serve_by(&network.url(&url)))
            .collect();
        Self {
            servers,
            networks,
            installation,
            database,
        }
    }

    /// A client of each.
    fn clients(&self) -> Vec<Client> {
        self.servers.iter().map(Server::client).collect()
    }

    /// One number that the database gives.
    fn number(&self, sql: &str) -> i64 {
        wait(async {
            let client = database::connect(&self.database.url()).await;
            client.query_one(sql, &[]).await.unwrap().get(0)
        })
    }
}

/// A new user, by this client.
fn make_user(client: &mut Client) -> String {
    let user = client.post("/link/v1/users", &json!({})).unwrap().expect(201);
    user.text("id").to_owned()
}

/// An account with tokens.
fn account(subject: &str) -> Value {
    json!({"connection": "twitter", "subject": subject, "tokens": {"access_token": "x".repeat(200)}})
}

/// Numbers that several threads take in turn.
#[derive(Clone, Default)]
struct Turns(Arc<AtomicUsize>);

impl Turns {
    /// The next, below this end.
    fn next(&self, end: usize) -> Option<usize> {
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        (n < end).then_some(n)
    }
}

/// Waits for work that belongs to no test's runtime.
fn wait<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(work)
}
