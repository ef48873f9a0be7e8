//! The keys with which networks sign ID tokens.
//!
//! Each network has its own, made when it is first needed, since that takes a while. What would
//! surprise: all sandboxes of one process share them, so the second test need not wait again.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{self, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::network::Network;

/// The number of a key that no network publishes.
pub const UNPUBLISHED: u32 = u32::MAX;

/// A key of a network.
pub struct Key {
    pair: KeyPair,
    kid: String,
}

/// The key with this number of a network.
///
/// # Errors
/// When the crypto library cannot make one.
pub fn key(network: Network, number: u32) -> io::Result<Arc<Key>> {
    type Kept = Mutex<HashMap<(Network, u32), Arc<Key>>>;
    static KEYS: OnceLock<Kept> = OnceLock::new();
    let mut keys = KEYS.get_or_init(Kept::default).lock();
    if let Some(key) = keys.get(&(network, number)) {
        return Ok(key.clone());
    }
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| io::Error::other("no key could be made"))?;
    let key = Arc::new(Key {
        pair,
        kid: format!("{}-{number}", network.name()),
    });
    keys.insert((network, number), key.clone());
    Ok(key)
}

impl Key {
    /// The public half as a key set has it (RFC 7517).
    pub fn to_jwk(&self) -> Value {
        let public = self.pair.public_key();
        json!({
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.kid,
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        })
    }

    /// The claims as a JWT, RS256.
    ///
    /// # Errors
    /// When the crypto library cannot sign.
    pub fn sign(&self, claims: &Value) -> io::Result<String> {
        let signed = signing_input(&json!({"alg": "RS256", "kid": self.kid, "typ": "JWT"}), claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &signature::RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .map_err(|_| io::Error::other("the key does not sign"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The claims as a JWT that nobody has signed.
pub fn unsigned(claims: &Value) -> String {
    format!("{}.", signing_input(&json!({"alg": "none", "typ": "JWT"}), claims))
}

fn signing_input(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}
