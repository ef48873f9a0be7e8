//! Our own tokens, from outside: what is believed, what is refused, and why.

mod canary;
mod claims;
mod form;
mod primitives;
mod ring;
mod vectors;

use std::sync::LazyLock;

use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::{rand, signature};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use oneself::jwt::{Claims, Fault, KeyRing, SigningKey, TokenKind, decode};
use oneself::secret::ExposeSecret as _;
use serde_json::{Value, json};

/// The moment at which every test stands.
const NOW: i64 = 1_800_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

static RING: LazyLock<KeyRing> = LazyLock::new(|| KeyRing::new(vec![SigningKey::fixed_for_tests().unwrap()]).unwrap());

/// The ring with the fixed key.
fn ring() -> &'static KeyRing {
    &RING
}

static PAIR: LazyLock<KeyPair> =
    LazyLock::new(|| KeyPair::from_pkcs8(include_bytes!("../../data/jwt/signing-key.pk8")).unwrap());

/// The fixed key itself, for what the ring would never sign.
pub fn pair() -> &'static KeyPair {
    &PAIR
}

/// What a good token of this kind says.
fn good(kind: TokenKind) -> Claims {
    let access = kind == TokenKind::Access;
    Claims {
        iss: "https://oneself.example/".into(),
        sub: "twitter|12345".into(),
        aud: vec!["https://oneself.example/api/v2/".into()],
        azp: access.then(|| "client".into()),
        exp: NOW + 3600,
        iat: NOW - 60,
        scope: access.then(|| "read:users".into()),
        client_epoch: access.then_some(3),
        user_epoch: Some(4),
        ..Claims::default()
    }
}

/// The claims of a good token of this kind, as they travel.
fn good_json(kind: TokenKind) -> Value {
    let token = ring().sign(kind, good(kind)).unwrap();
    let payload = token.expose_secret().split('.').nth(1).unwrap().to_owned();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// The header that our tokens of this kind have.
pub fn header(kind: TokenKind) -> Value {
    json!({ "alg": "RS256", "typ": kind.typ(), "kid": ring().jwks()["keys"][0]["kid"] })
}

/// A token with any header and payload, under a signature of ours that fits.
pub fn forge(header: &[u8], payload: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let mut made = vec![0; pair().public_modulus_len()];
    pair()
        .sign(
            &signature::RSA_PKCS1_SHA256,
            &rand::SystemRandom::new(),
            message.as_bytes(),
            &mut made,
        )
        .unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(made))
}

/// A token of this kind with these claims, well signed.
pub fn token_with(kind: TokenKind, claims: &Value) -> String {
    forge(header(kind).to_string().as_bytes(), claims.to_string().as_bytes())
}

/// What becomes of it as a token of this kind, now.
fn read(token: &str, kind: TokenKind) -> Result<Claims, Fault> {
    decode(token, kind, ring(), now())
}
