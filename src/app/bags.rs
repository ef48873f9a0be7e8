//! What a dialect keeps with a user and no other sees: changed by itself, or along with an account of hers.
//!
//! What would surprise: a change is made to what was read and written with the version of the user that
//! was read before, and made again when somebody else was faster, so it may be asked for twice.

use crate::app::App;
use crate::app::link::ATTEMPTS;
use crate::domain::{Caller, Dialect, EventKind, NewEvent, Object, Scope, UserRef, UserWithIdentities};
use crate::error::{Error, Noun, Result};
use crate::id::{TenantId, UserId};
use crate::store::{Acted, BagChange, UserUpdate};

/// What becomes of what is kept.
pub type Change<'a> = &'a (dyn Fn(Object) -> Result<Object> + Send + Sync);

/// Whether an account that comes is new to its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// She has not had it.
    New,
    /// It is hers already.
    Again,
}

/// What becomes of what a dialect keeps with a user, in the act by which an account of hers comes.
#[derive(Clone, Copy)]
pub struct Keeping<'a> {
    /// Which dialect.
    pub dialect: Dialect,
    /// What is kept then; it may be asked more than once.
    pub change: &'a (dyn Fn(Object, Came) -> Result<Object> + Send + Sync),
}

impl App {
    /// The change that goes along with an act on this user, if there is one.
    pub(super) async fn bag_change(
        &self,
        tenant: TenantId,
        user: UserId,
        came: Came,
        keeping: Option<Keeping<'_>>,
    ) -> Result<Option<BagChange>> {
        let Some(Keeping { dialect, change }) = keeping else {
            return Ok(None);
        };
        let was = self.store.find_bag(tenant, user, dialect).await?;
        let is = change(was.clone(), came)?;
        Ok((is != was).then_some(BagChange { dialect, was, is }))
    }

    /// Changes what a dialect keeps with a user; her as she is then. What is kept as it was is not written.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::NotFound`]; those of `change`.
    pub async fn change_bag(
        &self,
        caller: &Caller,
        which: &UserRef,
        dialect: Dialect,
        change: Change<'_>,
    ) -> Result<UserWithIdentities> {
        caller.needs(&[Scope::UpdateUsers])?;
        for _ in 0..ATTEMPTS {
            let found = self.store.find_user_with_identities(caller.tenant, which).await?;
            let found = found.ok_or(Error::NotFound(Noun::User))?;
            let was = self.find_bag(caller, found.user.id, dialect).await?;
            let is = change(was.clone())?;
            if is == was {
                return Ok(found);
            }
            let now = self.clock.now();
            let mut user = found.user.clone();
            user.version = user.version.saturating_add(1);
            user.updated_at = now;
            let update = UserUpdate {
                expected_version: found.user.version,
                login: None,
                identity_profile: None,
                bag: Some((dialect, is)),
                event: Some(NewEvent {
                    kind: EventKind::UserUpdated {
                        fields: dialect.name().to_owned(),
                    },
                    user: user.id,
                    actor: caller.actor(),
                    at: now,
                    sealed: None,
                }),
                spend: None,
                user,
            };
            match self.store.update_user(caller.tenant, update).await? {
                Acted::Done => return self.user_after_act(caller.tenant, found.user.id).await,
                Acted::Changed => {}
                Acted::NoUser => return Err(Error::NotFound(Noun::User)),
                other => return Err(Error::internal(format!("keeping a bag ended as {other:?}"))),
            }
        }
        Err(Error::Busy { retry_after: 1 })
    }
}
