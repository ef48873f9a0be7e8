//! Tests named after the rows of the catalogue of threats that no single part answers for.
//!
//! `docs/security.md` lists, for each row, the tests that show it, here and elsewhere.

mod answers;
mod canary;
mod echo;
mod erased;
mod faults;
mod fuzz;
mod linking;
mod sealed;
mod shown;
mod store;
mod time;
mod tokens;
mod walls;

/// Every route that is there, of both dialects, with what its parameters are called.
pub const ROUTES: &[(&str, &str)] = &[
    ("GET", "/api/v2/users"),
    ("POST", "/api/v2/users"),
    ("GET", "/api/v2/users-by-email"),
    ("GET", "/api/v2/users/{id}"),
    ("PATCH", "/api/v2/users/{id}"),
    ("DELETE", "/api/v2/users/{id}"),
    ("POST", "/api/v2/users/{id}/identities"),
    ("DELETE", "/api/v2/users/{id}/identities/{provider}/{user_id}"),
    ("GET", "/api/v2/connections"),
    ("POST", "/api/v2/connections"),
    ("GET", "/api/v2/connections/{id}"),
    ("PATCH", "/api/v2/connections/{id}"),
    ("DELETE", "/api/v2/connections/{id}"),
    ("GET", "/api/v2/connections/{id}/clients"),
    ("PATCH", "/api/v2/connections/{id}/clients"),
    ("DELETE", "/api/v2/connections/{id}/users"),
    ("GET", "/api/v2/connections/{id}/status"),
    ("GET", "/api/v2/clients"),
    ("POST", "/api/v2/clients"),
    ("GET", "/api/v2/clients/{id}"),
    ("PATCH", "/api/v2/clients/{id}"),
    ("DELETE", "/api/v2/clients/{id}"),
    ("POST", "/api/v2/clients/{id}/rotate-secret"),
    ("GET", "/api/v2/client-grants"),
    ("POST", "/api/v2/client-grants"),
    ("GET", "/api/v2/client-grants/{id}"),
    ("PATCH", "/api/v2/client-grants/{id}"),
    ("DELETE", "/api/v2/client-grants/{id}"),
    ("GET", "/api/v2/users/{id}/roles"),
    ("GET", "/api/v2/users/{id}/permissions"),
    ("GET", "/api/v2/users/{id}/organizations"),
    ("GET", "/api/v2/users/{id}/authentication-methods"),
    ("GET", "/api/v2/users/{id}/enrollments"),
    ("GET", "/api/v2/users/{id}/sessions"),
    ("DELETE", "/api/v2/users/{id}/sessions"),
    ("GET", "/api/v2/users/{id}/refresh-tokens"),
    ("DELETE", "/api/v2/users/{id}/refresh-tokens"),
    ("POST", "/api/v2/users/{id}/revoke-access"),
    ("GET", "/api/v2/user-blocks"),
    ("DELETE", "/api/v2/user-blocks"),
    ("GET", "/api/v2/user-blocks/{id}"),
    ("DELETE", "/api/v2/user-blocks/{id}"),
    ("GET", "/api/v2/stats/active-users"),
    ("GET", "/api/v2/stats/daily"),
    ("GET", "/api/v2/tenants/settings"),
    ("GET", "/api/v2/resource-servers"),
    ("GET", "/api/v2/resource-servers/{id}"),
    ("POST", "/link/v1/users"),
    ("GET", "/link/v1/users"),
    ("GET", "/link/v1/users/{id}"),
    ("GET", "/link/v1/users/{id}/identities"),
    ("POST", "/link/v1/users/{id}/identities"),
    ("DELETE", "/link/v1/users/{id}/identities/{identity}"),
    ("GET", "/link/v1/identities/{connection}/{subject}"),
    ("POST", "/link/v1/identities:resolve"),
    ("GET", "/link/v1/events"),
];
