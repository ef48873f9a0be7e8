//! Absorbing: a second user becomes part of a first, and nothing is lost.
//!
//! Called by `link` alone. The absorbed user's identities move in order to the end of the
//! survivor's; their tokens are opened and sealed again for their new owner, outside the act,
//! which then insists on the versions that were read. What does not move (profile, metadata,
//! counters) is kept with the event, sealed under the survivor's key, so that an exact undo
//! is possible.

use serde_json::{Value, json};

use crate::app::App;
use crate::app::keys::event_place;
use crate::app::link::LinkOutcome;
use crate::domain::{Caller, EventKind, KeyOwner, NewEvent, Proof, UserRef, UserWithIdentities};
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::store::{Absorb, Acted, MovingIdentity, Spend};

impl App {
    /// One try at making `absorbed` part of `survivor`; `None` when either changed meanwhile.
    pub(super) async fn absorb(
        &self,
        caller: &Caller,
        survivor: UserId,
        absorbed: UserId,
        proof: Proof,
        spend: Option<&Spend>,
        epoch: Option<i64>,
    ) -> Result<Option<LinkOutcome>> {
        let tenant = caller.tenant;
        let (Some(stays), Some(goes)) = (
            self.store.find_user(tenant, &UserRef::Id(survivor)).await?,
            self.store
                .find_user_with_identities(tenant, &UserRef::Id(absorbed))
                .await?,
        ) else {
            return Ok(None);
        };
        if goes.user.blocked == Some(true) || epoch.is_some_and(|epoch| epoch != goes.user.epoch) {
            return Err(Error::SecondaryRefused);
        }

        let most = self.most_identities(caller).await?;
        let (key, used) = self.key_for(tenant, KeyOwner::User(survivor)).await?;
        let mut moving = Vec::with_capacity(goes.identities.len());
        for identity in &goes.identities {
            let tokens = match identity.has_tokens {
                true => self.seal_again(tenant, identity, &key).await?,
                false => None,
            };
            moving.push(MovingIdentity {
                identity: identity.id,
                version: identity.version,
                tokens,
            });
        }
        let snapshot = self.vault.seal(
            &key,
            &event_place(&absorbed.to_string()),
            snapshot(&goes).to_string().as_bytes(),
        )?;
        let act = Absorb {
            survivor,
            survivor_version: stays.version,
            absorbed,
            absorbed_version: goes.user.version,
            profile: goes.user.profile.clone(),
            moving,
            most,
            key: Some(used),
            spend: spend.cloned(),
            event: NewEvent {
                kind: EventKind::UserAbsorbed { absorbed, proof },
                user: survivor,
                actor: caller.actor(),
                at: self.clock.now(),
                sealed: Some(snapshot),
            },
            keep: caller.credential,
        };
        match self.store.absorb(tenant, act).await? {
            Acted::Done => {
                self.forget_key(tenant, absorbed);
                Ok(Some(LinkOutcome::Absorbed))
            }
            Acted::Changed | Acted::NoUser => {
                self.forget_key(tenant, survivor);
                Ok(None)
            }
            Acted::Full => Err(Error::LimitReached),
            Acted::Spent => Err(Error::ProofRejected(crate::error::ProofFault::Invalid)),
            other => Err(Error::internal(format!("an absorption ended as {other:?}"))),
        }
    }
}

/// What an undo needs of a user that becomes part of another.
fn snapshot(goes: &UserWithIdentities) -> Value {
    let user = &goes.user;
    json!({
        "profile": user.profile,
        "user_metadata": user.user_metadata,
        "app_metadata": user.app_metadata,
        "blocked": user.blocked,
        "epoch": user.epoch,
        "created_at": user.created_at,
        "updated_at": goes.updated_at(),
        "logins_count": user.logins.count,
        "last_login": user.logins.last_at,
        "last_ip": user.logins.last_ip,
        "last_password_reset": user.last_password_reset,
        "identities": goes.identities.iter().map(|identity| identity.id).collect::<Vec<_>>(),
    })
}
