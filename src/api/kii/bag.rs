//! What this dialect keeps with a user beside what all of them share: country, locale, custom fields, and what
//! she has still to prove.

use serde::{Deserialize, Serialize};

use super::caller::Asking;
use super::error::Problem;
use crate::app::App;
use crate::app::resolve::Selector;
use crate::app::update_user::UserChanges;
use crate::domain::{Caller, Dialect, Object, UserWithIdentities};
use crate::error::{Error, Noun};
use crate::id::UserId;

/// How often a change is prepared again when somebody else was faster.
const ATTEMPTS: usize = 8;

/// What is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bag {
    /// Two letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// A tag of BCP 47.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Custom fields.
    #[serde(skip_serializing_if = "Object::is_empty")]
    pub custom: Object,
    /// An e-mail address that she has to prove.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<ToProve>,
    /// Likewise a phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<ToProve>,
    /// A new password that she has asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset: Option<ToProve>,
}

/// What a code proves, and how often one was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToProve {
    /// The address that it is of.
    pub address: String,
    /// What makes the code unlike others.
    pub nonce: String,
    /// When it was made, in milliseconds.
    pub at: i64,
    /// How often one was tried.
    pub tries: u32,
}

impl ToProve {
    /// That an address is hers, from now on.
    pub fn new(app: &App, address: &str) -> Self {
        Self {
            address: address.to_owned(),
            nonce: app.new_nonce(),
            at: app.now().as_millisecond(),
            tries: 0,
        }
    }
}

impl Bag {
    /// What is kept with a user.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn of(app: &App, caller: &Caller, user: UserId) -> Result<Self, Error> {
        let kept = app.find_bag(caller, user, Dialect::Kii).await?;
        serde_json::from_value(kept.into()).map_err(Error::internal)
    }

    /// In the form in which it is kept.
    ///
    /// # Errors
    /// Never, in fact.
    pub fn into_kept(self) -> Result<(Dialect, Object), Error> {
        match serde_json::to_value(self).map_err(Error::internal)? {
            serde_json::Value::Object(kept) => Ok((Dialect::Kii, kept)),
            _ => Err(Error::internal("a bag is an object")),
        }
    }
}

/// Changes a user and what is kept with her, by what she is when it is done.
///
/// # Errors
/// What `change` refuses, and those of the verbs.
pub async fn change(
    app: &App,
    caller: &Caller,
    user: UserId,
    change: impl Fn(&UserWithIdentities, &mut Bag) -> Result<UserChanges, Problem> + Send,
) -> Result<UserWithIdentities, Problem> {
    for _ in 0..ATTEMPTS {
        let found = app.select_user(caller.tenant, &Selector::Id(user)).await?;
        let found = found.ok_or(Error::NotFound(Noun::User))?;
        let mut bag = Bag::of(app, caller, found.user.id).await?;
        let mut changes = change(&found, &mut bag)?;
        changes.bag = Some(bag.into_kept()?);
        if let Some(changed) = app.update_own(caller, &found, &changes).await? {
            return Ok(changed);
        }
    }
    Err(Error::Busy { retry_after: 1 }.into())
}

impl Asking {
    /// The server itself, for what its own code or the application's settings allow a stranger.
    pub fn server(&self, app: &App) -> Caller {
        app.caller_by(
            self.tenant,
            crate::app::opaque::Holder::Admin,
            Dialect::Kii,
            None,
            &self.origin,
        )
    }
}
