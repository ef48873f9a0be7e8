//! Whose key a key is, and the form in which keys are kept.

use crate::id::UserId;

/// Whose key a wrapped key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyOwner {
    /// A user's, for the records of that user.
    User(UserId),
    /// The tenant's own, for connection secrets and cursors.
    Service,
}

/// A key, wrapped by the key above it; opaque to whoever keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKey(pub Vec<u8>);

impl std::fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WrappedKey")
    }
}
