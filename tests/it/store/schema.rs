//! The shape of the tables, and that the SQL keeps to what other engines can keep too.

use std::sync::Arc;

use oneself::clock::{SeededRandom, SystemClock};

use crate::support::kept::Kept;
use crate::support::shape::{Index, shape};

/// What the portable profile has no place for, in migrations and statements.
const REFUSED: [&str; 22] = [
    "AUTOINCREMENT",
    "TRIGGER",
    "TEMP",
    "TEMPORARY",
    "REFERENCES",
    "FOREIGN",
    "GENERATED",
    "VIRTUAL",
    "ROWID",
    "JSON",
    "JSON_EXTRACT",
    "REPLACE",
    "IGNORE",
    "GLOB",
    "REGEXP",
    "COLLATE",
    "NOCASE",
    "JULIANDAY",
    "STRFTIME",
    "DATETIME",
    "LAST_INSERT_ROWID",
    "RANDOMBLOB",
];

fn words(sql: &str) -> Vec<String> {
    let code = sql.lines().map(|line| line.split("--").next().unwrap_or_default());
    let code = code.collect::<Vec<_>>().join("\n");
    // How a table is laid out, and that text is compared as bytes, which is how every engine
    // compares that has no other way.
    let code = code.replace("WITHOUT ROWID", "").replace("COLLATE \"C\"", "");
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_uppercase)
        .collect()
}

fn outside_the_profile(sql: &str) -> Option<String> {
    let words = words(sql);
    let refused = words.iter().find(|word| REFUSED.contains(&word.as_str()));
    if refused.is_some() {
        return refused.cloned();
    }
    let partial = sql.to_uppercase().split(';').any(|statement| {
        let words = self::words(statement);
        words.contains(&"INDEX".into()) && words.contains(&"WHERE".into())
    });
    partial.then(|| "a partial index".into())
}

/// Every text in a source file that begins like a statement. Comments are passed over; no
/// statement holds a quotation mark.
fn statements(source: &str) -> Vec<String> {
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    let texts = code.split('"').skip(1).step_by(2);
    texts
        .filter(|text| {
            let first = words(text).into_iter().next().unwrap_or_default();
            ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP"].contains(&first.as_str())
        })
        .map(str::to_owned)
        .collect()
}

/// The files of a folder, if there is such a folder.
fn files_of(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries
        .map(|entry| entry.unwrap().path().display().to_string())
        .collect()
}

#[test]
fn all_sql_keeps_to_the_portable_profile() {
    let mut texts = Vec::new();
    for folder in ["sql", "sqlite", "postgres"] {
        let folder = format!("{}/src/store/{folder}", env!("CARGO_MANIFEST_DIR"));
        for path in files_of(&folder).into_iter().filter(|path| path.ends_with(".rs")) {
            texts.extend(statements(&std::fs::read_to_string(&path).unwrap()));
        }
        for migration in files_of(&format!("{folder}/migrations")) {
            texts.push(std::fs::read_to_string(&migration).unwrap());
        }
    }
    assert!(texts.len() > 150, "only {} statements were found", texts.len());
    for text in texts {
        assert_eq!(outside_the_profile(&text), None, "in: {text}");
    }
}

#[test]
fn the_profile_refuses_what_is_outside_it() {
    for sql in [
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)",
        "CREATE UNIQUE INDEX i ON t (a) WHERE b IS NULL",
        "SELECT json_extract(profile, '$.email') FROM users",
        "INSERT OR REPLACE INTO t VALUES (1)",
    ] {
        assert!(outside_the_profile(sql).is_some(), "{sql}");
    }
}

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
