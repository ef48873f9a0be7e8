//! Accounts on their way to being linked: what they are, and how we know whose they are.
//!
//! What would surprise: a [`Proved`] account can be made by `verify` alone, so
//! no dialect can call an account proved that its network was not asked about.

use std::sync::Arc;

use crate::app::App;
use crate::app::keys::token_place;
use crate::app::verify::Proved;
use crate::domain::{Actor, Connection, ConnectionRef, ExternalIdentity, KeyOwner, Object, Proof, TokenSet};
use crate::error::Result;
use crate::id::{IdentityId, TenantId, UserId};
use crate::secret::Sealed;
use crate::store::{Login, NewIdentity, UsedKey};

/// An account, and how we know that it is the person's.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each request, and it is moved twice"
)]
pub enum Account {
    /// The caller vouches for it.
    Asserted(Asserted),
    /// Its network does.
    Proved(Proved),
}

/// An account that a caller with the right to do so vouches for.
#[derive(Debug)]
pub struct Asserted {
    /// Where it is.
    pub connection: ConnectionRef,
    /// Its own id there.
    pub subject: String,
    /// What is said of it.
    pub claims: Object,
    /// Its live credential, if there is one.
    pub tokens: TokenSet,
}

/// An account, read: what an act takes of it.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) connection: Connection,
    pub(super) external: ExternalIdentity,
    pub(super) tokens: TokenSet,
}

impl App {
    /// An account as it is linked. One that the caller vouches for has the proof that is given here.
    pub(super) async fn read_account(&self, tenant: TenantId, account: Account, proof: Proof) -> Result<Arc<Read>> {
        match account {
            Account::Proved(proved) => Ok(proved.read()),
            Account::Asserted(asserted) => {
                let connection = self.existing_connection(tenant, &asserted.connection).await?;
                Ok(Arc::new(Read {
                    external: ExternalIdentity::from_claims(&connection, &asserted.subject, &asserted.claims, proof)?,
                    connection,
                    tokens: asserted.tokens,
                }))
            }
        }
    }

    /// An identity as an act takes it, its tokens sealed for its first version.
    pub(super) async fn new_identity(
        &self,
        tenant: TenantId,
        user: UserId,
        id: IdentityId,
        external: ExternalIdentity,
        proved_by: Actor,
        tokens: &TokenSet,
    ) -> Result<(NewIdentity, Option<UsedKey>)> {
        let (tokens, key) = self.seal_tokens(tenant, user, &external, 1, tokens).await?;
        Ok((
            NewIdentity {
                id,
                external,
                proved_by,
                tokens,
                login: Login::default(),
            },
            key,
        ))
    }

    /// Seals a token set for one version of one identity of one user; nothing for none.
    pub(super) async fn seal_tokens(
        &self,
        tenant: TenantId,
        user: UserId,
        external: &ExternalIdentity,
        version: i64,
        tokens: &TokenSet,
    ) -> Result<(Option<Sealed>, Option<UsedKey>)> {
        if tokens.is_empty() {
            return Ok((None, None));
        }
        let (key, used) = self.key_for(tenant, KeyOwner::User(user)).await?;
        let place = token_place(external.key(), version);
        Ok((Some(self.vault.seal(&key, &place, &tokens.to_plain())?), Some(used)))
    }
}
