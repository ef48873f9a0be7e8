//! What one server changes, the others see: at once what is asked of the database, and within a
//! second what is believed for so long.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use oneself::clock::SystemRandomness;
use oneself::secret::ExposeSecret as _;
use oneself::store::postgres::KNOWN_FOR;
use oneself::vault::RootKey;
use serde_json::{Value, json};

use super::{Servers, make_user};
use crate::blackbox::http::Client;
use crate::blackbox::server::Server;
use crate::support::database;

/// Asks again until the answer has this status; it must not take longer than rows are believed.
#[track_caller]
fn within_a_second(status: u16, mut ask: impl FnMut() -> u16) {
    let begun = Instant::now();
    while ask() != status {
        assert!(
            begun.elapsed() < KNOWN_FOR + Duration::from_millis(500),
            "it took too long"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_client_with_a_new_secret_is_refused_by_every_server() {
    let servers = Servers::start(2);
    let mut clients = servers.clients();
    for client in &mut clients {
        client.get("/link/v1/users?limit=1").unwrap().expect(200);
    }
    servers
        .installation
        .answer(&["tenant", "rotate-secret", "acme", "--json"]);
    for client in &mut clients {
        within_a_second(401, || client.get("/link/v1/users?limit=1").unwrap().status);
    }
}

#[test]
fn a_connection_that_one_server_deletes_is_gone_at_the_other() {
    let servers = Servers::start(2);
    let mut clients = servers.clients();
    let user = make_user(&mut clients[0]);
    let [one, other] = &mut clients[..] else {
        panic!("there are two")
    };
    let path = format!("/link/v1/users/{user}/identities");
    let body = |n: usize| json!({"connection": "twitter", "subject": n.to_string()});
    other.post(&path, &body(0)).unwrap().expect(201);
    let found = one.get("/api/v2/connections?name=twitter").unwrap().expect(200);
    let id = found.body[0]["id"].as_str().unwrap().to_owned();
    one.delete(&format!("/api/v2/connections/{id}")).unwrap().expect(202);
    let mut n = 0;
    within_a_second(404, || {
        n += 1;
        other.post(&path, &body(n)).unwrap().status
    });
    let left = "SELECT count(*) FROM oneself.identities AS i WHERE NOT EXISTS
                (SELECT 1 FROM oneself.connections AS c WHERE c.tenant = i.tenant AND c.id = i.connection)";
    assert_eq!(
        servers.number(left),
        0,
        "no account is left of a connection that is gone"
    );
}

#[test]
fn a_user_who_is_deleted_by_one_server_is_gone_at_the_other_at_once() {
    let servers = Servers::start(2);
    let mut clients = servers.clients();
    let user = make_user(&mut clients[0]);
    let path = format!("/link/v1/users/{user}/identities");
    let body = json!({"connection": "twitter", "subject": "1", "tokens": {"access_token": "t"}});
    clients[1].post(&path, &body).unwrap().expect(201);
    let deleted = clients[0].delete(&format!("/api/v2/users/auth0%7C{user}")).unwrap();
    deleted.expect(204);
    clients[1].get("/link/v1/identities/twitter/1").unwrap().expect(404);
    let again = json!({"connection": "twitter", "subject": "2", "tokens": {"access_token": "t"}});
    clients[1].post(&path, &again).unwrap().expect(404);
}

#[test]
fn a_user_who_is_absorbed_and_back_has_another_key_at_every_server() {
    let servers = Servers::start(2);
    let mut clients = servers.clients();
    let (stays, goes) = (make_user(&mut clients[0]), make_user(&mut clients[0]));
    let [one, other] = &mut clients[..] else {
        panic!("there are two")
    };
    let path = format!("/link/v1/users/{goes}/identities");
    let profile = format!("/api/v2/users/auth0%7C{goes}");
    let link = |client: &mut Client, subject: &str| {
        let body = json!({"connection": "twitter", "subject": subject, "tokens": {"access_token": subject}});
        client.post(&path, &body).unwrap().expect(201)
    };
    let tokens = |client: &mut Client| {
        let found = client.get(&profile).unwrap().expect(200);
        let identities = found.body["identities"].as_array().unwrap().iter();
        identities
            .map(|identity| identity["access_token"].as_str().unwrap_or("none").to_owned())
            .collect::<Vec<_>>()
    };
    link(one, "before");
    assert_eq!(
        tokens(other),
        ["none", "before"],
        "now both servers have the key in memory"
    );

    // Her key is erased when she is absorbed, and she gets a new one when she is back.
    let identities = format!("/api/v2/users/auth0%7C{stays}/identities");
    let absorbed = json!({"provider": "auth0", "user_id": goes});
    one.post(&identities, &absorbed).unwrap().expect(201);
    one.delete(&format!("{identities}/auth0/{goes}")).unwrap().expect(200);
    link(one, "first");
    assert_eq!(tokens(other), ["none", "first"]);

    // The same once more, and the server that knows the old key is the one that seals.
    one.post(&identities, &absorbed).unwrap().expect(201);
    one.delete(&format!("{identities}/auth0/{goes}")).unwrap().expect(200);
    link(one, "second");
    link(other, "third");
    assert_eq!(tokens(one), ["none", "second", "third"]);
    assert_eq!(tokens(other), ["none", "second", "third"]);
}

#[test]
fn two_commands_that_begin_at_once_on_an_empty_database_make_one_installation() {
    let database = super::wait(database::fresh());
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("root.key");
    let text = RootKey::generate(&SystemRandomness::new()).to_text();
    std::fs::write(&key, text.expose_secret()).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o400)).unwrap();
    let command = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oneself"));
        command.args(arguments).arg("--root-key-file").arg(&key);
        command.arg("--data").arg(folder.path().join("unused"));
        command.env("ONESELF_DATABASE_URL", database.url());
        command
    };
    let made: Vec<Value> = std::thread::scope(|scope| {
        let making: Vec<_> = ["one", "other"]
            .into_iter()
            .map(|name| {
                let mut create = command(&["tenant", "create", name, "--json"]);
                scope.spawn(move || create.output().unwrap())
            })
            .collect();
        let made = making.into_iter().map(|making| making.join().unwrap());
        made.map(|made| serde_json::from_slice(&made.stdout).unwrap_or_else(|_| panic!("{made:?}")))
            .collect()
    });
    for credentials in &made {
        let serve = command(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "",
            "--log-level",
            "warn",
        ]);
        let server = Server::start(serve, credentials);
        server.client().get("/link/v1/users?limit=1").unwrap().expect(200);
    }
}
