//! A tenant that acts by the credentials of the opaque dialects: how it proves itself, and how it
//! deposits its applications at networks.
//!
//! What would surprise: whoever withdraws an application that users are connected by erases its secret
//! and keeps its id, because their accounts are known by it: they come back with that same
//! application, and no other can take its place.

use std::sync::Arc;

use crate::app::App;
use crate::app::connections::ConnectionRequest;
use crate::app::link::ATTEMPTS;
use crate::domain::{Caller, Connection, Scope, Scopes, Tenant};
use crate::error::{Error, Noun, Result, Unique};
use crate::id::{ClientId, TenantId};
use crate::providers;
use crate::secret::{Digest, SecretString};
use crate::store::Replaced;

/// The longest id of an application, in bytes.
const APPLICATION_LIMIT_BYTES: usize = 255;

impl App {
    /// The tenant that has this id and secret as Knodes' customer.
    ///
    /// # Errors
    /// [`Error::WrongCredentials`] whichever of them is wrong.
    pub async fn authenticate_customer(
        &self,
        id: &str,
        secret: &SecretString,
        issuer: &Arc<str>,
    ) -> Result<(Caller, Tenant)> {
        let tenant = match tenant_of_customer(id) {
            Some(tenant) => self.store.find_tenant(tenant).await?,
            None => None,
        };
        let tenant = tenant.filter(|tenant| tenant.credentials.knodes_customer_id == id);
        let kept = tenant.as_ref().map(|tenant| tenant.credentials.knodes_customer_secret);
        // Compared in either case, so that an id that nobody has takes as long.
        let fits = kept.unwrap_or_else(|| Digest::of(b"")).matches(secret);
        let tenant = tenant.filter(|_| fits).ok_or(Error::WrongCredentials)?;
        let caller = Caller {
            tenant: tenant.id,
            client: ClientId::of_dialect(tenant.id, b"knodes"),
            user: None,
            credential: None,
            scopes: Scopes::for_machines(),
            issuer: issuer.clone(),
        };
        Ok((caller, tenant))
    }

    /// Keeps the tenant's own application at a network: makes the connection, or gives the one that is
    /// there another secret. Without a secret, that of the same application stays.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::Invalid`] naming `provider` or `client_id`; [`Error::Conflict`]
    /// when users are connected by another application.
    pub async fn deposit_application(
        &self,
        caller: &Caller,
        provider: &str,
        client_id: &str,
        secret: Option<SecretString>,
    ) -> Result<()> {
        caller.needs(&[Scope::CreateConnections])?;
        let fine = client_id.len() <= APPLICATION_LIMIT_BYTES && !client_id.chars().any(char::is_control);
        if !fine {
            return Err(Error::invalid(
                "client_id",
                "must have 1 to 255 bytes and no control characters",
            ));
        }
        providers::named(provider).ok_or_else(unknown_network)?;
        let deposited = self
            .replace_application(caller, provider, client_id, secret.as_ref())
            .await;
        if !matches!(deposited, Err(Error::NotFound(Noun::Connection))) {
            return deposited;
        }
        // What is any network, by configuration, is the operator's to make.
        if ["oidc", "oauth2", "oauth1"].contains(&provider) {
            return Err(unknown_network());
        }
        let wanted = ConnectionRequest {
            name: provider.to_owned(),
            provider: provider.to_owned(),
            client_id: Some(client_id.to_owned()),
            client_secret: secret.clone(),
            ..ConnectionRequest::default()
        };
        match self.create_connection(caller, wanted).await {
            // Somebody was quicker, or another network has this name.
            Err(taken @ Error::Conflict(Unique::ConnectionName)) => {
                match self
                    .replace_application(caller, provider, client_id, secret.as_ref())
                    .await
                {
                    Err(Error::NotFound(Noun::Connection)) => Err(taken),
                    replaced => replaced,
                }
            }
            made => made.map(drop),
        }
    }

    /// The application of the connection that is there.
    async fn replace_application(
        &self,
        caller: &Caller,
        provider: &str,
        client_id: &str,
        secret: Option<&SecretString>,
    ) -> Result<()> {
        let connection = self.default_connection(caller.tenant, provider).await?;
        let change = |connection: &mut Connection| {
            connection.client_id = Some(client_id.to_owned());
            connection.set_withdrawn(false);
            Ok(())
        };
        self.update_connection(caller, connection.id, &change, secret)
            .await
            .map(drop)
    }

    /// Takes the tenant's application at a network back and erases its secret. Accounts there stay with
    /// their users; nobody connects there until the application is back.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::NotFound`] when there is none.
    pub async fn withdraw_application(&self, caller: &Caller, provider: &str) -> Result<()> {
        caller.needs(&[Scope::UpdateConnections])?;
        for _ in 0..ATTEMPTS {
            let was = self.default_connection(caller.tenant, provider).await?;
            was.application().ok_or(Error::NotFound(Noun::Connection))?;
            let without = Connection {
                client_id: None,
                client_secret: None,
                ..was.clone()
            };
            let mut withdrawn = Connection {
                client_secret: None,
                ..was.clone()
            };
            withdrawn.set_withdrawn(true);
            let mut replaced = self.store.update_connection(caller.tenant, &was, &without).await?;
            if replaced == Replaced::InUse {
                replaced = self.store.update_connection(caller.tenant, &was, &withdrawn).await?;
            }
            match replaced {
                Replaced::Done => return Ok(()),
                Replaced::Changed => {}
                Replaced::Gone => return Err(Error::NotFound(Noun::Connection)),
                Replaced::InUse => return Err(Error::Conflict(Unique::ConnectionInUse)),
            }
        }
        Err(Error::Busy { retry_after: 1 })
    }
}

fn unknown_network() -> Error {
    Error::invalid("provider", "is not a network that is known here")
}

/// The tenant that a customer id belongs to, if it exists: its first half is the tenant's.
fn tenant_of_customer(id: &str) -> Option<TenantId> {
    if id.len() != 24 {
        return None;
    }
    format!("ten_{}", id.get(..16)?).parse().ok()
}
