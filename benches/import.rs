//! What taking users over costs: a file is made, and the real command reads it into a new
//! installation.
//!
//! `import [--users 100000]` prints the command's summary. What would surprise: the file is random
//! enough that no two runs share a byte of it that matters; without arguments nothing is done,
//! because that is how every bench is run once.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let users: u64 = match (arguments.next().as_deref(), arguments.next()) {
        (Some("--users"), Some(users)) => users.parse()?,
        _ => return Ok(()),
    };
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("users.ndjson");
    write(&file, users)?;
    let oneself = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oneself"));
        command.args(arguments).arg("--data").arg(folder.path().join("data"));
        command
    };
    for made in [
        &["tenant", "create", "acme"][..],
        &[
            "connection",
            "add",
            "--tenant",
            "acme",
            "github",
            "--provider",
            "github",
        ],
        &[
            "connection",
            "add",
            "--tenant",
            "acme",
            "google",
            "--provider",
            "google",
        ],
    ] {
        let ended = oneself(made).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        assert!(ended.success(), "{made:?}: {ended}");
    }
    println!("file_bytes          {}", std::fs::metadata(&file)?.len());
    let mut import = oneself(&["import", "--tenant", "acme"]);
    let ended = import.arg(&file).status()?;
    assert!(ended.success(), "{ended}");
    let data = std::fs::read_dir(folder.path().join("data"))?;
    let sizes = data.map(|entry| Ok(entry?.metadata()?.len()));
    println!("disk_bytes          {}", sizes.sum::<Outcome<u64>>()?);
    Ok(())
}

/// A user with a password hashed by bcrypt, metadata, and two accounts with tokens.
fn write(path: &Path, users: u64) -> Outcome<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for n in 0..users {
        // Subjects in no order, as those of a network are.
        let subject = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 4;
        let line = json!({
            "profile": {"email": format!("p{subject:x}@d{}.example", n % 1000), "name": format!("Ada K{n}"), "locale": "de"},
            "created_at": "2024-02-03T04:05:06Z",
            "app_metadata": {"plan": "pro", "customer": format!("c{n}")},
            "identities": [
                {
                    "connection": "Username-Password-Authentication",
                    "subject": format!("{n:024x}"),
                    "password_hash": "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
                },
                {
                    "connection": "github",
                    "subject": subject.to_string(),
                    "profile": {"email": format!("g{n}@g.example"), "name": format!("ada{n}")},
                    "tokens": {"access_token": format!("{subject:0>256}"), "scopes": ["repo", "user"]},
                },
                {
                    "connection": "google",
                    "subject": subject.wrapping_mul(7).to_string(),
                    "proof": "id_token",
                    "tokens": {"access_token": format!("{n:0>200}"), "refresh_token": format!("{n:0>100}")},
                },
            ],
        });
        writeln!(file, "{line}")?;
    }
    file.flush()?;
    Ok(())
}
