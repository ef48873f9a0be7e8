//! A public key with its one algorithm: RS256, whatever a token's header says.
//!
//! Read from a JWK it must be fit for that: RSA of 2,048 to 8,192 bits, for signatures.
//! What would surprise: keys from chips that made weak primes (ROCA, CVE-2017-15361) are
//! recognised by their moduli and refused.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::Value;

/// The longest name that a key may have, in bytes.
pub(super) const KID_LEN: usize = 256;

/// A public key that checks RS256 signatures, with its name.
pub struct VerifyingKey {
    kid: String,
    n: Vec<u8>,
    e: Vec<u8>,
    pub(super) library: DecodingKey,
}

impl VerifyingKey {
    /// The key with this modulus and exponent, big-endian without leading zeros, named by
    /// its thumbprint; `None` when it is not fit for RS256.
    pub(super) fn new(n: &[u8], e: &[u8]) -> Option<Self> {
        Self::named(String::new(), n, e).map(|key| Self {
            kid: key.thumbprint(),
            ..key
        })
    }

    /// The key that a JWK holds; `None` when it is not an RSA key for checking RS256
    /// signatures, is weak, or has no name.
    pub fn from_jwk(jwk: &Value) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let absent_or = |name: &str, wanted: &str| jwk.get(name).is_none_or(|value| value == wanted);
        let verifies = |ops: &Value| ops.as_array().is_some_and(|ops| ops.iter().any(|op| op == "verify"));
        let fit = text("kty") == Some("RSA")
            && absent_or("alg", "RS256")
            && absent_or("use", "sig")
            && jwk.get("key_ops").is_none_or(verifies);
        let kid = text("kid").filter(|kid| (1..=KID_LEN).contains(&kid.len()))?;
        let n = URL_SAFE_NO_PAD.decode(text("n")?).ok()?;
        let e = URL_SAFE_NO_PAD.decode(text("e")?).ok()?;
        fit.then(|| Self::named(kid.to_owned(), &n, &e)).flatten()
    }

    fn named(kid: String, n: &[u8], e: &[u8]) -> Option<Self> {
        is_fit(n, e)?.then(|| Self {
            kid,
            library: DecodingKey::from_rsa_raw_components(n, e),
            n: n.to_vec(),
            e: e.to_vec(),
        })
    }

    /// The name by which a token's header asks for the key.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Modulus and exponent as a JWK spells them.
    pub(super) fn components(&self) -> (String, String) {
        (URL_SAFE_NO_PAD.encode(&self.n), URL_SAFE_NO_PAD.encode(&self.e))
    }

    /// The first half of the thumbprint of RFC 7638: 128 bits are plenty to tell keys apart.
    fn thumbprint(&self) -> String {
        let (n, e) = self.components();
        let canonical = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
        let digest = digest::digest(&digest::SHA256, canonical.as_bytes());
        URL_SAFE_NO_PAD.encode(digest.as_ref().split_at(16).0)
    }
}

/// The RSA key with this modulus and exponent, as a JWK spells them, if it is fit.
pub(super) fn rsa_key(n: &str, e: &str) -> Option<DecodingKey> {
    let (n, e) = (URL_SAFE_NO_PAD.decode(n).ok()?, URL_SAFE_NO_PAD.decode(e).ok()?);
    is_fit(&n, &e)?.then(|| DecodingKey::from_rsa_raw_components(&n, &e))
}

/// Whether an RSA key is strong enough, and written without leading zeros.
fn is_fit(n: &[u8], e: &[u8]) -> Option<bool> {
    let (first, last) = (n.first()?, n.last()?);
    let bits = (n.len() * 8).checked_sub(first.leading_zeros() as usize)?;
    // Modulus and exponent are odd, and an exponent of 1 would leave what it signs as it is.
    Some(
        *first != 0
            && (2048..=8192).contains(&bits)
            && last & 1 == 1
            && e.first() != Some(&0)
            && e.len() <= 8
            && e.last()? & 1 == 1
            && e != [1]
            && !has_roca(n),
    )
}

/// Whether the modulus has the mark of the broken generator: modulo each of these primes
/// it is a power of 65,537. By chance that is so for one key in 2^27 at most.
fn has_roca(n: &[u8]) -> bool {
    const PRIMES: [u32; 38] = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107,
        109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ];
    PRIMES.iter().all(|prime| {
        let rest = n.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let mut power = 1;
        (0..*prime).any(|_| {
            power = power * 65_537 % prime;
            power == rest
        })
    })
}
