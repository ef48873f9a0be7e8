//! Queries as data: how one is written out, and strategies for random ones over small pools, so
//! that something is found now and then.

use std::ops::Bound;

use oneself::api::auth0::search::syntax::{Clause, Node, Syntax, Value};
use oneself::domain::search::{Pattern, Piece};
use proptest::prelude::*;

/// Writes a query out.
pub fn print(syntax: &Syntax) -> String {
    match syntax.0.len() {
        0 => String::new(),
        len => print_node(syntax, len - 1),
    }
}

fn print_node(syntax: &Syntax, n: usize) -> String {
    let inner = |n: &usize| match &syntax.0[*n] {
        Node::Clause(_) => print_node(syntax, *n),
        _ => format!("({})", print_node(syntax, *n)),
    };
    let joined = |all: &[usize], by: &str| all.iter().map(inner).collect::<Vec<_>>().join(by);
    match &syntax.0[n] {
        Node::Clause(clause) => print_clause(clause),
        Node::Not(n) => format!("NOT {}", inner(n)),
        Node::And(all) => joined(all, " AND "),
        Node::Or(any) => joined(any, " OR "),
    }
}

fn print_clause(Clause { field, value }: &Clause) -> String {
    let field = field.as_deref().map(word);
    let before = field.as_ref().map(|field| format!("{field}:")).unwrap_or_default();
    match value {
        Value::Exists => format!("_exists_:{}", field.unwrap()),
        Value::Text(text) => format!("{before}{}", quoted(text)),
        Value::Like(pattern) => {
            let piece = |piece: &Piece| match piece {
                Piece::Char(c) => word(&c.to_string()),
                Piece::One => "?".to_owned(),
                Piece::Many => "*".to_owned(),
            };
            let pieces: String = pattern.pieces().iter().map(piece).collect();
            format!("{before}{pieces}")
        }
        Value::Range(from, until) => {
            let end = |bound: &Bound<String>| match bound {
                Bound::Included(text) | Bound::Excluded(text) => quoted(text),
                Bound::Unbounded => "*".to_owned(),
            };
            let open = if matches!(from, Bound::Excluded(_)) { '{' } else { '[' };
            let close = if matches!(until, Bound::Excluded(_)) { '}' } else { ']' };
            format!("{before}{open}{} TO {}{close}", end(from), end(until))
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A text as a word without quotation marks.
fn word(text: &str) -> String {
    let escaped = |c: char| match c.is_alphanumeric() || matches!(c, '_' | '.' | '@') {
        true => c.to_string(),
        false => format!("\\{c}"),
    };
    text.chars().map(escaped).collect()
}

/// Fields and values of them that the random users have, or nearly.
const POOL: &[(&str, &[&str])] = &[
    ("email", &["a@x.example", "B@Y.example", "none@x.example"]),
    ("email.domain", &["x.example", "Y.EXAMPLE"]),
    (
        "name",
        &["Ann", "ann lee", "Lee", "Ann Lee Roth", "a@x.example", "---", "o neil"],
    ),
    ("nickname", &["a", "ann", "Lee-Ann"]),
    ("given_name", &["Ann", "Zoë"]),
    ("username", &["ann", "Ann"]),
    ("locale", &["de", "DE"]),
    ("address.city", &["Köln", "Bonn"]),
    ("last_ip", &["203.0.113.9", "203.0.113.10"]),
    (
        "user_id",
        &["auth0|1", "auth0|2", "oauth2|my-shop|1", "google-oauth2|2", "twitter|1"],
    ),
    ("identities.user_id", &["1", "2", "my-shop|1"]),
    ("identities.connection", &["google", "my-shop", "oneself"]),
    ("identities.provider", &["google-oauth2", "oauth2", "auth0"]),
    ("identities.profileData.email", &["a@x.example", "l@t.example"]),
    ("identities.profileData.username", &["ann"]),
    ("app_metadata.plan", &["pro", "free", "10", "true"]),
    ("app_metadata.roles", &["admin", "dev"]),
    ("app_metadata.org.name", &["x", "10"]),
    ("app_metadata.n", &["10", "9", "10.0", "-1", "1e1", "true"]),
];

/// Those that are not searched with wildcards or for ranges.
const ONLY_WHOLE: &[(&str, &[&str])] = &[
    ("user_metadata.theme", &["dark", "light"]),
    ("user_metadata.a.b", &["x", "10"]),
    ("email_verified", &["true", "false"]),
    ("blocked", &["true", "false"]),
    ("identities.isSocial", &["true", "false"]),
    ("identities.profileData.email_verified", &["true"]),
];

const ORDERED: &[(&str, &[&str])] = &[
    ("logins_count", &["1", "2", "10"]),
    (
        "created_at",
        &["2027-01-15", "2027-01-16", "2027-01-15T08:00:03Z", "2026-12-31"],
    ),
    (
        "updated_at",
        &["2027-01-15T08:00:02Z", "2027-01-15T08:00:05.500Z", "2027-01-16"],
    ),
    ("last_login", &["2026-01-01", "2026-01-02T03:04:05.006Z", "2026-02-01"]),
];

const EXISTING: &[&str] = &[
    "email",
    "name",
    "user_id",
    "locale",
    "address",
    "identities",
    "identities.profileData",
    "app_metadata",
    "app_metadata.org",
    "user_metadata",
    "user_metadata.a",
    "last_login",
    "logins_count",
    "created_at",
    "nothing",
];

const PATTERNS: &[&str] = &[
    "a*", "An*", "*xam*", "*eth?e*", "l?e", "*eth0*", "auth0|*", "*0|1", "go*", "203.*.9", "*ann*", "K*n", "o*",
    "*auth*2*",
];

type Pool = &'static [(&'static str, &'static [&'static str])];

fn from(pool: Pool) -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(pool).prop_flat_map(|(field, values)| (Just(field), prop::sample::select(values)))
}

fn bound(text: &str, kind: u8) -> Bound<String> {
    match kind {
        0 => Bound::Unbounded,
        1 => Bound::Included(text.to_owned()),
        _ => Bound::Excluded(text.to_owned()),
    }
}

fn range(pool: Pool) -> impl Strategy<Value = Clause> {
    let pick = prop::sample::select(pool)
        .prop_flat_map(|(field, values)| (Just(field), prop::sample::select(values), prop::sample::select(values)));
    (pick, 0..3_u8, 1..3_u8, any::<bool>()).prop_map(|((field, a, b), one, other, turned)| {
        let (one, other) = (bound(a, one), bound(b, other));
        let (from, until) = if turned { (other, one) } else { (one, other) };
        Clause {
            field: Some(field.to_owned()),
            value: Value::Range(from, until),
        }
    })
}

fn pattern(text: &str) -> Value {
    let piece = |c| match c {
        '*' => Piece::Many,
        '?' => Piece::One,
        c => Piece::Char(c),
    };
    Value::Like(Pattern::new(text.chars().map(piece).collect()))
}

fn clause() -> impl Strategy<Value = Clause> {
    let text = |(field, text): (&str, &str)| Clause {
        field: Some(field.to_owned()),
        value: Value::Text(text.to_owned()),
    };
    let bare = |(_, text): (&str, &str)| Clause {
        field: None,
        value: Value::Text(text.to_owned()),
    };
    let like = (from(POOL), prop::sample::select(PATTERNS), any::<u8>()).prop_map(|((field, _), text, n)| Clause {
        field: (n % 5 != 0).then(|| field.to_owned()),
        value: pattern(text),
    });
    let exists = prop::sample::select(EXISTING).prop_map(|field| Clause {
        field: Some(field.to_owned()),
        value: Value::Exists,
    });
    prop_oneof![
        4 => from(POOL).prop_map(text),
        2 => from(ONLY_WHOLE).prop_map(text),
        1 => from(ORDERED).prop_map(text),
        1 => from(POOL).prop_map(bare),
        1 => from(ORDERED).prop_map(bare),
        2 => like,
        2 => range(POOL),
        2 => range(ORDERED),
        1 => exists,
    ]
}

/// A random query.
pub fn syntax() -> impl Strategy<Value = Syntax> {
    (
        prop::collection::vec(clause(), 1..6),
        prop::collection::vec(0..6_u8, 0..6),
    )
        .prop_map(|(clauses, joins)| {
            let mut nodes = Vec::new();
            let mut open = Vec::new();
            for clause in clauses {
                nodes.push(Node::Clause(clause));
                open.push(nodes.len() - 1);
            }
            for join in joins {
                let node = match (join, open.len()) {
                    (0 | 1, _) => Node::Not(open.pop().unwrap()),
                    (_, 1) => break,
                    (2 | 3, _) => Node::And(vec![open.pop().unwrap(), open.pop().unwrap()]),
                    (4, _) => Node::Or(vec![open.pop().unwrap(), open.pop().unwrap()]),
                    (_, _) => Node::Or(std::mem::take(&mut open)),
                };
                nodes.push(node);
                open.insert(0, nodes.len() - 1);
            }
            if open.len() > 1 {
                nodes.push(Node::And(open));
            }
            Syntax(nodes)
        })
}
