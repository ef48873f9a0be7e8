//! `/api/v2/connections` (`api/auth0.md` 11.2). What the bodies may hold is read in
//! `connection_bodies.rs`.
//!
//! What would surprise: a connection that is being deleted is not there for anybody, though
//! users of it may still be shown until they are erased.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, Uri};
use serde_json::{Value, json};

use super::connection_bodies::{Changes, read};
use super::error::{self, Problem};
use super::form::Body;
use super::identities::{CONNECTION_ID_PATTERN, is_connection_id};
use super::journal::Erased;
use super::paging::{Checkpoint, List, Pages, Selection, beginning};
use super::wire;
use crate::app::App;
use crate::domain::email::is_address;
use crate::domain::spelling::{self, AUTH0_PROVIDERS};
use crate::domain::{Caller, Connection, ConnectionRef};
use crate::error::{Error, Noun};
use crate::id::ConnectionId;
use crate::secret::Digest;
use crate::web::body::JsonArray;
use crate::web::path::Segments;
use crate::web::query::Query;
use crate::web::query::QueryFault;
use crate::web::refusal::{Place, Refusal};
use crate::web::{Fault, Fields, Reason};

/// Which list a cursor belongs to.
const LIST: &str = "auth0:connections";

/// Likewise.
const CLIENTS: &str = "auth0:connection-clients";

/// Strategies that take a connector of the tenant's own, of which none can be here.
const WITH_CONNECTOR: &[&str] = &["ad", "auth0-adldap"];

/// `GET /api/v2/connections`.
pub async fn list(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut query = Query::of(&uri, &["strategy"])?;
    let filter = Filter::read(&mut query)?;
    let selection = Selection::of_any(&mut query)?;
    let pages = Pages::read(&mut query, 1, 100)?;
    query.finish()?;
    let mut found = app.list_connections(&caller).await?;
    found.retain(|connection| filter.fits(connection));
    let clients = app.client_ids(&caller).await?;
    let show = |connection: &Connection| selection.of(wire::connection(connection, &clients));
    let list = List {
        name: "connections",
        cursors: LIST,
        position: &position,
    };
    Ok(wire::json(
        StatusCode::OK,
        &pages.answer(&app, &caller, &list, found, show).await?,
    ))
}

/// `POST /api/v2/connections`.
pub async fn create(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let made = app.create_connection(&caller, read(body)?).await?;
    let shown = wire::connection(&made, &app.client_ids(&caller).await?);
    Ok(wire::json(StatusCode::CREATED, &Value::Object(shown)))
}

/// `GET /api/v2/connections/{id}`.
pub async fn find(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
    mut query: Query,
) -> Result<Response, Problem> {
    let id = Named::read(&id)?;
    let selection = Selection::of_any(&mut query)?;
    query.finish()?;
    let found = app.find_connection(&caller, &ConnectionRef::Id(id.known()?)).await?;
    let shown = wire::connection(&found, &app.client_ids(&caller).await?);
    Ok(wire::json(StatusCode::OK, &selection.of(shown)))
}

/// `PATCH /api/v2/connections/{id}`.
pub async fn update(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let id = Named::read(&id)?;
    let changes = Changes::read(body)?;
    let change = |connection: &mut Connection| -> Result<(), Error> { Ok(changes.apply(connection)?) };
    let secret = changes.client_secret();
    let updated = app.update_connection(&caller, id.known()?, &change, secret).await?;
    let shown = wire::connection(&updated, &app.client_ids(&caller).await?);
    Ok(wire::json(StatusCode::OK, &Value::Object(shown)))
}

/// `DELETE /api/v2/connections/{id}`: 202 while its users go, 204 when there is none.
pub async fn remove(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
) -> Result<Response, Problem> {
    let deleted = match Named::read(&id)?.0 {
        Some(id) => app.delete_connection(&caller, id).await?,
        None => None,
    };
    Ok(match deleted {
        Some(at) => wire::json(StatusCode::ACCEPTED, &json!({ "deleted_at": wire::time(at) })),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// `GET /api/v2/connections/{id}/clients`: the clients that it is enabled for.
pub async fn list_clients(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
    mut query: Query,
) -> Result<Response, Problem> {
    let id = Named::read(&id)?;
    let checkpoint = Checkpoint::read(&mut query, 1000)?;
    query.finish()?;
    let found = app.find_connection(&caller, &ConnectionRef::Id(id.known()?)).await?;
    let list = List {
        name: "clients",
        cursors: CLIENTS,
        position: &|id: &String| beginning(Digest::of(id.as_bytes()).as_bytes()),
    };
    let checkpoint = checkpoint.unwrap_or_default();
    let show = |id: &String| json!({ "client_id": id });
    let enabled = wire::enabled_clients(&found, &app.client_ids(&caller).await?);
    let body = checkpoint.answer(&app, &caller, &list, enabled, show).await?;
    Ok(wire::json(StatusCode::OK, &body))
}

/// `PATCH /api/v2/connections/{id}/clients`: enables it for clients, or no longer.
pub async fn update_clients(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
    JsonArray(body): JsonArray,
) -> Result<Response, Problem> {
    let id = Named::read(&id)?;
    let changes = read_client_changes(body)?;
    for (client, _) in changes.iter().filter(|(_, enabled)| *enabled) {
        let known = client.parse().map_err(|_| Error::NotFound(Noun::Client))?;
        app.check_client(&caller, known).await?;
    }
    let known = app.client_ids(&caller).await?;
    let change = |connection: &mut Connection| -> Result<(), Error> {
        let mut clients = wire::enabled_clients(connection, &known);
        for (client, enabled) in &changes {
            clients.retain(|known| known != client);
            if *enabled {
                clients.push(client.clone());
            }
        }
        connection.auth0.insert("enabled_clients".to_owned(), clients.into());
        Ok(())
    };
    app.update_connection(&caller, id.known()?, &change, None).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `DELETE /api/v2/connections/{id}/users?email=`.
pub async fn remove_user(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
    mut query: Query,
) -> Result<Response, Problem> {
    let id = Named::read(&id)?;
    let email = query.text("email")?;
    query.finish()?;
    if !is_address(&email) {
        return Err(QueryFault(Fault::new("email", Reason::Format("email"))).into());
    }
    let deleted = app.delete_user_at(&caller, id.known()?, &email).await;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if deleted.map_err(error::of_delete_at)? {
        response.extensions_mut().insert(Erased);
    }
    Ok(response)
}

/// `GET /api/v2/connections/{id}/status`: a connection is online when people can come by
/// it, as far as this server has a part in that.
pub async fn status(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
) -> Result<Response, Problem> {
    let id = Named::read(&id)?;
    let found = app.find_connection(&caller, &ConnectionRef::Id(id.known()?)).await?;
    match WITH_CONNECTOR.contains(&spelling::auth0_strategy(&found)) {
        true => Err(error::offline()),
        false => Ok(wire::json(StatusCode::OK, &json!({}))),
    }
}

/// A connection as a path names it: of the published form, and perhaps one that can be.
struct Named(Option<ConnectionId>);

impl Named {
    fn read(id: &str) -> Result<Self, Problem> {
        if !is_connection_id(id) {
            let fault = Fault::new("id", Reason::Pattern(CONNECTION_ID_PATTERN));
            let place = Place::Path;
            return Err(Refusal::Invalid { place, fault }.into());
        }
        Ok(Self(id.parse().ok()))
    }

    fn known(&self) -> Result<ConnectionId, Error> {
        self.0.ok_or(Error::NotFound(Noun::Connection))
    }
}

/// Reads which clients a connection shall be enabled for, and which not: 1 to 50.
fn read_client_changes(body: Vec<Value>) -> Result<Vec<(String, bool)>, Fault> {
    match body.len() {
        0 => return Err(Fault::new("", Reason::TooShort { len: 0, min: 1 })),
        len @ 51.. => return Err(Fault::new("", Reason::TooLong { len, max: 50 })),
        _ => {}
    }
    let mut changes = Vec::new();
    for (n, item) in body.into_iter().enumerate() {
        let mut fields = Fields::item(n, item)?;
        let client = fields.text("client_id")?;
        let enabled = fields.bool("status")?;
        fields.finish()?;
        changes.push((client, enabled));
    }
    Ok(changes)
}

/// Which connections a list holds.
struct Filter {
    strategies: Vec<String>,
    name: Option<String>,
}

impl Filter {
    fn read(query: &mut Query) -> Result<Self, QueryFault> {
        let strategies = query.all("strategy");
        if !strategies.iter().all(|one| AUTH0_PROVIDERS.contains(&one.as_str())) {
            return Err(QueryFault(Fault::new("strategy", Reason::NotInEnum(AUTH0_PROVIDERS))));
        }
        Ok(Self {
            strategies,
            name: query.opt_text("name"),
        })
    }

    fn fits(&self, connection: &Connection) -> bool {
        let strategy = spelling::auth0_strategy(connection);
        (self.strategies.is_empty() || self.strategies.iter().any(|one| one == strategy))
            && self.name.as_ref().is_none_or(|name| *name == connection.name)
    }
}

/// Where a connection is in the order of ids.
fn position(connection: &Connection) -> [u8; 12] {
    beginning(&connection.id.number().to_be_bytes())
}
