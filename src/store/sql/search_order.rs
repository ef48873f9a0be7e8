//! In which order those who were found are shown, and which of them a page has.
//!
//! What would surprise: a few are looked up and sorted, for many the index of the order is walked
//! and those who were found are picked out, until the page is full; both give the same.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::rows::params;
use super::search::{CHANGES, Halt, Run};
use super::search_sets::Set;
use super::{Step, terms, users};
use crate::domain::UserWithIdentities;
use crate::domain::search::attributes::Value;
use crate::domain::search::{Direction, Place, Sort, SortBy};
use crate::id::{ConnectionId, UserId};
use crate::store::term_key;

/// Up to how many users are looked up one by one.
const FEW: usize = 1_000;

pub const IDS: &str = "SELECT id FROM users WHERE tenant = ?1 ORDER BY id";
pub const IDS_DOWN: &str = "SELECT id FROM users WHERE tenant = ?1 ORDER BY id DESC";
pub const CREATED: &str = "SELECT id FROM users WHERE tenant = ?1 ORDER BY created_at, id";
pub const CREATED_DOWN: &str = "SELECT id FROM users WHERE tenant = ?1 ORDER BY created_at DESC, id DESC";
pub const VALUES: &str = "SELECT user_id FROM terms
    WHERE tenant = ?1 AND path = ?2 AND value < ?3 ORDER BY value, user_id";
pub const VALUES_DOWN: &str = "SELECT user_id FROM terms
    WHERE tenant = ?1 AND path = ?2 AND value < ?3 ORDER BY value DESC, user_id DESC";
pub const PRIMARIES: &str = "SELECT user_id, connection, subject FROM identities WHERE tenant = ?1 AND position = 0";

/// By what one user is sorted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Moment(i64),
    Value(Value),
    Text(String),
}

/// The ids of a page of those in a set.
pub fn page(run: &Run<'_>, set: &Set, sort: &Sort, skip: u32, limit: u32) -> Result<Vec<UserId>, Halt> {
    let pass_over = usize::try_from(skip).unwrap_or(usize::MAX);
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    if shown == 0 {
        return Ok(Vec::new());
    }
    let reach = pass_over.saturating_add(shown);
    let down = sort.direction == Direction::Descending;
    let mut found = match (&sort.by, set.members()) {
        (SortBy::Creation, Some(members)) if down => members.iter().rev().take(reach).copied().collect(),
        (SortBy::Creation, Some(members)) => members.iter().take(reach).copied().collect(),
        (by, Some(members)) if members.len() <= FEW => look_up(run, members, by, sort.direction)?,
        (SortBy::Creation, None) => walk(run, set, reach, if down { IDS_DOWN } else { IDS }, None)?,
        (SortBy::Created, _) => walk(run, set, reach, if down { CREATED_DOWN } else { CREATED }, None)?,
        (SortBy::Attribute(path), _) => {
            let statement = if down { VALUES_DOWN } else { VALUES };
            let mut found = walk(run, set, reach, statement, Some(path))?;
            if found.len() < reach {
                append_the_rest(run, set, reach, &mut found)?;
            }
            found
        }
        (SortBy::Updated, _) => by_change(run, set, reach, sort.direction)?,
        (SortBy::Primary(places), _) => by_primary(run, set, reach, places, sort.direction)?,
    };
    found.truncate(reach);
    Ok(found.split_off(pass_over.min(found.len())))
}

/// The order of two users; those without a key come last, in the order of their ids.
fn order(a: &(Option<Key>, UserId), b: &(Option<Key>, UserId), direction: Direction) -> Ordering {
    match (&a.0, &b.0) {
        (None, None) => a.1.cmp(&b.1),
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(_), Some(_)) if direction == Direction::Descending => b.cmp(a),
        (Some(_), Some(_)) => a.cmp(b),
    }
}

/// A few users, each looked up.
fn look_up(run: &Run<'_>, members: &[UserId], by: &SortBy, direction: Direction) -> Result<Vec<UserId>, Halt> {
    let mut keyed = Vec::with_capacity(members.len());
    for id in members {
        run.look()?;
        if let Some(found) = users::find_with_identities(run.sql, run.tenant, *id)? {
            keyed.push((key(run, &found, by, direction)?, *id));
        }
    }
    keyed.sort_by(|a, b| order(a, b, direction));
    Ok(keyed.into_iter().map(|(_, id)| id).collect())
}

fn key(run: &Run<'_>, found: &UserWithIdentities, by: &SortBy, direction: Direction) -> Result<Option<Key>, Halt> {
    let primary = found.identities.iter().find(|identity| identity.is_primary());
    Ok(match by {
        SortBy::Creation => None,
        SortBy::Created => Some(Key::Moment(found.user.created_at.as_millisecond())),
        SortBy::Updated => Some(Key::Moment(found.updated_at().as_millisecond())),
        SortBy::Primary(places) => {
            primary.map(|primary| Key::Text(written(places, primary.key.connection, &primary.key.subject)))
        }
        SortBy::Attribute(path) => {
            let born = primary.map(|primary| primary.key.connection);
            let all = terms::of_user(run.sql, run.tenant, &found.user, born)?;
            let mut values = all
                .into_iter()
                .filter(|term| term.path == *path && !matches!(term.value, Value::Words(_)))
                .map(|term| Key::Value(term.value));
            match direction {
                Direction::Ascending => values.next(),
                Direction::Descending => values.next_back(),
            }
        }
    })
}

fn written(places: &[Place], connection: ConnectionId, subject: &str) -> String {
    let place = places.iter().find(|place| place.connection == connection);
    [place.map_or("", |place| place.before.as_str()), subject].concat()
}

/// Picks those in the set, in the order of a statement, until there are enough.
fn walk(run: &Run<'_>, set: &Set, reach: usize, statement: &str, path: Option<&str>) -> Result<Vec<UserId>, Halt> {
    let mut found: Vec<UserId> = Vec::new();
    let mut seen = HashSet::new();
    let mut take = |id: UserId| {
        if set.holds(&id) && seen.insert(id) {
            found.push(id);
        }
        match found.len() < reach {
            true => Step::Next,
            false => Step::Enough,
        }
    };
    match path {
        None => run.each(statement, params![run.tenant], |row| Ok(take(row.get(0)?)))?,
        Some(path) => {
            let from_there = params![run.tenant, path, term_key::AFTER_VALUES];
            run.each(statement, from_there, |row| Ok(take(row.get(0)?)))?;
        }
    }
    Ok(found)
}

/// Those of the set who have no value, in the order of their ids.
fn append_the_rest(run: &Run<'_>, set: &Set, reach: usize, found: &mut Vec<UserId>) -> Result<(), Halt> {
    let have: HashSet<UserId> = found.iter().copied().collect();
    match set.members() {
        Some(members) => {
            let rest = members.iter().filter(|id| !have.contains(*id));
            found.extend(rest.take(reach.saturating_sub(have.len())));
        }
        None => run.each(IDS, params![run.tenant], |row| {
            let id = row.get(0)?;
            if set.holds(&id) && !have.contains(&id) {
                found.push(id);
            }
            Ok(if found.len() < reach { Step::Next } else { Step::Enough })
        })?,
    }
    Ok(())
}

/// The first of very many, without keeping all of them.
struct First {
    keyed: Vec<(Option<Key>, UserId)>,
    reach: usize,
    direction: Direction,
}

impl First {
    fn new(reach: usize, direction: Direction) -> Self {
        Self {
            keyed: Vec::new(),
            reach,
            direction,
        }
    }

    fn push(&mut self, key: Key, id: UserId) {
        self.keyed.push((Some(key), id));
        if self.keyed.len() > self.reach.saturating_mul(2).saturating_add(1_000) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.keyed.sort_by(|a, b| order(a, b, self.direction));
        self.keyed.truncate(self.reach);
    }

    fn ids(mut self) -> Vec<UserId> {
        self.cut();
        self.keyed.into_iter().map(|(_, id)| id).collect()
    }
}

fn by_change(run: &Run<'_>, set: &Set, reach: usize, direction: Direction) -> Result<Vec<UserId>, Halt> {
    let mut first = First::new(reach, direction);
    let mut last: Option<(UserId, i64)> = None;
    run.each(CHANGES, params![run.tenant], |row| {
        let (id, at) = (row.get(0)?, row.get::<i64>(1)?.max(row.get(2)?));
        match &mut last {
            Some((same, latest)) if *same == id => *latest = at.max(*latest),
            _ => {
                if let Some((before, at)) = last.replace((id, at)).filter(|(id, _)| set.holds(id)) {
                    first.push(Key::Moment(at), before);
                }
            }
        }
        Ok(Step::Next)
    })?;
    if let Some((id, at)) = last.filter(|(id, _)| set.holds(id)) {
        first.push(Key::Moment(at), id);
    }
    Ok(first.ids())
}

fn by_primary(
    run: &Run<'_>,
    set: &Set,
    reach: usize,
    places: &[Place],
    direction: Direction,
) -> Result<Vec<UserId>, Halt> {
    let mut first = First::new(reach, direction);
    run.each(PRIMARIES, params![run.tenant], |row| {
        let id = row.get(0)?;
        if set.holds(&id) {
            let subject = row.text(2)?;
            first.push(Key::Text(written(places, row.get(1)?, subject)), id);
        }
        Ok(Step::Next)
    })?;
    Ok(first.ids())
}
