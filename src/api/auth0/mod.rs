//! Auth0's Management API, and the OAuth endpoints that it needs: every path.
//!
//! `wire` holds the JSON, `names` the providers and ids, `error` the refusals, all as they
//! travel; the other files hold handlers. What would surprise: a route is mounted through
//! [`GUARDED`] or is in the short list of [`router`], and `guard` asks for the scopes of
//! the table before a handler sees anything of the request.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any, delete, get, patch, post};

use crate::app::App;
use crate::domain::Scope;
use crate::web::Dialect;
use crate::web::front::whole;

mod attempts;
mod calls;
mod client_grants;
mod client_json;
mod clients;
mod connection_bodies;
mod connections;
mod discovery;
mod edge;
mod email_verification;
mod error;
mod form;
mod guard;
mod html;
mod identities;
pub mod jobs;
mod journal;
mod logs;
mod masked;
mod names;
mod oauth;
mod oauth_error;
pub mod openapi;
mod paging;
pub mod search;
mod stats;
mod tenant;
mod user_bodies;
mod user_lists;
mod users;
mod wire;

/// A route that takes a bearer token.
pub struct Route {
    /// Its method.
    pub method: &'static str,
    /// Its path.
    pub path: &'static str,
    /// The scopes of which the token must carry one.
    pub any_of: &'static [Scope],
    handler: fn() -> MethodRouter<Arc<App>>,
}

/// Every route that takes a bearer token (JWT-09).
pub static GUARDED: &[Route] = &[
    Route {
        method: "GET",
        path: "/api/v2/users",
        any_of: &[Scope::ReadUsers],
        handler: || get(users::list),
    },
    Route {
        method: "POST",
        path: "/api/v2/users",
        any_of: &[Scope::CreateUsers],
        handler: || post(users::create),
    },
    Route {
        method: "GET",
        path: "/api/v2/users-by-email",
        any_of: &[Scope::ReadUsers],
        handler: || get(users::list_by_email),
    },
    Route {
        method: "GET",
        path: "/api/v2/users/{id}",
        any_of: &[Scope::ReadUsers, Scope::ReadCurrentUser, Scope::ReadUserIdpTokens],
        handler: || get(users::find),
    },
    Route {
        method: "PATCH",
        path: "/api/v2/users/{id}",
        any_of: &[
            Scope::UpdateUsers,
            Scope::UpdateUsersAppMetadata,
            Scope::UpdateCurrentUserMetadata,
        ],
        handler: || patch(users::update),
    },
    Route {
        method: "DELETE",
        path: "/api/v2/users/{id}",
        any_of: &[Scope::DeleteUsers, Scope::DeleteCurrentUser],
        handler: || delete(users::remove),
    },
    Route {
        method: "POST",
        path: "/api/v2/users/{id}/identities",
        any_of: &[Scope::UpdateUsers, Scope::UpdateCurrentUserIdentities],
        handler: || post(identities::link),
    },
    Route {
        method: "DELETE",
        path: "/api/v2/users/{id}/identities/{provider}/{user_id}",
        any_of: &[Scope::UpdateUsers, Scope::UpdateCurrentUserIdentities],
        handler: || delete(identities::unlink),
    },
    Route {
        method: "GET",
        path: "/api/v2/connections",
        any_of: &[Scope::ReadConnections],
        handler: || get(connections::list),
    },
    Route {
        method: "POST",
        path: "/api/v2/connections",
        any_of: &[Scope::CreateConnections],
        handler: || post(connections::create),
    },
    Route {
        method: "GET",
        path: "/api/v2/connections/{id}",
        any_of: &[Scope::ReadConnections],
        handler: || get(connections::find),
    },
    Route {
        method: "PATCH",
        path: "/api/v2/connections/{id}",
        any_of: &[Scope::UpdateConnections],
        handler: || patch(connections::update),
    },
    Route {
        method: "DELETE",
        path: "/api/v2/connections/{id}",
        any_of: &[Scope::DeleteConnections],
        handler: || delete(connections::remove),
    },
    Route {
        method: "GET",
        path: "/api/v2/connections/{id}/clients",
        any_of: &[Scope::ReadConnections],
        handler: || get(connections::list_clients),
    },
    Route {
        method: "PATCH",
        path: "/api/v2/connections/{id}/clients",
        any_of: &[Scope::UpdateConnections],
        handler: || patch(connections::update_clients),
    },
    Route {
        method: "DELETE",
        path: "/api/v2/connections/{id}/users",
        any_of: &[Scope::DeleteUsers],
        handler: || delete(connections::remove_user),
    },
    Route {
        method: "GET",
        path: "/api/v2/connections/{id}/status",
        any_of: &[Scope::ReadConnections],
        handler: || get(connections::status),
    },
    Route {
        method: "GET",
        path: "/api/v2/clients",
        any_of: &[Scope::ReadClients, Scope::ReadClientKeys],
        handler: || get(clients::list),
    },
    Route {
        method: "POST",
        path: "/api/v2/clients",
        any_of: &[Scope::CreateClients],
        handler: || post(clients::create),
    },
    Route {
        method: "GET",
        path: "/api/v2/clients/{id}",
        any_of: &[Scope::ReadClients, Scope::ReadClientKeys],
        handler: || get(clients::find),
    },
    Route {
        method: "PATCH",
        path: "/api/v2/clients/{id}",
        any_of: &[Scope::UpdateClients],
        handler: || patch(clients::update),
    },
    Route {
        method: "DELETE",
        path: "/api/v2/clients/{id}",
        any_of: &[Scope::DeleteClients],
        handler: || delete(clients::remove),
    },
    Route {
        method: "POST",
        path: "/api/v2/clients/{id}/rotate-secret",
        any_of: &[Scope::UpdateClientKeys],
        handler: || post(clients::rotate),
    },
    Route {
        method: "GET",
        path: "/api/v2/client-grants",
        any_of: &[Scope::ReadClientGrants],
        handler: || get(client_grants::list),
    },
    Route {
        method: "POST",
        path: "/api/v2/client-grants",
        any_of: &[Scope::CreateClientGrants],
        handler: || post(client_grants::create),
    },
    Route {
        method: "GET",
        path: "/api/v2/client-grants/{id}",
        any_of: &[Scope::ReadClientGrants],
        handler: || get(client_grants::find),
    },
    Route {
        method: "PATCH",
        path: "/api/v2/client-grants/{id}",
        any_of: &[Scope::UpdateClientGrants],
        handler: || patch(client_grants::update),
    },
    Route {
        method: "DELETE",
        path: "/api/v2/client-grants/{id}",
        any_of: &[Scope::DeleteClientGrants],
        handler: || delete(client_grants::remove),
    },
    Route {
        method: "GET",
        path: "/api/v2/users/{id}/roles",
        any_of: &[Scope::ReadUsers, Scope::ReadRoles],
        handler: || get(user_lists::roles),
    },
    Route {
        method: "GET",
        path: "/api/v2/users/{id}/permissions",
        any_of: &[Scope::ReadUsers],
        handler: || get(user_lists::permissions),
    },
    Route {
        method: "GET",
        path: "/api/v2/users/{id}/organizations",
        any_of: &[Scope::ReadOrganizations],
        handler: || get(user_lists::organizations),
    },
    Route {
        method: "GET",
        path: "/api/v2/users/{id}/authentication-methods",
        any_of: &[Scope::ReadUsers, Scope::ReadAuthenticationMethods],
        handler: || get(user_lists::methods),
    },
    Route {
        method: "GET",
        path: "/api/v2/users/{id}/enrollments",
        any_of: &[Scope::ReadUsers],
        handler: || get(user_lists::enrollments),
    },
    Route {
        method: "GET",
        path: "/api/v2/users/{id}/sessions",
        any_of: &[Scope::ReadSessions],
        handler: || get(user_lists::sessions),
    },
    Route {
        method: "DELETE",
        path: "/api/v2/users/{id}/sessions",
        any_of: &[Scope::DeleteSessions],
        handler: || delete(user_lists::delete_sessions),
    },
    Route {
        method: "GET",
        path: "/api/v2/users/{id}/refresh-tokens",
        any_of: &[Scope::ReadRefreshTokens],
        handler: || get(user_lists::refresh_tokens),
    },
    Route {
        method: "DELETE",
        path: "/api/v2/users/{id}/refresh-tokens",
        any_of: &[Scope::DeleteRefreshTokens],
        handler: || delete(user_lists::delete_refresh_tokens),
    },
    Route {
        method: "POST",
        path: "/api/v2/users/{id}/revoke-access",
        any_of: &[Scope::DeleteSessions, Scope::DeleteRefreshTokens],
        handler: || post(user_lists::revoke_access),
    },
    Route {
        method: "GET",
        path: "/api/v2/user-blocks",
        any_of: &[Scope::ReadUsers],
        handler: || get(user_lists::blocks_of),
    },
    Route {
        method: "DELETE",
        path: "/api/v2/user-blocks",
        any_of: &[Scope::UpdateUsers],
        handler: || delete(user_lists::unblock_all),
    },
    Route {
        method: "GET",
        path: "/api/v2/user-blocks/{id}",
        any_of: &[Scope::ReadUsers],
        handler: || get(user_lists::blocks),
    },
    Route {
        method: "DELETE",
        path: "/api/v2/user-blocks/{id}",
        any_of: &[Scope::UpdateUsers],
        handler: || delete(user_lists::unblock),
    },
    Route {
        method: "GET",
        path: "/api/v2/users/{id}/logs",
        any_of: &[Scope::ReadLogs, Scope::ReadLogsUsers],
        handler: || get(logs::of_user),
    },
    Route {
        method: "GET",
        path: "/api/v2/logs",
        any_of: &[Scope::ReadLogs, Scope::ReadLogsUsers],
        handler: || get(logs::list),
    },
    Route {
        method: "GET",
        path: "/api/v2/logs/{id}",
        any_of: &[Scope::ReadLogs, Scope::ReadLogsUsers],
        handler: || get(logs::find),
    },
    Route {
        method: "GET",
        path: "/api/v2/stats/active-users",
        any_of: &[Scope::ReadStats],
        handler: || get(stats::active_users),
    },
    Route {
        method: "GET",
        path: "/api/v2/stats/daily",
        any_of: &[Scope::ReadStats],
        handler: || get(stats::daily),
    },
    Route {
        method: "POST",
        path: "/api/v2/jobs/users-exports",
        any_of: &[Scope::ReadUsers],
        handler: || post(jobs::create_export),
    },
    Route {
        method: "POST",
        path: "/api/v2/jobs/users-imports",
        any_of: &[Scope::CreateUsers],
        handler: || post(jobs::create_import),
    },
    Route {
        method: "POST",
        path: "/api/v2/jobs/verification-email",
        any_of: &[Scope::UpdateUsers],
        handler: || post(jobs::create_verification),
    },
    Route {
        method: "GET",
        path: "/api/v2/jobs/{id}",
        any_of: &[Scope::CreateUsers, Scope::ReadUsers],
        handler: || get(jobs::find),
    },
    Route {
        method: "GET",
        path: "/api/v2/jobs/{id}/errors",
        any_of: &[Scope::CreateUsers, Scope::ReadUsers],
        handler: || get(jobs::errors),
    },
    Route {
        method: "GET",
        path: "/api/v2/tenants/settings",
        any_of: &[Scope::ReadTenantSettings],
        handler: || get(tenant::settings),
    },
    Route {
        method: "GET",
        path: "/api/v2/resource-servers",
        any_of: &[Scope::ReadResourceServers],
        handler: || get(tenant::resource_servers),
    },
    Route {
        method: "GET",
        path: "/api/v2/resource-servers/{id}",
        any_of: &[Scope::ReadResourceServers],
        handler: || get(tenant::resource_server),
    },
];

/// How the front writes what it refuses by itself.
pub fn dialects() -> Vec<Dialect> {
    let spelled = |prefix, spell| Dialect {
        prefix,
        name: "auth0",
        spell,
        logged: whole,
    };
    vec![
        spelled("/api/v2", error::spell),
        spelled("/oauth", oauth_error::spell),
        spelled("/u", error::spell),
    ]
}

/// All routes.
pub fn router(app: &Arc<App>) -> Router {
    let open = Router::new()
        .route("/.well-known/jwks.json", get(discovery::jwks))
        .route("/.well-known/openid-configuration", get(discovery::configuration));
    let links = Router::new()
        .route(jobs::DOWNLOAD_PATH, get(jobs::download))
        .route(
            email_verification::PATH,
            get(email_verification::ask).post(email_verification::confirm),
        )
        .route_layer(from_fn_with_state(app.clone(), edge::links));
    let described = Router::new().route("/api/v2/openapi.json", get(openapi::serve));
    let tokens = Router::new()
        .route("/oauth/token", post(oauth::token))
        .route_layer(from_fn_with_state(app.clone(), edge::oauth));
    let nothing = ["/api/v2", "/api/v2/", "/api/v2/{*rest}"]
        .iter()
        .fold(Router::new(), |router, path| router.route(path, any(edge::nothing)));
    let management = GUARDED.iter().fold(nothing.merge(described), |router, route| {
        let guard = from_fn_with_state((app.clone(), route), guard::guard);
        router.route(route.path, (route.handler)().route_layer(guard))
    });
    let management = management.route_layer(from_fn_with_state(app.clone(), edge::management));
    open.merge(tokens)
        .merge(links)
        .merge(management)
        .with_state(app.clone())
}
