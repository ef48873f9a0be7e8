//! The store fails in the middle: state is old or new, and nobody is let in (LNK-18, OPS-04).

use oneself::domain::{Identity, KeyOwner};
use serde_json::json;

use super::ROUTES;
use crate::support::faulty::{CANARY, Fault};
use crate::support::http::Reply;
use crate::support::invariants;
use crate::support::people::{DATABASE, PASSWORD, Person, Side};
use crate::support::server::TestServer;

/// What there is, as numbers: users, identities, token sets, events.
async fn counted(server: &TestServer, side: &Side) -> [usize; 4] {
    let users = side.everybody(server).await;
    let identities: Vec<&Identity> = users.iter().flat_map(|found| &found.identities).collect();
    [
        users.len(),
        identities.len(),
        identities.iter().filter(|identity| identity.has_tokens).count(),
        side.events(server).await,
    ]
}

/// Somebody with one linked account, fresh for each try.
async fn prepared(side: &Side, n: usize) -> (Person, Person, String) {
    let (one, other) = (side.person(&format!("a{n}")).await, side.person(&format!("b{n}")).await);
    let identity = side.link(&one.core, "twitter", &format!("held{n}")).await;
    side.link(&other.core, "twitter", &format!("brought{n}")).await;
    (one, other, identity)
}

const VERBS: [&str; 7] = ["create", "link", "refresh", "free", "split", "absorb", "delete"];

async fn act(side: &Side, verb: &str, n: usize, (one, other, identity): &(Person, Person, String)) -> Reply {
    let identities = format!("/link/v1/users/{}/identities", one.core);
    let account = |subject: String| json!({"connection": "twitter", "subject": subject, "tokens": {"access_token": "canary-new"}});
    let client = &side.client;
    match verb {
        "create" => {
            let body = json!({"connection": DATABASE, "email": format!("c{n}@x.example"), "password": PASSWORD});
            client.post("/api/v2/users", body).await
        }
        "link" => client.post(&identities, account(format!("new{n}"))).await,
        "refresh" => client.post(&identities, account(format!("held{n}"))).await,
        "free" => client.delete(&format!("{identities}/{identity}")).await,
        "split" => {
            client
                .delete(&format!("{}/identities/twitter/held{n}", one.path()))
                .await
        }
        "absorb" => {
            let body = json!({"provider": "auth0", "user_id": other.id});
            client.post(&format!("{}/identities", one.path()), body).await
        }
        _ => client.delete(&one.path()).await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_lnk_18_state_is_old_or_new_wherever_the_store_fails() {
    let (server, store) = TestServer::start_faulty().await;
    let side = Side::new(&server, "acme").await;
    let mut n = 0;
    for verb in VERBS {
        // Without a fault first: what "new" means.
        let people = prepared(&side, n).await;
        let before = counted(&server, &side).await;
        let whole = act(&side, verb, n, &people).await;
        assert!(whole.status < 300, "{verb}: {}", whole.text());
        let after = counted(&server, &side).await;
        let change =
            |from: [usize; 4], to: [usize; 4]| from.iter().zip(to).map(|(a, b)| b as i64 - *a as i64).collect();
        let new: Vec<i64> = change(before, after);
        let mut failures = 0;
        for at in 1.. {
            n += 1;
            let people = prepared(&side, n).await;
            let before = counted(&server, &side).await;
            store.fail_at(at);
            let reply = act(&side, verb, n, &people).await;
            let failed = store.heal();
            let after: Vec<i64> = change(before, counted(&server, &side).await);
            if !failed {
                assert!(reply.status < 300, "{verb} at {at}: {}", reply.text());
                break;
            }
            failures += 1;
            let is_new = after == new;
            assert!(
                is_new || after == [0; 4],
                "{verb} at {at}: {after:?}, neither old nor {new:?}"
            );
            assert!(reply.status >= 300 || is_new, "{verb} at {at}: said done and was not");
            match reply.status {
                ..300 | 504 => {}
                503 => assert!(!is_new, "{verb} at {at}: said not done and was"),
                _ => panic!("{verb} at {at}: {}", reply.text()),
            }
            if is_new {
                assert_gone(&server, &side, verb, &people).await;
            }
            assert!(at < 40, "{verb} never ends");
        }
        assert!(failures >= 3, "{verb}: {failures}");
        invariants::check(&server, &side).await;
        n += 1;
    }
}

/// That no token is left which should be gone.
async fn assert_gone(server: &TestServer, side: &Side, verb: &str, (one, _, identity): &(Person, Person, String)) {
    let (tenant, owner) = (side.id(), KeyOwner::User(one.core.parse().unwrap()));
    let tokens = server
        .store
        .find_tokens(tenant, identity.parse().unwrap())
        .await
        .unwrap();
    match verb {
        "free" => assert!(tokens.is_none(), "{identity}"),
        "delete" => {
            assert!(tokens.is_none(), "{identity}");
            assert!(server.store.find_key(tenant, owner).await.unwrap().is_none());
        }
        _ => {}
    }
}

#[tokio::test]
async fn sec_ops_04_a_check_that_cannot_be_made_denies() {
    let (server, store) = TestServer::start_faulty().await;
    let side = Side::new(&server, "acme").await;
    let person = side.person("ines").await;
    let (user, _) = side.log_in(&server, &person).await;
    let own = server.client().bearer(&user);
    for fault in Fault::ALL {
        let status = fault.status();
        for (method, template) in ROUTES {
            let path = template
                .replace(
                    "{id}",
                    if template.contains("connections") {
                        "con_0000000000000001"
                    } else {
                        "auth0%7Cx"
                    },
                )
                .replace("{identity}", "idn_000000000000000000000000")
                .replace("{provider}", "twitter")
                .replace("{user_id}", "1")
                .replace("{connection}", "twitter")
                .replace("{subject}", "1");
            for client in [&side.client, &own] {
                store.fail_from(1, fault);
                let reply = client.request(method, &path, &[], ()).await;
                store.heal();
                assert_eq!(reply.status, status, "{method} {path}: {}", reply.text());
                assert!(
                    !(fault == Fault::Corrupt && reply.text().contains(CANARY)),
                    "{}",
                    reply.text()
                );
            }
        }
        store.fail_from(1, fault);
        let reply = side.try_log_in(&server, &person, PASSWORD).await;
        store.heal();
        assert_eq!(reply.status, status, "{}", reply.text());
        assert!(
            !reply.text().contains(CANARY) && !reply.text().contains("token\":"),
            "{}",
            reply.text()
        );
    }
}
