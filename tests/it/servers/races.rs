//! Three servers want what only one can have.

use std::sync::Barrier;
use std::thread;

use serde_json::json;

use super::{Servers, make_user};
use crate::blackbox::http::Client;
use crate::blackbox::rounds;

/// Has every client do something at the same moment; what came of it, client by client.
fn together<T: Send>(clients: &mut [Client], act: impl Fn(usize, &mut Client) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(clients.len());
    thread::scope(|scope| {
        let acting: Vec<_> = clients
            .iter_mut()
            .enumerate()
            .map(|(n, client)| {
                let (barrier, act) = (&barrier, &act);
                scope.spawn(move || {
                    barrier.wait();
                    act(n, client)
                })
            })
            .collect();
        acting.into_iter().map(|acting| acting.join().unwrap()).collect()
    })
}

#[test]
fn sec_lnk_15_three_servers_give_one_account_to_one_user() {
    let servers = Servers::start(3);
    let mut clients = servers.clients();
    let users: Vec<String> = clients.iter_mut().map(make_user).collect();
    for round in 0..rounds(200, 1_000) {
        let body = json!({"connection": "twitter", "subject": format!("account-{round}")});
        let statuses = together(&mut clients, |n, client| {
            let path = format!("/link/v1/users/{}/identities", users[n]);
            client.post(&path, &body).unwrap().status
        });
        let mut sorted = statuses.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [201, 409, 409], "round {round}");
        let winner = statuses.iter().position(|status| *status == 201).unwrap();
        for client in &mut clients {
            let path = format!("/link/v1/identities/twitter/account-{round}");
            let owner = client.get(&path).unwrap().expect(200);
            assert_eq!(owner.text("id"), users[winner], "every server says so");
        }
    }
    let twice = "SELECT count(*) FROM (SELECT 1 FROM oneself.identities
                 GROUP BY tenant, connection, issuer, subject HAVING count(*) > 1) AS twice";
    assert_eq!(servers.number(twice), 0);
}

#[test]
fn sec_lnk_16_the_last_way_in_stays_whichever_servers_are_asked() {
    let servers = Servers::start(3);
    let mut clients = servers.clients();
    for round in 0..rounds(60, 400) {
        let user = make_user(&mut clients[0]);
        let path = format!("/link/v1/users/{user}/identities");
        let ways_in: Vec<String> = (0..3)
            .map(|n| {
                let body = json!({"connection": "twitter", "subject": format!("way-{round}-{n}")});
                let linked = clients[n].post(&path, &body).unwrap().expect(201);
                linked.text("id").to_owned()
            })
            .collect();
        let mut statuses = together(&mut clients, |n, client| {
            // Whoever finds that somebody else was faster asks again.
            loop {
                let answer = client.delete(&format!("{path}/{}", ways_in[n])).unwrap();
                if answer.status != 503 {
                    return answer.status;
                }
            }
        });
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 204, 409], "round {round}");
    }
}

#[test]
fn sec_api_14_one_idempotency_key_has_one_effect_whichever_servers_are_asked() {
    let servers = Servers::start(3);
    let mut clients = servers.clients();
    let before = servers.number("SELECT count(*) FROM oneself.users");
    let all = rounds(40, 300);
    for round in 0..all {
        let key = format!("key-{round}");
        let ids = together(&mut clients, |_, client| {
            loop {
                let header = [("Idempotency-Key", key.as_str())];
                let answer = client
                    .send("POST", "/link/v1/users", &header, Some(&json!({"name": "Ada"})))
                    .unwrap();
                match answer.status {
                    200 | 201 => return answer.text("id").to_owned(),
                    status => assert_eq!(status, 503, "{answer:?}"),
                }
            }
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "round {round}: {ids:?}");
    }
    let after = servers.number("SELECT count(*) FROM oneself.users");
    assert_eq!(after - before, i64::try_from(all).unwrap());
}
