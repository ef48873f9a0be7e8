//! What acts are told of marks: what is kept of an account whose user was erased.
//!
//! A mark is made of an account's key with a key that no store has, so it says nothing to whoever
//! reads it, and the account itself is needed to find it. What would surprise: an act that erases
//! marks what it finds, so it is handed the way in which marks are made, and not the marks.

use std::fmt;

use jiff::Timestamp;

use crate::domain::{IdentityKey, NewEvent};
use crate::id::IdentityId;
use crate::secret::Digest;

/// How the accounts of somebody are marked who is erased, and for how long.
pub struct Marking {
    make: Box<dyn Fn(&IdentityKey) -> Digest + Send + Sync>,
    until: Timestamp,
}

impl Marking {
    /// By this function, which gives the same mark for the same account whenever it is asked, until this
    /// moment.
    pub fn new(until: Timestamp, make: impl Fn(&IdentityKey) -> Digest + Send + Sync + 'static) -> Self {
        Self {
            make: Box::new(make),
            until,
        }
    }

    /// The mark of this account.
    pub fn of(&self, key: &IdentityKey) -> Digest {
        (self.make)(key)
    }

    /// Until when it is kept.
    pub const fn until(&self) -> Timestamp {
        self.until
    }
}

impl fmt::Debug for Marking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Marking(until {})", self.until)
    }
}

/// The mark that an account of a new user would have, if it was somebody's who was erased.
#[derive(Debug, Clone)]
pub struct Marked {
    /// Which of her identities.
    pub identity: IdentityId,
    /// The mark.
    pub mark: Digest,
    /// What is told when there is one, which is forgotten then: `identity.recreated`. `None` has
    /// her refused.
    pub told: Option<NewEvent>,
}
