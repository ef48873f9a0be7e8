//! `revoke_access`: ending whatever a user's tokens open.

use crate::app::App;
use crate::app::link::ATTEMPTS;
use crate::domain::{Caller, EventKind, NewEvent, Scope, UserRef};
use crate::error::{Error, Noun, Result};
use crate::id::UserId;
use crate::store::{Acted, UserUpdate};

impl App {
    /// Ends every token of a user, on the next request that it comes with.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`], [`Error::NotFound`].
    pub async fn revoke_access(&self, caller: &Caller, which: &UserRef) -> Result<()> {
        caller.needs(&[Scope::DeleteSessions, Scope::DeleteRefreshTokens])?;
        for _ in 0..ATTEMPTS {
            let found = self.store.find_user(caller.tenant, which).await?;
            let mut user = found.ok_or(Error::NotFound(Noun::User))?;
            let (expected_version, now) = (user.version, self.clock.now());
            user.move_epoch(None);
            user.version = user.version.saturating_add(1);
            user.updated_at = now;
            let event = NewEvent {
                kind: EventKind::UserUpdated {
                    fields: "access".to_owned(),
                },
                user: user.id,
                actor: caller.actor(),
                at: now,
                sealed: None,
            };
            let update = UserUpdate {
                user,
                expected_version,
                login: None,
                identity_profile: None,
                event: Some(event),
                bag: None,
                spend: None,
            };
            match self.store.update_user(caller.tenant, update).await? {
                Acted::Done => return Ok(()),
                Acted::Changed | Acted::NoUser => {}
                other => return Err(Error::internal(format!("a revocation ended as {other:?}"))),
            }
        }
        Err(Error::Busy { retry_after: 1 })
    }

    /// That there is such a user, for whoever has any of these rights.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`], [`Error::NotFound`].
    pub async fn check_user(&self, caller: &Caller, which: &UserRef, any_of: &'static [Scope]) -> Result<UserId> {
        caller.needs(any_of)?;
        self.existing_user(caller.tenant, which).await
    }
}
