//! What happened, written in the same act as the change: the audit row and the outbox
//! row in one.
//!
//! Users, identities, their owners and proofs follow from the events alone (invariant
//! I7), so an event names ids in clear. What is personal travels in `sealed`, under the
//! key of the user that the event is about, and is unreadable once she is erased.

use jiff::Timestamp;

use crate::domain::{Actor, Proof};
use crate::id::{ConnectionId, EventId, IdentityId, UserId};
use crate::secret::Sealed;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// A user came to be, born with this identity.
    UserCreated {
        /// The identity that is primary.
        identity: IdentityId,
        /// Where.
        connection: ConnectionId,
        /// How we know.
        proof: Proof,
    },
    /// Attributes or metadata changed; which, is named, and their values are not.
    UserUpdated {
        /// Names of the attributes, comma-separated.
        fields: String,
    },
    /// A user and all her identities were erased.
    UserDeleted,
    /// An identity was attached.
    IdentityLinked {
        /// Which.
        identity: IdentityId,
        /// Where.
        connection: ConnectionId,
        /// How we know.
        proof: Proof,
    },
    /// An identity that the user had already got new tokens, a new profile or proof.
    IdentityRefreshed {
        /// Which.
        identity: IdentityId,
        /// Where.
        connection: ConnectionId,
        /// How we know now.
        proof: Proof,
    },
    /// An identity was taken off and erased; it is free for anyone.
    IdentityFreed {
        /// Which.
        identity: IdentityId,
        /// Where.
        connection: ConnectionId,
    },
    /// An identity was taken off and goes on as the primary of a user of its own.
    IdentitySplit {
        /// Which.
        identity: IdentityId,
        /// Where.
        connection: ConnectionId,
        /// Whose it is now.
        to: UserId,
    },
    /// An account that a user had who was erased is this user's, who came to be with it. Beside
    /// the event by which she has it.
    IdentityRecreated {
        /// Which; it has nothing of the one that was erased but its key.
        identity: IdentityId,
        /// Where.
        connection: ConnectionId,
    },
    /// Another user became part of this one: all the identities of hers, in order, moved
    /// to the end of this user's list. `sealed` holds what an undo needs.
    UserAbsorbed {
        /// Who is gone; her core id is an alias from now on.
        absorbed: UserId,
        /// How we know that both are one person.
        proof: Proof,
    },
}

impl EventKind {
    /// The stable name, in answers.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::UserCreated { .. } => "user.created",
            Self::UserUpdated { .. } => "user.updated",
            Self::UserDeleted => "user.deleted",
            Self::IdentityLinked { .. } => "identity.linked",
            Self::IdentityRefreshed { .. } => "identity.refreshed",
            Self::IdentityFreed { .. } => "identity.freed",
            Self::IdentitySplit { .. } => "identity.split",
            Self::IdentityRecreated { .. } => "identity.recreated",
            Self::UserAbsorbed { .. } => "user.absorbed",
        }
    }
}

/// An event on its way into an act.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// What happened.
    pub kind: EventKind,
    /// To whom.
    pub user: UserId,
    /// Who did it.
    pub actor: Actor,
    /// When, as handed in by the verb.
    pub at: Timestamp,
    /// Personal fields, sealed under the user's key.
    pub sealed: Option<Sealed>,
}

/// An event as it was committed.
#[derive(Debug, Clone)]
pub struct Event {
    /// Sorts in commit order.
    pub id: EventId,
    /// What happened, to whom, by whom, when.
    pub what: NewEvent,
}
