//! What is linked into the program: licences, bans and sources as `deny.toml` has them.
//!
//! cargo-deny checks the same and more, but takes minutes to install; this takes a second
//! and so runs always. Licences are read as SPDX expressions, of which an `OR` needs one
//! side and an `AND` both.

use std::collections::BTreeSet;
use std::process::Command;

use super::{none, root};

/// A package of the build, as cargo's tree has it.
struct Package {
    name: String,
    /// Where it comes from, if that is not the public registry.
    elsewhere: Option<String>,
    licence: String,
}

/// Everything that is built on any platform, for the program and for its tests. The tree
/// knows which optional dependencies are off, which `cargo metadata` does not.
fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--target", "all", "--all-features"])
        .args([
            "--edges",
            "normal,build,dev",
            "--prefix",
            "none",
            "--no-dedupe",
            "--format",
            "{p}|{l}",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: BTreeSet<String> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    lines
        .iter()
        .map(|line| {
            let (package, licence) = line.split_once('|').unwrap();
            let package = package.replace(" (proc-macro)", "");
            Package {
                name: package.split(' ').next().unwrap().to_owned(),
                elsewhere: package
                    .split_once('(')
                    .map(|(_, place)| place.trim_end_matches(')').to_owned()),
                licence: licence.to_owned(),
            }
        })
        .collect()
}

fn deny() -> toml::Table {
    std::fs::read_to_string(root().join("deny.toml"))
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn dependencies_are_those_that_we_allow() {
    let deny = deny();
    let allowed: BTreeSet<&str> = texts(&deny["licenses"]["allow"]).collect();
    let banned: BTreeSet<&str> = deny["bans"]["deny"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|ban| ban["crate"].as_str())
        .collect();
    assert!(banned.len() > 5 && allowed.len() > 5, "deny.toml was read");
    let packages = packages();
    assert!(packages.len() > 100, "cargo listed the packages");
    let mut complaints = Vec::new();
    for Package {
        name,
        elsewhere,
        licence,
    } in &packages
    {
        if banned.contains(name.as_str()) {
            complaints.push(format!("{name} is banned"));
        }
        match elsewhere {
            Some(place) if name != env!("CARGO_PKG_NAME") => complaints.push(format!("{name} comes from {place}")),
            _ => {}
        }
        if !permits(licence, &allowed) {
            complaints.push(format!("{name} has the licence {licence:?}"));
        }
    }
    none(
        &complaints,
        "deny.toml says what may be linked in; another way, or a line there with its reason.",
    );
}

fn texts(list: &toml::Value) -> impl Iterator<Item = &str> {
    list.as_array().unwrap().iter().filter_map(toml::Value::as_str)
}

/// Whether the expression can be met with these licences. The old `/` is an `OR`.
fn permits(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = either(&words, &mut at, allowed);
    met && at == words.len()
}

fn either(words: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let mut met = both(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= both(words, at, allowed);
    }
    met
}

fn both(words: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let mut met = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at, allowed);
    }
    met
}

fn one(words: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let met = either(words, at, allowed);
        *at += 1;
        return met;
    }
    if words.get(*at) == Some(&"WITH") {
        *at += 2;
        return allowed.contains(format!("{word} WITH {}", words[*at - 1]).as_str());
    }
    allowed.contains(word)
}

#[test]
fn licence_expressions_are_read_as_spdx_has_them() {
    let allowed = BTreeSet::from(["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"]);
    for good in [
        "MIT",
        "MIT/GPL-3.0",
        "GPL-3.0 OR MIT AND Apache-2.0",
        "(MIT OR GPL-3.0) AND Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(permits(good, &allowed), "{good}");
    }
    for bad in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "GPL-3.0 OR GPL-2.0 AND MIT",
        "MIT WITH other-exception",
        "MIT GPL-3.0",
    ] {
        assert!(!permits(bad, &allowed), "{bad}");
    }
}
