//! What the system can do: one verb, one file, one method of [`App`].
//!
//! A verb takes the caller first, and its first line asks whether it may. It reads top to
//! bottom and calls one act of the store at a time; store and vault meet nowhere else.

use std::sync::Arc;

use crate::clock::{Clock, Random};
use crate::domain::RateLimit;
use crate::error::{Error, Result};
use crate::mail::Mailer;
use crate::outbound::Outbound;
use crate::store::Store;
use crate::vault::Vault;

mod account;
mod alike;
pub mod arrive;
pub mod authenticate;
pub mod bags;
pub mod clients;
pub mod codes;
pub mod connect;
pub mod connections;
pub mod cursor;
pub mod customers;
mod delete_connection;
pub mod events;
pub mod import;
pub mod import_user;
pub mod inspect;
pub mod jobs;
pub mod key_sets;
mod keys;
pub mod labels;
pub mod link;
pub mod log_in;
pub mod logs;
mod marks;
mod merge_users;
mod networks;
pub mod opaque;
pub mod origins;
mod passwords;
mod rates;
pub mod read_tokens;
mod renew;
pub mod resolve;
mod revoke_access;
pub mod search_users;
mod signing;
pub mod stats;
pub mod tenants;
mod tickets;
mod trail;
mod turns;
pub mod unlink;
pub mod update_user;
pub mod users;
pub mod verify;
pub mod verify_email;

pub use origins::Origins;
pub use passwords::{ImportedHash, PasswordSettings};

/// The system: a store, a vault and what they need. Dialects call its verbs.
pub struct App {
    store: Arc<dyn Store>,
    vault: Vault,
    keys: keys::Keys,
    labels: labels::Labels,
    signing: signing::Signing,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    origins: Origins,
    passwords: passwords::Passwords,
    verified: authenticate::Verified,
    rates: rates::Rates,
    imports: import::UnderWay,
    logs: logs::Writing,
    jobs_asked: tokio::sync::Notify,
    uploads: Arc<tokio::sync::Semaphore>,
    mailer: Option<Mailer>,
    networks: networks::Networks,
    key_sets: key_sets::KeySets,
    turns: turns::Turns,
}

/// What an [`App`] is made of.
pub struct Parts {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// What seals and opens.
    pub vault: Vault,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where chance comes from.
    pub random: Arc<dyn Random>,
    /// Under which addresses we are known.
    pub origins: Origins,
    /// How passwords are hashed.
    pub passwords: PasswordSettings,
    /// How many requests of Auth0's interface one address may make.
    pub rate_limit_per_address: RateLimit,
    /// What sends mail, if anything does.
    pub mailer: Option<Mailer>,
    /// The one way to networks.
    pub outbound: Outbound,
    /// Where the simulated networks are, if those are asked in place of the real ones.
    pub sandbox: Option<String>,
}

impl App {
    /// Puts the system together: recognises the root key, or takes it as the key of a
    /// store that has none, and reads the signing keys, or makes the first one.
    ///
    /// # Errors
    /// [`Error::CryptoIntegrity`] when the store was written under another root key;
    /// nothing was written then.
    pub async fn start(parts: Parts) -> Result<Self> {
        let check = parts.vault.check_value();
        match parts.store.find_key_check().await? {
            Some(known) if known != check => return Err(Error::CryptoIntegrity),
            Some(_) => {}
            None => set_key_check(&*parts.store, check).await?,
        }
        let signing = signing::Signing::open(&*parts.store, &parts.vault, &*parts.clock).await?;
        Ok(Self {
            logs: logs::Writing::start(&parts.store)?,
            store: parts.store,
            vault: parts.vault,
            keys: keys::Keys::new(),
            labels: labels::Labels::new(),
            signing,
            clock: parts.clock,
            random: parts.random,
            origins: parts.origins,
            passwords: passwords::Passwords::new(parts.passwords),
            verified: authenticate::Verified::new(),
            rates: rates::Rates::new(parts.rate_limit_per_address),
            imports: import::UnderWay::default(),
            jobs_asked: tokio::sync::Notify::new(),
            uploads: Arc::new(tokio::sync::Semaphore::new(jobs::UPLOADS_AT_ONCE)),
            mailer: parts.mailer,
            networks: networks::Networks::new(parts.outbound, parts.sandbox),
            key_sets: key_sets::KeySets::default(),
            turns: turns::Turns::new(),
        })
    }

    /// The addresses that the server is known under.
    pub const fn origins(&self) -> &Origins {
        &self.origins
    }

    /// The public half of the signing keys (RFC 7517).
    pub async fn jwks(&self) -> serde_json::Value {
        self.read_signing_keys(signing::SHOWN_FOR).await;
        self.signing.ring().jwks()
    }

    /// Now, by the clock that was handed in.
    pub fn now(&self) -> jiff::Timestamp {
        self.clock.now()
    }

    /// That the store can read and write.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`] saying why it cannot.
    pub async fn check(&self) -> Result<()> {
        Ok(self.store.check().await?)
    }

    /// Forgets spent proofs, marks of accounts and idempotency keys that have ended, and drops jobs with their files;
    /// returns how many of the former.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn forget_ended(&self) -> Result<u64> {
        self.drop_jobs().await?;
        Ok(self.store.forget_ended(self.clock.now()).await?)
    }
}

/// Takes a root key as that of a store which has none; another server may be about to do the same.
async fn set_key_check(store: &dyn Store, check: [u8; 32]) -> Result<()> {
    let set = store.set_key_check(check).await;
    match store.find_key_check().await? {
        Some(known) if known == check => Ok(()),
        Some(_) => Err(Error::CryptoIntegrity),
        None => Ok(set?),
    }
}
