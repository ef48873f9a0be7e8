//! More is asked than a store can do: what cannot be done soon is refused, with when to come back;
//! what is accepted is answered soon and stays; and as soon as few ask, nobody is refused.
//!
//! What would surprise: it is the store that is slow and not the machine, so that a test can start
//! as many clients as are too many. Bounds are wide, for machines that are busy.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::json;

use crate::blackbox::http::{Answer, Client};
use crate::blackbox::server::{Installation, Server};
use crate::support::proxy::{Delay, FaultProxy, Faults};
use crate::support::{database, kept};

/// For how long clients link accounts, each as soon as it was answered.
const LASTS: Duration = Duration::from_secs(4);

/// How long a client rests that was refused; it is told to rest longer.
const REST: Duration = Duration::from_millis(100);

/// How long any answer may take. Work waits for two seconds at most, a request has a few pieces of
/// it one after the other, and one takes about a second here.
const SOON: Duration = Duration::from_secs(12);

/// How many clients make users at once.
const MAKERS: usize = 8;

/// What clients were told.
#[derive(Default)]
struct Told {
    /// Accounts that were linked, with whose they are.
    links: BTreeMap<String, String>,
    /// Accounts of which that was refused at least once.
    refused: BTreeSet<String>,
    slowest: Duration,
    /// How often that was.
    refusals: usize,
}

fn link(client: &mut Client, user: &str, subject: &str) -> Answer {
    let body = json!({"connection": "twitter", "subject": subject, "tokens": {"access_token": "t"}});
    client
        .post(&format!("/link/v1/users/{user}/identities"), &body)
        .unwrap()
}

/// So many users, who have an account with tokens and so have their keys.
fn make_users(server: &Server, count: usize) -> Vec<String> {
    let token = server.token();
    let make = |maker: usize| {
        let mut client = Client::connect(server.address(), &token).unwrap();
        let mut make = |number: usize| {
            let account =
                json!({"connection": "twitter", "subject": number.to_string(), "tokens": {"access_token": "t"}});
            let made = client.post("/link/v1/users", &json!({"identity": account})).unwrap();
            made.expect(201).text("id").to_owned()
        };
        (maker..count).step_by(MAKERS).map(&mut make).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let making: Vec<_> = (0..MAKERS).map(|maker| scope.spawn(move || make(maker))).collect();
        making.into_iter().flat_map(|making| making.join().unwrap()).collect()
    })
}

/// Has a client for each of these users link accounts to her.
fn crowd(server: &Server, users: &[String]) -> Told {
    let (told, token, over) = (Mutex::<Told>::default(), server.token(), AtomicBool::new(false));
    let ask = |number: usize, user: &str| {
        let mut client = Client::connect(server.address(), &token).unwrap();
        let mut turn = 0;
        while !over.load(Ordering::Relaxed) {
            let subject = format!("{number}-{turn}");
            let begun = Instant::now();
            let answer = link(&mut client, user, &subject);
            let mut told = told.lock();
            told.slowest = begun.elapsed().max(told.slowest);
            if answer.status == 503 {
                assert_eq!(
                    (answer.text("code"), answer.retry_after),
                    ("busy", Some(1)),
                    "{answer:?}"
                );
                told.refused.insert(subject);
                told.refusals += 1;
                drop(told);
                thread::sleep(REST);
            } else {
                answer.expect(201);
                told.links.insert(subject, user.to_owned());
                turn += 1;
            }
        }
    };
    thread::scope(|scope| {
        for (number, user) in users.iter().enumerate() {
            let ask = &ask;
            scope.spawn(move || ask(number, user));
        }
        thread::sleep(LASTS);
        over.store(true, Ordering::Relaxed);
    });
    told.into_inner()
}

/// Overloads a server that has these users, and has its store work as it should again.
fn survives(server: &Server, users: &[String], heal: impl FnOnce()) {
    let told = crowd(server, users);
    println!(
        "{} links accepted, {} refused, the slowest answer after {:.1?}",
        told.links.len(),
        told.refusals,
        told.slowest
    );
    heal();
    let mut client = server.client();
    let begun = Instant::now();
    link(&mut client, &users[0], "after").expect(201);
    assert!(begun.elapsed() < SOON, "still slow: {:?}", begun.elapsed());
    assert!(told.slowest < SOON, "{:?}", told.slowest);
    assert!(told.refusals > 0 && told.links.len() > 50);
    for (subject, user) in &told.links {
        let owner = client.get(&format!("/link/v1/identities/twitter/{subject}")).unwrap();
        assert_eq!(owner.expect(200).text("id"), user, "{subject}");
    }
    for subject in told.refused.iter().filter(|subject| !told.links.contains_key(*subject)) {
        let nobody = client.get(&format!("/link/v1/identities/twitter/{subject}")).unwrap();
        nobody.expect(404);
    }
}

#[test]
fn a_database_that_is_too_slow_for_all_who_ask_serves_some_and_refuses_others() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let database = runtime.unwrap().block_on(kept::database(""));
    let installation = Installation::in_database(&database.url());
    let network = FaultProxy::start(database::address(&database.url()), 1);
    let server = installation.serve_by(&network.url(&database.url()));
    let users = make_users(&server, 500);
    network.set(Faults {
        delay: Some(Delay::Commits(Duration::from_secs(1))),
        ..Faults::default()
    });
    survives(&server, &users, || network.set(Faults::default()));
}

#[test]
fn a_disk_that_is_too_slow_for_all_who_ask_serves_some_and_refuses_others() {
    let installation = Installation::new();
    let users = make_users(&installation.serve(), 900);
    let shim = installation.shim().slow(Duration::from_millis(1_500));
    let server = installation.serve_on(&shim);
    survives(&server, &users, || ());
}
