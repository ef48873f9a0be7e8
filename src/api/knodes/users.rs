//! `/users`: who they are, who is there, and whether they can be searched as (`api/knodes.md` 7.1,
//! 7.2, 7.5 to 8.2). Connecting is in `connect.rs`.
//!
//! What would surprise: a list is in the order in which its users came to be, and what a page costs
//! grows with how many come before it, so there is a last page that can be asked for.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;

use super::error::Problem;
use super::kept::News;
use super::params::{Asked, Params};
use super::wire::{self, Pages};
use super::{kept, notices};
use crate::app::App;
use crate::app::search_users::Search;
use crate::app::update_user::{Text, UserChanges};
use crate::domain::UserRef;
use crate::domain::email::is_address;
use crate::domain::search::{Condition, Literal, Node, Query, Test};
use crate::error::Error;
use crate::web::Json;
use crate::web::path::Segments;

/// How many users a page has.
const NUM: i64 = 20;
const MOST_NUM: i64 = 100;

/// Behind how many users no page is shown: `/link/v1/users` lists everybody at an even cost.
const REACH: i64 = 100_000;

const STATUSES: [&str; 5] = ["ok", "applied", "admitted", "revoked", "disabled"];

type Answer = Result<Json<wire::User>, Problem>;

/// `GET /users/:USER_ID`.
pub async fn find(State(app): State<Arc<App>>, Segments([id]): Segments<1>, asked: Asked) -> Answer {
    let found = app.find_user(&asked.caller, &user(&id)?).await?;
    Ok(Json(wire::User::of(&app, &asked, found).await?))
}

/// `GET /users`.
pub async fn list(State(app): State<Arc<App>>, asked: Asked) -> Result<Json<wire::UserPage>, Problem> {
    let pages = pages(&asked.params)?;
    let Some(query) = with_status(pages.status.as_deref()) else {
        return Ok(Json(wire::UserPage::new(&asked, 0, Vec::new(), &pages)));
    };
    let search = Search {
        query,
        skip: pages.skipped(),
        limit: pages.num,
        count: true,
        ..Search::default()
    };
    let (found, total) = app.search_users(&asked.caller, search).await?;
    let mut results = Vec::with_capacity(found.len());
    for found in found {
        results.push(wire::User::of(&app, &asked, found).await?);
    }
    Ok(Json(wire::UserPage::new(
        &asked,
        total.unwrap_or_default(),
        results,
        &pages,
    )))
}

/// `POST /users/:USER_ID`: only the address can be set by hand.
pub async fn update_named(State(app): State<Arc<App>>, Segments([id]): Segments<1>, asked: Asked) -> Answer {
    change(&app, &asked, &user(&id)?).await
}

/// `POST /users` with a `user_id`.
pub async fn update(State(app): State<Arc<App>>, asked: Asked) -> Answer {
    change(&app, &asked, &named(&asked.params)?).await
}

async fn change(app: &App, asked: &Asked, which: &UserRef) -> Answer {
    let changed = match asked.params.stated("email")? {
        None => app.find_user(&asked.caller, which).await?,
        Some(email) if !email.is_empty() && !is_address(email) => {
            return Err(Problem::bad_request("email must be an address"));
        }
        Some(email) => {
            let email = Some(email.to_owned()).filter(|email| !email.is_empty());
            let changes = UserChanges {
                texts: vec![(Text::Email, email)],
                ..UserChanges::default()
            };
            app.update_user(&asked.caller, which, &changes).await?
        }
    };
    Ok(Json(
        wire::User::of(app, asked, changed).await.map_err(Error::after_act)?,
    ))
}

/// `POST /users/notify_active`: she is back.
pub async fn notify_active(State(app): State<Arc<App>>, asked: Asked) -> Answer {
    let news = News {
        active: true,
        ..News::default()
    };
    let found = kept::note(&app, &asked, &named(&asked.params)?, &news).await?;
    Ok(Json(
        wire::User::of(&app, &asked, found).await.map_err(Error::after_act)?,
    ))
}

/// `POST /users/notify_inactive`: she has gone.
pub async fn notify_inactive(State(app): State<Arc<App>>, asked: Asked) -> Result<StatusCode, Problem> {
    let news = News {
        inactive: true,
        ..News::default()
    };
    kept::note(&app, &asked, &named(&asked.params)?, &news).await?;
    Ok(StatusCode::OK)
}

/// `GET /users/:USER_ID/ready`: one bare word.
pub async fn ready_named(
    State(app): State<Arc<App>>,
    Segments([id]): Segments<1>,
    asked: Asked,
) -> Result<&'static str, Problem> {
    tell_ready(&app, &asked, &user(&id)?).await
}

/// `GET /users/ready` with a `user_id`.
pub async fn ready(State(app): State<Arc<App>>, asked: Asked) -> Result<&'static str, Problem> {
    tell_ready(&app, &asked, &named(&asked.params)?).await
}

async fn tell_ready(app: &App, asked: &Asked, which: &UserRef) -> Result<&'static str, Problem> {
    let found = app.find_user(&asked.caller, which).await?;
    Ok(wire::ready(app, asked, &found).await?)
}

/// `POST /users/:USER_ID/do_index`.
pub async fn index_named(
    State(app): State<Arc<App>>,
    Segments([id]): Segments<1>,
    asked: Asked,
) -> Result<StatusCode, Problem> {
    want_index(&app, &asked, &user(&id)?).await
}

/// `POST /users/do_index` with a `user_id`.
pub async fn index(State(app): State<Arc<App>>, asked: Asked) -> Result<StatusCode, Problem> {
    want_index(&app, &asked, &named(&asked.params)?).await
}

async fn want_index(app: &App, asked: &Asked, which: &UserRef) -> Result<StatusCode, Problem> {
    let news = News {
        index: true,
        notices: notices::read(&asked.params)?,
        ..News::default()
    };
    let found = app.find_user(&asked.caller, which).await?;
    if !wire::has_networks(app, asked, &found).await? {
        return Err(Problem::bad_request("the user is connected to no network"));
    }
    kept::note(app, asked, which, &news).await?;
    Ok(StatusCode::OK)
}

/// The user whom an id means: 24 hex digits, and nothing else is one.
pub fn user(id: &str) -> Result<UserRef, Problem> {
    id.parse().map(UserRef::Id).map_err(|_| Problem::invalid_action())
}

/// The user whom the parameter `user_id` means.
pub fn named(params: &Params) -> Result<UserRef, Problem> {
    user(params.text("user_id")?)
}

/// Who has this status; `None` when nobody can have it.
fn with_status(status: Option<&str>) -> Option<Query> {
    let mut query = Query::default();
    if let Some(status) = status {
        let disabled = query.push(Node::Is(Condition::Attribute {
            path: "blocked".to_owned(),
            test: Test::Is(Literal::flag(true)),
        }));
        match status {
            "disabled" => {}
            "ok" => {
                query.push(Node::Not(disabled));
            }
            _ => return None,
        }
    }
    Some(query)
}

fn pages(params: &Params) -> Result<Pages, Problem> {
    let status = params.opt("status")?.map(str::to_owned);
    if status
        .as_ref()
        .is_some_and(|status| !STATUSES.contains(&status.as_str()))
    {
        return Err(Problem::bad_request(format!(
            "status must be one of: {}",
            STATUSES.join(", ")
        )));
    }
    let num = params.number("num")?.unwrap_or(NUM).clamp(1, MOST_NUM);
    let page = params.number("page")?.unwrap_or(1).max(1);
    if page.saturating_mul(num) > REACH {
        return Err(Problem::bad_request(format!("page must not lead behind {REACH} users")));
    }
    Ok(Pages {
        status,
        num: u32::try_from(num).unwrap_or(u32::MAX),
        page: u32::try_from(page).unwrap_or(u32::MAX),
    })
}
