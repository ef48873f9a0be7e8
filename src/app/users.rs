//! Users: made, listed, erased.
//!
//! Where one is born decides what she logs in with: at a database connection, names that are
//! unique there and a password. What is changed of her later is `update_user`.

use std::time::Duration;

use serde_json::Value;

use crate::app::link::{Account, OnceKey};
use crate::app::{App, ImportedHash};
use crate::domain::{
    Caller, Connection, ConnectionRef, Dialect, EventKind, ExternalIdentity, NewEvent, Object, Profile, Proof, Scope,
    User, UserRef, UserWithIdentities, connection,
};
use crate::error::{Error, NetworkRefusal, Noun, Result, Unique};
use crate::id::{IdentityId, TenantId, UserId};
use crate::secret::{ExposeSecret, SecretString};
pub use crate::store::Page;
use crate::store::{Created, Login, LoginKind, LoginName, NewIdentity, NewUser};

/// How often a store with too much to do is asked for what an act has left, and how long after the
/// time before: for five seconds.
const SHOWN_AFTER_ACT: u32 = 50;
const SHOWN_EVERY: Duration = Duration::from_millis(100);

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
    /// What `password` must be.
    pub password_rule: PasswordRule,
    /// The hash of her password that was made elsewhere, instead of `password`.
    pub imported: Option<ImportedHash>,
    /// Whether she may not log in.
    pub blocked: Option<bool>,
    /// Auth0's bag that she may write.
    pub user_metadata: Option<Object>,
    /// Auth0's bag that she may not write.
    pub app_metadata: Option<Object>,
    /// An account of hers elsewhere, attached in the same act.
    pub also: Option<Account>,
    /// What a dialect keeps with her.
    pub bag: Option<(Dialect, Object)>,
    /// That the request takes effect once.
    pub once: Option<OnceKey>,
}

/// What a new password must be, beside short enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PasswordRule {
    /// What its connection says.
    #[default]
    OfConnection,
    /// Whoever asks has looked at it: a dialect that has a rule of its own.
    OfCaller,
}

impl App {
    /// Makes a user; `true` when the same request had made her before.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::NotFound`] of a connection; [`Error::Invalid`] naming the
    /// field; [`Error::Conflict`] of an id or log-in name; [`Error::IdentityTaken`]; [`Error::IdentityErased`];
    /// [`Error::WeakPassword`]; [`Error::KeyReused`].
    pub async fn create_user(&self, caller: &Caller, request: UserRequest) -> Result<(UserWithIdentities, bool)> {
        caller.needs(&[Scope::CreateUsers])?;
        self.make_user(caller, request).await
    }

    /// The same for whoever has another right to it than over all users.
    pub(super) async fn make_user(&self, caller: &Caller, request: UserRequest) -> Result<(UserWithIdentities, bool)> {
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

        let password = match (&request.password, &request.imported) {
            (Some(password), None) => Some(self.hash_password(&connection, password, request.password_rule).await?),
            (None, Some(imported)) => Some(keep_imported(&connection, imported)?),
            (None, None) => None,
            (Some(_), Some(_)) => return Err(Error::invalid("password_hash", "excludes a password")),
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
            spend: None,
        };
        let created = event(EventKind::UserCreated {
            identity: born.id,
            connection: connection.id,
            proof: Proof::Asserted,
        });
        let mut marked = Vec::from_iter(self.marked(tenant, &connection, &born, &created).await?);
        let mut events = vec![created.clone()];
        let (more, key, shown) = match request.also {
            None => (Vec::new(), None, None),
            Some(account) => {
                let account = self.read_account(tenant, account, Proof::Asserted).await?;
                let id = IdentityId::new(&*self.clock, &*self.random);
                events.push(event(EventKind::IdentityLinked {
                    identity: id,
                    connection: account.connection.id,
                    proof: account.external.proof(),
                }));
                let (identity, key) = self.new_identity(caller, user.id, id, &account).await?;
                marked.extend(self.marked(tenant, &account.connection, &identity, &created).await?);
                (vec![identity], key, Some((id, account)))
            }
        };
        let once = request.once.as_ref().map(|once| self.once(once, user.id, None));
        let id = user.id;
        let new = NewUser {
            user,
            born,
            more,
            bag: request.bag,
            key,
            once,
            events,
            marked,
        };
        match self.store.create_user(tenant, new).await? {
            Created::Done => {
                if let Some((identity, account)) = shown {
                    self.tell_of_alike(caller, id, identity, &account).await;
                }
                Ok((self.user_after_act(tenant, id).await?, false))
            }
            Created::Repeated(done) => match request.once {
                Some(once) if once.request == done.request => {
                    Ok((self.existing_user_with_identities(tenant, done.user).await?, true))
                }
                _ => Err(Error::KeyReused),
            },
            Created::IdentityTaken if chosen => Err(Error::Conflict(Unique::UserId)),
            Created::IdentityTaken => Err(Error::IdentityTaken),
            Created::Erased => Err(Error::IdentityErased),
            Created::BirthplaceTaken => Err(Error::Conflict(Unique::UserId)),
            Created::Spent => Err(Error::NetworkRefused(NetworkRefusal::Replayed)),
            Created::LoginTaken(kind) => Err(Error::Conflict(kind.unique())),
        }
    }

    /// Erases a user and everything of hers; nothing happens when there is none. Her accounts at networks
    /// are recognised for as long as her tenant says.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`], [`Error::NotYourself`].
    pub async fn delete_user(&self, caller: &Caller, which: &UserRef) -> Result<bool> {
        caller.needs(&[Scope::DeleteUsers, Scope::DeleteCurrentUser])?;
        let found = self.store.find_user(caller.tenant, which).await?;
        if !caller.scopes.has(Scope::DeleteUsers) && found.as_ref().map(|user| user.id) != caller.user {
            return Err(Error::NotYourself);
        }
        let Some(user) = found else { return Ok(false) };
        let event = NewEvent {
            kind: EventKind::UserDeleted,
            user: user.id,
            actor: caller.actor(),
            at: self.clock.now(),
            sealed: None,
        };
        let marking = self.marking(caller.tenant).await?;
        let deleted = self.store.delete_user(caller.tenant, user.id, event, marking).await?;
        self.forget_key(caller.tenant, user.id);
        Ok(deleted)
    }

    /// A page of users with identities.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`].
    pub async fn list_users(&self, caller: &Caller, page: Page) -> Result<Vec<UserWithIdentities>> {
        caller.needs(&[Scope::ReadUsers])?;
        Ok(self.store.list_users(caller.tenant, page).await?)
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

    /// A user as an act that was done has left her. The act stands, so a store that has too much to
    /// do is asked again for a while.
    pub(super) async fn user_after_act(&self, tenant: TenantId, id: UserId) -> Result<UserWithIdentities> {
        for _ in 0..SHOWN_AFTER_ACT {
            match self.existing_user_with_identities(tenant, id).await {
                Err(Error::Busy { .. }) => tokio::time::sleep(SHOWN_EVERY).await,
                shown => return shown.map_err(Error::after_act),
            }
        }
        Err(Error::OutcomeUnknown)
    }

    pub(super) async fn hash_password(
        &self,
        connection: &Connection,
        password: &SecretString,
        rule: PasswordRule,
    ) -> Result<String> {
        takes_passwords(connection, "password")?;
        check_password(connection, password, rule)?;
        self.passwords.hash(password, &*self.random).await
    }
}

fn takes_passwords(connection: &Connection, field: &'static str) -> Result<()> {
    match connection.is_database() {
        true => Ok(()),
        false => Err(Error::invalid(field, "cannot be set for a user of this connection")),
    }
}

/// What is kept of a password that was hashed elsewhere. Whether the password meets the policy
/// of the connection nobody knows.
pub(super) fn keep_imported(connection: &Connection, imported: &ImportedHash) -> Result<String> {
    takes_passwords(connection, "password_hash")?;
    Ok(imported.as_text().expose_secret().to_owned())
}

/// The names that a database or passwordless identity is found by at log-in. In the built-in
/// connection only those who have a password log in, so only their names are unique, and no address
/// that is known not to be verified: whoever verifies it first has it.
pub(super) fn login_names(connection: &Connection, profile: &Profile, has_password: bool) -> Vec<LoginName> {
    if connection.is_built_in() && !has_password {
        return Vec::new();
    }
    let counts = |verified: Option<bool>| !connection.is_built_in() || verified != Some(false);
    let email = profile.email.as_ref().filter(|_| counts(profile.email_verified));
    let phone_number = profile.phone_number.as_ref();
    let phone_number = phone_number.filter(|_| counts(profile.phone_verified));
    [
        (LoginKind::Email, email),
        (LoginKind::Username, profile.username.as_ref()),
        (LoginKind::PhoneNumber, phone_number),
    ]
    .into_iter()
    .filter_map(|(kind, value)| {
        Some(LoginName {
            kind,
            value: value?.to_lowercase(),
        })
    })
    .collect()
}

/// That people of this connection have user names, if one is given. In the built-in
/// connection they may.
pub(super) fn check_username(connection: &Connection, username: Option<&str>) -> Result<()> {
    let have_names =
        connection.is_built_in() || connection.option("requires_username").and_then(Value::as_bool) == Some(true);
    match username {
        Some(_) if !have_names => Err(Error::invalid("username", NO_USERNAMES)),
        _ => Ok(()),
    }
}

/// Whether names are kept in lower case at a connection.
pub(super) fn folds_names(connection: &Connection) -> bool {
    connection.is_database() && !connection.is_built_in()
}

/// Databases keep e-mail addresses and user names in lower case (`api/auth0.md` 6.1); what
/// the built-in one keeps was given through other interfaces, and stays as given.
pub(super) fn fold_names(connection: &Connection, profile: &mut Profile) {
    if folds_names(connection) {
        for name in [&mut profile.email, &mut profile.username].into_iter().flatten() {
            *name = name.to_lowercase();
        }
    }
}

/// That a password is within the limits of every dialect and of its connection's policy
/// (Auth0's option `passwordPolicy`; `good` unless it says otherwise).
fn check_password(connection: &Connection, password: &SecretString, rule: PasswordRule) -> Result<()> {
    let password = password.expose_secret();
    if password.len() > PASSWORD_LIMIT_BYTES {
        return Err(Error::invalid("password", "must have at most 72 bytes"));
    }
    if rule == PasswordRule::OfCaller {
        return Ok(());
    }
    let policy = connection.option("passwordPolicy");
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
