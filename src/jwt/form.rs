//! The form of a signed token: three parts of base64url, of which the first two hold JSON.
//!
//! Nothing is believed here. What would surprise: the JSON is read only as far as the header, because what
//! is signed is looked at when the signature fits.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Fault, strict_json};
use crate::domain::Object;

/// The longest token that is looked at, in bytes.
const TOKEN_LEN: usize = 16 * 1024;

/// A token, taken apart.
#[derive(Debug)]
pub(super) struct Form<'t> {
    pub(super) header: Object,
    /// What was signed, decoded.
    pub(super) payload: Vec<u8>,
    /// What was signed, as it was.
    pub(super) message: &'t str,
    pub(super) signature: &'t str,
}

impl<'t> Form<'t> {
    /// # Errors
    /// [`Fault::Unreadable`].
    pub(super) fn of(token: &'t str) -> Result<Self, Fault> {
        if token.len() > TOKEN_LEN {
            return Err(Fault::Unreadable);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Fault::Unreadable)?;
        let (header, payload) = message.split_once('.').ok_or(Fault::Unreadable)?;
        let header = decoded(header).and_then(|header| strict_json::object(&header));
        Ok(Self {
            header: header.ok_or(Fault::Unreadable)?,
            payload: decoded(payload).ok_or(Fault::Unreadable)?,
            message,
            signature,
        })
    }
}

/// Base64url as RFC 7515 has it: no padding, no other alphabet, no bits left over.
fn decoded(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}
