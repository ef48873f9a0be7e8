//! The keys that records are sealed under, found or made.
//!
//! Opened keys are kept in memory, a bounded number of them: opening one costs a read and
//! a decryption. What would surprise: a key may not be its owner's any more, who can have been
//! absorbed and split off again by another server. Whatever is sealed goes to the store with the
//! key as it is kept ([`UsedKey`]), and is refused when that is not the owner's now; the key is
//! forgotten then, and the next try reads it. Likewise two requests can make a user's first key
//! at once.

use quick_cache::sync::Cache;

use crate::app::App;
use crate::domain::{Identity, IdentityKey, KeyOwner, WrappedKey};
use crate::error::{Error, Result};
use crate::id::{TenantId, UserId};
use crate::secret::Sealed;
use crate::store::UsedKey;
use crate::vault::{Field, Place, RecordKey, TenantKey};

/// How many users' keys are kept open: some twenty megabytes.
const KEPT_OPEN: usize = 50_000;

/// Keys that are open in memory.
pub(super) struct Keys {
    tenants: Cache<TenantId, TenantKey>,
    records: Cache<(TenantId, KeyOwner), (RecordKey, WrappedKey)>,
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
    /// The key of this owner, or a new one, with what the act is told of it.
    pub(super) async fn key_for(&self, tenant: TenantId, owner: KeyOwner) -> Result<(RecordKey, UsedKey)> {
        match self.open_key(tenant, owner).await? {
            Some((key, kept)) => Ok((
                key,
                UsedKey {
                    owner,
                    key: kept,
                    is_new: false,
                },
            )),
            None => self.make_key(tenant, owner).await,
        }
    }

    /// A key for an owner who has none, for the act to keep.
    pub(super) async fn make_key(&self, tenant: TenantId, owner: KeyOwner) -> Result<(RecordKey, UsedKey)> {
        let (key, wrapped) = self.vault.new_key(&self.tenant_key(tenant).await?, owner)?;
        let used = UsedKey {
            owner,
            key: wrapped,
            is_new: true,
        };
        Ok((key, used))
    }

    /// The key of this owner, if it has one.
    pub(super) async fn find_key(&self, tenant: TenantId, owner: KeyOwner) -> Result<Option<RecordKey>> {
        Ok(self.open_key(tenant, owner).await?.map(|(key, _)| key))
    }

    /// The key of a user, read anew unless this was sealed under the one in memory; `None` when she
    /// has none.
    pub(super) async fn key_to_open(
        &self,
        tenant: TenantId,
        user: UserId,
        sealed: &Sealed,
    ) -> Result<Option<RecordKey>> {
        let owner = KeyOwner::User(user);
        if let Some((key, _)) = self.keys.records.get(&(tenant, owner)) {
            if self.vault.is_under(&key, sealed) {
                return Ok(Some(key));
            }
            self.forget_key(tenant, user);
        }
        self.find_key(tenant, owner).await
    }

    async fn open_key(&self, tenant: TenantId, owner: KeyOwner) -> Result<Option<(RecordKey, WrappedKey)>> {
        if let Some(open) = self.keys.records.get(&(tenant, owner)) {
            return Ok(Some(open));
        }
        let Some(wrapped) = self.store.find_key(tenant, owner).await? else {
            return Ok(None);
        };
        let key = self.vault.open_key(&self.tenant_key(tenant).await?, owner, &wrapped)?;
        let open = (key, wrapped);
        self.keys.records.insert((tenant, owner), open.clone());
        Ok(Some(open))
    }

    /// The tokens of an identity, opened under its owner's key and sealed for the next version
    /// under this one; `None` when they are gone.
    pub(super) async fn seal_again(
        &self,
        tenant: TenantId,
        identity: &Identity,
        to: &RecordKey,
    ) -> Result<Option<Sealed>> {
        let Some(sealed) = self.store.find_tokens(tenant, identity.id).await? else {
            return Ok(None);
        };
        let place = token_place(&identity.key, identity.version);
        let opened = match self.key_to_open(tenant, identity.user, &sealed).await? {
            Some(from) => self.vault.open(&from, &place, &sealed),
            None => Err(Error::CryptoIntegrity),
        };
        let plain = match opened {
            Ok(plain) => plain,
            Err(error) => {
                return match self.store.find_identity(tenant, &identity.key).await? {
                    Some(now) if now == *identity => Err(error),
                    // It has moved on, so the act that this is for will be refused.
                    _ => Ok(None),
                };
            }
        };
        Ok(Some(self.vault.seal(
            to,
            &token_place(&identity.key, identity.version.saturating_add(1)),
            &plain,
        )?))
    }

    /// Forgets the key of a user who is gone, or has another.
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
