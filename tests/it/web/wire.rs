//! Raw requests from `tests/data/hostile_wire.toml`, each on a connection of its own.
//!
//! Behind each of them goes a plain request as a probe. Whether it is answered says
//! whether the connection was closed, and how many answers there are says how many
//! requests the server saw (API-11).

use serde::Deserialize;

use super::{Door, HOST};
use crate::support::http::raw;

#[derive(Debug, Deserialize)]
struct Corpus {
    cases: Vec<Case>,
}

/// One request: `raw` as it is, or made from method, target, headers and body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    what: Option<String>,
    raw: Option<String>,
    method: Option<String>,
    target: Option<String>,
    /// Lines of the head beside `Host`.
    head: Option<String>,
    body: Option<String>,
    status: u16,
    #[serde(default)]
    close: bool,
    /// What the body of the first answer holds.
    has: Option<String>,
}

impl Case {
    fn bytes(&self) -> Vec<u8> {
        let text = self.raw.clone().unwrap_or_else(|| {
            let method = self.method.as_deref().unwrap_or("GET");
            let target = self.target.as_deref().unwrap_or("/ok");
            let head = self.head.as_ref().map(|head| format!("{head}\r\n")).unwrap_or_default();
            let body = self.body.as_deref().unwrap_or_default();
            format!("{method} {target} HTTP/1.1\r\nHost: {HOST}\r\n{head}\r\n{body}")
        });
        expand(&text)
    }
}

/// Replaces `<<text*N>>` by N times the text and `<<hex:ff00>>` by those bytes.
fn expand(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<<") {
        let (inside, after) = after.split_once(">>").unwrap();
        bytes.extend_from_slice(before.as_bytes());
        if let Some(digits) = inside.strip_prefix("hex:") {
            bytes.extend(hex::decode(digits).unwrap());
        } else {
            let (piece, count) = inside.rsplit_once('*').unwrap();
            bytes.extend(piece.repeat(count.parse().unwrap()).into_bytes());
        }
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// The status and body of each answer in a stream of them.
fn answers(mut stream: &[u8]) -> Vec<(u16, String)> {
    let mut found = Vec::new();
    while let Some(end) = stream.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = std::str::from_utf8(&stream[..end]).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        let body = &stream[end + 4..end + 4 + length];
        found.push((status, String::from_utf8(body.to_vec()).unwrap()));
        stream = &stream[end + 4 + length..];
    }
    assert!(stream.is_empty(), "half an answer: {stream:?}");
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_api_11_hostile_requests_on_the_wire() {
    let corpus: Corpus = toml::from_str(include_str!("../../data/hostile_wire.toml")).unwrap();
    assert!(corpus.cases.len() >= 100, "{}", corpus.cases.len());
    let door = Door::open().await;
    let probe = format!("GET /ok?probe HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    let mut wrong = Vec::new();
    for case in &corpus.cases {
        let mut bytes = case.bytes();
        bytes.extend_from_slice(probe.as_bytes());
        let answer = raw(door.address, &bytes).await;
        let found = answers(&answer);
        let statuses: Vec<u16> = found.iter().map(|(status, _)| *status).collect();
        let own = (case.status != 0).then_some(case.status);
        let probed = (!case.close).then_some(200);
        let wanted: Vec<u16> = own.into_iter().chain(probed).collect();
        let holds = case
            .has
            .as_ref()
            .is_none_or(|has| found.first().is_some_and(|(_, body)| body.contains(has)));
        if statuses != wanted || !holds {
            let what = case.what.as_deref().or(case.target.as_deref()).unwrap_or_default();
            wrong.push(format!(
                "{} {what}: wanted {wanted:?} {:?}, got {found:?}",
                case.id, case.has
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(door.metrics.panics.get(), 0);
    door.down().await;
}
