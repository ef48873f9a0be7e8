//! A provider as one tenant configured it.

use jiff::Timestamp;

use crate::domain::Object;
use crate::id::ConnectionId;
use crate::secret::Sealed;

/// The provider of connections whose people have their passwords here.
pub const DATABASE: &str = "database";

/// The name of the built-in database connection, in which users are born who come
/// neither from a network nor through Auth0's interface.
pub const BUILT_IN: &str = "oneself";

/// The database connection that new Auth0 tenants have.
pub const AUTH0_DEFAULT: &str = "Username-Password-Authentication";

/// The member of what is kept with a connection that says that its application was withdrawn.
pub const WITHDRAWN: &str = "application_withdrawn";

/// Whether people have accounts with this provider: passwords of ours, letters and text messages are
/// ways to log in here, and no network.
pub fn is_network(provider: &str) -> bool {
    !matches!(provider, DATABASE | "email" | "sms")
}

/// A provider as one tenant configured it.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection {
    /// Unique in the tenant.
    pub id: ConnectionId,
    /// Unique in the tenant, and never changed.
    pub name: String,
    /// Our own name of the provider: `database`, `twitter`, `google`, `github`…
    pub provider: String,
    /// Who vouches for subjects: fixed by the connection, so that dialects meet on one
    /// key. The provider's name, unless the provider is an OpenID issuer of its own.
    pub issuer: String,
    /// Our application's id at the provider, if one is configured.
    pub client_id: Option<String>,
    /// Our application's secret at the provider, sealed under the tenant's service key.
    pub client_secret: Option<Sealed>,
    /// What the Auth0 dialect keeps with a connection and the core does not look into.
    pub auth0: Object,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Connection {
    /// Whether its people have their passwords here.
    pub fn is_database(&self) -> bool {
        self.provider == DATABASE
    }

    /// One of the options by which Auth0's interface says how a connection behaves.
    pub fn option(&self, name: &str) -> Option<&serde_json::Value> {
        self.auth0.get("options")?.get(name)
    }

    /// Our application's id at the provider, if there is one and its tenant has not withdrawn it.
    pub fn application(&self) -> Option<&str> {
        self.client_id.as_deref().filter(|_| !self.is_withdrawn())
    }

    /// Whether its tenant took the application back while users were connected by it: the id stays,
    /// because their accounts are known by it.
    pub fn is_withdrawn(&self) -> bool {
        self.auth0.contains_key(WITHDRAWN)
    }

    /// Says whether the application is withdrawn.
    pub fn set_withdrawn(&mut self, withdrawn: bool) {
        match withdrawn {
            true => self.auth0.insert(WITHDRAWN.to_owned(), true.into()),
            false => self.auth0.shift_remove(WITHDRAWN),
        };
    }

    /// Whether it is the one that users are born in without a network.
    pub fn is_built_in(&self) -> bool {
        self.is_database() && self.name == BUILT_IN
    }
}

/// How a caller names a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ConnectionRef {
    /// By id.
    Id(ConnectionId),
    /// By name.
    Name(String),
    /// As the oldest of this provider, for interfaces that know one of each.
    Oldest(String),
}

impl ConnectionRef {
    /// Reads `con_…` as an id and anything else as a name: a name has no underscore.
    pub fn parse(text: &str) -> Self {
        match text.parse() {
            Ok(id) => Self::Id(id),
            Err(_) => Self::Name(text.to_owned()),
        }
    }
}
