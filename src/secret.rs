//! What must not be seen: secrets in memory, and sealed bytes at rest.
//!
//! A secret has no `Display`, no `Serialize`, no `==`, and its `Debug` prints
//! `REDACTED`; reading one takes a visible `expose_secret()`. [`Sealed`] is the only
//! form in which the store takes one. [`Digest`] is what we keep of credentials that
//! have full entropy: they are found by hash and never compared byte by byte.

use std::fmt;

use aws_lc_rs::digest;
pub use secrecy::{ExposeSecret, SecretSlice, SecretString};

/// Bytes that only the vault opens, in the layout of `vault/record.rs`.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Bytes that a vault made, or that the store kept for one.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes, to be kept.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// The SHA-256 of a secret with at least 128 bits of entropy, or of a whole request; or a keyed digest that
/// a vault made.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut out = [0; 32];
        out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
        Self(out)
    }

    /// The digest of a secret text.
    pub fn of_secret(secret: &SecretString) -> Self {
        Self::of(secret.expose_secret().as_bytes())
    }

    /// The digest with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes that the store keeps.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether the secret has this digest, in the same time whatever the answer is.
    pub fn matches(&self, secret: &SecretString) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.0.as_slice(), Self::of_secret(secret).0.as_slice()).into()
    }
}

impl fmt::Debug for Digest {
    /// No prefix of a digest goes to a log either (VLT-06).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(REDACTED)")
    }
}
