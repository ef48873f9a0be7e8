//! `link`: the only way in for an identity that its user was not born with.
//!
//! Every dialect's linking ends here, whatever it proves: the caller is asked for its
//! right, the account is read, its tokens are sealed for the one row they will lie in, and
//! one act attaches it or refuses. What a dialect wants to happen when the account is
//! attached already is asked for in its words ([`OnSame`], [`IfOwned`], [`IfUnknown`]), never
//! by its name.

use std::time::Duration;

use crate::app::App;
use crate::app::account::Read;
pub use crate::app::account::{Account, Asserted};
use crate::app::bags::{Came, Keeping};
use crate::app::renew::renewed_by;
use crate::domain::{Caller, EventKind, Identity, KeyOwner, NewEvent, Proof, Scope, UserRef, UserWithIdentities};
use crate::error::{Error, NetworkRefusal, Noun, Result};
use crate::id::{IdentityId, TenantId, UserId};
use crate::secret::Digest;
pub use crate::store::Spend;
use crate::store::{self, Linked, NewIdentity, Once, Repeated};

/// How often an act is prepared again when what it was prepared from has changed.
pub(super) const ATTEMPTS: usize = 8;

/// How long an idempotency key is remembered (API-14).
const ONCE_FOR: Duration = Duration::from_secs(86_400);

/// How many accounts of one network a user may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PerNetwork {
    /// As many as she likes.
    Many,
    /// One, as some interfaces have it.
    One,
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
    pub account: Account,
    /// When the user has it already.
    pub on_same: OnSame,
    /// When another user has it.
    pub if_owned: IfOwned,
    /// When nobody has it.
    pub if_unknown: IfUnknown,
    /// When she has another one of the network.
    pub per_network: PerNetwork,
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

/// A request without its account.
struct Terms<'a> {
    user: UserRef,
    on_same: OnSame,
    if_owned: IfOwned,
    if_unknown: IfUnknown,
    per_network: PerNetwork,
    once: Option<OnceKey>,
    dry_run: bool,
    keeping: Option<Keeping<'a>>,
}

impl LinkRequest {
    fn split(self, keeping: Option<Keeping<'_>>) -> (Account, Terms<'_>) {
        let terms = Terms {
            user: self.user,
            on_same: self.on_same,
            if_owned: self.if_owned,
            if_unknown: self.if_unknown,
            per_network: self.per_network,
            once: self.once,
            dry_run: self.dry_run,
            keeping,
        };
        (self.account, terms)
    }
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
    /// [`Error::IdentityTaken`]; [`Error::IdentityErased`]; [`Error::NetworkTaken`]; [`Error::SecondaryRefused`] when its user cannot be absorbed;
    /// [`Error::LimitReached`] when a person would have more than her tenant lets her; [`Error::Blocked`], which
    /// only those learn who act for the tenant, when its user is; [`Error::KeyReused`].
    pub async fn link(&self, caller: &Caller, request: LinkRequest) -> Result<LinkOutcome> {
        self.link_keeping(caller, request, None).await
    }

    /// The same with what a dialect keeps with her, changed in the same act.
    ///
    /// # Errors
    /// As [`App::link`].
    pub(super) async fn link_keeping(
        &self,
        caller: &Caller,
        request: LinkRequest,
        keeping: Option<Keeping<'_>>,
    ) -> Result<LinkOutcome> {
        let (account, request) = request.split(keeping);
        self.may_link(caller, &account, &request).await?;
        let proof = match &request.if_owned {
            IfOwned::Absorb { proof, .. } => *proof,
            IfOwned::Refuse => Proof::Asserted,
        };
        let mut user = self.user_of(caller.tenant, &account, &request).await?;
        let account = self.read_account(caller.tenant, account, proof).await?;
        if let Some(once) = &request.once
            && let Some(done) = self.store.find_once(caller.tenant, once.key, self.clock.now()).await?
        {
            return self.link_again(caller, once, &done).await;
        }

        let mut turn = None;
        for _ in 0..ATTEMPTS {
            // A link that may create is not looked up first: the act itself finds the owner.
            let looked_up = request.if_unknown == IfUnknown::Refuse
                || request.dry_run
                || matches!(request.if_owned, IfOwned::Absorb { .. })
                || self.is_too_old(caller.tenant, &account).await?;
            let owner = match looked_up {
                true => self.store.find_identity(caller.tenant, account.external.key()).await?,
                false => None,
            };
            let step = match owner {
                Some(identity) if identity.user == user => self.link_same(caller, &request, &account, identity).await?,
                Some(identity) => self.link_owned(caller, &request, user, &identity).await?,
                None if looked_up && request.if_unknown == IfUnknown::Refuse => {
                    return Err(Error::NotFound(Noun::Identity));
                }
                None => self.attach(caller, &request, user, &account).await?,
            };
            if let Some(outcome) = step {
                return Ok(outcome);
            }
            if turn.is_none() {
                turn = self.turns.at(account.external.key()).await;
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

    /// That a caller may change the identities of the user that it means, as far as its rights tell: who
    /// has a right over all users may, whether she is there or not.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`], [`Error::NotYourself`].
    pub async fn may_link_to(&self, caller: &Caller, which: &UserRef) -> Result<()> {
        const OVER_ALL: &[Scope] = &[Scope::UpdateUsers];
        const EITHER: &[Scope] = &[Scope::UpdateUsers, Scope::UpdateCurrentUserIdentities];
        caller.needs(EITHER)?;
        if caller.scopes.has_any(OVER_ALL) {
            return Ok(());
        }
        match self.store.find_user_id(caller.tenant, which).await? {
            Some(found) if Some(found) == caller.user => Ok(()),
            _ => Err(Error::NotYourself),
        }
    }

    /// Vouching for an account takes a right over all users; proving it, by a token that is
    /// checked before this or by its network, is open to people on themselves too.
    async fn may_link(&self, caller: &Caller, account: &Account, request: &Terms<'_>) -> Result<()> {
        const OVER_ALL: &[Scope] = &[Scope::UpdateUsers];
        let is_proved = match (account, &request.if_owned) {
            (Account::Proved(_), IfOwned::Refuse) => true,
            (_, IfOwned::Absorb { proof, .. }) => *proof == Proof::TwoProof,
            (Account::Asserted(_), IfOwned::Refuse) => false,
        };
        match is_proved {
            true => self.may_link_to(caller, &request.user).await,
            false => caller.needs(OVER_ALL),
        }
    }

    /// Whom the request means. Who has a key is not looked up if the key will be needed anyway:
    /// whether she is still there, the act finds out.
    async fn user_of(&self, tenant: TenantId, account: &Account, request: &Terms<'_>) -> Result<UserId> {
        let has_tokens = match account {
            Account::Asserted(asserted) => !asserted.tokens.is_empty(),
            Account::Proved(_) => true,
        };
        match request.user {
            UserRef::Id(id)
                if !request.dry_run && has_tokens && self.find_key(tenant, KeyOwner::User(id)).await?.is_some() =>
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
        request: &Terms<'_>,
        user: UserId,
        account: &Read,
    ) -> Result<Option<LinkOutcome>> {
        let id = IdentityId::new(&*self.clock, &*self.random);
        let (identity, key) = self.new_identity(caller, user, id, account).await?;
        let (place, key_there) = (&account.connection, account.external.key());
        let unless_marked = self.refused_mark(caller.tenant, place, key_there).await?;
        if request.dry_run {
            self.check_unmarked(caller.tenant, unless_marked).await?;
            if let Some(spend) = &identity.spend
                && let Some(pair) = self.store.find_spent(caller.tenant, spend.token).await?
                && pair != spend.pair
            {
                return Err(Error::NetworkRefused(NetworkRefusal::Replayed));
            }
            return Ok(Some(LinkOutcome::Attached(preview(user, &identity, self.clock.now()))));
        }
        let act = store::Link {
            user,
            identity,
            one_per_provider: request.per_network == PerNetwork::One,
            most: self.most_identities(caller).await?,
            key,
            bag: self.bag_change(caller.tenant, user, Came::New, request.keeping).await?,
            once: request.once.as_ref().map(|once| self.once(once, user, Some(id))),
            event: NewEvent {
                kind: EventKind::IdentityLinked {
                    identity: id,
                    connection: account.connection.id,
                    proof: account.external.proof(),
                },
                user,
                actor: caller.actor(),
                at: self.clock.now(),
                sealed: None,
            },
            unless_marked,
        };
        match self.store.link(caller.tenant, act).await? {
            Linked::Attached(identity) => {
                self.tell_of_alike(caller, user, id, account).await;
                Ok(Some(LinkOutcome::Attached(identity)))
            }
            Linked::AlreadyYours(identity) => self.link_same(caller, request, account, identity).await,
            Linked::Taken if matches!(request.if_owned, IfOwned::Absorb { .. }) => Ok(None),
            Linked::Taken => Err(self.taken(caller, account).await?),
            Linked::ProviderTaken => Err(Error::NetworkTaken),
            Linked::Full => Err(Error::LimitReached),
            Linked::Spent => Err(Error::NetworkRefused(NetworkRefusal::Replayed)),
            Linked::Erased => Err(Error::IdentityErased),
            Linked::NoUser => {
                self.forget_key(caller.tenant, user);
                Ok(None)
            }
            Linked::OtherBag => Ok(None),
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

    /// Why an account that somebody else has cannot be linked. That this person is blocked, only
    /// those learn who act for the tenant (LNK-20).
    async fn taken(&self, caller: &Caller, account: &Read) -> Result<Error> {
        if caller.user.is_some() {
            return Ok(Error::IdentityTaken);
        }
        let holder = self.store.find_identity(caller.tenant, account.external.key()).await?;
        let holder = match holder {
            Some(identity) => self.store.find_user(caller.tenant, &UserRef::Id(identity.user)).await?,
            None => None,
        };
        Ok(match holder.and_then(|user| user.blocked) {
            Some(true) => Error::Blocked,
            _ => Error::IdentityTaken,
        })
    }

    /// How many identities a person may give herself. Whoever acts for the tenant answers for how many
    /// there are.
    pub(super) async fn most_identities(&self, caller: &Caller) -> Result<Option<u32>> {
        match caller.user {
            Some(_) => Ok(Some(self.settings_of(caller.tenant).await?.identities_per_user)),
            None => Ok(None),
        }
    }

    /// The user has it already.
    async fn link_same(
        &self,
        caller: &Caller,
        request: &Terms<'_>,
        account: &Read,
        identity: Identity,
    ) -> Result<Option<LinkOutcome>> {
        if request.on_same == OnSame::Refuse {
            return Err(if identity.is_primary() {
                Error::PrimaryIdentity
            } else {
                Error::IdentityTaken
            });
        }
        if request.dry_run {
            return Ok(Some(LinkOutcome::Refreshed(renewed_by(
                caller,
                account,
                &identity,
                self.clock.now(),
            ))));
        }
        self.renew(caller, account, identity, request.once.as_ref(), request.keeping)
            .await
    }

    /// Another user has it.
    async fn link_owned(
        &self,
        caller: &Caller,
        request: &Terms<'_>,
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
    pub(super) async fn link_again(&self, caller: &Caller, once: &OnceKey, done: &Repeated) -> Result<LinkOutcome> {
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
