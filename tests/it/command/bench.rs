//! `bench`, for a second each: it must go on working for whoever wants figures, and its own
//! server must be gone at its end. What one would get wrong: no figure is checked here that
//! a busy machine could change.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Folder, PATIENCE};

/// What `bench` prints with `--json`, on a folder that then must be as it was.
fn measure(arguments: &[&str]) -> Value {
    let folder = Folder::new();
    let temporary = folder.path().join("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let mut all = vec!["bench"];
    all.extend_from_slice(arguments);
    all.extend_from_slice(&["--clients", "4", "--seconds", "1", "--json"]);
    let mut command = folder.command(&all, &[("TMPDIR", temporary.to_str().unwrap())]);
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "something was left");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn check(what: &str) {
    let report = measure(&[what, "--preload", "100"]);
    assert_eq!(report["what"], what);
    assert_eq!(report["preload"], 100);
    assert_eq!(report["errors"], serde_json::json!({}), "{report}");
    assert!(report["operations"].as_u64() > Some(0), "{report}");
    assert!(report["memory_bytes"].as_u64() > Some(1_000_000), "{report}");
    assert!(report["disk_bytes_per_user"].as_f64() > Some(100.0), "{report}");
}

#[test]
fn links_are_measured() {
    check("link");
}

#[test]
fn first_links_are_measured_until_everybody_has_one() {
    check("first-link");
}

#[test]
fn look_ups_are_measured() {
    check("resolve");
}

#[test]
fn unlinks_are_measured() {
    check("unlink");
}

#[test]
fn a_mix_is_sent_on_schedule_and_counted_from_when_it_was_due() {
    let report = measure(&["mixed", "--preload", "100", "--rate", "200"]);
    assert_eq!(report["errors"], serde_json::json!({}), "{report}");
    assert_eq!(report["rate"], 200);
    assert_eq!(report["operations"], 200, "as many as were due: {report}");
    let kinds = report["kinds"].as_object().unwrap();
    let sum: u64 = kinds.values().map(|kind| kind["operations"].as_u64().unwrap()).sum();
    assert_eq!(sum, 200);
    for kind in ["resolve", "link", "unlink", "create"] {
        assert!(kinds[kind]["operations"].as_u64() > Some(0), "{kind}: {report}");
    }
    let folder = Folder::new();
    let refused = folder.run(&["bench", "link", "--rate", "5"]);
    assert_eq!(refused.exit, 2);
    assert!(refused.err.contains("mixed"), "{}", refused.err);
}

/// Answers late by a second to one connection: clients that wait would have asked less meanwhile.
#[test]
fn a_stalled_server_shows_in_every_request_that_was_due() {
    use std::io::{BufRead, BufReader, Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let began = std::sync::Arc::new(std::sync::OnceLock::new());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, began) = (stream.unwrap(), began.clone());
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                while reader.read_line(&mut line).unwrap_or(0) > 0 {
                    let target = line.split(' ').nth(1).unwrap_or("").to_owned();
                    let mut length = 0;
                    let mut header = String::new();
                    while reader.read_line(&mut header).unwrap_or(0) > 2 {
                        let text = header.to_ascii_lowercase();
                        if let Some(value) = text.strip_prefix("content-length:") {
                            length = value.trim().parse().unwrap();
                        }
                        header.clear();
                    }
                    let mut body = vec![0; length];
                    reader.read_exact(&mut body).unwrap();
                    let user = "0123456789abcdef01234567";
                    let (status, answer) = if target == "/oauth/token" {
                        (200, r#"{"access_token":"t"}"#.to_owned())
                    } else if line.starts_with("GET") {
                        (200, "{}".to_owned())
                    } else if line.starts_with("DELETE") {
                        (204, String::new())
                    } else {
                        let identity = format!(r#"{{"id":"idn_{user}","subject":"1"}}"#);
                        (
                            201,
                            format!(r#"{{"id":"{user}","identities":[{identity},{identity}]}}"#),
                        )
                    };
                    // From the first look-up on there is a load; all are silent in its second second.
                    if target.contains("/identities/") {
                        let since = began.get_or_init(Instant::now).elapsed();
                        if (1_000..2_000).contains(&since.as_millis()) {
                            std::thread::sleep(Duration::from_millis(2_000) - since);
                        }
                    }
                    let answer = format!(
                        "HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{answer}",
                        answer.len()
                    );
                    (&stream).write_all(answer.as_bytes()).unwrap();
                    line.clear();
                }
            });
        }
    });
    let folder = Folder::new();
    std::fs::write(
        folder.join("acme.json"),
        r#"{"auth0":{"client_id":"c","client_secret":"s"}}"#,
    )
    .unwrap();
    let url = format!("http://{address}");
    let report = folder.done(&[
        "bench",
        "mixed",
        "--url",
        &url,
        "--credentials",
        "acme.json",
        "--preload",
        "5",
        "--seconds",
        "3",
        "--rate",
        "100",
        "--clients",
        "4",
        "--json",
    ]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["operations"], 300, "{report}");
    // A third of the requests was due in the silent second: half of those waited half of it or more.
    assert!(report["latency_us"]["p90"].as_u64() > Some(400_000), "{report}");
    assert!(report["waited"].as_u64() > Some(50), "{report}");
}

#[test]
fn a_kept_folder_and_a_running_server_are_measured_again() {
    let folder = Folder::new();
    let kept = folder.path().join("kept");
    let kept = kept.to_str().unwrap();
    let arguments = [
        "bench",
        "resolve",
        "--preload",
        "50",
        "--clients",
        "2",
        "--seconds",
        "1",
    ];
    let first = folder.done(&[&arguments[..], &["--keep", kept]].concat());
    assert!(first.contains("errors        none"), "{first}");
    let again = folder.done(&[
        "bench",
        "link",
        "--seconds",
        "1",
        "--clients",
        "2",
        "--keep",
        kept,
        "--json",
    ]);
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again["preload"], 50, "those who were there are used again");

    let credentials = folder.path().join("credentials.json");
    std::fs::write(&credentials, folder.done(&["tenant", "create", "acme", "--json"])).unwrap();
    let running = folder.serve();
    let there = ["--url", running.url(), "--credentials", credentials.to_str().unwrap()];
    let elsewhere = folder.done(&[&arguments[..], &there].concat());
    assert!(elsewhere.contains("errors        none"), "{elsewhere}");
    assert!(!elsewhere.contains("server CPU"), "it is not known: {elsewhere}");
}

#[test]
fn a_signal_ends_it_with_its_server_and_its_folder() {
    let folder = Folder::new();
    let temporary = folder.path().join("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let arguments = ["bench", "link", "--preload", "10", "--clients", "1", "--seconds", "600"];
    let mut command = folder.command(&arguments, &[("TMPDIR", temporary.to_str().unwrap())]);
    let child = command.spawn().unwrap();
    let began = Instant::now();
    let lock = loop {
        let home = std::fs::read_dir(&temporary).unwrap().next();
        let lock = home.map(|home| std::fs::read_to_string(home.unwrap().path().join("data/lock")));
        match lock {
            Some(Ok(lock)) if lock.contains("serve") => break lock,
            _ => assert!(began.elapsed() < PATIENCE, "no server was started"),
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    // The server has the directory; what follows within moments is the load.
    std::thread::sleep(Duration::from_millis(300));
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8(ended.stderr).unwrap().contains("interrupted"));
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "something was left");
    let server = lock.trim().rsplit(' ').next().unwrap();
    assert!(
        !std::path::Path::new("/proc").join(server).exists(),
        "the server goes on"
    );
}
