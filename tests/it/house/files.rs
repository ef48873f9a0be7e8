//! What a file must have and must not be called.

use std::process::Command;

use super::{files_below, named, none, root};
use oneself::config::{Config, DEFAULTS};

/// At this length look for the second subject.
const LINES_AT_MOST: usize = 500;

const NO_SUBJECT: [&str; 6] = ["utils", "misc", "common", "manager", "service", "types"];

fn sources() -> Vec<std::path::PathBuf> {
    [
        files_below("src", "rs"),
        files_below("tests", "rs"),
        files_below("benches", "rs"),
    ]
    .concat()
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<String> = sources()
        .iter()
        .filter(|path| !std::fs::read_to_string(path).unwrap().starts_with("//! "))
        .map(|path| named(path))
        .collect();
    none(
        &silent,
        "Begin the file with `//!`: what it is for, what it is not for, and the one thing a reader would get wrong.",
    );
}

#[test]
fn no_file_has_two_subjects() {
    let long: Vec<String> = sources()
        .iter()
        .map(|path| (path, std::fs::read_to_string(path).unwrap().lines().count()))
        .filter(|(_, lines)| *lines > LINES_AT_MOST)
        .map(|(path, lines)| format!("{} has {lines} lines", named(path)))
        .collect();
    none(&long, "At 500 lines look for the second subject, and give it a file.");
}

#[test]
fn every_file_is_named_after_its_subject() {
    let nameless: Vec<String> = sources()
        .iter()
        .filter(|path| {
            path.iter().any(|part| {
                NO_SUBJECT
                    .iter()
                    .any(|name| part.to_str().unwrap().split('.').next() == Some(name))
            })
        })
        .map(|path| named(path))
        .collect();
    none(
        &nameless,
        "If it has no better name, it has no subject yet: put each part where it is used.",
    );
}

#[test]
fn every_setting_is_in_the_defaults_and_back() {
    let defaults: toml::Table = DEFAULTS.parse().unwrap();
    let config = Config::load(None, [], &toml::Table::new()).unwrap();
    let settings = serde_json::to_value(&config).unwrap();
    let of_struct: Vec<&String> = settings.as_object().unwrap().keys().collect();
    let of_file: Vec<&String> = defaults.keys().collect();
    let sorted = |mut names: Vec<&String>| -> Vec<String> {
        names.sort();
        names.into_iter().cloned().collect()
    };
    assert_eq!(
        sorted(of_struct),
        sorted(of_file),
        "a setting is a field of Config and a line in config.default.toml"
    );
    let commented = DEFAULTS.lines().collect::<Vec<_>>();
    let bare: Vec<String> = defaults
        .keys()
        .filter(|key| {
            let at = commented
                .iter()
                .position(|line| line.starts_with(&format!("{key} =")))
                .unwrap();
            let above = commented[..at].iter().rev().find(|line| !line.contains(" = "));
            !above.is_some_and(|line| line.starts_with('#'))
        })
        .cloned()
        .collect();
    none(&bare, "Say above the setting in config.default.toml what it is for.");
}

/// The files that are in the repository, or all of them where it is none.
fn kept_files() -> Vec<std::path::PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output();
    match listed {
        Ok(listed) if listed.status.success() && !listed.stdout.is_empty() => String::from_utf8(listed.stdout)
            .unwrap()
            .split('\0')
            .filter(|name| !name.is_empty())
            .map(|name| root().join(name))
            .filter(|path| path.is_file())
            .collect(),
        _ => {
            let folders = ["src", "tests", "docs", "benches"];
            let endings = ["rs", "md", "toml", "sql", "py", "json", "txt", "ndjson"];
            let below = |folder| endings.iter().flat_map(move |ending| files_below(folder, ending));
            folders.into_iter().flat_map(below).collect()
        }
    }
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    // Spelled in pieces, so that this file is not its own first finding.
    let foreign = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("pypi", ".org"),
        concat!("files.python", "hosted"),
        concat!("static.cra", "tes.io"),
        concat!("index.cra", "tes.io"),
        concat!("registry.np", "mjs"),
        concat!("index", "-url"),
        concat!("art", "ifactory"),
    ];
    let mut complaints = Vec::new();
    for path in kept_files().iter().filter(|path| !path.ends_with("Cargo.lock")) {
        let Ok(text) = std::fs::read_to_string(path) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            if let Some(what) = foreign.iter().find(|what| line.contains(**what)) {
                complaints.push(format!("{}:{}: {what}", named(path), number + 1));
            }
        }
    }
    none(
        &complaints,
        "Name files from the root of the package, and leave it to each machine where its packages come from.",
    );
}

#[test]
fn no_test_is_put_aside() {
    let aside = concat!("#[", "ignore");
    let ignored: Vec<String> = sources()
        .iter()
        .filter(|path| std::fs::read_to_string(path).unwrap().contains(aside))
        .map(|path| named(path))
        .collect();
    none(
        &ignored,
        "A test that takes long reads ONESELF_TEST_ALL and runs a smaller count without it; it always runs.",
    );
}

#[test]
fn every_setting_of_tenants_is_in_its_table_with_its_default() {
    use oneself::domain::tenant::Settings;
    let page = std::fs::read_to_string(root().join("docs/running.md")).unwrap();
    let shown = serde_json::to_value(Settings::default()).unwrap();
    let missing: Vec<String> = Settings::NAMES
        .iter()
        .map(|name| match &shown[*name] {
            serde_json::Value::String(text) => format!("| `{name}` | `{text}` | "),
            other => format!("| `{name}` | `{other}` | "),
        })
        .filter(|row| !page.contains(row))
        .collect();
    none(&missing, "Every setting has its row in docs/running.md.");
}
