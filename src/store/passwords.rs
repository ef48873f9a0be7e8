//! Passwords that were hashed elsewhere, and what to compare with for a name that nobody has.

use async_trait::async_trait;

use super::StoreResult;
use crate::id::{ConnectionId, IdentityId, TenantId, UserId};

/// What a store does about passwords, beside keeping them with their identities.
#[async_trait]
pub trait Passwords: Send + Sync {
    /// Keeps the same password in another form, if it is still kept in the form that was read;
    /// `false` when it is not, or the identity is gone. It is no change of the password: nothing
    /// ends by it.
    async fn replace_hash(&self, tenant: TenantId, hash: ReplacedHash) -> StoreResult<bool>;

    /// What is kept of the password of a user's identity.
    async fn find_hash(&self, tenant: TenantId, user: UserId, identity: IdentityId) -> StoreResult<Option<String>>;

    /// The hash of whoever has the next name at this connection after one that nobody has, so
    /// that comparing with it costs what comparing with somebody's costs there. `None` when
    /// there are no names, or the next one has no password.
    async fn find_next_hash(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        after: &str,
    ) -> StoreResult<Option<String>>;
}

/// The same password in another form.
#[derive(Clone)]
pub struct ReplacedHash {
    /// Whose.
    pub user: UserId,
    /// Of which database identity.
    pub identity: IdentityId,
    /// The form that was read.
    pub was: String,
    /// The form to keep.
    pub is: String,
}
