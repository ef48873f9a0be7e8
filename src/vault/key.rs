//! Keys that are made and kept, and how each is wrapped by the one above it.
//!
//! A wrapped key has the layout of a record, sealed for a place of its own: the field is
//! the kind of key, and no kind has the name of a [`Field`](super::Field). It is not
//! padded, for the length of a key is no secret. What would surprise: the id in the
//! header is that of the key above; the key's own id is inside.

use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretBox};
use zeroize::Zeroizing;

use super::record::{self, Bound, Padding};
use crate::clock::Random;
use crate::domain::{KeyOwner, WrappedKey};
use crate::error::{Error, Result};
use crate::id::TenantId;

/// Tells keys apart; in the header of whatever is sealed under the key.
pub(super) type KeyId = [u8; 8];

/// Who a service key belongs to, in the place of a user's id. A user's id has 12 bytes.
const SERVICE: &[u8] = b"service";

/// 32 bytes with their id. They stay in one place of the heap, so that moving the key
/// leaves no copy behind.
pub(super) struct Key {
    id: KeyId,
    bytes: SecretBox<[u8; 32]>,
}

impl Key {
    pub(super) fn new(random: &dyn Random) -> Self {
        let mut id = [0; 8];
        random.fill(&mut id);
        Self::from_parts(id, SecretBox::init_with_mut(|bytes: &mut [u8; 32]| random.fill(bytes)))
    }

    pub(super) const fn from_parts(id: KeyId, bytes: SecretBox<[u8; 32]>) -> Self {
        Self { id, bytes }
    }

    pub(super) const fn id(&self) -> &KeyId {
        &self.id
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        self.bytes.expose_secret()
    }

    /// The id and the bytes, sealed under the key above.
    pub(super) fn wrap(&self, above: &Self, bound: &Bound<'_>, random: &dyn Random) -> Result<WrappedKey> {
        let mut plain = Zeroizing::new([0; 40]);
        let (id, bytes) = plain.split_at_mut(8);
        id.copy_from_slice(&self.id);
        bytes.copy_from_slice(self.bytes());
        record::seal(above, bound, Padding::None, plain.as_slice(), random).map(WrappedKey)
    }

    /// The key that was wrapped by the key above for this place.
    pub(super) fn unwrap(above: &Self, bound: &Bound<'_>, wrapped: &WrappedKey) -> Result<Self> {
        let plain = record::open(above, bound, Padding::None, &wrapped.0)?;
        let (id, bytes) = plain.split_first_chunk().ok_or(Error::CryptoIntegrity)?;
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| Error::CryptoIntegrity)?;
        let bytes = SecretBox::init_with_mut(|own: &mut [u8; 32]| own.copy_from_slice(bytes));
        Ok(Self::from_parts(*id, bytes))
    }
}

/// The place of a tenant's key.
pub(super) fn of_tenant(tenant: TenantId) -> Bound<'static> {
    Bound {
        tenant: Some(tenant),
        ..Bound::nowhere("tenant_key")
    }
}

/// The place of a user's key or a service key.
pub(super) fn of_owner(tenant: TenantId, owner: &KeyOwner) -> Bound<'_> {
    Bound {
        tenant: Some(tenant),
        owner: owner_bytes(owner),
        ..Bound::nowhere(match owner {
            KeyOwner::User(_) => "user_key",
            KeyOwner::Service => "service_key",
        })
    }
}

/// The place of a signing key.
pub(super) fn of_signing(kid: &str) -> Bound<'_> {
    Bound {
        subject: kid,
        ..Bound::nowhere("signing_key")
    }
}

/// The owner as records are bound to it.
fn owner_bytes(owner: &KeyOwner) -> &[u8] {
    match owner {
        KeyOwner::User(id) => id.as_bytes(),
        KeyOwner::Service => SERVICE,
    }
}

/// The key of a tenant. It wraps keys and seals nothing else.
#[derive(Clone)]
pub struct TenantKey(Arc<(TenantId, Key)>);

impl TenantKey {
    pub(super) fn new(tenant: TenantId, key: Key) -> Self {
        Self(Arc::new((tenant, key)))
    }

    /// Whose key it is.
    pub fn tenant(&self) -> TenantId {
        self.0.0
    }

    pub(super) fn key(&self) -> &Key {
        &self.0.1
    }
}

impl fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantKey({})", self.tenant())
    }
}

/// The key of a user, or a tenant's service key: what records are sealed under.
#[derive(Clone)]
pub struct RecordKey(Arc<Owned>);

struct Owned {
    tenant: TenantId,
    owner: KeyOwner,
    key: Key,
}

impl RecordKey {
    pub(super) fn new(tenant: TenantId, owner: KeyOwner, key: Key) -> Self {
        Self(Arc::new(Owned { tenant, owner, key }))
    }

    /// In whose data the key is at home.
    pub fn tenant(&self) -> TenantId {
        self.0.tenant
    }

    /// Whose key it is.
    pub fn owner(&self) -> KeyOwner {
        self.0.owner
    }

    pub(super) fn owner_bytes(&self) -> &[u8] {
        owner_bytes(&self.0.owner)
    }

    pub(super) fn key(&self) -> &Key {
        &self.0.key
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordKey({}, {:?})", self.tenant(), self.owner())
    }
}
