//! What the library alone would believe. Each of these is why our own decoder stands in
//! front of it; a change here means that the library has changed, for better or worse.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use oneself::jwt::TokenKind;
use serde_json::{Map, Value, json};

use super::{forge, good_json, header, read};

/// The machine's time, which is what the library goes by.
fn machine_now() -> i64 {
    i64::try_from(jsonwebtoken::get_current_timestamp()).unwrap()
}

/// Whether the library believes it, with audience and issuer set.
fn library_believes(token: &str) -> bool {
    use aws_lc_rs::signature::KeyPair as _;
    let key = DecodingKey::from_rsa_der(super::pair().public_key().as_ref());
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&["https://oneself.example/api/v2/"]);
    validation.set_issuer(&["https://oneself.example/"]);
    jsonwebtoken::decode::<Map<String, Value>>(token, &key, &validation).is_ok()
}

/// Good claims at the machine's time with one of them exchanged, or taken away by null.
fn claims(name: &str, value: Value) -> Value {
    let mut json = good_json(TokenKind::Id);
    json["exp"] = json!(machine_now() + 3600);
    json["iat"] = json!(machine_now());
    json[name] = value;
    if json[name].is_null() {
        json.as_object_mut().unwrap().remove(name);
    }
    json
}

#[test]
fn canary_what_the_library_alone_believes() {
    let token = |json: &Value| super::token_with(TokenKind::Id, json);
    let believed = [
        ("no aud", claims("aud", json!(null))),
        ("no iss", claims("iss", json!(null))),
        ("aud a number", claims("aud", json!(5))),
        ("iss a list", claims("iss", json!(["https://oneself.example/"]))),
        ("nbf to come", claims("nbf", json!(machine_now() + 9_999))),
        ("nbf a text", claims("nbf", json!("999"))),
        ("expired by 30 seconds", claims("exp", json!(machine_now() - 30))),
        ("exp 2^64-1", claims("exp", json!(u64::MAX))),
        ("exp a fraction", claims("exp", json!(machine_now() as f64 + 60.5))),
        ("sub empty", claims("sub", json!(""))),
        ("no sub", claims("sub", json!(null))),
        ("iat to come", claims("iat", json!(machine_now() + 99_999))),
        ("iat a text", claims("iat", json!("now"))),
        (
            "several aud",
            claims("aud", json!(["https://oneself.example/api/v2/", "other"])),
        ),
    ];
    for (what, json) in &believed {
        assert!(library_believes(&token(json)), "the library now refuses: {what}");
        if *what != "exp a fraction" {
            let now = jiff::Timestamp::from_second(machine_now()).unwrap();
            let ours = oneself::jwt::decode(&token(json), TokenKind::Id, super::ring(), now);
            assert!(ours.is_err(), "we believe: {what}");
        }
    }
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("typ", json!("at+jwt")),
        ("jku", json!("https://example.com/")),
        ("x5u", json!("https://example.com/")),
        ("cty", json!("JWT")),
    ] {
        let mut header = header(TokenKind::Id);
        header[name] = value;
        let payload = claims("jti", json!("1")).to_string();
        let token = forge(header.to_string().as_bytes(), payload.as_bytes());
        assert!(library_believes(&token), "the library now refuses: {name}");
        assert!(read(&token, TokenKind::Id).is_err(), "we believe: {name}");
    }
}

#[test]
fn canary_what_the_library_refuses() {
    let payload = claims("jti", json!("1")).to_string();
    let good = forge(header(TokenKind::Id).to_string().as_bytes(), payload.as_bytes());
    assert!(library_believes(&good));
    for alg in ["none", "HS256", "RS512"] {
        let mut header = header(TokenKind::Id);
        header["alg"] = json!(alg);
        let token = forge(header.to_string().as_bytes(), payload.as_bytes());
        assert!(!library_believes(&token), "the library now believes {alg}");
    }
    assert!(!library_believes(&format!("{good}=")));
    let twice = payload.replace("\"sub\":", "\"sub\":\"x\",\"sub\":");
    let token = forge(header(TokenKind::Id).to_string().as_bytes(), twice.as_bytes());
    assert!(
        !library_believes(&token),
        "the library now believes a member that stands twice"
    );
}
