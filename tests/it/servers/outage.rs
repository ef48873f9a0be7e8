//! A database that goes away and comes back, does not answer, or takes no writes.

use std::time::{Duration, Instant};

use super::{Servers, account, make_user, wait};
use crate::blackbox::http::Client;
use crate::support::database;
use crate::support::proxy::{Failing, Faults};

/// Asks until the answer has this status, for a while.
fn until(status: u16, mut ask: impl FnMut() -> u16) {
    let begun = Instant::now();
    loop {
        let answered = ask();
        if answered == status {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "still {answered}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// That the server says that it cannot, or does not know whether it has, and then, once the cause is gone, serves again by itself.
fn survives(servers: &Servers, begin: impl FnOnce(), end: impl FnOnce(), word: &str) {
    let mut client = servers.servers[0].client();
    let user = make_user(&mut client);
    let path = format!("/link/v1/users/{user}/identities");
    let mut n = 0;
    let mut link = |client: &mut Client| {
        n += 1;
        client.post(&path, &account(&format!("{word}-{n}"))).unwrap()
    };
    link(&mut client).expect(201);
    begin();
    let refused = link(&mut client);
    let code = match refused.status {
        503 => "store_unavailable",
        504 => "outcome_unknown",
        other => panic!("{other}: {refused:?}"),
    };
    assert_eq!(refused.text("code"), code);
    assert!(!refused.body.to_string().contains("postgres://"));
    end();
    until(201, || link(&mut client).status);
    let held = client.get(&path).unwrap().expect(200);
    let twice = servers.number("SELECT count(*) - count(DISTINCT subject) FROM oneself.identities");
    assert_eq!(twice, 0);
    assert!(held.body.as_array().unwrap().len() >= 3);
}

#[test]
fn a_database_that_is_gone_for_a_while_is_said_to_be_and_found_again() {
    let servers = Servers::start(1);
    let network = &servers.networks[0];
    let gone = || {
        network.refuse();
        network.cut_all();
    };
    survives(&servers, gone, || network.resume(), "gone");
}

#[test]
fn a_database_that_does_not_answer_is_given_up_and_found_again() {
    let servers = Servers::start(1);
    let network = &servers.networks[0];
    survives(&servers, || network.stall(), || network.resume(), "stalled");
}

#[test]
fn a_link_of_which_nobody_knows_whether_it_was_made_is_not_said_not_to_be() {
    let servers = Servers::start(1);
    let network = &servers.networks[0];
    let mut client = servers.servers[0].client();
    let user = make_user(&mut client);
    let path = format!("/link/v1/users/{user}/identities");
    client.post(&path, &account("heard")).unwrap().expect(201);
    network.refuse();
    network.set(Faults {
        swallow_commit_answer: 1.0,
        failing: Failing::Either,
        ..Faults::default()
    });
    let unheard = client.post(&path, &account("unheard")).unwrap().expect(504);
    assert_eq!(unheard.text("code"), "outcome_unknown");
    network.set(Faults::default());
    network.resume();
    until(200, || {
        client.get("/link/v1/identities/twitter/unheard").unwrap().status
    });
    client.post(&path, &account("unheard")).unwrap().expect(200);
}

#[test]
fn a_host_that_accepts_and_says_nothing_does_not_keep_the_next_one_from_being_tried() {
    let servers = Servers::start(0);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = servers.database.url();
    let (before, address, after) = database::parts(&url);
    let hosts = format!("{before}{},{address}{after}", silent.local_addr().unwrap());
    let server = servers.installation.serve_by(&hosts);
    make_user(&mut server.client());
}

#[test]
fn a_database_that_takes_no_writes_still_answers_reads() {
    let servers = Servers::start(1);
    let url = servers.database.url();
    let name = url.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    let set = |value: &str| {
        let statement = format!("ALTER DATABASE {name} SET default_transaction_read_only = {value}");
        wait(async {
            let client = database::connect(&url).await;
            let _ = client.batch_execute("SET default_transaction_read_only = off").await;
            client.batch_execute(&statement).await.unwrap();
        });
        servers.networks[0].cut_all();
    };
    let mut client = servers.servers[0].client();
    let user = make_user(&mut client);
    client
        .post(&format!("/link/v1/users/{user}/identities"), &account("kept"))
        .unwrap()
        .expect(201);
    survives(&servers, || set("on"), || set("off"), "readonly");
    set("on");
    let owner = || client.get("/link/v1/identities/twitter/kept").unwrap().status;
    until(200, owner);
    set("off");
}
