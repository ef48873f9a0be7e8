//! That what a search asks is answered by an index: the plans that SQLite makes for every
//! statement, on the schema as it is.

use rusqlite::Connection;

use crate::store::sql::search::*;
use crate::store::sql::search_order::{CREATED_DOWN, IDS, IDS_DOWN, PRIMARIES, VALUES, VALUES_DOWN};
use crate::store::sql::{search_order, users};

/// What a statement does, step by step.
fn plan(statement: &str) -> String {
    let file = Connection::open_in_memory().unwrap();
    file.execute_batch(include_str!("migrations/0001_data.sql")).unwrap();
    let mut explained = file.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
    let nothing = vec![rusqlite::types::Null; explained.parameter_count()];
    let steps = explained
        .query_map(rusqlite::params_from_iter(nothing), |row| row.get::<_, String>(3))
        .unwrap();
    steps.map(Result::unwrap).collect::<Vec<_>>().join("; ")
}

#[test]
fn what_a_search_asks_is_answered_by_an_index() {
    let by_term = "SEARCH terms USING PRIMARY KEY (tenant=? AND path=? AND value>? AND value<?)";
    let by_creation = "SEARCH users USING COVERING INDEX users_by_creation (tenant=?";
    for (statement, expected) in [
        // E-mail addresses, metadata values, prefixes of them, and whatever else is a term.
        (IN_RANGE, by_term),
        (
            HAS_TERM,
            "SEARCH terms USING PRIMARY KEY (tenant=? AND path=? AND value=? AND user_id=?)",
        ),
        (
            BELOW_PATH,
            "SEARCH terms USING PRIMARY KEY (tenant=? AND path>? AND path<?)",
        ),
        (NEXT_PATH, "SEARCH terms USING PRIMARY KEY (tenant=? AND path>?)"),
        // Identities.
        (
            WITH_SUBJECT,
            "identities_by_key (tenant=? AND connection=? AND issuer=? AND subject=?)",
        ),
        (
            WITH_SUBJECTS,
            "identities_by_key (tenant=? AND connection=? AND issuer=? AND subject>?)",
        ),
        (AT_CONNECTION, "identities_by_key (tenant=? AND connection=?)"),
        (OF_USER, "SEARCH identities USING PRIMARY KEY (tenant=? AND user_id=?)"),
        // Orders, and so pages.
        (CREATED, by_creation),
        (search_order::CREATED, by_creation),
        (CREATED_DOWN, by_creation),
        (IDS, "SEARCH users USING PRIMARY KEY (tenant=?)"),
        (IDS_DOWN, "SEARCH users USING PRIMARY KEY (tenant=?)"),
        (
            VALUES,
            "SEARCH terms USING PRIMARY KEY (tenant=? AND path=? AND value<?)",
        ),
        (
            VALUES_DOWN,
            "SEARCH terms USING PRIMARY KEY (tenant=? AND path=? AND value<?)",
        ),
        // All of a tenant, in the order in which it lies there.
        (
            CHANGES,
            "SEARCH identities USING PRIMARY KEY (tenant=?); SEARCH users USING PRIMARY KEY (tenant=? AND id=?)",
        ),
        (
            PRIMARIES,
            "SEARCH identities USING COVERING INDEX identities_by_key (tenant=?)",
        ),
        (users::COUNT, "SEARCH users USING COVERING INDEX"),
    ] {
        let plan = plan(statement);
        assert!(plan.contains(expected), "{statement}\n{plan}");
        assert!(!plan.contains("SCAN") && !plan.contains("TEMP"), "{statement}\n{plan}");
    }
}

#[test]
fn a_plan_without_an_index_is_seen() {
    assert!(plan("SELECT value FROM terms WHERE user_id = ?1").contains("SCAN"));
    assert!(plan("SELECT id FROM users WHERE tenant = ?1 ORDER BY updated_at").contains("TEMP"));
}
