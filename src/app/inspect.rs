//! Whether what is sealed opens where it lies, for whoever looks after an installation.
//!
//! Nothing that is opened leaves this file.

use crate::app::App;
use crate::app::keys::token_place;
use crate::domain::{Connection, KeyOwner, TokenSet};
use crate::error::{Error, Result};
use crate::id::{TenantId, UserId};
use crate::store::StoredSigningKey;
use crate::store::inspect::{Sample, TenantKeys};
use crate::vault::{Field, Place, TenantKey, Vault};

impl App {
    /// The vault, for what is looked at beside the store.
    pub const fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Deletes the keys of these users, but of none who is there after all.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn sweep_keys(&self, owners: Vec<(TenantId, UserId)>) -> Result<()> {
        Ok(self.store.sweep_keys(owners).await?)
    }
}

/// That a sampled token set opens.
///
/// # Errors
/// [`Error::CryptoIntegrity`]; a key that is missing is such an error too.
pub fn open_sample(vault: &Vault, sample: &Sample) -> Result<()> {
    let tenant_key = tenant_key(vault, sample)?;
    let wrapped = sample.key.as_ref().ok_or(Error::CryptoIntegrity)?;
    let identity = &sample.identity;
    let key = vault.open_key(&tenant_key, KeyOwner::User(identity.user), wrapped)?;
    let plain = vault.open(&key, &token_place(&identity.key, identity.version), &sample.sealed)?;
    TokenSet::from_plain(&plain).map(drop).ok_or(Error::CryptoIntegrity)
}

fn tenant_key(vault: &Vault, sample: &Sample) -> Result<TenantKey> {
    let wrapped = sample.tenant_key.as_ref().ok_or(Error::CryptoIntegrity)?;
    vault.open_tenant_key(sample.tenant, wrapped)
}

/// That the keys of a tenant open, and its connections' client secrets with them.
///
/// # Errors
/// What does not, in a few words.
pub fn open_tenant(vault: &Vault, tenant: &TenantKeys) -> std::result::Result<(), String> {
    let name = &tenant.name;
    let wrapped = tenant.key.as_ref().ok_or_else(|| format!("{name} has no key"))?;
    let key = vault
        .open_tenant_key(tenant.tenant, wrapped)
        .map_err(|_| format!("the key of {name} does not open"))?;
    let wrapped = tenant
        .service_key
        .as_ref()
        .ok_or_else(|| format!("{name} has no service key"))?;
    let service = vault
        .open_key(&key, KeyOwner::Service, wrapped)
        .map_err(|_| format!("the service key of {name} does not open"))?;
    for connection in &tenant.connections {
        if let Some(sealed) = &connection.client_secret {
            vault
                .open(&service, &client_secret_place(connection), sealed)
                .map_err(|_| {
                    format!(
                        "the client secret of {name}'s connection {} does not open",
                        connection.name
                    )
                })?;
        }
    }
    Ok(())
}

/// Where the client secret of a connection lies.
fn client_secret_place(connection: &Connection) -> Place<'_> {
    Place {
        connection: Some(connection.id),
        issuer: "",
        subject: "",
        field: Field::ClientSecret,
        version: 1,
    }
}

/// That a signing key opens.
///
/// # Errors
/// [`Error::CryptoIntegrity`].
pub fn open_signing_key(vault: &Vault, key: &StoredSigningKey) -> Result<()> {
    vault.open_signing_key(&key.kid, &key.wrapped).map(drop)
}
