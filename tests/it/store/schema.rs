//! The shape of SQLite's tables, and what is left of what is deleted from them. What the SQL may
//! say is in `house/profile`.

use super::world::World;
use rusqlite::Connection as Sqlite;

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
