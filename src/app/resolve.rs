//! `resolve`: whose account is this?

use crate::app::App;
use crate::app::opaque::is_proved;
use crate::domain::{
    Caller, Connection, ConnectionRef, Dialect, IdentityKey, Object, Scope, UserRef, UserWithIdentities, connection,
};
use crate::error::{Error, Noun, Result};
use crate::id::{TenantId, UserId};
use crate::store::LoginName;

/// Where an account of a provider is.
#[derive(Debug)]
pub enum Located {
    /// The tenant has no connection of this provider, or not the one that was named.
    NoConnection,
    /// Nobody has it; the connection, if only one can be meant.
    Unknown(Option<Connection>),
    /// Somebody has it.
    Owned(Connection),
}

/// How an interface that knows names names a user.
#[derive(Debug, Clone)]
pub enum Selector {
    /// By her id.
    Id(UserId),
    /// By a name that she logs in with at the built-in connection; an address counts once it is verified.
    Name(LoginName),
}

impl App {
    /// The user that is meant. Whether the caller may know that she is there, the dialect asks.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn select_user(&self, tenant: TenantId, which: &Selector) -> Result<Option<UserWithIdentities>> {
        match which {
            Selector::Id(id) => Ok(self.store.find_user_with_identities(tenant, &UserRef::Id(*id)).await?),
            Selector::Name(name) => {
                let at = ConnectionRef::Name(connection::BUILT_IN.to_owned());
                let connection = self.existing_connection(tenant, &at).await?;
                let Some((identity, _)) = self.store.find_login(tenant, connection.id, name).await? else {
                    return Ok(None);
                };
                let which = UserRef::Id(identity.user);
                let found = self.store.find_user_with_identities(tenant, &which).await?;
                Ok(found.filter(|found| is_proved(name, found)))
            }
        }
    }

    /// The user whose account this is, with all her identities.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::NotFound`] of the identity, also when it is the
    /// connection that does not exist.
    pub async fn resolve(
        &self,
        caller: &Caller,
        connection: &ConnectionRef,
        subject: &str,
    ) -> Result<UserWithIdentities> {
        caller.needs(&[Scope::ReadUsers])?;
        self.store
            .resolve(caller.tenant, connection, subject)
            .await?
            .ok_or(Error::NotFound(Noun::Identity))
    }

    /// Where an account is that is named by provider, and by connection where the caller
    /// chose one.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; those of the store.
    pub async fn locate(
        &self,
        caller: &Caller,
        among: impl Fn(&Connection) -> bool + Send,
        subject: &str,
    ) -> Result<Located> {
        caller.needs(&[Scope::UpdateUsers, Scope::UpdateCurrentUserIdentities])?;
        let mut candidates = self.store.list_connections(caller.tenant).await?;
        candidates.retain(|connection| among(connection));
        for connection in &candidates {
            let key = IdentityKey {
                connection: connection.id,
                issuer: connection.issuer.clone(),
                subject: subject.to_owned(),
            };
            if self.store.find_identity(caller.tenant, &key).await?.is_some() {
                return Ok(Located::Owned(connection.clone()));
            }
        }
        // Nobody means the built-in database where there is another choice.
        if candidates.len() > 1 {
            candidates.retain(|connection| !connection.is_built_in());
        }
        Ok(match (candidates.pop(), candidates.is_empty()) {
            (None, _) => Located::NoConnection,
            (Some(only), true) => Located::Unknown(Some(only)),
            (Some(_), false) => Located::Unknown(None),
        })
    }

    /// A user with identities.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`], [`Error::NotYourself`], [`Error::NotFound`].
    pub async fn find_user(&self, caller: &Caller, user: &UserRef) -> Result<UserWithIdentities> {
        const OVER_ALL: &[Scope] = &[Scope::ReadUsers, Scope::ReadUserIdpTokens];
        const EITHER: &[Scope] = &[Scope::ReadUsers, Scope::ReadCurrentUser, Scope::ReadUserIdpTokens];
        caller.needs(EITHER)?;
        let found = self.store.find_user_with_identities(caller.tenant, user).await?;
        if !caller.scopes.has_any(OVER_ALL) && found.as_ref().map(|found| found.user.id) != caller.user {
            return Err(Error::NotYourself);
        }
        found.ok_or(Error::NotFound(Noun::User))
    }

    /// What a dialect keeps with a user; nothing when it keeps nothing, or there is no such user.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`], [`Error::NotYourself`].
    pub async fn find_bag(&self, caller: &Caller, user: UserId, dialect: Dialect) -> Result<Object> {
        const OVER_ALL: &[Scope] = &[Scope::ReadUsers];
        const EITHER: &[Scope] = &[Scope::ReadUsers, Scope::ReadCurrentUser];
        caller.needs_over(user, OVER_ALL, &[Scope::ReadCurrentUser], EITHER)?;
        Ok(self.store.find_bag(caller.tenant, user, dialect).await?)
    }
}
