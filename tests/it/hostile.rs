//! Hostile requests from `tests/data/hostile_inputs.toml`, against the whole server.
//!
//! Each goes out as raw bytes on a connection of its own. Beside its status every refusal is
//! asked for the same: the error shape of its dialect, the name of the field, nothing changed in
//! either tenant, one answer, and no more than 64 clean characters of what was sent.

use std::collections::{BTreeSet, HashMap, HashSet};

use oneself::domain::UserWithIdentities;
use oneself::domain::profile::is_display_text;
use serde::Deserialize;
use serde_json::Value;

use crate::support::http::raw;
use crate::support::people::{Person, Side};
use crate::support::server::TestServer;
use crate::support::tokens::Mint;

const INPUTS: &str = include_str!("../data/hostile_inputs.toml");
const WIRE: &str = include_str!("../data/hostile_wire.toml");

/// Inputs that no row plays: which tests do, because they take more than a request, or why none is due.
const ELSEWHERE: &str = include_str!("../data/hostile_elsewhere.toml");

#[derive(Deserialize)]
struct Elsewhere {
    inputs: Vec<Place>,
}

/// Where inputs are played that have no row.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    ids: Vec<u32>,
    #[serde(default)]
    tests: Vec<String>,
    #[serde(default)]
    not_due: String,
}

#[derive(Deserialize)]
struct Corpus {
    rows: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    dialect: Dialect,
    #[serde(default = "get")]
    method: String,
    path: String,
    #[serde(default = "machine")]
    auth: String,
    head: Option<String>,
    body: Option<String>,
    status: u16,
    code: Option<String>,
    field: Option<String>,
    #[serde(default)]
    changes: bool,
    has: Option<String>,
    lacks: Option<String>,
    because: String,
}

fn get() -> String {
    "GET".to_owned()
}

fn machine() -> String {
    "machine".to_owned()
}

/// Whose error shape an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Dialect {
    Link,
    Auth0,
    Oauth,
    Kii,
}

/// Two tenants, and what rows call things in them.
struct World {
    server: TestServer,
    acme: Side,
    other: Side,
    names: HashMap<&'static str, String>,
    mint: Mint,
    made: HashMap<String, String>,
}

impl World {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let (acme, other) = (Side::new(&server, "acme").await, Side::new(&server, "other").await);
        let (a, b) = (acme.person("a").await, acme.person("b").await);
        let foreign = other.person("a").await;
        let (core, identity) = acme.passwordless("twitter", "128").await;
        let c = Person {
            id: format!("auth0|{core}"),
            core,
            email: String::new(),
        };
        let (own, _) = acme.log_in(&server, &a).await;
        let (_, proof) = acme.log_in(&server, &b).await;
        let jwks = server.client().get("/.well-known/jwks.json").await.expect(200).json();
        let mint = Mint {
            access_token: acme.token.clone(),
            sister: acme.tenant.credentials.client_id.to_string(),
            own: a.id.clone(),
            foreign: foreign.id,
            ..Mint::of(&proof, jwks["keys"][0].clone())
        };
        let cursor = async |side: &Side, list: &str| {
            let page = side.client.get(&format!("/link/v1/{list}?limit=1")).await.expect(200);
            page.json()["next"].as_str().unwrap().to_owned()
        };
        let (kii_id, kii, kii_admin) = crate::kii::callers(&server, &acme.tenant).await;
        let names = HashMap::from([
            ("app", acme.tenant.credentials.kii_app_id.clone()),
            ("other-app", other.tenant.credentials.kii_app_id.clone()),
            ("kii", kii),
            ("kii-id", kii_id),
            ("kii-admin", kii_admin),
            ("machine", acme.token.clone()),
            ("user", own),
            ("a", a.encoded()),
            ("a-id", a.id),
            ("a-core", a.core),
            ("b", b.encoded()),
            ("b-core", b.core),
            ("c", c.encoded()),
            ("c-core", c.core),
            ("c-identity", identity),
            ("cursor", cursor(&acme, "users").await),
            ("events-cursor", cursor(&acme, "events").await),
            ("other-cursor", cursor(&other, "users").await),
        ]);
        Self {
            server,
            acme,
            other,
            names,
            mint,
            made: HashMap::new(),
        }
    }

    /// Replaces what stands between `<<` and `>>`.
    fn expand(&mut self, text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("<<") {
            let (inside, after) = after.split_once(">>").unwrap();
            bytes.extend_from_slice(before.as_bytes());
            bytes.extend(self.named(inside));
            rest = after;
        }
        bytes.extend_from_slice(rest.as_bytes());
        bytes
    }

    fn named(&mut self, inside: &str) -> Vec<u8> {
        if let Some(digits) = inside.strip_prefix("hex:") {
            return hex::decode(digits).unwrap();
        }
        if let Some(token) = inside.strip_prefix("token:") {
            // The same token when it is asked for again, as for whoever stole one.
            let made = self
                .made
                .entry(token.to_owned())
                .or_insert_with(|| self.mint.token(token));
            return made.clone().into_bytes();
        }
        if let Some((piece, count)) = inside.rsplit_once('*') {
            return piece.repeat(count.parse().unwrap()).into_bytes();
        }
        self.names
            .get(inside)
            .unwrap_or_else(|| panic!("nothing is called {inside}"))
            .clone()
            .into_bytes()
    }

    fn request(&mut self, row: &Row) -> Vec<u8> {
        let mut bytes = format!("{} ", row.method).into_bytes();
        bytes.extend(self.expand(&row.path));
        bytes.extend(format!(" HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.server.address).into_bytes());
        if row.auth != "none" {
            let token = match row.auth.as_str() {
                name @ ("machine" | "user") => self.names[name].clone().into_bytes(),
                text => self.expand(text),
            };
            bytes.extend_from_slice(b"Authorization: Bearer ");
            bytes.extend(token);
            bytes.extend_from_slice(b"\r\n");
        }
        let head = row.head.clone().unwrap_or_default();
        if !head.is_empty() {
            bytes.extend(self.expand(&head));
            bytes.extend_from_slice(b"\r\n");
        }
        let body = row.body.as_ref().map(|body| self.expand(body));
        if body.is_some() && !head.contains("Content-Type") {
            bytes.extend_from_slice(b"Content-Type: application/json\r\n");
        }
        if let Some(body) = &body {
            bytes.extend(format!("Content-Length: {}\r\n", body.len()).into_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend(body.unwrap_or_default());
        bytes
    }

    /// All that there is, in both tenants.
    async fn state(&self) -> [(Vec<UserWithIdentities>, usize, usize); 2] {
        let of = async |side: &Side| {
            (
                side.everybody(&self.server).await,
                side.events(&self.server).await,
                self.server.store.list_connections(side.id()).await.unwrap().len(),
            )
        };
        [of(&self.acme).await, of(&self.other).await]
    }
}

/// An answer: status, lines of the head in lower case, body.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

/// The answers in a stream of them.
fn answers(mut stream: &[u8]) -> Vec<Answer> {
    let mut found = Vec::new();
    while let Some(end) = stream.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = String::from_utf8(stream[..end].to_vec()).unwrap().to_lowercase();
        let line = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = line.map_or(0, |length| length.parse().unwrap());
        found.push(Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            body: stream[end + 4..end + 4 + length].to_vec(),
            head,
        });
        stream = &stream[end + 4 + length..];
    }
    assert!(stream.is_empty(), "half an answer");
    found
}

/// What is wrong with an answer; nothing is what is hoped for.
fn complaints(row: &Row, request: &[u8], answer: &Answer, has: Option<&str>) -> Vec<String> {
    let mut wrong = Vec::new();
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    if answer.status != row.status {
        wrong.push(format!("status {} instead of {}", answer.status, row.status));
    }
    if !answer.head.contains("cache-control: no-store") {
        wrong.push("it may be stored".to_owned());
    }
    if has.is_some_and(|has| !text.contains(has)) {
        wrong.push(format!("it does not say {has:?}"));
    }
    if row.lacks.as_ref().is_some_and(|lacks| text.contains(lacks)) {
        wrong.push("it says what it should not".to_owned());
    }
    if row.status < 400 {
        return wrong;
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let (media_type, members, code, words) = match row.dialect {
        Dialect::Link => (
            "application/problem+json",
            &["type", "title", "status", "code", "detail"][..],
            "code",
            "field",
        ),
        Dialect::Auth0 => (
            "application/json; charset=utf-8",
            &["statusCode", "error", "message"][..],
            "errorCode",
            "message",
        ),
        Dialect::Oauth => (
            "application/json; charset=utf-8",
            &["error", "error_description"][..],
            "error",
            "error_description",
        ),
        Dialect::Kii => (
            "application/",
            &["errorCode", "message", "suppressed"][..],
            "errorCode",
            "field",
        ),
    };
    if !answer.head.contains(&format!("content-type: {media_type}")) {
        wrong.push(format!("not {media_type}"));
    }
    for member in members {
        if body[*member].is_null() {
            wrong.push(format!("without {member}"));
        }
    }
    if row.code.as_ref().is_some_and(|wanted| body[code] != wanted.as_str()) {
        wrong.push(format!("{code} {} instead of {:?}", body[code], row.code));
    }
    if let Some(field) = &row.field {
        let said = body[words].as_str().unwrap_or_default();
        let named = match row.dialect {
            Dialect::Link => said == field,
            _ => said.contains(field.as_str()),
        };
        if !named {
            wrong.push(format!("{words} {said:?} does not name {field}"));
        }
    }
    if !strings(&body).iter().all(|text| is_display_text(text)) {
        wrong.push("it says what does not print".to_owned());
    }
    if echoes(request, &answer.body) || strings(&body).iter().any(|text| echoes(request, text.as_bytes())) {
        wrong.push("it echoes more than 64 bytes".to_owned());
    }
    wrong
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(members) => members.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

/// Whether 65 bytes of one stand in the other.
fn echoes(request: &[u8], answer: &[u8]) -> bool {
    let pieces: HashSet<&[u8]> = answer.windows(65).collect();
    !pieces.is_empty() && request.windows(65).any(|window| pieces.contains(window))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hostile_input_gets_what_it_must() {
    let corpus: Corpus = toml::from_str(INPUTS).unwrap();
    let mut world = World::new().await;
    let mut wrong = Vec::new();
    let mut before = world.state().await;
    for row in &corpus.rows {
        let request = world.request(row);
        let stream = raw(world.server.address, &request).await;
        let found = answers(&stream);
        let has = row.has.as_ref().map(|has| world.expand(has));
        let has = has.map(|has| String::from_utf8(has).unwrap());
        let mut complaints = match found.as_slice() {
            [answer] => complaints(row, &request, answer, has.as_deref()),
            several => vec![format!("{} answers", several.len())],
        };
        let after = world.state().await;
        if (after != before) != row.changes {
            complaints.push(
                if row.changes {
                    "nothing changed"
                } else {
                    "something changed"
                }
                .to_owned(),
            );
        }
        before = after;
        if !complaints.is_empty() {
            let said = found
                .first()
                .map(|answer| String::from_utf8_lossy(&answer.body).into_owned());
            wrong.push(format!(
                "{} {} {} {:.90} ({}): {}; {:.300}",
                row.id,
                row.method,
                row.path,
                row.body.as_deref().unwrap_or_default(),
                row.because,
                complaints.join(", "),
                said.unwrap_or_default()
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}\n{}",
        wrong.len(),
        corpus.rows.len(),
        wrong.join("\n")
    );
    crate::support::invariants::check(&world.server, &world.acme).await;
    crate::support::invariants::check(&world.server, &world.other).await;
}

#[test]
fn every_hostile_input_that_is_due_has_a_row() {
    let ids = |text: &str| -> BTreeSet<String> {
        let value: toml::Value = toml::from_str(text).unwrap();
        let table = value.as_table().unwrap();
        let rows = table.values().flat_map(|rows| rows.as_array().unwrap().clone());
        rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let mut played = ids(INPUTS);
    played.extend(ids(WIRE));
    let elsewhere: Elsewhere = toml::from_str(ELSEWHERE).unwrap();
    let missing: Vec<u32> = (48..=149)
        .filter(|n| !played.contains(&format!("D-{n}")))
        .filter(|n| !elsewhere.inputs.iter().any(|place| place.ids.contains(n)))
        .collect();
    assert!(missing.is_empty(), "without a row, a test or a reason: {missing:?}");
    let tests = crate::house::auth0::tests();
    for Place {
        ids,
        tests: named,
        not_due,
    } in &elsewhere.inputs
    {
        let both = ids.iter().any(|n| played.contains(&format!("D-{n}")));
        assert!(!both, "{ids:?}: there is a row");
        assert_ne!(named.is_empty(), not_due.is_empty(), "{ids:?}: tests or a reason");
        let gone: Vec<_> = named.iter().filter(|name| !tests.contains(*name)).collect();
        assert!(gone.is_empty(), "{ids:?}: no test is called {gone:?}");
    }
}
