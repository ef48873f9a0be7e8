//! Requests made up from what the server says of its interfaces, against the real binary.
//!
//! What makes them up is `tests/sdk/python/made_up.py`, with Schemathesis; `./test` installs it and
//! says by `ONESELF_TEST_PYTHON` which Python has it. With `ONESELF_TEST_ALL` there are 20,000 requests and
//! more, chains of them included; otherwise a few hundred.

use std::path::Path;
use std::process::Command;

use crate::blackbox::server::Installation;

/// How many are made up for an operation; and how many requests that makes at least.
struct Count {
    each: usize,
    all: usize,
    least: usize,
    least_of_all: usize,
}

fn make_up(document: &str, count: &Count) {
    let Some(python) = std::env::var_os("ONESELF_TEST_PYTHON") else {
        println!("skipped: ONESELF_TEST_PYTHON names no Python with Schemathesis; ./test sets it");
        return;
    };
    let installation = Installation::on_named_store();
    let folder = installation.folder();
    std::fs::write(folder.join("tenant.json"), installation.credentials().to_string()).unwrap();
    let server = installation.serve();
    let all = std::env::var_os("ONESELF_TEST_ALL").is_some();
    let (each, least) = match all {
        true => (count.all, count.least_of_all),
        false => (count.each, count.least),
    };
    let output = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/python/made_up.py"))
        .args(["--host", &server.address().to_string(), "--tenant", "tenant.json"])
        .args(["--document", document, "--each", &each.to_string()])
        .args(all.then_some("--thorough"))
        .current_dir(folder)
        .output()
        .unwrap();
    let (out, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}\n{errors}");
    println!("{}", out.trim());
    let made = out.split_whitespace().next().and_then(|number| number.parse().ok());
    assert!(made >= Some(least), "{least} requests were to be made: {out}");
}

#[test]
fn auth0s_interface_answers_made_up_requests_as_described() {
    let count = Count {
        each: 4,
        all: 450,
        least: 150,
        least_of_all: 20_000,
    };
    make_up("/api/v2/openapi.json", &count);
}

#[test]
fn link_v1_answers_made_up_requests_as_described() {
    let count = Count {
        each: 15,
        all: 3000,
        least: 60,
        least_of_all: 20_000,
    };
    make_up("/link/v1/openapi.json", &count);
}
