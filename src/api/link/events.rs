//! The audit, oldest first.

use std::sync::Arc;

use axum::extract::State;

use crate::api::link::error::Problem;
use crate::api::link::request::{Asking, PageRequest};
use crate::api::link::wire;
use crate::app::App;
use crate::id::EventId;
use crate::web::Json;
use crate::web::query::Query;

/// `GET /link/v1/events`: what happened, in the order in which it was committed.
#[utoipa::path(
    get, path = "/link/v1/events", tag = "events", operation_id = "list_events",
    params(
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, description = "1 to 100, default 50"),
    ),
    responses(
        (status = 200, description = "a page", body = wire::EventPage),
        (status = 400, description = "not a cursor of this list", body = wire::Problem),
        (status = 401, description = "no valid token", body = wire::Problem),
        (status = 403, description = "without read:logs", body = wire::Problem),
    ),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Asking(caller): Asking,
    query: Query,
) -> Result<Json<wire::EventPage>, Problem> {
    let page = PageRequest::read(&app, &caller, "events", query).await?;
    let after = page.after.map(EventId::from_bytes);
    let events = app.list_events(&caller, after, page.limit).await?;
    let last = events.last().map(|last| last.event.id.as_bytes());
    let next = page.next(&app, &caller, last).await?;
    Ok(Json(wire::EventPage {
        events: events.into_iter().map(wire::EventBody::from).collect(),
        next,
    }))
}
