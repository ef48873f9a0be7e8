//! A server is killed at every point of an export and of an import, and the power is lost: the job
//! goes on with the next server, and nobody is exported, made or counted twice.

use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::blackbox::http::Client;
use crate::blackbox::rounds;
use crate::blackbox::server::Installation;
use crate::blackbox::shim::Fault;

/// More points than a job of so little has.
const TOO_MANY: u64 = 20_000;

const USERS: usize = 60;

const ROWS: usize = 60;

/// Waits for the end of a job; an error when the server went first.
fn ended(client: &mut Client, id: &str) -> io::Result<Value> {
    let began = Instant::now();
    loop {
        let job = client.get(&format!("/api/v2/jobs/{id}"))?.expect(200).body;
        if job["status"] != "pending" {
            return Ok(job);
        }
        assert!(began.elapsed() < Duration::from_secs(30), "it never ends: {job}");
        std::thread::yield_now();
    }
}

/// Kills a server at every so-manieth point of what is asked for, until none is reached any more;
/// how many jobs were left for the next server.
fn killed_everywhere(
    installation: &Installation,
    step: usize,
    ask: impl Fn(&mut Client, u64) -> io::Result<String>,
    check: impl Fn(&mut Client, u64, &Value),
) -> usize {
    let mut left = 0;
    for n in (1..).step_by(step) {
        assert!(n < TOO_MANY, "a job has no end");
        let shim = installation.shim();
        let server = installation.serve_on(&shim);
        let mut client = server.client();
        shim.order(Fault::Kill(n));
        let asked = ask(&mut client, n).ok();
        let done = asked.as_ref().is_some_and(|id| ended(&mut client, id).is_ok());
        if done {
            server.kill();
        } else {
            server.wait();
        }
        shim.lose_power();

        let server = installation.serve();
        let mut client = server.client();
        if let Some(id) = asked {
            left += usize::from(!done);
            let job = ended(&mut client, &id).unwrap();
            assert_eq!(job["status"], "completed", "{job}");
            check(&mut client, n, &job);
        }
        server.kill();
        if done {
            break;
        }
    }
    println!("killed at every {step}th point: {left} jobs were left for the next server");
    left
}

#[test]
fn an_export_that_is_killed_anywhere_has_everybody_once() {
    let installation = Installation::new();
    let server = installation.serve();
    let mut client = server.client();
    let mut people = BTreeSet::new();
    for n in 0..USERS {
        // So long that the file takes several steps.
        let user = json!({"connection": "Username-Password-Authentication", "email": format!("u{n}@x.example"),
            "password": "Correct-Horse-1", "user_metadata": {"text": "x".repeat(20_000)}});
        let made = client.post("/api/v2/users", &user).unwrap().expect(201);
        people.insert(made.text("user_id").to_owned());
    }
    server.kill();
    let ask = |client: &mut Client, _| {
        let asked = client.post("/api/v2/jobs/users-exports", &json!({"format": "json"}))?;
        Ok(asked.expect(200).text("id").to_owned())
    };
    let left = killed_everywhere(&installation, rounds(211, 13), ask, |client, _, job| {
        let (_, path) = job["location"].as_str().unwrap().split_once("/u/").unwrap();
        let file = client.get(&format!("/u/{path}")).unwrap().expect(200).bytes;
        let ids: Vec<String> = String::from_utf8(file)
            .unwrap()
            .lines()
            .map(|line| {
                serde_json::from_str::<Value>(line).unwrap()["user_id"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        assert_eq!(ids.len(), people.len());
        assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), people);
    });
    assert!(left > 0);
}

#[test]
fn an_import_that_is_killed_anywhere_makes_everybody_once() {
    let installation = Installation::new();
    let server = installation.serve();
    let mut client = server.client();
    let connections = client.get("/api/v2/connections").unwrap().expect(200).body;
    let named = |one: &&Value| one["name"] == "Username-Password-Authentication";
    let connection = connections.as_array().unwrap().iter().find(named).unwrap()["id"].clone();
    let connection = connection.as_str().unwrap().to_owned();
    server.kill();
    let email = |n: u64, row: usize| format!("r{n}u{row}@x.example");
    let ask = |client: &mut Client, n| {
        let mut rows: Vec<Value> = (0..ROWS).map(|row| json!({"email": email(n, row)})).collect();
        rows.insert(7, json!({"email": "broken"}));
        let body = format!(
            "--b\r\ncontent-disposition: form-data; name=\"users\"; filename=\"u.json\"\r\n\r\n{}\r\n--b\r\n\
             content-disposition: form-data; name=\"connection_id\"\r\n\r\n{connection}\r\n--b--\r\n",
            json!(rows)
        );
        let asked = client.upload(
            "/api/v2/jobs/users-imports",
            "multipart/form-data; boundary=b",
            body.as_bytes(),
        )?;
        Ok(asked.expect(202).text("id").to_owned())
    };
    let left = killed_everywhere(&installation, rounds(401, 29), ask, |client, n, job| {
        let summary = json!({"failed": 1, "updated": 0, "inserted": ROWS, "total": ROWS + 1});
        assert_eq!(job["summary"], summary, "{job}");
        let path = format!("/api/v2/jobs/{}/errors", job["id"].as_str().unwrap());
        assert_eq!(client.get(&path).unwrap().expect(200).body.as_array().unwrap().len(), 1);
        for row in 0..ROWS {
            let path = format!("/api/v2/users-by-email?email={}", email(n, row));
            let found = client.get(&path).unwrap().expect(200).body;
            assert_eq!(found.as_array().unwrap().len(), 1, "{}", email(n, row));
        }
    });
    assert!(left > 0);
}
