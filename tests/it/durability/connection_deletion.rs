//! A connection is deleted and the power is lost at every point of it: afterwards it is live as
//! before, or it is gone for everybody and what hung on it goes too.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{identities_of, new_user};
use crate::blackbox::http::Client;
use crate::blackbox::rounds;
use crate::blackbox::server::Installation;
use crate::blackbox::shim::Fault;
use crate::blackbox::state::State;

/// More points than a deletion of so little has.
const TOO_MANY: u64 = 600;

/// A connection, somebody who was born at it, and somebody with two accounts at it.
struct Doomed {
    name: String,
    path: String,
    born: String,
    owner: String,
}

impl Doomed {
    fn new(client: &mut Client, round: u64) -> Self {
        let name = format!("Doomed-{round}");
        let body = json!({"name": name, "strategy": "auth0"});
        let made = client.post("/api/v2/connections", &body).unwrap().expect(201);
        let body = json!({"connection": name, "email": "a@x.example", "password": "Long-enough-1",
            "user_id": format!("born-{round}")});
        client.post("/api/v2/users", &body).unwrap().expect(201);
        let owner = new_user(client);
        for n in 0..2 {
            let account = json!({"connection": name, "subject": format!("{round}-{n}"),
                "tokens": {"access_token": "x"}});
            client.post(&identities_of(&owner), &account).unwrap().expect(201);
        }
        Self {
            path: format!("/api/v2/connections/{}", made.text("id")),
            born: format!("/api/v2/users/auth0%7Cborn-{round}"),
            owner,
            name,
        }
    }

    /// Whether nothing hangs on it any more: only then can its name be used again.
    fn is_gone(&self, client: &mut Client) -> std::io::Result<bool> {
        let body = json!({"name": self.name, "strategy": "auth0"});
        match client.post("/api/v2/connections", &body)?.status {
            201 => Ok(true),
            409 => Ok(false),
            status => panic!("{status}"),
        }
    }

    /// Waits until it is gone; an error when the server went first.
    fn wait(&self, client: &mut Client) -> std::io::Result<()> {
        let began = Instant::now();
        while !self.is_gone(client)? {
            assert!(began.elapsed() < Duration::from_secs(30), "{} is never gone", self.name);
            std::thread::yield_now();
        }
        Ok(())
    }
}

#[test]
fn sec_lnk_18_a_connection_is_deleted_or_not_wherever_it_is_killed() {
    let installation = Installation::new();
    let (mut live, mut half) = (0, 0);
    let step = u64::try_from(rounds(9, 1)).unwrap();
    for n in (1..).step_by(usize::try_from(step).unwrap()) {
        assert!(n < TOO_MANY, "a deletion has no end");
        let shim = installation.shim();
        let server = installation.serve_on(&shim);
        let mut client = server.client();
        let doomed = Doomed::new(&mut client, n);
        shim.order(Fault::Kill(n));
        let answered = client.delete(&doomed.path).map(|answer| answer.expect(202)).is_ok();
        let finished = answered && doomed.wait(&mut client).is_ok();
        if finished {
            server.kill();
        } else {
            server.wait();
        }
        shim.lose_power();

        let server = installation.serve();
        let mut client = server.client();
        let found = client.get(&doomed.path).unwrap().status;
        assert!(
            found == 404 || !answered,
            "it was answered as deleted, and is there: {n}"
        );
        if found == 200 {
            live += 1;
            client.get(&doomed.born).unwrap().expect(200);
            client.delete(&doomed.path).unwrap().expect(202);
        } else if !finished {
            half += 1;
        }
        if !finished {
            doomed.wait(&mut client).unwrap();
        }
        client.get(&doomed.born).unwrap().expect(404);
        let left = client
            .get(&format!("/link/v1/users/{}", doomed.owner))
            .unwrap()
            .expect(200);
        assert_eq!(
            left.body["identities"].as_array().unwrap().len(),
            1,
            "{n}: {:?}",
            left.body
        );
        State::read(&mut client);
        server.kill();
        if finished {
            break;
        }
    }
    println!("killed at every {step}th point: {live} still there, {half} finished after the next start");
    assert!(live > 0 && half > 0);
}
