//! Token and scope, asked for before anything else of a request is read
//! (`api/auth0.md` 2.3), and what its tenant and client may still ask. A handler learns who
//! calls from the `Extension<Caller>` that is put here.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Route;
use super::edge::ForClient;
use super::error::Problem;
use super::journal::Watched;
use crate::app::App;
use crate::web::caller::caller;

/// Lets through whoever has one of the scopes, and has the call told of.
pub async fn guard(
    State((app, route)): State<(Arc<App>, &'static Route)>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let caller = caller(&app, request.headers()).await?;
    let client = caller.client;
    let (watched, mut request) = Watched::begin(&app, route, &caller, request);
    let quota = match app.admit(client).await {
        Ok(quota) => quota,
        Err(error) => {
            let mut response = Problem::from(error).into_response();
            response.extensions_mut().insert(ForClient(client));
            return Ok(watched.end(&app, response).await);
        }
    };
    let mut response = match caller.needs(route.any_of) {
        Ok(()) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => Problem::from(error).into_response(),
    };
    let extensions = response.extensions_mut();
    extensions.insert(quota);
    extensions.insert(ForClient(client));
    Ok(watched.end(&app, response).await)
}
