//! How many statements and commits links cost, as the database itself counts them.

use std::thread;

use super::{Servers, Turns, account, make_user, wait};
use crate::blackbox::http::Client;
use crate::support::database;

/// How many clients link at once.
const CLIENTS: usize = 64;

/// How many links they make.
const LINKS: usize = 3_000;

#[test]
fn links_of_64_clients_share_statements_and_commits() {
    let servers = Servers::start(1);
    let server = &servers.servers[0];
    let mut client = server.client();
    let token = server.token();
    let users: Vec<String> = (0..CLIENTS)
        .map(|n| {
            let user = make_user(&mut client);
            let path = format!("/link/v1/users/{user}/identities");
            // So that she has a key.
            client.post(&path, &account(&format!("first-{n}"))).unwrap().expect(201);
            user
        })
        .collect();
    client.get("/link/v1/events?limit=1").unwrap().expect(200);
    let (statements, commits) = counts(&servers);
    let turns = Turns::default();
    thread::scope(|scope| {
        for user in &users {
            let (turns, token) = (turns.clone(), &token);
            scope.spawn(move || {
                let mut client = Client::connect(server.address(), token).unwrap();
                let path = format!("/link/v1/users/{user}/identities");
                while let Some(turn) = turns.next(LINKS) {
                    client
                        .post(&path, &account(&format!("account-{turn}")))
                        .unwrap()
                        .expect(201);
                }
            });
        }
    });
    let after = counts(&servers);
    let each = |count: i64| count as f64 / LINKS as f64;
    let (statements, commits) = (each(after.0 - statements), each(after.1 - commits));
    println!("{statements:.3} statements and {commits:.3} commits for each link");
    assert!(statements <= 1.0, "{statements} statements for each link");
    assert!(commits <= 0.5, "{commits} commits for each link");
}

/// Statements of our servers, and commits, since the database was made.
fn counts(servers: &Servers) -> (i64, i64) {
    wait(async {
        let client = database::connect(&servers.database.url()).await;
        let make = "CREATE EXTENSION IF NOT EXISTS pg_stat_statements";
        client.batch_execute(make).await.unwrap();
        // What was committed lately is counted when its session tells, which it does once a second.
        tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
        let row = client
            .query_one(
                "SELECT CAST((SELECT sum(calls) FROM pg_stat_statements WHERE dbid = d.oid) AS bigint),
                    pg_stat_get_db_xact_commit(d.oid)
                 FROM pg_database AS d WHERE d.datname = current_database()",
                &[],
            )
            .await
            .unwrap();
        (row.get(0), row.get(1))
    })
}
