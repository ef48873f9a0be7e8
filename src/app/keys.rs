//! The keys that records are sealed under, found or made.
//!
//! Opened keys are kept in memory, a bounded number of them: opening one costs a read and
//! a decryption. A key that is made here is only used once its act has committed it; when
//! two requests make a user's first key at once, the loser seals again ([`Linked::KeyExists`]).
//!
//! [`Linked::KeyExists`]: crate::store::Linked::KeyExists

use quick_cache::sync::Cache;

use crate::app::App;
use crate::domain::{Identity, IdentityKey, KeyOwner};
use crate::error::{Error, Result};
use crate::id::{TenantId, UserId};
use crate::secret::Sealed;
use crate::store::NewKey;
use crate::vault::{Field, Place, RecordKey, TenantKey};

/// How many users' keys are kept open: some ten megabytes.
const KEPT_OPEN: usize = 50_000;

/// Keys that are open in memory.
pub(super) struct Keys {
    tenants: Cache<TenantId, TenantKey>,
    records: Cache<(TenantId, KeyOwner), RecordKey>,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self {
            tenants: Cache::new(1_000),
            records: Cache::new(KEPT_OPEN),
        }
    }
}

impl App {
    /// The key of this owner, and the same key for the act to keep if it had none yet.
    pub(super) async fn key_for(&self, tenant: TenantId, owner: KeyOwner) -> Result<(RecordKey, Option<NewKey>)> {
        if let Some(key) = self.find_key(tenant, owner).await? {
            return Ok((key, None));
        }
        let (key, new) = self.make_key(tenant, owner).await?;
        Ok((key, Some(new)))
    }

    /// A key for an owner who has none, for the act to keep.
    pub(super) async fn make_key(&self, tenant: TenantId, owner: KeyOwner) -> Result<(RecordKey, NewKey)> {
        let (key, wrapped) = self.vault.new_key(&self.tenant_key(tenant).await?, owner)?;
        Ok((key, NewKey { owner, key: wrapped }))
    }

    /// The key of this owner, if it has one.
    pub(super) async fn find_key(&self, tenant: TenantId, owner: KeyOwner) -> Result<Option<RecordKey>> {
        if let Some(key) = self.keys.records.get(&(tenant, owner)) {
            return Ok(Some(key));
        }
        let Some(wrapped) = self.store.find_key(tenant, owner).await? else {
            return Ok(None);
        };
        let key = self.vault.open_key(&self.tenant_key(tenant).await?, owner, &wrapped)?;
        self.keys.records.insert((tenant, owner), key.clone());
        Ok(Some(key))
    }

    /// The tokens of an identity, opened under its owner's key and sealed for the next version
    /// under another; `None` when they are gone.
    pub(super) async fn seal_again(
        &self,
        tenant: TenantId,
        identity: &Identity,
        from: &RecordKey,
        to: &RecordKey,
    ) -> Result<Option<Sealed>> {
        let Some(sealed) = self.store.find_tokens(tenant, identity.id).await? else {
            return Ok(None);
        };
        let plain = self
            .vault
            .open(from, &token_place(&identity.key, identity.version), &sealed)?;
        Ok(Some(self.vault.seal(
            to,
            &token_place(&identity.key, identity.version.saturating_add(1)),
            &plain,
        )?))
    }

    /// Forgets the key of a user who is gone.
    pub(super) fn forget_key(&self, tenant: TenantId, user: UserId) {
        self.keys.records.remove(&(tenant, KeyOwner::User(user)));
    }

    async fn tenant_key(&self, tenant: TenantId) -> Result<TenantKey> {
        if let Some(key) = self.keys.tenants.get(&tenant) {
            return Ok(key);
        }
        let wrapped = self
            .store
            .find_tenant_key(tenant)
            .await?
            .ok_or_else(|| Error::internal("a tenant has no key"))?;
        let key = self.vault.open_tenant_key(tenant, &wrapped)?;
        self.keys.tenants.insert(tenant, key.clone());
        Ok(key)
    }
}

/// Where the token set of an identity lies.
pub(super) fn token_place(key: &IdentityKey, version: i64) -> Place<'_> {
    Place {
        connection: Some(key.connection),
        issuer: &key.issuer,
        subject: &key.subject,
        field: Field::TokenSet,
        version,
    }
}

/// Where the personal fields of an event lie, which is told apart by what it is about.
pub(super) const fn event_place(about: &str) -> Place<'_> {
    Place {
        connection: None,
        issuer: "",
        subject: about,
        field: Field::Event,
        version: 1,
    }
}
