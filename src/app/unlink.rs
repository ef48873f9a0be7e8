//! `unlink`: taking an identity off its user.
//!
//! It ends *free* (erased, and anybody's to link) or *split* (it goes on as the primary of
//! a user of its own, its tokens sealed again for her). The primary stays with its user
//! always, and the last way in unless the caller forces it; that is checked inside the act.

use serde_json::json;

use crate::app::App;
use crate::app::keys::event_place;
use crate::app::link::ATTEMPTS;
use crate::domain::{Caller, EventKind, Identity, KeyOwner, NewEvent, Scope, User, UserRef, UserWithIdentities};
use crate::error::{Error, Noun, Result};
use crate::id::{IdentityId, TenantId, UserId};
use crate::secret::Sealed;
use crate::store::{Acted, AfterUnlink, Unlink, UsedKey};

/// What becomes of the identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Erased, and free for anyone.
    Free,
    /// A user of its own.
    Split,
}

/// Whether the last way in may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastWayIn {
    /// It stays.
    Keep,
    /// The caller takes it off all the same, by a right over all users.
    Force,
}

impl App {
    /// Takes an identity off a user; the user as she is afterwards.
    ///
    /// `which` chooses among her identities; `None` from it is an identity that she has not
    /// got.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`], [`Error::NotYourself`]; [`Error::NotFound`] of the user or the
    /// identity; [`Error::PrimaryIdentity`]; [`Error::LastCredential`].
    pub async fn unlink(
        &self,
        caller: &Caller,
        user: &UserRef,
        which: impl Fn(&[Identity]) -> Option<IdentityId> + Send,
        ending: Ending,
        last: LastWayIn,
    ) -> Result<UserWithIdentities> {
        const OVER_ALL: &[Scope] = &[Scope::UpdateUsers];
        const EITHER: &[Scope] = &[Scope::UpdateUsers, Scope::UpdateCurrentUserIdentities];
        if last == LastWayIn::Force {
            caller.needs(OVER_ALL)?;
        }
        caller.needs(EITHER)?;
        for _ in 0..ATTEMPTS {
            let found = self.store.find_user_with_identities(caller.tenant, user).await?;
            if !caller.scopes.has_any(OVER_ALL) && found.as_ref().map(|found| found.user.id) != caller.user {
                return Err(Error::NotYourself);
            }
            let owner = found.ok_or(Error::NotFound(Noun::User))?;
            let identity = which(&owner.identities)
                .and_then(|id| owner.identities.iter().find(|identity| identity.id == id))
                .ok_or(Error::NotFound(Noun::Identity))?;
            if identity.is_primary() {
                return Err(Error::PrimaryIdentity);
            }
            let act = self.prepare(caller, &owner, identity, ending, last).await?;
            match self.store.unlink(caller.tenant, act).await? {
                Acted::Done => return self.user_after_act(caller.tenant, owner.user.id).await,
                Acted::Changed => self.forget_key(caller.tenant, owner.user.id),
                Acted::LastCredential => return Err(Error::LastCredential),
                Acted::NoUser => return Err(Error::NotFound(Noun::User)),
                other => return Err(Error::internal(format!("an unlink ended as {other:?}"))),
            }
        }
        Err(Error::Busy { retry_after: 1 })
    }

    async fn prepare(
        &self,
        caller: &Caller,
        owner: &UserWithIdentities,
        identity: &Identity,
        ending: Ending,
        last: LastWayIn,
    ) -> Result<Unlink> {
        let now = self.clock.now();
        let event = |user, kind, sealed| NewEvent {
            kind,
            user,
            actor: caller.actor(),
            at: now,
            sealed,
        };
        let (connection, id) = (identity.key.connection, identity.id);
        let (then, key, events) = match ending {
            Ending::Free => {
                let (sealed, key) = self.seal_farewell(caller.tenant, identity).await?;
                let kind = EventKind::IdentityFreed {
                    identity: id,
                    connection,
                };
                (
                    AfterUnlink::Free,
                    Some(key),
                    vec![event(owner.user.id, kind, Some(sealed))],
                )
            }
            Ending::Split => {
                // A user who was absorbed once gets her own id back.
                let former = self.store.find_former_user(caller.tenant, id).await?;
                let to = former.unwrap_or_else(|| UserId::new(&*self.clock, &*self.random));
                if former.is_some() {
                    // Her key was erased when she was absorbed.
                    self.forget_key(caller.tenant, to);
                }
                let (tokens, key) = self.seal_for_split(caller.tenant, identity, to).await?;
                let mut user = Box::new(User::new(to, identity.profile.clone(), now));
                if former.is_some() {
                    user.epoch = self.epoch_of_return();
                }
                let events = vec![
                    event(
                        owner.user.id,
                        EventKind::IdentitySplit {
                            identity: id,
                            connection,
                            to,
                        },
                        None,
                    ),
                    event(
                        to,
                        EventKind::UserCreated {
                            identity: id,
                            connection,
                            proof: identity.proof,
                        },
                        None,
                    ),
                ];
                (AfterUnlink::Split { user, tokens }, key, events)
            }
        };
        Ok(Unlink {
            user: owner.user.id,
            identity: id,
            expected_version: owner.user.version,
            identity_version: identity.version,
            force: last == LastWayIn::Force,
            then,
            key,
            events,
            keep: caller.credential,
        })
    }

    /// The epoch of a user who gets her own id back: one that none of her credentials carries
    /// from before she was absorbed (LNK-03). Chance is enough, since nobody counts that far.
    fn epoch_of_return(&self) -> i64 {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes[2..]);
        i64::from_be_bytes(bytes).saturating_add(1 << 32)
    }

    /// What the audit keeps of an identity that is erased: which account it was.
    pub(super) async fn seal_farewell(&self, tenant: TenantId, identity: &Identity) -> Result<(Sealed, UsedKey)> {
        let (key, used) = self.key_for(tenant, KeyOwner::User(identity.user)).await?;
        let plain = json!({
            "issuer": identity.key.issuer,
            "subject": identity.key.subject,
            "profile": identity.profile,
        });
        let sealed = self.vault.seal(
            &key,
            &event_place(&identity.id.to_string()),
            plain.to_string().as_bytes(),
        )?;
        Ok((sealed, used))
    }

    /// The tokens of an identity, sealed for the user that it will be the primary of.
    async fn seal_for_split(
        &self,
        tenant: TenantId,
        identity: &Identity,
        to: UserId,
    ) -> Result<(Option<Sealed>, Option<UsedKey>)> {
        if !identity.has_tokens {
            return Ok((None, None));
        }
        let (key, used) = self.key_for(tenant, KeyOwner::User(to)).await?;
        Ok((self.seal_again(tenant, identity, &key).await?, Some(used)))
    }
}
