//! Whole tokens and keys of project Wycheproof, through our own decoder.
//!
//! We know RS256 and nothing else. A vector that is valid under another algorithm, or
//! that is a JWE, must be refused like an invalid one; how many were valid so is pinned.

use oneself::jwt::{VerifyingKey, verify};
use serde_json::Value;

use crate::wycheproof::{Vector, vectors};

/// The keys of a group that we would take into a ring: the one key, or those of a set.
fn keys(group: &Value) -> Vec<VerifyingKey> {
    let jwk = group.get("public").unwrap_or(&group["private"]);
    let one = std::slice::from_ref(jwk);
    let set = jwk.get("keys").map_or(one, |keys| keys.as_array().unwrap());
    set.iter().filter_map(VerifyingKey::from_jwk).collect()
}

/// Whether we believe the vector's token.
fn believes(vector: &Vector) -> bool {
    let token = vector.test.get("jws").or_else(|| vector.test.get("jwe")).unwrap();
    // A few vectors are of the JSON serialization: not a text, so no token at all.
    let Some(token) = token.as_str() else {
        return false;
    };
    let keys = keys(&vector.group);
    verify(token, |kid| keys.iter().find(|key| key.kid() == kid)).is_ok()
}

/// Whether a key of the vector says that it is for the one algorithm that we know.
fn is_rs256(vector: &Vector) -> bool {
    let jwk = vector.group.get("public").unwrap_or(&vector.group["private"]);
    jwk["alg"] == "RS256" || jwk["keys"][0]["alg"] == "RS256"
}

/// Reads a file; answers how many were believed, refused as they must be, and valid but
/// not for us.
fn tally(file: &str, pinned: usize) -> (usize, usize, usize) {
    let (mut believed, mut refused, mut not_ours) = (0, 0, 0);
    for vector in vectors(file, pinned) {
        let answer = believes(&vector);
        let what = format!("{file} {}: {}", vector.test["tcId"], vector.test["comment"]);
        match vector.verdict() {
            Some(true) if is_rs256(&vector) => {
                assert!(answer, "{what}");
                believed += 1;
            }
            Some(true) => {
                assert!(!answer, "{what}");
                not_ours += 1;
            }
            _ => {
                assert!(!answer, "{what}");
                refused += 1;
            }
        }
    }
    (believed, refused, not_ours)
}

#[test]
fn sec_jwt_01_json_web_signatures() {
    assert_eq!(tally("json_web_signature_test.json", 401), (8, 355, 38));
}

#[test]
fn sec_jwt_01_json_web_keys() {
    assert_eq!(tally("json_web_key_test.json", 26), (1, 21, 4));
}

#[test]
fn sec_jwt_01_json_web_crypto() {
    assert_eq!(tally("json_web_crypto_test.json", 83), (1, 77, 5));
}
