//! The demo, as a newcomer has it: its lines work when they are pasted.

use std::process::Command;

use super::{Folder, Running};

/// What a pasted line gave: the HTTP status and the body, or what a command printed.
fn paste(line: &str) -> (String, String) {
    let line = match line.starts_with("curl ") {
        true => format!("{line} -w '\\n%{{http_code}}'"),
        false => line.to_owned(),
    };
    let output = Command::new("sh").args(["-c", &line]).output().unwrap();
    assert!(
        output.status.success(),
        "{line}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap_or(("", &text));
    (status.to_owned(), body.to_owned())
}

#[test]
fn the_lines_of_the_demo_work_when_pasted() {
    let folder = Folder::new();
    let temporary = folder.path().to_str().unwrap().to_owned();
    let running = Running::start(folder.command(
        &["demo", "--listen", "127.0.0.1:0", "--networks", "127.0.0.1:0"],
        &[("TMPDIR", &temporary)],
    ));
    let running = match running {
        Ok(running) => running,
        Err(ended) => panic!("exit {}: {}", ended.exit, ended.err),
    };
    assert!(running.said.lines().count() < 40, "{}", running.said);
    let lines: Vec<&str> = running.said.lines().filter(|line| line.starts_with("curl ")).collect();
    assert!(lines.len() >= 4 && running.said.contains("Ctrl-C"), "{}", running.said);
    for line in &lines {
        let (status, body) = paste(line);
        let refused = body.contains("made for another application");
        assert!(status.starts_with('2') || refused, "{line}: {status} {body}");
    }
    let refused = lines
        .iter()
        .filter(|line| paste(line).1.contains("made for another application"));
    assert_eq!(refused.count(), 1, "one token is another application's");
    let resolved = lines[0];
    assert_eq!(paste(resolved).0, "404", "GitHub was unlinked: {resolved}");
    let order = running
        .said
        .lines()
        .find(|line| line.contains(" tenant show "))
        .unwrap();
    let (_, shown) = paste(order);
    assert!(shown.contains("demo"), "{shown}");
    assert_eq!(running.signal("INT").exit, 0);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "it removed its folder: {left:?}");
}

#[test]
fn a_demo_on_a_directory_of_yours_can_be_repeated() {
    let folder = Folder::new();
    for _ in 0..2 {
        let command = folder.command(
            &[
                "demo",
                "--data",
                "mine",
                "--listen",
                "127.0.0.1:0",
                "--networks",
                "127.0.0.1:0",
            ],
            &[],
        );
        let running = match Running::start(command) {
            Ok(running) => running,
            Err(ended) => panic!("exit {}: {}", ended.exit, ended.err),
        };
        assert!(running.said.contains("/mine"), "{}", running.said);
        assert_eq!(running.signal("TERM").exit, 0);
    }
    let listed = folder.done(&["tenant", "list", "--data", "mine"]);
    assert_eq!(listed.matches("demo").count(), 1, "{listed}");
}
