//! Properties over whatever can be sent: every reader answers and none panics (OPS-04), and
//! what it takes it takes as it was meant.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

use oneself::domain::tenant::Settings;
use oneself::domain::user::Birthplace;
use oneself::domain::{UserRef, email, spelling};
use oneself::id::{ClientId, ConnectionId, EventId, IdentityId, TenantId, UserId};
use oneself::jwt::{KeyRing, SigningKey, TokenKind};
use oneself::web::query::{Query, decimal};
use oneself::web::{json, path};

use crate::support::http::raw;
use crate::support::people::Side;
use crate::support::server::TestServer;

/// Bytes that look like JSON and are not, as often as not.
fn jsonish() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(":"),
        Just(","),
        Just("\"a\""),
        Just("\"b"),
        Just("\\u00"),
        Just("\\ud800"),
        Just("null"),
        Just("true"),
        Just("1e400"),
        Just("-0"),
        Just("0.1"),
        Just(" "),
        Just("\u{feff}"),
        Just("\"\\u0061\":1"),
    ];
    prop_oneof![
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..60),
    ]
}

proptest! {
    #![proptest_config(Config { cases: 2_000, failure_persistence: None, ..Config::default() })]

    /// What our strict reader takes, the lax one takes too, and reads the same.
    #[test]
    fn sec_ops_04_json_is_read_or_refused(bytes in jsonish()) {
        if let Ok(value) = json::read(&bytes) {
            let lax: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(value.to_string().replace("-0.0", "0").replace("-0", "0"), lax.to_string().replace("-0.0", "0").replace("-0", "0"));
        }
    }

    #[test]
    fn sec_ops_04_a_segment_is_decoded_once(text in any::<String>()) {
        if let Ok(decoded) = path::decode_segment(&text) {
            prop_assert!(!decoded.chars().any(char::is_control));
            let encoded: String = decoded.bytes().map(|byte| format!("%{byte:02x}")).collect();
            prop_assert_eq!(path::decode_segment(&encoded).unwrap(), decoded);
        }
    }

    #[test]
    fn sec_ops_04_a_query_is_read_or_refused(text in "[a-c0-9%&=+;.é\u{0}-\u{1f}]{0,40}") {
        let Ok(uri) = format!("/?{text}").parse::<http::Uri>() else { return Ok(()) };
        if let Ok(mut query) = Query::of(&uri, &["a"]) {
            let _ = query.opt_integer("b", 0..=100);
            let _ = query.opt_bool("c");
            let _ = query.all("a");
            let _ = query.finish();
        }
    }

    /// A number has one spelling.
    #[test]
    fn sec_api_16_a_number_reads_back(text in "[+-]?[0-9]{0,22}", number in any::<i64>()) {
        if let Some(read) = decimal(&text) {
            prop_assert_eq!(read.to_string(), text);
        }
        if number >= 0 {
            prop_assert_eq!(decimal(&number.to_string()), Some(number));
        }
    }

    /// An id reads what it writes and nothing else.
    #[test]
    fn sec_api_09_ids_have_one_spelling(text in "(idn_|evt_|con_|ten_|)[0-9a-fA-Fg|]{0,33}", bytes in any::<[u8; 12]>()) {
        macro_rules! one_spelling { ($($id:ty),+) => {$(
            if let Ok(id) = text.parse::<$id>() { prop_assert_eq!(id.to_string(), text.clone()); }
        )+} }
        one_spelling!(UserId, IdentityId, EventId, TenantId, ConnectionId, ClientId);
        let id = UserId::from_bytes(bytes);
        prop_assert_eq!(id.to_string().parse::<UserId>().unwrap(), id);
        for spelled in [id.to_string(), spelling::uuid(id)] {
            prop_assert_eq!(spelling::parse(&spelled), Some(UserRef::Id(id)), "{}", spelled);
        }
    }

    /// Spelling an id of Auth0's form and reading it loses nothing.
    #[test]
    fn sec_api_09_auth0s_spelling_reads_back(provider in "[a-z0-9-]{1,12}", local in "[^|]{1,20}", text in any::<String>()) {
        let whole = format!("{provider}|{local}");
        match spelling::parse_auth0(&whole) {
            Some(UserRef::Born { at: Birthplace::Provider(at), subject }) => prop_assert_eq!(format!("{at}|{subject}"), whole),
            Some(UserRef::Born { at: Birthplace::Connection(_), subject }) => prop_assert_eq!(subject, local),
            Some(UserRef::Id(id)) => prop_assert_eq!(id.to_string(), local),
            None => {}
        }
        let _ = spelling::parse(&text);
    }

    #[test]
    fn sec_api_09_an_address_is_ascii_and_has_one_at(text in any::<String>(), near in "[a-z.\"(<@%é ]{0,20}@[a-z.\\[-]{0,20}") {
        for text in [text, near] {
            if email::is_address(&text) {
                prop_assert!(text.is_ascii() && text.matches('@').count() == 1 && text.len() <= 254);
                prop_assert!(!text.contains([' ', '"', '(', '<', '\r', '\n', '\0']));
            }
        }
    }

    #[test]
    fn sec_jwt_08_a_token_is_read_or_refused(text in "[A-Za-z0-9_.=-]{0,80}", bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        static RING: LazyLock<KeyRing> = LazyLock::new(|| KeyRing::new(vec![SigningKey::fixed_for_tests().unwrap()]).unwrap());
        for token in [text, String::from_utf8_lossy(&bytes).into_owned()] {
            prop_assert!(oneself::jwt::decode(&token, TokenKind::Access, &RING, jiff::Timestamp::UNIX_EPOCH).is_err());
        }
    }

    #[test]
    fn sec_ops_04_settings_take_what_they_know(name in "(link_unknown|link_with_max_age|query_secrets|[a-z_]{0,12})", value in any::<String>()) {
        let mut settings = Settings::default();
        let before = format!("{settings:?}");
        if settings.set(&name, &value).is_err() {
            prop_assert_eq!(format!("{settings:?}"), before);
        }
    }
}

/// Whatever is sent, no answer says that it was our fault.
#[tokio::test(flavor = "multi_thread")]
async fn sec_ops_04_no_request_is_our_fault() {
    let server = TestServer::start().await;
    let side = Side::new(&server, "acme").await;
    let person = side.person("ines").await;
    let paths: Vec<String> = super::ROUTES
        .iter()
        .map(|(_, path)| path.replace("{id}", &person.encoded()))
        .chain(["/oauth/token".to_owned(), "/.well-known/jwks.json".to_owned()])
        .collect();
    let request = (
        prop::sample::select(vec!["GET", "POST", "PATCH", "DELETE"]),
        prop::sample::select(paths),
        "[a-z0-9%|/.{}~:;,@é-]{0,12}",
        "(\\?[a-z_]{0,9}=[a-z0-9%,.*:-]{0,12})?",
        jsonish(),
        prop::sample::select(vec![
            "application/json",
            "application/x-www-form-urlencoded",
            "text/plain",
        ]),
    );
    let mut runner = TestRunner::new(Config::default());
    for _ in 0..600 {
        let (method, path, more, query, body, media_type) = request.new_tree(&mut runner).unwrap().current();
        let cut = path.replace("{", "").replace("}", "");
        let mut bytes = format!(
            "{method} {cut}{more}{query} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
             Content-Type: {media_type}\r\nContent-Length: {}\r\n\r\n",
            server.address,
            side.token,
            body.len()
        )
        .into_bytes();
        bytes.extend(&body);
        let answer = raw(server.address, &bytes).await;
        let status = String::from_utf8_lossy(&answer)
            .split(' ')
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        assert!(
            status.starts_with(['2', '4']),
            "{}\n{}",
            String::from_utf8_lossy(&bytes),
            String::from_utf8_lossy(&answer)
        );
    }
    crate::support::invariants::check(&server, &side).await;
}
