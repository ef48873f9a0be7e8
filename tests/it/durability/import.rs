//! An import is killed with the power again and again, and goes on each time: what is there in
//! the end is what an import leaves that nobody disturbed.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::token_of;
use crate::blackbox::rounds;
use crate::blackbox::server::Installation;
use crate::blackbox::shim::Fault;
use crate::blackbox::state::{State, pages};

/// Three acts of users.
const USERS: usize = 700;

/// How many points further each run comes than the one before. A run that is cut off leaves keys of users who
/// then were not made, so with small steps the next would hardly come further.
const STEP: usize = 7;

fn file() -> String {
    let mut text = String::new();
    for n in 0..USERS {
        let subject = format!("t{n}");
        let line = match n % 50 {
            7 => json!({"nonsense": n}),
            8 => json!({"identities": [{"connection": "oneself"}, {"connection": "twitter", "subject": "t0"}]}),
            _ => json!({
                "profile": {"name": format!("Ada {n}")},
                "app_metadata": {"number": n},
                "identities": [
                    {"connection": "oneself"},
                    {"connection": "twitter", "subject": subject, "tokens": {"access_token": token_of(&subject)}},
                ],
            }),
        };
        text.push_str(&format!("{line}\n"));
    }
    text
}

/// What there is, without the ids that chance gives.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    users: usize,
    tokens: BTreeMap<String, Option<String>>,
    events: BTreeMap<String, usize>,
    terms: i64,
    keys: i64,
    days: i64,
    refused: String,
}

fn count(installation: &Installation, file: &str, sql: &str) -> i64 {
    let file = rusqlite::Connection::open(installation.data().join(file)).unwrap();
    file.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn seen(installation: &Installation) -> Seen {
    // A crash leaves keys of users who then were not made; they do no harm.
    let examined = installation.answer(&["doctor", "--sweep", "--json"]);
    assert_eq!(examined["sound"], true, "{examined}");
    let chained = installation.answer(&["audit", "verify", "--json"]);
    assert_eq!(chained["sound"], true, "{chained}");
    let server = installation.serve();
    let mut client = server.client();
    let state = State::read(&mut client);
    let mut events = BTreeMap::new();
    for event in pages(&mut client, "/link/v1/events", "events") {
        *events.entry(event["type"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    server.kill();
    let of_twitter = state.accounts.iter().filter(|(subject, _)| subject.starts_with('t'));
    Seen {
        users: state.users.len(),
        tokens: of_twitter
            .map(|(subject, account)| (subject.clone(), account.token.clone()))
            .collect(),
        events,
        terms: count(installation, "data.db", "SELECT count(*) FROM terms"),
        keys: count(installation, "keys.db", "SELECT count(*) FROM keys"),
        days: count(installation, "data.db", "SELECT sum(signups) FROM day_counts"),
        refused: fs::read_to_string(installation.folder().join("refused")).unwrap(),
    }
}

fn arguments(installation: &Installation) -> Vec<String> {
    let path = |name: &str| installation.folder().join(name).to_str().unwrap().to_owned();
    let (file, refused) = (path("users.ndjson"), path("refused"));
    ["import", "--tenant", "acme", "--json", &file, "--errors", &refused]
        .map(str::to_owned)
        .to_vec()
}

fn installation() -> Installation {
    let installation = Installation::new();
    fs::write(installation.folder().join("users.ndjson"), file()).unwrap();
    installation
}

fn run(installation: &Installation) -> Value {
    let arguments = arguments(installation);
    let output = installation.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(1), "some lines are refused");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn an_import_that_is_killed_again_and_again_ends_like_one_that_was_not() {
    let undisturbed = installation();
    let summary = run(&undisturbed);
    let expected = seen(&undisturbed);
    assert_eq!(expected.users, USERS - 28);
    assert_eq!(expected.refused.lines().count(), 28);

    for first in 1..=u64::try_from(rounds(1, STEP)).unwrap() {
        let disturbed = installation();
        let arguments = arguments(&disturbed);
        let mut kills = 0;
        for n in 1.. {
            assert!(n < 400, "an import has no end");
            let shim = disturbed.shim();
            let mut command = disturbed.command(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
            shim.preload(&mut command);
            shim.order(Fault::Kill(first + n * STEP as u64));
            let ended = command.output().unwrap();
            shim.lose_power();
            if ended.status.code().is_some() {
                break;
            }
            kills += 1;
        }
        assert!(kills > 5, "it was killed {kills} times only");
        let last = run(&disturbed);
        for name in ["lines", "users", "identities", "refused"] {
            assert_eq!(last[name], summary[name], "{name}");
        }
        assert_eq!(seen(&disturbed), expected, "after {kills} kills from {first} on");
        println!("killed {kills} times");
    }
}

/// Begins with the file and is killed; how many of its lines are done.
fn cut_off(installation: &Installation) -> i64 {
    let arguments = arguments(installation);
    for n in (60..).step_by(20) {
        let shim = installation.shim();
        let mut command = installation.command(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        shim.preload(&mut command);
        shim.order(Fault::Kill(n));
        assert_eq!(command.output().unwrap().status.code(), None, "it was killed");
        shim.lose_power();
        let done = count(installation, "data.db", "SELECT coalesce(max(lines), 0) FROM imports");
        if done > 0 {
            return done;
        }
    }
    unreachable!("kills have no end")
}

#[test]
fn sec_ops_05_a_restored_import_goes_on_after_the_lines_that_the_backup_has() {
    let installation = installation();
    let before = cut_off(&installation);
    assert!((1..USERS as i64).contains(&before), "{before}");
    let place = |name: &str| installation.folder().join(name).to_str().unwrap().to_owned();
    let (backup, keys) = (place("backup"), place("keys"));
    installation.answer(&["backup", "create", &backup, "--keys", &keys, "--json"]);
    let whole = run(&installation);
    let server = installation.serve();
    let mut client = server.client();
    let last = format!("t{}", USERS - 1);
    // One is of a line that the backup has done, and one is not.
    for subject in ["t1", &last] {
        let path = format!("/link/v1/identities/twitter/{subject}");
        let owner = client.get(&path).unwrap().expect(200).text("id").to_owned();
        client
            .delete(&format!("/api/v2/users/auth0%7C{owner}"))
            .unwrap()
            .expect(204);
    }
    server.kill();
    let (data, broken) = (place("data"), place("broken"));
    fs::rename(&data, &broken).unwrap();
    let ledger = format!("{broken}/ledger");
    let mut restore = Command::new(env!("CARGO_BIN_EXE_oneself"));
    restore.args([
        "backup", "restore", &backup, "--keys", &keys, "--to", &data, "--ledger", &ledger,
    ]);
    let output = restore.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let again = run(&installation);
    assert_eq!(again["resumed_after"], before);
    for name in ["lines", "users", "identities", "refused"] {
        assert_eq!(again[name], whole[name], "{name}");
    }
    let found = seen(&installation);
    assert_eq!(found.users as u64, whole["users"].as_u64().unwrap() - 1);
    assert!(!found.tokens.contains_key("t1"), "the ledger says that she is gone");
    assert!(found.tokens.contains_key("t2") && found.tokens.contains_key(&last));
    assert_eq!(run(&installation)["done_before"], true);
}

#[test]
fn a_file_that_changed_is_a_new_import_and_told_so() {
    let installation = installation();
    let lines_before = cut_off(&installation);
    fs::write(installation.folder().join("users.ndjson"), file() + "{}\n").unwrap();
    let summary = run(&installation);
    assert_eq!(summary["other_file_before"], lines_before);
    assert_eq!(summary["resumed_after"], Value::Null);
    assert_eq!(summary["lines"], USERS + 1);
    // Who was made before is refused, because her accounts are hers already.
    let made_before = (0..lines_before).filter(|n| ![7, 8].contains(&(n % 50))).count();
    assert_eq!(summary["refused"], 28 + made_before, "{lines_before}");
}
