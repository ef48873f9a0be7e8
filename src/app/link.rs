//! `link`: the only way in for an identity that its user was not born with.
//!
//! Every dialect's linking ends here, whatever it proves: the caller is asked for its
//! right, the account is read, its tokens are sealed for the one row they will lie in, and
//! one act attaches it or refuses. What a dialect wants to happen when the account is
//! attached already is asked for in its words ([`OnSame`], [`IfOwned`], [`IfUnknown`]), never
//! by its name.

use std::time::Duration;

use crate::app::App;
use crate::app::keys::token_place;
use crate::domain::{
    Actor, Caller, Connection, ConnectionRef, EventKind, ExternalIdentity, Identity, KeyOwner, NewEvent, Object, Proof,
    Scope, TokenSet, UserRef, UserWithIdentities,
};
use crate::error::{Error, Noun, Result};
use crate::id::{IdentityId, TenantId, UserId};
use crate::secret::{Digest, Sealed};
pub use crate::store::Spend;
use crate::store::{self, Acted, Linked, Login, NewIdentity, Once, Repeated, UsedKey};

/// How often an act is prepared again when what it was prepared from has changed.
pub(super) const ATTEMPTS: usize = 8;

/// How long an idempotency key is remembered (API-14).
const ONCE_FOR: Duration = Duration::from_secs(86_400);

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

/// What to do when the user has the identity already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnSame {
    /// Keep the new tokens, profile and proof.
    Refresh,
    /// Refuse, and replace nothing.
    Refuse,
}

/// What to do when another user has the identity.
#[derive(Debug, Clone)]
pub enum IfOwned {
    /// Refuse.
    Refuse,
    /// When it is what that user was born with, that whole user becomes part of this one.
    Absorb {
        /// How we know that both are one person.
        proof: Proof,
        /// The proof, if it may be used once.
        spend: Option<Spend>,
        /// The epoch at which the proof was issued, if it dies with its user's epoch.
        epoch: Option<i64>,
    },
}

/// What to do when nobody has the identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfUnknown {
    /// Attach it.
    Attach,
    /// Refuse: only accounts that somebody has logged in with can be linked.
    Refuse,
}

/// A request to link.
#[derive(Debug)]
pub struct LinkRequest {
    /// To whom.
    pub user: UserRef,
    /// What.
    pub account: Asserted,
    /// When the user has it already.
    pub on_same: OnSame,
    /// When another user has it.
    pub if_owned: IfOwned,
    /// When nobody has it.
    pub if_unknown: IfUnknown,
    /// That the request takes effect once.
    pub once: Option<OnceKey>,
    /// Only say what would happen.
    pub dry_run: bool,
}

/// A client's wish that a request takes effect once, however often it is sent.
#[derive(Debug, Clone, Copy)]
pub struct OnceKey {
    /// The digest of the key, with whatever makes it the client's own.
    pub key: Digest,
    /// The digest of the request.
    pub request: Digest,
}

/// How linking ended well.
#[derive(Debug)]
pub enum LinkOutcome {
    /// The identity is the user's now.
    Attached(Identity),
    /// It was already, and carries the new tokens, profile and proof.
    Refreshed(Identity),
    /// Its user is part of this one now.
    Absorbed,
    /// The same request was answered before; the identity as it is today.
    Repeated(Identity),
}

impl App {
    /// Attaches an account to a user.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`] and [`Error::NotYourself`]; [`Error::NotFound`] of the user,
    /// the connection, or of an identity that nobody has and that is not to be attached;
    /// [`Error::Invalid`] naming the part of the account that cannot be used;
    /// [`Error::PrimaryIdentity`] when it is what the user was born with and `on_same` refuses;
    /// [`Error::IdentityTaken`]; [`Error::SecondaryRefused`] when its user cannot be absorbed;
    /// [`Error::LimitReached`] when a person would have more than her tenant lets her; [`Error::KeyReused`].
    pub async fn link(&self, caller: &Caller, request: LinkRequest) -> Result<LinkOutcome> {
        self.may_link(caller, &request).await?;
        let mut user = self.user_of(caller.tenant, &request).await?;
        let connection = self
            .existing_connection(caller.tenant, &request.account.connection)
            .await?;
        let proof = match &request.if_owned {
            IfOwned::Absorb { proof, .. } => *proof,
            IfOwned::Refuse => Proof::Asserted,
        };
        let external =
            ExternalIdentity::from_claims(&connection, &request.account.subject, &request.account.claims, proof)?;
        if let Some(once) = &request.once
            && let Some(done) = self.store.find_once(caller.tenant, once.key, self.clock.now()).await?
        {
            return self.link_again(caller, once, &done).await;
        }

        for _ in 0..ATTEMPTS {
            // A link that may create is not looked up first: the act itself finds the owner.
            let looked_up = request.if_unknown == IfUnknown::Refuse
                || request.dry_run
                || matches!(request.if_owned, IfOwned::Absorb { .. });
            let owner = match looked_up {
                true => self.store.find_identity(caller.tenant, external.key()).await?,
                false => None,
            };
            let step = match owner {
                Some(identity) if identity.user == user => {
                    self.link_same(caller, &request, &connection, identity, &external)
                        .await?
                }
                Some(identity) => self.link_owned(caller, &request, user, &identity).await?,
                None if looked_up && request.if_unknown == IfUnknown::Refuse => {
                    return Err(Error::NotFound(Noun::Identity));
                }
                None => self.attach(caller, &request, user, &connection, &external).await?,
            };
            if let Some(outcome) = step {
                return Ok(outcome);
            }
            user = self.existing_user(caller.tenant, &request.user).await?;
        }
        Err(Error::Busy { retry_after: 1 })
    }

    /// The user whose identities a caller may change, with all of them.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`], [`Error::NotYourself`], [`Error::NotFound`].
    pub async fn user_to_link(&self, caller: &Caller, which: &UserRef) -> Result<UserWithIdentities> {
        const OVER_ALL: &[Scope] = &[Scope::UpdateUsers];
        const EITHER: &[Scope] = &[Scope::UpdateUsers, Scope::UpdateCurrentUserIdentities];
        caller.needs(EITHER)?;
        let found = self.store.find_user_with_identities(caller.tenant, which).await?;
        if !caller.scopes.has_any(OVER_ALL) && found.as_ref().map(|found| found.user.id) != caller.user {
            return Err(Error::NotYourself);
        }
        found.ok_or(Error::NotFound(Noun::User))
    }

    /// Vouching for an account takes a right over all users; proving it by a token, which is
    /// checked before this, is open to people on themselves too.
    async fn may_link(&self, caller: &Caller, request: &LinkRequest) -> Result<()> {
        const OVER_ALL: &[Scope] = &[Scope::UpdateUsers];
        match &request.if_owned {
            IfOwned::Absorb {
                proof: Proof::TwoProof, ..
            } if !caller.scopes.has_any(OVER_ALL) => self.user_to_link(caller, &request.user).await.map(drop),
            _ => caller.needs(OVER_ALL),
        }
    }

    /// Whom the request means. Who has a key is not looked up if the key will be needed anyway:
    /// whether she is still there, the act finds out.
    async fn user_of(&self, tenant: TenantId, request: &LinkRequest) -> Result<UserId> {
        match request.user {
            UserRef::Id(id)
                if !request.dry_run
                    && !request.account.tokens.is_empty()
                    && self.find_key(tenant, KeyOwner::User(id)).await?.is_some() =>
            {
                Ok(id)
            }
            _ => self.existing_user(tenant, &request.user).await,
        }
    }

    /// One try at attaching an account that is nobody's as far as is known.
    async fn attach(
        &self,
        caller: &Caller,
        request: &LinkRequest,
        user: UserId,
        connection: &Connection,
        external: &ExternalIdentity,
    ) -> Result<Option<LinkOutcome>> {
        let id = IdentityId::new(&*self.clock, &*self.random);
        let (identity, key) = self
            .new_identity(
                caller.tenant,
                user,
                id,
                external.clone(),
                caller.actor(),
                &request.account.tokens,
            )
            .await?;
        if request.dry_run {
            return Ok(Some(LinkOutcome::Attached(preview(user, &identity, self.clock.now()))));
        }
        let act = store::Link {
            user,
            identity,
            one_per_provider: false,
            key,
            once: request.once.as_ref().map(|once| self.once(once, user, Some(id))),
            event: NewEvent {
                kind: EventKind::IdentityLinked {
                    identity: id,
                    connection: connection.id,
                    proof: external.proof(),
                },
                user,
                actor: caller.actor(),
                at: self.clock.now(),
                sealed: None,
            },
        };
        match self.store.link(caller.tenant, act).await? {
            Linked::Attached(identity) => Ok(Some(LinkOutcome::Attached(identity))),
            Linked::AlreadyYours(identity) => self.link_same(caller, request, connection, identity, external).await,
            Linked::Taken if matches!(request.if_owned, IfOwned::Absorb { .. }) => Ok(None),
            Linked::Taken | Linked::ProviderTaken => Err(Error::IdentityTaken),
            Linked::NoUser => {
                self.forget_key(caller.tenant, user);
                Ok(None)
            }
            Linked::NoConnection => Err(Error::NotFound(Noun::Connection)),
            Linked::OtherKey => {
                self.forget_key(caller.tenant, user);
                Ok(None)
            }
            Linked::Repeated(done) => match &request.once {
                Some(once) => self.link_again(caller, once, &done).await.map(Some),
                None => Err(Error::internal("an act without a key was answered as repeated")),
            },
        }
    }

    /// The user has it already.
    async fn link_same(
        &self,
        caller: &Caller,
        request: &LinkRequest,
        connection: &Connection,
        identity: Identity,
        external: &ExternalIdentity,
    ) -> Result<Option<LinkOutcome>> {
        if request.on_same == OnSame::Refuse {
            return Err(if identity.is_primary() {
                Error::PrimaryIdentity
            } else {
                Error::IdentityTaken
            });
        }
        let version = identity.version.saturating_add(1);
        let (tokens, key) = match identity.has_tokens && request.account.tokens.is_empty() {
            true => self.keep_tokens(caller.tenant, &identity).await?,
            false => {
                self.seal_tokens(caller.tenant, identity.user, external, version, &request.account.tokens)
                    .await?
            }
        };
        let renewed = Identity {
            version,
            proof: external.proof(),
            proved_at: self.clock.now(),
            proved_by: caller.actor(),
            has_tokens: tokens.is_some(),
            profile: match identity.is_primary() || external.profile().is_empty() {
                true => identity.profile.clone(),
                false => external.profile().clone(),
            },
            ..identity.clone()
        };
        if request.dry_run {
            return Ok(Some(LinkOutcome::Refreshed(renewed)));
        }
        let act = store::Refresh {
            user: identity.user,
            identity: identity.id,
            expected_version: identity.version,
            proof: renewed.proof,
            proved_by: renewed.proved_by,
            profile: Some(renewed.profile.clone()),
            tokens,
            key,
            once: request
                .once
                .as_ref()
                .map(|once| self.once(once, identity.user, Some(identity.id))),
            event: NewEvent {
                kind: EventKind::IdentityRefreshed {
                    identity: identity.id,
                    connection: connection.id,
                    proof: renewed.proof,
                },
                user: identity.user,
                actor: caller.actor(),
                at: renewed.proved_at,
                sealed: None,
            },
        };
        match (self.store.refresh(caller.tenant, act).await?, &request.once) {
            (Acted::Done, _) => Ok(Some(LinkOutcome::Refreshed(renewed))),
            (Acted::Changed | Acted::NoUser, _) => {
                self.forget_key(caller.tenant, identity.user);
                Ok(None)
            }
            (Acted::Repeated(done), Some(once)) => self.link_again(caller, once, &done).await.map(Some),
            (other, _) => Err(Error::internal(format!("a refresh ended as {other:?}"))),
        }
    }

    /// Another user has it.
    async fn link_owned(
        &self,
        caller: &Caller,
        request: &LinkRequest,
        user: UserId,
        identity: &Identity,
    ) -> Result<Option<LinkOutcome>> {
        match &request.if_owned {
            IfOwned::Absorb { proof, spend, epoch } if identity.is_primary() => {
                self.absorb(caller, user, identity.user, *proof, spend.as_ref(), *epoch)
                    .await
            }
            _ => Err(Error::IdentityTaken),
        }
    }

    /// The answer to a request that took effect before.
    async fn link_again(&self, caller: &Caller, once: &OnceKey, done: &Repeated) -> Result<LinkOutcome> {
        if done.request != once.request {
            return Err(Error::KeyReused);
        }
        let owner = self
            .store
            .find_user_with_identities(caller.tenant, &UserRef::Id(done.user))
            .await?;
        owner
            .and_then(|owner| {
                owner
                    .identities
                    .into_iter()
                    .find(|identity| Some(identity.id) == done.identity)
            })
            .map(LinkOutcome::Repeated)
            .ok_or(Error::NotFound(Noun::Identity))
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
    async fn seal_tokens(
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

    /// The tokens that an identity has, sealed for its next version.
    async fn keep_tokens(&self, tenant: TenantId, identity: &Identity) -> Result<(Option<Sealed>, Option<UsedKey>)> {
        let (key, used) = self.key_for(tenant, KeyOwner::User(identity.user)).await?;
        Ok((self.seal_again(tenant, identity, &key).await?, Some(used)))
    }

    pub(super) fn once(&self, once: &OnceKey, user: UserId, identity: Option<IdentityId>) -> Once {
        Once {
            key: once.key,
            request: once.request,
            user,
            identity,
            until: self
                .clock
                .now()
                .saturating_add(ONCE_FOR)
                .unwrap_or(jiff::Timestamp::MAX),
        }
    }
}

/// What an identity would look like if it were attached.
fn preview(user: UserId, new: &NewIdentity, now: jiff::Timestamp) -> Identity {
    Identity {
        id: new.id,
        user,
        position: u32::MAX,
        key: new.external.key().clone(),
        proof: new.external.proof(),
        proved_at: now,
        proved_by: new.proved_by,
        version: 1,
        profile: new.external.profile().clone(),
        has_tokens: new.tokens.is_some(),
        has_password: false,
    }
}
