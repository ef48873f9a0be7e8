//! Asking networks: one way out, few at a time, and not at all while they are down.
//!
//! A connection whose network failed several times in a row is not asked for a while; then one request
//! tries, and the others wait for what it finds. So a network that is down costs its own links an immediate
//! answer, and those of others nothing. What would surprise: a network that refuses a token has not
//! failed. Reads are tried a second time when the first could not be made.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::app::App;
use crate::domain::Connection;
use crate::error::{Error, NetworkFault, Result};
use crate::id::{ConnectionId, TenantId};
use crate::outbound::{Outbound, OutboundError};
use crate::providers::{self, Answer, At, Question, ask};
use crate::secret::Digest;

/// After so many failures in a row a network is not asked for a while.
const FAILURES: u32 = 5;

/// How long that is.
const REST: Duration = Duration::from_secs(10);

/// How many requests to one network are under way at a time.
const AT_ONCE: usize = 64;

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many connections are known to have failed lately, at most; beyond that all are asked again.
const REMEMBERED: usize = 10_000;

/// What is known of networks.
pub(super) struct Networks {
    outbound: Outbound,
    /// Where the simulated networks are, if those are asked.
    sandbox: Option<String>,
    failing: Mutex<HashMap<Which, Failing>>,
    turns: HashMap<&'static str, Semaphore>,
    /// Applications that the simulated networks have been told of.
    introduced: Mutex<HashSet<(Which, String, Digest)>>,
}

/// A connection among those of all tenants.
type Which = (TenantId, ConnectionId);

#[derive(Debug, Clone, Copy)]
struct Failing {
    times: u32,
    /// Until when it is not asked.
    rests_until: Option<Timestamp>,
}

impl Networks {
    pub(super) fn new(outbound: Outbound, sandbox: Option<String>) -> Self {
        Self {
            outbound,
            sandbox,
            failing: Mutex::new(HashMap::new()),
            turns: providers::ALL
                .iter()
                .map(|network| (network.id, Semaphore::new(AT_ONCE)))
                .collect(),
            introduced: Mutex::new(HashSet::new()),
        }
    }

    /// The way there.
    pub(super) const fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// The address of the simulated networks.
    pub(super) fn sandbox(&self) -> Option<&str> {
        self.sandbox.as_deref()
    }

    /// Whether this connection's network is asked now. Once it has rested, the first who asks finds out for
    /// the others.
    fn may_ask(&self, which: Which, now: Timestamp) -> bool {
        let mut failing = self.failing.lock();
        match failing.get_mut(&which) {
            Some(Failing {
                rests_until: Some(until),
                ..
            }) if now < *until => false,
            Some(failing) if failing.rests_until.is_some() => {
                failing.rests_until = now.saturating_add(REST).ok();
                true
            }
            _ => true,
        }
    }

    /// The network answered, whatever it was.
    fn answered(&self, which: Which) {
        self.failing.lock().remove(&which);
    }

    /// The network failed.
    fn failed(&self, which: Which, now: Timestamp) {
        let mut failing = self.failing.lock();
        if failing.len() >= REMEMBERED {
            failing.clear();
        }
        let known = failing.entry(which).or_insert(Failing {
            times: 0,
            rests_until: None,
        });
        known.times = known.times.saturating_add(1);
        if known.times >= FAILURES {
            known.rests_until = now.saturating_add(REST).ok();
        }
    }

    /// A turn at this network.
    async fn turn(&self, network: &str) -> Option<SemaphorePermit<'_>> {
        let turns = self.turns.get(network)?;
        match turns.try_acquire() {
            Ok(turn) => Some(turn),
            Err(_) => tokio::time::timeout(PATIENCE, turns.acquire()).await.ok()?.ok(),
        }
    }
}

impl App {
    /// What a network answers to this. Nothing that it says is believed here.
    ///
    /// # Errors
    /// [`Error::Network`]: nothing came, or nothing that is an answer.
    pub(super) async fn ask(&self, tenant: TenantId, at: &At<'_>, question: Question) -> Result<Answer> {
        let which = (tenant, at.connection.id);
        if !self.networks.may_ask(which, self.clock.now()) {
            return Err(Error::Network(NetworkFault::Unreachable));
        }
        let Some(_turn) = self.networks.turn(&at.connection.provider).await else {
            return Err(Error::Network(NetworkFault::Busy));
        };
        let again = question.clone();
        let mut answer = self.ask_once(question).await;
        if matches!(answer, Err(NetworkFault::Unreachable | NetworkFault::Failed)) {
            answer = self.ask_once(again).await;
        }
        match answer {
            Ok(_) | Err(NetworkFault::Garbled | NetworkFault::Misconfigured | NetworkFault::Busy) => {
                self.networks.answered(which);
            }
            Err(NetworkFault::TimedOut | NetworkFault::Unreachable | NetworkFault::Failed) => {
                self.networks.failed(which, self.clock.now());
            }
        }
        answer.map_err(|fault| {
            tracing::warn!(provider = %at.connection.provider, %fault, "a network could not be asked");
            Error::Network(fault)
        })
    }

    async fn ask_once(&self, question: Question) -> std::result::Result<Answer, NetworkFault> {
        let reply = self.networks.outbound.send(question).await.map_err(fault_of)?;
        match reply.status {
            StatusCode::TOO_MANY_REQUESTS => Err(NetworkFault::Busy),
            status if status.is_server_error() => Err(NetworkFault::Failed),
            status if status.is_success() || status.is_client_error() => Ok(Answer {
                status,
                json: serde_json::from_slice(&reply.body).unwrap_or(Value::Null),
            }),
            // Nobody is sent elsewhere with a token.
            _ => Err(NetworkFault::Garbled),
        }
    }

    /// Tells the simulated networks of an application, as its owner would have made it known at the real
    /// ones. That they know it already, or cannot be reached, shows when they are asked.
    pub(super) async fn introduce(&self, tenant: TenantId, at: &At<'_>) {
        let Some(sandbox) = self.networks.sandbox() else { return };
        let secret = Digest::of(at.secret().as_bytes());
        let application = ((tenant, at.connection.id), at.client_id.to_owned(), secret);
        if !self.networks.introduced.lock().insert(application) {
            return;
        }
        let address = format!("{}/_control/applications", sandbox.trim_end_matches('/'));
        let question = ask::post(&address).json(&json!({
            "network": at.connection.provider,
            "client_id": at.client_id,
            "client_secret": at.secret(),
            "if_unknown": true,
        }));
        if let Some(question) = question {
            let _ = self.networks.outbound.send(question).await;
        }
    }

    /// Our application's secret at a connection's network, opened.
    pub(super) async fn client_secret(
        &self,
        tenant: TenantId,
        connection: &Connection,
    ) -> Result<Option<crate::secret::SecretString>> {
        let Some(sealed) = &connection.client_secret else {
            return Ok(None);
        };
        let key = self
            .find_key(tenant, crate::domain::KeyOwner::Service)
            .await?
            .ok_or(Error::CryptoIntegrity)?;
        let plain = self
            .vault
            .open(&key, &super::connections::secret_place(connection.id), sealed)?;
        let text = std::str::from_utf8(&plain).map_err(|_| Error::CryptoIntegrity)?;
        Ok(Some(text.into()))
    }
}

/// Why nothing came, in the words of the core.
pub(super) fn fault_of(error: OutboundError) -> NetworkFault {
    match error {
        OutboundError::NotAllowed(_) => NetworkFault::Misconfigured,
        OutboundError::Unreachable(_) => NetworkFault::Unreachable,
        OutboundError::TimedOut => NetworkFault::TimedOut,
        OutboundError::TooLarge | OutboundError::BadReply(_) => NetworkFault::Garbled,
    }
}
