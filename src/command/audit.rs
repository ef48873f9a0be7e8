//! `oneself audit`: whether the events are as they were written (OPS-11).
//!
//! What would surprise: whoever can write to the data can make a chain anew that fits, so a head is
//! worth what the place is worth where it was kept.

use clap::Subcommand;
use serde_json::{Value, json};

use super::backup::show_report;
use super::orders::{self, Answer, Order};
use super::report::Report;
use super::{Failure, Place, examine};
use crate::config::Config;
use crate::domain::Tenant;
use crate::secret::Digest;
use crate::store::inspect::Inspection;
use crate::store::trail::{Examined, Fault};
use crate::store::{Head, StoreError};

/// Say whether the events of tenants are as they were written
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Go through all events, and name the first that was edited, deleted or inserted
    Verify {
        /// Only this tenant's
        #[arg(long, value_name = "NAME")]
        tenant: Option<String>,
        /// A head that was kept, which the chain is to have had; takes --tenant
        #[arg(long, value_name = "HASH", requires = "tenant")]
        head: Option<String>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print where the chain of each tenant ends, to be kept elsewhere
    Head {
        /// Only this tenant's
        #[arg(long, value_name = "NAME")]
        tenant: Option<String>,
        /// Print one JSON array
        #[arg(long)]
        json: bool,
    },
}

impl Audit {
    /// Gives the order and prints the answer.
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        match self {
            Self::Verify { tenant, head, json } => {
                let config = place.settings(&json!({}))?;
                show_report(&orders::reach(&config, &Order::VerifyAudit { tenant, head })?, json)
            }
            Self::Head { tenant, json } => orders::give(place, &Order::ShowHeads { tenant }, json),
        }
    }
}

/// Goes through the events of this installation, which it blocks for.
///
/// # Errors
/// When the file cannot be read; usage for a head that is none.
pub fn verify(config: &Config, tenant: Option<&str>, head: Option<&str>) -> Result<Answer, Failure> {
    let kept = head.map(parse_head).transpose()?;
    let mut report = Report::default();
    let files = examine::open(config)?;
    say(&mut report, &files, tenant, kept.as_ref()).map_err(|error| Failure::failed(error.to_string()))?;
    Ok(report.answer())
}

/// Says of each tenant how its chain was found.
fn say(report: &mut Report, files: &Inspection, tenant: Option<&str>, kept: Option<&Digest>) -> Result<(), StoreError> {
    let trails = files.trails(tenant, kept)?;
    for (name, found) in trails {
        match fault(&found).or_else(|| lacks(&found, kept)) {
            Some(what) => report.fault(&name, what),
            None => report.ok(&name, sound(&found)),
        }
    }
    Ok(())
}

/// What is wrong with a chain, in words; what stands before it is sound.
pub fn fault(found: &Examined) -> Option<String> {
    let what = match found.fault? {
        Fault::Edited(event) => format!("event {event} was edited"),
        Fault::Deleted(event) => format!("event {event} was deleted"),
        Fault::Inserted(event) => format!("event {event} was inserted"),
        Fault::Cut(place) => format!("the chain lacks event number {place}"),
        Fault::Moved => "the chain does not end where it was noted to: events were cut off at its end".to_owned(),
    };
    Some(format!(
        "{what}; the {} before it are as they were written",
        found.sound
    ))
}

/// That a chain never had a head that was kept.
fn lacks(found: &Examined, kept: Option<&Digest>) -> Option<String> {
    let lacks = kept.is_some() && found.kept_at.is_none();
    lacks.then(|| {
        format!(
            "it never ended with the head that was kept: events were cut off or written anew since then, or an older \
             backup was restored; it holds {} now",
            found.sound
        )
    })
}

fn sound(found: &Examined) -> String {
    let head = found
        .head
        .map_or_else(|| "-".to_owned(), |head| hex::encode(head.as_bytes()));
    let kept = found
        .kept_at
        .map(|count| format!("; the head that was kept is that of {count}"));
    let late = match found.unchained {
        0 => String::new(),
        count => format!(", {count} not chained yet"),
    };
    format!(
        "{} events as they were written{late}; head {head}{}",
        found.sound,
        kept.unwrap_or_default()
    )
}

fn parse_head(text: &str) -> Result<Digest, Failure> {
    let wrong = || Failure::Usage("--head takes 64 hex digits, as `audit head` prints them".to_owned());
    let bytes: [u8; 32] = hex::decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(wrong)?;
    Ok(Digest::from_bytes(bytes))
}

/// Where chains end.
pub fn heads(all: &[(Tenant, Option<Head>)]) -> Answer {
    let shown = |(tenant, head): &(Tenant, Option<Head>)| {
        json!({
            "tenant": tenant.name,
            "count": head.map_or(0, |head| head.count),
            "head": head.map(|head| hex::encode(head.hash.as_bytes())),
            "at": head.map(|head| head.at),
        })
    };
    let line = |(tenant, head): &(Tenant, Option<Head>)| match head {
        None => format!("{}  0  -  -", tenant.name),
        Some(head) => format!(
            "{}  {}  {}  {}",
            tenant.name,
            head.count,
            hex::encode(head.hash.as_bytes()),
            head.at
        ),
    };
    Answer {
        data: all.iter().map(shown).collect::<Value>(),
        text: all.iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}
