//! What is in the files after extremes (API-16).

use rusqlite::{Connection, OpenFlags};
use serde_json::json;

use crate::support::people::Side;
use crate::support::server::TestServer;

#[tokio::test]
async fn sec_api_16_no_number_becomes_another_kind() {
    let server = TestServer::start().await;
    let side = Side::new(&server, "acme").await;
    let person = side.person("ines").await;
    let path = format!("/link/v1/users/{}/identities", person.core);
    for (n, life) in [0, -1, i64::MIN, i64::MAX, 253_402_300_799, 1].into_iter().enumerate() {
        let body = json!({"connection": "twitter", "subject": n.to_string(),
            "tokens": {"access_token": "t", "expires_in": life}});
        side.client.post(&path, body).await.expect(201);
    }
    let numbers =
        json!({"user_metadata": {"max": u64::MAX, "min": i64::MIN, "far": 1e308, "small": 5e-324, "zero": 0}});
    side.client.patch(&person.path(), numbers.clone()).await.expect(200);
    let kept = side.client.get(&person.path()).await.expect(200).json();
    assert_eq!(kept["user_metadata"], numbers["user_metadata"]);
    side.log_in(&server, &person).await;
    server
        .app
        .set_settings("acme", &[("link_with_max_age".to_owned(), "60".to_owned())])
        .await
        .unwrap();
    for huge in ["9223372036854775808", "99999999999999999999", "-1", "1.5"] {
        let set = [("link_with_max_age".to_owned(), huge.to_owned())];
        assert!(server.app.set_settings("acme", &set).await.is_err(), "{huge}");
    }

    // What has ended is kept as that, and nothing is believed for longer than ten years.
    let shown = side.client.get(&person.path()).await.expect(200).json();
    for (identity, wanted) in
        shown["identities"].as_array().unwrap()[1..]
            .iter()
            .zip([0, 0, 0, 315_360_000, 315_360_000, 1])
    {
        assert_eq!(identity["expires_in"], wanted, "{identity}");
    }

    let mut columns = 0;
    for file in ["data.db", "keys.db"] {
        let path = server.directory.path().join(file);
        let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let sql = "SELECT t.name, c.name, c.type FROM pragma_table_list AS t, pragma_table_info(t.name) AS c
                   WHERE t.type = 'table' AND t.schema = 'main' AND t.name NOT LIKE 'sqlite_%'";
        let mut statement = file.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| {
            let text = |n| row.get::<_, String>(n);
            Ok((text(0)?, text(1)?, text(2)?))
        });
        for (table, column, declared) in rows.unwrap().map(Result::unwrap) {
            let sql = format!(
                "SELECT count(*) FROM {table} WHERE typeof({column}) NOT IN ('null', '{}')",
                declared.to_lowercase()
            );
            let others: i64 = file.query_row(&sql, [], |row| row.get(0)).unwrap();
            assert_eq!(others, 0, "{table}.{column} is not always {declared}");
            assert_ne!(declared, "REAL", "{table}.{column}");
            columns += 1;
        }
    }
    assert!(columns > 80, "{columns}");
}
