//! The cluster proves itself, without a store of ours: plain rows, one at a time.
//!
//! The last test is the counter-test of the others: a cluster that replicates asynchronously
//! must be seen to lose rows. What would surprise: a fault counts as overcome with a row that
//! was begun after it, since answers may still be on their way.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::cluster::{Cluster, Fault};
use super::node::Replication;
use super::programs::Programs;
use super::writers::Writers;

const WRITERS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_row_is_lost_by_a_fault() {
    let Some(programs) = Programs::find() else { return };
    let began = Instant::now();
    let mut cluster = Cluster::start(&programs, Replication::Synchronous).await;
    println!("a cluster after {:.1?}", began.elapsed());
    let writers = Writers::start(&cluster.url(), WRITERS).await;
    for fault in Fault::ALL {
        let beside = writers.start_another(&cluster.url_beside(cluster.primary().await));
        sleep(Duration::from_secs(2)).await;
        let struck = cluster.strike(fault).await;
        let moment = Instant::now();
        let first = writers.first_after(moment).await;
        sleep(Duration::from_secs(1)).await;
        let healing = Instant::now();
        cluster.heal().await;
        println!(
            "{fault:?} of {struck:?}: first row after {first:.1?}, healed in {:.1?}",
            healing.elapsed()
        );
        beside.end().await;
        let (under_way, new) = beside.acknowledged_after(moment);
        println!("beside it {under_way} rows were acknowledged after the fault, of which {new} were new");
        assert_eq!(new, 0, "who was struck acknowledges nothing new");
        assert_eq!(
            beside.lost(&writers).await,
            Vec::<i64>::new(),
            "rows acknowledged beside it were lost"
        );
    }
    writers.end().await;
    assert_eq!(
        writers.lost(&writers).await,
        Vec::<i64>::new(),
        "acknowledged rows were lost"
    );
    println!("{:.1?} in all", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_has_taken_alone_waits_for_that_node() {
    let Some(programs) = Programs::find() else { return };
    let mut cluster = Cluster::start(&programs, Replication::Synchronous).await;
    let writers = Writers::start(&cluster.url(), WRITERS).await;
    let parted = Instant::now();
    cluster.part();
    let waited = writers.first_after(parted + Duration::from_secs(1)).await;
    println!("alone, and writes are taken again after {waited:.1?}");
    cluster.strike(Fault::Kill).await;
    let struck = Instant::now();
    while struck.elapsed() < Duration::from_secs(15) {
        assert_eq!(
            cluster.primary_now().await,
            None,
            "who has not everything is not promoted"
        );
        sleep(Duration::from_millis(100)).await;
    }
    cluster.heal().await;
    writers.end().await;
    assert_eq!(
        writers.lost(&writers).await,
        Vec::<i64>::new(),
        "acknowledged rows were lost"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asynchronous_replication_is_seen_to_lose_rows() {
    let Some(programs) = Programs::find() else { return };
    let mut cluster = Cluster::start(&programs, Replication::Asynchronous).await;
    let writers = Writers::start(&cluster.url(), WRITERS).await;
    writers.replicated().await;
    sleep(Duration::from_secs(1)).await;
    cluster.part();
    writers.first_after(Instant::now()).await;
    cluster.strike(Fault::Kill).await;
    cluster.primary().await;
    writers.end().await;
    assert!(!writers.lost(&writers).await.is_empty(), "nothing was lost");
}
