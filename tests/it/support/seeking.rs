//! Which users a query means, said a second time and as plainly as can be: every attribute of
//! every user is looked at, without terms, keys, ranges or sets.
//!
//! The bounds of what is searched are left out, so only small users can be asked.

use std::cmp::Ordering;
use std::ops::{Bound, RangeBounds as _};

use oneself::domain::search::{
    Between, Condition, Direction, Node, Number, Pattern, Piece, Place, Query, Role, Sort, SortBy, Test,
};
use oneself::domain::{Connection, Identity, Object, Profile, UserWithIdentities};
use oneself::id::UserId;
use serde_json::{Value, json};

const NAMES: [&str; 4] = ["name", "given_name", "family_name", "nickname"];

/// Everything that a user may be found by, as path and value.
pub fn leaves(found: &UserWithIdentities, connections: &[Connection]) -> Vec<(String, Value)> {
    let user = &found.user;
    let mut leaves = Vec::new();
    let mut root = of_profile(&user.profile);
    let born = connections.iter().find(|c| c.id == found.identities[0].key.connection);
    if let (Some(email), true) = (
        &user.profile.email,
        born.is_some_and(|c| c.provider == "database" || c.provider == "email"),
    ) {
        root.entry("name").or_insert_with(|| email.clone().into());
        root.entry("nickname")
            .or_insert_with(|| email.split('@').next().unwrap().into());
    }
    for secret in ["picture", "access_token"] {
        root.remove(secret);
    }
    if let Some((_, domain)) = user.profile.email.as_ref().and_then(|email| email.rsplit_once('@')) {
        root.insert("email.domain".into(), domain.into());
    }
    let more = [
        ("blocked", user.blocked.map(Value::from)),
        ("last_ip", user.logins.last_ip.clone().map(Value::from)),
        (
            "logins_count",
            (user.logins.count > 0).then(|| user.logins.count.into()),
        ),
        ("last_login", user.logins.last_at.map(|at| at.as_millisecond().into())),
        ("app_metadata", user.app_metadata.clone().map(Value::Object)),
        ("user_metadata", user.user_metadata.clone().map(Value::Object)),
    ];
    root.extend(
        more.into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?))),
    );
    for (name, value) in &root {
        collect(name, value, &mut leaves);
    }
    for account in &found.identities[1..] {
        let profile = of_profile(&account.profile);
        for name in ["email", "email_verified", "username"] {
            if let Some(value) = profile.get(name) {
                collect(&format!("identities.profileData.{name}"), value, &mut leaves);
            }
        }
    }
    leaves
}

fn of_profile(profile: &Profile) -> Object {
    serde_json::to_value(profile).unwrap().as_object().unwrap().clone()
}

fn collect(path: &str, value: &Value, leaves: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, value)| collect(&format!("{path}.{name}"), value, leaves)),
        Value::Array(items) => items.iter().for_each(|item| collect(path, item, leaves)),
        Value::Null => {}
        Value::String(text) if text.is_empty() => {}
        leaf => leaves.push((path.to_owned(), leaf.clone())),
    }
}

/// A user, with everything that she may be found by.
pub struct Known<'u> {
    found: &'u UserWithIdentities,
    leaves: Vec<(String, Value)>,
}

/// Everybody, looked at.
pub fn look_at<'u>(users: &'u [UserWithIdentities], connections: &[Connection]) -> Vec<Known<'u>> {
    let look = |found| Known {
        found,
        leaves: leaves(found, connections),
    };
    users.iter().map(look).collect()
}

/// Whether a user is meant.
fn is_meant(query: &Query, known: &Known<'_>) -> bool {
    let mut meant: Vec<bool> = Vec::new();
    for node in query.nodes() {
        meant.push(match node {
            Node::Is(condition) => meets(condition, known),
            Node::Not(n) => !meant[*n],
            Node::All(all) => all.iter().all(|n| meant[*n]),
            Node::Any(any) => any.iter().any(|n| meant[*n]),
        });
    }
    meant.last().copied().unwrap_or(true)
}

fn meets(condition: &Condition, Known { found, leaves }: &Known<'_>) -> bool {
    match condition {
        Condition::Attribute { path, test } => leaves.iter().any(|(at, value)| {
            let below = *test == Test::Exists && at.starts_with(&format!("{path}."));
            below || (at == path && passes(at, value, test))
        }),
        Condition::AnyAttribute(test) => leaves.iter().any(|(path, value)| {
            let root = path.split('.').next().unwrap();
            !["identities", "user_metadata", "last_login"].contains(&root) && passes(path, value, test)
        }),
        Condition::Created(span) => span.holds(found.user.created_at),
        Condition::Updated(span) => span.holds(found.updated_at()),
        Condition::Identity { role, at, subject } => found.identities.iter().any(|identity| {
            (*role == Role::Any || identity.is_primary())
                && at.iter().any(|place| {
                    let written = json!(written(place, identity));
                    place.connection == identity.key.connection
                        && subject.as_ref().is_none_or(|test| passes("", &written, test))
                })
        }),
    }
}

fn written(place: &Place, identity: &Identity) -> String {
    format!("{}{}", place.before, identity.key.subject)
}

fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(fold).collect()
}

fn passes(path: &str, value: &Value, test: &Test) -> bool {
    let is_name = NAMES.contains(&path);
    let prepared = |text: &str| match is_name || path == "email" || path == "email.domain" {
        true => fold(text),
        false => text.to_owned(),
    };
    match (test, value) {
        (Test::Exists, _) => true,
        (Test::Is(literal), Value::String(text)) => literal.text.as_ref().is_some_and(|asked| {
            let (these, asked_words) = (words(text), words(asked));
            let phrase = !asked_words.is_empty() && these.windows(asked_words.len()).any(|some| some == asked_words);
            prepared(text) == prepared(asked) || (is_name && phrase)
        }),
        (Test::Is(literal), Value::Bool(flag)) => literal.flag == Some(*flag),
        (Test::Is(literal), Value::Number(number)) => literal.number == Number::from_json(number),
        (Test::Like(pattern), Value::String(text)) => {
            let pieces: Vec<Piece> = match prepared("A") == "a" {
                true => folded(pattern),
                false => pattern.pieces().to_vec(),
            };
            fits(&pieces, &prepared(text)) || (is_name && words(text).iter().any(|word| fits(&pieces, word)))
        }
        (
            Test::Within(Between {
                text: Some((from, until)),
                ..
            }),
            Value::String(text),
        ) => {
            let end = |bound: &Bound<String>| bound.as_ref().map(|text| prepared(text));
            (end(from), end(until)).contains(&prepared(text))
        }
        (Test::Within(Between { number: Some(ends), .. }), Value::Number(number)) => {
            ends.contains(&Number::from_json(number).unwrap())
        }
        _ => false,
    }
}

fn folded(pattern: &Pattern) -> Vec<Piece> {
    let fold = |piece: &Piece| match piece {
        Piece::Char(c) => c.to_lowercase().map(Piece::Char).collect(),
        open => vec![*open],
    };
    pattern.pieces().iter().flat_map(fold).collect()
}

fn fits(pieces: &[Piece], text: &str) -> bool {
    let mut chars = text.chars();
    match pieces.split_first() {
        None => text.is_empty(),
        Some((Piece::Many, after)) => fits(after, text) || (chars.next().is_some() && fits(pieces, chars.as_str())),
        Some((Piece::One, after)) => chars.next().is_some() && fits(after, chars.as_str()),
        Some((Piece::Char(c), after)) => chars.next() == Some(*c) && fits(after, chars.as_str()),
    }
}

/// Everybody who is meant, in order.
pub fn seek(query: &Query, sort: &Sort, users: &[Known<'_>]) -> Vec<UserId> {
    let meant = users.iter().filter(|known| is_meant(query, known));
    let mut keyed: Vec<_> = meant.map(|known| (key(known, sort), known.found.user.id)).collect();
    let down = sort.direction == Direction::Descending;
    keyed.sort_by(|a, b| match (&a.0, &b.0) {
        (None, None) if sort.by == SortBy::Creation && down => b.1.cmp(&a.1),
        (None, None) => a.1.cmp(&b.1),
        (None, _) => Ordering::Greater,
        (_, None) => Ordering::Less,
        _ if down => b.cmp(a),
        _ => a.cmp(b),
    });
    keyed.into_iter().map(|(_, id)| id).collect()
}

/// Flags before numbers before texts.
type Key = (u8, Option<Number>, String);

fn key(Known { found, leaves }: &Known<'_>, sort: &Sort) -> Option<Key> {
    let moment = |at: jiff::Timestamp| Some((1, Some(Number::from_i64(at.as_millisecond())), String::new()));
    match &sort.by {
        SortBy::Creation => None,
        SortBy::Created => moment(found.user.created_at),
        SortBy::Updated => moment(found.updated_at()),
        SortBy::Primary(places) => {
            let primary = &found.identities[0];
            let place = places
                .iter()
                .find(|place| place.connection == primary.key.connection)
                .unwrap();
            Some((2, None, written(place, primary)))
        }
        SortBy::Attribute(path) => {
            let folded = NAMES.contains(&path.as_str()) || path == "email";
            let values = leaves
                .iter()
                .filter(|(at, _)| at == path)
                .map(|(_, value)| match value {
                    Value::Bool(flag) => (0, None, flag.to_string()),
                    Value::Number(number) => (1, Number::from_json(number), String::new()),
                    Value::String(text) if folded => (2, None, fold(text)),
                    Value::String(text) => (2, None, text.clone()),
                    other => panic!("{other}"),
                });
            match sort.direction {
                Direction::Ascending => values.min(),
                Direction::Descending => values.max(),
            }
        }
    }
}
