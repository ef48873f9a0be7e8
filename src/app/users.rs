//! Users: made, changed, listed, erased.
//!
//! What would surprise: a change is read, made and written with the version that was read,
//! and made again when somebody else was faster, so no change is lost between two writers.

use serde_json::Value;

use crate::app::App;
use crate::app::link::{ATTEMPTS, Asserted, OnceKey};
use crate::domain::{
    Caller, Connection, ConnectionRef, EventKind, ExternalIdentity, Identity, NewEvent, Object, Profile, Proof, Scope,
    User, UserRef, connection,
};
use crate::error::{Error, Noun, Result, Unique};
use crate::id::{IdentityId, TenantId, UserId};
use crate::secret::{ExposeSecret, SecretString};
use crate::store::{
    Acted, Created, Login, LoginKind, LoginName, NewIdentity, NewUser, Page, UserUpdate, UserWithIdentities,
};

/// The longest password, in bytes, in every dialect.
const PASSWORD_LIMIT_BYTES: usize = 72;

/// Why a user of a connection cannot have a user name there.
pub const NO_USERNAMES: &str = "is for connections whose people have user names";

/// A user to be made.
#[derive(Debug, Default)]
pub struct UserRequest {
    /// The database or passwordless connection to be born in; `None` is the built-in one.
    pub connection: Option<ConnectionRef>,
    /// An id there that the caller chose; `None` is the core id.
    pub subject: Option<String>,
    /// What is known of the person.
    pub profile: Profile,
    /// What she logs in with.
    pub password: Option<SecretString>,
    /// Whether she may not log in.
    pub blocked: Option<bool>,
    /// Auth0's bag that she may write.
    pub user_metadata: Option<Object>,
    /// Auth0's bag that she may not write.
    pub app_metadata: Option<Object>,
    /// An account of hers elsewhere, attached in the same act.
    pub also: Option<Asserted>,
    /// That the request takes effect once.
    pub once: Option<OnceKey>,
}

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
    /// Keys to replace; `null` removes one, and an empty object all.
    pub user_metadata: Option<Object>,
    /// Likewise.
    pub app_metadata: Option<Object>,
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
    /// Makes a user; `true` when the same request had made her before.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::NotFound`] of a connection; [`Error::Invalid`] naming the
    /// field; [`Error::Conflict`] of an id or log-in name; [`Error::IdentityTaken`];
    /// [`Error::WeakPassword`]; [`Error::KeyReused`].
    pub async fn create_user(&self, caller: &Caller, request: UserRequest) -> Result<(UserWithIdentities, bool)> {
        caller.needs(&[Scope::CreateUsers])?;
        let tenant = caller.tenant;
        let at = request
            .connection
            .unwrap_or_else(|| ConnectionRef::Name(connection::BUILT_IN.to_owned()));
        let connection = self.existing_connection(tenant, &at).await?;
        let now = self.clock.now();
        let mut profile = request.profile;
        check_username(&connection, profile.username.as_deref())?;
        fold_names(&connection, &mut profile);
        let mut user = User::new(UserId::new(&*self.clock, &*self.random), profile, now);
        user.blocked = request.blocked;
        user.user_metadata = request.user_metadata;
        user.app_metadata = request.app_metadata;

        let password = match &request.password {
            Some(password) => Some(self.hash_password(&connection, password).await?),
            None => None,
        };
        let chosen = request.subject.is_some();
        let subject = request.subject.unwrap_or_else(|| user.id.to_string());
        let event = |kind| NewEvent {
            kind,
            user: user.id,
            actor: caller.actor(),
            at: now,
            sealed: None,
        };
        let born = NewIdentity {
            id: IdentityId::new(&*self.clock, &*self.random),
            external: ExternalIdentity::from_claims(&connection, &subject, &Object::new(), Proof::Asserted)?,
            proved_by: caller.actor(),
            tokens: None,
            login: Login {
                names: login_names(&connection, &user.profile, password.is_some()),
                password,
            },
        };
        let mut events = vec![event(EventKind::UserCreated {
            identity: born.id,
            connection: connection.id,
            proof: Proof::Asserted,
        })];
        let (more, new_key) = match request.also {
            None => (None, None),
            Some(account) => {
                let at = self.existing_connection(tenant, &account.connection).await?;
                let external = ExternalIdentity::from_claims(&at, &account.subject, &account.claims, Proof::Asserted)?;
                let id = IdentityId::new(&*self.clock, &*self.random);
                events.push(event(EventKind::IdentityLinked {
                    identity: id,
                    connection: at.id,
                    proof: Proof::Asserted,
                }));
                let (identity, new_key) = self
                    .new_identity(tenant, user.id, id, external, caller.actor(), &account.tokens)
                    .await?;
                (Some(identity), new_key)
            }
        };
        let once = request.once.as_ref().map(|once| self.once(once, user.id, None));
        let id = user.id;
        let new = NewUser {
            user,
            born,
            more,
            new_key,
            once,
            events,
        };
        match self.store.create_user(tenant, new).await? {
            Created::Done => Ok((self.existing_user_with_identities(tenant, id).await?, false)),
            Created::Repeated(done) => match request.once {
                Some(once) if once.request == done.request => {
                    Ok((self.existing_user_with_identities(tenant, done.user).await?, true))
                }
                _ => Err(Error::KeyReused),
            },
            Created::IdentityTaken if chosen => Err(Error::Conflict(Unique::UserId)),
            Created::IdentityTaken => Err(Error::IdentityTaken),
            Created::BirthplaceTaken => Err(Error::Conflict(Unique::UserId)),
            Created::LoginTaken(kind) => Err(Error::Conflict(kind.unique())),
        }
    }

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
        let found = may_update(caller, changes).map(|()| self.store.find_user_with_identities(caller.tenant, which))?;
        let found = found.await?;
        if !caller
            .scopes
            .has_any(&[Scope::UpdateUsers, Scope::UpdateUsersAppMetadata])
            && found.as_ref().map(|found| found.user.id) != caller.user
        {
            return Err(Error::NotYourself);
        }
        let mut found = found.ok_or(Error::NotFound(Noun::User))?;
        let mut hash = None;
        for _ in 0..ATTEMPTS {
            let (identity, connection) = self.identity_to_change(caller.tenant, &found, changes).await?;
            if let (Some(password), None) = (&changes.password, &hash) {
                hash = Some(self.hash_password(&connection, password).await?);
            }
            let update = self.apply(caller, &found.user, identity, &connection, changes, hash.clone());
            match self.store.update_user(caller.tenant, update).await? {
                Acted::Done => return self.existing_user_with_identities(caller.tenant, found.user.id).await,
                Acted::Changed => {}
                Acted::NoUser => return Err(Error::NotFound(Noun::User)),
                Acted::LoginTaken(kind) => return Err(Error::Conflict(kind.unique())),
                other => return Err(Error::internal(format!("an update ended as {other:?}"))),
            }
            found = self.existing_user_with_identities(caller.tenant, found.user.id).await?;
        }
        Err(Error::Busy { retry_after: 1 })
    }

    /// Erases a user and everything of hers; nothing happens when there is none.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`], [`Error::NotYourself`].
    pub async fn delete_user(&self, caller: &Caller, which: &UserRef) -> Result<()> {
        caller.needs(&[Scope::DeleteUsers, Scope::DeleteCurrentUser])?;
        let found = self.store.find_user(caller.tenant, which).await?;
        if !caller.scopes.has(Scope::DeleteUsers) && found.as_ref().map(|user| user.id) != caller.user {
            return Err(Error::NotYourself);
        }
        let Some(user) = found else { return Ok(()) };
        let event = NewEvent {
            kind: EventKind::UserDeleted,
            user: user.id,
            actor: caller.actor(),
            at: self.clock.now(),
            sealed: None,
        };
        self.store.delete_user(caller.tenant, user.id, event).await?;
        self.forget_key(caller.tenant, user.id);
        Ok(())
    }

    /// A page of users with identities.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`].
    pub async fn list_users(&self, caller: &Caller, page: Page) -> Result<Vec<UserWithIdentities>> {
        caller.needs(&[Scope::ReadUsers])?;
        Ok(self.store.list_users(caller.tenant, page).await?)
    }

    /// How many users the tenant has.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`].
    pub async fn count_users(&self, caller: &Caller) -> Result<u64> {
        caller.needs(&[Scope::ReadUsers])?;
        Ok(self.store.count_users(caller.tenant).await?)
    }

    /// The users whose own e-mail address is exactly this.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`].
    pub async fn list_users_by_email(&self, caller: &Caller, email: &str) -> Result<Vec<UserWithIdentities>> {
        caller.needs(&[Scope::ReadUsers])?;
        Ok(self.store.list_users_by_email(caller.tenant, email).await?)
    }

    pub(super) async fn existing_user(&self, tenant: TenantId, which: &UserRef) -> Result<UserId> {
        self.store
            .find_user_id(tenant, which)
            .await?
            .ok_or(Error::NotFound(Noun::User))
    }

    pub(super) async fn existing_user_with_identities(
        &self,
        tenant: TenantId,
        id: UserId,
    ) -> Result<UserWithIdentities> {
        self.store
            .find_user_with_identities(tenant, &UserRef::Id(id))
            .await?
            .ok_or(Error::NotFound(Noun::User))
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
        let login_changes = hash.is_some() || changes.texts.iter().any(|(text, _)| text.is_of_login());
        let login = login_changes.then_some((identity.id, Login { names, password: hash }));

        merge(&mut new.user_metadata, changes.user_metadata.as_ref());
        merge(&mut new.app_metadata, changes.app_metadata.as_ref());
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
        }
    }

    async fn hash_password(&self, connection: &Connection, password: &SecretString) -> Result<String> {
        if !connection.is_database() {
            return Err(Error::invalid(
                "password",
                "cannot be set for a user of this connection",
            ));
        }
        check_password(connection, password)?;
        self.passwords.hash(password, &*self.random).await
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
        names
    }
}

/// A right over all of a user, over her `app_metadata`, or over one's own `user_metadata`.
fn may_update(caller: &Caller, changes: &UserChanges) -> Result<()> {
    let names = changes.names();
    let only = |name| names.iter().all(|given| *given == name);
    if only("app_metadata") {
        const ANY: &[Scope] = &[Scope::UpdateUsers, Scope::UpdateUsersAppMetadata];
        return caller.needs(ANY);
    }
    if only("user_metadata") {
        const ANY: &[Scope] = &[Scope::UpdateUsers, Scope::UpdateCurrentUserMetadata];
        return caller.needs(ANY);
    }
    caller.needs(&[Scope::UpdateUsers])
}

/// What a connection does not let one change: log-ins of networks are the network's.
fn check_changeable(connection: &Connection, changes: &UserChanges) -> Result<()> {
    let ours = connection.is_database() || matches!(connection.provider.as_str(), "email" | "sms");
    if ours {
        let username = changes.texts.iter().find(|(text, _)| *text == Text::Username);
        return check_username(connection, username.and_then(|(_, name)| name.as_deref()));
    }
    let names_are_ours = matches!(
        option(connection, "set_user_root_attributes").and_then(Value::as_str),
        Some("on_first_login" | "never_on_login")
    );
    match changes.names().into_iter().find(|name| match *name {
        "blocked" | "user_metadata" | "app_metadata" => false,
        "name" | "nickname" | "given_name" | "family_name" | "picture" => !names_are_ours,
        _ => true,
    }) {
        Some(name) => Err(Error::invalid(name, "is its network's to change, not ours")),
        None => Ok(()),
    }
}

/// What Auth0's interface keeps of how a connection behaves.
fn option<'a>(connection: &'a Connection, name: &str) -> Option<&'a Value> {
    connection.auth0.get("options")?.get(name)
}

/// That people of this connection have user names, if one is given. In the built-in
/// connection they may.
fn check_username(connection: &Connection, username: Option<&str>) -> Result<()> {
    let have_names =
        connection.is_built_in() || option(connection, "requires_username").and_then(Value::as_bool) == Some(true);
    match username {
        Some(_) if !have_names => Err(Error::invalid("username", NO_USERNAMES)),
        _ => Ok(()),
    }
}

/// Databases keep e-mail addresses and user names in lower case (`api/auth0.md` 6.1); what
/// the built-in one keeps was given through other interfaces, and stays as given.
fn fold_names(connection: &Connection, profile: &mut Profile) {
    if connection.is_database() && !connection.is_built_in() {
        for name in [&mut profile.email, &mut profile.username].into_iter().flatten() {
            *name = name.to_lowercase();
        }
    }
}

/// The names that a database or passwordless identity is found by at log-in. In the built-in
/// connection only those who have a password log in, so only their names are unique.
fn login_names(connection: &Connection, profile: &Profile, has_password: bool) -> Vec<LoginName> {
    if connection.is_built_in() && !has_password {
        return Vec::new();
    }
    [
        (LoginKind::Email, &profile.email),
        (LoginKind::Username, &profile.username),
        (LoginKind::PhoneNumber, &profile.phone_number),
    ]
    .into_iter()
    .filter_map(|(kind, value)| {
        Some(LoginName {
            kind,
            value: value.as_ref()?.to_lowercase(),
        })
    })
    .collect()
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

/// That a password is within the limits of every dialect and of its connection's policy
/// (Auth0's option `passwordPolicy`; `good` unless it says otherwise).
fn check_password(connection: &Connection, password: &SecretString) -> Result<()> {
    let password = password.expose_secret();
    if password.len() > PASSWORD_LIMIT_BYTES {
        return Err(Error::invalid("password", "must have at most 72 bytes"));
    }
    let policy = option(connection, "passwordPolicy");
    let length = password.chars().count();
    let has = |class: fn(char) -> bool| usize::from(password.chars().any(class));
    let classes = has(|c| c.is_lowercase())
        .saturating_add(has(char::is_uppercase))
        .saturating_add(has(|c| c.is_numeric()))
        .saturating_add(has(|c| !c.is_alphanumeric()));
    let repeats = password
        .chars()
        .zip(password.chars().skip(1))
        .zip(password.chars().skip(2));
    let strong = match policy.and_then(Value::as_str) {
        Some("none") => length >= 1,
        Some("low") => length >= 6,
        Some("fair") => {
            length >= 8 && has(|c| c.is_lowercase()) + has(char::is_uppercase) + has(|c| c.is_numeric()) == 3
        }
        Some("excellent") => length >= 10 && classes >= 3 && repeats.clone().all(|((a, b), c)| a != b || b != c),
        _ => length >= 8 && classes >= 3,
    };
    match strong {
        true => Ok(()),
        false => Err(Error::WeakPassword(
            "it takes 8 characters of three kinds: lower case, upper case, digits, others, unless its connection says otherwise",
        )),
    }
}
