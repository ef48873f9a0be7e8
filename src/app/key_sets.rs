//! The keys of issuers, fetched when a token asks for one that is not known, and kept.
//!
//! One request for an issuer is under way at a time, and one a minute at most, whatever tokens claim to be
//! signed by; between two of them a key that is not known is nobody's. What is known stays in force when an
//! issuer cannot be asked, answers nonsense, or suddenly is elsewhere (JWT-06, FLW-12): only a key that it
//! has not shown for a day ends. What would surprise: nothing of this is stored, so after a start
//! an issuer is asked anew, and where it is then is believed.

use std::collections::HashMap;
use std::sync::Arc;

use http::header::ACCEPT;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use super::App;
use super::networks::fault_of;
use super::verify::error_of;
use crate::domain::{Connection, Object};
use crate::error::{Error, NetworkFault, Result};
use crate::id::{ConnectionId, TenantId};
use crate::jwt::{ForeignToken, KeySet};
use crate::outbound::Outbound;
use crate::providers::oidc::{self, Expected, ExpectedIssuer, Metadata};

/// How long what is known is fresh; after that it is fetched again beside whatever needs it.
const FRESH_FOR: SignedDuration = SignedDuration::from_hours(1);

/// How long an issuer is not asked again, when it has answered and when nothing is known of it.
const PAUSE: SignedDuration = SignedDuration::from_secs(60);
const PAUSE_WITHOUT_KEYS: SignedDuration = SignedDuration::from_secs(5);

/// How many issuers are remembered; beyond that all are asked anew.
const REMEMBERED: usize = 10_000;

/// Where the keys of an issuer are told.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeySource {
    /// Metadata at this address says where.
    Discovery(String),
    /// At this address.
    Keys(String),
}

/// Keys of issuers, for each connection its own.
#[derive(Default)]
pub struct KeySets(Mutex<HashMap<Whose, Arc<Issuer>>>);

/// A connection, where it looks for keys, and whose.
type Whose = (TenantId, ConnectionId, KeySource, ExpectedIssuer);

#[derive(Default)]
struct Issuer {
    known: Mutex<Known>,
    /// Held by whoever asks.
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default, Clone)]
struct Known {
    metadata: Option<Arc<Metadata>>,
    keys: Arc<KeySet>,
    /// Until when all of it is fresh.
    fresh_until: Option<Timestamp>,
    /// From when on the issuer may be asked again.
    next_at: Option<Timestamp>,
    /// What was wrong when it was asked last.
    fault: Option<NetworkFault>,
}

impl App {
    /// The claims of an ID token, if this connection's issuer signed it for this application and it is valid now.
    ///
    /// # Errors
    /// [`Error::NetworkRefused`] when it is not; [`Error::Network`] when the keys cannot be had.
    pub(super) async fn verify_id_token(
        &self,
        tenant: TenantId,
        connection: &Connection,
        source: KeySource,
        id_token: &str,
        expected: &Expected,
    ) -> Result<Object> {
        let (outbound, now) = (self.networks.outbound(), self.clock.now());
        let whose = (tenant, connection.id, source);
        self.key_sets.verify(outbound, now, whose, id_token, expected).await
    }
}

impl KeySets {
    /// The same for whoever hands in time and network.
    ///
    /// # Errors
    /// Likewise.
    pub async fn verify(
        &self,
        outbound: &Outbound,
        now: Timestamp,
        (tenant, connection, source): (TenantId, ConnectionId, KeySource),
        id_token: &str,
        expected: &Expected,
    ) -> Result<Object> {
        let refused = |fault| error_of(oidc::refused(fault));
        let token = ForeignToken::read(id_token).map_err(refused)?;
        let issuer = self.issuer((tenant, connection, source.clone(), expected.issuer.clone()));
        let asking = Asking {
            outbound: outbound.clone(),
            now,
            source,
            expected: expected.issuer.clone(),
            issuer: issuer.clone(),
        };
        let mut known = issuer.known();
        if !token.is_by(&known.keys, now) {
            let turn = issuer.turn.clone().lock_owned().await;
            known = issuer.known();
            if !token.is_by(&known.keys, now) && known.may_be_asked(now) {
                // It goes on when whoever waits for it goes away, or the pause would never begin.
                tokio::spawn(asking.renew(turn)).await.map_err(Error::internal)?;
                known = issuer.known();
            }
        } else if known.fresh_until.is_none_or(|until| until <= now)
            && known.may_be_asked(now)
            && let Ok(turn) = issuer.turn.clone().try_lock_owned()
        {
            // Nobody whose key is known waits for that.
            tokio::spawn(asking.renew(turn));
        }
        if let Some(fault) = known.fault
            && !token.is_by(&known.keys, now)
        {
            return Err(Error::Network(fault));
        }
        let claims = token.verify(&known.keys, now).map_err(refused)?;
        oidc::check(claims, expected).map_err(error_of)
    }

    fn issuer(&self, whose: Whose) -> Arc<Issuer> {
        let mut issuers = self.0.lock();
        if issuers.len() >= REMEMBERED && !issuers.contains_key(&whose) {
            issuers.clear();
        }
        issuers.entry(whose).or_default().clone()
    }
}

impl Issuer {
    fn known(&self) -> Known {
        self.known.lock().clone()
    }
}

impl Known {
    fn may_be_asked(&self, now: Timestamp) -> bool {
        self.next_at.is_none_or(|at| at <= now)
    }
}

/// Asking one issuer, now.
struct Asking {
    outbound: Outbound,
    now: Timestamp,
    source: KeySource,
    expected: ExpectedIssuer,
    issuer: Arc<Issuer>,
}

impl Asking {
    /// Asks the issuer, and keeps what was known where it does not answer well.
    async fn renew(self, _turn: OwnedMutexGuard<()>) {
        let mut known = self.issuer.known();
        let after = |span: SignedDuration| self.now.saturating_add(span).ok();
        known.fault = None;
        let keys_at = match &self.source {
            KeySource::Keys(url) => Some(url.clone()),
            KeySource::Discovery(url) => {
                match self.metadata(url, known.metadata.as_deref()).await {
                    Ok(metadata) => known.metadata = Some(Arc::new(metadata)),
                    Err(fault) => known.fault = Some(fault),
                }
                known.metadata.as_ref().map(|metadata| metadata.jwks_uri.clone())
            }
        };
        if let Some(url) = keys_at {
            match self.keys(&url).await {
                Ok(keys) => {
                    known.keys = Arc::new(keys.after(&known.keys, self.now));
                    known.fresh_until = after(FRESH_FOR);
                }
                Err(fault) => known.fault = Some(fault),
            }
        }
        if let Some(fault) = known.fault {
            tracing::warn!(%fault, "the keys of an issuer could not be renewed; those that are known stay in force");
        }
        let has_answered = known.fresh_until.is_some();
        known.next_at = after(if has_answered { PAUSE } else { PAUSE_WITHOUT_KEYS });
        *self.issuer.known.lock() = known;
    }

    async fn metadata(&self, url: &str, earlier: Option<&Metadata>) -> std::result::Result<Metadata, NetworkFault> {
        let document = self.fetch(url).await?;
        let metadata = Metadata::read(&document, &self.expected, |url| self.outbound.check(url).is_ok())?;
        if earlier.is_some_and(|earlier| !metadata.is_where(earlier)) {
            return Err(NetworkFault::Misconfigured);
        }
        Ok(metadata)
    }

    async fn keys(&self, url: &str) -> std::result::Result<KeySet, NetworkFault> {
        let document = self.fetch(url).await?;
        KeySet::read(&document, self.now).map_err(oidc::unusable)
    }

    /// A document that everybody may read.
    async fn fetch(&self, url: &str) -> std::result::Result<Vec<u8>, NetworkFault> {
        let question = http::Request::get(url)
            .header(ACCEPT, "application/json")
            .body(Vec::new())
            .map_err(|_| NetworkFault::Misconfigured)?;
        let reply = self.outbound.send(question).await.map_err(fault_of)?;
        match reply.status {
            http::StatusCode::OK => Ok(reply.body),
            http::StatusCode::TOO_MANY_REQUESTS => Err(NetworkFault::Busy),
            status if status.is_server_error() => Err(NetworkFault::Failed),
            _ => Err(NetworkFault::Misconfigured),
        }
    }
}
