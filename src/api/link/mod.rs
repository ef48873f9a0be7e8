//! `/link/v1`: what none of the copied interfaces can say. JSON, RFC 9457 errors, cursors.
//!
//! | path | verb |
//! | --- | --- |
//! | `POST /link/v1/users` | makes a user, with a first account if given |
//! | `GET /link/v1/users` | every user once, in the order of their ids |
//! | `GET /link/v1/users/{id}` | one user; the id in any dialect's spelling, here and below |
//! | `GET /link/v1/users/{id}/identities` | her identities |
//! | `POST /link/v1/users/{id}/identities` | links an account |
//! | `DELETE /link/v1/users/{id}/identities/{identity}` | unlinks it; it is free then |
//! | `GET /link/v1/identities/{connection}/{subject}` | whose account is this? |
//! | `POST /link/v1/identities:resolve` | up to 100 of them at once |
//! | `GET /link/v1/events` | the audit, oldest first |
//! | `GET /link/v1/openapi.json` | this interface, described |

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post};

use crate::app::App;
use crate::web::front::{Dialect, whole};
use crate::web::refusal::problem;

pub mod error;
mod events;
mod identities;
pub mod openapi;
mod request;
mod users;
pub mod wire;

/// The routes.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/link/v1/users", post(users::create).get(users::list))
        .route("/link/v1/users/{id}", get(users::find))
        .route(
            "/link/v1/users/{id}/identities",
            get(identities::list).post(identities::link),
        )
        .route("/link/v1/users/{id}/identities/{identity}", delete(identities::unlink))
        .route("/link/v1/identities/{connection}/{subject}", get(identities::resolve))
        .route("/link/v1/identities:resolve", post(identities::resolve_many))
        .route("/link/v1/events", get(events::list))
        .route("/link/v1/openapi.json", get(openapi::serve))
}

/// How the front spells its refusals under these paths.
pub fn dialects() -> Vec<Dialect> {
    vec![Dialect {
        name: "link",
        prefix: "/link/v1",
        spell: problem,
        logged: whole,
    }]
}
