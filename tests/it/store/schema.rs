//! The shape of SQLite's tables, and what is left of what is deleted from them. What the SQL may
//! say is in `house/profile`.

use std::sync::Arc;

use oneself::clock::{SeededRandom, SystemClock};

use crate::support::kept::Kept;
use crate::support::shape::{Index, shape};

#[tokio::test]
async fn sec_api_17_every_key_column_is_not_null_and_every_key_begins_with_the_tenant() {
    let kept = Kept::new().await;
    let without_tenant = ["meta", "tenants", "key_check", "signing_keys"];
    drop(
        kept.open(Arc::new(SystemClock::default()), Arc::new(SeededRandom::new(7)))
            .await,
    );
    let tables = shape(&kept).await;
    for (name, table) in &tables {
        let first = table.key().first().expect("every key has a column");
        assert!(
            first == "tenant" || without_tenant.contains(&name.as_str()),
            "{name} begins with {first}"
        );
        for (
            index,
            Index {
                columns,
                unique,
                as_bytes,
                ..
            },
        ) in &table.indexes
        {
            let nullable = columns.iter().find(|column| table.columns[*column].nullable);
            assert!(
                nullable.is_none() || !unique,
                "{name}, {index}: a NULL in a unique key lets duplicates in"
            );
            assert!(as_bytes, "{name}, {index}: what is compared is compared as bytes");
        }
    }
    let only_here = if kept.database().is_some() {
        ONLY_IN_POSTGRES.len()
    } else {
        ONLY_IN_SQLITE.len()
    };
    assert_eq!(tables.len(), 26 + only_here);
}

/// A key is in another file than what it is the key of, so its deletion is remembered until it is
/// done.
const ONLY_IN_SQLITE: [&str; 1] = ["key_deletions"];

/// Many write at once: events get their place later, and acts leave a sign that they were kept.
const ONLY_IN_POSTGRES: [&str; 2] = ["acts", "unplaced_events"];

/// Columns of other kinds. A path is a text, and what looks through paths compares bytes.
const OTHER_KINDS: [(&str, &str); 1] = [("terms", "path")];

#[tokio::test]
async fn both_migrations_give_the_same_tables() {
    let in_files = Kept::in_files();
    drop(
        in_files
            .open(Arc::new(SystemClock::default()), Arc::new(SeededRandom::new(7)))
            .await,
    );
    let mut files = shape(&in_files).await;
    let mut database = shape(&Kept::in_database("").await).await;
    for name in ONLY_IN_SQLITE {
        assert!(files.remove(name).is_some(), "{name} is not in SQLite");
    }
    for name in ONLY_IN_POSTGRES {
        assert!(database.remove(name).is_some(), "{name} is not in PostgreSQL");
    }
    for (table, column) in OTHER_KINDS {
        for tables in [&mut files, &mut database] {
            tables.get_mut(table).unwrap().columns.get_mut(column).unwrap().kind = "differs".into();
        }
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
