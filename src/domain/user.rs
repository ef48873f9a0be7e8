//! A person, inside one tenant.

use jiff::Timestamp;

use crate::domain::{Identity, Object, Profile};
use crate::id::UserId;
use crate::secret::Digest;

/// A person, inside one tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// The core id, of which every dialect has its own spelling.
    pub id: UserId,
    /// Moved by every change of this record, and when an identity goes. One that comes or is
    /// renewed has a version of its own.
    pub version: i64,
    /// Moved by what must end sessions: unlink, absorption, change of password or
    /// e-mail, block, delete. Never by a plain link (LNK-03).
    pub epoch: i64,
    /// The person's own credential that moved the epoch last, and survives its own act.
    pub kept: Option<KeptCredential>,
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
    /// When this record changed last, or an identity went; see
    /// [`UserWithIdentities::updated_at`].
    pub updated_at: Timestamp,
    /// When and from where she last logged in, and how often.
    pub logins: Logins,
    /// When the password was last changed, if ever.
    pub last_password_reset: Option<Timestamp>,
}

/// A credential that outlives the acts made with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptCredential {
    /// Its digest.
    pub credential: Digest,
    /// The oldest epoch that it may carry: every move since was its own doing.
    pub since: i64,
}

impl User {
    /// A user that has just come to be.
    pub fn new(id: UserId, profile: Profile, now: Timestamp) -> Self {
        Self {
            id,
            version: 1,
            epoch: 1,
            kept: None,
            profile,
            blocked: None,
            user_metadata: None,
            app_metadata: None,
            created_at: now,
            updated_at: now,
            logins: Logins::default(),
            last_password_reset: None,
        }
    }

    /// Ends every credential of the person but the one that made the call, if it is hers.
    pub fn move_epoch(&mut self, keep: Option<Digest>) {
        self.kept = keep.map(|credential| KeptCredential {
            credential,
            since: match self.kept {
                Some(kept) if kept.credential == credential => kept.since,
                _ => self.epoch,
            },
        });
        self.epoch = self.epoch.saturating_add(1);
    }

    /// Whether a credential that was issued at this epoch is still alive.
    pub fn honours(&self, epoch: i64, credential: Digest) -> bool {
        epoch == self.epoch
            || self
                .kept
                .is_some_and(|kept| kept.credential == credential && (kept.since..self.epoch).contains(&epoch))
    }
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

/// A user with identities, primary first, in the order in which they were attached.
#[derive(Debug, Clone, PartialEq)]
pub struct UserWithIdentities {
    /// The user.
    pub user: User,
    /// The identities.
    pub identities: Vec<Identity>,
}

impl UserWithIdentities {
    /// When anything of hers changed last.
    pub fn updated_at(&self) -> Timestamp {
        let proved = self.identities.iter().map(|identity| identity.proved_at);
        proved.fold(self.user.updated_at, Timestamp::max)
    }
}

/// An interface that keeps with a user what it shares with no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Kii Cloud's.
    Kii,
    /// Knodes'.
    Knodes,
}

impl Dialect {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kii => "kii",
            Self::Knodes => "knodes",
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_lnk_03_only_the_acting_credential_outlives_its_own_act() {
        let at = Timestamp::UNIX_EPOCH;
        let mut user = User::new(UserId::from_bytes([1; 12]), Profile::default(), at);
        let (mine, other) = (Digest::of(b"mine"), Digest::of(b"other"));
        let issued = user.epoch;
        assert!(user.honours(issued, mine) && user.honours(issued, other));
        user.move_epoch(Some(mine));
        user.move_epoch(Some(mine));
        assert!(user.honours(issued, mine), "twice by its own doing");
        assert!(!user.honours(issued, other));
        user.move_epoch(Some(other));
        assert!(!user.honours(issued, mine), "somebody else's doing");
        user.move_epoch(None);
        assert!(!user.honours(issued, other));
        assert!(user.honours(user.epoch, mine));
    }
}
