//! Users: made, found, listed.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;

use crate::api::link::error::Problem;
use crate::api::link::request::{Asking, Idempotency, PageRequest, user};
use crate::api::link::wire;
use crate::app::App;
use crate::app::link::Account;
use crate::app::users::{Page, UserRequest};
use crate::domain::profile::is_display_text;
use crate::domain::{Profile, Scope, email};
use crate::error::Error;
use crate::id::UserId;
use crate::secret::SecretString;
use crate::web::Json;
use crate::web::body::JsonObject;
use crate::web::path::Segments;
use crate::web::query::Query;
use crate::web::{Fields, Reason};

/// The longest name, in bytes.
const NAME_LIMIT_BYTES: usize = 300;

/// `POST /link/v1/users`: makes a user, with a first account if given.
#[utoipa::path(
    post, path = "/link/v1/users", tag = "users", operation_id = "create_user",
    params(("Idempotency-Key" = Option<String>, Header, description = "makes the request take effect once")),
    request_body = wire::NewUserBody,
    responses(
        (status = 201, description = "made", body = wire::User),
        (status = 400, description = "not understood", body = wire::Problem),
        (status = 401, description = "no valid token", body = wire::Problem),
        (status = 403, description = "without create:users", body = wire::Problem),
        (status = 404, description = "no such connection", body = wire::Problem),
        (status = 409, description = "`identity_taken`; `identity_erased`: the account was of somebody who was deleted, and the tenant does not take it back yet; `token_replayed`: the ID token made it somebody else's before; or `conflict` of the address to log in with", body = wire::Problem),
    ),
)]
pub async fn create(
    State(app): State<Arc<App>>,
    Asking(caller): Asking,
    idempotency: Idempotency,
    JsonObject(body): JsonObject,
) -> Result<(StatusCode, Json<wire::User>), Problem> {
    let once = idempotency.of(&caller, "create_user", &body);
    let mut fields = Fields::new(body);
    let name = fields.opt_text("name")?;
    if let Some(len) = name.as_ref().map(String::len).filter(|len| *len > NAME_LIMIT_BYTES) {
        return Err(fields
            .fault(
                "name",
                Reason::TooLong {
                    len,
                    max: NAME_LIMIT_BYTES,
                },
            )
            .into());
    }
    if name.as_deref().is_some_and(|name| !is_display_text(name)) {
        return Err(fields.fault("name", Reason::Control).into());
    }
    let address = fields.opt_text("email")?;
    if address.as_deref().is_some_and(|address| !email::is_address(address)) {
        return Err(fields.fault("email", Reason::Format("email")).into());
    }
    let password = fields.opt_text("password")?.map(SecretString::from);
    if password.is_some() && address.is_none() {
        return Err(fields
            .fault("password", Reason::Other("takes an email to log in with"))
            .into());
    }
    let also = match fields.opt_fields("identity")? {
        None => None,
        Some(identity) => match wire::account(identity, app.now())? {
            wire::Given::Asserted(asserted) => Some(Account::Asserted(asserted)),
            wire::Given::ToProve(presented) => {
                caller.needs(&[Scope::CreateUsers])?;
                Some(Account::Proved(app.prove(caller.tenant, presented).await?))
            }
        },
    };
    fields.finish()?;
    let profile = Profile {
        name,
        email: address,
        ..Profile::default()
    };
    let request = UserRequest {
        profile,
        password,
        also,
        once,
        ..UserRequest::default()
    };
    let (made, _) = app.create_user(&caller, request).await?;
    Ok((
        StatusCode::CREATED,
        Json(
            wire::User::of(&app, caller.tenant, made)
                .await
                .map_err(Error::after_act)?,
        ),
    ))
}

/// `GET /link/v1/users/{id}`: one user.
#[utoipa::path(
    get, path = "/link/v1/users/{id}", tag = "users", operation_id = "find_user",
    params(("id" = String, Path, description = "the user's id in any spelling")),
    responses(
        (status = 200, description = "the user", body = wire::User),
        (status = 401, description = "no valid token", body = wire::Problem),
        (status = 403, description = "neither read:users nor oneself", body = wire::Problem),
        (status = 404, description = "no such user", body = wire::Problem),
    ),
)]
pub async fn find(
    State(app): State<Arc<App>>,
    Asking(caller): Asking,
    Segments([id]): Segments<1>,
    query: Query,
) -> Result<Json<wire::User>, Problem> {
    query.finish()?;
    let found = app.find_user(&caller, &user(&id)?).await?;
    Ok(Json(wire::User::of(&app, caller.tenant, found).await?))
}

/// `GET /link/v1/users`: every user once, in the order of their ids.
#[utoipa::path(
    get, path = "/link/v1/users", tag = "users", operation_id = "list_users",
    params(
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, description = "1 to 100, default 50"),
    ),
    responses(
        (status = 200, description = "a page", body = wire::UserPage),
        (status = 400, description = "not a cursor of this list", body = wire::Problem),
        (status = 401, description = "no valid token", body = wire::Problem),
        (status = 403, description = "without read:users", body = wire::Problem),
    ),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Asking(caller): Asking,
    query: Query,
) -> Result<Json<wire::UserPage>, Problem> {
    let page = PageRequest::read(&app, &caller, "users", query).await?;
    let after = Page {
        after: page.after.map(UserId::from_bytes),
        limit: page.limit,
    };
    let found = app.list_users(&caller, after).await?;
    let last = found.last().map(|found| found.user.id.as_bytes());
    let next = page.next(&app, &caller, last).await?;
    let mut users = Vec::with_capacity(found.len());
    for found in found {
        users.push(wire::User::of(&app, caller.tenant, found).await?);
    }
    Ok(Json(wire::UserPage { users, next }))
}
