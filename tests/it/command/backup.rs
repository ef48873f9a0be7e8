//! What `backup` refuses, and that it leaves everything as it was.
//!
//! Manifests are forged here with the root key where that is needed to get beyond the first
//! check. What one would get wrong: a backup is altered in a copy, and the good one must
//! still be restored at the end.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oneself::clock::SystemRandomness;
use oneself::secret::Digest;
use oneself::vault::{RootKey, Vault};
use serde_json::{Value, json};

use super::Folder;

/// A folder with a tenant, backed up to `backup` and `backup-keys`.
fn backed_up() -> Folder {
    let folder = Folder::new();
    folder.done(&["tenant", "create", "acme"]);
    folder.done(&["backup", "create", "backup", "--keys", "backup-keys"]);
    folder
}

/// Copies a directory of files.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Everything in a folder, by path.
fn everything(folder: &Path) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(everything(&path));
            found.push((path, None));
        } else {
            let bytes = fs::read(&path).unwrap();
            found.push((path, Some(bytes)));
        }
    }
    found.sort();
    found
}

const RESTORE: [&str; 7] = ["backup", "restore", "bad", "--keys", "backup-keys", "--to", "restored"];
const WITH_KEY: [&str; 2] = ["--root-key-file", "data.root.key"];

/// That the restore is refused with these words, and that nothing changed by it.
#[track_caller]
fn is_refused(folder: &Folder, arguments: &[&str], words: &[&str]) {
    let before = everything(folder.path());
    let refused = folder.run(arguments);
    assert_eq!(refused.exit, 78, "{arguments:?}: {}{}", refused.out, refused.err);
    for word in words {
        assert!(refused.err.contains(word), "{word:?} is not in {}", refused.err);
    }
    assert!(everything(folder.path()) == before, "something changed");
}

/// Changes a manifest, and makes its digest fit again; its seal too if a vault is given.
fn forge(dir: &Path, vault: Option<&Vault>, change: impl FnOnce(&mut Value)) {
    let path = dir.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut manifest);
    let seal = manifest["seal"].take();
    manifest["seal"] = json!("");
    manifest["sum"] = json!("");
    let text = manifest.to_string();
    manifest["sum"] = json!(hex::encode(Digest::of(text.as_bytes()).as_bytes()));
    manifest["seal"] = vault.map_or(seal, |vault| json!(hex::encode(vault.vouch_for(text.as_bytes()))));
    fs::write(path, manifest.to_string()).unwrap();
}

fn vault(folder: &Folder) -> Vault {
    let text = fs::read_to_string(folder.join("data.root.key")).unwrap();
    Vault::new(RootKey::from_text(&text).unwrap(), Arc::new(SystemRandomness::new()))
}

/// Makes the manifest tell of the file as it is now.
fn describe_again(dir: &Path, file: &str, vault: &Vault, schema: u32) {
    let bytes = fs::read(dir.join(file)).unwrap();
    forge(dir, Some(vault), |manifest| {
        manifest["bytes"] = json!(bytes.len());
        manifest["sha256"] = json!(hex::encode(Digest::of(&bytes).as_bytes()));
        manifest["schema"] = json!(schema);
    });
}

#[test]
fn a_backup_that_is_not_as_it_was_made_is_refused() {
    let folder = backed_up();
    let (bad, data) = (folder.join("bad"), folder.join("bad/data.db"));
    let restore = [&RESTORE[..], &WITH_KEY].concat();
    let with = |change: &dyn Fn(), words: &[&str]| {
        copy(&folder.join("backup"), &bad);
        change();
        is_refused(&folder, &restore, words);
        let verified = folder.run(&["backup", "verify", "bad", "--keys", "backup-keys"]);
        assert_eq!(verified.exit, 1, "{}", verified.out);
        assert!(verified.out.contains("FAULT"), "{}", verified.out);
        fs::remove_dir_all(&bad).unwrap();
    };
    let good = fs::read(folder.join("backup/data.db")).unwrap();
    with(
        &|| fs::write(&data, &good[..good.len() / 2]).unwrap(),
        &["bytes", "another copy"],
    );
    with(&|| fs::remove_file(&data).unwrap(), &["data.db", "cannot be read"]);
    let mut flipped = good.clone();
    flipped[5_000] ^= 1;
    with(&|| fs::write(&data, &flipped).unwrap(), &["altered", "another copy"]);
    with(
        &|| fs::remove_file(bad.join("manifest.json")).unwrap(),
        &["no backup", "manifest.json"],
    );
    let manifest = bad.join("manifest.json");
    with(
        &|| {
            let text = fs::read_to_string(&manifest)
                .unwrap()
                .replacen("\"schema\": 5", "\"schema\": 0", 1);
            fs::write(&manifest, text).unwrap();
        },
        &["manifest.json", "altered"],
    );
    with(
        &|| fs::write(&manifest, "{\"format\": 1").unwrap(),
        &["manifest.json", "altered or cut"],
    );
    with(
        &|| {
            fs::write(&data, &flipped).unwrap();
            let digest = hex::encode(Digest::of(&flipped).as_bytes());
            forge(&bad, None, |manifest| manifest["sha256"] = json!(digest));
        },
        &["altered by somebody without the root key"],
    );
    with(
        &|| {
            forge(&bad, Some(&vault(&folder)), |manifest| manifest["format"] = json!(2));
        },
        &["newer version"],
    );
    with(
        &|| {
            let file = rusqlite::Connection::open(&data).unwrap();
            file.pragma_update(None, "user_version", 9).unwrap();
            drop(file);
            describe_again(&bad, "data.db", &vault(&folder), 9);
        },
        &["schema version 9", "newer binary"],
    );
    with(
        &|| {
            let file = rusqlite::Connection::open(&data).unwrap();
            file.execute("DELETE FROM clients", []).unwrap();
            file.execute("UPDATE connections SET tenant = 7", []).unwrap();
            drop(file);
            describe_again(&bad, "data.db", &vault(&folder), 5);
        },
        &["connections of tenants that are not there"],
    );
    let mut zeroed = good;
    zeroed[8_192..12_288].fill(0);
    with(
        &|| {
            fs::write(&data, &zeroed).unwrap();
            describe_again(&bad, "data.db", &vault(&folder), 5);
        },
        &["data.db"],
    );
    let good = [
        "backup",
        "restore",
        "backup",
        "--keys",
        "backup-keys",
        "--to",
        "restored",
    ];
    folder.done(&[&good[..], &WITH_KEY].concat());
    assert!(
        folder
            .done(&[
                "tenant",
                "list",
                "--data",
                "restored",
                "--root-key-file",
                "data.root.key"
            ])
            .contains("acme")
    );
}

#[test]
fn keys_a_root_key_or_a_ledger_that_do_not_belong_are_refused() {
    let folder = backed_up();
    let restore = [
        "backup",
        "restore",
        "backup",
        "--keys",
        "backup-keys",
        "--to",
        "restored",
    ];
    is_refused(&folder, &restore, &["restored.root.key", "--root-key-file"]);

    folder.done(&["tenant", "create", "other", "--data", "other"]);
    folder.done(&[
        "backup",
        "create",
        "other-backup",
        "--keys",
        "other-keys",
        "--data",
        "other",
    ]);
    is_refused(
        &folder,
        &[&restore[..], &["--root-key-file", "other.root.key"]].concat(),
        &["another root key", "--root-key-file"],
    );
    let mut foreign = restore;
    foreign[4] = "other-keys";
    is_refused(
        &folder,
        &[&foreign[..], &WITH_KEY].concat(),
        &["other-keys", "another installation"],
    );
    foreign[4] = "backup";
    is_refused(
        &folder,
        &[&foreign[..], &WITH_KEY].concat(),
        &["backup of the data", "other directory"],
    );

    // The same root key is not yet the same installation.
    fs::copy(folder.join("data.root.key"), folder.join("twin.root.key")).unwrap();
    folder.done(&["tenant", "create", "twin", "--data", "twin"]);
    folder.done(&[
        "backup",
        "create",
        "twin-backup",
        "--keys",
        "twin-keys",
        "--data",
        "twin",
    ]);
    foreign[4] = "twin-keys";
    is_refused(&folder, &[&foreign[..], &WITH_KEY].concat(), &["acme has no key"]);

    folder.done(&["backup", "create", "later", "--keys", "later-keys"]);
    let older = [
        "backup",
        "restore",
        "later",
        "--keys",
        "backup-keys",
        "--to",
        "restored",
    ];
    is_refused(
        &folder,
        &[&older[..], &WITH_KEY].concat(),
        &["made with the data or later"],
    );

    let ledger = fs::read(folder.join("data/ledger")).unwrap();
    fs::remove_file(folder.join("data/ledger")).unwrap();
    is_refused(
        &folder,
        &[&restore[..], &WITH_KEY].concat(),
        &["no ledger", "--ledger", "--without-ledger"],
    );
    folder.done(&["tenant", "list"]);
    is_refused(&folder, &[&restore[..], &WITH_KEY].concat(), &["does not reach back"]);
    let mut damaged = ledger.clone();
    damaged.extend_from_slice(b"something else\n");
    damaged.extend_from_slice(&ledger);
    fs::write(folder.join("damaged"), damaged).unwrap();
    is_refused(
        &folder,
        &[&restore[..], &WITH_KEY, &["--ledger", "damaged"]].concat(),
        &["damaged at line 2"],
    );

    fs::create_dir(folder.join("restored")).unwrap();
    fs::write(folder.join("restored/mine"), "mine").unwrap();
    is_refused(&folder, &[&restore[..], &WITH_KEY].concat(), &["not empty", "--to"]);
    fs::remove_file(folder.join("restored/mine")).unwrap();
    fs::write(folder.join("saved"), ledger).unwrap();
    folder.done(&[&restore[..], &WITH_KEY, &["--ledger", "saved"]].concat());
}

#[test]
fn sec_vlt_03_the_data_alone_opens_nothing() {
    let folder = Folder::new();
    folder.done(&["tenant", "create", "acme"]);
    fs::write(folder.join("secret"), "hush-hush-canary").unwrap();
    let add = [
        "connection",
        "add",
        "--tenant",
        "acme",
        "github",
        "--provider",
        "github",
    ];
    folder.done(&[&add[..], &["--client-id", "abc", "--client-secret-file", "secret"]].concat());
    let said = folder.done(&["backup", "create", "backup"]);
    assert!(said.contains("--keys"), "{said}");
    assert_eq!(
        fs::read_dir(folder.join("backup")).unwrap().count(),
        2,
        "the data and its manifest"
    );
    let bytes = fs::read(folder.join("backup/data.db")).unwrap();
    let canary = b"hush-hush-canary";
    assert!(!bytes.windows(canary.len()).any(|window| window == canary));
    for key in ["keys.db", "root.key"] {
        assert!(!folder.join("backup").join(key).exists());
    }
    // Put where a server looks, with everything but the keys, it is served by none.
    copy(&folder.join("backup"), &folder.join("served"));
    fs::copy(folder.join("data.root.key"), folder.join("served.root.key")).unwrap();
    let refused = folder.run(&["tenant", "list", "--data", "served"]);
    assert_eq!(refused.exit, 78, "{}", refused.err);
    assert!(refused.err.contains("backup restore"), "{}", refused.err);
}

#[test]
fn backup_create_refuses_places_that_would_not_do() {
    let folder = backed_up();
    for (arguments, word) in [
        (&["backup"][..], "not empty"),
        (&["data/backup"], "within the data directory"),
        (&["nowhere/backup"], "folder"),
        (&["new", "--keys", "new"], "apart"),
        (&["new", "--keys", "new/keys"], "new/keys"),
    ] {
        let before = everything(folder.path());
        let refused = folder.run(&[&["backup", "create"], arguments].concat());
        assert_eq!(refused.exit, 2, "{arguments:?}: {}", refused.err);
        assert!(refused.err.contains(word), "{arguments:?}: {}", refused.err);
        let after = everything(folder.path());
        assert!(after.len() == before.len(), "{arguments:?} left something");
    }
}

#[test]
fn a_server_makes_the_backup_and_goes_on() {
    let folder = Folder::new();
    let running = folder.serve();
    folder.done(&["tenant", "create", "acme"]);
    let said: Value =
        serde_json::from_str(&folder.done(&["backup", "create", "backup", "--keys", "keys", "--json"])).unwrap();
    assert!(said["began_at"].is_string() && said["backup"].is_string(), "{said}");
    let verified = folder.done(&["backup", "verify", "backup", "--keys", "keys"]);
    assert!(
        verified.contains("made with the data") && verified.ends_with("sound\n"),
        "{verified}"
    );
    let unkeyed = folder.done(&["backup", "verify", "backup", "--data", "elsewhere", "--json"]);
    let unkeyed: Value = serde_json::from_str(&unkeyed).unwrap();
    assert_eq!(unkeyed["sound"], true);
    // A drill beside the running server, which goes on losing things meanwhile.
    folder.done(&["tenant", "rotate-secret", "acme"]);
    let restore = ["backup", "restore", "backup", "--keys", "keys", "--to", "drill"];
    let said = folder.done(&[&restore[..], &WITH_KEY].concat());
    assert!(said.contains("credentials"), "{said}");
    assert_eq!(running.signal("TERM").exit, 0);
}
