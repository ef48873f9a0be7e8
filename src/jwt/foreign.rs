//! ID tokens of others (OpenID Connect Core 2): whether one of their keys signed it, and that it is one now.
//!
//! Strict like our own, where the standard lets us: `RS256`, `PS256` or `ES256` by the kind of the key, no
//! member twice, times as whole numbers. By whom and for whom a token is, is checked by whoever knows who
//! was expected. What would surprise: headers of others may have members that mean nothing to us,
//! but none that would choose a key or change what is signed.

use jiff::Timestamp;
use jsonwebtoken::Algorithm;
use serde_json::Value;

use super::claims::{audience, check_times, is_name, text};
use super::form::Form;
use super::jwk::KID_LEN;
use super::key_set::KeySet;
use super::{Fault, strict_json};
use crate::domain::Object;

/// Members of a header that are refused (RFC 7515, 4.1; RFC 7516, 4.1; RFC 7797).
const REFUSED: [&str; 8] = ["jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc"];

/// The claim that a logout token has and an ID token must not have (OpenID Connect Back-Channel Logout 2.4).
const LOGOUT: &str = "events";

/// A token that is read and not believed.
#[derive(Debug)]
pub struct ForeignToken<'t> {
    form: Form<'t>,
    alg: Algorithm,
    kid: Option<String>,
}

/// What a token that is believed says.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignClaims {
    /// Who issued it.
    pub iss: String,
    /// Of whom it speaks: 1 to 255 bytes.
    pub sub: String,
    /// For whom it was made; at least one.
    pub aud: Vec<String>,
    /// To whom it was issued, where that is told; there when several are in `aud`.
    pub azp: Option<String>,
    /// All members, those above included.
    pub all: Object,
}

impl<'t> ForeignToken<'t> {
    /// Reads the form and the header.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(token: &'t str) -> Result<Self, Fault> {
        let form = Form::of(token)?;
        let member = |name: &str| match form.header.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(Fault::Unreadable),
        };
        if REFUSED.iter().any(|name| form.header.contains_key(*name)) {
            return Err(Fault::Unreadable);
        }
        // RFC 7515, 4.1.9: compared as media types are, and usually left out.
        if member("typ")?.is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
            return Err(Fault::WrongKind);
        }
        let alg = match member("alg")? {
            Some("RS256") => Algorithm::RS256,
            Some("PS256") => Algorithm::PS256,
            Some("ES256") => Algorithm::ES256,
            Some(_) => return Err(Fault::WrongAlgorithm),
            None => return Err(Fault::Unreadable),
        };
        let kid = member("kid")?.map(str::to_owned);
        if kid.as_ref().is_some_and(|kid| kid.is_empty() || kid.len() > KID_LEN) {
            return Err(Fault::Unreadable);
        }
        Ok(Self { form, alg, kid })
    }

    /// Whether the set has the key by which it says that it is signed.
    pub fn is_by(&self, keys: &KeySet, now: Timestamp) -> bool {
        keys.find(self.kid.as_deref(), self.alg, now).is_some()
    }

    /// What it says, if a key of the set signed it and it is valid now.
    ///
    /// # Errors
    /// Why it is not believed; [`Fault::UnknownKey`] when the set has no such key.
    pub fn verify(self, keys: &KeySet, now: Timestamp) -> Result<ForeignClaims, Fault> {
        let key = keys.find(self.kid.as_deref(), self.alg, now).ok_or(Fault::UnknownKey)?;
        let Form {
            payload,
            message,
            signature,
            ..
        } = self.form;
        match jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, self.alg) {
            Ok(true) => {}
            Ok(false) => return Err(Fault::BadSignature),
            Err(_) => return Err(Fault::Unreadable),
        }
        let all = strict_json::object(&payload).ok_or(Fault::Unreadable)?;
        ForeignClaims::read(all, now)
    }
}

impl ForeignClaims {
    fn read(all: Object, now: Timestamp) -> Result<Self, Fault> {
        if all.contains_key(LOGOUT) {
            return Err(Fault::WrongKind);
        }
        check_times(&all, now.as_second())?;
        let sub = match all.get("sub") {
            None | Some(Value::Null) => return Err(Fault::MissingSub),
            Some(Value::String(sub)) if is_name(sub) => sub.clone(),
            Some(_) => return Err(Fault::MalformedSub),
        };
        let iss = match all.get("iss") {
            Some(Value::String(iss)) if is_name(iss) => iss.clone(),
            _ => return Err(Fault::MalformedIssuer),
        };
        let azp = text(all.get("azp"), "azp")?;
        Ok(Self {
            iss,
            sub,
            aud: audience(all.get("aud"), azp.is_some())?,
            azp,
            all,
        })
    }
}
