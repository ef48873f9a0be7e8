//! Sends mail: by a mail server (SMTP, RFC 5321), or into the files of a directory.
//!
//! What a letter says is its writer's affair. Here it becomes a message (RFC 5322) of which no address
//! or subject can make headers: what is not one line is refused before anything is built, and so is
//! every address that two programs could read differently. What would surprise: a letter that is sent again has the same `Message-ID`, so that
//! whoever gets it twice can tell.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use crate::domain::email::is_address;
use crate::secret::{ExposeSecret, SecretString};

/// How long a mail server may take for each of its answers.
const ANSWERS_WITHIN: Duration = Duration::from_secs(15);

/// How long sending may take as a whole.
const SENT_WITHIN: Duration = Duration::from_secs(45);

/// What is sent.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The same whenever the same letter is sent: letters, digits and `_`.
    pub id: String,
    /// To which address.
    pub to: String,
    /// What it is about.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// When it was written.
    pub at: Timestamp,
}

/// Why a letter was not sent, without anybody's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotSent {
    /// It may be sent later.
    Yet(String),
    /// It cannot be sent.
    Ever(String),
}

/// How a mail server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// In clear.
    None,
    /// In clear until both have agreed on TLS, which is insisted on.
    StartTls,
    /// Over TLS from the first byte.
    Tls,
}

/// A mail server.
#[derive(Debug)]
pub struct Smtp {
    /// Host and port, such as `smtp.example.org:587`.
    pub address: String,
    /// How it is spoken to.
    pub security: Security,
    /// Who we are there, with the password.
    pub login: Option<(String, SecretString)>,
}

/// What sends mail.
pub struct Mailer {
    from: Mailbox,
    way: Way,
}

enum Way {
    Directory(PathBuf),
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
}

impl Mailer {
    /// One that writes each letter into a file of a directory, `<id>.eml`, which is made when the first is
    /// written. Nobody else on the machine may read it: letters have links in them.
    ///
    /// # Errors
    /// When `from` is no address, with or without a name.
    pub fn into_directory(from: &str, directory: &Path) -> Result<Self, String> {
        Ok(Self {
            from: sender(from)?,
            way: Way::Directory(directory.to_owned()),
        })
    }

    /// One that hands letters to a mail server.
    ///
    /// # Errors
    /// When `from` is no address, the server's address has no port, or there are no certificates to
    /// believe.
    pub fn by_smtp(from: &str, smtp: Smtp) -> Result<Self, String> {
        let no_port = || {
            format!(
                "mail_smtp is {}: say host and port, as in smtp.example.org:587",
                smtp.address
            )
        };
        let (host, port) = smtp.address.rsplit_once(':').ok_or_else(no_port)?;
        let port: u16 = port.parse().map_err(|_| no_port())?;
        let parameters = || TlsParameters::new(host.to_owned()).map_err(|error| format!("mail_smtp: {error}"));
        let tls = match smtp.security {
            Security::None => Tls::None,
            Security::StartTls => Tls::Required(parameters()?),
            Security::Tls => Tls::Wrapper(parameters()?),
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.trim_matches(['[', ']']))
            .port(port)
            .tls(tls)
            .timeout(Some(ANSWERS_WITHIN));
        if let Some((user, password)) = smtp.login {
            transport = transport.credentials(Credentials::new(user, password.expose_secret().to_owned()));
        }
        Ok(Self {
            from: sender(from)?,
            way: Way::Smtp(Box::new(transport.build())),
        })
    }

    /// Sends a letter.
    ///
    /// # Errors
    /// [`NotSent::Yet`] when the server cannot be reached, is slow or asks us to come back, or the disk
    /// does not take it; [`NotSent::Ever`] when the server refuses it for good or the address is none. After
    /// the former it may have been sent nevertheless.
    pub async fn send(&self, letter: &Letter) -> Result<(), NotSent> {
        let message = self
            .message(letter)
            .ok_or_else(|| NotSent::Ever("No mail can be written to the address.".to_owned()))?;
        match &self.way {
            Way::Directory(directory) => write(directory, &letter.id, &message.formatted()).map_err(|error| {
                tracing::warn!(%error, "a mail could not be written to its directory");
                NotSent::Yet("The mail could not be written to its directory.".to_owned())
            }),
            Way::Smtp(transport) => match tokio::time::timeout(SENT_WITHIN, transport.send(message)).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(refused(&error)),
                Err(_) => Err(NotSent::Yet("The mail server took too long.".to_owned())),
            },
        }
    }

    fn message(&self, letter: &Letter) -> Option<Message> {
        if !is_address(&letter.to) || !is_one_line(&letter.subject) {
            return None;
        }
        let to: Address = letter.to.parse().ok()?;
        let automatic = HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        );
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(letter.subject.clone())
            .date(SystemTime::from(letter.at))
            .message_id(Some(format!("<{}@{}>", letter.id, self.from.email.domain())))
            .raw_header(automatic)
            .multipart(MultiPart::alternative_plain_html(
                letter.text.clone(),
                letter.html.clone(),
            ))
            .ok()
    }
}

fn sender(from: &str) -> Result<Mailbox, String> {
    let parsed = from.parse().ok().filter(|_| is_one_line(from));
    parsed.ok_or_else(|| format!("mail_from is {from:?}: say an address, as in \"Accounts <accounts@example.org>\""))
}

fn is_one_line(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
}

/// What a server's answer means; not what it says, which may name anybody.
fn refused(error: &lettre::transport::smtp::Error) -> NotSent {
    match error.status() {
        Some(code) if error.is_permanent() => {
            NotSent::Ever(format!("The mail server refused the mail for good ({code})."))
        }
        Some(code) => NotSent::Yet(format!("The mail server does not take the mail now ({code}).")),
        None => NotSent::Yet("The mail server cannot be reached.".to_owned()),
    }
}

/// Whole or not at all.
fn write(directory: &Path, id: &str, message: &[u8]) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let (begun, done) = (directory.join(format!("{id}.new")), directory.join(format!("{id}.eml")));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(&begun)?.write_all(message)?;
    fs::rename(begun, done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(to: &str, subject: &str) -> Letter {
        Letter {
            id: "job_1".to_owned(),
            to: to.to_owned(),
            subject: subject.to_owned(),
            text: "See https://id.example/\r\n.\r\nRCPT TO:<c@x.example>".to_owned(),
            html: "<p>See</p>".to_owned(),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    fn message(to: &str, from: &str, subject: &str) -> Option<String> {
        let mailer = Mailer::into_directory(from, Path::new("mail")).ok()?;
        let message = mailer.message(&letter(to, subject))?;
        Some(String::from_utf8(message.formatted()).unwrap())
    }

    const FROM: &str = "Accounts <a@x.example>";

    #[test]
    fn sec_ntf_03_what_is_not_one_line_is_no_header() {
        for bad in [
            "b@x.example\r\nBcc: c@x.example",
            "b@x.example\nBcc: c@x.example",
            "b\r@x.example",
            "b\0@x.example",
            "b@x.example\u{2028}Bcc: c",
            "b@x.example\u{85}",
            "\"b\r\nBcc: c@x.example\"@x.example",
            "\"b c\"@x.example",
            "=?utf-8?q?=41?=@x.example",
            "b@x.example, c@x.example",
            "<b@x.example>",
            "B <b@x.example>",
            "b@x.example ",
            "b@[127.0.0.1]",
            "bä@x.example",
            "b@ä.example",
            "",
        ] {
            assert!(message(bad, FROM, "S").is_none(), "{bad:?}");
        }
        for bad in ["S\r\nBcc: c@x.example", "S\nT", "S\rT", "S\0", "S\u{2028}T", "S\u{85}T"] {
            assert!(message("b@x.example", FROM, bad).is_none(), "{bad:?}");
            let from = format!("\"{bad}\" <a@x.example>");
            assert!(message("b@x.example", &from, "S").is_none(), "{bad:?}");
        }
    }

    #[test]
    fn sec_ntf_03_a_letter_has_its_headers_and_no_others() {
        for (from, subject) in [
            (FROM, "S"),
            (
                "\"Grüße =?utf-8?q?=0D=0ABcc:?=\" <a@x.example>",
                "Ü =?utf-8?q?=0D=0ABcc:?=",
            ),
            ("a@x.example", &"long ".repeat(200)),
        ] {
            let message = message("b@x.example", from, subject.trim()).unwrap();
            let (head, _) = message.split_once("\r\n\r\n").unwrap();
            let lines = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
            let mut names: Vec<&str> = lines.map(|line| line.split_once(':').unwrap().0).collect();
            names.sort_unstable();
            let usual = [
                "Auto-Submitted",
                "Content-Type",
                "Date",
                "From",
                "MIME-Version",
                "Message-ID",
                "Subject",
                "To",
            ];
            assert_eq!(names, usual, "{head}");
            assert!(!head.replace("\r\n", "").contains(['\r', '\n']), "{head:?}");
        }
    }
}
