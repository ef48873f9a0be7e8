//! The signing keys of our own tokens, kept wrapped by the root key.

use crate::clock::Clock;
use crate::error::Result;
use crate::jwt::{KeyRing, SigningKey};
use crate::store::{Store, StoredSigningKey};
use crate::vault::Vault;

/// Reads the signing keys, newest first, or makes the first one.
pub(super) async fn open_ring(store: &dyn Store, vault: &Vault, clock: &dyn Clock) -> Result<KeyRing> {
    let mut keys = Vec::new();
    for stored in store.list_signing_keys().await? {
        let pkcs8 = vault.open_signing_key(&stored.kid, &stored.wrapped)?;
        keys.push(SigningKey::from_stored(&pkcs8, stored.certificate, stored.created_at)?);
    }
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
        keys.push(key);
    }
    KeyRing::new(keys)
}
