//! What an ID token must say (OpenID Connect Core 3.1.3.7): by whom, for whom, when, and nothing twice.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oneself::error::NetworkRefusal;
use oneself::jwt::{Fault, ForeignToken, KeySet};
use oneself::providers::Unproved;
use oneself::providers::oidc::{Expected, ExpectedIssuer, check, refused};
use serde_json::{Value, json};

use super::{NOON, Signer, at, claims};

const ISSUER: &str = "https://idp.example";
const DIRECTORY: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

fn keys(signer: &Signer) -> KeySet {
    KeySet::read(json!({"keys": [signer.jwk()]}).to_string().as_bytes(), at(0)).unwrap()
}

fn expected() -> Expected {
    Expected {
        issuer: ExpectedIssuer::Exactly(ISSUER.to_owned()),
        client_id: "our-app".to_owned(),
        nonce: None,
    }
}

/// What comes of these claims.
fn outcome(signer: &Signer, claims: &Value, expected: &Expected) -> Result<(), NetworkRefusal> {
    let token = signer.sign(&signer.header(), claims);
    let verified = ForeignToken::read(&token).and_then(|token| token.verify(&keys(signer), at(0)));
    let checked = verified.map_err(refused).and_then(|claims| check(claims, expected));
    checked.map(|_| ()).map_err(|unproved| match unproved {
        Unproved::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    })
}

#[test]
fn sec_jwt_03_a_table_of_mutations_of_foreign_tokens() {
    use NetworkRefusal::{Expired, NotAccepted, OtherApplication, WrongKind};
    let signer = Signer::p256("k");
    let absent = Value::Null;
    for (name, value, wanted) in [
        ("x", json!(1), Ok(())),
        ("iss", json!("https://idp.example/"), Err(NotAccepted)),
        ("iss", json!("https://evil.example"), Err(NotAccepted)),
        ("iss", json!([ISSUER]), Err(NotAccepted)),
        ("iss", absent.clone(), Err(NotAccepted)),
        ("sub", json!("a".repeat(255)), Ok(())),
        ("sub", json!("a".repeat(256)), Err(NotAccepted)),
        ("sub", json!(""), Err(NotAccepted)),
        ("sub", json!("a\nb"), Err(NotAccepted)),
        ("sub", json!(7), Err(NotAccepted)),
        ("sub", absent.clone(), Err(NotAccepted)),
        ("aud", json!(["our-app"]), Ok(())),
        ("aud", json!("other-app"), Err(OtherApplication)),
        ("aud", json!("our-app "), Err(OtherApplication)),
        ("aud", json!(["other-app"]), Err(OtherApplication)),
        ("aud", json!(["our-app", "other-app"]), Err(NotAccepted)),
        ("aud", json!([]), Err(NotAccepted)),
        ("aud", json!({"our-app": 1}), Err(NotAccepted)),
        ("aud", absent.clone(), Err(NotAccepted)),
        ("azp", json!("our-app"), Ok(())),
        ("azp", json!("other-app"), Err(OtherApplication)),
        ("azp", json!(["our-app"]), Err(NotAccepted)),
        ("exp", json!(NOON + 1), Ok(())),
        ("exp", json!(NOON as f64 + 1.5), Ok(())),
        ("exp", json!(NOON - 30), Err(Expired)),
        ("exp", json!((NOON + 600).to_string()), Err(NotAccepted)),
        ("exp", json!(i64::MAX), Err(NotAccepted)),
        ("exp", json!(-1), Err(NotAccepted)),
        ("exp", absent.clone(), Err(NotAccepted)),
        ("iat", json!(NOON + 30), Ok(())),
        ("iat", json!(NOON + 31), Err(NotAccepted)),
        ("iat", absent.clone(), Err(NotAccepted)),
        ("nbf", json!(NOON + 31), Err(NotAccepted)),
        ("nbf", json!(NOON - 5), Ok(())),
        ("events", json!({}), Err(WrongKind)),
    ] {
        let mut claims = claims(ISSUER, 0);
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            ref value => claims[name] = value.clone(),
        }
        assert_eq!(outcome(&signer, &claims, &expected()), wanted, "{name} {value}");
    }
    let mut several = claims(ISSUER, 0);
    several["aud"] = json!(["other-app", "our-app"]);
    several["azp"] = json!("our-app");
    assert_eq!(outcome(&signer, &several, &expected()), Ok(()));
    several["azp"] = json!("other-app");
    assert_eq!(outcome(&signer, &several, &expected()), Err(OtherApplication));
}

#[test]
fn sec_jwt_03_a_nonce_that_we_gave_comes_back() {
    let signer = Signer::p256("k");
    let asked = Expected {
        nonce: Some("n-1".to_owned()),
        ..expected()
    };
    for (nonce, wanted) in [
        (Some(json!("n-1")), Ok(())),
        (Some(json!("n-2")), Err(NetworkRefusal::NotAccepted)),
        (Some(json!(["n-1"])), Err(NetworkRefusal::NotAccepted)),
        (None, Err(NetworkRefusal::NotAccepted)),
    ] {
        let mut claims = claims(ISSUER, 0);
        if let Some(nonce) = &nonce {
            claims["nonce"] = nonce.clone();
        }
        assert_eq!(outcome(&signer, &claims, &asked), wanted, "{nonce:?}");
        assert_eq!(outcome(&signer, &claims, &expected()), Ok(()), "nobody asked");
    }
}

#[test]
fn sec_jwt_03_microsofts_issuer_is_that_of_the_directory_in_the_token() {
    let signer = Signer::p256("k");
    let of_directory = Expected {
        issuer: ExpectedIssuer::OfDirectory,
        ..expected()
    };
    let other = "00000000-0000-4000-8000-000000000000";
    let issuer = |directory: &str| format!("https://login.microsoftonline.com/{directory}/v2.0");
    for (iss, tid, wanted) in [
        (issuer(DIRECTORY), json!(DIRECTORY), Ok(())),
        (issuer(DIRECTORY), json!(other), Err(NetworkRefusal::NotAccepted)),
        (issuer(DIRECTORY), json!(null), Err(NetworkRefusal::NotAccepted)),
        (issuer("common"), json!("common"), Err(NetworkRefusal::NotAccepted)),
        (
            issuer("{tenantid}"),
            json!("{tenantid}"),
            Err(NetworkRefusal::NotAccepted),
        ),
        (issuer(""), json!(""), Err(NetworkRefusal::NotAccepted)),
        (
            format!("{}/", issuer(DIRECTORY)),
            json!(DIRECTORY),
            Err(NetworkRefusal::NotAccepted),
        ),
        (
            "https://login.microsoftonline.com/v2.0".to_owned(),
            json!(DIRECTORY),
            Err(NetworkRefusal::NotAccepted),
        ),
    ] {
        let mut claims = claims(&iss, 0);
        claims["tid"] = tid.clone();
        assert_eq!(outcome(&signer, &claims, &of_directory), wanted, "{iss} {tid}");
    }
}

#[test]
fn sec_jwt_03_a_foreign_token_says_nothing_twice_and_has_one_form() {
    let signer = Signer::p256("k");
    let (keys, encode) = (keys(&signer), |text: &str| URL_SAFE_NO_PAD.encode(text));
    let fault = |token: &str| {
        let verified = ForeignToken::read(token).and_then(|token| token.verify(&keys, at(0)));
        verified.err()
    };
    let header = signer.header().to_string();
    let payload = claims(ISSUER, 0).to_string();
    let good = signer.sign_parts(&encode(&header), &encode(&payload), false);
    assert_eq!(fault(&good), None);
    let twice = payload.replacen('{', r#"{"sub":"eve","#, 1);
    let header_twice = header.replacen('{', r#"{"alg":"none","#, 1);
    for (header, payload) in [
        (encode(&header), encode(&twice)),
        (encode(&header_twice), encode(&payload)),
        (encode(&header), encode("[]")),
        (encode(&header), encode("not JSON")),
        (encode("[]"), encode(&payload)),
        (format!("{}=", encode(&header)), encode(&payload)),
    ] {
        assert_eq!(
            fault(&signer.sign_parts(&header, &payload, false)),
            Some(Fault::Unreadable)
        );
    }
    let long = payload.replacen('{', &format!(r#"{{"x":"{}","#, "x".repeat(13_000)), 1);
    assert_eq!(
        fault(&signer.sign_parts(&encode(&header), &encode(&long), false)),
        Some(Fault::Unreadable)
    );
    for token in [
        "",
        ".",
        "..",
        "a.b.c.d.e",
        &format!("{good}.x"),
        &good[..good.len() - 1],
        &good.replace('.', ""),
    ] {
        assert!(fault(token).is_some(), "{token}");
    }
    let (message, signature) = good.rsplit_once('.').unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    for zeros in [vec![0; 64], vec![0; 63], Vec::new()] {
        assert!(fault(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(zeros))).is_some());
    }
    bytes[10] ^= 1;
    assert_eq!(
        fault(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(bytes))),
        Some(Fault::BadSignature)
    );
}
