//! Renewing an identity where it is: new tokens, profile and proof.

use crate::app::App;
use crate::app::account::Read;
use crate::app::bags::{Came, Keeping};
use crate::app::link::{LinkOutcome, OnceKey};
use crate::domain::{Caller, EventKind, Identity, KeyOwner, NewEvent};
use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::secret::Sealed;
use crate::store::{self, Acted, UsedKey};

impl App {
    /// One try at renewing an identity where it is.
    pub(super) async fn renew(
        &self,
        caller: &Caller,
        account: &Read,
        identity: Identity,
        once: Option<&OnceKey>,
        keeping: Option<Keeping<'_>>,
    ) -> Result<Option<LinkOutcome>> {
        let mut renewed = renewed_by(caller, account, &identity, self.clock.now());
        let (tokens, key) = match identity.has_tokens && account.tokens.is_empty() {
            true => self.keep_tokens(caller.tenant, &identity).await?,
            false => {
                self.seal_tokens(
                    caller.tenant,
                    identity.user,
                    &account.external,
                    renewed.version,
                    &account.tokens,
                )
                .await?
            }
        };
        renewed.has_tokens = tokens.is_some();
        let act = store::Refresh {
            user: identity.user,
            identity: identity.id,
            expected_version: identity.version,
            proof: renewed.proof,
            proved_by: renewed.proved_by,
            profile: Some(renewed.profile.clone()),
            tokens,
            key,
            bag: self
                .bag_change(caller.tenant, identity.user, Came::Again, keeping)
                .await?,
            once: once.map(|once| self.once(once, identity.user, Some(identity.id))),
            event: NewEvent {
                kind: EventKind::IdentityRefreshed {
                    identity: identity.id,
                    connection: account.connection.id,
                    proof: renewed.proof,
                },
                user: identity.user,
                actor: caller.actor(),
                at: renewed.proved_at,
                sealed: None,
            },
        };
        match (self.store.refresh(caller.tenant, act).await?, once) {
            (Acted::Done, _) => Ok(Some(LinkOutcome::Refreshed(renewed))),
            (Acted::Changed | Acted::NoUser, _) => {
                self.forget_key(caller.tenant, identity.user);
                Ok(None)
            }
            (Acted::Repeated(done), Some(once)) => self.link_again(caller, once, &done).await.map(Some),
            (other, _) => Err(Error::internal(format!("a refresh ended as {other:?}"))),
        }
    }

    /// The tokens that an identity has, sealed for its next version.
    async fn keep_tokens(&self, tenant: TenantId, identity: &Identity) -> Result<(Option<Sealed>, Option<UsedKey>)> {
        let (key, used) = self.key_for(tenant, KeyOwner::User(identity.user)).await?;
        Ok((self.seal_again(tenant, identity, &key).await?, Some(used)))
    }
}

/// What an identity is once it is renewed by an account. Whether it has tokens then is as if it had
/// them sealed.
pub(super) fn renewed_by(caller: &Caller, account: &Read, identity: &Identity, now: jiff::Timestamp) -> Identity {
    Identity {
        version: identity.version.saturating_add(1),
        proof: account.external.proof(),
        proved_at: now,
        proved_by: caller.actor(),
        has_tokens: identity.has_tokens || !account.tokens.is_empty(),
        profile: match identity.is_primary() || account.external.profile().is_empty() {
            true => identity.profile.clone(),
            false => account.external.profile().clone(),
        },
        ..identity.clone()
    }
}
