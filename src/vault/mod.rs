//! Seals secrets, so that each opens only in its own row and under its own owner's key.
//!
//! ```text
//! root key                                   a file beside the data directory
//!  ├ signing keys of our own tokens          wrapped
//!  └ tenant key                              random, wrapped by the root key
//!     ├ service key                          random, wrapped; connection secrets, cursors
//!     └ user key                             random, wrapped; what is that user's
//!        └ key of one record                 derived anew for each record, never kept
//! ```
//!
//! The layout of a record is in `record.rs`; whoever keeps the bytes is not told of it.
//! What would surprise: nothing but keys is ever sealed under a root or tenant key, and
//! the types say so: [`Vault::seal`] takes a [`RecordKey`] only. Every failure to open,
//! for whatever reason, is the one `Error::CryptoIntegrity`.

mod key;
mod marker;
mod record;
mod root;

use std::sync::Arc;

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::clock::Random;
use crate::domain::{KeyOwner, WrappedKey};
use crate::error::Result;
use crate::id::{ConnectionId, TenantId};
use crate::secret::Sealed;

use key::Key;
pub use key::{RecordKey, TenantKey};
pub use marker::Marker;
use record::{Bound, Padding};
pub use root::{RootKey, RootKeyFault};

/// What a sealed record is; part of what it is bound to, so the names never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// The token set of an identity.
    TokenSet,
    /// The client secret of a connection.
    ClientSecret,
    /// The personal part of an event.
    Event,
    /// Where a list goes on.
    Cursor,
    /// What an act must be undone with.
    Undo,
    /// A part of a file of a job.
    JobPart,
    /// The right to fetch what a job made.
    Download,
    /// The right to say that an e-mail address is one's own.
    EmailTicket,
}

impl Field {
    /// Every field.
    pub const ALL: [Self; 8] = [
        Self::TokenSet,
        Self::ClientSecret,
        Self::Event,
        Self::Cursor,
        Self::Undo,
        Self::JobPart,
        Self::Download,
        Self::EmailTicket,
    ];

    /// The name that a record is bound to.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TokenSet => "token_set",
            Self::ClientSecret => "client_secret",
            Self::Event => "event",
            Self::Cursor => "cursor",
            Self::Undo => "undo",
            Self::JobPart => "job_part",
            Self::Download => "download",
            Self::EmailTicket => "email_ticket",
        }
    }
}

/// Where a record is at home. It opens nowhere else; tenant and owner are in its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The connection, where there is one.
    pub connection: Option<ConnectionId>,
    /// The issuer of the identity, or nothing.
    pub issuer: &'a str,
    /// The subject of the identity, or what else names the row among its like.
    pub subject: &'a str,
    /// What it is.
    pub field: Field,
    /// The version of the row.
    pub version: i64,
}

/// Makes, wraps and opens keys, and seals under them.
pub struct Vault {
    root: Key,
    check: [u8; 32],
    vouching: hmac::Key,
    marker: Marker,
    random: Arc<dyn Random>,
}

impl Vault {
    /// The vault of this root key.
    pub fn new(root: RootKey, random: Arc<dyn Random>) -> Self {
        Self {
            check: root.check_value(),
            vouching: root.vouching_key(),
            marker: Marker(root.marking_key()),
            root: root.into_key(),
            random,
        }
    }

    /// What recognises the root key and reveals nothing of it.
    pub const fn check_value(&self) -> [u8; 32] {
        self.check
    }

    /// What only a holder of the root key can say of these bytes.
    pub fn vouch_for(&self, bytes: &[u8]) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(hmac::sign(&self.vouching, bytes).as_ref());
        out
    }

    /// Whether a holder of the root key said that of these bytes.
    pub fn vouched_for(&self, bytes: &[u8], said: &[u8]) -> bool {
        hmac::verify(&self.vouching, bytes, said).is_ok()
    }

    /// What makes marks of accounts.
    pub fn marker(&self) -> Marker {
        self.marker.clone()
    }

    /// A new key for a tenant, and the form in which it is kept.
    ///
    /// # Errors
    /// `Error::Internal` when the crypto library fails.
    pub fn new_tenant_key(&self, tenant: TenantId) -> Result<(TenantKey, WrappedKey)> {
        let key = Key::new(&*self.random);
        let wrapped = key.wrap(&self.root, &key::of_tenant(tenant), &*self.random)?;
        Ok((TenantKey::new(tenant, key), wrapped))
    }

    /// The key of a tenant, from the form in which it was kept.
    ///
    /// # Errors
    /// `Error::CryptoIntegrity` when these bytes are not this tenant's key under this root.
    pub fn open_tenant_key(&self, tenant: TenantId, wrapped: &WrappedKey) -> Result<TenantKey> {
        let key = Key::unwrap(&self.root, &key::of_tenant(tenant), wrapped)?;
        Ok(TenantKey::new(tenant, key))
    }

    /// A new key for a user or for the tenant itself, and the form in which it is kept.
    ///
    /// # Errors
    /// `Error::Internal` when the crypto library fails.
    pub fn new_key(&self, tenant: &TenantKey, owner: KeyOwner) -> Result<(RecordKey, WrappedKey)> {
        let key = Key::new(&*self.random);
        let wrapped = key.wrap(tenant.key(), &key::of_owner(tenant.tenant(), &owner), &*self.random)?;
        Ok((RecordKey::new(tenant.tenant(), owner, key), wrapped))
    }

    /// The key of a user or of the tenant itself, from the form in which it was kept.
    ///
    /// # Errors
    /// `Error::CryptoIntegrity` when these bytes are not this owner's key in this tenant.
    pub fn open_key(&self, tenant: &TenantKey, owner: KeyOwner, wrapped: &WrappedKey) -> Result<RecordKey> {
        let key = Key::unwrap(tenant.key(), &key::of_owner(tenant.tenant(), &owner), wrapped)?;
        Ok(RecordKey::new(tenant.tenant(), owner, key))
    }

    /// Seals a secret for its place.
    ///
    /// # Errors
    /// `Error::Internal` when the issuer or subject is longer than 65,535 bytes.
    pub fn seal(&self, key: &RecordKey, place: &Place<'_>, plain: &[u8]) -> Result<Sealed> {
        let connection = place.connection.map(|id| id.number().to_be_bytes());
        let bound = Bound::record(key, place, connection.as_ref());
        record::seal(key.key(), &bound, Padding::To64, plain, &*self.random).map(Sealed::from_bytes)
    }

    /// Whether a record says of itself that it was sealed under this key. A user who was
    /// erased and came back has another key than her older records.
    pub fn is_under(&self, key: &RecordKey, sealed: &Sealed) -> bool {
        record::is_under(key.key(), sealed.as_bytes())
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// `Error::CryptoIntegrity` when anything does not fit.
    pub fn open(&self, key: &RecordKey, place: &Place<'_>, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>> {
        let connection = place.connection.map(|id| id.number().to_be_bytes());
        let bound = Bound::record(key, place, connection.as_ref());
        record::open(key.key(), &bound, Padding::To64, sealed.as_bytes())
    }

    /// The private key of our own tokens (PKCS#8) in the form in which it is kept.
    ///
    /// # Errors
    /// `Error::Internal` when the crypto library fails.
    pub fn wrap_signing_key(&self, kid: &str, pkcs8: &[u8]) -> Result<WrappedKey> {
        record::seal(&self.root, &key::of_signing(kid), Padding::None, pkcs8, &*self.random).map(WrappedKey)
    }

    /// The private key of our own tokens (PKCS#8), from the form in which it was kept.
    ///
    /// # Errors
    /// `Error::CryptoIntegrity` when these bytes are not the key of this name.
    pub fn open_signing_key(&self, kid: &str, wrapped: &WrappedKey) -> Result<Zeroizing<Vec<u8>>> {
        record::open(&self.root, &key::of_signing(kid), Padding::None, &wrapped.0)
    }
}
