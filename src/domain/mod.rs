//! The nouns and their rules. No input or output, and nothing that a dialect thought of.
//!
//! The words are those of `docs/architecture.md`, *Words*.

pub mod caller;
pub mod connection;
pub mod email;
pub mod event;
pub mod identity;
pub mod job;
pub mod key;
pub mod profile;
pub mod rate;
pub mod scope;
pub mod search;
pub mod spelling;
pub mod tenant;
pub mod token_set;
pub mod user;

pub use caller::{Actor, Caller};
pub use connection::{Connection, ConnectionRef};
pub use event::{Event, EventKind, NewEvent};
pub use identity::{ExternalIdentity, Identity, IdentityKey, Proof};
pub use job::Job;
pub use key::{KeyOwner, WrappedKey};
pub use profile::Profile;
pub use rate::{Quota, Rate, RateLimit};
pub use scope::{Scope, Scopes};
pub use tenant::{Client, Grant, Settings, Tenant};
pub use token_set::TokenSet;
pub use user::{Dialect, User, UserRef, UserWithIdentities};

/// A JSON object that the core keeps and never looks into.
pub type Object = serde_json::Map<String, serde_json::Value>;
