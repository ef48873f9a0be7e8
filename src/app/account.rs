//! Accounts on their way to being linked: what they are, and how we know whose they are.
//!
//! What would surprise: a [`Proved`] account can be made by `verify` alone, so
//! no dialect can call an account proved that its network was not asked about.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::app::App;
use crate::app::keys::token_place;
use crate::app::verify::Proved;
use crate::domain::{Caller, Connection, ConnectionRef, ExternalIdentity, KeyOwner, Object, Proof, Settings, TokenSet};
use crate::error::{Error, NetworkRefusal, Result};
use crate::id::{IdentityId, TenantId, UserId};
use crate::secret::{Digest, Sealed};
use crate::store::{Login, NewIdentity, Spend, UsedKey};

/// How far the clock of who signs may be ahead of ours, in seconds, and some more.
const CLOCKS_DIFFER: i64 = 60;

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
    /// The ID token by which its network vouches for it, if it does.
    pub(super) shown: Option<ShownIdToken>,
}

/// What is known of an ID token that a network has signed.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShownIdToken {
    pub(super) token: Digest,
    pub(super) issued_at: Timestamp,
}

impl ShownIdToken {
    fn age(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.issued_at)
    }

    /// That it makes an account this user's, and nobody else's as long as it could.
    fn spend_for(&self, user: UserId) -> Spend {
        let oldest = SignedDuration::from_secs(i64::from(Settings::OLDEST_PROOF) + CLOCKS_DIFFER);
        Spend {
            token: self.token,
            until: self.issued_at.saturating_add(oldest).unwrap_or(Timestamp::MAX),
            pair: Digest::of(user.to_string().as_bytes()),
        }
    }
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
                    shown: None,
                }))
            }
        }
    }

    /// Whether an account is shown by an ID token that is too old to make it somebody's (JWT-05). Whoever has
    /// the account shows it as long as it lives.
    pub(super) async fn is_too_old(&self, tenant: TenantId, account: &Read) -> Result<bool> {
        let Some(shown) = &account.shown else { return Ok(false) };
        let oldest = self.settings_of(tenant).await?.id_token_max_age;
        Ok(shown.age(self.clock.now()) > SignedDuration::from_secs(oldest.into()))
    }

    /// An account as an act takes it that makes it this user's, its tokens sealed for its first version.
    ///
    /// # Errors
    /// [`Error::NetworkRefused`] when it is shown by an ID token that is too old for that.
    pub(super) async fn new_identity(
        &self,
        caller: &Caller,
        user: UserId,
        id: IdentityId,
        account: &Read,
    ) -> Result<(NewIdentity, Option<UsedKey>)> {
        if self.is_too_old(caller.tenant, account).await? {
            return Err(Error::NetworkRefused(NetworkRefusal::TooOld));
        }
        let (tokens, key) = self
            .seal_tokens(caller.tenant, user, &account.external, 1, &account.tokens)
            .await?;
        Ok((
            NewIdentity {
                id,
                external: account.external.clone(),
                proved_by: caller.actor(),
                tokens,
                login: Login::default(),
                spend: account.shown.map(|shown| shown.spend_for(user)),
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
