//! Asking networks: one way out, few at a time, and not at all while they are down.
//!
//! A connection whose network failed several times in a row is not asked for a while; then one request
//! tries, and the others wait for what it finds. So a network that is down costs its own links an immediate
//! answer, and those of others nothing. What would surprise: a network that refuses a token has not
//! failed. Reads are tried a second time when the first could not be made.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::app::App;
use crate::app::connections::secret_place;
use crate::domain::{Connection, KeyOwner};
use crate::error::{Error, NetworkFault, Result};
use crate::id::{ConnectionId, TenantId};
use crate::outbound::{Outbound, OutboundError};
use crate::providers::{self, Answer, At, Question, ask};
use crate::secret::{Sealed, SecretString};

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

/// How many secrets of applications are kept open.
const KEPT_OPEN: usize = 1_000;

/// What is known of networks.
pub(super) struct Networks {
    outbound: Outbound,
    /// Where the simulated networks are, if those are asked.
    sandbox: Option<String>,
    failing: Mutex<HashMap<Which, Failing>>,
    turns: HashMap<&'static str, Semaphore>,
    /// Applications that the simulated networks have been told of, with their secrets.
    introduced: Mutex<HashMap<Which, (String, Option<Sealed>)>>,
    /// Secrets of applications that are open in memory.
    secrets: Cache<Which, Arc<Opened>>,
}

/// A secret, and what it was opened from.
struct Opened {
    sealed: Sealed,
    secret: Arc<SecretString>,
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
            introduced: Mutex::default(),
            secrets: Cache::new(KEPT_OPEN),
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
    /// What a network answers to the question that `write` writes; `None` when it writes none. It is written
    /// anew for a second try, because a signed one counts once. Nothing that a network says is believed here.
    ///
    /// # Errors
    /// [`Error::Network`]: nothing came, or nothing that is an answer.
    pub(super) async fn ask(
        &self,
        tenant: TenantId,
        at: &At<'_>,
        write: impl Fn() -> Option<Question> + Sync,
    ) -> Result<Option<Answer>> {
        let Some(question) = write() else { return Ok(None) };
        let which = (tenant, at.connection.id);
        if !self.networks.may_ask(which, self.clock.now()) {
            return Err(Error::Network(NetworkFault::Unreachable));
        }
        let Some(_turn) = self.networks.turn(&at.connection.provider).await else {
            return Err(Error::Network(NetworkFault::Busy));
        };
        let mut answer = self.ask_once(question).await;
        if matches!(answer, Err(NetworkFault::Unreachable | NetworkFault::Failed))
            && let Some(again) = write()
        {
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
        answer.map(Some).map_err(|fault| {
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
        let application = (at.client_id, &at.connection.client_secret);
        let which = (tenant, at.connection.id);
        if let Some((client_id, secret)) = self.networks.introduced.lock().get(&which)
            && (client_id.as_str(), secret) == application
        {
            return;
        }
        let (client_id, secret) = application;
        let told = (client_id.to_owned(), secret.clone());
        self.networks.introduced.lock().insert(which, told);
        let address = format!("{}/_control/applications", sandbox.trim_end_matches('/'));
        let question = ask::post(&address).json(&json!({
            "network": at.connection.provider,
            "client_id": at.client_id,
            "client_secret": at.secret(),
            "if_unknown": true,
        }));
        if let Some(question) = question {
            let _ = Box::pin(self.networks.outbound.send(question)).await;
        }
    }

    /// Our application's secret at a connection's network, opened.
    pub(super) async fn client_secret(
        &self,
        tenant: TenantId,
        connection: &Connection,
    ) -> Result<Option<Arc<SecretString>>> {
        let Some(sealed) = &connection.client_secret else {
            return Ok(None);
        };
        let which = (tenant, connection.id);
        if let Some(opened) = self.networks.secrets.get(&which)
            && opened.sealed == *sealed
        {
            return Ok(Some(opened.secret.clone()));
        }
        let key = self
            .find_key(tenant, KeyOwner::Service)
            .await?
            .ok_or(Error::CryptoIntegrity)?;
        let plain = self.vault.open(&key, &secret_place(connection.id), sealed)?;
        let text = std::str::from_utf8(&plain).map_err(|_| Error::CryptoIntegrity)?;
        let secret = Arc::new(SecretString::from(text));
        let opened = Opened {
            sealed: sealed.clone(),
            secret: secret.clone(),
        };
        self.networks.secrets.insert(which, Arc::new(opened));
        Ok(Some(secret))
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
