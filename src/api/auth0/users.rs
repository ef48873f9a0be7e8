//! `/api/v2/users` and `/api/v2/users-by-email`.
//!
//! What the bodies may hold is read in `user_bodies.rs`, and what `q` asks for in `search/`. What
//! would surprise: a list without a query is a search for everyone.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::Value;

use super::error::{self, Problem};
use super::form::Body;
use super::journal::{Erased, ShowsSecrets};
use super::names::{self, Names};
use super::paging::{Offset, Selection};
use super::search::{Refused, meaning, syntax};
use super::user_bodies;
use super::wire::{self, Tokens};
use crate::app::App;
use crate::app::search_users::Search;
use crate::domain::email::is_address;
use crate::domain::search::Sort;
use crate::domain::{Caller, Object, Scope, UserWithIdentities};
use crate::error::Error;
use crate::web::body::USER_LIMIT_BYTES;
use crate::web::path::Segments;
use crate::web::query::Query;
use crate::web::query::QueryFault;
use crate::web::{Fault, Reason};

/// `POST /api/v2/users`.
pub async fn create(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Body(body): Body<USER_LIMIT_BYTES>,
) -> Result<Response, Problem> {
    let new = user_bodies::NewUser::read(body)?;
    let request = new.at(&app.connections_of(caller.tenant).await?)?;
    let (made, _) = app.create_user(&caller, request).await.map_err(error::of_create)?;
    let shown = show_changed(&app, &caller, &made).await?;
    Ok(wire::json(StatusCode::CREATED, &Value::Object(shown)))
}

/// `GET /api/v2/users/{id}`.
pub async fn find(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
    mut query: Query,
) -> Result<Response, Problem> {
    let selection = Selection::of_user(&mut query)?;
    query.finish()?;
    let found = app.find_user(&caller, &names::user(&id)).await?;
    let (shown, secrets) = show(&app, &caller, &found).await?;
    let mut response = wire::json(StatusCode::OK, &selection.of(shown));
    if secrets == Secrets::Some {
        response.extensions_mut().insert(ShowsSecrets);
    }
    Ok(response)
}

/// `PATCH /api/v2/users/{id}`.
pub async fn update(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
    Body(body): Body<USER_LIMIT_BYTES>,
) -> Result<Response, Problem> {
    let changes = user_bodies::changes(body)?;
    let updated = app.update_user(&caller, &names::user(&id), &changes).await;
    let shown = show_changed(&app, &caller, &updated.map_err(error::of_update)?).await?;
    Ok(wire::json(StatusCode::OK, &Value::Object(shown)))
}

/// `DELETE /api/v2/users/{id}`.
pub async fn remove(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
) -> Result<Response, Problem> {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if app.delete_user(&caller, &names::user(&id)).await? {
        response.extensions_mut().insert(Erased);
    }
    Ok(response)
}

/// `GET /api/v2/users`.
pub async fn list(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    mut query: Query,
) -> Result<Response, Problem> {
    check_engine(&mut query)?;
    let written = syntax::read(&query.opt_text("q").unwrap_or_default()).map_err(|why| search_refused("q", &why))?;
    let sort = query.opt_text("sort");
    let offset = Offset::read(&mut query, 0, 50)?;
    let selection = Selection::of_any(&mut query)?;
    query.finish()?;
    let connections = match (written.0.is_empty(), &sort) {
        (true, None) => Vec::new(),
        _ => app.connections_of(caller.tenant).await?,
    };
    let search = Search {
        query: meaning::query(&written, &connections).map_err(|why| search_refused("q", &why))?,
        sort: match sort {
            Some(sort) => meaning::sort(&sort, &connections).map_err(|why| search_refused("sort", &why))?,
            None => Sort::default(),
        },
        skip: offset.start,
        limit: offset.limit,
        count: offset.totals,
    };
    let (found, total) = app.search_users(&caller, search).await?;
    let shown = show_all(&app, &caller, &found, &selection).await?;
    Ok(wire::json(StatusCode::OK, &offset.answer("users", shown, total)))
}

/// `GET /api/v2/users-by-email`.
pub async fn list_by_email(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    mut query: Query,
) -> Result<Response, Problem> {
    let email = query.text("email")?;
    let selection = Selection::of_user(&mut query)?;
    query.finish()?;
    if !is_address(&email) {
        return Err(refused("email", Reason::Format("email")).into());
    }
    let found = app.list_users_by_email(&caller, &email).await?;
    let shown = show_all(&app, &caller, &found, &selection).await?;
    Ok(wire::json(StatusCode::OK, &Value::Array(shown)))
}

/// Whether secrets are in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Secrets {
    Some,
    None,
}

/// Each of several users, without tokens: those are shown with one user that is asked for, and nowhere else (VLT-07).
async fn show_all(
    app: &App,
    caller: &Caller,
    found: &[UserWithIdentities],
    selection: &Selection,
) -> Result<Vec<Value>, Error> {
    let mut all = Vec::with_capacity(found.len());
    for found in found {
        all.push(selection.of(show_plain(app, caller, found).await?));
    }
    Ok(all)
}

/// A user, without tokens.
async fn show_plain(app: &App, caller: &Caller, found: &UserWithIdentities) -> Result<Object, Error> {
    let tokens = Tokens {
        now: app.now(),
        ..Tokens::default()
    };
    Ok(wire::user(&Names::of(app, caller.tenant, found).await?, found, &tokens))
}

/// A user as an act has left her, without tokens.
async fn show_changed(app: &App, caller: &Caller, changed: &UserWithIdentities) -> Result<Object, Error> {
    show_plain(app, caller, changed).await.map_err(Error::after_act)
}

/// A user, with the tokens of her identities for those who may see them.
async fn show(app: &App, caller: &Caller, found: &UserWithIdentities) -> Result<(Object, Secrets), Problem> {
    let mut tokens = Tokens {
        now: app.now(),
        ..Tokens::default()
    };
    if caller.scopes.has(Scope::ReadUserIdpTokens) {
        for identity in found.identities.iter().filter(|identity| identity.has_tokens) {
            if let Some(set) = app.read_tokens(caller, identity).await? {
                tokens.sets.insert(identity.id, set);
            }
        }
    }
    let names = Names::of(app, caller.tenant, found).await?;
    let secrets = match tokens.sets.is_empty() {
        true => Secrets::None,
        false => Secrets::Some,
    };
    Ok((wire::user(&names, found, &tokens), secrets))
}

/// That the search is one of the engine that there is.
fn check_engine(query: &mut Query) -> Result<(), Problem> {
    let engine = query.opt_text("search_engine");
    match engine.as_deref() {
        None | Some("v3") => {}
        Some(old @ ("v1" | "v2")) => {
            return Err(Problem::bad_request(
                format!("You are not allowed to use search_engine={old}. Use search_engine=v3 instead."),
                "invalid_query_string",
            ));
        }
        Some(_) => return Err(refused("search_engine", Reason::NotInEnum(&["v1", "v2", "v3"])).into()),
    }
    if query.opt_text("connection").is_some() {
        let reason = "Only search_engine=v1 takes it; search for identities.connection instead";
        return Err(refused("connection", Reason::Other(reason)).into());
    }
    // One order serves both, so there is nothing to choose.
    query.opt_bool("primary_order")?;
    Ok(())
}

fn search_refused(name: &str, why: &Refused) -> Problem {
    Problem::bad_request(
        format!("Query validation error: '{why}' on property {name}."),
        "invalid_query_string",
    )
}

fn refused(name: &str, reason: Reason) -> QueryFault {
    QueryFault(Fault::new(name, reason))
}
