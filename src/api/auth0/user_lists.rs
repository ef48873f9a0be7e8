//! What a user could have elsewhere and has not here: roles, permissions, organizations,
//! sessions, refresh tokens, authentication methods, enrollments, blocks.
//!
//! What would surprise: the lists are always empty, and still of nobody but users who are there.
//! There are no sessions, so deleting them does nothing; what ends a person's access tokens is
//! [`revoke_access`].

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::error::Problem;
use super::names;
use super::paging::{Checkpoint, List, Pages};
use super::wire;
use crate::app::App;
use crate::domain::{Caller, Object, Scope};
use crate::web::body::Optional;
use crate::web::path::Segments;
use crate::web::query::{Query, QueryFault};
use crate::web::{Fault, Fields, Reason};

/// `GET /api/v2/users/{id}/roles`.
pub async fn roles(app: State<Arc<App>>, caller: Extension<Caller>, id: Segments<1>, query: Query) -> Answer {
    by_number(app, caller, id, query, "roles", &[Scope::ReadUsers, Scope::ReadRoles]).await
}

/// `GET /api/v2/users/{id}/permissions`.
pub async fn permissions(app: State<Arc<App>>, caller: Extension<Caller>, id: Segments<1>, query: Query) -> Answer {
    by_number(app, caller, id, query, "permissions", &[Scope::ReadUsers]).await
}

/// `GET /api/v2/users/{id}/organizations`.
pub async fn organizations(app: State<Arc<App>>, caller: Extension<Caller>, id: Segments<1>, query: Query) -> Answer {
    by_number(app, caller, id, query, "organizations", &[Scope::ReadOrganizations]).await
}

/// `GET /api/v2/users/{id}/authentication-methods`.
pub async fn methods(app: State<Arc<App>>, caller: Extension<Caller>, id: Segments<1>, query: Query) -> Answer {
    let any_of = &[Scope::ReadUsers, Scope::ReadAuthenticationMethods];
    by_number(app, caller, id, query, "authenticators", any_of).await
}

/// `GET /api/v2/users/{id}/enrollments`.
pub async fn enrollments(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
    query: Query,
) -> Answer {
    query.finish()?;
    app.check_user(&caller, &names::user(&id), &[Scope::ReadUsers]).await?;
    Ok(wire::json(StatusCode::OK, &json!([])))
}

/// `GET /api/v2/users/{id}/sessions`.
pub async fn sessions(app: State<Arc<App>>, caller: Extension<Caller>, id: Segments<1>, query: Query) -> Answer {
    by_position(app, caller, id, query, "sessions", &[Scope::ReadSessions]).await
}

/// `GET /api/v2/users/{id}/refresh-tokens`.
pub async fn refresh_tokens(app: State<Arc<App>>, caller: Extension<Caller>, id: Segments<1>, query: Query) -> Answer {
    by_position(app, caller, id, query, "tokens", &[Scope::ReadRefreshTokens]).await
}

/// `DELETE /api/v2/users/{id}/sessions`.
pub async fn delete_sessions(app: State<Arc<App>>, caller: Extension<Caller>, id: Segments<1>) -> Answer {
    nothing_to_do(app, caller, id, &[Scope::DeleteSessions], StatusCode::ACCEPTED).await
}

/// `DELETE /api/v2/users/{id}/refresh-tokens`.
pub async fn delete_refresh_tokens(app: State<Arc<App>>, caller: Extension<Caller>, id: Segments<1>) -> Answer {
    nothing_to_do(app, caller, id, &[Scope::DeleteRefreshTokens], StatusCode::ACCEPTED).await
}

/// `POST /api/v2/users/{id}/revoke-access`: her tokens end, whatever the body chooses, since no
/// session is told from another here.
pub async fn revoke_access(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
    Optional(body): Optional,
) -> Answer {
    let mut fields = Fields::new(body.unwrap_or_else(Object::new));
    if fields.opt_text("session_id")?.is_some() {
        let reason = Reason::Other("There are no sessions to choose from");
        return Err(fields.fault("session_id", reason).into());
    }
    fields.opt_bool("preserve_refresh_tokens")?;
    fields.finish()?;
    app.revoke_access(&caller, &names::user(&id)).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// `GET /api/v2/user-blocks/{id}`.
pub async fn blocks(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
    mut query: Query,
) -> Answer {
    query.opt_bool("consider_brute_force_enablement")?;
    query.finish()?;
    app.check_user(&caller, &names::user(&id), &[Scope::ReadUsers]).await?;
    Ok(wire::json(StatusCode::OK, &json!({ "blocked_for": [] })))
}

/// `DELETE /api/v2/user-blocks/{id}`.
pub async fn unblock(app: State<Arc<App>>, caller: Extension<Caller>, id: Segments<1>) -> Answer {
    nothing_to_do(app, caller, id, &[Scope::UpdateUsers], StatusCode::NO_CONTENT).await
}

/// `GET /api/v2/user-blocks?identifier=`.
pub async fn blocks_of(mut query: Query) -> Answer {
    query.opt_bool("consider_brute_force_enablement")?;
    read_identifier(query)?;
    Ok(wire::json(StatusCode::OK, &json!({ "blocked_for": [] })))
}

/// `DELETE /api/v2/user-blocks?identifier=`.
pub async fn unblock_all(query: Query) -> Answer {
    read_identifier(query)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

type Answer = Result<Response, Problem>;

/// A name that somebody logs in by. Nobody is blocked for failed log-ins here, so it is not
/// looked for.
fn read_identifier(mut query: Query) -> Result<(), QueryFault> {
    let identifier = query.text("identifier")?;
    query.finish()?;
    match identifier.is_empty() {
        true => Err(QueryFault(Fault::new(
            "identifier",
            Reason::TooShort { len: 0, min: 1 },
        ))),
        false => Ok(()),
    }
}

/// Removing what nobody has, of a user who is there.
async fn nothing_to_do(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
    any_of: &'static [Scope],
    done: StatusCode,
) -> Answer {
    app.check_user(&caller, &names::user(&id), any_of).await?;
    Ok(done.into_response())
}

/// An empty list that is paged through by number, or from a position on.
async fn by_number(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
    mut query: Query,
    name: &str,
    any_of: &'static [Scope],
) -> Answer {
    let pages = Pages::read(&mut query, 0, 50)?;
    query.finish()?;
    app.check_user(&caller, &names::user(&id), any_of).await?;
    let body = pages.answer(&app, &caller, &empty(name), Vec::new(), nothing).await?;
    Ok(wire::json(StatusCode::OK, &body))
}

/// An empty list that is paged through from a position on.
async fn by_position(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
    mut query: Query,
    name: &str,
    any_of: &'static [Scope],
) -> Answer {
    let checkpoint = Checkpoint::read(&mut query, 100)?.unwrap_or_default();
    // Clients send it to every list.
    query.opt_bool("include_totals")?;
    query.finish()?;
    app.check_user(&caller, &names::user(&id), any_of).await?;
    let body = checkpoint
        .answer(&app, &caller, &empty(name), Vec::new(), nothing)
        .await?;
    Ok(wire::json(StatusCode::OK, &body))
}

const fn empty(name: &str) -> List<'_, ()> {
    List {
        name,
        cursors: "auth0:nothing",
        position: &|()| [0; 12],
    }
}

const fn nothing((): &()) -> Value {
    Value::Null
}
