//! Public keys of somebody else: a JSON Web Key Set (RFC 7517), read so that each key has its algorithms
//! by its kind and nothing else.
//!
//! A key that is not for checking signatures, is of a kind that is not used here, or is weak, is as good
//! as not there. What would surprise: two keys of one kind with one name spoil the whole set, because
//! which of them signed would be a matter of taste.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

use super::jwk::{KID_LEN, rsa_key};
use super::strict_json;

/// How many keys a set may have, and how many bytes.
const KEYS: usize = 100;
const SET_BYTES: usize = 256 * 1024;

/// How long a key is kept that its owner does not show any more.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24);

/// The keys of one issuer.
#[derive(Default, Clone)]
pub struct KeySet {
    keys: Vec<Key>,
}

/// Why a set of keys is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeySetFault {
    /// More than 256 kB, or than 100 keys.
    #[error("the set of keys is too large")]
    TooLarge,
    /// No JSON Web Key Set.
    #[error("it is not a set of keys")]
    Unreadable,
    /// Two keys of one kind and one name.
    #[error("two keys of the set have one name")]
    TwoOfOneName,
    /// Nothing in it checks a signature.
    #[error("no key of the set can be used")]
    NothingUsable,
}

#[derive(Clone)]
struct Key {
    kid: Option<String>,
    kind: Kind,
    /// The one algorithm that its owner allows, if that is told.
    alg: Option<Algorithm>,
    library: DecodingKey,
    seen_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Rsa,
    P256,
}

impl Kind {
    fn of(alg: Algorithm) -> Option<Self> {
        match alg {
            Algorithm::RS256 | Algorithm::PS256 => Some(Self::Rsa),
            Algorithm::ES256 => Some(Self::P256),
            _ => None,
        }
    }
}

impl KeySet {
    /// The usable keys of a document that was fetched now.
    ///
    /// # Errors
    /// Why none of it is used.
    pub fn read(document: &[u8], now: Timestamp) -> Result<Self, KeySetFault> {
        if document.len() > SET_BYTES {
            return Err(KeySetFault::TooLarge);
        }
        let set = strict_json::object(document).ok_or(KeySetFault::Unreadable)?;
        let keys = set
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(KeySetFault::Unreadable)?;
        if keys.len() > KEYS {
            return Err(KeySetFault::TooLarge);
        }
        let mut names = HashSet::new();
        for key in keys {
            let (kid, kty) = (key.get("kid"), key.get("kty"));
            if let Some(kid) = kid.and_then(Value::as_str)
                && !names.insert((kid, kty.and_then(Value::as_str)))
            {
                return Err(KeySetFault::TwoOfOneName);
            }
        }
        let keys: Vec<Key> = keys.iter().filter_map(|key| Key::read(key, now)).collect();
        if keys.is_empty() {
            return Err(KeySetFault::NothingUsable);
        }
        Ok(Self { keys })
    }

    /// These keys, and of the earlier ones those that are kept a while though they are not shown any more.
    pub fn after(mut self, earlier: &Self, now: Timestamp) -> Self {
        let gone: Vec<Key> = earlier
            .keys
            .iter()
            .filter(|old| now.duration_since(old.seen_at) < KEPT_FOR)
            .filter(|old| !self.keys.iter().any(|new| (&new.kid, new.kind) == (&old.kid, old.kind)))
            // A key without a name is told from others by being the only one.
            .filter(|old| old.kid.is_some())
            .take(KEYS)
            .cloned()
            .collect();
        self.keys.extend(gone);
        self
    }

    /// The key of this name for this algorithm; without a name, the only one there is for it.
    pub(super) fn find(&self, kid: Option<&str>, alg: Algorithm, now: Timestamp) -> Option<&DecodingKey> {
        let mut fitting = self.keys.iter().filter(|key| {
            Some(key.kind) == Kind::of(alg)
                && key.alg.is_none_or(|only| only == alg)
                && kid.is_none_or(|kid| key.kid.as_deref() == Some(kid))
                && now.duration_since(key.seen_at) < KEPT_FOR
        });
        let found = fitting.next()?;
        fitting.next().is_none().then_some(&found.library)
    }
}

impl Key {
    fn read(jwk: &Value, now: Timestamp) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let coordinate =
            |name: &str| text(name).filter(|text| URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32));
        let verifies = |ops: &Value| ops.as_array().is_some_and(|ops| ops.iter().any(|op| op == "verify"));
        if jwk.get("use").is_some_and(|usage| usage != "sig") || !jwk.get("key_ops").is_none_or(verifies) {
            return None;
        }
        // Whoever publishes the private half has no secret.
        if jwk.get("d").is_some() {
            return None;
        }
        let alg = match jwk.get("alg") {
            None => None,
            Some(alg) => Some(alg.as_str()?.parse::<Algorithm>().ok()?),
        };
        let kid = match jwk.get("kid") {
            None => None,
            Some(kid) => Some(
                kid.as_str()
                    .filter(|kid| (1..=KID_LEN).contains(&kid.len()))?
                    .to_owned(),
            ),
        };
        let (kind, library) = match text("kty")? {
            "RSA" => (Kind::Rsa, rsa_key(text("n")?, text("e")?)?),
            "EC" if text("crv") == Some("P-256") => {
                let (x, y) = (coordinate("x")?, coordinate("y")?);
                (Kind::P256, DecodingKey::from_ec_components(x, y).ok()?)
            }
            _ => return None,
        };
        let fits = alg.is_none_or(|alg| Kind::of(alg) == Some(kind));
        fits.then_some(Self {
            kid,
            kind,
            alg,
            library,
            seen_at: now,
        })
    }
}
