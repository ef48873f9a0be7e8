//! The simulated networks as a command: what docs/sandbox.md tells one to try works.

use std::process::Command;

use super::{Folder, Running};

/// The lines of the page that are to be pasted.
fn lines() -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/sandbox.md")).unwrap();
    let (_, tried) = page.split_once("## Try it").unwrap();
    let (tried, _) = tried.split_once("## ").unwrap();
    let pasted = tried.lines().filter_map(|line| line.strip_prefix("    "));
    pasted.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_lines_of_the_page_work_when_pasted() {
    let folder = Folder::new();
    let running = match Running::start(folder.command(&["sandbox", "--listen", "127.0.0.1:0"], &[])) {
        Ok(running) => running,
        Err(ended) => panic!("exit {}: {}", ended.exit, ended.err),
    };
    let address = running.url().strip_prefix("http://").unwrap();
    let script = lines()
        .replace("localhost:8401", address)
        .replace("curl -s", "curl -sSfw '\\n'");
    let output = Command::new("sh")
        .args(["-ec", &script])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let (said, err) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}{err}");
    for part in [
        "\"aud\":\"our-app\"",
        "\"name\":\"Mira Ito\"",
        "/oauth2.googleapis.com/tokeninfo",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(running.signal("TERM").exit, 0);
    assert!(
        std::fs::read_dir(folder.path()).unwrap().count() == 1,
        "it keeps nothing but what was pasted"
    );
}
