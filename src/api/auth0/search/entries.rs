//! What a query asks of entries of a log.
//!
//! What would surprise: nothing is looked up for it; each entry is held against the query. So what
//! is read has to be bounded by whoever reads.

use std::ops::{Bound, RangeBounds};

use jiff::Timestamp;
use serde_json::Value as Json;

use super::syntax::{Clause, Node, Syntax, Value};
use super::{Refused, dates, shown};
use crate::app::logs::{Fits, ReadLog};
use crate::domain::Object;
use crate::domain::search::text::fold;

/// The fields that are searched, but for `date` and the id.
const FIELDS: &[&str] = &[
    "type",
    "description",
    "connection",
    "connection_id",
    "client_id",
    "client_name",
    "ip",
    "hostname",
    "user_id",
    "user_name",
    "user_agent",
    "audience",
    "scope",
    "strategy",
    "strategy_type",
    "tenant_name",
];

/// Those of them that ignore case.
const FOLDED: &[&str] = &["description", "client_name", "user_name", "user_agent"];

/// Whether an entry is what a query asks for; `None` if it asks for nothing.
///
/// # Errors
/// The field that cannot be searched, or not so.
pub fn fits(syntax: Syntax) -> Result<Option<Fits>, Refused> {
    if syntax.0.is_empty() {
        return Ok(None);
    }
    for node in &syntax.0 {
        if let Node::Clause(clause) = node {
            check(clause)?;
        }
    }
    Ok(Some(Box::new(move |log| holds(&syntax, log))))
}

fn check(clause: &Clause) -> Result<(), Refused> {
    match (clause.field.as_deref(), &clause.value) {
        (None, Value::Range(..)) => Err(Refused::new("A range needs a field before it: field:[a TO b]")),
        (Some("date"), value) => within(value, Timestamp::UNIX_EPOCH).map(drop),
        (None | Some("log_id" | "_id"), _) => Ok(()),
        (Some(field), _) if FIELDS.contains(&field) => Ok(()),
        (Some(field), _) => Err(Refused::new(format!("Logs are not searched by {}", shown(field)))),
    }
}

fn holds(syntax: &Syntax, log: &ReadLog) -> bool {
    // Each node stands after those that it names.
    let mut held: Vec<bool> = Vec::with_capacity(syntax.0.len());
    for node in &syntax.0 {
        let at = |n: &usize| held.get(*n).copied().unwrap_or(false);
        let holds = match node {
            Node::Clause(clause) => clause_holds(clause, log),
            Node::Not(n) => !at(n),
            Node::And(all) => all.iter().all(at),
            Node::Or(any) => any.iter().any(at),
        };
        held.push(holds);
    }
    held.last().copied().unwrap_or(false)
}

fn clause_holds(clause: &Clause, log: &ReadLog) -> bool {
    match clause.field.as_deref() {
        Some("date") => within(&clause.value, log.at).unwrap_or(false),
        Some("log_id" | "_id") => text_fits("log_id", &clause.value, &log.id.to_string()),
        Some(field) => field_fits(field, &clause.value, &log.entry),
        None => {
            text_fits("log_id", &clause.value, &log.id.to_string())
                || FIELDS.iter().any(|field| field_fits(field, &clause.value, &log.entry))
        }
    }
}

fn field_fits(field: &str, value: &Value, entry: &Object) -> bool {
    match entry.get(field) {
        Some(Json::String(text)) => text_fits(field, value, text),
        Some(Json::Null) | None => false,
        Some(other) => text_fits(field, value, &other.to_string()),
    }
}

fn text_fits(field: &str, value: &Value, text: &str) -> bool {
    let folds = FOLDED.contains(&field);
    match value {
        Value::Exists => true,
        Value::Text(wanted) if folds => fold(text) == fold(wanted),
        Value::Text(wanted) => text == wanted,
        Value::Like(pattern) if folds => pattern.folded().fits(&fold(text)),
        Value::Like(pattern) => pattern.fits(text),
        Value::Range(from, until) => RangeBounds::<str>::contains(&(bound(from), bound(until)), text),
    }
}

fn bound(bound: &Bound<String>) -> Bound<&str> {
    match bound {
        Bound::Included(text) => Bound::Included(text),
        Bound::Excluded(text) => Bound::Excluded(text),
        Bound::Unbounded => Bound::Unbounded,
    }
}

/// Whether a moment is within the time that is asked for.
fn within(value: &Value, at: Timestamp) -> Result<bool, Refused> {
    let read = |text: &str| {
        let wrong = || Refused::new("date is searched by days or moments, as 2026-01-31 or 2026-01-31T10:00:00Z");
        dates::read(text).ok_or_else(wrong)
    };
    let is_from = |bound: &Bound<String>| match bound {
        Bound::Included(text) => Ok(read(text)?.from.is_none_or(|from| at >= from)),
        Bound::Excluded(text) => Ok(read(text)?.until.is_none_or(|until| at >= until)),
        Bound::Unbounded => Ok::<_, Refused>(true),
    };
    let is_until = |bound: &Bound<String>| match bound {
        Bound::Included(text) => Ok(read(text)?.until.is_none_or(|until| at < until)),
        Bound::Excluded(text) => Ok(read(text)?.from.is_none_or(|from| at < from)),
        Bound::Unbounded => Ok::<_, Refused>(true),
    };
    match value {
        Value::Exists => Ok(true),
        Value::Text(text) => Ok(read(text)?.holds(at)),
        Value::Like(_) => Err(Refused::new("date is not searched with wildcards")),
        Value::Range(from, until) => Ok(is_from(from)? & is_until(until)?),
    }
}
