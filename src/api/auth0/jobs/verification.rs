//! Mails that ask whether an address is one's own (`api/auth0.md` 10.4): what is asked, and the letter.
//!
//! What would surprise: whether a mail was sent is known only when the mail server has said so, and that
//! is written down after it. A server that is killed in between sends the mail again, with another ticket;
//! a job that has ended well has sent it at least once.

use jiff::SignedDuration;
use serde_json::Value;

use super::super::error::Problem;
use super::super::identities::{CONNECTION_ID_PATTERN, is_connection_id};
use super::super::names::{self, Names};
use super::super::{email_verification, html};
use crate::app::App;
use crate::app::jobs::{Job, JobStatus, Made, Then};
use crate::app::verify_email::{Letter, NotSent, address_of};
use crate::domain::spelling::AUTH0_PROVIDERS;
use crate::domain::{Caller, Identity, Object};
use crate::error::{Error, Result};
use crate::id::{IdentityId, UserId};
use crate::web::{Fields, Reason};

/// After which pauses a mail is tried again that could not be sent: half an hour in all.
const PAUSES: [SignedDuration; 5] = [
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(2),
    SignedDuration::from_mins(4),
    SignedDuration::from_mins(8),
    SignedDuration::from_mins(16),
];

const SUBJECT: &str = "Confirm your e-mail address";

/// How much of an application's name stands in a mail.
const NAME_CHARS: usize = 64;

/// An identity as a body names it.
struct Named {
    provider: &'static str,
    local_id: String,
    connection: Option<String>,
}

/// Reads what is asked, as the job keeps it. The mail's link leads to the origin that it is asked by.
pub async fn asked(app: &App, caller: &Caller, origin: &str, body: Object) -> std::result::Result<Object, Problem> {
    let mut fields = Fields::new(body);
    let user = fields.text("user_id")?;
    let client = fields.opt_text("client_id")?;
    let named = fields.opt_fields("identity")?.map(Named::read).transpose()?;
    let organization = fields.opt_text("organization_id")?;
    fields.finish()?;
    if organization.is_some() {
        return Err(Error::Unsupported("organization_id").into());
    }

    let found = app.user_to_link(caller, &names::user(&user)).await?;
    let names = Names::of(app, caller.tenant, &found).await?;
    let meant = |identity: &&Identity| match &named {
        None => identity.is_primary(),
        Some(named) => named.is(&names, identity),
    };
    let identity = found.identities.iter().find(meant).ok_or_else(|| {
        Problem::bad_request(
            "The user exists, but does not contain the given identity.",
            "inexistent_identity",
        )
    })?;
    if names
        .label(identity)
        .is_none_or(|label| label.auth0_strategy != "auth0")
    {
        return Err(Problem::bad_request(
            "Connection must be a database connection.",
            "operation_not_supported",
        ));
    }
    if address_of(&found, identity).is_none() {
        return Err(Problem::bad_request(
            "User does not have an email address.",
            "inexistent_email",
        ));
    }
    let mut asked = Object::new();
    let mut put = |name: &str, value: String| asked.insert(name.to_owned(), value.into());
    put("user", found.user.id.to_string());
    put("identity", identity.id.to_string());
    put("origin", origin.trim_end_matches('/').to_owned());
    if let Some(client) = client {
        let name = match client.parse() {
            Ok(client) => app.name_to_people(caller, client).await?,
            Err(_) => None,
        };
        let name = name.ok_or_else(|| Problem::bad_request("The client does not exist", "inexistent_client"))?;
        put("application", name);
    }
    Ok(asked)
}

impl Named {
    fn read(mut fields: Fields) -> std::result::Result<Self, Problem> {
        let named = Self {
            local_id: fields.text("user_id")?,
            provider: fields
                .opt_word("provider", AUTH0_PROVIDERS)?
                .ok_or_else(|| fields.fault("provider", Reason::MissingRequired))?,
            connection: fields.opt_text("connection_id")?,
        };
        if named.connection.as_deref().is_some_and(|id| !is_connection_id(id)) {
            return Err(fields
                .fault("connection_id", Reason::Pattern(CONNECTION_ID_PATTERN))
                .into());
        }
        fields.finish()?;
        Ok(named)
    }

    fn is(&self, names: &Names, identity: &Identity) -> bool {
        let connection = identity.key.connection.to_string();
        self.connection.as_ref().is_none_or(|id| *id == connection)
            && names.fits(identity, self.provider, &self.local_id)
    }
}

/// Sends the mail, or says when it is tried again; `false` when nothing is to be done now.
///
/// # Errors
/// Those of the store and the vault; the job stands as before then.
pub async fn step(app: &App, job: &mut Job) -> Result<bool> {
    let Some(letter) = letter(app, job).await? else {
        return fail(app, job, "The user does not have that address any more.".to_owned()).await;
    };
    match app.send_mail(&letter).await {
        Ok(()) => {
            job.progress.details = None;
            let then = Then::End(JobStatus::Completed);
            app.step_job(job, Made::default(), then).await?;
            Ok(false)
        }
        Err(NotSent::Ever(why)) => fail(app, job, why).await,
        Err(NotSent::Yet(why)) => match PAUSES.get(job.progress.tries as usize) {
            None => fail(app, job, why).await,
            Some(pause) => {
                job.progress.tries = job.progress.tries.saturating_add(1);
                job.progress.details = Some(why);
                app.step_job(job, Made::default(), Then::Later(*pause)).await?;
                Ok(false)
            }
        },
    }
}

async fn fail(app: &App, job: &mut Job, why: String) -> Result<bool> {
    job.progress.details = Some(why);
    app.step_job(job, Made::default(), Then::End(JobStatus::Failed)).await?;
    Ok(false)
}

async fn letter(app: &App, job: &Job) -> Result<Option<Letter>> {
    let asked = |name: &str| job.asked.get(name).and_then(Value::as_str);
    let user: UserId = asked("user").unwrap_or_default().parse().map_err(Error::internal)?;
    let identity: IdentityId = asked("identity").unwrap_or_default().parse().map_err(Error::internal)?;
    let Some((ticket, to)) = app.make_email_ticket(job, user, identity).await? else {
        return Ok(None);
    };
    let link = format!(
        "{}{}?ticket={ticket}",
        asked("origin").unwrap_or_default(),
        email_verification::PATH
    );
    let (text, html) = said(asked("application"), &link);
    Ok(Some(Letter {
        id: job.id.to_string(),
        to,
        subject: SUBJECT.to_owned(),
        text,
        html,
        at: app.now(),
    }))
}

/// What the mail says, as text and as HTML.
fn said(application: Option<&str>, link: &str) -> (String, String) {
    let what = match application.map(on_one_line) {
        Some(name) if !name.is_empty() => format!("an account at {name}"),
        _ => "an account".to_owned(),
    };
    let why = format!("Somebody, probably you, uses this e-mail address for {what}.");
    let how = "To confirm that the address is yours, open this page within five days and press its button:";
    let else_ = "If it was not you, you need do nothing.";
    let text = format!("{why}\r\n\r\n{how}\r\n\r\n{link}\r\n\r\n{else_}\r\n");
    let (why, link) = (html::escaped(&why), html::escaped(link));
    let body = format!("<p>{why}</p>\n<p>{how}</p>\n<p><a href=\"{link}\">{link}</a></p>\n<p>{else_}</p>\n");
    (text, html::document(SUBJECT, &body))
}

/// A name without anything that would break its line or turn it around.
fn on_one_line(name: &str) -> String {
    let is_plain = |c: char| {
        !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let words: String = name.chars().map(|c| if is_plain(c) { c } else { ' ' }).collect();
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(NAME_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_ntf_02_a_name_stays_a_name_in_text_and_html() {
        let name = "<a href='https://evil.example'>\"A\" & B</a>\r\n\r\n\u{202e}Hello";
        let (text, html) = said(Some(name), "https://id.example/u?ticket=t");
        assert!(text.starts_with("Somebody, probably you, uses this e-mail address for an account at <a href='"));
        assert_eq!(text.lines().count(), 7, "{text}");
        assert!(!html.contains("<a href='"), "{html}");
        assert!(html.contains("&lt;a href=&#39;https://evil.example&#39;&gt;&quot;A&quot; &amp; B&lt;/a&gt; Hello"));
        let (text, _) = said(Some("\n"), "l");
        assert!(text.contains("for an account."), "{text}");
        assert_eq!(on_one_line(&"ä".repeat(1_000)).chars().count(), NAME_CHARS);
    }
}
