//! The power fails under 64 linking clients.
//!
//! The two counter-tests play the same round on a disk that lies about its syncs, and with
//! a server that does not sync every commit. Both must lose links, or the first test
//! would prove nothing.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::{account, identities_of, new_user, token_of};
use crate::blackbox::http::Client;
use crate::blackbox::rounds;
use crate::blackbox::server::{Installation, Server};
use crate::blackbox::shim::Shim;
use crate::blackbox::state::State;

const CLIENTS: usize = 64;
const USERS: usize = 128;

/// Links that were answered with 201: subject and user.
type Links = BTreeMap<String, String>;

/// An installation with users to link to.
fn installation() -> (Installation, Vec<String>) {
    let installation = Installation::new();
    let server = installation.serve();
    let mut client = server.client();
    let users = (0..USERS).map(|_| new_user(&mut client)).collect();
    server.kill();
    (installation, users)
}

/// Links until the server is gone.
fn link_on(address: SocketAddr, token: &str, users: &[String], name: &str) -> Links {
    let mut links = Links::new();
    let Ok(mut client) = Client::connect(address, token) else {
        return links;
    };
    for n in 0.. {
        let subject = format!("{name}-{n}");
        let user = &users[RandomState::new().hash_one(&subject) as usize % users.len()];
        match client.post(&identities_of(user), &account(&subject)) {
            Ok(answer) => drop(answer.expect(201)),
            Err(_) => break,
        }
        links.insert(subject, user.clone());
    }
    links
}

/// Kills the server at a random moment under 64 clients and then the power; what was
/// acknowledged until then.
fn round(
    round: usize,
    installation: &Installation,
    users: &[String],
    shim: Shim,
    prepare: impl FnOnce(&mut Command),
) -> Links {
    let mut command = installation.serve_command();
    shim.preload(&mut command);
    prepare(&mut command);
    let server = Server::start(command, installation.credentials());
    let (address, token) = (server.address(), server.token());
    let links = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|n| {
                let token = &token;
                scope.spawn(move || link_on(address, token, users, &format!("{round}-{n}")))
            })
            .collect();
        let moment = 300 + RandomState::new().hash_one(round) % 300;
        thread::sleep(Duration::from_millis(moment));
        server.kill();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    shim.lose_power();
    links
}

/// Of those links, how many are not there any more, or not with their tokens.
fn lost(installation: &Installation, links: &Links, read: fn(&mut Client) -> State) -> usize {
    let server = installation.serve();
    let mut client = server.client();
    let state = read(&mut client);
    let is_there = |subject: &String, user: &String| {
        state.owner(subject) == Some(user) && state.token(subject) == Some(&token_of(subject))
    };
    let (there, lost): (Vec<_>, Vec<_>) = links.iter().partition(|(subject, user)| is_there(subject, user));
    for (subject, user) in there {
        let found = client
            .get(&format!("/link/v1/identities/twitter/{subject}"))
            .unwrap()
            .expect(200);
        assert_eq!(found.text("id"), user, "{subject}");
    }
    lost.len()
}

#[test]
fn no_acknowledged_link_is_lost_when_the_power_fails() {
    let (installation, users) = installation();
    let began = Instant::now();
    let mut links = Links::new();
    let rounds = rounds(3, 20);
    for n in 0..rounds {
        let new = round(n, &installation, &users, installation.shim(), |_| {});
        assert!(new.len() >= CLIENTS, "only {} links in round {n}", new.len());
        links.extend(new);
    }
    assert_eq!(lost(&installation, &links, State::read), 0, "of {}", links.len());
    println!(
        "{} links in {rounds} rounds, none lost, {:?}",
        links.len(),
        began.elapsed()
    );
}

#[test]
fn a_disk_that_swallows_syncs_is_seen_to_lose_links() {
    let (installation, users) = installation();
    let links = round(0, &installation, &users, installation.shim().swallowing(), |_| {});
    let lost = lost(&installation, &links, State::read_damaged);
    println!("syncs swallowed: {lost} of {} links lost", links.len());
    assert!(lost > 0, "nothing of {} links was lost", links.len());
}

#[test]
fn a_server_that_does_not_sync_every_commit_is_seen_to_lose_links() {
    let (installation, users) = installation();
    let links = round(0, &installation, &users, installation.shim(), |command| {
        command.env("ONESELF_TEST_SYNCHRONOUS_NORMAL", "1");
    });
    let lost = lost(&installation, &links, State::read_damaged);
    println!("synchronous=NORMAL: {lost} of {} links lost", links.len());
    assert!(lost > 0, "nothing of {} links was lost", links.len());
}
