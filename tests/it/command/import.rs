//! Users taken over from files: what comes of a line, and that a bad one is refused alone.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::blackbox::http::Client;
use crate::blackbox::server::Installation;
use crate::blackbox::state::{State, pages};

const DATABASE: &str = "Username-Password-Authentication";

/// Of the word `U*U`.
const BCRYPT: &str = "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

/// How an import ended.
struct Done {
    exit: i32,
    /// The summary, if there is one.
    summary: Value,
    said: String,
    refused: Vec<Value>,
}

fn write(installation: &Installation, text: impl AsRef<[u8]>) -> PathBuf {
    let path = installation.folder().join("users.ndjson");
    fs::write(&path, text).unwrap();
    path
}

fn import(installation: &Installation, more: &[&str]) -> Done {
    let file = installation.folder().join("users.ndjson");
    let errors = installation.folder().join("errors.ndjson");
    let mut arguments = vec!["import", "--tenant", "acme", "--json", file.to_str().unwrap()];
    arguments.extend(["--errors", errors.to_str().unwrap()]);
    arguments.extend(more);
    let output = installation.run(&arguments);
    let refused = fs::read_to_string(&errors).unwrap_or_default();
    Done {
        exit: output.status.code().unwrap(),
        summary: serde_json::from_slice(&output.stdout).unwrap_or_default(),
        said: String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        refused: refused
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    }
}

impl Done {
    #[track_caller]
    fn counts(&self, users: u64, identities: u64, refused: u64) {
        let counted = ["users", "identities", "refused"].map(|name| self.summary[name].as_u64().unwrap());
        assert_eq!(
            counted,
            [users, identities, refused],
            "{} {:?}",
            self.said,
            self.refused
        );
        assert_eq!(self.exit, i32::from(refused > 0), "{}", self.said);
        assert_eq!(self.refused.len() as u64, refused, "{:?}", self.refused);
    }
}

fn lines(all: &[Value]) -> String {
    all.iter().map(|line| format!("{line}\n")).collect()
}

fn person(n: usize) -> Value {
    json!({"identities": [
        {"connection": "oneself"},
        {"connection": "twitter", "subject": format!("t{n}"), "tokens": {"access_token": format!("token of t{n}")}},
    ]})
}

fn log_in(installation: &Installation, client: &mut Client, password: &str) -> u16 {
    let web = installation.add_web_client();
    let request = json!({
        "grant_type": "http://auth0.com/oauth/grant-type/password-realm",
        "client_id": web["client_id"], "client_secret": web["client_secret"],
        "realm": DATABASE, "username": "Ada@x.example", "password": password, "scope": "openid",
    });
    client.post("/oauth/token", &request).unwrap().status
}

#[test]
fn everything_in_a_line_comes_back_with_and_without_a_server() {
    for served in [false, true] {
        let installation = Installation::new();
        let line = json!({
            "profile": {"email": "Ada@x.example", "email_verified": true, "name": "Ada Lovelace", "locale": "en"},
            "blocked": false,
            "created_at": "2019-02-03T04:05:06Z",
            "user_metadata": {"theme": "dark"},
            "app_metadata": {"plan": "pro"},
            "identities": [
                {"connection": DATABASE, "subject": "1815", "password_hash": BCRYPT},
                {
                    "connection": "twitter", "subject": "ada", "proof": "code_flow",
                    "profile": {"name": "countess", "followers": 7},
                    "tokens": {"access_token": "t-1", "refresh_token": "r-1", "expires_at": "2030-01-01T00:00:00Z"},
                },
                {"connection": "twitter", "subject": "also-ada"},
            ],
        });
        write(&installation, lines(&[line]));
        let (server, done) = match served {
            true => {
                let server = installation.serve();
                let done = import(&installation, &[]);
                (server, done)
            }
            false => {
                let done = import(&installation, &[]);
                (installation.serve(), done)
            }
        };
        done.counts(1, 3, 0);
        let mut client = server.client();
        let user = client.get("/api/v2/users/auth0%7C1815").unwrap().expect(200).body;
        assert_eq!(user["email"], "ada@x.example");
        assert_eq!(user["email_verified"], true);
        assert_eq!(user["name"], "Ada Lovelace");
        assert_eq!(user["locale"], "en");
        assert_eq!(user["created_at"], "2019-02-03T04:05:06.000Z");
        assert_eq!(user["user_metadata"]["theme"], "dark");
        assert_eq!(user["app_metadata"]["plan"], "pro");
        assert_eq!(user["identities"][1]["access_token"], "t-1");
        assert_eq!(user["identities"][1]["refresh_token"], "r-1");
        assert_eq!(user["identities"][1]["profileData"]["followers"], 7);
        let found = client
            .get("/api/v2/users?q=app_metadata.plan%3Apro%20AND%20email%3A%22ada%40x.example%22&search_engine=v3")
            .unwrap()
            .expect(200)
            .body;
        assert_eq!(found.as_array().unwrap().len(), 1);
        let events = pages(&mut client, "/link/v1/events", "events");
        let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["user.created", "identity.linked", "identity.linked"]);
        assert!(events.iter().all(|event| event["actor"] == "operator"), "{events:?}");
        assert_eq!(events[1]["proof"], "code_flow");
        assert_eq!(log_in(&installation, &mut server.stranger(), "U*U*"), 403);
        assert_eq!(log_in(&installation, &mut server.stranger(), "U*U"), 200);
        assert_eq!(log_in(&installation, &mut server.stranger(), "U*U"), 200);
    }
}

#[test]
fn sec_lnk_02_a_bad_line_is_refused_alone_by_line_path_and_reason() {
    let installation = Installation::new();
    let taken = json!({
        "profile": {"email": "taken@x.example"},
        "identities": [{"connection": DATABASE, "subject": "taken"}, {"connection": "twitter", "subject": "taken"}],
    });
    write(&installation, lines(&[taken]));
    import(&installation, &[]).counts(1, 2, 0);
    let hostile: Vec<Value> = serde_json::from_str(include_str!("../../data/hostile_import_lines.json")).unwrap();
    let mut text = String::new();
    for (n, one) in hostile.iter().enumerate() {
        text.push_str(&format!("{}\n{}\n", one["line"].as_str().unwrap(), person(n)));
    }
    write(&installation, &text);
    let checked = import(&installation, &["--dry-run"]);
    let done = import(&installation, &[]);
    let people = hostile.len() as u64;
    for done in [&checked, &done] {
        done.counts(people, 2 * people, people);
        let expected: Vec<_> = hostile
            .iter()
            .enumerate()
            .map(|(n, one)| json!([2 * n + 1, one["path"]]))
            .collect();
        let found: Vec<_> = done
            .refused
            .iter()
            .map(|one| json!([one["line"], one["path"]]))
            .collect();
        let differ: Vec<_> = expected
            .iter()
            .zip(&found)
            .filter(|(expected, found)| expected != found)
            .collect();
        assert!(differ.is_empty(), "{differ:?}");
        let said = format!("{} {:?}", done.said, done.refused);
        assert!(!said.contains("canary-secret"), "{said}");
    }
    let says = |(one, refused): &(&Value, &Value)| {
        let reason = refused["reason"].as_str().unwrap();
        !reason.is_empty() && reason.contains(one["reason"].as_str().unwrap())
    };
    let differ: Vec<_> = hostile.iter().zip(&done.refused).filter(|both| !says(both)).collect();
    assert!(differ.is_empty(), "{differ:?}");
    let server = installation.serve();
    let mut client = server.client();
    let users = pages(&mut client, "/link/v1/users", "users");
    assert_eq!(users.len(), hostile.len() + 1);
    let keys = rusqlite::Connection::open(installation.data().join("keys.db")).unwrap();
    let keys: i64 = keys
        .query_row("SELECT count(*) FROM keys WHERE length(owner) > 0", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(keys, people as i64, "nobody who was refused has left a key");
}

#[test]
fn ends_of_lines_and_marks_do_no_harm_and_what_is_too_long_is_passed_over() {
    let installation = Installation::new();
    let mut text = b"\xef\xbb\xbf".to_vec();
    text.extend(format!("{}\r\n\r\n  \n{}\n", person(1), person(2)).bytes());
    text.extend(format!("{{\"profile\":{{\"name\":\"{}\"}}}}\r\n", "x".repeat(3_000_000)).bytes());
    text.extend(person(3).to_string().bytes());
    write(&installation, &text);
    let done = import(&installation, &[]);
    done.counts(3, 6, 1);
    assert_eq!(done.refused[0]["line"], 5);
    assert!(
        done.refused[0]["reason"]
            .as_str()
            .unwrap()
            .contains("longer than 262144")
    );
    assert_eq!(done.summary["lines"], 6);
    assert!(done.summary["peak_memory_bytes"].as_u64().unwrap() > 0);

    let cut = person(5).to_string();
    write(&installation, format!("{}\n{}", person(4), &cut[..cut.len() - 9]));
    let done = import(&installation, &[]);
    done.counts(1, 2, 1);
    assert_eq!(done.refused[0]["line"], 2);
    assert_eq!(done.refused[0]["reason"], "the file ends inside of this line");

    write(&installation, "");
    import(&installation, &[]).counts(0, 0, 0);
}

#[test]
fn looking_writes_nothing_and_the_same_file_is_imported_once() {
    let installation = Installation::new();
    write(&installation, lines(&[person(1), person(2)]));
    for _ in 0..2 {
        import(&installation, &["--dry-run"]).counts(2, 4, 0);
    }
    let server = installation.serve();
    let mut client = server.client();
    assert_eq!(State::read(&mut client), State::default());
    import(&installation, &[]).counts(2, 4, 0);
    let state = State::read(&mut client);
    assert_eq!(state.token("t1"), Some("token of t1"));
    let again = import(&installation, &[]);
    again.counts(2, 4, 0);
    assert_eq!(again.summary["done_before"], true);
    assert_eq!(State::read(&mut client), state);
}

#[test]
fn looking_sees_lines_of_one_file_that_are_in_each_others_way() {
    let installation = Installation::new();
    let of_database = |subject: &str, email: &str| {
        json!({"profile": {"email": email}, "identities": [
            {"connection": DATABASE, "subject": subject, "password_hash": BCRYPT},
        ]})
    };
    let mut all: Vec<Value> = (0..300).map(person).collect();
    all.extend([
        person(7),
        of_database("a", "Ada@x.example"),
        of_database("b", "ada@X.example"),
        of_database("a", "other@x.example"),
        // What a line that is refused has is free for those after it.
        json!({"identities": [{"connection": "oneself"}, {"connection": "twitter", "subject": "new"},
            {"connection": "twitter", "subject": "t8"}]}),
        json!({"identities": [{"connection": "oneself"}, {"connection": "twitter", "subject": "new"}]}),
    ]);
    write(&installation, lines(&all));
    let looked = import(&installation, &["--dry-run"]);
    looked.counts(302, 603, 4);
    let done = import(&installation, &[]);
    done.counts(302, 603, 4);
    let told = |done: &Done| -> Vec<Value> {
        let told = done.refused.iter();
        told.map(|one| json!([one["line"], one["path"]])).collect()
    };
    assert_eq!(told(&looked), told(&done));
    assert_eq!(
        told(&done),
        [
            json!([301, "identities[1]"]),
            json!([303, "identities[0]"]),
            json!([304, "identities[0]"]),
            json!([305, "identities[2]"]),
        ]
    );
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_done() {
    let installation = Installation::new();
    let file = write(&installation, lines(&[person(1)]));
    let before = fs::read(&file).unwrap();
    let file = file.to_str().unwrap();
    for (arguments, exit, word) in [
        (vec!["--tenant", "acme", "nowhere.ndjson"], 1, "nowhere.ndjson"),
        (vec!["--tenant", "acme", "/"], 1, "cannot read /"),
        (vec!["--tenant", "nobody", file], 1, "tenant"),
        (vec!["--tenant", "acme", file, "--errors", file], 2, "--errors"),
        (
            vec!["--tenant", "acme", file, "--errors", "/nowhere/e"],
            1,
            "/nowhere/e",
        ),
        (vec![file], 2, "--tenant"),
    ] {
        let output = installation.run(&[&["import"], arguments.as_slice()].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {said}");
        assert!(said.contains(word), "{arguments:?}: {said}");
    }
    assert_eq!(fs::read(file).unwrap(), before);
    import(&installation, &[]).counts(1, 2, 0);
}
