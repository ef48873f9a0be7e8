//! Token and scope, asked for before anything else of a request is read
//! (`api/auth0.md` 2.3). A handler learns who calls from the `Extension<Caller>` that is
//! put here.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::error::Problem;
use crate::app::App;
use crate::domain::Scope;
use crate::web::caller::caller;

/// Lets through whoever has one of the scopes.
pub async fn guard(
    State((app, any_of)): State<(Arc<App>, &'static [Scope])>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let caller = caller(&app, request.headers()).await?;
    caller.needs(any_of)?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}
