//! Tokens of our own, for clients and for people who log in with a password; and the proof
//! that an ID token of ours is.

use std::time::Duration;

use crate::app::App;
use crate::app::authenticate::USER_CLAIM;
use crate::app::passwords::Verdict;
use crate::domain::{Client, ConnectionRef, Grant, Identity, Object, Scopes, UserRef, UserWithIdentities};
use crate::error::{Error, Result};
use crate::id::{ClientId, TenantId};
pub use crate::jwt::Claims;
use crate::jwt::{Fault, TokenKind};
use crate::secret::{Digest, ExposeSecret, SecretString};
use crate::store::{LoginKind, LoginName, ReplacedHash, UserUpdate};

/// How long access tokens live (`api/auth0.md` 2.1).
pub const ACCESS_TOKEN_FOR: Duration = Duration::from_secs(86_400);

/// How often a password may get another hash while one log-in is checked.
const HASH_CHANGES: usize = 4;

/// How long ID tokens live (`api/auth0.md` 2.1).
pub const ID_TOKEN_FOR: Duration = Duration::from_secs(36_000);

/// For whom and for what an access token is.
#[derive(Debug)]
pub struct AccessTokenRequest<'a> {
    /// The client that asked.
    pub client: &'a Client,
    /// Its `sub`, as the dialect spells it.
    pub subject: String,
    /// The person that it acts for, if it does.
    pub user: Option<&'a UserWithIdentities>,
    /// What it allows.
    pub scopes: Scopes,
    /// Our own origin that it is asked of, with a slash.
    pub issuer: &'a str,
    /// For which interface.
    pub audience: String,
}

/// Who was tried in an attempt to log in. It is not for who tries.
#[derive(Debug, Default)]
pub struct Tried {
    /// The identity whose name it was.
    pub identity: Option<Identity>,
}

impl App {
    /// The client that proves itself with this secret; a public one comes without.
    ///
    /// # Errors
    /// [`Error::WrongCredentials`] whether it is the client or the secret that is wrong.
    pub async fn authenticate_client(&self, id: &str, secret: &SecretString) -> Result<Client> {
        let client = match id.parse::<ClientId>() {
            Ok(id) => self.store.find_client(id).await?,
            Err(_) => None,
        };
        let kept = client.as_ref().and_then(|client| client.secret);
        let matches = kept.unwrap_or_else(|| Digest::of(b"")).matches(secret);
        let fits = match &client {
            Some(client) if client.is_public() => secret.expose_secret().is_empty(),
            Some(_) => kept.is_some() && matches,
            None => false,
        };
        client.filter(|_| fits).ok_or(Error::WrongCredentials)
    }

    /// The person who logs in at this connection with this name and password, counted as
    /// a log-in. Who was tried is noted however it ends.
    ///
    /// # Errors
    /// [`Error::GrantNotAllowed`]; [`Error::WrongCredentials`] whatever of name, connection and
    /// password is wrong; [`Error::Blocked`], which only those learn who know the password;
    /// [`Error::Busy`].
    pub async fn log_in(
        &self,
        client: &Client,
        realm: &str,
        name: &str,
        password: &SecretString,
        address: Option<String>,
        tried: &mut Tried,
    ) -> Result<UserWithIdentities> {
        if !client.grants.contains(&Grant::PasswordRealm) {
            return Err(Error::GrantNotAllowed);
        }
        let tenant = client.id.tenant();
        let value = name.to_lowercase();
        let names = [LoginKind::Email, LoginKind::Username].map(|kind| LoginName {
            kind,
            value: value.clone(),
        });
        let (identity, replaced) = self.check_password(tenant, realm, &names, password, tried).await?;
        let found = self.existing_user_with_identities(tenant, identity.user).await?;
        self.logged_in(tenant, found, replaced, address).await
    }

    /// Whose password this is at this connection, by the first of these names that somebody has, and what
    /// to keep of it from now on, if that is another hash than it was.
    pub(super) async fn check_password(
        &self,
        tenant: TenantId,
        realm: &str,
        names: &[LoginName],
        password: &SecretString,
        tried: &mut Tried,
    ) -> Result<(Identity, Option<ReplacedHash>)> {
        let mut login = self.find_login(tenant, realm, names).await?;
        tried.identity = login.as_ref().map(|(identity, _)| identity.clone());
        for _ in 0..HASH_CHANGES {
            let Some((identity, Some(hash))) = login.clone() else {
                let other = self.next_hash(tenant, realm, names).await?;
                self.passwords.verify(password, other, &*self.random).await?;
                return Err(Error::WrongCredentials);
            };
            let replaced = match self
                .passwords
                .verify(password, Some(hash.clone()), &*self.random)
                .await?
            {
                Verdict::Wrong => return Err(Error::WrongCredentials),
                Verdict::Fits => None,
                Verdict::FitsOnce(ours) => Some(ReplacedHash {
                    user: identity.user,
                    identity: identity.id,
                    was: hash,
                    is: ours,
                }),
            };
            // Hashing takes long enough for the password to be changed, or kept as another hash
            // by another log-in, or for the identity to go.
            let now = self.find_login(tenant, realm, names).await?;
            if now == login {
                return Ok((identity, replaced));
            }
            login = now;
        }
        Err(Error::WrongCredentials)
    }

    /// The hash that a password is compared with when nobody has this name: somebody else's, so
    /// that it costs what it would cost if somebody had it, whichever hashes were imported here.
    async fn next_hash(&self, tenant: TenantId, realm: &str, names: &[LoginName]) -> Result<Option<String>> {
        let at = ConnectionRef::Name(realm.to_owned());
        match self.store.find_connection(tenant, &at).await? {
            Some(connection) if connection.is_database() => {
                let name = names.first().map_or("", |name| &name.value);
                Ok(self.store.find_next_hash(tenant, connection.id, name).await?)
            }
            _ => Ok(None),
        }
    }

    /// The identity that logs in at this connection by the first of these names that somebody has, and
    /// what is kept of its password.
    async fn find_login(
        &self,
        tenant: TenantId,
        realm: &str,
        names: &[LoginName],
    ) -> Result<Option<(Identity, Option<String>)>> {
        let at = ConnectionRef::Name(realm.to_owned());
        let Some(connection) = self.store.find_connection(tenant, &at).await? else {
            return Ok(None);
        };
        if !connection.is_database() {
            return Ok(None);
        }
        for name in names {
            let found = self.store.find_login(tenant, connection.id, name).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// An access token (RFC 9068) and how long it lives.
    ///
    /// # Errors
    /// [`Error::Busy`] while the machine's clock cannot be trusted.
    pub fn issue_access_token(&self, request: AccessTokenRequest<'_>) -> Result<(SecretString, Duration)> {
        let mut claims = self.claims(request.issuer, request.subject, request.audience, ACCESS_TOKEN_FOR)?;
        claims.azp = Some(request.client.id.to_string());
        claims.scope = Some(request.scopes.to_string());
        claims.client_epoch = Some(request.client.epoch);
        match request.user {
            Some(found) => {
                claims.user_epoch = Some(found.user.epoch);
                claims.gty = Some("password".to_owned());
                claims
                    .more
                    .insert(USER_CLAIM.to_owned(), found.user.id.to_string().into());
            }
            None => claims.gty = Some("client-credentials".to_owned()),
        }
        Ok((self.signing.ring().sign(TokenKind::Access, claims)?, ACCESS_TOKEN_FOR))
    }

    /// An ID token (OpenID Connect Core 2) with these further claims.
    ///
    /// # Errors
    /// [`Error::Busy`] while the machine's clock cannot be trusted.
    pub fn issue_id_token(
        &self,
        client: &Client,
        found: &UserWithIdentities,
        subject: String,
        issuer: &str,
        more: Object,
    ) -> Result<SecretString> {
        let lives_for = client.id_tokens_for().unwrap_or(ID_TOKEN_FOR);
        let mut claims = self.claims(issuer, subject, client.id.to_string(), lives_for)?;
        claims.user_epoch = Some(found.user.epoch);
        claims.more = more;
        self.signing.ring().sign(TokenKind::Id, claims)
    }

    /// What an ID token of ours says.
    ///
    /// # Errors
    /// What is wrong with it, in full; nothing of this is a secret.
    pub async fn read_id_token(&self, token: &str) -> std::result::Result<Claims, Fault> {
        self.decode(token, TokenKind::Id).await
    }

    /// The pair of users that an ID token was used for, if it was used as a proof.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn find_spent(&self, tenant: TenantId, token: Digest) -> Result<Option<Digest>> {
        Ok(self.store.find_spent(tenant, token).await?)
    }

    fn claims(&self, issuer: &str, subject: String, audience: String, lives_for: Duration) -> Result<Claims> {
        if self.clock.is_suspect() {
            return Err(Error::Busy { retry_after: 30 });
        }
        let now = self.clock.now().as_second();
        let mut name = [0; 12];
        self.random.fill(&mut name);
        Ok(Claims {
            iss: issuer.to_owned(),
            sub: subject,
            aud: vec![audience],
            exp: now.saturating_add(i64::try_from(lives_for.as_secs()).unwrap_or(0)),
            iat: now,
            jti: Some(hex::encode(name)),
            ..Claims::default()
        })
    }

    /// Counts a log-in. When somebody else changes the user at the same moment, that
    /// change wins: a counter is not worth failing a log-in for.
    pub(super) async fn count_log_in(
        &self,
        tenant: TenantId,
        found: &UserWithIdentities,
        address: Option<String>,
    ) -> Result<()> {
        let mut user = found.user.clone();
        user.logins.count = user.logins.count.saturating_add(1);
        user.logins.last_at = Some(self.clock.now());
        user.logins.last_ip = address;
        user.updated_at = self.clock.now();
        user.version = user.version.saturating_add(1);
        let update = UserUpdate {
            user,
            expected_version: found.user.version,
            login: None,
            identity_profile: None,
            event: None,
            bag: None,
            spend: None,
        };
        self.store.update_user(tenant, update).await?;
        Ok(())
    }

    /// The user that an ID token speaks of, and the epoch at which it was made.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn user_of_id_token(&self, tenant: TenantId, which: &UserRef) -> Result<Option<UserWithIdentities>> {
        Ok(self.store.find_user_with_identities(tenant, which).await?)
    }
}
