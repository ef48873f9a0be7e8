//! Claims under a good signature: a table of mutations, and whatever else JSON can say.

use oneself::jwt::{Fault, LATEST, TokenKind};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{NOW, good_json, read, token_with};

/// What a claim is exchanged for, with the name that the table has for it. `None` is absent.
fn mutations() -> Vec<(&'static str, Option<Value>)> {
    let long = |len: usize| Some(json!("x".repeat(len)));
    let text = |text: &str| Some(json!(text));
    let mut all = vec![
        ("absent", None),
        ("null", Some(json!(null))),
        ("true", Some(json!(true))),
        ("false", Some(json!(false))),
        ("empty text", text("")),
        ("space", text(" ")),
        ("text", text("text")),
        ("text with NUL", text("a\u{0}b")),
        ("text with LF", text("a\nb")),
        ("text with DEL", text("a\u{7f}b")),
        ("text with C1", text("a\u{85}b")),
        ("NUL", text("\u{0}")),
        ("255 bytes", long(255)),
        ("256 bytes", long(256)),
        ("255 letters, 256 bytes", Some(json!(format!("{}é", "x".repeat(254))))),
        ("8 kB", long(8_000)),
        ("number as text", text("1800000060")),
        ("zero as text", text("0")),
        ("hex as text", text("0x6b49d200")),
        ("date as text", text("2027-01-15T08:00:00Z")),
        ("null as text", text("null")),
        ("JSON as text", text("[\"text\"]")),
        ("empty list", Some(json!([]))),
        ("list of null", Some(json!([null]))),
        ("list of text", Some(json!(["text"]))),
        ("list of empty text", Some(json!([""]))),
        ("list of two texts", Some(json!(["one", "two"]))),
        ("list of text and null", Some(json!(["one", null]))),
        ("list of text and number", Some(json!(["one", 2]))),
        ("list of a long text", Some(json!(["x".repeat(256)]))),
        ("list of number", Some(json!([1]))),
        ("list of now", Some(json!([NOW]))),
        ("list of lists", Some(json!([["text"]]))),
        ("list of object", Some(json!([{}]))),
        ("empty object", Some(json!({}))),
        ("object", Some(json!({ "0": "text" }))),
        ("object with value", Some(json!({ "value": NOW }))),
        ("zero", Some(json!(0))),
        ("minus zero", Some(json!(-0.0))),
        ("one", Some(json!(1))),
        ("half", Some(json!(0.5))),
        ("minus one", Some(json!(-1))),
        ("minus half", Some(json!(-0.5))),
        ("minus five", Some(json!(-5))),
        ("smallest", Some(json!(i64::MIN))),
        ("minus 1e30", Some(json!(-1e30))),
        ("now", Some(json!(NOW))),
        ("now less 29", Some(json!(NOW - 29))),
        ("now less 30", Some(json!(NOW - 30))),
        ("now less 29.5", Some(json!(NOW as f64 - 29.5))),
        ("now and 30", Some(json!(NOW + 30))),
        ("now and 30.5", Some(json!(NOW as f64 + 30.5))),
        ("now and 31", Some(json!(NOW + 31))),
        ("now and 60.5", Some(json!(NOW as f64 + 60.5))),
        ("now and 9999", Some(json!(NOW + 9_999))),
        ("now and 99999", Some(json!(NOW + 99_999))),
        ("now in milliseconds", Some(json!(NOW * 1000))),
    ];
    all.extend([
        ("latest", Some(json!(LATEST))),
        ("latest and a half", Some(json!(LATEST as f64 + 0.5))),
        ("latest and one", Some(json!(LATEST + 1))),
        ("2^63-1", Some(json!(i64::MAX))),
        ("2^63", Some(json!(9_223_372_036_854_775_808_u64))),
        ("2^64-1", Some(json!(u64::MAX))),
        ("1e30", Some(json!(1e30))),
        ("1e308", Some(json!(1e308))),
    ]);
    all
}

/// Names that are plain texts of a good length.
const NAMES: [&str; 8] = [
    "space",
    "text",
    "255 bytes",
    "number as text",
    "zero as text",
    "hex as text",
    "date as text",
    "null as text",
];

/// Whether the table lets this mutation of this claim pass; everything else is refused.
fn passes(claim: &str, mutation: &str) -> bool {
    let is_name = NAMES.contains(&mutation) || mutation == "JSON as text";
    let past_or_now = [
        "zero",
        "minus zero",
        "one",
        "half",
        "now",
        "now less 29",
        "now less 30",
        "now less 29.5",
    ];
    let just_ahead = ["now and 30", "now and 30.5"];
    match claim {
        "iss" | "sub" | "azp" => is_name,
        "aud" => is_name || ["list of text", "list of two texts"].contains(&mutation),
        "exp" => [
            "now",
            "now less 29",
            "now and 30",
            "now and 30.5",
            "now and 31",
            "now and 60.5",
            "now and 9999",
            "now and 99999",
            "latest",
            "latest and a half",
        ]
        .contains(&mutation),
        "iat" => past_or_now.contains(&mutation) || just_ahead.contains(&mutation),
        "nbf" => mutation == "absent" || past_or_now.contains(&mutation) || just_ahead.contains(&mutation),
        // A number of ours: whole, not negative.
        "cep" | "uep" => [
            "zero",
            "one",
            "now",
            "now less 29",
            "now less 30",
            "now and 30",
            "now and 31",
            "now and 9999",
            "now and 99999",
            "now in milliseconds",
            "latest",
            "latest and one",
            "2^63-1",
        ]
        .contains(&mutation),
        _ => unreachable!(),
    }
}

#[test]
fn sec_jwt_03_a_table_of_mutations() {
    let claims = ["iss", "sub", "aud", "exp", "iat", "nbf", "azp", "cep", "uep"];
    let mutations = mutations();
    assert_eq!((claims.len(), mutations.len()), (9, 65));
    let (mut believed, mut refused) = (0, 0);
    for claim in claims {
        for (name, value) in &mutations {
            let mut json = good_json(TokenKind::Access);
            let members = json.as_object_mut().unwrap();
            members.remove(claim);
            if let Some(value) = value {
                members.insert(claim.to_owned(), value.clone());
            }
            let answer = read(&token_with(TokenKind::Access, &json), TokenKind::Access);
            assert_eq!(answer.is_ok(), passes(claim, name), "{claim}: {name}: {answer:?}");
            if answer.is_ok() {
                believed += 1;
            } else {
                refused += 1;
            }
        }
    }
    assert_eq!((believed, refused), (95, 490));
}

#[test]
fn faults_say_which_claim() {
    let id = |name: &str, value: Value| {
        let mut json = good_json(TokenKind::Id);
        json[name] = value;
        read(&token_with(TokenKind::Id, &json), TokenKind::Id).unwrap_err()
    };
    assert_eq!(id("sub", json!(null)), Fault::MissingSub);
    assert_eq!(id("sub", json!(7)), Fault::MalformedSub);
    assert_eq!(id("sub", json!("")), Fault::MalformedSub);
    assert_eq!(id("iss", json!(["https://oneself.example/"])), Fault::MalformedIssuer);
    assert_eq!(id("aud", json!(5)), Fault::MalformedAudience);
    assert_eq!(id("aud", json!(["ours", "theirs"])), Fault::MalformedAudience);
    assert_eq!(id("exp", json!("99999999999")), Fault::MalformedClaim("exp"));
    assert_eq!(id("exp", json!(NOW - 30)), Fault::Expired);
    assert_eq!(id("nbf", json!(NOW + 9_999)), Fault::NotYetValid);
    assert_eq!(id("nbf", json!("999")), Fault::MalformedClaim("nbf"));
    assert_eq!(id("iat", json!(NOW + 99_999)), Fault::NotYetValid);
    assert_eq!(id("azp", json!(1)), Fault::MalformedClaim("azp"));
}

#[test]
fn sec_jwt_09_an_access_token_can_be_revoked() {
    let without = |names: &[&str]| {
        let mut json = good_json(TokenKind::Access);
        for name in names {
            json.as_object_mut().unwrap().remove(*name);
        }
        json
    };
    let read = |json: &Value| read(&token_with(TokenKind::Access, json), TokenKind::Access).map(|_| ());
    assert_eq!(read(&without(&["azp"])), Err(Fault::MalformedClaim("azp")));
    assert_eq!(read(&without(&["cep"])), Err(Fault::MalformedClaim("cep")));
    assert_eq!(read(&without(&["uep"])), Err(Fault::MalformedClaim("uep")));
    let mut machine = without(&["uep"]);
    machine["gty"] = json!("client-credentials");
    assert_eq!(read(&machine), Ok(()));
    machine["gty"] = json!("password");
    assert_eq!(read(&machine), Err(Fault::MalformedClaim("uep")));
}

/// Any JSON, with a liking for the edges of numbers.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (NOW - 100..NOW + 100).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z|]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,4}", inner), 0..4).prop_map(|members| Map::from_iter(members).into()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn sec_jwt_08_any_json_for_any_claims_is_an_answer_and_never_a_panic(
        values in prop::collection::vec(
            (prop::sample::select(vec!["iss", "sub", "aud", "exp", "iat", "nbf", "azp", "cep", "uep", "scope", "gty", "jti"]), any_json()),
            0..5,
        ),
    ) {
        for kind in [TokenKind::Access, TokenKind::Id] {
            let mut json = good_json(kind);
            for (name, value) in &values {
                json[*name] = value.clone();
            }
            if let Ok(claims) = read(&token_with(kind, &json), kind) {
                prop_assert!((NOW - 29..=LATEST).contains(&claims.exp));
                prop_assert!((0..=NOW + 30).contains(&claims.iat));
                prop_assert!((1..=255).contains(&claims.sub.len()));
                prop_assert!(!claims.aud.is_empty());
                prop_assert!(claims.aud.len() == 1 || claims.azp.is_some());
            }
        }
    }

    #[test]
    fn any_payload_is_an_answer_and_never_a_panic(payload in any_json(), text in ".{0,60}") {
        prop_assert!(read(&token_with(TokenKind::Id, &payload), TokenKind::Id).is_err());
        prop_assert!(read(&text, TokenKind::Id).is_err());
        prop_assert!(read(&super::forge(text.as_bytes(), text.as_bytes()), TokenKind::Id).is_err());
    }
}
