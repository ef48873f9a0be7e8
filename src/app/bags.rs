//! `change_bag`: changing what a dialect keeps with a user and no other sees.
//!
//! What would surprise: a change is made to what was read and written with the version of the user that
//! was read before, and made again when somebody else was faster, so it may be asked for twice.

use crate::app::App;
use crate::app::link::ATTEMPTS;
use crate::domain::{Caller, Dialect, EventKind, NewEvent, Object, Scope, UserRef, UserWithIdentities};
use crate::error::{Error, Noun, Result};
use crate::store::{Acted, UserUpdate};

/// What becomes of what is kept.
pub type Change<'a> = &'a (dyn Fn(Object) -> Result<Object> + Send + Sync);

impl App {
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
