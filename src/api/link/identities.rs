//! Linking, unlinking, and whose account is this.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::api::link::error::Problem;
use crate::api::link::request::{Asking, Idempotency, user};
use crate::api::link::wire;
use crate::app::App;
use crate::app::link::{Account, IfOwned, IfUnknown, LinkOutcome, LinkRequest, OnSame, PerNetwork};
use crate::app::unlink::{Ending, LastWayIn};
use crate::domain::ConnectionRef;
use crate::error::{Error, Noun};
use crate::id::IdentityId;
use crate::web::Json;
use crate::web::body::JsonObject;
use crate::web::path::Segments;
use crate::web::query::Query;
use crate::web::{Fields, Reason};

/// How many accounts one request may ask for.
const AT_ONCE: usize = 100;

/// `POST /link/v1/users/{id}/identities`: links an account that the caller vouches for or, with `verify`, its network.
#[utoipa::path(
    post, path = "/link/v1/users/{id}/identities", tag = "identities", operation_id = "link",
    params(
        ("id" = String, Path, description = "the user's id in any spelling"),
        ("dry_run" = Option<bool>, Query, description = "only say what would happen"),
        ("Idempotency-Key" = Option<String>, Header, description = "makes the request take effect once"),
    ),
    request_body = wire::LinkBody,
    responses(
        (status = 201, description = "attached", body = wire::IdentityBody),
        (status = 200, description = "hers already: tokens, profile and proof are renewed; or a dry run", body = wire::NotAttached),
        (status = 400, description = "not understood; or `proof_rejected`, `proof_mismatch`, `bare_token_refused`: the token proves nothing", body = wire::Problem),
        (status = 401, description = "no valid token", body = wire::Problem),
        (status = 403, description = "without update:users, or without the right over oneself for what is proved", body = wire::Problem),
        (status = 404, description = "no such user or connection", body = wire::Problem),
        (status = 409, description = "`identity_taken`: somebody else's; `identity_erased`: of somebody who was deleted, and the tenant does not take it back yet; `token_replayed`: the ID token made it somebody else's before; `connection_not_configured`: there is nobody to ask", body = wire::Problem),
        (status = 502, description = "`provider_error`, `provider_misconfigured`: the network did not answer what it should", body = wire::Problem),
        (status = 503, description = "`busy`: it, or we, are asked too much", body = wire::Problem),
        (status = 504, description = "`provider_timeout`: the network did not answer in time", body = wire::Problem),
    ),
)]
pub async fn link(
    State(app): State<Arc<App>>,
    Asking(caller): Asking,
    Segments([id]): Segments<1>,
    mut query: Query,
    idempotency: Idempotency,
    JsonObject(body): JsonObject,
) -> Result<Response, Problem> {
    let dry_run = query.opt_bool("dry_run")?.unwrap_or(false);
    query.finish()?;
    let once = idempotency.of(&caller, &format!("link {id}"), &body);
    let user = user(&id)?;
    let account = match wire::account(Fields::new(body), app.now())? {
        wire::Given::Asserted(asserted) => Account::Asserted(asserted),
        wire::Given::ToProve(presented) => {
            // Nobody asks a network about a user that the caller may not link.
            app.may_link_to(&caller, &user).await?;
            Account::Proved(app.prove(caller.tenant, presented).await?)
        }
    };
    let request = LinkRequest {
        user,
        account,
        on_same: OnSame::Refresh,
        if_owned: IfOwned::Refuse,
        if_unknown: IfUnknown::Attach,
        per_network: PerNetwork::Many,
        once,
        dry_run,
    };
    let (status, outcome, identity) = match app.link(&caller, request).await? {
        LinkOutcome::Attached(identity) => (StatusCode::CREATED, "attached", identity),
        LinkOutcome::Repeated(identity) => (StatusCode::CREATED, "attached", identity),
        LinkOutcome::Refreshed(identity) => (StatusCode::OK, "refreshed", identity),
        LinkOutcome::Absorbed => return Err(Error::internal("a user was absorbed without having been asked to").into()),
    };
    if dry_run {
        return Ok(Json(wire::NotAttached::DryRun(wire::DryRun { dry_run, outcome })).into_response());
    }
    Ok((
        status,
        Json(
            wire::IdentityBody::of(&app, caller.tenant, identity)
                .await
                .map_err(Error::after_act)?,
        ),
    )
        .into_response())
}

/// `DELETE /link/v1/users/{id}/identities/{identity}`: erases an identity; it is free then.
#[utoipa::path(
    delete, path = "/link/v1/users/{id}/identities/{identity}", tag = "identities", operation_id = "unlink",
    params(
        ("id" = String, Path, description = "the user's id in any spelling"),
        ("identity" = String, Path, description = "`idn_…`"),
        ("force" = Option<bool>, Query, description = "even the last way in; takes update:users"),
    ),
    responses(
        (status = 204, description = "erased"),
        (status = 401, description = "no valid token", body = wire::Problem),
        (status = 403, description = "neither update:users nor oneself", body = wire::Problem),
        (status = 404, description = "no such user or identity", body = wire::Problem),
        (status = 409, description = "`last_credential` or `primary_identity`", body = wire::Problem),
    ),
)]
pub async fn unlink(
    State(app): State<Arc<App>>,
    Asking(caller): Asking,
    Segments([id, identity]): Segments<2>,
    mut query: Query,
) -> Result<StatusCode, Problem> {
    let last = match query.opt_bool("force")? {
        Some(true) => LastWayIn::Force,
        _ => LastWayIn::Keep,
    };
    query.finish()?;
    let wanted: Option<IdentityId> = identity.parse().ok();
    app.unlink(&caller, &user(&id)?, |_| wanted, Ending::Free, last).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /link/v1/users/{id}/identities`: a user's identities, the primary first.
#[utoipa::path(
    get, path = "/link/v1/users/{id}/identities", tag = "identities", operation_id = "list_identities",
    params(("id" = String, Path, description = "the user's id in any spelling")),
    responses(
        (status = 200, description = "the identities", body = Vec<wire::IdentityBody>),
        (status = 401, description = "no valid token", body = wire::Problem),
        (status = 403, description = "neither read:users nor oneself", body = wire::Problem),
        (status = 404, description = "no such user", body = wire::Problem),
    ),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Asking(caller): Asking,
    Segments([id]): Segments<1>,
    query: Query,
) -> Result<Json<Vec<wire::IdentityBody>>, Problem> {
    query.finish()?;
    let found = app.find_user(&caller, &user(&id)?).await?;
    Ok(Json(wire::identities(&app, caller.tenant, found.identities).await?))
}

/// `GET /link/v1/identities/{connection}/{subject}`: whose account is this?
#[utoipa::path(
    get, path = "/link/v1/identities/{connection}/{subject}", tag = "identities", operation_id = "resolve",
    params(
        ("connection" = String, Path, description = "the connection's name or id"),
        ("subject" = String, Path, description = "the account's own id there"),
    ),
    responses(
        (status = 200, description = "the user", body = wire::User),
        (status = 401, description = "no valid token", body = wire::Problem),
        (status = 403, description = "without read:users", body = wire::Problem),
        (status = 404, description = "nobody's", body = wire::Problem),
    ),
)]
pub async fn resolve(
    State(app): State<Arc<App>>,
    Asking(caller): Asking,
    Segments([connection, subject]): Segments<2>,
    query: Query,
) -> Result<Json<wire::User>, Problem> {
    query.finish()?;
    let found = app
        .resolve(&caller, &ConnectionRef::parse(&connection), &subject)
        .await?;
    Ok(Json(wire::User::of(&app, caller.tenant, found).await?))
}

/// `POST /link/v1/identities:resolve`: whose accounts are these?
#[utoipa::path(
    post, path = "/link/v1/identities:resolve", tag = "identities", operation_id = "resolve_many",
    request_body = wire::ResolveBody,
    responses(
        (status = 200, description = "an answer for each, in order", body = wire::Resolved),
        (status = 400, description = "not understood", body = wire::Problem),
        (status = 401, description = "no valid token", body = wire::Problem),
        (status = 403, description = "without read:users", body = wire::Problem),
    ),
)]
pub async fn resolve_many(
    State(app): State<Arc<App>>,
    Asking(caller): Asking,
    JsonObject(body): JsonObject,
) -> Result<Json<wire::Resolved>, Problem> {
    let mut fields = Fields::new(body);
    let items = fields.items("identities")?;
    if items.is_empty() || items.len() > AT_ONCE {
        let len = items.len();
        let reason = match len {
            0 => Reason::TooShort { len, min: 1 },
            _ => Reason::TooLong { len, max: AT_ONCE },
        };
        return Err(fields.fault("identities", reason).into());
    }
    fields.finish()?;
    let mut asked = Vec::with_capacity(items.len());
    for mut item in items {
        asked.push((item.text("connection")?, item.text("subject")?));
        item.finish()?;
    }
    let mut results = Vec::with_capacity(asked.len());
    for (connection, subject) in asked {
        let user = match app.resolve(&caller, &ConnectionRef::parse(&connection), &subject).await {
            Ok(found) => Some(wire::User::of(&app, caller.tenant, found).await?),
            Err(Error::NotFound(Noun::Identity)) => None,
            Err(error) => return Err(error.into()),
        };
        results.push(wire::ResolvedOne {
            connection,
            subject,
            user,
        });
    }
    Ok(Json(wire::Resolved { results }))
}
