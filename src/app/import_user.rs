//! `import_user`: a user from a row of a file.
//!
//! What would surprise: a row takes effect once, however often it is sent, because whoever works
//! through a file may be killed after a row and before writing down that it is done.

use crate::app::App;
use crate::app::link::OnceKey;
use crate::app::update_user::{Text, UserChanges};
use crate::app::users::{PasswordRule, UserRequest};
use crate::domain::{Caller, Connection, ConnectionRef, Scope, UserRef};
use crate::error::{Error, Noun, Result};
use crate::id::UserId;
use crate::store::{LoginKind, LoginName};

/// What to do with a row of somebody who is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfThere {
    /// Refuse it.
    Refuse,
    /// Change her as the row says; metadata is replaced, names to log in by and passwords stay.
    Update,
}

/// What a row did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// A user came to be.
    Inserted,
    /// One was changed.
    Updated,
}

impl App {
    /// Makes a user of a database connection, or changes the one who logs in there by the
    /// request's e-mail address.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; those of making and changing a user, [`Error::Conflict`] of an
    /// id or log-in name among them.
    pub async fn import_user(
        &self,
        caller: &Caller,
        connection: &Connection,
        mut request: UserRequest,
        once: OnceKey,
        if_there: IfThere,
    ) -> Result<Imported> {
        caller.needs(&[Scope::CreateUsers])?;
        if if_there == IfThere::Update
            && self
                .store
                .find_once(caller.tenant, once.key, self.clock.now())
                .await?
                .is_none()
            && let Some(user) = self.find_by_email(caller, connection, &request).await?
        {
            let changes = changes(connection, &request);
            match self.update_user(caller, &UserRef::Id(user), &changes).await {
                Ok(_) => return Ok(Imported::Updated),
                Err(Error::NotFound(Noun::User)) => {}
                Err(error) => return Err(error),
            }
        }
        // A row that does not say so is not verified (`api/auth0.md` 10.3).
        request.profile.email_verified.get_or_insert(false);
        request.connection = Some(ConnectionRef::Id(connection.id));
        request.once = Some(once);
        self.create_user(caller, request).await?;
        Ok(Imported::Inserted)
    }

    async fn find_by_email(
        &self,
        caller: &Caller,
        connection: &Connection,
        request: &UserRequest,
    ) -> Result<Option<UserId>> {
        let Some(email) = &request.profile.email else {
            return Ok(None);
        };
        let name = LoginName {
            kind: LoginKind::Email,
            value: email.to_lowercase(),
        };
        let found = self.store.find_login(caller.tenant, connection.id, &name).await?;
        Ok(found.map(|(identity, _)| identity.user))
    }
}

/// What a row changes of somebody who is there.
fn changes(connection: &Connection, request: &UserRequest) -> UserChanges {
    let mut profile = request.profile.clone();
    let mut texts = Vec::new();
    for text in Text::ALL {
        if matches!(text, Text::Email | Text::Username) {
            continue;
        }
        if let Some(value) = text.of(&mut profile).take() {
            texts.push((text, Some(value)));
        }
    }
    UserChanges {
        texts,
        email_verified: profile.email_verified,
        phone_verified: profile.phone_verified,
        blocked: request.blocked,
        user_metadata: request.user_metadata.clone(),
        app_metadata: request.app_metadata.clone(),
        replace_metadata: true,
        bag: None,
        connection: Some(connection.name.clone()),
        password: None,
        password_rule: PasswordRule::default(),
    }
}
