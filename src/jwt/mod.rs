//! The tokens of our own: RS256 only, one ring of keys for the whole server. And those of others, which they
//! sign with keys that they publish.
//!
//! A token is made by [`KeyRing::sign`] and believed by [`decode()`] alone. The signature
//! is the library's affair; the form, the header and every claim are read by our own
//! strict decoder, because the library takes much that is not there for good
//! (`tests/it/jwt/canary.rs` shows what). Whether a client or user still exists, and at
//! which epoch, is asked elsewhere.
//!
//! What would surprise: time is handed in, so the library's own checks of time, which
//! read the machine's clock, are off; `claims.rs` makes them all.

mod claims;
mod decode;
mod fault;
mod foreign;
mod form;
mod jwk;
mod key_set;
mod ring;
mod strict_json;

pub use claims::{Claims, LATEST};
pub use decode::{Signed, decode, verify};
pub use fault::Fault;
pub use foreign::{ForeignClaims, ForeignToken};
pub use jwk::VerifyingKey;
pub use key_set::{KeySet, KeySetFault};
pub use ring::{KeyRing, SigningKey};
pub use strict_json::object as strict_object;

/// What a token is for. A token of one kind is never taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Opens our interfaces (RFC 9068).
    Access,
    /// Says who logged in, and proves a second account.
    Id,
}

impl TokenKind {
    /// The `typ` of its header.
    pub const fn typ(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Id => "JWT",
        }
    }
}
