//! The ledger of deletions: what must stay gone when an older copy of the data comes back (OPS-05).
//!
//! A file beside the databases, appended to and synced before the commit of whatever it tells
//! of, so that no loss is ever durable without its line. Lines hold ids, digests and times and
//! nothing personal. One line is one entry:
//!
//! ```text
//! <8 hex digits of SHA-256 over the rest> <batch> <milliseconds> <kind> <words>
//! ```
//!
//! What would surprise: a line is written for an act that may yet fail. Each commit that loses
//! something has a number, which stands in its lines and in the data; a number that the data
//! does not know is voided by a further line, at once or at the next start.

mod contents;
mod file;

use std::fmt::{self, Write as _};
use std::str::{FromStr, SplitAsciiWhitespace};

use jiff::Timestamp;

pub use self::contents::{Contents, LedgerFault, adopt, read};
pub use self::file::Ledger;
use crate::id::{ClientId, IdentityId, TenantId, UserId};
use crate::secret::Digest;

/// What the ledger is called in the data directory.
pub const FILE: &str = "ledger";

/// For how long at least an entry is kept, in days: a backup that is older is restored
/// without a promise that what was deleted since stays gone.
pub const KEPT_DAYS: i64 = 400;

/// Something that is gone, and must stay so.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the ids that the line names")]
pub enum Loss {
    /// A user was erased.
    User { tenant: TenantId, user: UserId },
    /// An identity was erased.
    Identity {
        tenant: TenantId,
        user: UserId,
        identity: IdentityId,
    },
    /// An identity was taken off and goes on as the primary of another user.
    Split {
        tenant: TenantId,
        user: UserId,
        identity: IdentityId,
        to: UserId,
    },
    /// Sessions of a user ended: those of an older epoch are dead. And whether she is blocked,
    /// when that was said.
    Sessions {
        tenant: TenantId,
        user: UserId,
        epoch: i64,
        blocked: Option<bool>,
    },
    /// A password was replaced.
    Password {
        tenant: TenantId,
        user: UserId,
        identity: IdentityId,
    },
    /// A proof was spent.
    Proof {
        tenant: TenantId,
        token: Digest,
        pair: Digest,
        until: Timestamp,
    },
    /// A client has another secret, or none any more, and another epoch.
    Client {
        client: ClientId,
        secret: Option<Digest>,
        epoch: i64,
    },
    /// A client was removed.
    ClientGone { client: ClientId },
    /// A tenant has other secrets in the opaque dialects.
    Credentials {
        tenant: TenantId,
        kii_app_key: Digest,
        kii_client_secret: Digest,
        knodes_customer_secret: Digest,
    },
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The number of the commit; of a beginning, the last one before it.
    pub batch: u64,
    /// When it was written.
    pub at: Timestamp,
    /// What it tells.
    pub what: What,
}

/// What a line tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A file begins, the so many-eth.
    From(u64),
    /// That commit did not come to be.
    Void,
    /// Something is gone.
    Loss(Loss),
}

impl fmt::Display for Entry {
    /// The line, without its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("{} {} ", self.batch, self.at.as_millisecond());
        match &self.what {
            What::From(number) => write!(text, "from {number}")?,
            What::Void => text.push_str("void"),
            What::Loss(loss) => write!(text, "{loss}")?,
        }
        write!(f, "{} {text}", checksum(&text))
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User { tenant, user } => write!(f, "user {tenant} {user}"),
            Self::Identity { tenant, user, identity } => write!(f, "identity {tenant} {user} {identity}"),
            Self::Split {
                tenant,
                user,
                identity,
                to,
            } => write!(f, "split {tenant} {user} {identity} {to}"),
            Self::Sessions {
                tenant,
                user,
                epoch,
                blocked,
            } => {
                let blocked = blocked.map_or("-", |blocked| if blocked { "blocked" } else { "free" });
                write!(f, "sessions {tenant} {user} {epoch} {blocked}")
            }
            Self::Password { tenant, user, identity } => write!(f, "password {tenant} {user} {identity}"),
            Self::Proof {
                tenant,
                token,
                pair,
                until,
            } => write!(
                f,
                "proof {tenant} {} {} {}",
                digits(token),
                digits(pair),
                until.as_millisecond()
            ),
            Self::Client {
                client,
                secret: Some(secret),
                epoch,
            } => write!(f, "client {client} {} {epoch}", digits(secret)),
            Self::Client {
                client,
                secret: None,
                epoch,
            } => write!(f, "client-public {client} {epoch}"),
            Self::ClientGone { client } => write!(f, "client-gone {client}"),
            Self::Credentials {
                tenant,
                kii_app_key,
                kii_client_secret,
                knodes_customer_secret,
            } => write!(
                f,
                "credentials {tenant} {} {} {}",
                digits(kii_app_key),
                digits(kii_client_secret),
                digits(knodes_customer_secret)
            ),
        }
    }
}

impl Entry {
    /// The entry that a line is; `None` when it is damaged or of a kind that is not known.
    pub fn parse(line: &str) -> Option<Self> {
        let (sum, text) = line.split_once(' ')?;
        if checksum(text) != sum {
            return None;
        }
        let mut words = text.split_ascii_whitespace();
        let entry = Self {
            batch: word(&mut words)?,
            at: moment(&mut words)?,
            what: match words.next()? {
                "from" => What::From(word(&mut words)?),
                "void" => What::Void,
                kind => What::Loss(Loss::parse(kind, &mut words)?),
            },
        };
        words.next().is_none().then_some(entry)
    }
}

impl Loss {
    fn parse(kind: &str, words: &mut SplitAsciiWhitespace<'_>) -> Option<Self> {
        Some(match kind {
            "user" => Self::User {
                tenant: word(words)?,
                user: word(words)?,
            },
            "identity" => Self::Identity {
                tenant: word(words)?,
                user: word(words)?,
                identity: word(words)?,
            },
            "split" => Self::Split {
                tenant: word(words)?,
                user: word(words)?,
                identity: word(words)?,
                to: word(words)?,
            },
            "sessions" => Self::Sessions {
                tenant: word(words)?,
                user: word(words)?,
                epoch: word(words)?,
                blocked: match words.next()? {
                    "-" => None,
                    "blocked" => Some(true),
                    "free" => Some(false),
                    _ => return None,
                },
            },
            "password" => Self::Password {
                tenant: word(words)?,
                user: word(words)?,
                identity: word(words)?,
            },
            "proof" => Self::Proof {
                tenant: word(words)?,
                token: digest(words)?,
                pair: digest(words)?,
                until: moment(words)?,
            },
            "client" => Self::Client {
                client: word(words)?,
                secret: Some(digest(words)?),
                epoch: word(words)?,
            },
            "client-public" => Self::Client {
                client: word(words)?,
                secret: None,
                epoch: word(words)?,
            },
            "client-gone" => Self::ClientGone { client: word(words)? },
            "credentials" => Self::Credentials {
                tenant: word(words)?,
                kii_app_key: digest(words)?,
                kii_client_secret: digest(words)?,
                knodes_customer_secret: digest(words)?,
            },
            _ => return None,
        })
    }
}

fn word<T: FromStr>(words: &mut SplitAsciiWhitespace<'_>) -> Option<T> {
    words.next()?.parse().ok()
}

fn moment(words: &mut SplitAsciiWhitespace<'_>) -> Option<Timestamp> {
    Timestamp::from_millisecond(word(words)?).ok()
}

fn digest(words: &mut SplitAsciiWhitespace<'_>) -> Option<Digest> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(words.next()?, &mut bytes).ok()?;
    Some(Digest::from_bytes(bytes))
}

fn digits(digest: &Digest) -> String {
    hex::encode(digest.as_bytes())
}

/// The first 8 hex digits of the SHA-256.
fn checksum(text: &str) -> String {
    let mut digits = hex::encode(Digest::of(text.as_bytes()).as_bytes());
    digits.truncate(8);
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_reads_back_and_no_damaged_one_does() {
        let (tenant, user) = (TenantId::from_number(7), UserId::from_bytes([1; 12]));
        let identity = IdentityId::from_bytes([2; 12]);
        let client = ClientId::from_bytes([3; 16]).unwrap();
        let digest = Digest::of(b"x");
        let at = Timestamp::from_millisecond(1_800_000_000_123).unwrap();
        let to = UserId::from_bytes([4; 12]);
        let sessions = |blocked| Loss::Sessions {
            tenant,
            user,
            epoch: 9,
            blocked,
        };
        let losses = [
            Loss::User { tenant, user },
            Loss::Identity { tenant, user, identity },
            Loss::Split {
                tenant,
                user,
                identity,
                to,
            },
            sessions(None),
            sessions(Some(true)),
            sessions(Some(false)),
            Loss::Password { tenant, user, identity },
            Loss::Proof {
                tenant,
                token: digest,
                pair: digest,
                until: at,
            },
            Loss::Client {
                client,
                secret: Some(digest),
                epoch: 2,
            },
            Loss::Client {
                client,
                secret: None,
                epoch: 3,
            },
            Loss::ClientGone { client },
            Loss::Credentials {
                tenant,
                kii_app_key: digest,
                kii_client_secret: digest,
                knodes_customer_secret: digest,
            },
        ];
        let all = losses.into_iter().map(What::Loss).chain([What::Void, What::From(3)]);
        for what in all {
            let entry = Entry { batch: 5, at, what };
            let line = entry.to_string();
            assert_eq!(Entry::parse(&line).as_ref(), Some(&entry), "{line}");
            for cut in 0..line.len() {
                assert_eq!(Entry::parse(&line[..cut]), None, "{line} cut at {cut}");
            }
            assert_eq!(Entry::parse(&line.replacen(' ', " 1", 1)), None);
            assert_eq!(Entry::parse(&format!("{line} more")), None);
        }
    }
}
