//! Whether a token is believed: first its form, then its header, then the signature, and
//! only then what it says.
//!
//! Header and claims are read by `strict_json.rs`, the signature is checked by the
//! library. What would surprise: the header chooses nothing. Its `alg` must be that of
//! the key, its `kid` is looked up among keys in memory, and any other member, above all
//! `jwk`, `jku`, `x5u`, `x5c`, `crit` and `b64`, makes the token unreadable.

use jiff::Timestamp;
use jsonwebtoken::Algorithm;
use serde_json::Value;

use super::form::Form;
use super::jwk::KID_LEN;
use super::{Claims, Fault, KeyRing, TokenKind, VerifyingKey, strict_json};

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
    let Form {
        header,
        payload,
        message,
        signature,
    } = Form::of(token)?;

    let (mut alg, mut kid, mut typ) = (None, None, None);
    for (name, value) in header {
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
