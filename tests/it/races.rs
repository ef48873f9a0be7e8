//! Many clients want what only one can have, through both interfaces at once.

use std::sync::Barrier;
use std::thread;

use serde_json::json;

use crate::blackbox::http::Client;
use crate::blackbox::rounds;
use crate::blackbox::server::Installation;

const CLIENTS: usize = 64;

#[test]
fn sec_lnk_15_of_64_links_of_one_account_one_wins() {
    let installation = Installation::on_named_store();
    let server = installation.serve();
    installation.answer(&["tenant", "set", "acme", "link_unknown=create"]);
    let mut client = server.client();
    let connections = client.get("/api/v2/connections?name=twitter").unwrap().expect(200);
    let connection_id = connections.body[0]["id"].as_str().unwrap();
    let users: Vec<String> = (0..CLIENTS)
        .map(|_| {
            let user = client.post("/link/v1/users", &json!({})).unwrap().expect(201);
            user.text("id").to_owned()
        })
        .collect();
    let rounds = rounds(50, 1_000);
    let (token, barrier) = (server.token(), Barrier::new(CLIENTS));
    // Of each user, how every round ended for her.
    let statuses: Vec<Vec<u16>> = thread::scope(|scope| {
        let clients: Vec<_> = users
            .iter()
            .enumerate()
            .map(|(n, user)| {
                let mut client = Client::connect(server.address(), &token).unwrap();
                let barrier = &barrier;
                scope.spawn(move || {
                    let link = |round: usize| {
                        let subject = format!("account-{round}");
                        let (path, body) = if n % 2 == 0 {
                            let body = json!({"connection": "twitter", "subject": subject});
                            (format!("/link/v1/users/{user}/identities"), body)
                        } else {
                            let body = json!({
                                "provider": "twitter", "user_id": subject, "connection_id": connection_id,
                            });
                            (format!("/api/v2/users/auth0%7C{user}/identities"), body)
                        };
                        barrier.wait();
                        client.post(&path, &body).map_or(0, |answer| answer.status)
                    };
                    (0..rounds).map(link).collect()
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    // The first connection may have been idle for longer than the server waits.
    let mut client = server.client();
    let mut winners = [0, 0];
    for round in 0..rounds {
        let of_round: Vec<u16> = statuses.iter().map(|of_user| of_user[round]).collect();
        let won: Vec<usize> = (0..CLIENTS).filter(|n| of_round[*n] == 201).collect();
        assert_eq!(won.len(), 1, "round {round}: {of_round:?}");
        assert_eq!(
            of_round.iter().filter(|status| **status == 409).count(),
            CLIENTS - 1,
            "{of_round:?}"
        );
        let owner = client
            .get(&format!("/link/v1/identities/twitter/account-{round}"))
            .unwrap()
            .expect(200);
        assert_eq!(owner.text("id"), users[won[0]]);
        winners[won[0] % 2] += 1;
    }
    println!(
        "{rounds} rounds: {} won through /link/v1, {} through Auth0",
        winners[0], winners[1]
    );
}

#[test]
fn sec_lnk_16_of_two_parallel_unlinks_of_the_last_ways_in_one_is_refused() {
    let installation = Installation::on_named_store();
    let server = installation.serve();
    let mut client = server.client();
    let token = server.token();
    let mut others = [0, 1].map(|_| Client::connect(server.address(), &token).unwrap());
    for round in 0..rounds(50, 1_000) {
        let user = client.post("/link/v1/users", &json!({})).unwrap().expect(201);
        let path = format!("/link/v1/users/{}/identities", user.text("id"));
        let ways_in = ["a", "b"].map(|which| {
            let account = json!({"connection": "twitter", "subject": format!("{which}-{round}")});
            client.post(&path, &account).unwrap().expect(201)
        });
        let barrier = Barrier::new(2);
        let answers: Vec<_> = thread::scope(|scope| {
            let unlinks: Vec<_> = others
                .iter_mut()
                .zip(&ways_in)
                .map(|(client, identity)| {
                    let path = format!("{path}/{}", identity.text("id"));
                    let barrier = &barrier;
                    scope.spawn(move || {
                        barrier.wait();
                        client.delete(&path).unwrap()
                    })
                })
                .collect();
            unlinks.into_iter().map(|unlink| unlink.join().unwrap()).collect()
        });
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 409], "round {round}: {answers:?}");
        let refused = answers.iter().find(|answer| answer.status == 409).unwrap();
        assert_eq!(refused.text("code"), "last_credential");
        let left = client.get(&path).unwrap().expect(200);
        assert_eq!(left.body.as_array().unwrap().len(), 2, "the primary and one way in");
    }
}
