//! Opaque tokens: handed out, believed, renewed; and what their bearers may do.
//!
//! A token is the number of its tenant and 256 random bits, so whose it is can be asked without a scan; only
//! its hash is kept. What would surprise: a token that everybody can have is kept nowhere and is the same
//! for everybody. It opens what the name of its tenant opens, and strangers cannot fill the store with it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use crate::app::App;
use crate::app::link::ATTEMPTS;
use crate::app::log_in::Tried;
use crate::domain::{Caller, Dialect, Scope, Scopes, Tenant, UserWithIdentities, connection};
use crate::error::{Error, Noun, Result, Unauthenticated};
use crate::id::{ClientId, TenantId, UserId};
use crate::secret::{Digest, SecretString};
use crate::store::{AllowedBy, Bearer, Issued, NewTokens, Renewal, ReplacedHash};
pub use crate::store::{LoginKind, LoginName};

/// Who sends a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// Nobody in particular.
    Anybody,
    /// A person.
    User(UserId),
    /// Whoever acts for the tenant.
    Admin,
}

/// Until when tokens are good, and whether they can be renewed.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// When the access token ends.
    pub ends_at: Timestamp,
    /// Whether a refresh token comes with it.
    pub can_refresh: bool,
}

/// Tokens for their bearer.
#[derive(Debug)]
pub struct Handed {
    /// The access token.
    pub access: SecretString,
    /// The refresh token, if there is one.
    pub refresh: Option<SecretString>,
}

impl App {
    /// Who sends this token, and of which tenant.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`].
    pub async fn believe_opaque(&self, token: &str) -> Result<(TenantId, Holder)> {
        let invalid = || Error::Unauthenticated(Unauthenticated::Invalid);
        let tenant = tenant_of(token).ok_or_else(invalid)?;
        if token == token_of(tenant, Digest::of(&tenant.number().to_be_bytes()).as_bytes()) {
            return Ok((tenant, Holder::Anybody));
        }
        let digest = Digest::of(token.as_bytes());
        let found = self.store.find_token(tenant, digest, self.clock.now()).await?;
        match found.ok_or_else(invalid)? {
            Bearer::User(user) | Bearer::Pseudo(user) => Ok((tenant, Holder::User(user))),
            Bearer::Admin => Ok((tenant, Holder::Admin)),
        }
    }

    /// The caller who came by a dialect that knows no clients. Strangers may sign up, and nothing else.
    pub fn caller_by(
        &self,
        tenant: TenantId,
        holder: Holder,
        dialect: Dialect,
        token: Option<&str>,
        issuer: &std::sync::Arc<str>,
    ) -> Caller {
        let user = match holder {
            Holder::User(user) => Some(user),
            Holder::Anybody | Holder::Admin => None,
        };
        Caller {
            tenant,
            client: ClientId::of_dialect(tenant, dialect.name().as_bytes()),
            user,
            credential: user.and(token).map(|token| Digest::of(token.as_bytes())),
            scopes: match holder {
                Holder::Anybody => Scopes::from_iter([Scope::CreateUsers]),
                Holder::User(_) => Scopes::for_users(),
                Holder::Admin => Scopes::for_machines(),
            },
            issuer: issuer.clone(),
        }
    }

    /// The tenant of this number.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn tenant_of_id(&self, id: TenantId) -> Result<Tenant> {
        self.store.find_tenant(id).await?.ok_or(Error::NotFound(Noun::Tenant))
    }

    /// The token that everybody can have.
    pub fn open_token(&self, tenant: TenantId) -> String {
        token_of(tenant, Digest::of(&tenant.number().to_be_bytes()).as_bytes())
    }

    /// Tokens for whoever has the secret of Kii's administrator.
    ///
    /// # Errors
    /// [`Error::WrongCredentials`] whether it is the id or the secret that is wrong.
    pub async fn hand_to_admin(
        &self,
        tenant: TenantId,
        id: &str,
        secret: &SecretString,
        terms: Terms,
    ) -> Result<Handed> {
        let credentials = self.tenant_of_id(tenant).await?.credentials;
        if !credentials.kii_client_secret.matches(secret) || credentials.kii_client_id != id {
            return Err(Error::WrongCredentials);
        }
        let allowed_by = AllowedBy::AdminSecret(credentials.kii_client_secret);
        self.hand(tenant, Bearer::Admin, allowed_by, terms)
            .await?
            .ok_or(Error::WrongCredentials)
    }

    /// Tokens for a person who was just believed or made, as she was read then; nothing when what counts of
    /// her has changed since.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn hand_to_user(
        &self,
        tenant: TenantId,
        found: &UserWithIdentities,
        terms: Terms,
    ) -> Result<Option<Handed>> {
        let has_password = found.identities.iter().any(|identity| identity.has_password);
        let bearer = match has_password {
            true => Bearer::User(found.user.id),
            false => Bearer::Pseudo(found.user.id),
        };
        self.hand(tenant, bearer, AllowedBy::Epoch(found.user.epoch), terms)
            .await
    }

    /// Tokens for a person who logs in at the built-in connection by one of these names and a password.
    /// An address that is not verified is no name.
    ///
    /// # Errors
    /// [`Error::WrongCredentials`] whatever of name and password is wrong; [`Error::Blocked`], which only
    /// those learn who know the password; [`Error::Busy`].
    pub async fn hand_to_person(
        &self,
        tenant: TenantId,
        names: &[LoginName],
        password: &SecretString,
        address: Option<String>,
        terms: Terms,
    ) -> Result<(UserWithIdentities, Handed)> {
        for _ in 0..ATTEMPTS {
            let mut tried = Tried::default();
            let (identity, replaced) = self
                .check_password(tenant, connection::BUILT_IN, names, password, &mut tried)
                .await?;
            let found = self.existing_user_with_identities(tenant, identity.user).await?;
            if !names.iter().any(|name| is_proved(name, &found)) {
                return Err(Error::WrongCredentials);
            }
            let found = self.logged_in(tenant, found, replaced, address.clone()).await?;
            if let Some(handed) = self.hand_to_user(tenant, &found, terms).await? {
                return Ok((found, handed));
            }
        }
        Err(Error::Busy { retry_after: 1 })
    }

    /// New tokens in the place of a refresh token and of the access token that it came with; whose they
    /// are.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when the refresh token is unknown, was used or has ended.
    pub async fn refresh_opaque(&self, tenant: TenantId, token: &str, terms: Terms) -> Result<(Holder, Handed)> {
        let (access, refresh) = self.new_pair(tenant, terms);
        let renewal = Renewal {
            access: Digest::of(access.as_bytes()),
            ends_at: terms.ends_at,
            refresh: refresh.as_ref().map(|refresh| Digest::of(refresh.as_bytes())),
        };
        let taken = Digest::of(token.as_bytes());
        let holder = match self.store.refresh_tokens(tenant, taken, renewal).await? {
            Some(Bearer::User(user) | Bearer::Pseudo(user)) => Holder::User(user),
            Some(Bearer::Admin) => Holder::Admin,
            None => return Err(Error::Unauthenticated(Unauthenticated::Invalid)),
        };
        Ok((holder, handed(access, refresh)))
    }

    async fn hand(
        &self,
        tenant: TenantId,
        bearer: Bearer,
        allowed_by: AllowedBy,
        terms: Terms,
    ) -> Result<Option<Handed>> {
        let (access, refresh) = self.new_pair(tenant, terms);
        let new = NewTokens {
            bearer,
            access: Digest::of(access.as_bytes()),
            ends_at: terms.ends_at,
            refresh: refresh.as_ref().map(|refresh| Digest::of(refresh.as_bytes())),
        };
        match self.store.issue_tokens(tenant, new, allowed_by).await? {
            Issued::Done => Ok(Some(handed(access, refresh))),
            Issued::Changed => Ok(None),
        }
    }

    fn new_pair(&self, tenant: TenantId, terms: Terms) -> (String, Option<String>) {
        let new = || {
            let mut bytes = [0; 32];
            self.random.fill(&mut bytes);
            token_of(tenant, &bytes)
        };
        (new(), terms.can_refresh.then(new))
    }

    /// What happens when somebody has proved herself with a password: her hash is renewed, and the log-in
    /// counted.
    pub(super) async fn logged_in(
        &self,
        tenant: TenantId,
        found: UserWithIdentities,
        replaced: Option<ReplacedHash>,
        address: Option<String>,
    ) -> Result<UserWithIdentities> {
        if found.user.blocked == Some(true) {
            return Err(Error::Blocked);
        }
        if let Some(replaced) = replaced {
            // When it is not kept, somebody else has kept a hash of ours, or changed the password.
            self.store.replace_hash(tenant, replaced).await?;
        }
        self.count_log_in(tenant, &found, address).await?;
        self.user_after_act(tenant, found.user.id).await
    }
}

/// Whether a name is not only hers but was proved to be, where names are.
pub(super) fn is_proved(name: &LoginName, found: &UserWithIdentities) -> bool {
    let profile = &found.user.profile;
    match name.kind {
        LoginKind::Username => true,
        LoginKind::Email => profile.email_verified == Some(true),
        LoginKind::PhoneNumber => profile.phone_verified == Some(true),
    }
}

fn handed(access: String, refresh: Option<String>) -> Handed {
    Handed {
        access: access.into(),
        refresh: refresh.map(SecretString::from),
    }
}

fn token_of(tenant: TenantId, random: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode([&tenant.number().to_be_bytes()[..], random].concat())
}

fn tenant_of(token: &str) -> Option<TenantId> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok().filter(|bytes| bytes.len() == 40)?;
    let number = i64::from_be_bytes(*bytes.first_chunk()?);
    (number > 0).then(|| TenantId::from_number(number))
}
