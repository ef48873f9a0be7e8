//! The private keys of our tokens, and the public half of them as everybody may see it.
//!
//! The newest key signs, all of them verify, and all are in the JWKS, so that a key can
//! be seen before it signs and a token outlives the key's turn. How the keys are kept is
//! the vault's affair.

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{self, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Claims, TokenKind, VerifyingKey};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::secret::SecretString;

/// How many years a certificate says that it is valid. Nobody checks; the JWKS decides.
const CERTIFICATE_YEARS: i16 = 20;

/// A key that signs our tokens.
pub struct SigningKey {
    pair: KeyPair,
    public: VerifyingKey,
    certificate: Vec<u8>,
    created_at: Timestamp,
}

impl SigningKey {
    /// A new key of 2,048 bits. Its chance is the crypto library's own.
    ///
    /// # Errors
    /// [`Error::Internal`] when the crypto library cannot make one.
    pub fn generate(clock: &dyn Clock) -> Result<Self> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(Error::internal)?;
        Self::certified(pair, clock.now())
    }

    /// The key that was kept: PKCS#8, its certificate, and when it was made.
    ///
    /// # Errors
    /// [`Error::Internal`] when this is not an RSA key of 2,048 bits or more.
    pub fn from_stored(pkcs8: &[u8], certificate: Vec<u8>, created_at: Timestamp) -> Result<Self> {
        let pair = KeyPair::from_pkcs8(pkcs8).map_err(Error::internal)?;
        Self::new(pair, certificate, created_at)
    }

    /// The key of the tests, so that tokens in them repeat. A release has none.
    #[cfg(debug_assertions)]
    pub fn fixed_for_tests() -> Result<Self> {
        let pkcs8 = include_bytes!("../../tests/data/jwt/signing-key.pk8");
        let pair = KeyPair::from_pkcs8(pkcs8).map_err(Error::internal)?;
        Self::certified(pair, Timestamp::UNIX_EPOCH)
    }

    fn new(pair: KeyPair, certificate: Vec<u8>, created_at: Timestamp) -> Result<Self> {
        let n = pair.public_key().modulus();
        let e = pair.public_key().exponent();
        let public = VerifyingKey::new(n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero())
            .ok_or_else(|| Error::internal("the signing key is not fit for RS256"))?;
        Ok(Self {
            public,
            pair,
            certificate,
            created_at,
        })
    }

    fn certified(pair: KeyPair, now: Timestamp) -> Result<Self> {
        let certificate = certificate(&pair, now)?;
        Self::new(pair, certificate, now)
    }

    /// The name in the JWKS.
    pub fn kid(&self) -> &str {
        self.public.kid()
    }

    /// The self-signed certificate that goes with it, DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// When it was made.
    pub const fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// The private key as PKCS#8, to be wrapped by the vault.
    ///
    /// # Errors
    /// [`Error::Internal`] when the crypto library cannot write it.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der().map_err(Error::internal)?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }

    fn to_jwk(&self) -> Value {
        let (n, e) = self.public.components();
        // RFC 7517, 4.8: this thumbprint is SHA-1, and guards nothing.
        let x5t = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &self.certificate);
        json!({
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.kid(),
            "n": n,
            "e": e,
            "x5c": [STANDARD.encode(&self.certificate)],
            "x5t": URL_SAFE_NO_PAD.encode(x5t),
        })
    }
}

/// The keys of the server.
pub struct KeyRing {
    /// Newest first; never empty.
    keys: Vec<SigningKey>,
}

impl KeyRing {
    /// The ring of these keys.
    ///
    /// # Errors
    /// [`Error::Internal`] when there is none.
    pub fn new(mut keys: Vec<SigningKey>) -> Result<Self> {
        if keys.is_empty() {
            return Err(Error::internal("there is no signing key"));
        }
        keys.sort_by_key(|key| std::cmp::Reverse(key.created_at));
        Ok(Self { keys })
    }

    /// The public keys as `/.well-known/jwks.json` shows them, newest first.
    pub fn jwks(&self) -> Value {
        json!({ "keys": self.keys.iter().map(SigningKey::to_jwk).collect::<Vec<_>>() })
    }

    /// A token of this kind with these claims, by the newest key.
    ///
    /// # Errors
    /// [`Error::Internal`] when the crypto library cannot sign.
    pub fn sign(&self, kind: TokenKind, claims: Claims) -> Result<SecretString> {
        let key = self
            .keys
            .first()
            .ok_or_else(|| Error::internal("there is no signing key"))?;
        let header = json!({ "alg": "RS256", "typ": kind.typ(), "kid": key.kid() });
        let mut token = URL_SAFE_NO_PAD.encode(header.to_string());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims.into_json().to_string(), &mut token);
        let signature = signature_of(&key.pair, token.as_bytes()).map_err(Error::internal)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token.into())
    }

    /// The key of this name.
    pub(super) fn find(&self, kid: &str) -> Option<&VerifyingKey> {
        self.keys.iter().map(|key| &key.public).find(|key| key.kid() == kid)
    }
}

/// RSASSA-PKCS1-v1_5 with SHA-256. The library that checks signatures would parse the
/// private key anew for each one that it makes, so the key is kept parsed and signs here.
fn signature_of(pair: &KeyPair, message: &[u8]) -> std::result::Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
    let mut out = vec![0; pair.public_modulus_len()];
    pair.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut out)?;
    Ok(out)
}

/// A certificate by which the key vouches for itself. Some clients take a key only so.
fn certificate(pair: &KeyPair, now: Timestamp) -> Result<Vec<u8>> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let midnight = |year: i16| {
        // The first of the month exists in every year; the 29th of February does not.
        rcgen::date_time_ymd(year.into(), today.month().unsigned_abs(), 1)
    };
    let mut params = rcgen::CertificateParams::default();
    params.not_before = midnight(today.year());
    params.not_after = midnight(today.year().saturating_add(CERTIFICATE_YEARS).min(9999));
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "oneself");
    let signed = params.self_signed(&Certifier(pair)).map_err(Error::internal)?;
    Ok(signed.der().to_vec())
}

/// The key as the certificate library wants it: without a copy of the private half.
struct Certifier<'a>(&'a KeyPair);

impl rcgen::PublicKeyData for Certifier<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

impl rcgen::SigningKey for Certifier<'_> {
    fn sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, rcgen::Error> {
        signature_of(self.0, message).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}
