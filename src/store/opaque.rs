//! Tokens that say nothing: what they are good for is kept here, with their hashes.
//!
//! What would surprise: nobody asks for the tokens of a user to be ended. The acts that end them do so by
//! themselves, whichever dialect asks: a password that takes the place of another one, a block, an erasure,
//! an absorption, and other credentials of the tenant. Nothing else does.

use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreResult;
use crate::id::{TenantId, UserId};
use crate::secret::Digest;

/// What a store does about opaque tokens.
#[async_trait]
pub trait OpaqueTokens: Send + Sync {
    /// Keeps new tokens, if what they were prepared from is still so.
    async fn issue_tokens(&self, tenant: TenantId, new: NewTokens, allowed_by: AllowedBy) -> StoreResult<Issued>;
    /// What an access token is good for, while it lives.
    async fn find_token(&self, tenant: TenantId, access: Digest, now: Timestamp) -> StoreResult<Option<Bearer>>;
    /// Puts new tokens in the place of a refresh token and the access token that it came with; whose
    /// they are, or nothing when there is no such refresh token any more.
    async fn refresh_tokens(&self, tenant: TenantId, refresh: Digest, new: Renewal) -> StoreResult<Option<Bearer>>;
}

/// Who holds a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bearer {
    /// A person.
    User(UserId),
    /// A person who had no password when it was issued.
    Pseudo(UserId),
    /// Whoever acts for the tenant.
    Admin,
}

/// Tokens to be kept.
#[derive(Debug, Clone)]
pub struct NewTokens {
    /// Who gets them.
    pub bearer: Bearer,
    /// The access token.
    pub access: Digest,
    /// When it ends.
    pub ends_at: Timestamp,
    /// The refresh token, if there is one.
    pub refresh: Option<Digest>,
}

/// Tokens in the place of others.
#[derive(Debug, Clone)]
pub struct Renewal {
    /// The access token.
    pub access: Digest,
    /// When it ends.
    pub ends_at: Timestamp,
    /// The refresh token.
    pub refresh: Option<Digest>,
}

/// By what tokens are allowed, which must be so when they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllowedBy {
    /// The person was at this epoch when she proved herself.
    Epoch(i64),
    /// The tenant's administrator had this secret.
    AdminSecret(Digest),
}

/// How `issue_tokens` ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Issued {
    /// Done.
    Done,
    /// What allowed it is no longer so: ask for the proof again.
    Changed,
}
