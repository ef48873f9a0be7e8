//! `/api/v2/client-grants` (`api/auth0.md` 11.3): what clients may ask for in tokens of their
//! own.
//!
//! What would surprise: there is one interface to be granted rights on, the Management API, so
//! a client has one grant or none, and the grant's id is made from the client's. Any of our
//! addresses names that interface; it is shown by the one that the request came by.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::clients::{own_bytes, position};
use super::connection_bodies::wrong_type;
use super::error::{self, Problem};
use super::form::Body;
use super::paging::{List, Pages};
use super::wire;
use crate::app::App;
use crate::domain::{Caller, Client, Scope, Scopes};
use crate::error::{Error, Noun};
use crate::id::{ClientId, TenantId};
use crate::web::path::Segments;
use crate::web::query::{Query, QueryFault};
use crate::web::{Arrival, Fault, Fields, JsonType, Reason};

/// Which list a cursor belongs to.
const LIST: &str = "auth0:client-grants";

const SUBJECT_TYPES: &[&str] = &["client", "user"];

/// `GET /api/v2/client-grants`.
pub async fn list(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Extension(arrival): Extension<Arrival>,
    mut query: Query,
) -> Result<Response, Problem> {
    let audience = query.opt_text("audience");
    let client = query.opt_text("client_id");
    let subject_type = query.opt_text("subject_type");
    if subject_type
        .as_ref()
        .is_some_and(|one| !SUBJECT_TYPES.contains(&one.as_str()))
    {
        let fault = Fault::new("subject_type", Reason::NotInEnum(SUBJECT_TYPES));
        return Err(QueryFault(fault).into());
    }
    let pages = Pages::read(&mut query, 0, 50)?;
    query.finish()?;
    let ours = audience.is_none_or(|audience| app.origins().is_audience(&audience));
    let of_clients = subject_type.is_none_or(|one| one == "client");
    let mut found = app.clients_of(&caller).await?;
    found.retain(|one| {
        let wanted = client.as_ref().is_none_or(|id| one.id.to_string() == *id);
        one.scopes.is_some() && ours && of_clients && wanted
    });
    let list = List {
        name: "client_grants",
        cursors: LIST,
        position: &position,
    };
    let show = |client: &Client| show(client, &audience_of(&arrival));
    let body = pages.answer(&app, &caller, &list, found, show).await?;
    Ok(wire::json(StatusCode::OK, &body))
}

/// `POST /api/v2/client-grants`.
pub async fn create(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let mut fields = Fields::new(body);
    let client = fields.text("client_id")?;
    let audience = fields.text("audience")?;
    let scopes = read_scopes(&mut fields)?.ok_or_else(|| fields.fault("scope", Reason::MissingRequired))?;
    if fields.opt_word("subject_type", SUBJECT_TYPES)? == Some("user") {
        let reason = Reason::Other("What people may ask for by a client cannot be granted here");
        return Err(Fault::new("subject_type", reason).into());
    }
    fields.finish()?;
    if !app.origins().is_audience(&audience) {
        return Err(error::no_resource_server());
    }
    let id = client.parse().map_err(|_| Error::NotFound(Noun::Client))?;
    let granted = app.create_client_grant(&caller, id, scopes).await?;
    Ok(wire::json(StatusCode::CREATED, &show(&granted, &audience)))
}

/// `GET /api/v2/client-grants/{id}`.
pub async fn find(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Extension(arrival): Extension<Arrival>,
    Segments([id]): Segments<1>,
) -> Result<Response, Problem> {
    let found = app.find_client_grant(&caller, read_id(caller.tenant, &id)?).await?;
    Ok(wire::json(StatusCode::OK, &show(&found, &audience_of(&arrival))))
}

/// `PATCH /api/v2/client-grants/{id}`.
pub async fn update(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Extension(arrival): Extension<Arrival>,
    Segments([id]): Segments<1>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let mut fields = Fields::new(body);
    let scopes = read_scopes(&mut fields)?.ok_or_else(|| fields.fault("scope", Reason::MissingRequired));
    fields.finish()?;
    let id = read_id(caller.tenant, &id)?;
    let updated = app.update_client_grant(&caller, id, scopes?).await?;
    Ok(wire::json(StatusCode::OK, &show(&updated, &audience_of(&arrival))))
}

/// `DELETE /api/v2/client-grants/{id}`.
pub async fn remove(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
) -> Result<Response, Problem> {
    if let Ok(id) = read_id(caller.tenant, &id) {
        app.delete_client_grant(&caller, id).await?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn read_scopes(fields: &mut Fields) -> Result<Option<Scopes>, Fault> {
    let Some(items) = fields.opt_array("scope")? else {
        return Ok(None);
    };
    let scopes = items.iter().enumerate().map(|(n, item)| {
        let path = format!("scope[{n}]");
        let name = item.as_str().ok_or_else(|| wrong_type(&path, JsonType::String, item))?;
        match Scope::named(name) {
            Some(scope) if !scope.is_for_users() => Ok(scope),
            Some(_) => Err(Fault::new(
                path,
                Reason::Other("No client is given this right of persons over themselves"),
            )),
            None => Err(Fault::new(path, Reason::Other("There is no such scope here"))),
        }
    });
    scopes.collect::<Result<_, _>>().map(Some)
}

fn show(client: &Client, audience: &str) -> Value {
    let scopes = client.scopes.unwrap_or(Scopes::NONE);
    json!({
        "id": format!("cgr_{}", hex::encode(own_bytes(client.id))),
        "client_id": client.id.to_string(),
        "audience": audience,
        "scope": scopes.iter().map(Scope::name).collect::<Vec<_>>(),
        "subject_type": "client",
    })
}

fn audience_of(arrival: &Arrival) -> String {
    format!("{}api/v2/", arrival.origin)
}

/// The client whose grant in this tenant goes by this id.
fn read_id(tenant: TenantId, id: &str) -> Result<ClientId, Error> {
    let own = id.strip_prefix("cgr_").unwrap_or_default();
    format!("{:016x}{own}", tenant.number())
        .parse()
        .map_err(|_| Error::NotFound(Noun::ClientGrant))
}
