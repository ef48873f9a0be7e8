//! `update_user`: changing a user's own record.
//!
//! What would surprise: a change is read, made and written with the version that was read,
//! and made again when somebody else was faster, so no change is lost between two writers.

use serde_json::Value;

use crate::app::App;
use crate::app::link::ATTEMPTS;
use crate::app::users::{PasswordRule, check_username, fold_names, login_names};
use crate::domain::{
    Caller, Connection, ConnectionRef, Dialect, EventKind, Identity, NewEvent, Object, Profile, Scope, User, UserRef,
    UserWithIdentities,
};
use crate::error::{Error, Noun, Result};
use crate::id::TenantId;
use crate::secret::SecretString;
use crate::store::{Acted, Login, UserUpdate};

/// What shall be different about a user.
#[derive(Debug, Default)]
pub struct UserChanges {
    /// Texts of the profile: a value, or `None` to unset it.
    pub texts: Vec<(Text, Option<String>)>,
    /// Whether the e-mail address is verified.
    pub email_verified: Option<bool>,
    /// Whether the phone number is verified.
    pub phone_verified: Option<bool>,
    /// Whether she may not log in.
    pub blocked: Option<bool>,
    /// A new password.
    pub password: Option<SecretString>,
    /// What it must be.
    pub password_rule: PasswordRule,
    /// Keys to replace; `null` removes one, and an empty object all.
    pub user_metadata: Option<Object>,
    /// Likewise.
    pub app_metadata: Option<Object>,
    /// Whether a bag takes the place of the one that is there, whole.
    pub replace_metadata: bool,
    /// What a dialect keeps with her from now on.
    pub bag: Option<(Dialect, Object)>,
    /// The connection of the identity that log-in names and password belong to; `None` is
    /// the primary.
    pub connection: Option<String>,
}

/// Texts of a profile that can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the attribute of its name")]
pub enum Text {
    Email,
    Username,
    PhoneNumber,
    Name,
    Nickname,
    GivenName,
    FamilyName,
    Picture,
}

impl Text {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Email,
        Self::Username,
        Self::PhoneNumber,
        Self::Name,
        Self::Nickname,
        Self::GivenName,
        Self::FamilyName,
        Self::Picture,
    ];

    /// The attribute's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Username => "username",
            Self::PhoneNumber => "phone_number",
            Self::Name => "name",
            Self::Nickname => "nickname",
            Self::GivenName => "given_name",
            Self::FamilyName => "family_name",
            Self::Picture => "picture",
        }
    }

    /// Where it is in a profile.
    pub const fn of(self, profile: &mut Profile) -> &mut Option<String> {
        match self {
            Self::Email => &mut profile.email,
            Self::Username => &mut profile.username,
            Self::PhoneNumber => &mut profile.phone_number,
            Self::Name => &mut profile.name,
            Self::Nickname => &mut profile.nickname,
            Self::GivenName => &mut profile.given_name,
            Self::FamilyName => &mut profile.family_name,
            Self::Picture => &mut profile.picture,
        }
    }

    /// Whether it is kept with the identity that it logs in by, primary or not.
    const fn is_of_login(self) -> bool {
        matches!(self, Self::Email | Self::Username | Self::PhoneNumber)
    }
}

impl App {
    /// Changes a user.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`] also when the caller may change less than this;
    /// [`Error::NotYourself`]; [`Error::NotFound`]; [`Error::Invalid`] naming the attribute that this
    /// user's connection does not let one change; [`Error::Conflict`]; [`Error::WeakPassword`].
    pub async fn update_user(
        &self,
        caller: &Caller,
        which: &UserRef,
        changes: &UserChanges,
    ) -> Result<UserWithIdentities> {
        let over_all = may_update(caller, changes)?;
        let found = self.store.find_user_with_identities(caller.tenant, which).await?;
        if !over_all && found.as_ref().map(|found| found.user.id) != caller.user {
            return Err(Error::NotYourself);
        }
        let found = found.ok_or(Error::NotFound(Noun::User))?;
        self.change_user(caller, found, changes).await
    }

    /// Changes of a user, as she was read, what people may change of themselves: names, addresses, password,
    /// and what a dialect keeps. Nothing when she has changed since. That an address is verified is for the
    /// dialect to know.
    ///
    /// # Errors
    /// As [`App::update_user`].
    pub async fn update_own(
        &self,
        caller: &Caller,
        found: &UserWithIdentities,
        changes: &UserChanges,
    ) -> Result<Option<UserWithIdentities>> {
        const EITHER: &[Scope] = &[Scope::UpdateUsers, Scope::UpdateCurrentUserIdentities];
        let is_own = changes.blocked.is_none() && changes.app_metadata.is_none() && changes.connection.is_none();
        let itself: &[Scope] = if is_own {
            &[Scope::UpdateCurrentUserIdentities]
        } else {
            &[]
        };
        caller.needs_over(found.user.id, &[Scope::UpdateUsers], itself, EITHER)?;
        self.change_once(caller, found, changes, &mut None).await
    }

    async fn change_user(
        &self,
        caller: &Caller,
        mut found: UserWithIdentities,
        changes: &UserChanges,
    ) -> Result<UserWithIdentities> {
        let mut hash = None;
        for _ in 0..ATTEMPTS {
            if let Some(changed) = self.change_once(caller, &found, changes, &mut hash).await? {
                return Ok(changed);
            }
            found = self.existing_user_with_identities(caller.tenant, found.user.id).await?;
        }
        Err(Error::Busy { retry_after: 1 })
    }

    /// One try at a change of a user as she was read; nothing when she has changed since.
    async fn change_once(
        &self,
        caller: &Caller,
        found: &UserWithIdentities,
        changes: &UserChanges,
        hash: &mut Option<String>,
    ) -> Result<Option<UserWithIdentities>> {
        let (identity, connection) = self.identity_to_change(caller.tenant, found, changes).await?;
        if let (Some(password), None) = (&changes.password, &hash) {
            *hash = Some(self.hash_password(&connection, password, changes.password_rule).await?);
        }
        let update = self.apply(caller, &found.user, identity, &connection, changes, hash.clone());
        match self.store.update_user(caller.tenant, update).await? {
            Acted::Done => self.user_after_act(caller.tenant, found.user.id).await.map(Some),
            Acted::Changed => Ok(None),
            Acted::NoUser => Err(Error::NotFound(Noun::User)),
            Acted::LoginTaken(kind) => Err(Error::Conflict(kind.unique())),
            other => Err(Error::internal(format!("an update ended as {other:?}"))),
        }
    }

    /// The identity whose log-in the changes are about, with its connection.
    async fn identity_to_change<'a>(
        &self,
        tenant: TenantId,
        found: &'a UserWithIdentities,
        changes: &UserChanges,
    ) -> Result<(&'a Identity, Connection)> {
        let no_such = || Error::invalid("connection", "is not one in which this user has an identity");
        let wanted = match &changes.connection {
            None => None,
            Some(name) => Some(
                self.store
                    .find_connection(tenant, &ConnectionRef::Name(name.clone()))
                    .await?
                    .ok_or_else(no_such)?,
            ),
        };
        let identity = found
            .identities
            .iter()
            .find(|identity| match &wanted {
                Some(connection) => identity.key.connection == connection.id,
                None => identity.is_primary(),
            })
            .ok_or_else(no_such)?;
        let connection = match wanted {
            Some(connection) => connection,
            None => {
                self.existing_connection(tenant, &ConnectionRef::Id(identity.key.connection))
                    .await?
            }
        };
        check_changeable(&connection, changes)?;
        Ok((identity, connection))
    }

    /// The act that makes the changes to the user as she was read.
    fn apply(
        &self,
        caller: &Caller,
        user: &User,
        identity: &Identity,
        connection: &Connection,
        changes: &UserChanges,
        hash: Option<String>,
    ) -> UserUpdate {
        let now = self.clock.now();
        let mut new = user.clone();
        let mut secondary = (!identity.is_primary()).then(|| identity.profile.clone());
        for (text, value) in &changes.texts {
            let profile = match &mut secondary {
                Some(profile) if text.is_of_login() => profile,
                _ => &mut new.profile,
            };
            text.of(profile).clone_from(value);
        }
        let login_profile = secondary.as_mut().unwrap_or(&mut new.profile);
        fold_names(connection, login_profile);
        let email_changes = changes.texts.iter().any(|(text, _)| *text == Text::Email);
        if email_changes && changes.email_verified.is_none() {
            login_profile.email_verified = Some(false);
        }
        login_profile.email_verified = changes.email_verified.or(login_profile.email_verified);
        login_profile.phone_verified = changes.phone_verified.or(login_profile.phone_verified);
        let names = login_names(connection, login_profile, identity.has_password || hash.is_some());
        let verified_changes = changes.email_verified.or(changes.phone_verified).is_some();
        let login_changes = hash.is_some()
            || (connection.is_built_in() && verified_changes)
            || changes.texts.iter().any(|(text, _)| text.is_of_login());
        let login = login_changes.then_some((identity.id, Login { names, password: hash }));

        for (bag, changed) in [
            (&mut new.user_metadata, &changes.user_metadata),
            (&mut new.app_metadata, &changes.app_metadata),
        ] {
            match changed {
                Some(_) if changes.replace_metadata => bag.clone_from(changed),
                _ => merge(bag, changed.as_ref()),
            }
        }
        new.blocked = changes.blocked.or(new.blocked);
        if changes.password.is_some() {
            new.last_password_reset = Some(now);
        }
        if changes.password.is_some() || email_changes || (changes.blocked == Some(true) && user.blocked != Some(true))
        {
            new.move_epoch(caller.credential);
        }
        new.version = user.version.saturating_add(1);
        new.updated_at = now;
        UserUpdate {
            user: new,
            expected_version: user.version,
            login,
            identity_profile: secondary.map(|profile| (identity.id, profile)),
            event: Some(NewEvent {
                kind: EventKind::UserUpdated {
                    fields: changes.names().join(","),
                },
                user: user.id,
                actor: caller.actor(),
                at: now,
                sealed: None,
            }),
            bag: changes.bag.clone(),
            spend: None,
        }
    }
}

impl UserChanges {
    /// The names of the attributes that change.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.texts.iter().map(|(text, _)| text.name()).collect();
        let mut also = |given: bool, name| {
            if given {
                names.push(name);
            }
        };
        also(self.email_verified.is_some(), "email_verified");
        also(self.phone_verified.is_some(), "phone_verified");
        also(self.blocked.is_some(), "blocked");
        also(self.password.is_some(), "password");
        also(self.user_metadata.is_some(), "user_metadata");
        also(self.app_metadata.is_some(), "app_metadata");
        names.extend(self.bag.as_ref().map(|(dialect, _)| dialect.name()));
        names
    }
}

/// A right over all of a user, over everybody's `app_metadata`, or over one's own `user_metadata`;
/// whether it is one over everybody.
fn may_update(caller: &Caller, changes: &UserChanges) -> Result<bool> {
    const APP_METADATA: &[Scope] = &[Scope::UpdateUsers, Scope::UpdateUsersAppMetadata];
    const USER_METADATA: &[Scope] = &[Scope::UpdateUsers, Scope::UpdateCurrentUserMetadata];
    let names = changes.names();
    let only = |name| names.iter().all(|given| *given == name);
    let any_of = match (only("app_metadata"), only("user_metadata")) {
        (true, _) => APP_METADATA,
        (false, true) => USER_METADATA,
        (false, false) => &[Scope::UpdateUsers],
    };
    caller.needs(any_of)?;
    Ok(any_of != USER_METADATA || caller.scopes.has(Scope::UpdateUsers))
}

/// What a connection does not let one change: log-ins of networks are the network's.
fn check_changeable(connection: &Connection, changes: &UserChanges) -> Result<()> {
    let ours = connection.is_database() || matches!(connection.provider.as_str(), "email" | "sms");
    if ours {
        let username = changes.texts.iter().find(|(text, _)| *text == Text::Username);
        return check_username(connection, username.and_then(|(_, name)| name.as_deref()));
    }
    let names_are_ours = matches!(
        connection.option("set_user_root_attributes").and_then(Value::as_str),
        Some("on_first_login" | "never_on_login")
    );
    match changes.names().into_iter().find(|name| match *name {
        "blocked" | "user_metadata" | "app_metadata" | "kii" | "knodes" => false,
        "name" | "nickname" | "given_name" | "family_name" | "picture" => !names_are_ours,
        _ => true,
    }) {
        Some(name) => Err(Error::invalid(name, "is its network's to change, not ours")),
        None => Ok(()),
    }
}

/// Replaces keys one level deep: `null` removes one, and an empty object all.
fn merge(bag: &mut Option<Object>, changes: Option<&Object>) {
    let Some(changes) = changes else { return };
    let bag = bag.get_or_insert_default();
    if changes.is_empty() {
        bag.clear();
    }
    for (key, value) in changes {
        if value.is_null() {
            bag.shift_remove(key);
        } else {
            bag.insert(key.clone(), value.clone());
        }
    }
}
