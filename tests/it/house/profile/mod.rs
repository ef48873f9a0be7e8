//! The portable profile: every statement and migration of the store is read from the sources,
//! parsed, and refused when it is outside of what engines have in common that speak PostgreSQL's
//! protocol and spread over many machines.
//!
//! `texts` finds the statements and `names` puts them together; `rules` and `schema` have the profile,
//! and `tenant` looks for the tenant in them.
//! What would surprise: nothing is excused by being unreadable. A statement that cannot be put
//! together or parsed fails, and one that crosses tenants must stand in a list here.

mod citus;
mod names;
mod refused;
mod rules;
mod schema;
mod tenant;
mod texts;

use self::rules::{Place, refusals};
use self::texts::Text;

/// Statements that go over the rows of all tenants, and why they may. Each is named by how it
/// begins.
const ACROSS_TENANTS: [(&str, &str); 12] = [
    (
        "SELECT 1 FROM web_origins WHERE origin",
        "a browser asks before anybody has said whose client it is",
    ),
    ("UPDATE jobs SET leased_until = 0", "nobody works yet"),
    ("DELETE FROM job_parts", "a restored backup has no jobs"),
    ("DELETE FROM jobs", "a restored backup has no jobs"),
    (
        "SELECT tenant, id, leased_until, created_at FROM jobs WHERE status",
        "the next job of all, by the runner",
    ),
    ("SELECT tenant, id FROM jobs WHERE status", "housekeeping"),
    ("DELETE FROM spent_proofs WHERE ends_at", "housekeeping"),
    ("DELETE FROM erased_identities WHERE ends_at", "housekeeping"),
    ("DELETE FROM once_keys WHERE ends_at", "housekeeping"),
    ("DELETE FROM opaque_tokens WHERE ends_at", "housekeeping"),
    ("DELETE FROM opaque_tokens", "a restored backup has none"),
    ("DELETE FROM acts WHERE at", "housekeeping"),
];

/// Where everything is looked through or copied, beside what servers do.
const GO_THROUGH_ALL: [&str; 3] = [
    "src/store/inspect/",
    "src/store/transfer/",
    "src/store/postgres/destination.rs",
];

fn place_of(text: &Text) -> Place {
    match text.file.as_str() {
        "src/store/postgres/connect.rs" => Place::Session,
        "src/store/postgres/citus.rs" => Place::Citus,
        file if file.starts_with("src/store/sqlite/") => Place::SqliteStatement,
        _ => Place::Statement,
    }
}

fn read() -> Vec<Text> {
    let (texts, unreadable) = texts::all();
    super::none(
        &unreadable,
        "Statements are literals, or made of literals by concat!, format! with names, or a macro of one arm, so that \
         tests/it/house/profile can read them. A value that a format! fills in has a row in FILLED_IN.",
    );
    assert!(texts.len() > 150, "only {} statements were found", texts.len());
    texts
}

/// The steps of the migrations in a folder.
fn steps(folder: &str) -> Vec<Text> {
    let mut steps = Vec::new();
    for path in super::files_below(folder, "sql") {
        let migration = std::fs::read_to_string(&path).unwrap();
        steps.extend(oneself::store::postgres::steps(&migration).into_iter().map(|sql| Text {
            file: super::named(&path),
            sql,
            is_run: true,
        }));
    }
    assert!(steps.len() > 30, "only {} steps were found in {folder}", steps.len());
    steps
}

#[test]
fn every_statement_keeps_to_the_portable_profile() {
    let mut all: Vec<(Place, Text)> = read().into_iter().map(|text| (place_of(&text), text)).collect();
    for (folder, place) in [
        ("src/store/postgres/migrations", Place::Migration),
        ("src/store/sqlite/migrations", Place::SqliteMigration),
    ] {
        all.extend(steps(folder).into_iter().map(|text| (place, text)));
    }
    let mut complaints = Vec::new();
    for (place, text) in all {
        for why in refusals(&text.sql, place) {
            complaints.push(format!("{}: {why}, in: {}", text.file, text.sql));
        }
    }
    super::none(
        &complaints,
        "Say it with what the portable profile has (tests/it/house/profile/rules.rs): the same \
         statements run on engines that have no more than that.",
    );
}

#[test]
fn every_statement_names_its_tenant_by_equality() {
    let mut complaints = Vec::new();
    let mut across: Vec<&str> = Vec::new();
    for text in read() {
        if place_of(&text) != Place::Statement || GO_THROUGH_ALL.iter().any(|place| text.file.starts_with(place)) {
            continue;
        }
        let loose = tenant::unbound(&text.sql);
        if loose.is_empty() {
            continue;
        }
        match ACROSS_TENANTS.iter().find(|(begins, _)| text.sql.starts_with(begins)) {
            Some((begins, _)) => across.push(begins),
            None => complaints.push(format!("{}: {} in: {}", text.file, loose.join(", "), text.sql)),
        }
    }
    for (begins, why) in ACROSS_TENANTS {
        if !across.contains(&begins) || why.is_empty() {
            complaints.push(format!("no statement across tenants begins any more with: {begins}"));
        }
    }
    super::none(
        &complaints,
        "Every table of tenants' rows is bound by tenant = ?1, so that an engine that spreads by tenant sends the \
         statement to one shard. What must go over all tenants has a row in ACROSS_TENANTS.",
    );
}
