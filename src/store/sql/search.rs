//! Searches: the query as a set of users, put together from what each condition finds by an index.
//!
//! Every statement is written down here or in `search_order.rs`, with the tenant in front; what a
//! caller asks for is only ever bound to them. The first of a conjunction is what finds few, and
//! when only few are left, the rest is asked of each of them.
//!
//! What would surprise: a wildcard or an order can read everything that a tenant has. When the time
//! of a search is over it gives up, between two rows.

use super::{Sql, Step};
use std::time::Instant;

use super::rows::{Cell, Row, ToValue, corrupt, params};
use super::search_sets::Set;
use super::{search_order, tenants, users};
use crate::domain::ConnectionRef;
use crate::domain::search::attributes::{Kind, Value};
use crate::domain::search::{Condition, Node, Place, Query, Role, Span, Test};
use crate::id::{ConnectionId, TenantId, UserId};
use crate::store::term_key::{self, KeyRange};
use crate::store::{Search, Searched, StoreError, StoreResult};

/// How many rows are read between two looks at the clock.
const ROWS_A_LOOK: u32 = 64;

/// How many users are named at most on the way to an answer: 12 bytes each.
const NAMED: usize = 4_000_000;

/// Up to how many users a condition is asked of each, rather than answered for all.
const FEW: usize = 200;

pub const IN_RANGE: &str = "SELECT value, user_id FROM terms
    WHERE tenant = ?1 AND path = ?2 AND value >= ?3 AND value < ?4";
pub const BELOW_PATH: &str = "SELECT user_id FROM terms WHERE tenant = ?1 AND path >= ?2 AND path < ?3";
pub const NEXT_PATH: &str = "SELECT path FROM terms WHERE tenant = ?1 AND path > ?2 ORDER BY path LIMIT 1";
pub const HAS_TERM: &str = "SELECT 1 FROM terms
    WHERE tenant = ?1 AND path = ?2 AND value = ?3 AND user_id = ?4 LIMIT 1";
pub const CREATED: &str = "SELECT id FROM users WHERE tenant = ?1 AND created_at >= ?2 AND created_at < ?3";
pub const AT_CONNECTION: &str = "SELECT user_id, position, subject FROM identities
    WHERE tenant = ?1 AND connection = ?2";
pub const WITH_SUBJECT: &str = "SELECT user_id, position, subject FROM identities
    WHERE tenant = ?1 AND connection = ?2 AND issuer = ?3 AND subject = ?4";
pub const WITH_SUBJECTS: &str = "SELECT user_id, position, subject FROM identities
    WHERE tenant = ?1 AND connection = ?2 AND issuer = ?3 AND subject >= ?4 ORDER BY subject";
pub const OF_USER: &str = "SELECT user_id, position, subject, connection FROM identities
    WHERE tenant = ?1 AND user_id = ?2";
pub const CHANGES: &str = "SELECT identities.user_id, users.updated_at, identities.proved_at
    FROM identities JOIN users ON users.tenant = identities.tenant AND users.id = identities.user_id
    WHERE identities.tenant = ?1 ORDER BY identities.user_id";

/// Why a search ends before it is done.
#[derive(Debug)]
pub enum Halt {
    /// It takes too long, or too much.
    TooLong,
    /// The store cannot answer.
    Failed(StoreError),
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// One search on its way.
pub struct Run<'a> {
    pub sql: &'a dyn Sql,
    pub tenant: TenantId,
    ends: Option<Instant>,
}

/// Searches until this moment, and gives up then.
pub fn search(sql: &dyn Sql, tenant: TenantId, search: &Search, ends: Option<Instant>) -> StoreResult<Searched> {
    match run(sql, tenant, search, ends) {
        Ok(found) => Ok(found),
        Err(Halt::TooLong) => Ok(Searched::GaveUp),
        Err(Halt::Failed(error)) => Err(error),
    }
}

fn run(sql: &dyn Sql, tenant: TenantId, search: &Search, ends: Option<Instant>) -> Result<Searched, Halt> {
    let run = Run { sql, tenant, ends };
    run.look()?;
    let set = run.evaluate(&search.query)?;
    let total = match (search.count, set.members()) {
        (false, _) => None,
        (true, Some(members)) => u64::try_from(members.len()).ok(),
        (true, None) => {
            let named = u64::try_from(set.named().len()).unwrap_or(0);
            Some(users::count(sql, tenant)?.saturating_sub(named))
        }
    };
    let page = search_order::page(&run, &set, &search.sort, search.skip, search.limit)?;
    let mut shown = Vec::with_capacity(page.len());
    for id in page {
        run.look()?;
        let found = users::find_with_identities(sql, tenant, id)?;
        shown.push(found.ok_or_else(|| corrupt(format!("terms: {id} is found and is not there")))?);
    }
    Ok(Searched::Found(shown, total))
}

/// A part of a query: a set, or a condition that is answered when it is needed.
enum Part<'q> {
    Set(Set),
    Condition(&'q Condition, bool),
}

impl Part<'_> {
    /// How many users it names.
    fn named(&self) -> usize {
        match self {
            Self::Set(set) => set.named().len(),
            Self::Condition(..) => 0,
        }
    }
}

impl Run<'_> {
    /// That there is time left.
    pub fn look(&self) -> Result<(), Halt> {
        match self.ends.is_none_or(|ends| Instant::now() < ends) {
            true => Ok(()),
            false => Err(Halt::TooLong),
        }
    }

    /// Takes rows until it is enough or the time is over.
    pub fn each(
        &self,
        statement: &str,
        params: &[&dyn ToValue],
        mut take: impl FnMut(&Row<'_>) -> StoreResult<Step>,
    ) -> Result<(), Halt> {
        let mut read: u32 = 0;
        let mut over = Ok(());
        self.sql.walk(statement, params, &mut |row| {
            read = read.wrapping_add(1);
            if read.is_multiple_of(ROWS_A_LOOK) {
                over = self.look();
            }
            match over {
                Ok(()) => take(row),
                Err(_) => Ok(Step::Enough),
            }
        })?;
        over
    }

    /// Whom a query means.
    fn evaluate(&self, query: &Query) -> Result<Set, Halt> {
        let broken = || Halt::Failed(corrupt("a query names what is not before it"));
        let mut parts: Vec<Option<Part<'_>>> = Vec::with_capacity(query.nodes().len());
        let mut held: usize = 0;
        for node in query.nodes() {
            let mut take = |place: &usize| {
                let part = parts.get_mut(*place).and_then(Option::take).ok_or_else(broken)?;
                held = held.saturating_sub(part.named());
                Ok::<_, Halt>(part)
            };
            let part = match node {
                Node::Is(condition) => Part::Condition(condition, true),
                Node::Not(place) => match take(place)? {
                    Part::Set(set) => Part::Set(set.not()),
                    Part::Condition(condition, wanted) => Part::Condition(condition, !wanted),
                },
                Node::All(places) => {
                    let parts: Vec<_> = places.iter().map(take).collect::<Result<_, _>>()?;
                    Part::Set(self.all(parts)?)
                }
                Node::Any(places) => {
                    let parts: Vec<_> = places.iter().map(take).collect::<Result<_, _>>()?;
                    Part::Set(self.any(parts)?)
                }
            };
            held = held.saturating_add(part.named());
            if held > NAMED {
                return Err(Halt::TooLong);
            }
            parts.push(Some(part));
        }
        match parts.pop().flatten() {
            Some(part) => self.set_of(part),
            None => Ok(Set::everyone()),
        }
    }

    fn set_of(&self, part: Part<'_>) -> Result<Set, Halt> {
        match part {
            Part::Set(set) => Ok(set),
            Part::Condition(condition, true) => self.find(condition),
            Part::Condition(condition, false) => Ok(self.find(condition)?.not()),
        }
    }

    fn any(&self, parts: Vec<Part<'_>>) -> Result<Set, Halt> {
        let mut found = Set::nobody();
        for part in parts {
            found = found.or(self.set_of(part)?);
        }
        Ok(found)
    }

    fn all(&self, mut parts: Vec<Part<'_>>) -> Result<Set, Halt> {
        parts.sort_by_key(|part| match part {
            Part::Set(set) => (0, set.named().len()),
            Part::Condition(condition, true) if finds_few(condition) => (0, 1),
            Part::Condition(_, true) => (1, 0),
            Part::Condition(_, false) => (2, 0),
        });
        let mut left = Set::everyone();
        for part in parts {
            if left.is_nobody() {
                break;
            }
            match part {
                Part::Condition(condition, wanted)
                    if can_be_asked(condition) && left.members().is_some_and(|members| members.len() <= FEW) =>
                {
                    left.try_keep(|user| Ok::<_, Halt>(self.meets(*user, condition)? == wanted))?;
                }
                part => left = left.and(self.set_of(part)?),
            }
        }
        Ok(left)
    }

    /// Everybody who meets a condition.
    fn find(&self, condition: &Condition) -> Result<Set, Halt> {
        let mut found = Vec::new();
        match condition {
            Condition::Attribute { path, test } => self.find_by_attribute(path, test, &mut found)?,
            Condition::AnyAttribute(test) => self.find_by_any_attribute(test, &mut found)?,
            Condition::Created(span) => {
                let from = span.from.map_or(i64::MIN, |at| at.as_millisecond());
                let until = span.until.map_or(i64::MAX, |at| at.as_millisecond());
                self.each(CREATED, params![self.tenant, from, until], |row| {
                    keep(row.get(0)?, &mut found)
                })?;
            }
            Condition::Updated(span) => self.find_by_change(*span, &mut found)?,
            Condition::Identity { role, at, subject } => {
                for place in at {
                    self.find_by_identity(*role, place, subject.as_ref(), &mut found)?;
                }
            }
        }
        match found.len() > NAMED {
            true => Err(Halt::TooLong),
            false => Ok(Set::of(found)),
        }
    }

    fn find_by_attribute(&self, path: &str, test: &Test, found: &mut Vec<UserId>) -> Result<(), Halt> {
        for range in term_key::ranges(Kind::of(path), test) {
            self.find_in_range(path, &range, found)?;
        }
        if *test == Test::Exists {
            // A slash comes after a dot.
            let (below, after) = (format!("{path}."), format!("{path}/"));
            self.each(BELOW_PATH, params![self.tenant, below, after], |row| {
                keep(row.get(0)?, found)
            })?;
        }
        Ok(())
    }

    fn find_in_range(&self, path: &str, range: &KeyRange, found: &mut Vec<UserId>) -> Result<(), Halt> {
        self.each(
            IN_RANGE,
            params![self.tenant, path, range.from, range.until],
            |row| match &range.filter {
                Some(filter) if !filter.passes(bytes(row.cell(&0)?)?) => Ok(Step::Next),
                _ => keep(row.get(1)?, found),
            },
        )
    }

    fn find_by_any_attribute(&self, test: &Test, found: &mut Vec<UserId>) -> Result<(), Halt> {
        let mut from = String::new();
        loop {
            self.look()?;
            let next = self
                .sql
                .first(NEXT_PATH, params![self.tenant, from], |row| row.get::<String>(0))?;
            let Some(path) = next else { return Ok(()) };
            let passed_over = ["identities", "user_metadata"];
            if let Some(root) = path.split('.').next().filter(|root| passed_over.contains(root)) {
                from = format!("{root}/");
                continue;
            }
            let kind = Kind::of(&path);
            if kind != Kind::Moment {
                for range in term_key::ranges(kind, test) {
                    self.find_in_range(&path, &range, found)?;
                }
            }
            from = path;
        }
    }

    fn find_by_change(&self, span: Span, found: &mut Vec<UserId>) -> Result<(), Halt> {
        let mut last: Option<(UserId, i64)> = None;
        let holds = |millis| jiff::Timestamp::from_millisecond(millis).is_ok_and(|at| span.holds(at));
        self.each(CHANGES, params![self.tenant], |row| {
            let (id, at) = (row.get(0)?, row.get::<i64>(1)?.max(row.get(2)?));
            match &mut last {
                Some((same, latest)) if *same == id => *latest = at.max(*latest),
                _ => {
                    if let Some((before, _)) = last.replace((id, at)).filter(|(_, at)| holds(*at)) {
                        found.push(before);
                    }
                }
            }
            Ok(Step::Next)
        })?;
        found.extend(last.filter(|(_, at)| holds(*at)).map(|(id, _)| id));
        Ok(())
    }

    fn find_by_identity(
        &self,
        role: Role,
        place: &Place,
        subject: Option<&Test>,
        found: &mut Vec<UserId>,
    ) -> Result<(), Halt> {
        self.look()?;
        let tenant = self.tenant;
        let which = ConnectionRef::Id(place.connection);
        let Some((connection, issuer)) = tenants::key_part(self.sql, tenant, &which)? else {
            return Ok(());
        };
        let mut take = |row: &Row<'_>| match is_meant(row, role, place, subject)? {
            true => keep(row.get(0)?, found),
            false => Ok(Step::Next),
        };
        match head_of(subject) {
            Head::Exactly(text) => match text.strip_prefix(place.before.as_str()) {
                Some(subject) => self.each(WITH_SUBJECT, params![tenant, connection, issuer, subject], take),
                None => Ok(()),
            },
            Head::Begins(head) if head.len() > place.before.len() => match head.strip_prefix(place.before.as_str()) {
                Some(head) => self.each(
                    WITH_SUBJECTS,
                    params![tenant, connection, issuer, head],
                    |row| match row.text(2)?.starts_with(head) {
                        true => take(row),
                        false => Ok(Step::Enough),
                    },
                ),
                None => Ok(()),
            },
            Head::Begins(head) if !place.before.starts_with(head.as_str()) => Ok(()),
            Head::Begins(_) => self.each(AT_CONNECTION, params![tenant, connection], take),
        }
    }

    /// Whether one user meets a condition of those that [`can_be_asked`].
    fn meets(&self, user: UserId, condition: &Condition) -> Result<bool, Halt> {
        self.look()?;
        match condition {
            Condition::Attribute { path, test } => {
                for range in term_key::ranges(Kind::of(path), test) {
                    if self.sql.any(HAS_TERM, params![self.tenant, path, range.from, user])? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Condition::Identity { role, at, subject } => {
                let mut met = false;
                self.each(OF_USER, params![self.tenant, user], |row| {
                    let connection: ConnectionId = row.get(3)?;
                    for place in at.iter().filter(|place| place.connection == connection) {
                        met |= is_meant(row, *role, place, subject.as_ref())?;
                    }
                    Ok(if met { Step::Enough } else { Step::Next })
                })?;
                Ok(met)
            }
            _ => Ok(self.find(condition)?.holds(&user)),
        }
    }
}

fn bytes(cell: Cell<'_>) -> StoreResult<&[u8]> {
    match cell {
        Cell::Bytes(bytes) => Ok(bytes),
        _ => Err(corrupt("terms: a value is no bytes")),
    }
}

fn keep(user: UserId, found: &mut Vec<UserId>) -> StoreResult<Step> {
    found.push(user);
    Ok(match found.len() > NAMED {
        true => Step::Enough,
        false => Step::Next,
    })
}

/// Whether the identity of a row is one that is asked for at this place.
fn is_meant(row: &Row<'_>, role: Role, place: &Place, subject: Option<&Test>) -> StoreResult<bool> {
    if role == Role::Primary && row.get::<i64>(1)? != 0 {
        return Ok(false);
    }
    let Some(test) = subject else { return Ok(true) };
    let subject = row.text(2)?;
    let written = [place.before.as_str(), subject].concat();
    let key = term_key::key(&Value::Text(written));
    let mut ranges = term_key::ranges(Kind::Exact, test).into_iter();
    Ok(ranges.any(|range| {
        (&range.from..&range.until).contains(&&key) && range.filter.is_none_or(|filter| filter.passes(&key))
    }))
}

/// What is known of the beginning of a text that passes a test.
enum Head {
    Exactly(String),
    Begins(String),
}

fn head_of(test: Option<&Test>) -> Head {
    match test {
        Some(Test::Is(literal)) => Head::Exactly(literal.text.clone().unwrap_or_default()),
        Some(Test::Like(pattern)) => Head::Begins(pattern.head()),
        Some(Test::Exists | Test::Within(_)) | None => Head::Begins(String::new()),
    }
}

/// Whether a condition is likely to find few, and is answered by an index.
fn finds_few(condition: &Condition) -> bool {
    match condition {
        Condition::Attribute { path, test } => {
            let own = ["email", "username", "phone_number", "name", "nickname"];
            let account = path.strip_prefix("identities.profileData.").unwrap_or(path);
            own.contains(&account) && matches!(test, Test::Is(_))
        }
        Condition::Identity { subject, .. } => matches!(subject, Some(Test::Is(_))),
        _ => false,
    }
}

/// Whether a condition can be asked of one user without looking at others.
fn can_be_asked(condition: &Condition) -> bool {
    match condition {
        Condition::Attribute { path, test } => {
            term_key::ranges(Kind::of(path), test).iter().all(KeyRange::is_one) && *test != Test::Exists
        }
        Condition::Identity { .. } => true,
        Condition::AnyAttribute(_) | Condition::Created(_) | Condition::Updated(_) => false,
    }
}
