//! `doctor` on what is sound, and on each kind of damage that is planted; and `keys status`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::Folder;
use crate::blackbox::server::Installation;

/// An installation with two people who have accounts with tokens.
fn installation() -> Installation {
    let installation = Installation::new();
    let server = installation.serve();
    let mut client = server.client();
    for n in 0..2 {
        let account = json!({"connection": "twitter", "subject": n.to_string(), "tokens": {"access_token": "t"}});
        let user = client.post("/link/v1/users", &json!({"identity": account})).unwrap();
        user.expect(201);
    }
    server.kill();
    installation
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// What `doctor` prints of another directory of the installation, and how it ends.
fn examined(installation: &Installation, data: &Path, more: &[&str]) -> (i32, Value) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_oneself"));
    command.args(["doctor", "--json", "--data"]).arg(data);
    command
        .arg("--root-key-file")
        .arg(installation.folder().join("data.root.key"));
    let output = command.args(more).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let Ok(said) = serde_json::from_str(&said) else {
        panic!("{said}{errors}");
    };
    (output.status.code().unwrap(), said)
}

/// The words of every check that ended so.
fn that_are(state: &str, said: &Value) -> Vec<String> {
    let checks = said["checks"].as_array().unwrap();
    let found = checks.iter().filter(|check| check["state"] == state);
    found.map(|check| check["says"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_kind_of_damage_is_found() {
    let installation = installation();
    installation.answer(&["tenant", "list"]);
    let (exit, said) = examined(&installation, &installation.data(), &[]);
    assert_eq!((exit, that_are("fault", &said)), (0, vec![]), "{said}");
    assert_eq!(that_are("note", &said), Vec::<String>::new(), "{said}");

    let damage = |words: &str, file: &str, sql: &str| {
        let copy = installation.folder().join("copy");
        copied(&installation.data(), &copy);
        let database = Connection::open(copy.join(file)).unwrap();
        database.execute_batch(sql).unwrap();
        drop(database);
        let (exit, said) = examined(&installation, &copy, &[]);
        let faults = that_are("fault", &said);
        assert_eq!(exit, 1, "{sql}: {said}");
        assert!(faults.iter().any(|fault| fault.contains(words)), "{sql}: {faults:#?}");
        fs::remove_dir_all(copy).unwrap();
    };
    let network = "position = 1 AND subject = '0'";
    for (words, sql) in [
        ("accounts that belong to two users", format!("DROP INDEX identities_by_key; UPDATE identities SET subject = '1' WHERE {network}")),
        ("ids that two identities have", "UPDATE identities SET id = (SELECT id FROM identities WHERE subject = '1')".to_owned()),
        ("identities of users who are not there", "DELETE FROM users WHERE id = (SELECT min(id) FROM users)".to_owned()),
        ("identities of connections that are not there", "DELETE FROM connections WHERE name = 'twitter'".to_owned()),
        ("whose issuer is not that", format!("UPDATE identities SET issuer = 'x' WHERE {network}")),
        ("born with, at connections of one provider", "UPDATE identities SET connection = (SELECT id FROM connections WHERE name = 'Username-Password-Authentication'), subject = (SELECT max(subject) FROM identities WHERE position = 0) WHERE position = 0 AND subject = (SELECT min(subject) FROM identities WHERE position = 0)".to_owned()),
        ("users of tenants that are not there", "UPDATE users SET tenant = 5".to_owned()),
        ("clients of tenants that are not there", "UPDATE clients SET tenant = 5".to_owned()),
        ("connections of tenants that are not there", "UPDATE connections SET tenant = 5".to_owned()),
        ("without the identity that they were born with", "DELETE FROM identities WHERE position = 0".to_owned()),
        ("without a known proof, time or actor", format!("UPDATE identities SET proof = 9 WHERE {network}")),
        ("without a known proof, time or actor", format!("UPDATE identities SET proved_by = x'07' WHERE {network}")),
        ("should have tokens and have none", "DELETE FROM token_sets".to_owned()),
        ("token sets of identities that are not there", format!("UPDATE identities SET has_tokens = 0 WHERE {network}")),
        ("aliases of users who are there", "INSERT INTO aliases SELECT tenant, id, id, id FROM users".to_owned()),
        ("aliases that lead to nobody", "INSERT INTO aliases SELECT tenant, zeroblob(12), zeroblob(12), id FROM users LIMIT 1".to_owned()),
        (
            "terms of search of users who are not there",
            "INSERT INTO terms SELECT id, 'name', x'61', zeroblob(12), x'' FROM tenants".to_owned(),
        ),
        ("what dialects keep with users who are not there", "INSERT INTO user_bags SELECT id, zeroblob(12), 'kii', '{}' FROM tenants".to_owned()),
        ("tokens of users who are not there", "INSERT INTO opaque_tokens SELECT id, zeroblob(32), 'access', 'user', zeroblob(12), NULL, 1 FROM tenants".to_owned()),
        ("names to log in by that lead to nobody", "INSERT INTO login_names SELECT tenant, id, 'email', 'a@x', 'nobody' FROM connections LIMIT 1".to_owned()),
        ("not what the events say", format!("UPDATE identities SET proof = 2 WHERE {network}")),
        ("not what the events say", format!("DELETE FROM events WHERE identity = (SELECT id FROM identities WHERE {network})")),
        ("do not open", "UPDATE token_sets SET sealed = (SELECT max(sealed) FROM token_sets)".to_owned()),
        ("do not open", format!("UPDATE identities SET version = 2 WHERE {network}")),
        ("schema version 9", "PRAGMA user_version = 9".to_owned()),
        ("another program", "PRAGMA application_id = 9".to_owned()),
    ] {
        damage(words, "data.db", &sql);
    }
    for (words, sql) in [
        (
            "users who have tokens and no key",
            "DELETE FROM keys WHERE length(owner) = 12",
        ),
        ("acme has no service key", "DELETE FROM keys WHERE length(owner) = 0"),
        ("acme has no key", "DELETE FROM tenant_keys"),
        (
            "the key of acme does not open",
            "UPDATE tenant_keys SET tenant = tenant, wrapped = zeroblob(200)",
        ),
        ("do not open", "UPDATE signing_keys SET wrapped = zeroblob(200)"),
        ("another root key", "UPDATE key_check SET value = zeroblob(32)"),
    ] {
        damage(words, "keys.db", sql);
    }
}

#[test]
fn damaged_files_modes_and_ledgers_are_found() {
    let installation = installation();
    installation.answer(&["tenant", "list"]);
    let copy = installation.folder().join("copy");
    let with = |change: &dyn Fn(), words: &str| {
        copied(&installation.data(), &copy);
        change();
        let (exit, said) = examined(&installation, &copy, &[]);
        let faults = that_are("fault", &said);
        assert_eq!(exit, 1, "{words}: {said}");
        assert!(faults.iter().any(|fault| fault.contains(words)), "{words}: {faults:#?}");
        fs::remove_dir_all(&copy).unwrap();
    };
    let data = copy.join("data.db");
    with(
        &|| {
            let mut bytes = fs::read(&data).unwrap();
            let end = bytes.len() - 4_096;
            bytes[end..].fill(0x55);
            fs::write(&data, bytes).unwrap();
        },
        "restore a backup",
    );
    with(&|| fs::write(&data, vec![b'x'; 9_000]).unwrap(), "data.db");
    with(&|| fs::remove_file(&data).unwrap(), "it is not there");
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    with(&|| mode(&copy, 0o755), "chmod 700");
    with(&|| mode(&data, 0o666), "chmod 600");
    let ledger = copy.join("ledger");
    with(&|| fs::remove_file(&ledger).unwrap(), "the next start begins one");
    with(
        &|| {
            let text = fs::read_to_string(&ledger).unwrap();
            fs::write(&ledger, format!("{text}no line\n{text}")).unwrap();
        },
        "damaged at line",
    );
    let key = installation.folder().join("data.root.key");
    let moved = installation.folder().join("moved");
    with(&|| fs::rename(&key, &moved).unwrap(), "data.root.key");
    fs::rename(&moved, &key).unwrap();
    with(&|| mode(&key, 0o440), "chmod 400");
}

#[test]
fn keys_of_nobody_are_noted_and_swept() {
    let installation = installation();
    let keys = || Connection::open(installation.data().join("keys.db")).unwrap();
    let plant = || {
        keys()
            .execute(
                "INSERT INTO keys SELECT tenant, zeroblob(12), wrapped FROM keys LIMIT 1",
                [],
            )
            .unwrap();
    };
    let count = || -> i64 {
        keys()
            .query_row("SELECT count(*) FROM keys", [], |row| row.get(0))
            .unwrap()
    };
    let sweep = |more: &[&str]| -> Value {
        let output = installation.run(&[&["doctor", "--json"], more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let before = count();
    for running in [false, true] {
        let server = running.then(|| installation.serve());
        plant();
        let notes = that_are("note", &sweep(&[]));
        assert!(
            notes.iter().any(|note| note.contains("1 belong to nobody")),
            "{notes:?}"
        );
        assert_eq!(count(), before + 1, "only --sweep deletes");
        sweep(&["--sweep"]);
        assert_eq!(count(), before, "and nothing else");
        drop(server);
    }
}

#[test]
fn a_running_server_looks_itself_up() {
    let folder = Folder::new();
    assert_eq!(folder.run(&["doctor"]).exit, 78, "there is no directory");
    assert!(!folder.join("data").exists());
    let running = folder.serve();
    folder.done(&["tenant", "create", "acme"]);
    let said = folder.done(&["doctor"]);
    assert!(
        said.contains("1 tenants, 0 users") && said.ends_with("sound\n"),
        "{said}"
    );
    let keys = Connection::open(folder.join("data/keys.db")).unwrap();
    keys.execute("DELETE FROM keys", []).unwrap();
    let ill = folder.run(&["doctor"]);
    assert_eq!(ill.exit, 1);
    assert!(
        ill.out.contains("FAULT  tenants' keys") && ill.out.ends_with("1 fault\n"),
        "{}",
        ill.out
    );
    assert_eq!(running.signal("TERM").exit, 0);
}

#[test]
fn keys_status_tells_of_every_key_and_shows_none() {
    let installation = installation();
    let said = installation.answer(&["keys", "status", "--json"]);
    assert_eq!(said["root_key_check"].as_str().unwrap().len(), 64);
    let acme = &said["tenants"][0];
    assert_eq!(
        (&acme["tenant"], &acme["key"], &acme["service_key"]),
        (&json!("acme"), &json!(true), &json!(true))
    );
    assert_eq!((&acme["users"], &acme["user_keys"]), (&json!(2), &json!(2)));
    let signing = &said["signing_keys"][0];
    assert_eq!((&signing["signs"], &signing["age_days"]), (&json!(true), &json!(0)));
    let server = installation.serve();
    let text = String::from_utf8(installation.run(&["keys", "status"]).stdout).unwrap();
    assert!(
        text.contains("tenant acme: key there, service key there, 2 of 2 users have a key"),
        "{text}"
    );
    let root = fs::read_to_string(installation.folder().join("data.root.key")).unwrap();
    let secret = root.split(' ').nth(1).unwrap();
    assert!(!text.contains(secret));
    server.kill();
}
