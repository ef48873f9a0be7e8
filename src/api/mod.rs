//! The dialects, and where each is mounted. One listener serves them all.

use std::sync::Arc;

use axum::Router;

use crate::app::App;
use crate::web::front::Dialect;

pub mod auth0;
pub mod kii;
pub mod knodes;
pub mod link;

/// Every route of every dialect.
pub fn router(app: &Arc<App>) -> Router {
    Router::new()
        .merge(link::router())
        .with_state(app.clone())
        .merge(auth0::router(app))
        .merge(knodes::router(app))
        .merge(kii::router(app))
}

/// How each dialect spells what the front refuses.
pub fn dialects() -> Vec<Dialect> {
    [link::dialects(), auth0::dialects(), kii::dialects(), knodes::dialects()].concat()
}
