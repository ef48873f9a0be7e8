//! `/api/v2/connections` (`api/auth0.md` 11).
//!
//! What would surprise: `options` is an open object, but what looks like a secret in it is
//! refused, unless it is `client_secret`: that one alone is kept sealed.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};
use serde_json::{Value, json};

use super::error::Problem;
use super::identities::{CONNECTION_ID_PATTERN, is_connection_id};
use super::names;
use super::paging::{Offset, Selection};
use super::wire;
use crate::app::App;
use crate::app::connections::ConnectionRequest;
use crate::domain::profile::is_display_text;
use crate::domain::spelling::{self, AUTH0_PROVIDERS};
use crate::domain::{Caller, Connection, ConnectionRef, Object};
use crate::error::{Error, Noun};
use crate::web::body::JsonObject;
use crate::web::path::Segments;
use crate::web::query::Query;
use crate::web::query::QueryFault;
use crate::web::refusal::{Place, Refusal};
use crate::web::{Fault, Fields, JsonType, Reason};

/// Which list a cursor belongs to.
const LIST: &str = "auth0:connections";

const NAME_PATTERN: &str = "^[a-zA-Z0-9](-[a-zA-Z0-9]|[a-zA-Z0-9])*$";

/// `GET /api/v2/connections`.
pub async fn list(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut query = Query::of(&uri, &["strategy"])?;
    let filter = Filter::read(&mut query)?;
    let selection = Selection::of_any(&mut query)?;
    let checkpoint = Checkpoint::read(&mut query)?;
    let offset = match checkpoint {
        // Clients send both; then the numbers of the page mean nothing.
        Some(_) => {
            for name in ["page", "per_page", "include_totals"] {
                query.opt_text(name);
            }
            None
        }
        None => Some(Offset::read(&mut query, 1, 100)?),
    };
    query.finish()?;
    let mut found = app.list_connections(&caller).await?;
    found.retain(|connection| filter.fits(connection));
    let show = |connection: &Connection| selection.of(wire::connection(connection));
    let body = match (checkpoint, offset) {
        (Some(checkpoint), _) => {
            let (page, next) = checkpoint.page(&app, &caller, found).await?;
            let mut body = json!({ "connections": page.iter().map(show).collect::<Value>() });
            if let (Some(next), Some(members)) = (next, body.as_object_mut()) {
                members.insert("next".to_owned(), next.into());
            }
            body
        }
        (None, Some(offset)) => {
            let total = offset.totals.then_some(found.len() as u64);
            let page = found.iter().skip(offset.start as usize).take(offset.limit as usize);
            offset.answer("connections", page.map(show).collect(), total)
        }
        (None, None) => Value::Null,
    };
    Ok(wire::json(StatusCode::OK, &body))
}

/// `POST /api/v2/connections`.
pub async fn create(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    JsonObject(body): JsonObject,
) -> Result<Response, Problem> {
    let made = app.create_connection(&caller, read(body)?).await?;
    let shown = wire::connection(&made);
    Ok(wire::json(StatusCode::CREATED, &Value::Object(shown)))
}

/// `GET /api/v2/connections/{id}`.
pub async fn find(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
    mut query: Query,
) -> Result<Response, Problem> {
    if !is_connection_id(&id) {
        let fault = Fault::new("id", Reason::Pattern(CONNECTION_ID_PATTERN));
        let place = Place::Path;
        return Err(Refusal::Invalid { place, fault }.into());
    }
    let selection = Selection::of_any(&mut query)?;
    query.finish()?;
    let id = id.parse().map_err(|_| Error::NotFound(Noun::Connection))?;
    let found = app.find_connection(&caller, &ConnectionRef::Id(id)).await?;
    Ok(wire::json(StatusCode::OK, &selection.of(wire::connection(&found))))
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

/// A page from a position on (`api/auth0.md` 4.2), in the order of ids.
struct Checkpoint {
    take: usize,
    from: Option<String>,
}

impl Checkpoint {
    /// `None` when the query asks for a page by number.
    fn read(query: &mut Query) -> Result<Option<Self>, QueryFault> {
        let take = query.opt_integer("take", 1..=100)?;
        let from = query.opt_text("from");
        if take.is_none() && from.is_none() {
            return Ok(None);
        }
        let take = take.and_then(|take| usize::try_from(take).ok()).unwrap_or(50);
        Ok(Some(Self { take, from }))
    }

    async fn page(
        self,
        app: &App,
        caller: &Caller,
        mut found: Vec<Connection>,
    ) -> Result<(Vec<Connection>, Option<String>), Problem> {
        found.sort_by_key(|connection| connection.id);
        if let Some(from) = &self.from {
            let refuse = |_| QueryFault(Fault::new("from", Reason::Other("It is not a position in this list")));
            let seen = match app.open_cursor(caller.tenant, LIST, from).await {
                Err(error @ Error::Invalid { .. }) => return Err(refuse(error).into()),
                seen => seen?,
            };
            found.retain(|connection| position(connection) > seen);
        }
        let more = found.len() > self.take;
        found.truncate(self.take);
        let next = match found.last().filter(|_| more) {
            Some(last) => Some(app.seal_cursor(caller.tenant, LIST, &position(last)).await?),
            None => None,
        };
        Ok((found, next))
    }
}

/// Where a connection is in the order of ids.
fn position(connection: &Connection) -> [u8; 12] {
    let mut position = [0; 12];
    let id = connection.id.number().to_be_bytes();
    for (to, from) in position.iter_mut().zip(id) {
        *to = from;
    }
    position
}

/// Reads a connection to be made.
fn read(body: Object) -> Result<ConnectionRequest, Fault> {
    let mut fields = Fields::new(body);
    let name = fields.text("name")?;
    check_name(&name).map_err(|reason| fields.fault("name", reason))?;
    let strategy = fields.opt_word("strategy", AUTH0_PROVIDERS)?;
    let strategy = strategy.ok_or_else(|| fields.fault("strategy", Reason::MissingRequired))?;
    let mut kept = Object::new();
    kept.insert("strategy".to_owned(), strategy.into());
    if let Some(display_name) = fields.opt_text("display_name")? {
        let (len, max) = (display_name.chars().count(), 128);
        if len > max {
            return Err(fields.fault("display_name", Reason::TooLong { len, max }));
        }
        if !is_display_text(&display_name) {
            return Err(fields.fault("display_name", Reason::Control));
        }
        kept.insert("display_name".to_owned(), display_name.into());
    }
    for flag in ["is_domain_connection", "show_as_button"] {
        if let Some(value) = fields.opt_bool(flag)? {
            kept.insert(flag.to_owned(), value.into());
        }
    }
    for list in ["enabled_clients", "realms"] {
        if let Some(items) = fields.opt_array(list)? {
            if let Some((n, other)) = items.iter().enumerate().find(|(_, item)| !item.is_string()) {
                return Err(wrong_type(&format!("{list}[{n}]"), JsonType::String, other));
            }
            kept.insert(list.to_owned(), items.into());
        }
    }
    if let Some(metadata) = fields.opt_object("metadata")? {
        check_metadata(&metadata)?;
        kept.insert("metadata".to_owned(), metadata.into());
    }
    for purpose in ["authentication", "connected_accounts"] {
        if let Some(mut purposes) = fields.opt_fields(purpose)? {
            let mut flags = json!({ "active": purposes.bool("active")? });
            if let (Some(value), Some(flags)) = (purposes.opt_bool("cross_app_access")?, flags.as_object_mut()) {
                flags.insert("cross_app_access".to_owned(), value.into());
            }
            purposes.finish()?;
            kept.insert(purpose.to_owned(), flags);
        }
    }
    let mut options = fields
        .opt_fields("options")?
        .unwrap_or_else(|| Fields::new(Object::new()));
    fields.finish()?;
    let client_id = options.opt_text("client_id")?;
    let client_secret = options.opt_text("client_secret")?;
    let options = read_options(strategy, options)?;
    let issuer = options.get("issuer").and_then(Value::as_str).map(str::to_owned);
    kept.insert("options".to_owned(), options.into());
    Ok(ConnectionRequest {
        name,
        provider: spelling::core_provider(strategy).to_owned(),
        issuer: issuer.filter(|_| names::has_own_issuer(strategy)),
        client_id,
        client_secret: client_secret.map(Into::into),
        auth0: kept,
    })
}

/// Reads the options that this server goes by, and keeps the rest as it is.
fn read_options(strategy: &str, options: Fields) -> Result<Object, Fault> {
    const POLICIES: &[&str] = &["none", "low", "fair", "good", "excellent"];
    if let Some(name) = options.rest().find(|name| is_secret(name)) {
        let reason = Reason::Other("Only client_secret can be kept here without being read by others");
        return Err(options.fault(name, reason));
    }
    let mut known = options.clone();
    let issuer = known.opt_text("issuer")?;
    if issuer.is_some_and(|issuer| !(1..=255).contains(&issuer.len())) {
        return Err(options.fault("issuer", Reason::TooLong { len: 256, max: 255 }));
    }
    if strategy == "auth0" {
        known.opt_bool("requires_username")?;
        known.opt_word("passwordPolicy", POLICIES)?;
    }
    Ok(options.into_rest())
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["secret", "token", "password", "private_key", "privatekey", "signingkey"]
        .iter()
        .any(|end| name.ends_with(end))
        || name == "configuration"
}

fn check_name(name: &str) -> Result<(), Reason> {
    let (len, max) = (name.len(), 128);
    if len > max {
        return Err(Reason::TooLong { len, max });
    }
    let words = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric());
    match name.split('-').all(words) {
        true => Ok(()),
        false => Err(Reason::Pattern(NAME_PATTERN)),
    }
}

/// At most ten pairs of strings, each of at most 255 characters.
fn check_metadata(metadata: &Object) -> Result<(), Fault> {
    if metadata.len() > 10 {
        let (len, max) = (metadata.len(), 10);
        return Err(Fault::new("metadata", Reason::TooLong { len, max }));
    }
    for (key, value) in metadata {
        let path = format!("metadata.{key}");
        let text = value
            .as_str()
            .ok_or_else(|| wrong_type(&path, JsonType::String, value))?;
        let (len, max) = (key.chars().count().max(text.chars().count()), 255);
        if len > max {
            return Err(Fault::new(path, Reason::TooLong { len, max }));
        }
    }
    Ok(())
}

fn wrong_type(path: &str, expected: JsonType, found: &Value) -> Fault {
    let found = JsonType::of(found);
    Fault::new(path, Reason::WrongType { expected, found })
}
