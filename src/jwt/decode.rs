//! Whether a token is believed: first its form, then its header, then the signature, and
//! only then what it says.
//!
//! Header and claims are read by `strict_json.rs`, the signature is checked by the
//! library. What would surprise: the header chooses nothing. Its `alg` must be that of
//! the key, its `kid` is looked up among keys in memory, and any other member, above all
//! `jwk`, `jku`, `x5u`, `x5c`, `crit` and `b64`, makes the token unreadable.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::Algorithm;
use serde_json::Value;

use super::jwk::KID_LEN;
use super::{Claims, Fault, KeyRing, TokenKind, VerifyingKey, strict_json};

/// The longest token that is looked at, in bytes.
const TOKEN_LEN: usize = 16 * 1024;

/// A token whose signature fits. Nothing that it says has been looked at.
#[derive(Debug)]
pub struct Signed {
    /// The `typ` of its header.
    pub typ: Option<String>,
    /// What was signed, decoded.
    pub payload: Vec<u8>,
}

/// The claims of a token of this kind that a key of the ring signed and that is valid now.
///
/// # Errors
/// Why it is not believed.
pub fn decode(token: &str, kind: TokenKind, ring: &KeyRing, now: Timestamp) -> Result<Claims, Fault> {
    let signed = verify(token, |kid| ring.find(kid))?;
    if signed.typ.as_deref() != Some(kind.typ()) {
        return Err(Fault::WrongKind);
    }
    let claims = strict_json::object(&signed.payload).ok_or(Fault::Unreadable)?;
    Claims::from_json(claims, kind, now.as_second())
}

/// What was signed, if the key of that name signed it.
///
/// # Errors
/// Why the signature is not believed.
pub fn verify<'k>(token: &str, key: impl FnOnce(&str) -> Option<&'k VerifyingKey>) -> Result<Signed, Fault> {
    if token.len() > TOKEN_LEN {
        return Err(Fault::Unreadable);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(Fault::Unreadable)?;
    let (header, payload) = message.split_once('.').ok_or(Fault::Unreadable)?;
    let header = decoded(header).and_then(|header| strict_json::object(&header));
    let payload = decoded(payload).ok_or(Fault::Unreadable)?;

    let (mut alg, mut kid, mut typ) = (None, None, None);
    for (name, value) in header.ok_or(Fault::Unreadable)? {
        match (name.as_str(), value) {
            ("alg", Value::String(value)) => alg = Some(value),
            ("kid", Value::String(value)) => kid = Some(value),
            ("typ", Value::String(value)) => typ = Some(value),
            _ => return Err(Fault::Unreadable),
        }
    }
    match alg.as_deref() {
        Some("RS256") => {}
        Some(_) => return Err(Fault::WrongAlgorithm),
        None => return Err(Fault::Unreadable),
    }
    let kid = kid.filter(|kid| kid.len() <= KID_LEN).ok_or(Fault::Unreadable)?;
    let key = key(&kid).ok_or(Fault::UnknownKey)?;
    match jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key.library, Algorithm::RS256) {
        Ok(true) => Ok(Signed { typ, payload }),
        Ok(false) => Err(Fault::BadSignature),
        Err(_) => Err(Fault::Unreadable),
    }
}

/// Base64url as RFC 7515 has it: no padding, no other alphabet, no bits left over.
fn decoded(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}
