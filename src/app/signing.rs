//! The signing keys of our own tokens, kept wrapped by the root key.
//!
//! What would surprise: another server may have made a key since they were read, as when two begin
//! on an empty database at once. So they are read again when a token names a key that is not
//! known, and before they are shown to others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::RwLock;

use crate::app::App;
use crate::clock::Clock;
use crate::error::Result;
use crate::jwt::{self, Claims, Fault, KeyRing, SigningKey, TokenKind};
use crate::store::{Store, StoredSigningKey};
use crate::vault::Vault;

/// For how long the keys are shown as they were read.
pub(super) const SHOWN_FOR: Duration = Duration::from_secs(10);

/// How often at most they are read again because of tokens.
const READ_EVERY: Duration = Duration::from_secs(1);

/// The keys as they were read last.
pub(super) struct Signing(RwLock<(Arc<KeyRing>, Instant)>);

impl Signing {
    /// Reads the signing keys, or makes the first one.
    pub(super) async fn open(store: &dyn Store, vault: &Vault, clock: &dyn Clock) -> Result<Self> {
        let mut keys = read(store, vault).await?;
        if keys.is_empty() {
            let key = SigningKey::generate(clock)?;
            store
                .create_signing_key(&StoredSigningKey {
                    kid: key.kid().to_owned(),
                    wrapped: vault.wrap_signing_key(key.kid(), &key.to_pkcs8()?)?,
                    certificate: key.certificate().to_vec(),
                    created_at: clock.now(),
                })
                .await?;
            keys = read(store, vault).await?;
        }
        Ok(Self(RwLock::new((Arc::new(KeyRing::new(keys)?), Instant::now()))))
    }

    /// The keys.
    pub(super) fn ring(&self) -> Arc<KeyRing> {
        self.0.read().0.clone()
    }
}

/// The signing keys, newest first.
async fn read(store: &dyn Store, vault: &Vault) -> Result<Vec<SigningKey>> {
    let mut keys = Vec::new();
    for stored in store.list_signing_keys().await? {
        let pkcs8 = vault.open_signing_key(&stored.kid, &stored.wrapped)?;
        keys.push(SigningKey::from_stored(&pkcs8, stored.certificate, stored.created_at)?);
    }
    Ok(keys)
}

impl App {
    /// What one of our own tokens says, once believed.
    pub(super) async fn decode(&self, token: &str, kind: TokenKind) -> std::result::Result<Claims, Fault> {
        let now = self.clock.now();
        match jwt::decode(token, kind, &self.signing.ring(), now) {
            Err(Fault::UnknownKey) if self.read_signing_keys(READ_EVERY).await => {
                jwt::decode(token, kind, &self.signing.ring(), now)
            }
            decoded => decoded,
        }
    }

    /// Reads the keys again if they were read longer ago than that; whether they were. When it
    /// fails, those that are known do.
    pub(super) async fn read_signing_keys(&self, age: Duration) -> bool {
        {
            let mut known = self.signing.0.write();
            if known.1.elapsed() < age {
                return false;
            }
            known.1 = Instant::now();
        }
        match read(&*self.store, &self.vault).await.and_then(KeyRing::new) {
            Ok(ring) => {
                self.signing.0.write().0 = Arc::new(ring);
                true
            }
            Err(error) => {
                tracing::warn!(%error, "the signing keys could not be read again");
                false
            }
        }
    }
}
