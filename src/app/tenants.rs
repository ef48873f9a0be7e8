//! Tenants and their clients: the operator's verbs, called by the command line alone, which
//! proves itself by having access to the data directory.

use crate::app::App;
use crate::app::connections::{ConnectionRequest, check_name};
use crate::domain::tenant::OpaqueCredentials;
use crate::domain::{Caller, Client, Connection, ConnectionRef, Grant, KeyOwner, Object, Scopes, Settings, Tenant};
use crate::error::{Error, Noun, Result, Unique};
use crate::id::{ClientId, TenantId};
use crate::secret::{Digest, SecretString};
use crate::store::NewTenant;

/// What a new tenant's clients need in each dialect. It is known once, here.
#[derive(Debug)]
pub struct Credentials {
    /// The tenant's name.
    pub tenant: String,
    /// Of the Auth0 dialect and `/link/v1`: a client with every right over the tenant.
    pub client_id: ClientId,
    /// Its secret.
    pub client_secret: SecretString,
    /// What its tokens are asked for.
    pub audience: String,
    /// Kii's application id.
    pub kii_app_id: String,
    /// Kii's application key.
    pub kii_app_key: SecretString,
    /// Kii's administrator.
    pub kii_client_id: String,
    /// The secret of Kii's administrator.
    pub kii_client_secret: SecretString,
    /// Knodes' customer.
    pub knodes_customer_id: String,
    /// The customer's secret.
    pub knodes_customer_secret: SecretString,
}

impl App {
    /// Makes a tenant with two database connections and one client.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `name`; [`Error::Conflict`] when it is in use.
    pub async fn create_tenant(&self, name: &str) -> Result<Credentials> {
        check_name("name", name)?;
        let id = TenantId::new(&*self.random);
        let (client, client_secret) =
            self.new_client(id, "default", &[Grant::ClientCredentials], Scopes::for_machines());
        let (opaque, secrets) = self.new_opaque_credentials(id);
        let (tenant_key, key) = self.vault.new_tenant_key(id)?;
        let (_, service_key) = self.vault.new_key(&tenant_key, KeyOwner::Service)?;
        let new = NewTenant {
            tenant: Tenant {
                id,
                name: name.to_owned(),
                settings: Settings::default(),
                credentials: opaque,
                created_at: self.clock.now(),
            },
            key,
            service_key,
            connections: self.first_connections(),
            client: client.clone(),
        };
        let credentials = self.credentials(&new.tenant, &client, client_secret, secrets);
        match self.store.create_tenant(new).await? {
            true => Ok(credentials),
            false => Err(Error::Conflict(Unique::TenantName)),
        }
    }

    /// Every tenant, by name.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list_tenants(&self) -> Result<Vec<Tenant>> {
        Ok(self.store.list_tenants().await?)
    }

    /// The tenant of this name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn find_tenant(&self, name: &str) -> Result<Tenant> {
        self.store
            .find_tenant_named(name)
            .await?
            .ok_or(Error::NotFound(Noun::Tenant))
    }

    /// A caller's own tenant.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn tenant_of(&self, caller: &Caller) -> Result<Tenant> {
        self.store
            .find_tenant(caller.tenant)
            .await?
            .ok_or(Error::NotFound(Noun::Tenant))
    }

    /// The settings of a caller's own tenant.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn settings_of(&self, tenant: TenantId) -> Result<Settings> {
        self.store
            .find_settings(tenant)
            .await?
            .ok_or(Error::NotFound(Noun::Tenant))
    }

    /// Changes settings of a tenant; the settings as they are then.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] naming the setting: nothing was changed then.
    pub async fn set_settings(&self, name: &str, changes: &[(String, String)]) -> Result<Settings> {
        let mut tenant = self.find_tenant(name).await?;
        for (setting, value) in changes {
            tenant.settings.set(setting, value)?;
        }
        self.store.update_settings(tenant.id, &tenant.settings).await?;
        Ok(tenant.settings)
    }

    /// Gives a client a new secret and ends its tokens; without a client, likewise for the
    /// tenant's oldest client and the credentials of the other dialects.
    ///
    /// # Errors
    /// [`Error::NotFound`] of the tenant or the client.
    pub async fn rotate_secrets(&self, name: &str) -> Result<Credentials> {
        let tenant = self.find_tenant(name).await?;
        let clients = self.store.list_clients(tenant.id).await?;
        let client = clients.first().ok_or(Error::NotFound(Noun::Client))?;
        let secret = self.rotate_client(name, client.id).await?;
        let (mut opaque, secrets) = self.new_opaque_credentials(tenant.id);
        opaque.kii_client_id.clone_from(&tenant.credentials.kii_client_id);
        opaque
            .knodes_customer_id
            .clone_from(&tenant.credentials.knodes_customer_id);
        self.store.update_credentials(tenant.id, &opaque).await?;
        let tenant = Tenant {
            credentials: opaque,
            ..tenant
        };
        Ok(self.credentials(&tenant, client, secret, secrets))
    }

    /// Gives one client a new secret and ends its tokens.
    ///
    /// # Errors
    /// [`Error::NotFound`] of the tenant or the client.
    pub async fn rotate_client(&self, name: &str, client: ClientId) -> Result<SecretString> {
        let tenant = self.find_tenant(name).await?;
        if client.tenant() != tenant.id {
            return Err(Error::NotFound(Noun::Client));
        }
        Ok(self.rotate(client).await?.1)
    }

    /// Gives a client that can keep one a new secret, and ends its tokens.
    pub(super) async fn rotate(&self, id: ClientId) -> Result<(Client, SecretString)> {
        let gone = || Error::NotFound(Noun::Client);
        let client = self.store.find_client(id).await?.ok_or_else(gone)?;
        if client.is_public() {
            return Err(Error::Unsupported("a secret for a public client"));
        }
        let secret = self.new_secret();
        match self.store.rotate_client(id, Digest::of_secret(&secret)).await? {
            true => Ok((client, secret)),
            false => Err(gone()),
        }
    }

    /// Adds a client to a tenant.
    ///
    /// # Errors
    /// [`Error::NotFound`] of the tenant.
    pub async fn add_client(
        &self,
        tenant: &str,
        name: &str,
        grants: &[Grant],
        scopes: Option<Scopes>,
    ) -> Result<(Client, SecretString)> {
        let tenant = self.find_tenant(tenant).await?;
        let scopes = scopes.unwrap_or_else(Scopes::for_machines).and(Scopes::for_machines());
        let (client, secret) = self.new_client(tenant.id, name, grants, scopes);
        self.store.create_client(&client).await?;
        Ok((client, secret))
    }

    /// Every client of a tenant, oldest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] of the tenant.
    pub async fn list_clients(&self, tenant: &str) -> Result<Vec<Client>> {
        let tenant = self.find_tenant(tenant).await?;
        Ok(self.store.list_clients(tenant.id).await?)
    }

    /// That a caller's tenant has this client.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn check_client(&self, caller: &Caller, client: ClientId) -> Result<()> {
        let known = client.tenant() == caller.tenant && self.store.find_standing(client).await?.is_some();
        known.then_some(()).ok_or(Error::NotFound(Noun::Client))
    }

    /// Removes a client and ends its tokens.
    ///
    /// # Errors
    /// [`Error::NotFound`] of the tenant or the client.
    pub async fn remove_client(&self, tenant: &str, client: ClientId) -> Result<()> {
        let tenant = self.find_tenant(tenant).await?;
        if client.tenant() != tenant.id || !self.store.delete_client(client).await? {
            return Err(Error::NotFound(Noun::Client));
        }
        Ok(())
    }

    /// Adds a connection to a tenant, by its operator.
    ///
    /// # Errors
    /// Those of [`App::create_connection`]; [`Error::NotFound`] of the tenant.
    pub async fn add_connection(&self, tenant: &str, request: ConnectionRequest) -> Result<Connection> {
        let tenant = self.find_tenant(tenant).await?;
        self.make_connection(tenant.id, request).await
    }

    /// Every connection of a tenant, oldest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] of the tenant.
    pub async fn connections_of_tenant(&self, tenant: &str) -> Result<Vec<Connection>> {
        let tenant = self.find_tenant(tenant).await?;
        self.connections_of(tenant.id).await
    }

    /// Removes a connection on which no identity hangs.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] while identities hang on it;
    /// [`Error::Invalid`] for the built-in one.
    pub async fn remove_connection(&self, tenant: &str, which: &ConnectionRef) -> Result<()> {
        let tenant = self.find_tenant(tenant).await?;
        let connection = self.existing_connection(tenant.id, which).await?;
        if connection.is_built_in() {
            return Err(Error::invalid("connection", "is built in: users are born in it"));
        }
        match self.store.delete_connection(tenant.id, connection.id).await? {
            true => Ok(()),
            false => Err(Error::Conflict(Unique::ConnectionInUse)),
        }
    }

    fn new_client(&self, tenant: TenantId, name: &str, grants: &[Grant], scopes: Scopes) -> (Client, SecretString) {
        let secret = self.new_secret();
        let client = Client {
            id: ClientId::new(tenant, &*self.random),
            name: name.to_owned(),
            secret: Some(Digest::of_secret(&secret)),
            grants: grants.to_vec(),
            scopes: Some(scopes),
            auth0: Object::new(),
            epoch: 1,
            created_at: self.clock.now(),
        };
        (client, secret)
    }

    /// Kii's and Knodes' credentials: ids that begin with the tenant's, and new secrets.
    fn new_opaque_credentials(&self, tenant: TenantId) -> (OpaqueCredentials, OpaqueSecrets) {
        let secrets = OpaqueSecrets {
            kii_app_key: self.new_hex::<16>().into(),
            kii_client_secret: self.new_hex::<32>().into(),
            knodes_customer_secret: self.new_hex::<32>().into(),
        };
        let credentials = OpaqueCredentials {
            kii_app_key: Digest::of_secret(&secrets.kii_app_key),
            kii_client_id: format!("{}{}", tenant_hex(tenant), self.new_hex::<8>()),
            kii_client_secret: Digest::of_secret(&secrets.kii_client_secret),
            knodes_customer_id: format!("{}{}", tenant_hex(tenant), self.new_hex::<4>()),
            knodes_customer_secret: Digest::of_secret(&secrets.knodes_customer_secret),
        };
        (credentials, secrets)
    }

    fn credentials(
        &self,
        tenant: &Tenant,
        client: &Client,
        client_secret: SecretString,
        opaque: OpaqueSecrets,
    ) -> Credentials {
        Credentials {
            tenant: tenant.name.clone(),
            client_id: client.id,
            client_secret,
            audience: format!("{}api/v2/", self.origins.first_issuer()),
            kii_app_id: tenant_hex(tenant.id),
            kii_app_key: opaque.kii_app_key,
            kii_client_id: tenant.credentials.kii_client_id.clone(),
            kii_client_secret: opaque.kii_client_secret,
            knodes_customer_id: tenant.credentials.knodes_customer_id.clone(),
            knodes_customer_secret: opaque.knodes_customer_secret,
        }
    }

    /// 256 random bits, as the secrets of clients are written.
    pub(super) fn new_secret(&self) -> SecretString {
        self.new_hex::<32>().into()
    }

    pub(super) fn new_hex<const BYTES: usize>(&self) -> String {
        let mut bytes = [0; BYTES];
        self.random.fill(&mut bytes);
        hex::encode(bytes)
    }
}

/// The secrets of the dialects that know no clients of their own.
struct OpaqueSecrets {
    kii_app_key: SecretString,
    kii_client_secret: SecretString,
    knodes_customer_secret: SecretString,
}

/// A tenant's id without its prefix: Kii's application id, and how Knodes' customer ids begin.
fn tenant_hex(tenant: TenantId) -> String {
    format!("{:016x}", tenant.number())
}
