//! What is found when a store is looked through.

use crate::domain::{Connection, Identity, WrappedKey};
use crate::id::TenantId;
use crate::secret::Sealed;

/// Something that must not be, and how often it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What, in the plural; with the number of the invariant where it is one.
    pub what: String,
    /// How often.
    pub count: u64,
    /// The id of one of them.
    pub example: String,
}

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "what is counted is named after itself")]
pub struct Counts {
    pub tenants: u64,
    pub users: u64,
    pub identities: u64,
    pub token_sets: u64,
    pub events: u64,
}

/// A sealed token set with all that opens it but the root key.
#[derive(Debug)]
pub struct Sample {
    /// Whose data.
    pub tenant: TenantId,
    /// The tenant's key.
    pub tenant_key: Option<WrappedKey>,
    /// The user's key.
    pub key: Option<WrappedKey>,
    /// Where it lies.
    pub identity: Identity,
    /// It.
    pub sealed: Sealed,
}

/// The keys of a tenant and what it keeps under them.
#[derive(Debug)]
pub struct TenantKeys {
    /// The tenant.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// Its key.
    pub key: Option<WrappedKey>,
    /// Its service key.
    pub service_key: Option<WrappedKey>,
    /// How many users it has.
    pub users: u64,
    /// How many of them have a key.
    pub user_keys: u64,
    /// Its connections, with their sealed client secrets.
    pub connections: Vec<Connection>,
}
