//! What tools ask of a tenant before they do anything: `/api/v2/tenants/settings` and
//! `/api/v2/resource-servers`.
//!
//! What would surprise: there is one resource server, the Management API itself, and neither
//! it nor the settings can be changed here; the operator has `oneself tenant set`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use super::error::{self, Problem};
use super::paging::{List, Pages, Selection};
use super::wire;
use crate::app::App;
use crate::app::log_in::ACCESS_TOKEN_FOR;
use crate::domain::{Caller, Object, Scopes};
use crate::web::Arrival;
use crate::web::path::Segments;
use crate::web::query::Query;

/// `GET /api/v2/tenants/settings`.
pub async fn settings(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    mut query: Query,
) -> Result<Response, Problem> {
    let selection = Selection::of_any(&mut query)?;
    query.finish()?;
    let tenant = app.tenant_of(&caller).await?;
    let shown = wire::object(json!({
        "friendly_name": tenant.name,
        "enabled_locales": ["en"],
        "flags": {},
        "sandbox_versions_available": [],
    }));
    Ok(wire::json(StatusCode::OK, &selection.of(shown)))
}

/// `GET /api/v2/resource-servers`.
pub async fn resource_servers(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Extension(arrival): Extension<Arrival>,
    mut query: Query,
) -> Result<Response, Problem> {
    let identifiers = query.opt_text("identifiers");
    // Shown or not, the scopes are those that there are.
    query.opt_bool("include_fields")?;
    let pages = Pages::read(&mut query, 0, 50)?;
    query.finish()?;
    let one = management_api(&caller, &arrival);
    let wanted = identifiers.is_none_or(|list| list.split(',').any(|one| app.origins().is_audience(one)));
    let found = if wanted { vec![one] } else { Vec::new() };
    let list = List {
        name: "resource_servers",
        cursors: "auth0:resource-servers",
        position: &|_: &Object| [0; 12],
    };
    let show = |one: &Object| Value::Object(one.clone());
    let body = pages.answer(&app, &caller, &list, found, show).await?;
    Ok(wire::json(StatusCode::OK, &body))
}

/// `GET /api/v2/resource-servers/{id}`, by id or by audience.
pub async fn resource_server(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Extension(arrival): Extension<Arrival>,
    Segments([id]): Segments<1>,
    mut query: Query,
) -> Result<Response, Problem> {
    query.opt_bool("include_fields")?;
    query.finish()?;
    let one = management_api(&caller, &arrival);
    let meant = one.get("id").is_some_and(|known| *known == id) || app.origins().is_audience(&id);
    match meant {
        true => Ok(wire::json(StatusCode::OK, &Value::Object(one))),
        false => Err(error::no_resource_server()),
    }
}

fn management_api(caller: &Caller, arrival: &Arrival) -> Object {
    let scopes = Scopes::for_machines();
    let scopes: Value = scopes.iter().map(|scope| json!({ "value": scope.name() })).collect();
    wire::object(json!({
        "id": format!("{:024x}", caller.tenant.number()),
        "name": "Management API",
        "identifier": format!("{}api/v2/", arrival.origin),
        "is_system": true,
        "scopes": scopes,
        "signing_alg": "RS256",
        "allow_offline_access": false,
        "skip_consent_for_verifiable_first_party_clients": false,
        "token_lifetime": ACCESS_TOKEN_FOR.as_secs(),
    }))
}
