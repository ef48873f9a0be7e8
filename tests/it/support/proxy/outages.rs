//! A network that is slow, that stands still, or that is not there.
//!
//! What would surprise: these tests wait for a moment of real time where nothing may happen, since
//! the proxy knows of no other.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::NoTls;

use super::super::database::connect;
use super::untouched::{by_proxy, kept, kept_in};
use super::{Delay, Faults};

const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn only_commits_wait_where_only_they_are_to() {
    let (database, proxy, client) = by_proxy(1).await;
    let long = Duration::from_secs(3600);
    proxy.set(Faults {
        delay: Some(Delay::Commits(long)),
        ..Faults::default()
    });
    client.batch_execute("BEGIN; INSERT INTO t VALUES (1)").await.unwrap();
    kept(&client).await;
    timeout(SHORT, client.batch_execute("COMMIT")).await.unwrap_err();
    assert!(kept_in(&database).await.is_empty());
    proxy.set(Faults::default());
    assert_eq!(kept(&client).await, [1]);
    proxy.set(Faults {
        delay: Some(Delay::Requests(SHORT)),
        ..Faults::default()
    });
    let begun = std::time::Instant::now();
    client.batch_execute("SELECT 1").await.unwrap();
    assert!(begun.elapsed() >= SHORT);
    assert!(proxy.counts().delayed >= 1);
}

#[tokio::test]
async fn what_was_sent_into_a_stalled_network_arrives_when_its_sender_is_gone() {
    let (database, proxy, client) = by_proxy(1).await;
    proxy.stall();
    let url = proxy.url(&database.url());
    let opening = timeout(SHORT, tokio_postgres::connect(&url, NoTls));
    let sent = timeout(SHORT, client.batch_execute("INSERT INTO t VALUES (1)"));
    let (opening, sent) = tokio::join!(opening, sent);
    assert!(opening.is_err() && sent.is_err());
    drop(client);
    assert!(kept_in(&database).await.is_empty());
    proxy.resume();
    while kept_in(&database).await.is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn all_connections_are_closed_and_new_ones_refused_until_it_is_over() {
    let (database, proxy, client) = by_proxy(1).await;
    let url = proxy.url(&database.url());
    proxy.refuse();
    client.batch_execute("SELECT 1").await.unwrap();
    assert!(tokio_postgres::connect(&url, NoTls).await.is_err());
    let asleep = client.batch_execute("SELECT pg_sleep(600)");
    let cutting = async {
        tokio::task::yield_now().await;
        proxy.cut_all();
    };
    let (asleep, ()) = tokio::join!(asleep, cutting);
    assert!(asleep.unwrap_err().code().is_none());
    proxy.resume();
    kept(&connect(&url).await).await;
    assert_eq!((proxy.counts().connections, proxy.counts().refused), (3, 1));
}
