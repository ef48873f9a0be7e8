//! `/api/v2/logs` and `/api/v2/users/{id}/logs` (`api/auth0.md` 10.1, 4.1 to 4.3).
//!
//! What is written into them is `journal.rs`'s and `attempts.rs`'s affair. What would
//! surprise: with `from` or `take` every other parameter is ignored, even one that is wrong, as
//! the contract has it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

use super::error::Problem;
use super::paging::{Offset, Selection};
use super::search::{Refused, entries, syntax};
use super::{names, wire};
use crate::app::App;
use crate::app::logs::{Fits, LogOrder, LogSearch, ReadLog};
use crate::app::search_users::PATIENCE;
use crate::domain::{Caller, Object};
use crate::error::{Error, Noun};
use crate::id::LogId;
use crate::web::path::Segments;
use crate::web::query::{Query, QueryFault};
use crate::web::{Arrival, Fault, Reason};

/// Among how many entries those are looked for that name somebody who is not there.
const NAMED_WITHIN: u32 = 5_000;

/// `GET /api/v2/logs`.
pub async fn list(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Extension(arrival): Extension<Arrival>,
    mut query: Query,
) -> Result<Response, Problem> {
    let take = query.opt_text("take");
    let from = query.opt_text("from");
    if take.is_some() || from.is_some() {
        return read_on(&app, &caller, &arrival, take, from).await;
    }
    let written = [("q", query.opt_text("q")), ("search", query.opt_text("search"))];
    let mut fits = None;
    for (name, text) in written {
        if let Some(text) = text.filter(|_| fits.is_none()) {
            let read = syntax::read(&text).and_then(entries::fits);
            fits = read.map_err(|why| refused_search(name, &why))?;
        }
    }
    let order = read_order(&mut query)?;
    let offset = Offset::read(&mut query, 1, 50)?;
    let selection = Selection::of_any(&mut query)?;
    query.finish()?;
    let search = LogSearch {
        user: None,
        fits,
        order,
        after: None,
        skip: offset.start,
        limit: offset.limit,
        count: offset.totals,
        within: None,
        patience: PATIENCE,
    };
    let (found, total) = app.list_logs(&caller, search).await?;
    let shown = found.into_iter().map(|log| selection.of(show(log))).collect();
    Ok(wire::json(StatusCode::OK, &offset.answer("logs", shown, total)))
}

/// `GET /api/v2/users/{id}/logs`. Of a user who is gone are shown the entries that name her,
/// among the first [`NAMED_WITHIN`] in that order: there is no index by what people were called.
pub async fn of_user(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
    mut query: Query,
) -> Result<Response, Problem> {
    let order = read_order(&mut query)?;
    let offset = Offset::read(&mut query, 1, 50)?;
    query.finish()?;
    let user = app.find_user_of_logs(&caller, &names::user(&id)).await?;
    let names_her: Fits = Box::new(move |log| log.entry.get("user_id").and_then(Value::as_str) == Some(id.as_str()));
    let search = LogSearch {
        user,
        fits: user.is_none().then_some(names_her),
        order,
        after: None,
        skip: offset.start,
        limit: offset.limit,
        count: offset.totals,
        within: Some(NAMED_WITHIN),
        patience: PATIENCE,
    };
    let (found, total) = app.list_logs(&caller, search).await?;
    let shown = found.into_iter().map(|log| show(log).into()).collect();
    Ok(wire::json(StatusCode::OK, &offset.answer("logs", shown, total)))
}

/// `GET /api/v2/logs/{id}`.
pub async fn find(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
    query: Query,
) -> Result<Response, Problem> {
    query.finish()?;
    let id: LogId = id.parse().map_err(|_| Error::NotFound(Noun::Log))?;
    let found = app.find_log(&caller, id).await?;
    Ok(wire::json(StatusCode::OK, &show(found).into()))
}

/// The entries after one, oldest first, and in a header where the next page begins.
async fn read_on(
    app: &App,
    caller: &Caller,
    arrival: &Arrival,
    take: Option<String>,
    from: Option<String>,
) -> Result<Response, Problem> {
    let limit = match take {
        None => 50,
        Some(take) => crate::web::query::decimal(&take)
            .and_then(|take| u32::try_from(take).ok())
            .filter(|take| (1..=100).contains(take))
            .ok_or_else(|| refused("take", Reason::Other("It must be a number from 1 to 100")))?,
    };
    let after: Option<LogId> = match &from {
        None => None,
        Some(from) => Some(
            from.parse()
                .map_err(|_| refused("from", Reason::Other("It is not the id of a log event")))?,
        ),
    };
    let search = LogSearch {
        user: None,
        fits: None,
        order: LogOrder::Oldest,
        after,
        skip: 0,
        limit,
        count: false,
        within: None,
        patience: PATIENCE,
    };
    let (found, _) = app.list_logs(caller, search).await?;
    let next = found.last().map(|log| log.id).or(after);
    let address = format!("{}api/v2/logs?take={limit}", arrival.origin);
    let address = next.map_or(address.clone(), |next| format!("{address}&from={next}"));
    let shown: Value = found.into_iter().map(|log| Value::Object(show(log))).collect();
    let mut response = wire::json(StatusCode::OK, &shown);
    if let Ok(link) = HeaderValue::from_str(&format!("<{address}>; rel=\"next\"")) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// An entry as it travels.
fn show(log: ReadLog) -> Object {
    let mut entry = log.entry;
    let id = log.id.to_string();
    entry.insert("date".to_owned(), wire::time(log.at));
    entry.insert("log_id".to_owned(), id.as_str().into());
    entry.insert("_id".to_owned(), id.into());
    entry
}

/// Reads `sort`: entries are in the order of their dates, one way or the other.
fn read_order(query: &mut Query) -> Result<LogOrder, QueryFault> {
    match query.opt_text("sort").as_deref() {
        None | Some("date:-1") => Ok(LogOrder::Newest),
        Some("date:1") => Ok(LogOrder::Oldest),
        Some(_) => Err(refused("sort", Reason::NotInEnum(&["date:1", "date:-1"]))),
    }
}

fn refused_search(name: &str, why: &Refused) -> Problem {
    Problem::bad_request(
        format!("Query validation error: '{why}' on property {name}."),
        "invalid_query_string",
    )
}

fn refused(name: &str, reason: Reason) -> QueryFault {
    QueryFault(Fault::new(name, reason))
}
