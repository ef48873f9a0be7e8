//! Every act, killed with the power at every point of its way to the disk (LNK-18): what
//! is found afterwards is the state before or the state after, and the state after where
//! it was answered.
//!
//! [`State::read`] holds the invariants that concern all of it: one owner for an account
//! (I1), every token opens (I4), users and events agree (I7).

use std::collections::BTreeMap;

use serde_json::json;

use super::{account, identities_of, new_user};
use crate::blackbox::http::{Answer, Client};
use crate::blackbox::rounds;
use crate::blackbox::server::Installation;
use crate::blackbox::shim::Fault;
use crate::blackbox::state::{State, pages};

/// More points than any act has.
const TOO_MANY: u64 = 300;

/// Two users; she has an account with tokens, and he has two.
struct People {
    she: String,
    he: String,
    round: u64,
}

impl People {
    fn new(client: &mut Client, round: u64) -> Self {
        let people = Self {
            she: new_user(client),
            he: new_user(client),
            round,
        };
        for (user, which) in [(&people.she, "hers"), (&people.he, "his"), (&people.he, "also-his")] {
            let account = account(&people.subject(which));
            client.post(&identities_of(user), &account).unwrap().expect(201);
        }
        people
    }

    fn subject(&self, which: &str) -> String {
        format!("{which}-{}", self.round)
    }
}

/// An act under test.
struct Act {
    send: fn(&mut Client, &Installation, &People, &State) -> std::io::Result<Answer>,
    status: u16,
    /// What it makes of the state; the ids of new users are taken from what is found.
    make: fn(&mut Seen, &People, &Seen),
}

/// What is compared: users, and owner and token of each account.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    users: Vec<String>,
    accounts: BTreeMap<String, (String, Option<String>)>,
}

impl From<&State> for Seen {
    fn from(state: &State) -> Self {
        let seen = state
            .accounts
            .iter()
            .map(|(subject, account)| (subject.clone(), (account.owner.clone(), account.token.clone())));
        Self {
            users: state.users.iter().cloned().collect(),
            accounts: seen.collect(),
        }
    }
}

/// How many keys there are below the tenant's.
fn keys(installation: &Installation) -> i64 {
    let keys = rusqlite::Connection::open(installation.data().join("keys.db")).unwrap();
    keys.query_row("SELECT count(*) FROM keys", [], |row| row.get(0))
        .unwrap()
}

fn kill_at_every_point(act: &Act) {
    let installation = Installation::new();
    let (mut old_states, mut new_states) = (0, 0);
    let step = u64::try_from(rounds(5, 1)).unwrap();
    for n in 1.. {
        assert!(n < TOO_MANY, "an act has no end");
        let shim = installation.shim();
        let server = installation.serve_on(&shim);
        let mut client = server.client();
        let people = People::new(&mut client, n);
        let state = State::read(&mut client);
        shim.order(Fault::Kill(1 + (n - 1) * step));
        let answer = (act.send)(&mut client, &installation, &people, &state);
        let answered = answer.is_ok();
        match answer {
            Ok(answer) => {
                answer.expect(act.status);
                server.kill();
            }
            Err(_) => server.wait(),
        }
        shim.lose_power();
        let server = installation.serve();
        let found = Seen::from(&State::read(&mut server.client()));
        server.kill();
        let old = Seen::from(&state);
        let mut new = old.clone();
        (act.make)(&mut new, &people, &found);
        if answered {
            assert_eq!(found, new, "answered, {n}");
        } else {
            assert!(
                found == old || found == new,
                "killed at {n}: {found:#?} is neither {old:#?} nor {new:#?}"
            );
        }
        old_states += i32::from(found == old);
        new_states += i32::from(found == new);
        if answered {
            break;
        }
    }
    println!("killed at every {step}th point: {old_states} old states, {new_states} new ones");
    assert!(old_states > 1 && new_states > 0);
}

#[test]
fn sec_lnk_18_a_link_is_done_or_not_wherever_it_is_killed() {
    kill_at_every_point(&Act {
        send: |client, _, people, _| client.post(&identities_of(&people.she), &account(&people.subject("new"))),
        status: 201,
        make: |seen, people, _| {
            let subject = people.subject("new");
            let token = Some(super::token_of(&subject));
            seen.accounts.insert(subject, (people.she.clone(), token));
        },
    });
}

#[test]
fn sec_lnk_18_a_user_with_an_account_comes_to_be_or_not_wherever_it_is_killed() {
    kill_at_every_point(&Act {
        send: |client, _, people, _| {
            client.post("/link/v1/users", &json!({"identity": account(&people.subject("new"))}))
        },
        status: 201,
        make: |seen, people, found| {
            let subject = people.subject("new");
            let token = Some(super::token_of(&subject));
            let Some((owner, _)) = found.accounts.get(&subject) else {
                return;
            };
            assert!(!seen.users.contains(owner));
            seen.users.push(owner.clone());
            seen.users.sort();
            seen.accounts.insert(subject, (owner.clone(), token));
            seen.accounts.insert(owner.clone(), (owner.clone(), None));
        },
    });
}

#[test]
fn sec_lnk_18_an_unlink_is_done_or_not_wherever_it_is_killed() {
    kill_at_every_point(&Act {
        send: |client, _, people, state| {
            let identity = &state.accounts[&people.subject("his")].identity;
            client.delete(&format!("{}/{identity}", identities_of(&people.he)))
        },
        status: 204,
        make: |seen, people, _| drop(seen.accounts.remove(&people.subject("his"))),
    });
}

#[test]
fn sec_lnk_18_a_split_is_done_or_not_wherever_it_is_killed() {
    kill_at_every_point(&Act {
        send: |client, _, people, _| {
            let (user, subject) = (&people.he, people.subject("his"));
            client.delete(&format!("/api/v2/users/auth0%7C{user}/identities/twitter/{subject}"))
        },
        status: 200,
        make: |seen, people, found| {
            let subject = people.subject("his");
            let Some((owner, _)) = found.accounts.get(&subject) else {
                return;
            };
            if *owner != people.he {
                assert!(!seen.users.contains(owner));
                seen.users.push(owner.clone());
                seen.users.sort();
                seen.accounts.get_mut(&subject).unwrap().0.clone_from(owner);
            }
        },
    });
}

#[test]
fn sec_lnk_18_an_absorption_is_done_or_not_wherever_it_is_killed() {
    kill_at_every_point(&Act {
        send: |client, _, people, _| {
            let connections = client.get("/api/v2/connections?name=oneself")?.expect(200);
            let body = json!({
                "provider": "auth0", "user_id": people.he, "connection_id": connections.body[0]["id"],
            });
            client.post(&format!("/api/v2/users/auth0%7C{}/identities", people.she), &body)
        },
        status: 201,
        make: |seen, people, _| {
            seen.users.retain(|user| *user != people.he);
            let his = seen.accounts.values_mut().filter(|(owner, _)| *owner == people.he);
            his.for_each(|(owner, _)| owner.clone_from(&people.she));
        },
    });
}

#[test]
fn sec_lnk_18_a_deletion_is_done_or_not_wherever_it_is_killed() {
    kill_at_every_point(&Act {
        send: |client, _, people, _| client.delete(&format!("/api/v2/users/auth0%7C{}", people.he)),
        status: 204,
        make: |seen, people, _| {
            seen.users.retain(|user| *user != people.he);
            seen.accounts.retain(|_, (owner, _)| *owner != people.he);
        },
    });
}

/// The key of a user who was erased goes too, if not at once then with the next start.
#[test]
fn sec_lnk_18_no_key_outlives_its_user_wherever_her_deletion_is_killed() {
    let installation = Installation::new();
    for n in (1..).step_by(rounds(5, 1)) {
        assert!(n < TOO_MANY, "an act has no end");
        let shim = installation.shim();
        let server = installation.serve_on(&shim);
        let mut client = server.client();
        let people = People::new(&mut client, n);
        shim.order(Fault::Kill(n));
        let answered = client.delete(&format!("/api/v2/users/auth0%7C{}", people.he)).is_ok();
        if answered {
            server.kill()
        } else {
            server.wait()
        }
        shim.lose_power();
        let server = installation.serve();
        let state = State::read(&mut server.client());
        server.kill();
        let mut with_tokens: Vec<&str> = state
            .accounts
            .values()
            .filter(|account| account.token.is_some())
            .map(|account| account.owner.as_str())
            .collect();
        with_tokens.sort_unstable();
        with_tokens.dedup();
        // Beside those of users there is the tenant's service key.
        assert_eq!(
            keys(&installation),
            1 + i64::try_from(with_tokens.len()).unwrap(),
            "killed at {n}"
        );
        if answered {
            break;
        }
    }
}

/// The answer is lost, the client asks again with the same key: one effect.
#[test]
fn what_was_done_before_a_crash_is_not_done_again_for_the_same_idempotency_key() {
    let installation = Installation::new();
    let link = |client: &mut Client, user: &str, subject: &str| {
        let headers = [("idempotency-key", subject)];
        client.send("POST", &identities_of(user), &headers, Some(&account(subject)))
    };
    let shim = installation.shim();
    let server = installation.serve_on(&shim);
    let mut client = server.client();
    let user = new_user(&mut client);
    link(&mut client, &user, "first").unwrap().expect(201);
    shim.order(Fault::Count);
    link(&mut client, &user, "counted").unwrap().expect(201);
    let points = shim.points();
    server.kill();
    shim.lose_power();

    let mut done_without_an_answer = 0;
    for n in points.saturating_sub(2)..=points {
        let subject = format!("at-{n}");
        let shim = installation.shim();
        let server = installation.serve_on(&shim);
        let mut client = server.client();
        shim.order(Fault::Kill(n));
        if link(&mut client, &user, &subject).is_ok() {
            break;
        }
        server.wait();
        shim.lose_power();
        let server = installation.serve();
        let mut client = server.client();
        let before = State::read(&mut client).accounts.get(&subject).cloned();
        done_without_an_answer += usize::from(before.is_some());
        let first = link(&mut client, &user, &subject).unwrap().expect(201);
        let again = link(&mut client, &user, &subject).unwrap().expect(201);
        assert_eq!(first.text("id"), again.text("id"));
        if let Some(before) = before {
            assert_eq!(first.text("id"), before.identity);
        }
        let events = pages(&mut client, "/link/v1/events", "events");
        let effects = events
            .iter()
            .filter(|event| event["identity"] == first.body["id"])
            .count();
        assert_eq!(effects, 1);
        server.kill();
    }
    assert!(
        done_without_an_answer > 0,
        "no crash came between the commit and the answer"
    );
}
