//! That each fault does what it says, and leaves alone what it does not strike.
//!
//! What would surprise: an answer that was swallowed and a request that was cut look the same to
//! the client; only the table tells them apart.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::super::database::connect;
use super::untouched::{by_proxy, kept, kept_in};
use super::{Failing, FaultProxy, Faults};

async fn insert(client: &Client, n: i32) -> Result<(), Option<SqlState>> {
    let inserted = client.execute("INSERT INTO t VALUES ($1)", &[&n]).await;
    inserted.map(drop).map_err(|error| error.code().cloned())
}

fn collision() -> Option<SqlState> {
    Some(SqlState::T_R_SERIALIZATION_FAILURE)
}

#[tokio::test]
async fn a_request_that_is_cut_has_not_reached_the_server() {
    let (database, proxy, client) = by_proxy(1).await;
    proxy.set(Faults {
        cut: 1.0,
        ..Faults::default()
    });
    let cut = client.batch_execute("INSERT INTO t VALUES (1)").await.unwrap_err();
    assert!(cut.code().is_none(), "{cut}");
    assert!(client.is_closed());
    assert!(kept_in(&database).await.is_empty());
    assert_eq!(proxy.counts().cut, 1);
}

#[tokio::test]
async fn a_commit_whose_answer_is_swallowed_has_happened() {
    let (database, proxy, mut client) = by_proxy(1).await;
    let swallowing = Faults {
        swallow_commit_answer: 1.0,
        ..Faults::default()
    };
    proxy.set(swallowing);
    kept(&client).await;
    assert_eq!(insert(&client, 1).await, Err(None));
    assert_eq!(kept_in(&database).await, [1]);

    client = connect(&proxy.url(&database.url())).await;
    let transaction = client.transaction().await.unwrap();
    transaction.execute("INSERT INTO t VALUES (2)", &[]).await.unwrap();
    assert!(transaction.commit().await.unwrap_err().code().is_none());
    assert_eq!(kept_in(&database).await, [1, 2]);

    client = connect(&proxy.url(&database.url())).await;
    client.batch_execute("INSERT INTO t VALUES (3)").await.unwrap_err();
    assert_eq!(kept_in(&database).await, [1, 2, 3]);

    client = connect(&proxy.url(&database.url())).await;
    let transaction = client.transaction().await.unwrap();
    transaction.execute("INSERT INTO t VALUES (4)", &[]).await.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!(kept(&client).await, [1, 2, 3]);
    assert_eq!(proxy.counts().swallowed, 3);
}

#[tokio::test]
async fn nothing_goes_out_behind_an_answer_that_is_swallowed() {
    let (database, proxy, client) = by_proxy(1).await;
    let statement = client.prepare("INSERT INTO t VALUES ($1)").await.unwrap();
    proxy.set(Faults {
        swallow_commit_answer: 1.0,
        at_most: 1,
        ..Faults::default()
    });
    let (read, first, second) = tokio::join!(
        client.query("SELECT", &[]),
        client.execute(&statement, &[&1]),
        client.execute(&statement, &[&2]),
    );
    assert!(first.is_err() && second.is_err());
    drop(read);
    assert_eq!(kept_in(&database).await, [1]);
    let again = connect(&proxy.url(&database.url())).await;
    insert(&again, 2).await.unwrap();
    assert_eq!(proxy.counts().swallowed, 1);
}

#[tokio::test]
async fn rows_that_were_copied_in_are_swallowed_too() {
    let (database, proxy, client) = by_proxy(1).await;
    proxy.set(Faults {
        swallow_commit_answer: 1.0,
        ..Faults::default()
    });
    let sink = client.copy_in("COPY t FROM STDIN BINARY").await.unwrap();
    let types = [tokio_postgres::types::Type::INT4];
    let mut writer = std::pin::pin!(tokio_postgres::binary_copy::BinaryCopyInWriter::new(sink, &types));
    writer.as_mut().write(&[&1]).await.unwrap();
    writer.finish().await.unwrap_err();
    assert_eq!(kept_in(&database).await, [1]);
    assert_eq!(proxy.counts().swallowed, 1);
}

#[tokio::test]
async fn a_statement_that_collides_has_written_nothing() {
    let (database, proxy, client) = by_proxy(1).await;
    let colliding = Faults {
        serialization_failure: 1.0,
        ..Faults::default()
    };
    proxy.set(colliding);
    assert_eq!(insert(&client, 1).await, Err(collision()));
    let error = client.batch_execute("INSERT INTO t VALUES (2)").await.unwrap_err();
    assert_eq!(error.code().cloned(), collision());
    client.batch_execute("SET lock_timeout = 1").await.unwrap();
    let statement = client.prepare("INSERT INTO t VALUES ($1)").await.unwrap();
    proxy.set(Faults::default());
    client.execute(&statement, &[&3]).await.unwrap();
    assert_eq!(kept_in(&database).await, [3]);
    assert_eq!(proxy.counts().serialization_failures, 2);
}

#[tokio::test]
async fn a_disk_that_is_full_takes_no_writes_and_answers_reads() {
    let (database, proxy, mut client) = by_proxy(1).await;
    insert(&client, 1).await.unwrap();
    proxy.set(Faults {
        disk_full: 1.0,
        ..Faults::default()
    });
    assert_eq!(insert(&client, 2).await, Err(Some(SqlState::DISK_FULL)));
    let transaction = client.transaction().await.unwrap();
    let full = transaction.execute("INSERT INTO t VALUES (3)", &[]).await.unwrap_err();
    assert_eq!(full.code(), Some(&SqlState::DISK_FULL));
    transaction.rollback().await.unwrap();
    assert_eq!(kept(&client).await, [1]);
    proxy.set(Faults::default());
    insert(&client, 4).await.unwrap();
    assert_eq!(kept_in(&database).await, [1, 4]);
    assert_eq!(proxy.counts().full, 2);
}

#[tokio::test]
async fn a_transaction_that_collides_is_over_after_its_rollback() {
    let (database, proxy, mut client) = by_proxy(1).await;
    let transaction = client.transaction().await.unwrap();
    transaction.execute("INSERT INTO t VALUES (1)", &[]).await.unwrap();
    proxy.set(Faults {
        serialization_failure: 1.0,
        at_most: 1,
        ..Faults::default()
    });
    let statement = transaction.prepare("INSERT INTO t VALUES ($1)").await.unwrap();
    let collided = transaction.execute(&statement, &[&2]).await.unwrap_err();
    assert_eq!(collided.code().cloned(), collision());
    let later = transaction.execute(&statement, &[&3]).await.unwrap_err();
    assert_eq!(later.code(), Some(&SqlState::IN_FAILED_SQL_TRANSACTION));
    transaction.rollback().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    transaction.execute(&statement, &[&4]).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(kept_in(&database).await, [4]);
    assert_eq!(proxy.counts().serialization_failures, 1);
}

#[tokio::test]
async fn a_commit_that_collides_leaves_no_transaction() {
    let (database, proxy, mut client) = by_proxy(1).await;
    proxy.set(Faults {
        serialization_failure: 1.0,
        failing: Failing::Commit,
        at_most: 1,
        ..Faults::default()
    });
    let transaction = client.transaction().await.unwrap();
    transaction.execute("INSERT INTO t VALUES (1)", &[]).await.unwrap();
    let collided = transaction.commit().await.unwrap_err();
    assert_eq!(collided.code().cloned(), collision());
    insert(&client, 2).await.unwrap();
    assert_eq!(kept_in(&database).await, [2]);
    assert_eq!(proxy.counts().serialization_failures, 1);
}

#[tokio::test]
async fn what_was_sent_behind_a_collision_meets_a_failed_transaction() {
    let (database, proxy, client) = by_proxy(1).await;
    let statement = client.prepare("INSERT INTO t VALUES ($1)").await.unwrap();
    proxy.set(Faults {
        serialization_failure: 1.0,
        failing: Failing::FirstStatement,
        at_most: 1,
        ..Faults::default()
    });
    let (begun, first, second, ended, after) = tokio::join!(
        client.batch_execute("BEGIN"),
        client.execute(&statement, &[&1]),
        client.execute(&statement, &[&2]),
        client.batch_execute("COMMIT"),
        client.execute(&statement, &[&3]),
    );
    begun.unwrap();
    assert_eq!(first.unwrap_err().code().cloned(), collision());
    let failed = Some(&SqlState::IN_FAILED_SQL_TRANSACTION);
    assert_eq!(second.unwrap_err().code(), failed);
    ended.unwrap();
    after.unwrap();
    assert_eq!(kept_in(&database).await, [3]);
}

/// Which of so many transactions, of two statements each, are told to try again.
async fn collided(proxy: &FaultProxy, client: &mut Client, transactions: i32) -> Vec<i32> {
    let mut collided = Vec::new();
    for n in 0..transactions {
        let transaction = client.transaction().await.unwrap();
        let one = async {
            transaction.execute("INSERT INTO t VALUES ($1)", &[&n]).await?;
            transaction.execute("DELETE FROM t WHERE n = $1", &[&n]).await?;
            transaction.commit().await
        };
        if let Err(error) = one.await {
            assert_eq!(error.code().cloned(), collision());
            collided.push(n);
            client.batch_execute("ROLLBACK").await.unwrap();
        }
    }
    assert_eq!(proxy.counts().serialization_failures, collided.len() as u64);
    collided
}

#[tokio::test]
async fn so_many_of_a_hundred_transactions_collide_and_the_same_for_the_same_seed() {
    let mut all = Vec::new();
    for seed in [7, 7, 8] {
        let (_database, proxy, mut client) = by_proxy(seed).await;
        proxy.set(Faults {
            serialization_failure: 0.2,
            failing: Failing::Either,
            ..Faults::default()
        });
        all.push(collided(&proxy, &mut client, 100).await);
    }
    assert!(all.iter().all(|collided| (8..33).contains(&collided.len())), "{all:?}");
    assert_eq!(all[0], all[1]);
    assert_ne!(all[0], all[2]);
}

#[tokio::test]
async fn of_everything_at_once_the_counts_tell_what_was_kept() {
    let (database, proxy, _client) = by_proxy(3).await;
    proxy.set(Faults {
        cut: 0.05,
        swallow_commit_answer: 0.2,
        serialization_failure: 0.2,
        ..Faults::default()
    });
    let url = proxy.url(&database.url());
    let mut working = tokio::task::JoinSet::new();
    for worker in 0..8 {
        let url = url.clone();
        working.spawn(async move {
            let mut client = connect(&url).await;
            let mut answers = Vec::new();
            for n in worker * 100..worker * 100 + 50 {
                if client.is_closed() {
                    client = connect(&url).await;
                }
                answers.push((n, insert(&client, n).await));
            }
            answers
        });
    }
    let answers = working.join_all().await.concat();
    let kept = kept_in(&database).await;
    let number =
        |asked: &Result<(), Option<SqlState>>| answers.iter().filter(|(_, answer)| answer == asked).count() as u64;
    for (n, answer) in &answers {
        assert!(answer.is_err() || kept.contains(n), "{n} is lost");
        assert!(*answer != Err(collision()) || !kept.contains(n), "{n} was refused");
    }
    let counts = proxy.counts();
    assert_eq!(kept.len() as u64, number(&Ok(())) + counts.swallowed);
    assert_eq!(number(&Err(collision())), counts.serialization_failures);
    assert!(number(&Err(None)) <= counts.swallowed + counts.cut, "{counts:?}");
    assert!(
        counts.cut > 0 && counts.swallowed > 0 && counts.serialization_failures > 0,
        "{counts:?}"
    );
}
