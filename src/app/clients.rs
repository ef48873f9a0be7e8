//! Clients as their tenant keeps them through an interface; the operator's verbs are in
//! `tenants.rs`, on the same records.
//!
//! What would surprise: a client that is made here has no grant, so it gets no tokens of its
//! own until somebody grants it rights over the tenant. Its secret is known here once:
//! only its digest is kept.

use std::collections::HashSet;

use crate::app::App;
use crate::app::link::ATTEMPTS;
use crate::domain::{Caller, Client, Grant, Object, Scope, Scopes};
use crate::error::{Error, Noun, Result, Unique};
use crate::id::ClientId;
use crate::secret::{Digest, SecretString};
use crate::store::Replaced;

/// A client to be made.
#[derive(Debug)]
pub struct ClientRequest {
    /// What people call it.
    pub name: String,
    /// How it may ask for tokens.
    pub grants: Vec<Grant>,
    /// What the Auth0 dialect keeps with it.
    pub auth0: Object,
}

/// Who may see a client's secret, once.
const MAY_SEE: &[Scope] = &[Scope::ReadClientKeys, Scope::UpdateClientKeys];

impl App {
    /// Makes a client. Its secret comes along unless it is public, or the caller may not see
    /// secrets: then nobody ever does, and it can be given a new one.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::Invalid`] naming `grant_types` when a public client would
    /// get tokens of its own.
    pub async fn create_client(
        &self,
        caller: &Caller,
        request: ClientRequest,
    ) -> Result<(Client, Option<SecretString>)> {
        caller.needs(&[Scope::CreateClients])?;
        let secret = self.new_secret();
        let mut client = Client {
            id: ClientId::new(caller.tenant, &*self.random),
            name: request.name,
            secret: Some(Digest::of_secret(&secret)),
            grants: request.grants,
            scopes: None,
            auth0: request.auth0,
            epoch: 1,
            created_at: self.clock.now(),
        };
        check(&client)?;
        let public = client.is_public();
        if public {
            client.secret = None;
        }
        self.store.create_client(&client).await?;
        let shown = !public && caller.scopes.has_any(MAY_SEE);
        Ok((client, shown.then_some(secret)))
    }

    /// The client of this id.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`], [`Error::NotFound`].
    pub async fn find_client(&self, caller: &Caller, id: ClientId) -> Result<Client> {
        caller.needs(&[Scope::ReadClients, Scope::ReadClientKeys])?;
        self.client_of(caller, id).await
    }

    /// Every client of the tenant, oldest first.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`].
    pub async fn clients_of(&self, caller: &Caller) -> Result<Vec<Client>> {
        caller.needs(&[Scope::ReadClients, Scope::ReadClientKeys, Scope::ReadClientGrants])?;
        Ok(self.store.list_clients(caller.tenant).await?)
    }

    /// The ids of all clients of the tenant, for what refers to them: whoever may see that may
    /// know which of them are there.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn client_ids(&self, caller: &Caller) -> Result<HashSet<String>> {
        let clients = self.store.list_clients(caller.tenant).await?;
        Ok(clients.into_iter().map(|client| client.id.to_string()).collect())
    }

    /// Changes a client: `change` edits its name, its ways to ask for tokens and what the
    /// Auth0 dialect keeps; whatever else it edits stays. One that becomes public loses its
    /// secret, and with it all tokens.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::NotFound`]; those of `change`; [`Error::Invalid`] as in
    /// [`App::create_client`].
    pub async fn update_client(
        &self,
        caller: &Caller,
        id: ClientId,
        change: &(dyn Fn(&mut Client) -> Result<()> + Send + Sync),
    ) -> Result<Client> {
        caller.needs(&[Scope::UpdateClients])?;
        self.change_client(caller, id, &|client| {
            let mut edited = client.clone();
            change(&mut edited)?;
            client.name = edited.name;
            client.grants = edited.grants;
            client.auth0 = edited.auth0;
            check(client)?;
            if client.is_public() && client.secret.take().is_some() {
                client.epoch = client.epoch.saturating_add(1);
            }
            Ok(())
        })
        .await
    }

    /// Removes a client and ends its tokens; nothing happens when there is none.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`].
    pub async fn delete_client(&self, caller: &Caller, id: ClientId) -> Result<()> {
        caller.needs(&[Scope::DeleteClients])?;
        if id.tenant() == caller.tenant {
            self.store.delete_client(id).await?;
        }
        Ok(())
    }

    /// Gives a client a new secret and ends its tokens.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::NotFound`]; [`Error::Unsupported`] for a public client.
    pub async fn rotate_client_secret(&self, caller: &Caller, id: ClientId) -> Result<(Client, SecretString)> {
        caller.needs(&[Scope::UpdateClientKeys])?;
        self.client_of(caller, id).await?;
        self.rotate(id).await
    }

    /// Grants a client rights over its tenant.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::NotFound`] of the client; [`Error::Conflict`] when it has
    /// a grant.
    pub async fn create_client_grant(&self, caller: &Caller, id: ClientId, scopes: Scopes) -> Result<Client> {
        caller.needs(&[Scope::CreateClientGrants])?;
        self.change_client(caller, id, &|client| match client.scopes {
            Some(_) => Err(Error::Conflict(Unique::ClientGrant)),
            None => {
                client.scopes = Some(scopes);
                Ok(())
            }
        })
        .await
    }

    /// Replaces the rights that a client was granted; what is no longer among them is gone
    /// from its own tokens with the next request.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::NotFound`] of the grant.
    pub async fn update_client_grant(&self, caller: &Caller, id: ClientId, scopes: Scopes) -> Result<Client> {
        caller.needs(&[Scope::UpdateClientGrants])?;
        let change = |client: &mut Client| {
            client.scopes.ok_or(Error::NotFound(Noun::ClientGrant))?;
            client.scopes = Some(scopes);
            Ok(())
        };
        self.change_client(caller, id, &change).await.map_err(of_grant)
    }

    /// Takes the rights that it was granted from a client; nothing happens when it has none.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`].
    pub async fn delete_client_grant(&self, caller: &Caller, id: ClientId) -> Result<()> {
        caller.needs(&[Scope::DeleteClientGrants])?;
        let change = |client: &mut Client| {
            client.scopes = None;
            Ok(())
        };
        match self.change_client(caller, id, &change).await {
            Err(Error::NotFound(_)) => Ok(()),
            changed => changed.map(drop),
        }
    }

    /// The client whose grant this is.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::NotFound`] of the grant.
    pub async fn find_client_grant(&self, caller: &Caller, id: ClientId) -> Result<Client> {
        caller.needs(&[Scope::ReadClientGrants])?;
        let client = self.client_of(caller, id).await.map_err(of_grant)?;
        match client.scopes {
            Some(_) => Ok(client),
            None => Err(Error::NotFound(Noun::ClientGrant)),
        }
    }

    /// Whether browsers may call from this origin for this client; for any, when it is not
    /// known yet which one it is.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn is_web_origin(&self, client: Option<ClientId>, origin: &str) -> Result<bool> {
        Ok(self.store.has_web_origin(client, origin).await?)
    }

    async fn client_of(&self, caller: &Caller, id: ClientId) -> Result<Client> {
        let found = match id.tenant() == caller.tenant {
            true => self.store.find_client(id).await?,
            false => None,
        };
        found.ok_or(Error::NotFound(Noun::Client))
    }

    async fn change_client(
        &self,
        caller: &Caller,
        id: ClientId,
        change: &(dyn Fn(&mut Client) -> Result<()> + Send + Sync),
    ) -> Result<Client> {
        for _ in 0..ATTEMPTS {
            let was = self.client_of(caller, id).await?;
            let mut is = was.clone();
            change(&mut is)?;
            match self.store.update_client(&was, &is).await? {
                Replaced::Done => return Ok(is),
                Replaced::Changed | Replaced::InUse => {}
                Replaced::Gone => return Err(Error::NotFound(Noun::Client)),
            }
        }
        Err(Error::Busy { retry_after: 1 })
    }
}

/// Whoever has no client has no grant.
fn of_grant(error: Error) -> Error {
    match error {
        Error::NotFound(_) => Error::NotFound(Noun::ClientGrant),
        other => other,
    }
}

/// That a client can prove itself where it must.
fn check(client: &Client) -> Result<()> {
    if client.is_public() && client.grants.contains(&Grant::ClientCredentials) {
        return Err(Error::invalid(
            "grant_types",
            "cannot hold client_credentials when token_endpoint_auth_method is none",
        ));
    }
    Ok(())
}
