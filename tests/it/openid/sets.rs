//! Which keys of a set are used, for which algorithm (JWT-01, JWT-06).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oneself::jwt::{Fault, ForeignToken, KeySet, KeySetFault};
use serde_json::{Value, json};

use super::{Signer, at, claims};

fn set(keys: &[Value]) -> Result<KeySet, KeySetFault> {
    KeySet::read(json!({ "keys": keys }).to_string().as_bytes(), at(0))
}

fn changed(key: &Value, name: &str, value: Value) -> Value {
    let mut key = key.clone();
    key[name] = value;
    key
}

fn without(key: &Value, name: &str) -> Value {
    let mut key = key.clone();
    key.as_object_mut().unwrap().remove(name);
    key
}

#[test]
fn sec_jwt_06_a_key_that_is_not_for_signatures_is_not_there() {
    for good in [Signer::p256("k").jwk(), Signer::rsa("k").jwk()] {
        let alg = if good["kty"] == "EC" { "ES256" } else { "RS256" };
        for fine in [
            good.clone(),
            without(&good, "use"),
            without(&good, "kid"),
            changed(&good, "alg", json!(alg)),
            changed(&good, "key_ops", json!(["verify"])),
            changed(&good, "key_ops", json!(["sign", "verify"])),
            changed(&good, "x-unknown", json!(1)),
        ] {
            assert!(set(std::slice::from_ref(&fine)).is_ok(), "{fine}");
        }
        for bad in [
            changed(&good, "use", json!("enc")),
            changed(&good, "use", json!(null)),
            changed(&good, "key_ops", json!([])),
            changed(&good, "key_ops", json!(["encrypt"])),
            changed(&good, "key_ops", json!("verify")),
            changed(&good, "alg", json!("HS256")),
            changed(&good, "alg", json!("none")),
            changed(&good, "alg", json!("RS512")),
            changed(&good, "alg", json!("ES384")),
            changed(&good, "alg", json!("RSA-OAEP")),
            changed(&good, "alg", json!(7)),
            changed(&good, "kid", json!("")),
            changed(&good, "kid", json!(7)),
            changed(&good, "kid", json!("k".repeat(257))),
            changed(&good, "d", json!("AAAA")),
            changed(&good, "kty", json!("oct")),
            changed(&good, "kty", json!("OKP")),
            without(&good, "kty"),
        ] {
            assert_eq!(
                set(std::slice::from_ref(&bad)).err(),
                Some(KeySetFault::NothingUsable),
                "{bad}"
            );
        }
    }
    let point = Signer::p256("k").jwk();
    for bad in [
        changed(&point, "crv", json!("P-384")),
        changed(&point, "crv", json!("secp256k1")),
        changed(&point, "alg", json!("RS256")),
        changed(&point, "x", json!("AAAA")),
        without(&point, "y"),
    ] {
        assert!(set(std::slice::from_ref(&bad)).is_err(), "{bad}");
    }
    let rsa = Signer::rsa("k").jwk();
    for bad in [
        changed(&rsa, "alg", json!("ES256")),
        changed(&rsa, "n", json!(URL_SAFE_NO_PAD.encode([0xff; 128]))),
        changed(&rsa, "e", json!("AQ")),
        without(&rsa, "n"),
    ] {
        assert!(set(std::slice::from_ref(&bad)).is_err(), "{bad}");
    }
}

#[test]
fn sec_jwt_06_a_set_has_a_hundred_keys_256_kb_and_no_twins() {
    let (key, twin, rsa) = (Signer::p256("k").jwk(), Signer::p256("k").jwk(), Signer::rsa("k").jwk());
    assert!(set(&[key.clone(), rsa]).is_ok(), "of two kinds");
    assert_eq!(set(&[key.clone(), twin.clone()]).err(), Some(KeySetFault::TwoOfOneName));
    // Also when one of them would not have been used.
    let unused = changed(&twin, "use", json!("enc"));
    assert_eq!(set(&[key.clone(), unused]).err(), Some(KeySetFault::TwoOfOneName));
    let filled = |count: usize| {
        let mut keys = vec![json!({"kty": "oct"}); count - 1];
        keys.push(key.clone());
        keys
    };
    assert!(set(&filled(100)).is_ok());
    assert_eq!(set(&filled(101)).err(), Some(KeySetFault::TooLarge));
    let padded = |length: usize| {
        let text = json!({ "keys": [key] }).to_string();
        let space = " ".repeat(length - text.len());
        KeySet::read(format!("{text}{space}").as_bytes(), at(0))
    };
    assert!(padded(256 * 1024).is_ok());
    assert_eq!(padded(256 * 1024 + 1).err(), Some(KeySetFault::TooLarge));
    for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#] {
        assert_eq!(
            KeySet::read(text.as_bytes(), at(0)).err(),
            Some(KeySetFault::Unreadable),
            "{text}"
        );
    }
}

/// What comes of a token with this header, signed by this key, among keys of both kinds.
fn outcome(signer: &Signer, header: &Value, keys: &KeySet) -> Result<(), Fault> {
    let token = signer.sign(header, &claims("https://idp.example", 0));
    ForeignToken::read(&token)?.verify(keys, at(0)).map(|_| ())
}

#[test]
fn sec_jwt_01_the_kind_of_a_foreign_key_decides_the_algorithm() {
    let (point, rsa) = (Signer::p256("p"), Signer::rsa("r"));
    let keys = set(&[point.jwk(), rsa.jwk()]).unwrap();
    for (signer, header, wanted) in [
        (&point, json!({"alg": "ES256", "kid": "p"}), Ok(())),
        (&rsa, json!({"alg": "RS256", "kid": "r"}), Ok(())),
        (&rsa, json!({"alg": "PS256", "kid": "r"}), Ok(())),
        // Without a name, the only key for the algorithm.
        (&rsa, json!({"alg": "RS256"}), Ok(())),
        (&point, json!({"alg": "ES256", "kid": "r"}), Err(Fault::UnknownKey)),
        (&rsa, json!({"alg": "RS256", "kid": "p"}), Err(Fault::UnknownKey)),
        (&rsa, json!({"alg": "RS256", "kid": "R"}), Err(Fault::UnknownKey)),
        (&rsa, json!({"alg": "none", "kid": "r"}), Err(Fault::WrongAlgorithm)),
        (&rsa, json!({"alg": "HS256", "kid": "r"}), Err(Fault::WrongAlgorithm)),
        (&rsa, json!({"alg": "RS512", "kid": "r"}), Err(Fault::WrongAlgorithm)),
        (&rsa, json!({"alg": "EdDSA", "kid": "r"}), Err(Fault::WrongAlgorithm)),
        (&rsa, json!({"alg": "rs256", "kid": "r"}), Err(Fault::WrongAlgorithm)),
        (&rsa, json!({"kid": "r"}), Err(Fault::Unreadable)),
        (&rsa, json!({"alg": ["RS256"], "kid": "r"}), Err(Fault::Unreadable)),
    ] {
        assert_eq!(outcome(signer, &header, &keys), wanted, "{header}");
    }
    let one_alg = set(&[changed(&rsa.jwk(), "alg", json!("PS256"))]).unwrap();
    assert_eq!(
        outcome(&rsa, &json!({"alg": "RS256", "kid": "r"}), &one_alg),
        Err(Fault::UnknownKey)
    );
    assert_eq!(outcome(&rsa, &json!({"alg": "PS256", "kid": "r"}), &one_alg), Ok(()));
    let two = set(&[point.jwk(), Signer::p256("q").jwk()]).unwrap();
    assert_eq!(
        outcome(&point, &json!({"alg": "ES256"}), &two),
        Err(Fault::UnknownKey),
        "which of them?"
    );
    let wrong = set(&[Signer::p256("p").jwk()]).unwrap();
    assert_eq!(
        outcome(&point, &json!({"alg": "ES256", "kid": "p"}), &wrong),
        Err(Fault::BadSignature)
    );
}

#[test]
fn sec_jwt_02_a_foreign_header_chooses_no_key() {
    let key = Signer::p256("p");
    let keys = set(&[key.jwk()]).unwrap();
    for (name, value) in [
        ("typ", json!("JWT")),
        ("typ", json!("jwt")),
        ("x5t", json!("AAAA")),
        ("pi.atm", json!("1")),
    ] {
        let header = changed(&key.header(), name, value);
        assert_eq!(outcome(&key, &header, &keys), Ok(()), "{header}");
    }
    for (name, value, fault) in [
        ("jwk", key.jwk(), Fault::Unreadable),
        ("jku", json!("https://evil.example/keys"), Fault::Unreadable),
        ("x5u", json!("https://evil.example/keys"), Fault::Unreadable),
        ("x5c", json!(["AAAA"]), Fault::Unreadable),
        ("crit", json!(["exp"]), Fault::Unreadable),
        ("b64", json!(false), Fault::Unreadable),
        ("zip", json!("DEF"), Fault::Unreadable),
        ("enc", json!("A128GCM"), Fault::Unreadable),
        ("kid", json!(""), Fault::Unreadable),
        ("kid", json!(7), Fault::Unreadable),
        ("kid", json!("../../etc/passwd"), Fault::UnknownKey),
        ("kid", json!("k".repeat(257)), Fault::Unreadable),
        ("typ", json!("at+jwt"), Fault::WrongKind),
        ("typ", json!("logout+jwt"), Fault::WrongKind),
        ("typ", json!(7), Fault::Unreadable),
    ] {
        let header = changed(&key.header(), name, value);
        assert_eq!(outcome(&key, &header, &keys), Err(fault), "{header}");
    }
}
