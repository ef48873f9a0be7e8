//! Keys are made, kept and shown; the newest signs and all of them verify.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use oneself::clock::{ManualClock, SeededRandom};
use oneself::jwt::{Claims, Fault, KeyRing, SigningKey, TokenKind, VerifyingKey, decode, verify};
use oneself::secret::ExposeSecret as _;
use oneself::vault::{RootKey, Vault};
use serde_json::json;

use super::{good, now, read, ring};

#[test]
fn what_was_signed_is_believed() {
    for kind in [TokenKind::Access, TokenKind::Id] {
        let mut claims = good(kind);
        claims.more.insert("email".into(), json!("ann@example.com"));
        claims.jti = Some("1".into());
        let token = ring().sign(kind, claims.clone()).unwrap();
        assert_eq!(read(token.expose_secret(), kind), Ok(claims));
    }
    let several = Claims {
        aud: vec!["one".into(), "two".into()],
        gty: Some("client-credentials".into()),
        user_epoch: None,
        ..good(TokenKind::Access)
    };
    let token = ring().sign(TokenKind::Access, several.clone()).unwrap();
    assert_eq!(read(token.expose_secret(), TokenKind::Access), Ok(several));
}

#[test]
fn what_is_unread_replaces_no_claim() {
    let mut claims = good(TokenKind::Id);
    claims.more.insert("sub".into(), json!("somebody else"));
    let token = ring().sign(TokenKind::Id, claims).unwrap();
    let read = read(token.expose_secret(), TokenKind::Id).unwrap();
    assert_eq!((read.sub.as_str(), read.more.len()), ("twitter|12345", 0));
}

#[test]
fn a_key_survives_the_vault() {
    let vault = Vault::new(RootKey::from_bytes(&[1; 32]), Arc::new(SeededRandom::new(1)));
    let key = SigningKey::generate(&ManualClock::at(now())).unwrap();
    let wrapped = vault.wrap_signing_key(key.kid(), &key.to_pkcs8().unwrap()).unwrap();
    let pkcs8 = vault.open_signing_key(key.kid(), &wrapped).unwrap();
    let again = SigningKey::from_stored(&pkcs8, key.certificate().to_vec(), key.created_at()).unwrap();
    assert_eq!(again.kid(), key.kid());
    assert_eq!(key.kid().len(), 22);

    let (ring, again) = (KeyRing::new(vec![key]).unwrap(), KeyRing::new(vec![again]).unwrap());
    assert_eq!(ring.jwks(), again.jwks());
    let token = again.sign(TokenKind::Id, good(TokenKind::Id)).unwrap();
    assert!(decode(token.expose_secret(), TokenKind::Id, &ring, now()).is_ok());
    assert_eq!(read(token.expose_secret(), TokenKind::Id), Err(Fault::UnknownKey));
}

#[test]
fn the_newest_key_signs_and_all_verify() {
    let old = SigningKey::generate(&ManualClock::at(Timestamp::from_second(1).unwrap())).unwrap();
    let new = SigningKey::generate(&ManualClock::at(Timestamp::from_second(2).unwrap())).unwrap();
    let kids = [new.kid().to_owned(), old.kid().to_owned()];
    let before = {
        let kept = SigningKey::from_stored(&old.to_pkcs8().unwrap(), vec![], old.created_at()).unwrap();
        let ring = KeyRing::new(vec![kept]).unwrap();
        ring.sign(TokenKind::Id, good(TokenKind::Id)).unwrap()
    };
    let ring = KeyRing::new(vec![old, new]).unwrap();
    assert!(decode(before.expose_secret(), TokenKind::Id, &ring, now()).is_ok());
    let after = ring.sign(TokenKind::Id, good(TokenKind::Id)).unwrap();
    let header = URL_SAFE_NO_PAD
        .decode(after.expose_secret().split('.').next().unwrap())
        .unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT", "kid": kids[0] }));
    let jwks = ring.jwks();
    assert_eq!(jwks["keys"][0]["kid"], kids[0]);
    assert_eq!(jwks["keys"][1]["kid"], kids[1]);
    assert!(KeyRing::new(vec![]).is_err());
}

#[test]
fn the_jwks_is_what_the_contract_says_and_verifies_our_tokens() {
    let jwks = ring().jwks();
    let keys = jwks["keys"].as_array().unwrap();
    let names: Vec<&str> = keys[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["kty", "use", "alg", "kid", "n", "e", "x5c", "x5t"]);
    assert_eq!(keys[0]["e"], "AQAB");

    // Whoever has the JWKS alone can check our tokens, by key or by certificate.
    let public = VerifyingKey::from_jwk(&keys[0]).unwrap();
    let token = ring().sign(TokenKind::Id, good(TokenKind::Id)).unwrap();
    let found = |kid: &str| (kid == public.kid()).then_some(&public);
    assert!(verify(token.expose_secret(), found).is_ok());

    let certificate = STANDARD.decode(keys[0]["x5c"][0].as_str().unwrap()).unwrap();
    let thumbprint = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &certificate);
    assert_eq!(keys[0]["x5t"], URL_SAFE_NO_PAD.encode(thumbprint));
    let n = URL_SAFE_NO_PAD.decode(keys[0]["n"].as_str().unwrap()).unwrap();
    assert!(
        certificate.windows(n.len()).any(|part| part == n),
        "the certificate is of this key"
    );
}
