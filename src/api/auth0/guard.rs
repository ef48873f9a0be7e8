//! Token and scope, asked for before anything else of a request is read
//! (`api/auth0.md` 2.3), and what its tenant and client may still ask. A handler learns who
//! calls from the `Extension<Caller>` that is put here.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::edge::ForClient;
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
    let client = caller.client;
    let quota = match app.admit(client).await {
        Ok(quota) => quota,
        Err(error) => {
            let mut response = Problem::from(error).into_response();
            response.extensions_mut().insert(ForClient(client));
            return Ok(response);
        }
    };
    let mut response = match caller.needs(any_of) {
        Ok(()) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => Problem::from(error).into_response(),
    };
    let extensions = response.extensions_mut();
    extensions.insert(quota);
    extensions.insert(ForClient(client));
    Ok(response)
}
