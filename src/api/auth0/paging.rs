//! Pages of a list, and which fields of its items are shown (`api/auth0.md` 4.1 and 4.3).

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::error::Problem;
use crate::app::App;
use crate::domain::{Caller, Object};
use crate::error::Error;
use crate::web::query::Query;
use crate::web::query::QueryFault;
use crate::web::{Fault, Reason};

/// The deepest row that offset paging reaches.
const DEEPEST_ROW: i64 = 1000;

/// What numbers pages may have.
const PAGES: RangeInclusive<i64> = 0..=u32::MAX as i64;

/// The names that `fields` may hold where a user is asked for.
const USER_FIELDS: &[&str] = &[
    "phone_number",
    "phone_verified",
    "email",
    "email_verified",
    "picture",
    "username",
    "user_id",
    "name",
    "nickname",
    "created_at",
    "identities",
    "app_metadata",
    "user_metadata",
    "last_ip",
    "last_login",
    "last_password_reset",
    "logins_count",
    "updated_at",
    "blocked",
    "family_name",
    "given_name",
    "multifactor",
];

/// The same as the pattern that a refusal shows.
pub const USER_FIELDS_PATTERN: &str = "^((phone_number|phone_verified|email|email_verified|picture|username|user_id|name|\
     nickname|created_at|identities|app_metadata|user_metadata|last_ip|last_login|last_password_reset|logins_count|\
     updated_at|blocked|family_name|given_name|multifactor),?)+$";

/// What `fields` must match where any name will do.
pub const ANY_FIELDS_PATTERN: &str = "^[A-Za-z0-9_.]+(,[A-Za-z0-9_.]+)*$";

/// A page by number.
#[derive(Debug)]
pub struct Offset {
    /// How many rows to pass over.
    pub start: u32,
    /// How many rows to show.
    pub limit: u32,
    /// Whether the answer tells how many there are in all.
    pub totals: bool,
}

impl Offset {
    /// Reads `page`, `per_page` and `include_totals`.
    pub fn read(query: &mut Query, least: i64, default: i64) -> Result<Self, Problem> {
        let page = query.opt_integer("page", PAGES)?.unwrap_or(0);
        let per_page = query.opt_integer("per_page", least..=100)?.unwrap_or(default);
        let totals = query.opt_bool("include_totals")?.unwrap_or(false);
        let start = page.saturating_mul(per_page);
        if start.saturating_add(per_page) > DEEPEST_ROW {
            return Err(Problem::bad_request(
                format!("You can only page through the first {DEEPEST_ROW} records."),
                "invalid_paging",
            ));
        }
        Ok(Self {
            start: u32::try_from(start).unwrap_or(0),
            limit: u32::try_from(per_page).unwrap_or(0),
            totals,
        })
    }

    /// The answer: the bare items, or an envelope when the total is told.
    pub fn answer(&self, name: &str, items: Vec<Value>, total: Option<u64>) -> Value {
        match total {
            None => Value::Array(items),
            Some(total) => json!({
                "start": self.start,
                "limit": self.limit,
                "length": items.len(),
                "total": total,
                name: items,
            }),
        }
    }
}

/// A page from a position on (`api/auth0.md` 4.2).
#[derive(Debug)]
pub struct Checkpoint {
    take: usize,
    from: Option<String>,
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self { take: 50, from: None }
    }
}

/// A list that can be paged through by position.
pub struct List<'a, T> {
    /// What its items are called in an answer.
    pub name: &'a str,
    /// Which list a cursor belongs to.
    pub cursors: &'a str,
    /// Where an item is in the order of the list; no two are at one place.
    pub position: &'a (dyn Fn(&T) -> [u8; 12] + Sync),
}

impl Checkpoint {
    /// Reads `take`, at most this many, and `from`; `None` when the query has neither.
    pub fn read(query: &mut Query, most: i64) -> Result<Option<Self>, QueryFault> {
        let take = query.opt_integer("take", 1..=most)?;
        let from = query.opt_text("from");
        if take.is_none() && from.is_none() {
            return Ok(None);
        }
        let take = take.and_then(|take| usize::try_from(take).ok()).unwrap_or(50);
        Ok(Some(Self { take, from }))
    }

    /// The answer: the items of the page and, unless it is the last one, where the next begins.
    pub async fn answer<T: Send + Sync>(
        self,
        app: &App,
        caller: &Caller,
        list: &List<'_, T>,
        mut found: Vec<T>,
        show: impl Fn(&T) -> Value + Send,
    ) -> Result<Value, Problem> {
        found.sort_by_cached_key(list.position);
        if let Some(from) = &self.from {
            let refuse = || QueryFault(Fault::new("from", Reason::Other("It is not a position in this list")));
            let seen = match app.open_cursor(caller.tenant, list.cursors, from).await {
                Err(Error::Invalid { .. }) => return Err(refuse().into()),
                seen => seen?,
            };
            found.retain(|item| (list.position)(item) > seen);
        }
        let more = found.len() > self.take;
        found.truncate(self.take);
        let mut answer = Object::new();
        answer.insert(list.name.to_owned(), found.iter().map(show).collect());
        if let Some(last) = found.last().filter(|_| more) {
            let next = app
                .seal_cursor(caller.tenant, list.cursors, &(list.position)(last))
                .await?;
            answer.insert("next".to_owned(), next.into());
        }
        Ok(Value::Object(answer))
    }
}

/// Pages as a list takes them: from a position on, or by number.
#[derive(Debug)]
pub enum Pages {
    /// From a position on.
    From(Checkpoint),
    /// By number.
    By(Offset),
}

impl Pages {
    /// Reads the parameters of either. Clients send those of both; then the numbers mean
    /// nothing, and have to be numbers all the same.
    pub fn read(query: &mut Query, least: i64, default: i64) -> Result<Self, Problem> {
        let Some(checkpoint) = Checkpoint::read(query, 100)? else {
            return Ok(Self::By(Offset::read(query, least, default)?));
        };
        query.opt_integer("page", PAGES)?;
        query.opt_integer("per_page", least..=100)?;
        query.opt_bool("include_totals")?;
        Ok(Self::From(checkpoint))
    }

    /// The answer.
    pub async fn answer<T: Send + Sync>(
        self,
        app: &App,
        caller: &Caller,
        list: &List<'_, T>,
        found: Vec<T>,
        show: impl Fn(&T) -> Value + Send,
    ) -> Result<Value, Problem> {
        let offset = match self {
            Self::From(checkpoint) => return checkpoint.answer(app, caller, list, found, show).await,
            Self::By(offset) => offset,
        };
        let total = offset.totals.then_some(found.len() as u64);
        let page = found.iter().skip(offset.start as usize).take(offset.limit as usize);
        Ok(offset.answer(list.name, page.map(show).collect(), total))
    }
}

/// A position made of the beginning of some bytes, filled up with noughts.
pub fn beginning(bytes: &[u8]) -> [u8; 12] {
    let mut position = [0; 12];
    for (to, from) in position.iter_mut().zip(bytes) {
        *to = *from;
    }
    position
}

/// Which fields are shown.
#[derive(Debug)]
pub struct Selection {
    names: Option<Vec<String>>,
    include: bool,
}

impl Selection {
    /// Reads `fields` and `include_fields` of a user; names that no user has are refused.
    pub fn of_user(query: &mut Query) -> Result<Self, QueryFault> {
        let known = |name: &str| USER_FIELDS.contains(&name);
        Self::read(query, known, USER_FIELDS_PATTERN)
    }

    /// Reads `fields` and `include_fields` where any name will do.
    pub fn of_any(query: &mut Query) -> Result<Self, QueryFault> {
        let is_name = |name: &str| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.')
        };
        Self::read(query, is_name, ANY_FIELDS_PATTERN)
    }

    fn read(query: &mut Query, fits: impl Fn(&str) -> bool, pattern: &'static str) -> Result<Self, QueryFault> {
        let names = match query.opt_text("fields") {
            None => None,
            Some(list) if list.split(',').all(fits) => Some(list.split(',').map(str::to_owned).collect()),
            Some(_) => return Err(QueryFault(Fault::new("fields", Reason::Pattern(pattern)))),
        };
        Ok(Self {
            names,
            include: query.opt_bool("include_fields")?.unwrap_or(true),
        })
    }

    /// What is left of an item. A dotted name leads into an object, and into each one of a list.
    pub fn of(&self, item: Object) -> Value {
        let Some(names) = &self.names else {
            return Value::Object(item);
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        Value::Object(select(item, &names, self.include))
    }
}

/// Keeps what the names lead to, or all but that.
fn select(item: Object, names: &[&str], include: bool) -> Object {
    let left = item.into_iter().filter_map(|(member, value)| {
        if names.contains(&member.as_str()) {
            return include.then_some((member, value));
        }
        let below = |name: &&'_ str| name.strip_prefix(member.as_str())?.strip_prefix('.').map(str::to_owned);
        let below: Vec<String> = names.iter().filter_map(below).collect();
        match below.is_empty() {
            true => (!include).then_some((member, value)),
            false => {
                let names: Vec<&str> = below.iter().map(String::as_str).collect();
                Some((member, select_within(value, &names, include)?))
            }
        }
    });
    left.collect()
}

/// The same of a value that names lead into; there is nothing within texts and numbers.
fn select_within(value: Value, names: &[&str], include: bool) -> Option<Value> {
    match value {
        Value::Object(item) => Some(Value::Object(select(item, names, include))),
        Value::Array(items) => {
            let left = items.into_iter().filter_map(|item| select_within(item, names, include));
            Some(Value::Array(left.collect()))
        }
        other => (!include).then_some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query::of(&format!("/?{text}").parse().unwrap(), &[]).unwrap()
    }

    #[test]
    fn sec_api_13_the_thousandth_row_is_the_last() {
        assert!(Offset::read(&mut query("page=19&per_page=50"), 0, 50).is_ok());
        assert!(Offset::read(&mut query("page=9&per_page=100"), 0, 50).is_ok());
        for deep in ["page=20&per_page=50", "page=10&per_page=100", "page=4294967295"] {
            assert!(Offset::read(&mut query(deep), 0, 50).is_err(), "{deep}");
        }
        assert_eq!(Offset::read(&mut query("per_page=0&page=7"), 0, 50).unwrap().limit, 0);
    }

    #[test]
    fn fields_keep_or_drop() {
        let item = crate::api::auth0::wire::object(json!({"email": 1, "name": 2, "user_metadata": 3}));
        let shown = |text: &str| Selection::of_any(&mut query(text)).unwrap().of(item.clone());
        assert_eq!(shown("fields=email"), json!({"email": 1}));
        assert_eq!(
            shown("fields=user_metadata.x,nope"),
            json!({}),
            "nothing is within a number"
        );
        assert_eq!(
            shown("fields=email&include_fields=false"),
            json!({"name": 2, "user_metadata": 3})
        );
        assert!(Selection::of_user(&mut query("fields=password_hash")).is_err());
        assert!(Selection::of_user(&mut query("fields=")).is_err());
        assert!(Selection::of_user(&mut query("fields=email,user_id")).is_ok());
        for name in USER_FIELDS {
            assert!(USER_FIELDS_PATTERN.contains(name));
        }
    }

    #[test]
    fn dotted_fields_lead_into_objects_and_lists() {
        let item = json!({
            "email": "a", "user_metadata": {"x": {"y": 1, "z": 2}, "w": 3},
            "identities": [{"user_id": "1", "provider": "auth0"}, {"user_id": "2", "provider": "github"}],
        });
        let item = crate::api::auth0::wire::object(item);
        let shown = |text: &str| Selection::of_any(&mut query(text)).unwrap().of(item.clone());
        assert_eq!(
            shown("fields=user_metadata.x.y"),
            json!({"user_metadata": {"x": {"y": 1}}})
        );
        assert_eq!(
            shown("fields=user_metadata.x.y,user_metadata.w,email"),
            json!({"email": "a", "user_metadata": {"x": {"y": 1}, "w": 3}})
        );
        assert_eq!(
            shown("fields=identities.user_id"),
            json!({"identities": [{"user_id": "1"}, {"user_id": "2"}]})
        );
        let but = shown("fields=user_metadata.x,identities.provider,email.x&include_fields=false");
        let left = json!({
            "email": "a", "user_metadata": {"w": 3}, "identities": [{"user_id": "1"}, {"user_id": "2"}],
        });
        assert_eq!(but, left);
        assert_eq!(shown("fields=user_metadata.x,user_metadata")["user_metadata"]["w"], 3);
    }
}
