//! What a query asks for, in the words of the core.
//!
//! What would surprise: identities are asked for by connection and subject, so what Auth0 calls
//! their connection, provider and `user_id` is looked up among the tenant's connections here, and
//! a name that no connection has finds nobody. A bare word is tried on everything at the root and
//! in `app_metadata`, moments included when it is one.

use std::ops::{Bound, RangeBounds};

use super::syntax::{self, Clause, Syntax, Value};
use super::{Refused, dates, shown};
use crate::api::auth0::names;
use crate::domain::search::attributes;
use crate::domain::search::{
    Between, Condition, Direction, Literal, Node, Number, Place, Query, Role, Sort, SortBy, Span, Test,
};
use crate::domain::{Connection, spelling};

/// What is asked of the e-mail address and user name of linked accounts.
const OF_ACCOUNTS: &[&str] = &[
    "identities.profileData.email",
    "identities.profileData.email_verified",
    "identities.profileData.username",
];

/// Says what a query asks for in a tenant with these connections.
///
/// # Errors
/// The field that cannot be searched, or not so.
pub fn query(syntax: &Syntax, connections: &[Connection]) -> Result<Query, Refused> {
    let mut query = Query::default();
    // Where each node of the syntax went.
    let mut places: Vec<usize> = Vec::with_capacity(syntax.0.len());
    for node in &syntax.0 {
        let place = |n: &usize| {
            places
                .get(*n)
                .copied()
                .ok_or_else(|| Refused::new("Query has no meaning"))
        };
        let node = match node {
            syntax::Node::Clause(clause) => {
                let mut asked = conditions(clause, connections)?;
                match asked.pop() {
                    Some(only) if asked.is_empty() => Node::Is(only),
                    last => {
                        let all = asked.into_iter().chain(last);
                        Node::Any(all.map(|condition| query.push(Node::Is(condition))).collect())
                    }
                }
            }
            syntax::Node::Not(n) => Node::Not(place(n)?),
            syntax::Node::And(all) => Node::All(all.iter().map(place).collect::<Result<_, _>>()?),
            syntax::Node::Or(any) => Node::Any(any.iter().map(place).collect::<Result<_, _>>()?),
        };
        places.push(query.push(node));
    }
    Ok(query)
}

/// Reads `sort`: a field at the root, and `1` or `-1`.
///
/// # Errors
/// What is wrong with it.
pub fn sort(text: &str, connections: &[Connection]) -> Result<Sort, Refused> {
    let malformed = || Refused::new("String does not match pattern ^[A-Za-z0-9_-]+:-?1$");
    let (field, direction) = match text.split_once(':') {
        Some((field, "1")) => (field, Direction::Ascending),
        Some((field, "-1")) => (field, Direction::Descending),
        _ => return Err(malformed()),
    };
    let is_name = |field: &str| {
        field
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    if field.is_empty() || !is_name(field) {
        return Err(malformed());
    }
    let by = match field {
        "created_at" => SortBy::Created,
        "updated_at" => SortBy::Updated,
        "user_id" => SortBy::Primary(places(connections)),
        _ if is_root(field) => SortBy::Attribute(field.to_owned()),
        _ => return Err(Refused::new(format!("Users are not sorted by {}", shown(field)))),
    };
    Ok(Sort { by, direction })
}

/// Whether users are searched by this field at the root, or by what lies below it.
fn is_root(field: &str) -> bool {
    matches!(
        field,
        "last_login" | "last_ip" | "logins_count" | "blocked" | "email.domain"
    ) || attributes::is_claim(field)
}

/// What a term asks for: any of these.
fn conditions(clause: &Clause, connections: &[Connection]) -> Result<Vec<Condition>, Refused> {
    let value = &clause.value;
    let Some(field) = clause.field.as_deref() else {
        return bare(value, connections);
    };
    let one = match field {
        "user_id" => identity(Role::Primary, places(connections), Some(text(value))),
        "identities" | "identities.profileData" | "user_metadata" | "app_metadata" if *value != Value::Exists => {
            return Err(Refused::new(format!(
                "{field} is searched by what is in it, as {field}.x"
            )));
        }
        "identities" => identity(Role::Any, places(connections), None),
        "identities.user_id" => identity(Role::Any, local_places(connections), Some(text(value))),
        "identities.connection" => identity(Role::Any, places_where(connections, |c| fits(value, &c.name)), None),
        "identities.provider" => {
            let of = |c: &Connection| fits(value, spelling::auth0_strategy(c));
            identity(Role::Any, places_where(connections, of), None)
        }
        "identities.isSocial" => {
            let wanted = flag(field, value)?;
            let of =
                |c: &Connection| wanted.is_none_or(|wanted| names::is_social(spelling::auth0_strategy(c)) == wanted);
            identity(Role::Any, places_where(connections, of), None)
        }
        "created_at" => Condition::Created(moments(field, value)?),
        "updated_at" => Condition::Updated(moments(field, value)?),
        "last_login" => attribute(field, last_login(field, value)?),
        "logins_count" => attribute(field, number(field, value)?),
        "email_verified" | "phone_verified" | "blocked" | "identities.profileData.email_verified" => {
            let test = flag(field, value)?.map_or(Test::Exists, |flag| Test::Is(Literal::flag(flag)));
            attribute(field, test)
        }
        "identities.profileData" | "user_metadata" | "app_metadata" => attribute(field, Test::Exists),
        _ if OF_ACCOUNTS.contains(&field) || is_root(field) => attribute(field, text(value)),
        _ if field.starts_with("app_metadata.") => attribute(field, any(value)),
        _ if field.starts_with("user_metadata.") => match value {
            Value::Exists | Value::Text(_) => attribute(field, any(value)),
            Value::Like(_) => return Err(Refused::new("user_metadata is not searched with wildcards")),
            Value::Range(..) => return Err(Refused::new("user_metadata is not searched for ranges")),
        },
        _ => return Err(Refused::new(format!("Users are not searched by {}", shown(field)))),
    };
    // What providers say more than we know may be of any type.
    Ok(match one {
        Condition::Attribute { path, .. } if !attributes::is_typed(&path) => vec![attribute(&path, any(value))],
        one => vec![one],
    })
}

/// What a term without a field asks for.
fn bare(value: &Value, connections: &[Connection]) -> Result<Vec<Condition>, Refused> {
    let mut asked = match value {
        Value::Range(..) => return Err(Refused::new("A range needs a field before it: field:[a TO b]")),
        value => vec![
            Condition::AnyAttribute(any(value)),
            identity(Role::Primary, places(connections), Some(text(value))),
        ],
    };
    if let Value::Text(text) = value
        && let Some(span) = dates::read(text)
    {
        asked.push(Condition::Created(span));
        asked.push(Condition::Updated(span));
        asked.push(attribute("last_login", in_millis(span)));
    }
    Ok(asked)
}

fn attribute(path: &str, test: Test) -> Condition {
    Condition::Attribute {
        path: path.to_owned(),
        test,
    }
}

fn identity(role: Role, at: Vec<Place>, subject: Option<Test>) -> Condition {
    Condition::Identity { role, at, subject }
}

/// A test of a value that may be of any type.
fn any(value: &Value) -> Test {
    match value {
        Value::Exists => Test::Exists,
        Value::Text(text) => Test::Is(Literal::of(text)),
        Value::Like(pattern) => Test::Like(pattern.clone()),
        Value::Range(from, until) => Test::Within(Between {
            text: Some((from.clone(), until.clone())),
            number: number_bound(from).zip(number_bound(until)),
        }),
    }
}

/// A test of a text.
fn text(value: &Value) -> Test {
    match any(value) {
        Test::Is(literal) => Test::Is(Literal {
            text: literal.text,
            ..Literal::default()
        }),
        Test::Within(between) => Test::Within(Between {
            number: None,
            ..between
        }),
        other => other,
    }
}

fn number_bound(bound: &Bound<String>) -> Option<Bound<Number>> {
    Some(match bound {
        Bound::Included(text) => Bound::Included(Number::parse(text)?),
        Bound::Excluded(text) => Bound::Excluded(Number::parse(text)?),
        Bound::Unbounded => Bound::Unbounded,
    })
}

/// A test of a field that holds numbers.
fn number(field: &str, value: &Value) -> Result<Test, Refused> {
    let wrong = || Refused::new(format!("{field} is searched by numbers"));
    Ok(match value {
        Value::Exists => Test::Exists,
        Value::Text(text) => Test::Is(Literal::number(Number::parse(text).ok_or_else(wrong)?)),
        Value::Like(_) => return Err(wrong()),
        Value::Range(from, until) => {
            let ends = number_bound(from).zip(number_bound(until));
            Test::Within(Between {
                text: None,
                number: Some(ends.ok_or_else(wrong)?),
            })
        }
    })
}

/// What a field is searched for that is `true` or `false`; `None` for either.
fn flag(field: &str, value: &Value) -> Result<Option<bool>, Refused> {
    match value {
        Value::Exists => Ok(None),
        Value::Text(text) if text == "true" => Ok(Some(true)),
        Value::Text(text) if text == "false" => Ok(Some(false)),
        _ => Err(Refused::new(format!("{field} is searched by true or false"))),
    }
}

/// From when to when a field is searched for that holds a moment.
fn moments(field: &str, value: &Value) -> Result<Span, Refused> {
    let read = |text: &String| {
        let wrong = || {
            Refused::new(format!(
                "{field} is searched by moments, as 2024-12-31 or 2024-12-31T10:05:00Z"
            ))
        };
        dates::read(text).ok_or_else(wrong)
    };
    Ok(match value {
        Value::Exists => Span::default(),
        Value::Text(text) => read(text)?,
        Value::Like(_) => return Err(Refused::new(format!("{field} is not searched with wildcards"))),
        Value::Range(from, until) => Span {
            from: match from {
                Bound::Included(text) => read(text)?.from,
                Bound::Excluded(text) => read(text)?.until,
                Bound::Unbounded => None,
            },
            until: match until {
                Bound::Included(text) => read(text)?.until,
                Bound::Excluded(text) => read(text)?.from,
                Bound::Unbounded => None,
            },
        },
    })
}

fn last_login(field: &str, value: &Value) -> Result<Test, Refused> {
    Ok(match value {
        Value::Exists => Test::Exists,
        value => in_millis(moments(field, value)?),
    })
}

/// A test of a moment that is kept as a number.
fn in_millis(span: Span) -> Test {
    let number = |at: jiff::Timestamp| Number::from_i64(at.as_millisecond());
    let from = span.from.map_or(Bound::Unbounded, |at| Bound::Included(number(at)));
    let until = span.until.map_or(Bound::Unbounded, |at| Bound::Excluded(number(at)));
    Test::Within(Between {
        text: None,
        number: Some((from, until)),
    })
}

/// Whether a name is what is asked for.
fn fits(value: &Value, name: &str) -> bool {
    match value {
        Value::Exists => true,
        Value::Text(text) => text == name,
        Value::Like(pattern) => pattern.fits(name),
        Value::Range(from, until) => {
            let (from, until) = (from.as_ref().map(String::as_str), until.as_ref().map(String::as_str));
            RangeBounds::<str>::contains(&(from, until), name)
        }
    }
}

fn places_where(connections: &[Connection], fits: impl Fn(&Connection) -> bool) -> Vec<Place> {
    let place = |connection: &Connection| Place {
        connection: connection.id,
        before: String::new(),
    };
    connections
        .iter()
        .filter(|connection| fits(connection))
        .map(place)
        .collect()
}

/// Every connection, with what Auth0 writes before a subject to make the id of a user.
fn places(connections: &[Connection]) -> Vec<Place> {
    let place = |connection: &Connection| {
        let strategy = spelling::auth0_strategy(connection);
        Place {
            connection: connection.id,
            before: format!(
                "{strategy}|{}",
                spelling::auth0_local_id(strategy, &connection.name, "")
            ),
        }
    };
    connections.iter().map(place).collect()
}

/// Every connection, with what Auth0 writes before a subject in an identity.
fn local_places(connections: &[Connection]) -> Vec<Place> {
    let place = |connection: &Connection| Place {
        connection: connection.id,
        before: spelling::auth0_local_id(spelling::auth0_strategy(connection), &connection.name, ""),
    };
    connections.iter().map(place).collect()
}
