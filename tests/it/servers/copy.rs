//! `oneself copy`: all that is in a directory, in a database, whatever cuts it off.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};

use super::wait;
use crate::blackbox::rounds;
use crate::blackbox::server::{Installation, Server};
use crate::support::database::{self, Database};

/// An installation in a directory with so many users, each with an account that has tokens.
fn installation(users: usize) -> Installation {
    let installation = Installation::new();
    installation.answer(&["tenant", "set", "acme", "link_unknown=create"]);
    let lines: String = (0..users)
        .map(|n| {
            let line = json!({
                "profile": {"email": format!("p{n}@people.example"), "name": format!("Person {n}")},
                "user_metadata": {"n": n, "odd key": "ü"},
                "identities": [
                    {"connection": "oneself"},
                    {"connection": "twitter", "subject": format!("t{n}"), "tokens": {"access_token": format!("a{n}")}},
                ],
            });
            format!("{line}\n")
        })
        .collect();
    let file = installation.folder().join("people.ndjson");
    std::fs::write(&file, lines).unwrap();
    let imported = installation.answer(&["import", "--tenant", "acme", file.to_str().unwrap(), "--json"]);
    assert_eq!(imported["users"], users, "{imported}");
    installation
}

fn copy(installation: &Installation, database: &Database) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oneself"));
    command.args(["copy", "--json", "--from"]);
    command.arg(format!("sqlite:{}", installation.data().display()));
    command.arg("--to").arg(database.url());
    command
}

fn done(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Waits until so many users have arrived.
fn until_copied(database: &Database, users: i64) {
    wait(async {
        let client = database::connect(&database.url()).await;
        loop {
            let count = "SELECT count(*) FROM oneself.users";
            let arrived = client.query_one(count, &[]).await.map_or(0, |row| row.get::<_, i64>(0));
            if arrived >= users {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
}

#[test]
fn a_directory_is_copied_whole_though_it_is_killed_twice() {
    let users = rounds(12_000, 200_000);
    let installation = installation(users);
    for path in [installation.data(), installation.data().join("data.db")] {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode & !0o222)).unwrap();
    }
    let database = wait(database::fresh());
    for share in [4, 2] {
        let mut child = copy(&installation, &database).spawn().unwrap();
        until_copied(&database, i64::try_from(users / share).unwrap().min(10_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let serve = installation_in(&database, &installation).output().unwrap();
        assert_eq!(serve.status.code(), Some(78), "no server opens half a copy: {serve:?}");
    }
    let told = done(&copy(&installation, &database).output().unwrap());
    let tenant = told["tenants"]
        .as_array()
        .unwrap()
        .iter()
        .find(|of| !of["tenant"].is_null());
    assert_eq!(tenant.unwrap()["tables"]["users"]["rows"], users, "{told}");
    let again = copy(&installation, &database).output().unwrap();
    assert!(!again.status.success(), "what is in use is not copied into");

    let server = Server::start(installation_in(&database, &installation), installation.credentials());
    let mut client = server.client();
    for n in [0, users / 2, users - 1] {
        let owner = client
            .get(&format!("/link/v1/identities/twitter/t{n}"))
            .unwrap()
            .expect(200);
        let id = owner.text("id").to_owned();
        let tokens = client.get(&format!("/api/v2/users/auth0%7C{id}")).unwrap().expect(200);
        assert_eq!(tokens.body["email"], format!("p{n}@people.example"));
        let path = format!("/link/v1/users/{id}/identities");
        let body = json!({"connection": "twitter", "subject": format!("new{n}"), "tokens": {"access_token": "x"}});
        client.post(&path, &body).unwrap().expect(201);
    }
    let mut doctor = Command::new(env!("CARGO_BIN_EXE_oneself"));
    doctor.args(["doctor"]).env("ONESELF_DATABASE_URL", database.url());
    doctor.arg("--root-key-file").arg(root_key(&installation));
    let said = doctor.output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
}

fn root_key(installation: &Installation) -> std::path::PathBuf {
    installation.data().with_added_extension("root.key")
}

/// How a server is started on the copy.
fn installation_in(database: &Database, installation: &Installation) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oneself"));
    command.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "",
        "--log-level",
        "warn",
    ]);
    command.arg("--root-key-file").arg(root_key(installation));
    command.env("ONESELF_DATABASE_URL", database.url());
    command
}

#[test]
fn what_cannot_be_copied_is_refused_with_what_to_do() {
    let installation = installation(3);
    let server = installation.serve();
    let database = wait(database::fresh());
    let output = copy(&installation, &database).output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("is in use by"),
        "{output:?}"
    );
    drop(server);
    for (from, to, code, said) in [
        ("postgres://x", database.url(), 2, "--from is sqlite:DIR"),
        ("sqlite:/nowhere", database.url(), 2, "holds no data"),
        ("", "postgres://u@127.0.0.1:1/d".to_owned(), 1, "refused"),
        (
            "",
            "mysql://u@127.0.0.1/d".to_owned(),
            78,
            "does not begin with postgres://",
        ),
    ] {
        let here = format!("sqlite:{}", installation.data().display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_oneself"));
        command.args([
            "copy",
            "--from",
            if from.is_empty() { &here } else { from },
            "--to",
            &to,
        ]);
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{errors}");
        assert!(errors.contains(said), "{said}: {errors}");
    }
}
