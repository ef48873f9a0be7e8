//! That a proxy without faults changes nothing.
//!
//! What would surprise: whether messages pass is shown by what a real client understands of them,
//! and not by comparing bytes.

use std::future::poll_fn;
use std::pin::pin;

use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client, NoTls};

use super::super::database::{self, Database, connect};
use super::{Counts, FaultProxy};

/// A database with an empty table, a proxy before it, and a client by way of the proxy.
pub async fn by_proxy(seed: u64) -> (Database, FaultProxy, Client) {
    let database = database::fresh().await;
    let direct = connect(&database.url()).await;
    direct
        .batch_execute("CREATE TABLE t (n int PRIMARY KEY)")
        .await
        .unwrap();
    let proxy = FaultProxy::start(database::address(&database.url()), seed);
    let client = connect(&proxy.url(&database.url())).await;
    (database, proxy, client)
}

/// What is in the table, in order.
pub async fn kept(client: &Client) -> Vec<i32> {
    let rows = client.query("SELECT n FROM t ORDER BY n", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// What the table holds, whatever became of the connection by way of the proxy.
pub async fn kept_in(database: &Database) -> Vec<i32> {
    kept(&connect(&database.url()).await).await
}

#[tokio::test]
async fn statements_errors_and_transactions_pass() {
    let (database, proxy, mut client) = by_proxy(1).await;
    let insert = client.prepare("INSERT INTO t VALUES ($1)").await.unwrap();
    for n in 0..3 {
        assert_eq!(client.execute(&insert, &[&n]).await.unwrap(), 1);
    }
    let again = client.execute(&insert, &[&0]).await.unwrap_err();
    assert_eq!(again.code(), Some(&SqlState::UNIQUE_VIOLATION));
    let transaction = client.transaction().await.unwrap();
    transaction.execute(&insert, &[&3]).await.unwrap();
    let portal = transaction.bind("SELECT n FROM t ORDER BY n", &[]).await.unwrap();
    let first = transaction.query_portal(&portal, 2).await.unwrap();
    let second = transaction.query_portal(&portal, 0).await.unwrap();
    assert_eq!((first.len(), second.len()), (2, 2));
    transaction.rollback().await.unwrap();
    assert_eq!(kept(&client).await, [0, 1, 2]);
    assert_eq!(kept(&connect(&database.url()).await).await, [0, 1, 2]);
    let counts = proxy.counts();
    let nothing_else = Counts {
        connections: 1,
        requests: counts.requests,
        ..Counts::default()
    };
    assert!(counts.requests > 10);
    assert_eq!(counts, nothing_else);
}

#[tokio::test]
async fn requests_that_are_sent_together_are_answered_in_order() {
    let (_database, _proxy, client) = by_proxy(1).await;
    let number = client.prepare("SELECT $1::int, repeat('x', 100000)").await.unwrap();
    let ask = async |n: i32| {
        let row = client.query_one(&number, &[&n]).await?;
        Ok::<i32, tokio_postgres::Error>(row.get(0))
    };
    for n in (0..300).step_by(3) {
        let wrong = client.batch_execute("SELECT wrong");
        let (one, wrong, other) = tokio::join!(ask(n), wrong, ask(n + 1));
        assert_eq!((one.unwrap(), other.unwrap()), (n, n + 1));
        assert_eq!(wrong.unwrap_err().code(), Some(&SqlState::UNDEFINED_COLUMN));
    }
}

#[tokio::test]
async fn rows_are_copied_in_and_out() {
    let (_database, _proxy, client) = by_proxy(1).await;
    for from in [0, 5000] {
        let sink = client.copy_in("COPY t FROM STDIN BINARY").await.unwrap();
        let mut writer = pin!(BinaryCopyInWriter::new(sink, &[Type::INT4]));
        for n in from..from + 5000 {
            writer.as_mut().write(&[&n]).await.unwrap();
        }
        assert_eq!(writer.finish().await.unwrap(), 5000);
    }
    let out = client.copy_out("COPY t TO STDOUT").await.unwrap();
    let out = axum::body::Body::from_stream(out).collect().await.unwrap().to_bytes();
    assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 10_000);
    assert_eq!(kept(&client).await.len(), 10_000);
    let sink = client
        .copy_in::<_, bytes::Bytes>("COPY t FROM STDIN BINARY")
        .await
        .unwrap();
    drop(sink);
    assert_eq!(kept(&client).await.len(), 10_000);
    let transaction = "BEGIN; INSERT INTO t VALUES (-1); COMMIT";
    client.batch_execute(transaction).await.unwrap();
    assert_eq!(kept(&client).await.len(), 10_001);
}

#[tokio::test]
async fn notices_and_notifications_come_through() {
    let (database, proxy, _client) = by_proxy(1).await;
    let url = proxy.url(&database.url());
    let (client, mut connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    let (heard, mut messages) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            let _ = heard.send(message);
        }
    });
    let told = "DROP TABLE IF EXISTS absent; LISTEN news; NOTIFY news, 'x'";
    client.batch_execute(told).await.unwrap();
    let Some(AsyncMessage::Notice(notice)) = messages.recv().await else {
        panic!("no notice");
    };
    assert!(notice.message().contains("absent"), "{notice}");
    let Some(AsyncMessage::Notification(news)) = messages.recv().await else {
        panic!("no notification");
    };
    assert_eq!(news.payload(), "x");
}

#[tokio::test]
async fn a_statement_is_cancelled_by_way_of_the_proxy() {
    let (_database, _proxy, client) = by_proxy(1).await;
    let token = client.cancel_token();
    let mut asleep = pin!(client.batch_execute("SELECT pg_sleep(600)"));
    let cancelled = loop {
        tokio::select! {
            ended = &mut asleep => break ended.unwrap_err(),
            asked = token.cancel_query(NoTls) => asked.unwrap(),
        }
    };
    assert_eq!(cancelled.code(), Some(&SqlState::QUERY_CANCELED));
}
