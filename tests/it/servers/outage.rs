//! A database that goes away and comes back, does not answer or takes long to, takes no writes, or
//! has no room for them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Servers, account, make_user, wait};
use crate::blackbox::http::{Answer, Client};
use crate::support::database;
use crate::support::proxy::{Delay, Failing, Faults};

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

/// That the server says that it cannot, or does not know whether it has, and `/readyz` 503 for
/// this reason; and then, once the cause is gone, that it serves again by itself, with all that it
/// ever promised.
fn survives(servers: &Servers, word: &str, reason: &str, begin: impl FnOnce(), end: impl FnOnce()) {
    let server = &servers.servers[0];
    let mut client = server.client();
    let user = make_user(&mut client);
    let path = format!("/link/v1/users/{user}/identities");
    let mut promised = Vec::new();
    let mut n = 0;
    let mut link = |client: &mut Client| {
        n += 1;
        let subject = format!("{word}-{n}");
        let answer = client.post(&path, &account(&subject)).unwrap();
        if answer.status == 201 {
            promised.push(subject);
        }
        answer
    };
    link(&mut client).expect(201);
    assert_eq!(server.readiness(), (200, "ready\n".to_owned()));
    begin();
    let refused = link(&mut client);
    let code = match refused.status {
        503 => "store_unavailable",
        504 => "outcome_unknown",
        other => panic!("{other}: {refused:?}"),
    };
    assert_eq!(refused.text("code"), code);
    let (status, said) = server.readiness();
    assert!(status == 503 && said.contains(reason), "{status} {said}");
    let told = format!("{} {said}", refused.body);
    let url = servers.database.url();
    let (before, address, _) = database::parts(&url);
    let password = before.trim_end_matches('@').rsplit(':').next().unwrap();
    for secret in ["postgres://", password, address] {
        assert!(!told.contains(secret), "{told}");
    }
    end();
    until(200, || server.readiness().0);
    client = server.client();
    until(201, || link(&mut client).status);
    let held = client.get(&path).unwrap().expect(200);
    let held: Vec<&str> = held.body.as_array().unwrap().iter().map(subject).collect();
    assert!(promised.len() >= 2, "{promised:?}");
    assert!(
        promised.iter().all(|subject| held.contains(&subject.as_str())),
        "{held:?}"
    );
    let half = "SELECT count(*) - (SELECT count(*) FROM oneself.users) - (SELECT count(*) FROM oneself.token_sets)
                FROM oneself.identities";
    assert_eq!(servers.number(half), 0, "each account that was linked has its tokens");
    let twice = servers.number("SELECT count(*) - count(DISTINCT subject) FROM oneself.identities");
    assert_eq!(twice, 0);
}

fn subject(identity: &Value) -> &str {
    identity["subject"].as_str().unwrap()
}

#[test]
fn a_database_that_is_gone_for_a_while_is_said_to_be_and_found_again() {
    let servers = Servers::start(1);
    let network = &servers.networks[0];
    let gone = || {
        network.refuse();
        network.cut_all();
    };
    survives(&servers, "gone", "the database", gone, || network.resume());
}

#[test]
fn a_database_that_does_not_answer_is_given_up_and_found_again() {
    let servers = Servers::start(1);
    let network = &servers.networks[0];
    survives(&servers, "stalled", "answer", || network.stall(), || network.resume());
}

#[test]
fn a_database_whose_disk_is_full_answers_reads_and_is_found_again() {
    let servers = Servers::start(1);
    let network = &servers.networks[0];
    let fill = || {
        network.set(Faults {
            disk_full: 1.0,
            ..Faults::default()
        });
    };
    let full = "the disk of the database is full";
    survives(&servers, "full", full, fill, || network.set(Faults::default()));
    let mut client = servers.servers[0].client();
    fill();
    client.get("/link/v1/identities/twitter/full-1").unwrap().expect(200);
}

#[test]
fn a_database_that_takes_seconds_for_everything_is_not_ready() {
    let servers = Servers::start(1);
    let (server, network) = (&servers.servers[0], &servers.networks[0]);
    until(200, || server.readiness().0);
    network.set(Faults {
        delay: Some(Delay::Requests(Duration::from_secs(4))),
        ..Faults::default()
    });
    let begun = Instant::now();
    let (status, said) = server.readiness();
    assert!(
        status == 503 && said.contains("has not answered for 6 seconds"),
        "{said}"
    );
    assert!(begun.elapsed() < Duration::from_secs(7), "{:?}", begun.elapsed());
    network.set(Faults::default());
    until(200, || server.readiness().0);
}

#[test]
fn a_slow_database_is_waited_for_by_as_many_as_it_can_serve() {
    let servers = Servers::start(1);
    let (server, network) = (&servers.servers[0], &servers.networks[0]);
    let token = server.token();
    network.set(Faults {
        delay: Some(Delay::Requests(Duration::from_millis(40))),
        ..Faults::default()
    });
    let answers: Vec<(Answer, Duration)> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..32)
            .map(|_| {
                let mut client = Client::connect(server.address(), &token).unwrap();
                scope.spawn(move || {
                    let mut ask = || {
                        let begun = Instant::now();
                        (client.post("/link/v1/users", &json!({})).unwrap(), begun.elapsed())
                    };
                    [ask(), ask(), ask(), ask()]
                })
            })
            .collect();
        asking.into_iter().flat_map(|asking| asking.join().unwrap()).collect()
    });
    let (mut made, mut unknown) = (0, 0);
    for (answer, took) in &answers {
        assert!(*took < Duration::from_secs(8), "{took:?}: {answer:?}");
        match answer.status {
            201 => made += 1,
            504 => unknown += 1,
            503 => assert_eq!(answer.retry_after, Some(1), "{answer:?}"),
            other => panic!("{other}: {answer:?}"),
        }
    }
    assert!(0 < made && made < answers.len(), "{made} of {}", answers.len());
    let kept = servers.number("SELECT count(*) FROM oneself.users");
    let kept = usize::try_from(kept).unwrap();
    assert!(
        (made..=made + unknown).contains(&kept),
        "{made} were acknowledged, of {unknown} nobody knows, {kept} are kept"
    );
    network.set(Faults::default());
    until(200, || server.readiness().0);
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
    survives(&servers, "readonly", "takes no writes", || set("on"), || set("off"));
    let mut client = servers.servers[0].client();
    set("on");
    let owner = || client.get("/link/v1/identities/twitter/readonly-1").unwrap().status;
    until(200, owner);
    set("off");
}
