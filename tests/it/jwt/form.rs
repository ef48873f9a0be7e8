//! Form, header and signature: hostile inputs D-98 to D-102, D-106 and D-110.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use oneself::clock::ManualClock;
use oneself::error::{ProofFault, Unauthenticated};
use oneself::jwt::{Fault, KeyRing, SigningKey, TokenKind};
use oneself::secret::ExposeSecret as _;
use serde_json::{Value, json};

use super::{forge, good, good_json, header, now, read, ring, token_with};

const ID: TokenKind = TokenKind::Id;

fn good_token() -> String {
    ring().sign(ID, good(ID)).unwrap().expose_secret().to_owned()
}

/// A good payload under this header, well signed.
fn with_header(header: &Value) -> Result<oneself::jwt::Claims, Fault> {
    read(
        &forge(header.to_string().as_bytes(), good_json(ID).to_string().as_bytes()),
        ID,
    )
}

#[test]
fn sec_jwt_01_d98_no_algorithm_is_no_signature() {
    let payload = URL_SAFE_NO_PAD.encode(good_json(ID).to_string());
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let mut header = header(ID);
        header["alg"] = json!(alg);
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        assert_eq!(
            read(&format!("{header}.{payload}."), ID),
            Err(Fault::WrongAlgorithm),
            "{alg}"
        );
    }
    let header = URL_SAFE_NO_PAD.encode(header(ID).to_string());
    assert_eq!(read(&format!("{header}.{payload}."), ID), Err(Fault::BadSignature));
    assert_eq!(read(&format!("{header}.{payload}"), ID), Err(Fault::Unreadable));
}

#[test]
fn sec_jwt_01_d99_the_public_key_is_no_password() {
    use aws_lc_rs::signature::KeyPair as _;
    let der = super::pair().public_key().as_ref().to_vec();
    let pem = format!(
        "-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n",
        STANDARD.encode(&der)
    );
    let jwk = ring().jwks()["keys"][0].to_string();
    for key in [der.as_slice(), pem.as_bytes(), jwk.as_bytes()] {
        for alg in ["HS256", "RS256"] {
            let mut header = header(ID);
            header["alg"] = json!(alg);
            let message = format!(
                "{}.{}",
                URL_SAFE_NO_PAD.encode(header.to_string()),
                URL_SAFE_NO_PAD.encode(good_json(ID).to_string())
            );
            let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message.as_bytes());
            let fault = read(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac)), ID).unwrap_err();
            let expected = if alg == "HS256" {
                Fault::WrongAlgorithm
            } else {
                Fault::BadSignature
            };
            assert_eq!(fault, expected);
        }
    }
}

#[test]
fn sec_jwt_01_the_header_does_not_choose_the_algorithm() {
    for alg in [
        "HS256", "RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256", "RS256 ", "RSA-OAEP",
    ] {
        let mut header = header(ID);
        header["alg"] = json!(alg);
        assert_eq!(with_header(&header), Err(Fault::WrongAlgorithm), "{alg}");
    }
    for alg in [json!(null), json!(1), json!(["RS256"]), json!({})] {
        let mut header = header(ID);
        header["alg"] = alg.clone();
        assert_eq!(with_header(&header), Err(Fault::Unreadable), "{alg}");
    }
}

#[test]
fn sec_jwt_02_d100_d101_a_header_with_more_than_ours_is_unreadable() {
    assert!(with_header(&header(ID)).is_ok());
    let jwk = ring().jwks()["keys"][0].clone();
    for (name, value) in [
        ("jku", json!("https://oneself.example/.well-known/jwks.json")),
        ("jwk", jwk.clone()),
        ("x5u", json!("https://oneself.example/cert")),
        ("x5c", jwk["x5c"].clone()),
        ("x5t", jwk["x5t"].clone()),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
        ("p2c", json!(1_000_000)),
        ("ALG", json!("RS256")),
        ("", json!("")),
    ] {
        let mut header = header(ID);
        header[name] = value;
        assert_eq!(with_header(&header), Err(Fault::Unreadable), "{name}");
    }
    for name in ["alg", "kid"] {
        let mut header = header(ID);
        header.as_object_mut().unwrap().remove(name);
        assert_eq!(with_header(&header), Err(Fault::Unreadable), "without {name}");
    }
    for text in ["[]", "null", "\"\"", "", "[\"RS256\",\"kid\",\"JWT\"]", "{", "{}"] {
        let token = forge(text.as_bytes(), good_json(ID).to_string().as_bytes());
        assert_eq!(read(&token, ID), Err(Fault::Unreadable), "{text}");
    }
}

#[test]
fn sec_jwt_02_the_name_of_a_key_is_only_a_name() {
    for (kid, fault) in [
        (json!("../../etc/passwd"), Fault::UnknownKey),
        (json!("' OR 1=1--"), Fault::UnknownKey),
        (json!("a\u{0}b"), Fault::UnknownKey),
        (json!(""), Fault::UnknownKey),
        (json!("x".repeat(256)), Fault::UnknownKey),
        (json!("x".repeat(257)), Fault::Unreadable),
        (json!("x".repeat(10_000)), Fault::Unreadable),
        (json!(7), Fault::Unreadable),
        (json!(null), Fault::Unreadable),
    ] {
        let mut header = header(ID);
        header["kid"] = kid.clone();
        assert_eq!(with_header(&header), Err(fault), "{kid}");
    }
}

#[test]
fn sec_jwt_03_d102_a_member_that_stands_twice_is_unreadable() {
    let kid = ring().jwks()["keys"][0]["kid"].as_str().unwrap().to_owned();
    let payload = good_json(ID).to_string();
    for header in [
        format!(r#"{{"alg":"RS256","alg":"RS256","typ":"JWT","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"none","typ":"JWT","kid":"{kid}","alg":"RS256"}}"#),
        format!(r#"{{"alg":"RS256","typ":"at+jwt","kid":"{kid}","\u0074yp":"JWT"}}"#),
        format!(r#"{{"alg":"RS256","kid":"x","typ":"JWT","kid":"{kid}"}}"#),
    ] {
        let token = forge(header.as_bytes(), payload.as_bytes());
        assert_eq!(read(&token, ID), Err(Fault::Unreadable), "{header}");
    }
    for more in [
        r#","sub":"twitter|1"}"#,
        r#","s\u0075b":"twitter|1"}"#,
        r#","exp":9999999999}"#,
        r#","other":1,"other":1}"#,
        r#","deep":[{"a":{"b":1,"b":2}}]}"#,
    ] {
        let payload = format!("{}{more}", payload.strip_suffix('}').unwrap());
        let token = forge(header(ID).to_string().as_bytes(), payload.as_bytes());
        assert_eq!(read(&token, ID), Err(Fault::Unreadable), "{more}");
    }
}

#[test]
fn sec_jwt_04_d106_a_token_of_another_kind_is_refused() {
    let kinds = [TokenKind::Access, TokenKind::Id];
    for made in kinds {
        let token = ring().sign(made, good(made)).unwrap();
        for wanted in kinds {
            let answer = read(token.expose_secret(), wanted).map(|_| ());
            let expected = if made == wanted { Ok(()) } else { Err(Fault::WrongKind) };
            assert_eq!(answer, expected, "{made:?} as {wanted:?}");
        }
    }
    for typ in [
        json!("jwt"),
        json!("logout+jwt"),
        json!("secevent+jwt"),
        json!("AT+JWT"),
        json!("application/at+jwt"),
        json!(""),
    ] {
        let mut header = header(ID);
        header["typ"] = typ.clone();
        assert_eq!(with_header(&header), Err(Fault::WrongKind), "{typ}");
    }
    let mut untyped = header(ID);
    untyped.as_object_mut().unwrap().remove("typ");
    assert_eq!(with_header(&untyped), Err(Fault::WrongKind));
    for (name, value) in [
        ("scope", json!("read:users")),
        ("scope", json!(null)),
        ("events", json!({})),
        ("client_id", json!("x")),
    ] {
        let mut claims = good_json(ID);
        claims[name] = value;
        assert_eq!(read(&token_with(ID, &claims), ID), Err(Fault::WrongKind), "{name}");
    }
}

#[test]
fn sec_jwt_07_d110_one_spelling_and_no_other() {
    let token = good_token();
    assert!(read(&token, ID).is_ok());
    let [head, payload, signature]: [&str; 3] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    for other in [
        format!("{token}="),
        format!("{token}=="),
        format!("{token}."),
        format!("{token}.e30"),
        format!("{token}.a.b"),
        format!(".{token}"),
        format!("{token}\n"),
        format!(" {token}"),
        format!("{token}\0"),
        format!("{head}=.{payload}.{signature}"),
        format!("{head}.{payload}=.{signature}"),
        format!("{head}.{payload}"),
        format!("{head}..{payload}.{signature}"),
        head.to_owned(),
        String::new(),
        "..".to_owned(),
        "....".to_owned(),
        format!("{head}.{payload}.{}", signature.replace('_', "/").replace('-', "+")),
    ] {
        if other != token {
            assert_eq!(read(&other, ID), Err(Fault::Unreadable), "{other}");
        }
    }
    // A signature has 256 bytes, so its last character carries 2 bits that are used and 4 that are not.
    let (body, last) = signature.split_at(signature.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let believed = alphabet
        .chars()
        .filter(|other| read(&format!("{head}.{payload}.{body}{other}"), ID).is_ok());
    assert_eq!(believed.collect::<String>(), last);
}

#[test]
fn sec_jwt_10_what_is_too_long_is_not_looked_at() {
    let mut claims = good(ID);
    claims.more.insert("padding".into(), json!("x".repeat(11_000)));
    let token = ring().sign(ID, claims.clone()).unwrap();
    assert!(token.expose_secret().len() < 16 * 1024);
    assert!(read(token.expose_secret(), ID).is_ok());
    claims.more.insert("padding".into(), json!("x".repeat(12_000)));
    let token = ring().sign(ID, claims).unwrap();
    assert!(token.expose_secret().len() > 16 * 1024);
    assert_eq!(read(token.expose_secret(), ID), Err(Fault::Unreadable));
    assert_eq!(read(&".".repeat(10_000_000), ID), Err(Fault::Unreadable));
}

#[test]
fn the_signature_is_asked_before_the_claims() {
    let stranger = KeyRing::new(vec![SigningKey::generate(&ManualClock::at(now())).unwrap()]).unwrap();
    let mut expired = good(ID);
    expired.exp = 1;
    let theirs = stranger.sign(ID, expired.clone()).unwrap();
    let ours = ring().sign(ID, expired).unwrap();
    assert_eq!(read(theirs.expose_secret(), ID), Err(Fault::UnknownKey));
    assert_eq!(read(ours.expose_secret(), ID), Err(Fault::Expired));
    let (message, _) = ours.expose_secret().rsplit_once('.').unwrap();
    let (_, signature) = theirs.expose_secret().rsplit_once('.').unwrap();
    assert_eq!(read(&format!("{message}.{signature}"), ID), Err(Fault::BadSignature));
    assert_eq!(
        read(&format!("{message}.{signature}"), TokenKind::Access),
        Err(Fault::BadSignature)
    );
}

#[test]
fn faults_are_told_in_the_words_of_the_core() {
    assert_eq!(Unauthenticated::from(Fault::Expired), Unauthenticated::Expired);
    assert_eq!(
        Unauthenticated::from(Fault::BadSignature),
        Unauthenticated::BadSignature
    );
    assert_eq!(Unauthenticated::from(Fault::WrongKind), Unauthenticated::Invalid);
    assert_eq!(ProofFault::from(Fault::WrongAlgorithm), ProofFault::WrongAlgorithm);
    assert_eq!(ProofFault::from(Fault::MissingSub), ProofFault::MissingSub);
    assert_eq!(ProofFault::from(Fault::Expired), ProofFault::Invalid);
}

#[test]
fn every_changed_character_is_noticed() {
    let token = good_token();
    for at in 0..token.len() {
        let mut other = token.clone().into_bytes();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).unwrap();
        assert!(read(&other, ID).is_err(), "character {at}");
    }
}
