//! `/api/v2/stats` (`api/auth0.md` 10.5).
//!
//! What would surprise: leaked passwords are not looked for here, so none is ever found.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::error::Problem;
use super::wire;
use crate::app::App;
use crate::app::stats::DayCount;
use crate::domain::Caller;
use crate::web::query::{Query, QueryFault};
use crate::web::{Fault, Reason};

const SECONDS: i64 = 86_400;

/// How many days are shown when nothing is asked, and how many at most.
const USUAL: i64 = 30;
const MOST: i64 = 366;

/// `GET /api/v2/stats/active-users`: a bare number.
pub async fn active_users(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    query: Query,
) -> Result<Response, Problem> {
    query.finish()?;
    let count = app.count_active_users(&caller).await?;
    Ok(wire::json(StatusCode::OK, &json!(count)))
}

/// `GET /api/v2/stats/daily`.
pub async fn daily(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    mut query: Query,
) -> Result<Response, Problem> {
    let from = read_day(&mut query, "from")?;
    let to = read_day(&mut query, "to")?.unwrap_or_else(|| app.today());
    query.finish()?;
    let from = from.unwrap_or_else(|| to.saturating_sub(USUAL - 1));
    if from > to || to.saturating_sub(from) >= MOST {
        let reason = Reason::Other("It must not be after to, nor more than a year before it");
        return Err(QueryFault(Fault::new("from", reason)).into());
    }
    let days = app.list_days(&caller, from, to).await?;
    let shown: Value = days.iter().map(show).collect();
    Ok(wire::json(StatusCode::OK, &shown))
}

fn show(count: &DayCount) -> Value {
    let begins = Timestamp::from_second(count.day.saturating_mul(SECONDS)).unwrap_or(Timestamp::UNIX_EPOCH);
    json!({
        "date": wire::time(begins),
        "logins": count.logins,
        "signups": count.signups,
        "leaked_passwords": 0,
    })
}

/// A day, written as YYYYMMDD.
fn read_day(query: &mut Query, name: &str) -> Result<Option<i64>, QueryFault> {
    let Some(text) = query.opt_text(name) else {
        return Ok(None);
    };
    let refuse = || QueryFault(Fault::new(name, Reason::Format("YYYYMMDD")));
    let digits = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
    let number: i64 = text.parse().ok().filter(|_| digits).ok_or_else(refuse)?;
    let part = |number: i64| i8::try_from(number).map_err(|_| refuse());
    let year = i16::try_from(number / 10_000).map_err(|_| refuse())?;
    let date = Date::new(year, part(number / 100 % 100)?, part(number % 100)?).map_err(|_| refuse())?;
    let begins = date.to_zoned(TimeZone::UTC).map_err(|_| refuse())?;
    Ok(Some(DayCount::day_of(begins.timestamp())))
}
