//! Verification mails over SMTP, to a mail server that is not ours (aiosmtpd, `tests/sdk/python/mail_server.py`).

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use oneself::mail::{Letter, Mailer, NotSent, Security, Smtp};
use serde_json::json;

use super::jobs::{path_of, run_all};
use super::jobs_verification::{mailing, press, read, sent};

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
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/python/mail_server.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let port = line.trim().parse().expect("the mail server says its port");
        Some(Self { child, port, folder })
    }

    fn mailer(&self, security: Security) -> Mailer {
        let smtp = Smtp {
            address: format!("127.0.0.1:{}", self.port),
            security,
            login: None,
        };
        Mailer::by_smtp("Accounts <accounts@id.example>", smtp).unwrap()
    }

    /// The mails that it took, in their order.
    fn taken(&self) -> Vec<String> {
        let file = |n: usize| self.folder.path().join(format!("{n}.eml"));
        let there = (1..).map(file).take_while(|file| file.exists());
        there.map(|file| read(&file)).collect()
    }
}

impl Drop for Postman {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_mail_server_that_says_later_is_asked_again_and_one_that_refuses_is_not() {
    let Some(postman) = Postman::start() else { return };
    let w = mailing(Some(postman.mailer(Security::None))).await;
    for id in ["p", "later", "never"] {
        w.user(id).await;
    }
    let job = sent(&w, json!({"user_id": "auth0|p"})).await;
    assert_eq!(job["status"], "completed", "{job}");
    let job = sent(&w, json!({"user_id": "auth0|never"})).await;
    assert_eq!(job["status"], "failed", "{job}");
    assert_eq!(
        job["status_details"],
        "The mail server refused the mail for good (550)."
    );

    let job = sent(&w, json!({"user_id": "auth0|later"})).await;
    assert_eq!(job["status"], "pending", "{job}");
    assert_eq!(
        job["status_details"],
        "The mail server does not take the mail now (451)."
    );
    w.server.advance(Duration::from_secs(60));
    run_all(&w.server).await;
    let job = w.client.get(&path_of(&job)).await.expect(200).json();
    assert_eq!(
        (&job["status"], job.get("status_details")),
        (&json!("completed"), None),
        "{job}"
    );

    let taken = postman.taken();
    assert_eq!(taken.len(), 2, "each of the two once");
    assert!(
        taken[0].starts_with("X-Envelope: accounts@id.example p@x.example\r\n"),
        "{}",
        taken[0]
    );
    assert!(
        taken[1].starts_with("X-Envelope: accounts@id.example later@x.example\r\n"),
        "{}",
        taken[1]
    );
    let (_, rest) = taken[1].split_once("/u/email-verification?ticket=").unwrap();
    press(&w, rest.split_once("\r\n").unwrap().0).await.expect(200);
    assert_eq!(w.get("auth0|later").await.json()["email_verified"], true);
}

#[tokio::test]
async fn sec_ntf_03_a_mail_server_gets_one_message_whole() {
    let Some(postman) = Postman::start() else { return };
    let mut letter = Letter {
        id: "job_1".to_owned(),
        to: "p@x.example".to_owned(),
        subject: "Grüße".to_owned(),
        text: "One\r\n.\r\nRCPT TO:<c@x.example>\r\n..\r\nÜ\r\n".to_owned(),
        html: "<p>One</p>\r\n.\r\n<p>Ü</p>".to_owned(),
        at: Timestamp::UNIX_EPOCH,
    };
    let mailer = postman.mailer(Security::None);
    mailer.send(&letter).await.unwrap();
    letter.to = "p@x.example>\r\nRCPT TO:<c@x.example".to_owned();
    assert!(matches!(mailer.send(&letter).await, Err(NotSent::Ever(_))));
    let taken = postman.taken();
    assert_eq!(taken.len(), 1, "{taken:?}");
    assert!(
        taken[0].contains("One\r\n.\r\nRCPT TO:<c@x.example>\r\n..\r\n"),
        "{}",
        taken[0]
    );
    assert!(
        !taken[0].lines().next().unwrap().contains("c@x.example"),
        "{}",
        taken[0]
    );
}

#[tokio::test]
async fn a_mail_server_without_tls_gets_nothing_when_tls_is_asked_for() {
    let Some(postman) = Postman::start() else { return };
    let letter = Letter {
        id: "job_1".to_owned(),
        to: "p@x.example".to_owned(),
        subject: "S".to_owned(),
        text: "T".to_owned(),
        html: "H".to_owned(),
        at: Timestamp::UNIX_EPOCH,
    };
    let sent = postman.mailer(Security::StartTls).send(&letter).await;
    assert_eq!(sent, Err(NotSent::Yet("The mail server cannot be reached.".to_owned())));
    assert!(postman.taken().is_empty());
}
