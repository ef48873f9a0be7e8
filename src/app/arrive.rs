//! `arrive`: the person whose account this is, found or made.
//!
//! Logging in with a network's account, and connecting one without saying whose it is, end here. What would
//! surprise: the proof of the account is the right to do this, so the caller needs none but to be of
//! the tenant; and nobody is ever found by an e-mail address (LNK-01).

use crate::app::App;
use crate::app::bags::{Came, Keeping};
use crate::app::link::{ATTEMPTS, Account};
use crate::app::users::UserRequest;
use crate::app::verify::Proved;
use crate::domain::{Caller, Object, UserRef, UserWithIdentities};
use crate::error::{Error, Result};

/// Who arrived.
#[derive(Debug)]
pub struct Arrival {
    /// The person, with identities.
    pub user: UserWithIdentities,
    /// Whether she came to be by this.
    pub is_new: bool,
}

impl App {
    /// Finds whose account this is and renews its tokens, or makes a user who is born in the built-in
    /// connection and has it.
    ///
    /// # Errors
    /// [`Error::Blocked`]; [`Error::IdentityErased`]; [`Error::Busy`]; those of the store.
    pub async fn arrive(&self, caller: &Caller, account: Proved) -> Result<Arrival> {
        self.arrive_keeping(caller, account, None).await
    }

    /// The same with what a dialect keeps with her, changed in the same act.
    ///
    /// # Errors
    /// As [`App::arrive`].
    pub(super) async fn arrive_keeping(
        &self,
        caller: &Caller,
        account: Proved,
        keeping: Option<Keeping<'_>>,
    ) -> Result<Arrival> {
        let tenant = caller.tenant;
        let read = account.read();
        let mut turn = None;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 && turn.is_none() {
                turn = self.turns.at(read.external.key()).await;
            }
            let Some(identity) = self.store.find_identity(tenant, read.external.key()).await? else {
                let kept = |Keeping { dialect, change }| Ok::<_, Error>((dialect, change(Object::new(), Came::New)?));
                let request = UserRequest {
                    bag: keeping.map(kept).transpose()?,
                    also: Some(Account::Proved(account.clone())),
                    ..UserRequest::default()
                };
                match self.make_user(caller, request).await {
                    Ok((user, _)) => return Ok(Arrival { user, is_new: true }),
                    // Somebody was quicker: the account is hers now.
                    Err(Error::IdentityTaken) => continue,
                    Err(error) => return Err(error),
                }
            };
            let found = self.store.find_user(tenant, &UserRef::Id(identity.user)).await?;
            let Some(user) = found else { continue };
            if user.blocked == Some(true) {
                return Err(Error::Blocked);
            }
            if self.renew(caller, &read, identity, None, keeping).await?.is_some() {
                let user = self.user_after_act(tenant, user.id).await?;
                return Ok(Arrival { user, is_new: false });
            }
        }
        Err(Error::Busy { retry_after: 1 })
    }
}
