//! What identities are shown with of their connection. It never changes, so it is
//! remembered: a look-up of an identity should not read its connection each time.

use std::sync::Arc;

use quick_cache::sync::Cache;

use crate::app::App;
use crate::domain::{Connection, ConnectionRef, spelling};
use crate::error::{Error, Noun, Result};
use crate::id::{ConnectionId, TenantId};

/// What never changes about a connection.
#[derive(Debug)]
pub struct Label {
    /// Its name.
    pub name: String,
    /// Our own name of the provider.
    pub provider: String,
    /// What Auth0 calls the provider.
    pub auth0_strategy: String,
}

/// Labels that were read.
pub(super) struct Labels(Cache<(TenantId, ConnectionId), Arc<Label>>);

impl Labels {
    pub(super) fn new() -> Self {
        Self(Cache::new(10_000))
    }
}

impl App {
    /// The label of a connection that an identity hangs on.
    ///
    /// # Errors
    /// Those of the store; an identity without its connection is a fault of ours.
    pub async fn label(&self, tenant: TenantId, id: ConnectionId) -> Result<Arc<Label>> {
        if let Some(label) = self.labels.0.get(&(tenant, id)) {
            return Ok(label);
        }
        let connection = match self.store.find_connection(tenant, &ConnectionRef::Id(id)).await? {
            Some(connection) => connection,
            None => self.retired_connection(tenant, id).await?,
        };
        let label = Arc::new(Label {
            auth0_strategy: spelling::auth0_strategy(&connection).to_owned(),
            name: connection.name,
            provider: connection.provider,
        });
        self.labels.0.insert((tenant, id), label.clone());
        Ok(label)
    }

    /// A deleted connection, which identities hang on until they are erased too.
    async fn retired_connection(&self, tenant: TenantId, id: ConnectionId) -> Result<Connection> {
        let mut retired = self.store.list_retired_connections(tenant).await?.into_iter();
        let found = retired.find(|retired| retired.connection.id == id);
        found
            .map(|retired| retired.connection)
            .ok_or(Error::NotFound(Noun::Connection))
    }
}
