//! Connections: providers as tenants configure them.

use crate::app::App;
use crate::app::link::ATTEMPTS;
use crate::domain::{Caller, Connection, ConnectionRef, KeyOwner, Object, Scope, connection};
use crate::error::{Error, Noun, Result, Unique};
use crate::id::{ConnectionId, TenantId};
use crate::secret::{ExposeSecret, Sealed, SecretString};
use crate::store::Replaced;
use crate::vault::{Field, Place};

/// A connection to be made.
#[derive(Debug, Default)]
pub struct ConnectionRequest {
    /// Unique in the tenant.
    pub name: String,
    /// Our own name of the provider.
    pub provider: String,
    /// Who vouches for subjects, when that is not the provider as such.
    pub issuer: Option<String>,
    /// Our application's id at the provider.
    pub client_id: Option<String>,
    /// Our application's secret there.
    pub client_secret: Option<SecretString>,
    /// What the Auth0 dialect keeps with it.
    pub auth0: Object,
}

impl App {
    /// Makes a connection. A second one for the same network is the operator's to make:
    /// Kii and Knodes use the only one there is.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::Invalid`] naming the field;
    /// [`Error::Conflict`] of the name.
    pub async fn create_connection(&self, caller: &Caller, request: ConnectionRequest) -> Result<Connection> {
        caller.needs(&[Scope::CreateConnections])?;
        self.make_connection(caller.tenant, request).await
    }

    /// The connection that is meant.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`], [`Error::NotFound`].
    pub async fn find_connection(&self, caller: &Caller, which: &ConnectionRef) -> Result<Connection> {
        caller.needs(&[Scope::ReadConnections])?;
        self.existing_connection(caller.tenant, which).await
    }

    /// Changes what may change of a connection: `change` edits its application's id and what
    /// the Auth0 dialect keeps; whatever else it edits stays. A new `client_secret` replaces
    /// the old one, which is dropped with the application that it belongs to.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::NotFound`]; those of `change`; [`Error::Conflict`] when
    /// the application would be another one while identities hang on the connection.
    pub async fn update_connection(
        &self,
        caller: &Caller,
        id: ConnectionId,
        change: &(dyn Fn(&mut Connection) -> Result<()> + Send + Sync),
        client_secret: Option<&SecretString>,
    ) -> Result<Connection> {
        caller.needs(&[Scope::UpdateConnections])?;
        for _ in 0..ATTEMPTS {
            let was = self.existing_connection(caller.tenant, &ConnectionRef::Id(id)).await?;
            let mut edited = was.clone();
            change(&mut edited)?;
            let mut is = Connection {
                client_id: edited.client_id,
                auth0: edited.auth0,
                ..was.clone()
            };
            if is.client_id != was.client_id {
                is.client_secret = None;
            }
            if let Some(secret) = client_secret {
                is.client_secret = Some(self.seal_client_secret(caller.tenant, id, secret).await?);
            }
            match self.store.update_connection(caller.tenant, &was, &is).await? {
                Replaced::Done => return Ok(is),
                Replaced::Changed => {}
                Replaced::Gone => return Err(Error::NotFound(Noun::Connection)),
                Replaced::InUse => return Err(Error::Conflict(Unique::ConnectionInUse)),
            }
        }
        Err(Error::Busy { retry_after: 1 })
    }

    /// Every connection of the tenant, oldest first.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`].
    pub async fn list_connections(&self, caller: &Caller) -> Result<Vec<Connection>> {
        caller.needs(&[Scope::ReadConnections])?;
        self.connections_of(caller.tenant).await
    }

    /// Every connection of a tenant, oldest first: what identities are spelled with.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn connections_of(&self, tenant: TenantId) -> Result<Vec<Connection>> {
        Ok(self.store.list_connections(tenant).await?)
    }

    pub(super) async fn existing_connection(&self, tenant: TenantId, which: &ConnectionRef) -> Result<Connection> {
        self.store
            .find_connection(tenant, which)
            .await?
            .ok_or(Error::NotFound(Noun::Connection))
    }

    pub(super) async fn make_connection(&self, tenant: TenantId, request: ConnectionRequest) -> Result<Connection> {
        check_name("name", &request.name)?;
        check_provider(&request.provider)?;
        let id = ConnectionId::new(&*self.random);
        let client_secret = match request.client_secret {
            None => None,
            Some(secret) => Some(self.seal_client_secret(tenant, id, &secret).await?),
        };
        let connection = Connection {
            id,
            name: request.name,
            issuer: request.issuer.unwrap_or_else(|| request.provider.clone()),
            provider: request.provider,
            client_id: request.client_id,
            client_secret,
            auth0: request.auth0,
            created_at: self.clock.now(),
        };
        match self.store.create_connection(tenant, &connection).await? {
            true => Ok(connection),
            false => Err(Error::Conflict(Unique::ConnectionName)),
        }
    }

    async fn seal_client_secret(&self, tenant: TenantId, id: ConnectionId, secret: &SecretString) -> Result<Sealed> {
        let (key, _) = self.key_for(tenant, KeyOwner::Service).await?;
        self.vault
            .seal(&key, &secret_place(id), secret.expose_secret().as_bytes())
    }

    /// The two database connections that a new tenant has.
    pub(super) fn first_connections(&self) -> Vec<Connection> {
        [connection::AUTH0_DEFAULT, connection::BUILT_IN]
            .into_iter()
            .map(|name| Connection {
                id: ConnectionId::new(&*self.random),
                name: name.to_owned(),
                provider: connection::DATABASE.to_owned(),
                issuer: connection::DATABASE.to_owned(),
                client_id: None,
                client_secret: None,
                auth0: Object::new(),
                created_at: self.clock.now(),
            })
            .collect()
    }
}

/// Where the secret of a connection's application lies.
pub(super) const fn secret_place(connection: ConnectionId) -> Place<'static> {
    Place {
        connection: Some(connection),
        issuer: "",
        subject: "",
        field: Field::ClientSecret,
        version: 1,
    }
}

/// That a text can be the name of a connection: letters, digits and single dashes between
/// them, at most 128 (`api/auth0.md` 11.1). Such a name is never mistaken for an id.
pub(super) fn check_name(field: &'static str, name: &str) -> Result<()> {
    let fine = (1..=128).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    match fine {
        true => Ok(()),
        false => Err(Error::invalid(
            field,
            "must have 1 to 128 letters, digits and dashes, and no dash at either end",
        )),
    }
}

fn check_provider(provider: &str) -> Result<()> {
    let fine = (1..=64).contains(&provider.len())
        && provider
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    match fine {
        true => Ok(()),
        false => Err(Error::invalid(
            "provider",
            "must have 1 to 64 lower-case letters, digits and dashes",
        )),
    }
}
