//! Mail over SMTP, to a real mail server (aiosmtpd, `tests/sdk/python/smtp.py`).

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use oneself::mail::{Mailer, Security, Smtp};
use serde_json::{Value, json};

use crate::auth0::verified_by_mail;

/// A mail server that ends with its test.
struct Postman {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Postman {
    fn start() -> Option<Self> {
        let Some(python) = std::env::var_os("ONESELF_TEST_PYTHON") else {
            println!("skipped: ONESELF_TEST_PYTHON names no Python with aiosmtpd; ./test sets it");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/python/smtp.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().expect("the mail server says its port");
        Some(Self { child, port, folder })
    }

    fn mailer(&self) -> Option<Mailer> {
        let smtp = Smtp {
            address: format!("127.0.0.1:{}", self.port),
            security: Security::None,
            login: None,
        };
        Some(Mailer::by_smtp("Accounts <accounts@id.example>", smtp).unwrap())
    }

    /// The mails that it took, in their order.
    fn taken(&self) -> Vec<String> {
        (1..)
            .map_while(|n| std::fs::read_to_string(self.folder.path().join(format!("{n}.eml"))).ok())
            .collect()
    }
}

impl Drop for Postman {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
