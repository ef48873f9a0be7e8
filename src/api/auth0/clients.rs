//! `/api/v2/clients` (`api/auth0.md` 11.3). How clients look is `client_json.rs`'s affair.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::Value;

use super::client_json::{self, APP_TYPES, Changes, Unknown};
use super::error::Problem;
use super::form::Body;
use super::paging::{List, Pages, Selection, beginning};
use super::wire;
use crate::app::App;
use crate::domain::{Caller, Client};
use crate::error::{Error, Noun};
use crate::id::ClientId;
use crate::secret::SecretString;
use crate::web::path::Segments;
use crate::web::query::{Query, QueryFault};
use crate::web::{Fault, Reason};

/// Which list a cursor belongs to.
const LIST: &str = "auth0:clients";

/// `GET /api/v2/clients`.
pub async fn list(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    mut query: Query,
) -> Result<Response, Problem> {
    let filter = Filter::read(&mut query)?;
    let selection = Selection::of_any(&mut query)?;
    let pages = Pages::read(&mut query, 0, 50)?;
    query.finish()?;
    let tenant = app.tenant_of(&caller).await?;
    let mut found = app.clients_of(&caller).await?;
    found.retain(|client| filter.fits(client));
    let show = |client: &Client| selection.of(client_json::show(client, &tenant.name, None));
    let list = List {
        name: "clients",
        cursors: LIST,
        position: &position,
    };
    let body = pages.answer(&app, &caller, &list, found, show).await?;
    Ok(wire::json(StatusCode::OK, &body))
}

/// `POST /api/v2/clients`.
pub async fn create(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let request = client_json::read(body, unknown(&app, &caller).await?)?;
    let (made, secret) = app.create_client(&caller, request).await?;
    show(&app, &caller, StatusCode::CREATED, &made, secret.as_ref()).await
}

/// `GET /api/v2/clients/{id}`.
pub async fn find(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
    mut query: Query,
) -> Result<Response, Problem> {
    let selection = Selection::of_any(&mut query)?;
    query.finish()?;
    let found = app.find_client(&caller, read_id(&id)?).await?;
    let tenant = app.tenant_of(&caller).await?;
    let shown = client_json::show(&found, &tenant.name, None);
    Ok(wire::json(StatusCode::OK, &selection.of(shown)))
}

/// `PATCH /api/v2/clients/{id}`.
pub async fn update(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let changes = Changes::read(body, unknown(&app, &caller).await?)?;
    let change = |client: &mut Client| -> Result<(), Error> {
        changes.apply(client);
        Ok(())
    };
    let updated = app.update_client(&caller, read_id(&id)?, &change).await?;
    show(&app, &caller, StatusCode::OK, &updated, None).await
}

/// `DELETE /api/v2/clients/{id}`.
pub async fn remove(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
) -> Result<Response, Problem> {
    if let Ok(id) = id.parse() {
        app.delete_client(&caller, id).await?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /api/v2/clients/{id}/rotate-secret`.
pub async fn rotate(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
) -> Result<Response, Problem> {
    let (client, secret) = app.rotate_client_secret(&caller, read_id(&id)?).await?;
    show(&app, &caller, StatusCode::OK, &client, Some(&secret)).await
}

async fn show(
    app: &App,
    caller: &Caller,
    status: StatusCode,
    client: &Client,
    secret: Option<&SecretString>,
) -> Result<Response, Problem> {
    let tenant = app.tenant_of(caller).await?;
    let shown = client_json::show(client, &tenant.name, secret);
    Ok(wire::json(status, &Value::Object(shown)))
}

async fn unknown(app: &App, caller: &Caller) -> Result<Unknown, Error> {
    Ok(match app.settings_of(caller.tenant).await?.lenient_clients {
        true => Unknown::Drop,
        false => Unknown::Refuse,
    })
}

/// What is no id of a client is nobody's.
fn read_id(id: &str) -> Result<ClientId, Error> {
    id.parse().map_err(|_| Error::NotFound(Noun::Client))
}

/// Where a client is in the order of ids.
pub fn position(client: &Client) -> [u8; 12] {
    beginning(&own_bytes(client.id))
}

/// What of an id is the client's own, and not its tenant's.
pub fn own_bytes(id: ClientId) -> [u8; 8] {
    let bytes = id.to_bytes();
    bytes.last_chunk().copied().unwrap_or_default()
}

/// Which clients a list holds.
struct Filter {
    is_global: Option<bool>,
    is_first_party: Option<bool>,
    app_types: Option<Vec<String>>,
}

impl Filter {
    fn read(query: &mut Query) -> Result<Self, QueryFault> {
        let app_types = query.opt_text("app_type").map(|list| {
            let types = list.split(',').map(str::to_owned);
            types.collect::<Vec<_>>()
        });
        let known = |name: &String| APP_TYPES.contains(&name.as_str());
        if app_types.as_ref().is_some_and(|types| !types.iter().all(known)) {
            return Err(QueryFault(Fault::new("app_type", Reason::NotInEnum(APP_TYPES))));
        }
        Ok(Self {
            is_global: query.opt_bool("is_global")?,
            is_first_party: query.opt_bool("is_first_party")?,
            app_types,
        })
    }

    fn fits(&self, client: &Client) -> bool {
        let member = |name: &str| client.auth0.get(name);
        let first_party = member("is_first_party").and_then(Value::as_bool).unwrap_or(true);
        let app_type = member("app_type").and_then(Value::as_str);
        self.is_global != Some(true)
            && self.is_first_party.is_none_or(|wanted| wanted == first_party)
            && self
                .app_types
                .as_ref()
                .is_none_or(|types| types.iter().any(|one| Some(one.as_str()) == app_type))
    }
}
