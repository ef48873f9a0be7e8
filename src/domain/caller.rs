//! Who is asking, once a credential has been believed; and who is written down as having
//! done something.

use crate::domain::{Scope, Scopes};
use crate::error::{Error, Result};
use crate::id::{ClientId, TenantId, UserId};
use crate::secret::Digest;

/// Who is asking. Every verb takes one first; there is no way to one but a verified
/// credential or the operator's own machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// In whose data the caller acts. No verb reaches another tenant's.
    pub tenant: TenantId,
    /// The application that the credential was issued to.
    pub client: ClientId,
    /// The person, when the credential acts for one rather than for the tenant.
    pub user: Option<UserId>,
    /// The digest of the credential, when it is a person's own: it survives its own acts.
    pub credential: Option<Digest>,
    /// What the credential allows.
    pub scopes: Scopes,
    /// The issuer by which the credential came: one of our own origins, with a slash.
    pub issuer: std::sync::Arc<str>,
}

impl Caller {
    /// That the caller has any of these rights.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`] with the rights that would do.
    pub fn needs(&self, any_of: &'static [Scope]) -> Result<()> {
        if self.scopes.has_any(any_of) {
            return Ok(());
        }
        Err(Error::InsufficientScope { any_of })
    }

    /// That the caller may act on this user: by a right over all users, or on itself by
    /// a right over itself.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`] when it has neither right, [`Error::NotYourself`]
    /// when it has only the second and this is somebody else.
    pub fn needs_over(&self, user: UserId, all: &[Scope], itself: &[Scope], any_of: &'static [Scope]) -> Result<()> {
        if self.scopes.has_any(all) {
            return Ok(());
        }
        if !self.scopes.has_any(itself) {
            return Err(Error::InsufficientScope { any_of });
        }
        if self.user == Some(user) {
            Ok(())
        } else {
            Err(Error::NotYourself)
        }
    }

    /// Who is written down for what this caller does.
    pub fn actor(&self) -> Actor {
        match self.user {
            Some(user) => Actor::User(user),
            None => Actor::Client(self.client),
        }
    }
}

/// Who did something, as events and proofs record it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// An application, by its own token.
    Client(ClientId),
    /// A person, by a token of hers.
    User(UserId),
    /// Whoever may use the command line on the server's machine.
    Operator,
}

impl Actor {
    /// One byte for the kind and the bytes of the id.
    pub fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Operator => vec![0],
            Self::Client(id) => [&[1][..], &id.to_bytes()].concat(),
            Self::User(id) => [&[2][..], id.as_bytes()].concat(),
        }
    }

    /// The actor with these bytes; `None` when there is no such actor.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (0, []) => Some(Self::Operator),
            (1, id) => Some(Self::Client(ClientId::from_bytes(id.try_into().ok()?)?)),
            (2, id) => Some(Self::User(UserId::from_bytes(id.try_into().ok()?))),
            _ => None,
        }
    }
}

impl std::fmt::Display for Actor {
    /// `operator`, `client:<id>` or `user:<id>`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Client(id) => write!(f, "client:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Operator => f.write_str("operator"),
        }
    }
}
