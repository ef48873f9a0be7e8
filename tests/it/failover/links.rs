//! Three servers of ours under load, and ten times their database fails.
//!
//! What would surprise: every link counts that was acknowledged at any time, so those that a
//! node took alone while the other was away count as well.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::sleep;

use super::cluster::{Cluster, Fault};
use super::linkers::{Door, Link, Linkers};
use super::node::Replication;
use super::programs::Programs;
use crate::blackbox::server::{Installation, Server};
use crate::blackbox::state::pages;

const SERVERS: usize = 3;
const LINKERS: usize = 16;
const FAULTS: usize = 10;

/// Accounts of which more than one row says whose they are. The index that forbids it might be
/// what is broken, so it is not used.
const TWICE: &str = "SELECT connection, issuer, subject FROM oneself.identities
    GROUP BY tenant, connection, issuer, subject HAVING count(*) > 1";

const LINKED: &str = "SELECT count(*) FROM oneself.identities WHERE subject LIKE 'link-%' OR subject LIKE 'both-%'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_link_is_lost_by_a_fail_over() {
    let Some(programs) = Programs::find() else { return };
    let began = Instant::now();
    let mut cluster = Cluster::start(&programs, Replication::Synchronous).await;
    let installation = Installation::in_database(&cluster.url());
    let servers: Vec<Server> = (0..SERVERS).map(|_| installation.serve()).collect();
    let doors: Vec<Door> = servers.iter().map(Door::of).collect();
    println!("{SERVERS} servers after {:.1?}", began.elapsed());
    let linkers = Linkers::start(&doors, LINKERS);
    for (number, fault) in (1..=FAULTS).zip(Fault::ALL.into_iter().cycle()) {
        sleep(Duration::from_secs(2)).await;
        let struck = cluster.strike(fault).await;
        let moment = Instant::now();
        let promoted = async {
            cluster.primary().await;
            moment.elapsed()
        };
        let (promoted, first) = tokio::join!(promoted, linkers.first_after(moment));
        sleep(Duration::from_secs(1)).await;
        let healing = Instant::now();
        cluster.heal().await;
        println!(
            "{number}. {fault:?} of {struck:?}: another primary after {promoted:.1?}, first new link after {first:.1?}, \
             healed in {:.1?}",
            healing.elapsed()
        );
    }
    let links = linkers.end();
    all_are_there(&doors, &links);
    each_has_one_event(&cluster, &doors[0], &links).await;
    println!("{:.1?} in all", began.elapsed());
}

/// Looks for each with a request, by as many clients as linked them.
fn all_are_there(doors: &[Door], links: &[Link]) {
    let share = links.len().div_ceil(LINKERS).max(1);
    let lost: Vec<Link> = std::thread::scope(|scope| {
        let search = |(door, links)| scope.spawn(move || lost(door, links));
        let searches: Vec<_> = doors.iter().cycle().zip(links.chunks(share)).map(search).collect();
        searches.into_iter().flat_map(|search| search.join().unwrap()).collect()
    });
    assert!(
        lost.is_empty(),
        "{} of {} links lost: {lost:#?}",
        lost.len(),
        links.len()
    );
}

fn lost(door: &Door, links: &[Link]) -> Vec<Link> {
    let mut client = door.open().unwrap();
    let mut is_lost = |link: &&Link| {
        let path = format!("/link/v1/identities/twitter/{}", link.subject);
        let answer = client.get(&path).unwrap();
        answer.status != 200 || answer.body["id"] != link.user.as_str()
    };
    links.iter().filter(|link| is_lost(link)).cloned().collect()
}

/// No account has two owners, and the events tell of each link once: of those that were
/// acknowledged, and of as many as there are.
async fn each_has_one_event(cluster: &Cluster, door: &Door, links: &[Link]) {
    let database = cluster.client().await;
    database
        .batch_execute("SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off")
        .await
        .unwrap();
    let twice = database.query(TWICE, &[]).await.unwrap();
    assert!(twice.is_empty(), "accounts with two owners: {twice:?}");
    let there: i64 = database.query_one(LINKED, &[]).await.unwrap().get(0);
    let mut told: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for event in pages(&mut door.open().unwrap(), "/link/v1/events", "events") {
        if event["type"] == "identity.linked" {
            let identity = event["identity"].as_str().unwrap().to_owned();
            told.entry(identity).or_default().push(event);
        }
    }
    println!("{there} links are there, and {} are told of", told.len());
    assert_eq!(usize::try_from(there).unwrap(), told.len());
    let doubled: Vec<_> = told.values().filter(|events| events.len() > 1).collect();
    assert!(doubled.is_empty(), "told of more than once: {doubled:?}");
    for link in links {
        let event = &told[&link.identity][0];
        assert_eq!(event["user_id"], link.user.as_str(), "{link:?}: {event}");
    }
}
