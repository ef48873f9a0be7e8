//! Acts that the database refuses because of others, and commits of which nobody hears.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use super::{Servers, Turns, account, make_user};
use crate::blackbox::http::{Answer, Client};
use crate::blackbox::rounds;
use crate::support::proxy::{Failing, Faults};

/// What the issue asks for: 20 % of acts fail by 40001, 5 % of commits have no answer.
const FAULTS: Faults = Faults {
    cut: 0.0,
    swallow_commit_answer: 0.05,
    serialization_failure: 0.2,
    failing: Failing::Either,
    disk_full: 0.0,
    at_most: u64::MAX,
    delay: None,
};

/// How many clients link at once.
const CLIENTS: usize = 16;

/// What clients were told, by subject: the user and the identity that was made.
type Told = HashMap<String, (String, String)>;

/// Links an account. A server that has too much to do, on a machine that is busy, is asked again
/// when it said.
fn link_one(client: &mut Client, path: &str, subject: &str) -> Answer {
    loop {
        let answer = client.post(path, &account(subject)).unwrap();
        match answer.retry_after {
            Some(seconds) => thread::sleep(Duration::from_secs(seconds)),
            None => return answer.expect(201),
        }
    }
}

/// Links so many accounts by many clients; what they were told.
fn link(servers: &Servers, users: &[String], prefix: &str, count: usize) -> Told {
    let turns = Turns::default();
    let token = servers.servers[0].token();
    thread::scope(|scope| {
        let linking: Vec<_> = (0..CLIENTS)
            .map(|n| {
                let (turns, token) = (turns.clone(), token.clone());
                let mut client = Client::connect(servers.servers[0].address(), &token).unwrap();
                let user = &users[n % users.len()];
                scope.spawn(move || {
                    let mut told = Told::new();
                    while let Some(turn) = turns.next(count) {
                        let subject = format!("{prefix}-{turn}");
                        let path = format!("/link/v1/users/{user}/identities");
                        let linked = link_one(&mut client, &path, &subject);
                        told.insert(subject, (user.clone(), linked.text("id").to_owned()));
                    }
                    told
                })
            })
            .collect();
        linking
            .into_iter()
            .flat_map(|linking| linking.join().unwrap())
            .collect()
    })
}

#[test]
fn sec_ops_08_acts_that_fail_or_have_no_answer_are_done_once() {
    let servers = Servers::start(1);
    let network = &servers.networks[0];
    let mut client = servers.servers[0].client();
    let users: Vec<String> = (0..CLIENTS).map(|_| make_user(&mut client)).collect();
    network.set(FAULTS);
    let told = link(&servers, &users, "faulty", rounds(2_500, 10_000));
    // The server has hung up on a client that asked nothing meanwhile.
    let mut client = servers.servers[0].client();
    let made: Vec<String> = (0..40).map(|_| make_user(&mut client)).collect();
    network.set(Faults::default());
    let counts = network.counts();
    assert!(counts.serialization_failures > 20 && counts.swallowed > 5, "{counts:?}");
    for (subject, (user, identity)) in &told {
        let path = format!("/link/v1/identities/twitter/{subject}");
        let owner = client.get(&path).unwrap().expect(200);
        assert_eq!(owner.text("id"), user);
        let found = owner.body["identities"].as_array().unwrap();
        assert!(found.iter().any(|found| found["id"] == identity.as_str()), "{owner:?}");
    }
    let linked = i64::try_from(told.len()).unwrap();
    let all = i64::try_from(users.len() + made.len()).unwrap();
    assert_eq!(servers.number("SELECT count(*) FROM oneself.users"), all);
    // Each user was born with one identity, which has an event of its own.
    assert_eq!(servers.number("SELECT count(*) FROM oneself.identities"), linked + all);
    assert_eq!(servers.number("SELECT count(*) FROM oneself.token_sets"), linked);
    client.get("/link/v1/events?limit=1").unwrap().expect(200);
    assert_eq!(
        servers.number("SELECT count(*) FROM oneself.events WHERE kind = 4"),
        linked
    );
    assert_eq!(
        servers.number("SELECT count(*) FROM oneself.events WHERE kind = 1"),
        all
    );
    assert_eq!(servers.number("SELECT count(*) FROM oneself.unplaced_events"), 0);
}

#[test]
fn with_faults_more_than_half_as_much_is_done() {
    if std::env::var_os("ONESELF_TEST_ALL").is_none() {
        return;
    }
    let servers = Servers::start(1);
    let network = &servers.networks[0];
    let mut client = servers.servers[0].client();
    let users: Vec<String> = (0..CLIENTS).map(|_| make_user(&mut client)).collect();
    // Enough for what the server does beside links every few seconds, such as chaining events, to be
    // in every part.
    let count = 24_000;
    let timed = |prefix: &str| -> Duration {
        let begun = Instant::now();
        link(&servers, &users, prefix, count);
        begun.elapsed()
    };
    link(&servers, &users, "warm", count / 4);
    let mut ratios: Vec<f64> = (0..5)
        .map(|pair| {
            network.set(Faults::default());
            let without = timed(&format!("without-{pair}"));
            network.set(FAULTS);
            let with = timed(&format!("with-{pair}"));
            without.as_secs_f64() / with.as_secs_f64()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    println!("throughput with faults / without: {ratios:.2?}, {:?}", network.counts());
    assert!(ratios[2] >= 0.6, "{ratios:?}");
}
