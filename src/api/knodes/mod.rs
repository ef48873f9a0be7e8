//! The Knodes Context API (`api/knodes.md`): every path.
//!
//! Its clients spell one path in many ways: with `/v1` or without, with `.json` or without, with a
//! doubled slash where an id is missing. `spelling.rs` makes one of them all, and behind it is a
//! router of its own, whose routes are those of `routes`. `params` holds what a request carries and
//! who asks, `wire` the JSON, `error` the refusals.
//!
//! What would surprise: searches are not offered, so the paths of the search group are ours only to
//! be answered as Knodes answers what it does not know.

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, get, post};

use crate::app::App;
use crate::web::Dialect;
use crate::web::front::whole;

mod connect;
mod customers;
mod edge;
mod error;
mod exposed;
mod kept;
mod notices;
mod params;
mod spelling;
mod users;
mod wire;

/// The beginnings of all paths, each with `.json` and without.
const BEGINNINGS: [[&str; 2]; 8] = [
    ["/customers", "/customers.json"],
    ["/users", "/users.json"],
    ["/people", "/people.json"],
    ["/documents", "/documents.json"],
    ["/locations", "/locations.json"],
    ["/companies", "/companies.json"],
    ["/schools", "/schools.json"],
    ["/search", "/search.json"],
];

/// Every route, in the one spelling that all others mean.
fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/customers", get(customers::find))
        .route("/customers/{id}", get(customers::find_named))
        .route("/customers/connect", post(customers::connect))
        .route("/customers/{id}/connect", post(customers::connect_named))
        .route("/customers/disconnect", post(customers::disconnect))
        .route("/customers/{id}/disconnect", post(customers::disconnect_named))
        .route("/users", get(users::list).post(users::update))
        .route("/users/{id}", get(users::find).post(users::update_named))
        .route("/users/connect", post(connect::connect))
        .route("/users/disconnect", post(connect::disconnect))
        .route("/users/notify_active", post(users::notify_active))
        .route("/users/notify_inactive", post(users::notify_inactive))
        .route("/users/ready", get(users::ready))
        .route("/users/{id}/ready", get(users::ready_named))
        .route("/users/do_index", post(users::index))
        .route("/users/{id}/do_index", post(users::index_named))
        .route_layer(from_fn(edge::named_by_route))
        .fallback(edge::nothing)
}

/// How the front writes what it refuses by itself.
pub fn dialects() -> Vec<Dialect> {
    let prefixes = BEGINNINGS.iter().flatten().chain(&["/v1"]);
    prefixes
        .map(|prefix| Dialect {
            prefix,
            name: "knodes",
            spell: error::spell,
            logged: whole,
        })
        .collect()
}

/// All routes, in every spelling.
pub fn router(app: &Arc<App>) -> Router {
    let routes = routes().with_state(app.clone());
    let mut spelled = Router::new().route("/v1/{*rest}", any(edge::enter));
    for [bare, json] in BEGINNINGS {
        spelled = spelled
            .route(bare, any(edge::enter))
            .route(json, any(edge::enter))
            .route(&format!("{bare}/"), any(edge::enter))
            .route(&format!("{bare}/{{*rest}}"), any(edge::enter));
    }
    spelled
        .with_state(routes)
        .layer(from_fn_with_state(app.clone(), edge::edge))
}
