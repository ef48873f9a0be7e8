//! How an application shows its secret: as it is, or as Apple wants it.
//!
//! Apple's applications have a key, and show a JWT that it has signed (ES256, with the application's id as
//! `sub`, Apple as `aud`, and an end within six months). An application whose secret was made known
//! here as a private key in PEM is held to that; another one shows the text.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::network::Network;
use super::world::{Application, World};

/// How far ahead the end of Apple's secret may be.
const LIFETIME_SECONDS: i64 = 15_777_000;

/// Whether what was shown is the application's secret.
pub fn is_shown(world: &World, network: Network, application: &Application, shown: &str) -> bool {
    if network == Network::Apple && application.secret.contains("-----BEGIN PRIVATE KEY-----") {
        return is_signed(world, application, shown).unwrap_or(false);
    }
    application.secret == shown
}

fn is_signed(world: &World, application: &Application, shown: &str) -> Option<bool> {
    let (signed, signature) = shown.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let part = |text: &str| -> Option<Value> { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok() };
    let (header, claims) = (part(header)?, part(claims)?);
    let lines = application.secret.lines().filter(|line| !line.starts_with("-----"));
    let der = STANDARD.decode(lines.collect::<String>()).ok()?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).ok()?;
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref());
    key.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?)
        .ok()?;
    let now = world.now().as_second();
    let ends_at = claims.get("exp")?.as_i64()?;
    Some(
        header.get("alg")? == "ES256"
            && header.get("kid").is_some()
            && claims.get("iss").is_some()
            && claims.get("sub")?.as_str()? == application.id
            && claims.get("aud")? == "https://appleid.apple.com"
            && (now..=now.saturating_add(LIFETIME_SECONDS)).contains(&ends_at),
    )
}
