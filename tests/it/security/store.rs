//! What is kept after extremes (API-16).

use serde_json::json;

use crate::support::people::Side;
use crate::support::server::TestServer;
use crate::support::shape::{Column, shape};

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

    let kept = &server.directory;
    let mut columns = 0;
    for (name, table) in shape(kept).await {
        for (column, Column { kind, .. }) in table.columns {
            let declared = match kind.as_str() {
                "number" => "integer",
                "bytes" => "blob",
                "text" => "text",
                other => panic!("{name}.{column} is {other}"),
            };
            columns += 1;
            // In PostgreSQL a column has one kind, whatever is put in.
            if kept.database().is_none() {
                let sql = format!("SELECT count(*) FROM {name} WHERE typeof({column}) NOT IN ('null', '{declared}')");
                assert_eq!(kept.number(&sql).await, 0, "{name}.{column} is not always {declared}");
            }
        }
    }
    assert!(columns > 80, "{columns}");
}
