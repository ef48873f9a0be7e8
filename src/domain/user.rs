//! A person, inside one tenant.

use jiff::Timestamp;

use crate::domain::{Object, Profile};
use crate::id::UserId;

/// A person, inside one tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// The core id, of which every dialect has its own spelling.
    pub id: UserId,
    /// Moved by every change of the user or of the set of identities.
    pub version: i64,
    /// Moved by what must end sessions: unlink, absorption, change of password or
    /// e-mail, block, delete. Never by a plain link (LNK-03).
    pub epoch: i64,
    /// What is known of the person: the profile of the primary identity.
    pub profile: Profile,
    /// Whether she may log in; absent until somebody said.
    pub blocked: Option<bool>,
    /// Auth0's bag that the person may write; absent until somebody did.
    pub user_metadata: Option<Object>,
    /// Auth0's bag that only the tenant may write; absent until somebody did.
    pub app_metadata: Option<Object>,
    /// When she was first seen.
    pub created_at: Timestamp,
    /// When anything of hers changed last.
    pub updated_at: Timestamp,
    /// When and from where she last logged in, and how often.
    pub logins: Logins,
    /// When the password was last changed, if ever.
    pub last_password_reset: Option<Timestamp>,
}

/// What is counted of log-ins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Logins {
    /// How many there were.
    pub count: u64,
    /// When the last one was.
    pub last_at: Option<Timestamp>,
    /// From which address.
    pub last_ip: Option<String>,
}

/// How a caller names a user, in any dialect's spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserRef {
    /// By core id; the id of an absorbed user names the survivor.
    Id(UserId),
    /// By the identity that the user was born with.
    Born {
        /// Where it was.
        at: Birthplace,
        /// The identity's subject.
        subject: String,
    },
}

/// Where a user was born.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Birthplace {
    /// At any connection of this provider.
    Provider(String),
    /// At the connection of this name.
    Connection(String),
}
