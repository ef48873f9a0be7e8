//! Rights, as the scopes of a token. A closed list: what is not here grants nothing.

use std::fmt;

macro_rules! scopes {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// A right that a token may carry (`api/auth0.md` 2.2, which `/link/v1` shares).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each variant is its scope's name")]
        pub enum Scope { $($variant),+ }

        impl Scope {
            /// Every scope, in the order in which answers list them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The scope of this name.
            pub fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

scopes! {
    ReadUsers = "read:users",
    CreateUsers = "create:users",
    UpdateUsers = "update:users",
    DeleteUsers = "delete:users",
    UpdateUsersAppMetadata = "update:users_app_metadata",
    ReadUserIdpTokens = "read:user_idp_tokens",
    ReadCurrentUser = "read:current_user",
    UpdateCurrentUserMetadata = "update:current_user_metadata",
    CreateCurrentUserMetadata = "create:current_user_metadata",
    DeleteCurrentUserMetadata = "delete:current_user_metadata",
    CreateCurrentUserDeviceCredentials = "create:current_user_device_credentials",
    DeleteCurrentUserDeviceCredentials = "delete:current_user_device_credentials",
    DeleteCurrentUser = "delete:current_user",
    UpdateCurrentUserIdentities = "update:current_user_identities",
    ReadConnections = "read:connections",
    CreateConnections = "create:connections",
    UpdateConnections = "update:connections",
    DeleteConnections = "delete:connections",
    ReadClients = "read:clients",
    CreateClients = "create:clients",
    UpdateClients = "update:clients",
    DeleteClients = "delete:clients",
    ReadClientKeys = "read:client_keys",
    UpdateClientKeys = "update:client_keys",
    ReadClientSummary = "read:client_summary",
    ReadClientGrants = "read:client_grants",
    CreateClientGrants = "create:client_grants",
    UpdateClientGrants = "update:client_grants",
    DeleteClientGrants = "delete:client_grants",
    ReadLogs = "read:logs",
    ReadLogsUsers = "read:logs_users",
    ReadStats = "read:stats",
    ReadFederatedConnectionsTokens = "read:federated_connections_tokens",
    DeleteFederatedConnectionsTokens = "delete:federated_connections_tokens",
    ReadSessions = "read:sessions",
    DeleteSessions = "delete:sessions",
    ReadRefreshTokens = "read:refresh_tokens",
    DeleteRefreshTokens = "delete:refresh_tokens",
    CreateUserTickets = "create:user_tickets",
    ReadRoles = "read:roles",
    ReadOrganizations = "read:organizations",
    ReadAuthenticationMethods = "read:authentication_methods",
    ReadTenantSettings = "read:tenant_settings",
    ReadResourceServers = "read:resource_servers",
}

impl Scope {
    /// Whether a person's own token may carry it: acts on oneself only.
    pub const fn is_for_users(self) -> bool {
        matches!(
            self,
            Self::ReadCurrentUser
                | Self::UpdateCurrentUserMetadata
                | Self::CreateCurrentUserMetadata
                | Self::DeleteCurrentUserMetadata
                | Self::CreateCurrentUserDeviceCredentials
                | Self::DeleteCurrentUserDeviceCredentials
                | Self::DeleteCurrentUser
                | Self::UpdateCurrentUserIdentities
        )
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of scopes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u64);

impl Scopes {
    /// No right at all.
    pub const NONE: Self = Self(0);

    /// What a client that works for its tenant may be granted: all but the scopes by
    /// which a person acts on herself.
    pub fn for_machines() -> Self {
        Scope::ALL
            .iter()
            .copied()
            .filter(|scope| !scope.is_for_users())
            .collect()
    }

    /// What a person's own token may carry.
    pub fn for_users() -> Self {
        Scope::ALL
            .iter()
            .copied()
            .filter(|scope| scope.is_for_users())
            .collect()
    }

    /// The scopes named in a space-separated list, as OAuth writes it (RFC 6749, 3.3);
    /// unknown names are dropped.
    pub fn parse(list: &str) -> Self {
        list.split(' ').filter_map(Scope::named).collect()
    }

    /// Whether the scope is in the set.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u32) != 0
    }

    /// Whether any of the scopes is in the set.
    pub fn has_any(self, scopes: &[Scope]) -> bool {
        scopes.iter().any(|scope| self.has(*scope))
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.iter().copied().filter(move |scope| self.has(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | 1 << scope as u32))
    }
}

impl fmt::Display for Scopes {
    /// Space-separated.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, scope) in self.iter().enumerate() {
            if n > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.name())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_fit_their_set_and_read_back() {
        assert!(Scope::ALL.len() <= 64);
        for scope in Scope::ALL {
            assert_eq!(Scope::named(scope.name()), Some(*scope));
        }
        let both = Scopes::parse("update:users nonsense read:users");
        assert_eq!(both.to_string(), "read:users update:users");
        assert!(Scopes::for_machines().and(Scopes::for_users()).is_empty());
    }
}
