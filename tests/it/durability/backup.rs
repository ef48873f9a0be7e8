//! Backups of a server at work, and what is in the restored copy.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::{account, identities_of, new_user, token_of};
use crate::blackbox::http::Client;
use crate::blackbox::rounds;
use crate::blackbox::server::{Installation, Server};
use crate::blackbox::state::State;

/// A path beside the data directory, as an argument.
fn beside(installation: &Installation, name: &str) -> String {
    installation.folder().join(name).to_str().unwrap().to_owned()
}

/// A command on another data directory of the same root key.
fn command_on(installation: &Installation, data: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oneself"));
    command.args(arguments).arg("--data").arg(data);
    command
        .arg("--root-key-file")
        .arg(installation.folder().join("data.root.key"));
    command.env("ONESELF_TEST_CHEAP_PASSWORDS", "1");
    command
}

fn serve_on(installation: &Installation, data: &str) -> Server {
    let serve = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "",
        "--log-level",
        "warn",
    ];
    Server::start(command_on(installation, data, &serve), installation.credentials())
}

/// Restores to `restored`, with further arguments; what it said.
#[track_caller]
fn restore(installation: &Installation, to: &str, more: &[&str]) -> String {
    let (data, keys) = (beside(installation, "backup"), beside(installation, "backup-keys"));
    let key = beside(installation, "data.root.key");
    let mut command = Command::new(env!("CARGO_BIN_EXE_oneself"));
    command.args([
        "backup",
        "restore",
        &data,
        "--keys",
        &keys,
        "--to",
        to,
        "--root-key-file",
        &key,
    ]);
    let output = command.args(more).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn create(installation: &Installation) {
    let (data, keys) = (beside(installation, "backup"), beside(installation, "backup-keys"));
    installation.answer(&["backup", "create", &data, "--keys", &keys, "--json"]);
}

#[track_caller]
fn is_healthy(installation: &Installation, data: &str) {
    let output = command_on(installation, data, &["doctor"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Clients link and unlink all the while; whatever was answered before the backup began is in the
/// copy with its tokens.
#[test]
fn every_link_that_was_answered_before_a_backup_is_in_it() {
    const CLIENTS: usize = 16;
    let installation = Installation::new();
    let server = installation.serve();
    let mut client = server.client();
    let users: Vec<String> = (0..CLIENTS).map(|_| new_user(&mut client)).collect();
    let token = server.token();
    let answered = Mutex::new(BTreeMap::new());
    let stop = AtomicBool::new(false);
    let (before, meanwhile) = thread::scope(|scope| {
        for (n, user) in users.iter().enumerate() {
            let (answered, stop, token, address) = (&answered, &stop, &token, server.address());
            scope.spawn(move || {
                let mut client = Client::connect(address, token).unwrap();
                for m in 0.. {
                    let subject = format!("{n}-{m}");
                    let linked = client.post(&identities_of(user), &account(&subject)).unwrap();
                    linked.expect(201);
                    answered.lock().unwrap().insert(subject, user.clone());
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
        }
        while answered.lock().unwrap().len() < rounds(500, 20_000) {
            thread::sleep(Duration::from_millis(5));
        }
        let before = answered.lock().unwrap().clone();
        create(&installation);
        let meanwhile = answered.lock().unwrap().len() - before.len();
        stop.store(true, Ordering::Relaxed);
        (before, meanwhile)
    });
    assert!(meanwhile > 0, "nobody could link while it was made");
    server.kill();

    let (data, keys) = (beside(&installation, "backup"), beside(&installation, "backup-keys"));
    let verified = installation.run(&["backup", "verify", &data, "--keys", &keys]);
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stdout)
    );
    let to = beside(&installation, "restored");
    restore(&installation, &to, &[]);
    is_healthy(&installation, &to);
    let server = serve_on(&installation, &to);
    let state = State::read(&mut server.client());
    for (subject, user) in &before {
        assert_eq!(state.owner(subject), Some(user.as_str()), "{subject}");
        assert_eq!(state.token(subject), Some(token_of(subject).as_str()), "{subject}");
    }
    println!("{} links before, {meanwhile} meanwhile", before.len());
}

#[test]
fn sec_ops_05_what_was_deleted_after_the_backup_stays_gone() {
    let installation = Installation::new();
    let server = installation.serve();
    let mut client = server.client();
    let (gone, stays) = (new_user(&mut client), new_user(&mut client));
    for (user, subject) in [(&gone, "hers"), (&stays, "freed"), (&stays, "split"), (&stays, "kept")] {
        client
            .post(&identities_of(user), &account(subject))
            .unwrap()
            .expect(201);
    }
    let state = State::read(&mut client);
    create(&installation);
    client
        .delete(&format!("/api/v2/users/auth0%7C{gone}"))
        .unwrap()
        .expect(204);
    let freed = &state.accounts["freed"].identity;
    client
        .delete(&format!("{}/{freed}", identities_of(&stays)))
        .unwrap()
        .expect(204);
    client
        .delete(&format!("/api/v2/users/auth0%7C{stays}/identities/twitter/split"))
        .unwrap()
        .expect(200);
    client
        .post(&identities_of(&stays), &account("later"))
        .unwrap()
        .expect(201);
    let now = State::read(&mut client);
    server.kill();

    let to = beside(&installation, "restored");
    let said = restore(&installation, &to, &[]);
    assert!(said.contains("1 users") && said.contains("1 splits"), "{said}");
    is_healthy(&installation, &to);
    let server = serve_on(&installation, &to);
    let found = State::read(&mut server.client());
    assert!(!found.users.contains(&gone));
    assert_eq!(found.users, now.users, "the one who was split off has her id");
    for gone in ["hers", "freed", "later"] {
        assert_eq!(found.owner(gone), None, "{gone}");
    }
    assert_eq!(found.owner("split"), now.owner("split"));
    assert_eq!(found.token("kept"), Some(token_of("kept").as_str()));
    server.kill();

    let other = beside(&installation, "other");
    restore(&installation, &other, &["--without-ledger"]);
    is_healthy(&installation, &other);
    let server = serve_on(&installation, &other);
    let found = State::read(&mut server.client());
    assert_eq!(
        found.owner("hers"),
        Some(gone.as_str()),
        "or the test would show nothing"
    );
}

/// The copies of her key are gone, and with them her tokens, though nothing says that she was erased.
#[test]
fn sec_vlt_05_with_later_keys_an_erased_user_has_no_tokens_in_an_older_copy() {
    let installation = Installation::new();
    let server = installation.serve();
    let mut client = server.client();
    let (gone, stays) = (new_user(&mut client), new_user(&mut client));
    for (user, subject) in [(&gone, "hers"), (&stays, "kept")] {
        let linked = client.post(&identities_of(user), &account(subject)).unwrap();
        linked.expect(201);
    }
    create(&installation);
    let erased = client.delete(&format!("/api/v2/users/auth0%7C{gone}")).unwrap();
    erased.expect(204);
    let (later, keys) = (beside(&installation, "later"), beside(&installation, "later-keys"));
    installation.answer(&["backup", "create", &later, "--keys", &keys, "--json"]);
    server.kill();
    std::fs::remove_dir_all(beside(&installation, "backup-keys")).unwrap();
    std::fs::rename(keys, beside(&installation, "backup-keys")).unwrap();

    let to = beside(&installation, "restored");
    let data = beside(&installation, "backup");
    let verify = [
        "backup",
        "verify",
        &data,
        "--keys",
        &beside(&installation, "backup-keys"),
    ];
    let said = String::from_utf8(installation.run(&verify).stdout).unwrap();
    assert!(said.contains("1 users have tokens and no key"), "{said}");
    restore(&installation, &to, &["--without-ledger"]);
    is_healthy(&installation, &to);
    let server = serve_on(&installation, &to);
    let found = State::read(&mut server.client());
    assert_eq!((found.owner("hers"), found.token("hers")), (Some(gone.as_str()), None));
    assert_eq!(found.token("kept"), Some(token_of("kept").as_str()));
}

/// Whoever has an older copy of the files finds no server that serves it.
#[test]
fn sec_ops_05_files_put_back_by_hand_are_refused_beside_their_ledger() {
    let installation = Installation::new();
    let server = installation.serve();
    let mut client = server.client();
    let people: Vec<String> = (0..3).map(|_| new_user(&mut client)).collect();
    server.kill();
    installation.answer(&["tenant", "list"]);
    let files = ["data.db", "keys.db"].map(|name| {
        let path = installation.data().join(name);
        (path.clone(), std::fs::read(path).unwrap())
    });
    let server = installation.serve();
    let mut client = server.client();
    for user in people {
        client
            .delete(&format!("/api/v2/users/auth0%7C{user}"))
            .unwrap()
            .expect(204);
    }
    server.kill();
    installation.answer(&["tenant", "list"]);
    for (path, bytes) in files {
        std::fs::write(path, bytes).unwrap();
    }
    let refused = installation.run(&["tenant", "list"]);
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(78), "{errors}");
    assert!(errors.contains("older") && errors.contains("ledger"), "{errors}");
}

/// A restore that is killed has restored all or nothing, and the next one succeeds.
#[test]
fn a_restore_is_done_or_not_wherever_it_is_killed() {
    let installation = Installation::new();
    let server = installation.serve();
    let mut client = server.client();
    let user = new_user(&mut client);
    client.post(&identities_of(&user), &account("1")).unwrap().expect(201);
    create(&installation);
    server.kill();
    let (data, keys) = (beside(&installation, "backup"), beside(&installation, "backup-keys"));
    let key = beside(&installation, "data.root.key");
    let mut cut_short = 0;
    for round in 0..rounds(12, 60) {
        let to = beside(&installation, &format!("restored-{round}"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_oneself"));
        command.args([
            "backup",
            "restore",
            &data,
            "--keys",
            &keys,
            "--to",
            &to,
            "--root-key-file",
            &key,
        ]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(4 * u64::try_from(round).unwrap()));
        let _ = child.kill();
        child.wait().unwrap();
        if !Path::new(&to).exists() {
            cut_short += 1;
            restore(&installation, &to, &[]);
        }
        let tenants = command_on(&installation, &to, &["tenant", "list"]).output().unwrap();
        assert!(String::from_utf8_lossy(&tenants.stdout).contains("acme"));
    }
    assert!(cut_short > 0, "none was cut short");
    let names = std::fs::read_dir(installation.folder()).unwrap();
    let left = names.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().contains("restoring")
    });
    assert_eq!(left.count(), 0, "what was cut short was cleared away");
}

/// An act that fails on a broken disk is neither done nor in the ledger; one that is done is in both.
#[test]
fn sec_ops_05_the_ledger_and_the_data_agree_wherever_the_disk_breaks() {
    use crate::blackbox::shim::Fault;
    let installation = Installation::new();
    let shim = installation.shim();
    let server = installation.serve_on(&shim);
    let mut client = server.client();
    let user = new_user(&mut client);
    let (mut gone, mut there) = (Vec::new(), Vec::new());
    let mut done_in_a_row = 0;
    for n in (1..60).step_by(rounds(3, 1)) {
        let linked = client.post(&identities_of(&user), &account(&n.to_string())).unwrap();
        let identity = linked.expect(201).text("id").to_owned();
        shim.order(Fault::Broken(n));
        let answer = client
            .delete(&format!("{}/{identity}?force=true", identities_of(&user)))
            .unwrap();
        shim.heal();
        if answer.status == 204 {
            gone.push(identity);
            done_in_a_row += 1;
        } else {
            assert_eq!(answer.status, 503, "{answer:?}");
            there.push(identity);
            done_in_a_row = 0;
        }
        if done_in_a_row == 3 {
            break;
        }
    }
    assert!(there.len() > 2, "only {} acts met the fault", there.len());
    let last = client.post("/link/v1/users", &json!({})).unwrap().expect(201);
    client
        .delete(&format!("/api/v2/users/auth0%7C{}", last.text("id")))
        .unwrap()
        .expect(204);
    server.kill();
    let contents = oneself::store::ledger::read(&installation.data().join("ledger"))
        .unwrap()
        .unwrap();
    let told: Vec<String> = contents.losses.iter().map(|(_, loss)| loss.to_string()).collect();
    for identity in gone {
        assert!(told.iter().any(|loss| loss.contains(&identity)), "{identity} is gone");
    }
    for identity in there {
        assert!(!told.iter().any(|loss| loss.contains(&identity)), "{identity} is there");
    }
}

/// An import in a copy would make users again who have been erased since it was made.
#[test]
fn a_restored_backup_has_no_jobs() {
    let installation = Installation::new();
    let server = installation.serve();
    let mut client = server.client();
    let asked = client
        .post("/api/v2/jobs/users-exports", &json!({}))
        .unwrap()
        .expect(200);
    let job = format!("/api/v2/jobs/{}", asked.text("id"));
    create(&installation);
    client.get(&job).unwrap().expect(200);
    server.kill();
    let to = beside(&installation, "restored");
    restore(&installation, &to, &[]);
    is_healthy(&installation, &to);
    let server = serve_on(&installation, &to);
    server.client().get(&job).unwrap().expect(404);
}
