//! The shape of the tables: what is said of every key, and that both databases have the same. What
//! the SQL may say is in `house/profile`.

use std::collections::BTreeMap;
use std::sync::Arc;

use oneself::clock::{SeededRandom, SystemClock};

use crate::support::kept::Kept;
use crate::support::shape::{Table, shape};

/// The tables of a store that was opened here for the first time.
async fn shape_of(kept: &Kept) -> BTreeMap<String, Table> {
    let (clock, random) = (Arc::new(SystemClock::default()), Arc::new(SeededRandom::new(7)));
    drop(kept.open(clock, random).await);
    shape(kept).await
}

#[tokio::test]
async fn sec_api_17_every_key_column_is_not_null_and_every_key_begins_with_the_tenant() {
    let kept = Kept::new().await;
    let without_tenant = ["meta", "tenants", "key_check", "signing_keys"];
    let tables = shape_of(&kept).await;
    for (name, table) in &tables {
        let first = table.key().first().expect("every key has a column");
        assert!(
            first == "tenant" || without_tenant.contains(&name.as_str()),
            "{name} begins with {first}"
        );
        for (index, described) in &table.indexes {
            let nullable = described.columns.iter().any(|column| table.columns[column].nullable);
            assert!(
                !nullable || !described.unique,
                "{name}, {index}: a NULL in a unique key lets duplicates in"
            );
            assert!(described.whole, "{name}, {index}: every row is in an index");
            assert!(described.as_bytes, "{name}, {index}: it is compared as bytes");
        }
    }
    let only_here = match kept.database() {
        None => ONLY_IN_SQLITE.len(),
        Some(_) => ONLY_IN_POSTGRES.len(),
    };
    assert_eq!(tables.len(), 29 + only_here);
}

/// A key is in another file than what it is the key of, so its deletion is remembered until it is
/// done.
const ONLY_IN_SQLITE: [&str; 1] = ["key_deletions"];

/// Many write at once: events get their place later, and acts leave a sign that they were kept.
const ONLY_IN_POSTGRES: [&str; 2] = ["acts", "unplaced_events"];

#[tokio::test]
async fn both_migrations_give_the_same_tables() {
    let mut files = shape_of(&Kept::in_files()).await;
    let mut database = shape_of(&Kept::in_database("").await).await;
    for name in ONLY_IN_SQLITE {
        assert!(files.remove(name).is_some(), "{name} is not in SQLite");
    }
    for name in ONLY_IN_POSTGRES {
        assert!(database.remove(name).is_some(), "{name} is not in PostgreSQL");
    }
    assert_eq!(
        files.keys().collect::<Vec<_>>(),
        database.keys().collect::<Vec<_>>(),
        "a table is in src/store/sqlite/migrations or src/store/postgres/migrations only"
    );
    for (name, table) in files {
        assert_eq!(table, database[&name], "{name} differs between SQLite and PostgreSQL");
    }
}
