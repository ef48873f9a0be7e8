//! The signatures of the crypto library, against project Wycheproof. Our own tokens use
//! the first of these; the others are for tokens and messages of networks.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

use crate::wycheproof::vectors;

/// Checks every vector of a file; `key` says where a group has its public key.
fn check(
    file: &str,
    pinned: usize,
    algorithm: &'static dyn VerificationAlgorithm,
    key: fn(&serde_json::Value) -> &str,
) {
    for vector in vectors(file, pinned) {
        let key = hex::decode(key(&vector.group)).unwrap();
        let key = UnparsedPublicKey::new(algorithm, key);
        vector.check(key.verify(&vector.bytes("msg"), &vector.bytes("sig")).is_ok());
    }
}

#[test]
fn sec_jwt_07_rsa_2048_sha256() {
    check(
        "rsa_signature_2048_sha256_test.json",
        259,
        &signature::RSA_PKCS1_2048_8192_SHA256,
        |group| group["publicKeyAsn"].as_str().unwrap(),
    );
}

#[test]
fn sec_jwt_07_rsa_pss_2048_sha256() {
    check(
        "rsa_pss_2048_sha256_mgf1_32_test.json",
        108,
        &signature::RSA_PSS_2048_8192_SHA256,
        |group| group["publicKeyAsn"].as_str().unwrap(),
    );
}

#[test]
fn sec_jwt_07_ecdsa_p256_sha256() {
    check(
        "ecdsa_secp256r1_sha256_test.json",
        484,
        &signature::ECDSA_P256_SHA256_ASN1,
        |group| group["publicKey"]["uncompressed"].as_str().unwrap(),
    );
}

#[test]
fn sec_jwt_07_ed25519() {
    check("ed25519_test.json", 151, &signature::ED25519, |group| {
        group["publicKey"]["pk"].as_str().unwrap()
    });
}
