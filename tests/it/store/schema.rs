//! The shape of the tables, and that the SQL keeps to what other engines can keep too.

use super::world::World;
use rusqlite::Connection as Sqlite;

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
    let code = code.collect::<Vec<_>>().join("\n").replace("WITHOUT ROWID", "");
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

#[test]
fn all_sql_keeps_to_the_portable_profile() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/sqlite");
    let mut texts = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            texts.extend(statements(&std::fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(texts.len() > 50, "only {} statements were found", texts.len());
    for migration in std::fs::read_dir(format!("{folder}/migrations")).unwrap() {
        texts.push(std::fs::read_to_string(migration.unwrap().path()).unwrap());
    }
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
    let w = World::new().await;
    let without_tenant = ["meta", "tenants", "key_check", "signing_keys"];
    let mut tables = 0;
    for file in ["data.db", "keys.db"] {
        let file = Sqlite::open(w.kept.path().join(file)).unwrap();
        let texts = |sql: &str| -> Vec<String> {
            let mut statement = file.prepare(sql).unwrap();
            let rows = statement.query_map([], |row| row.get(0)).unwrap();
            rows.map(Result::unwrap).collect()
        };
        let unstrict = texts("SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0");
        assert_eq!(
            unstrict.iter().filter(|name| !name.starts_with("sqlite_")).count(),
            0,
            "{unstrict:?}"
        );
        for table in texts("SELECT name FROM sqlite_schema WHERE type = 'table'") {
            tables += 1;
            let nullable = texts(&format!(
                "SELECT name FROM pragma_table_info('{table}') WHERE pk > 0 AND \"notnull\" = 0"
            ));
            assert_eq!(nullable, [""; 0], "{table}");
            let key = texts(&format!(
                "SELECT name FROM pragma_table_info('{table}') WHERE pk > 0 ORDER BY pk"
            ));
            let first = key.first().expect("every table has a key");
            assert!(
                first == "tenant" || without_tenant.contains(&table.as_str()),
                "{table} begins with {first}"
            );
            let unique = texts(&format!(
                "SELECT i.name FROM pragma_index_list('{table}') AS l, pragma_index_info(l.name) AS i,
                 pragma_table_info('{table}') AS c WHERE l.\"unique\" = 1 AND c.name = i.name AND c.\"notnull\" = 0"
            ));
            assert_eq!(unique, [""; 0], "{table}: a NULL in a unique key lets duplicates in");
        }
        let mode: String = file.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal");
    }
    assert_eq!(tables, 27);
}

#[tokio::test]
async fn sec_vlt_05_what_is_deleted_is_overwritten() {
    let w = World::new().await;
    let user = w.make_user().await;
    let mut identity = w.identity(&w.twitter, "1");
    identity.tokens = Some(oneself::secret::Sealed::from_bytes(vec![0xA5; 400]));
    let identity = w.attach(user, identity).await;
    let canary = [0xA5; 64];
    let seen = |dir: &std::path::Path| {
        let bytes = std::fs::read(dir.join("data.db")).unwrap();
        bytes.windows(canary.len()).any(|window| window == canary)
    };
    let w = w.reopened().await;
    assert!(seen(w.kept.path()), "the test can see it while it is there");
    let unlink = oneself::store::Unlink {
        force: true,
        ..w.unlink_of(&identity).await
    };
    w.store.unlink(w.tenant, unlink).await.unwrap();
    let w = w.reopened().await;
    assert!(!seen(w.kept.path()));
}
