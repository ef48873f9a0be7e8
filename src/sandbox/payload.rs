//! The body of an answer on its way out: what it should be, or too long, or broken off.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use serde_json::Value;

use super::answer::Answer;
use super::network::Network;
use super::world::World;
use super::wrong::WrongFact;

/// How long a body is that is too long.
const HUGE_BYTES: usize = 1 << 30;

/// In which pieces it goes out.
const PIECE: &[u8] = &[b' '; 1 << 16];

/// The members that say whose account it is.
const SUBJECTS: [&str; 7] = [
    "id",
    "id_str",
    "sub",
    "user_id",
    "openid",
    "resource_owner_id",
    "https://slack.com/user_id",
];

/// A body.
pub enum Payload {
    /// All of it, at once.
    Whole(Option<Bytes>),
    /// So many bytes more.
    Long(usize),
    /// This much, and then the connection is closed.
    Broken(Option<Bytes>),
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(match &mut *self {
            Self::Whole(bytes) => bytes.take().map(|bytes| Ok(Frame::data(bytes))),
            Self::Long(0) => None,
            Self::Long(left) => {
                *left = left.saturating_sub(PIECE.len());
                Some(Ok(Frame::data(Bytes::from_static(PIECE))))
            }
            Self::Broken(bytes) => Some(match bytes.take() {
                Some(bytes) => Ok(Frame::data(bytes)),
                None => Err(io::Error::other("broken off on purpose")),
            }),
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None) | Self::Long(0))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Long(_) | Self::Broken(_) => SizeHint::default(),
        }
    }
}

/// The answer as it goes out.
pub fn whole(answer: Answer) -> Response<Payload> {
    let bytes = Some(Bytes::from(answer.body)).filter(|bytes| !bytes.is_empty());
    let mut response = Response::new(Payload::Whole(bytes));
    *response.status_mut() = answer.status;
    response.headers_mut().extend(answer.headers);
    response
}

/// The answer of a network as it goes out, with what the network gets wrong.
pub fn of_network(world: &World, network: Network, mut answer: Answer) -> Response<Payload> {
    let is_wrong = |fact| world.is_wrong(network, fact);
    if is_wrong(WrongFact::Redirect) {
        answer = Answer::see("http://10.0.0.1/latest/meta-data/");
    }
    if is_wrong(WrongFact::SubjectField) {
        rename_subjects(&mut answer);
    }
    if is_wrong(WrongFact::Status) {
        answer.status = http::StatusCode::OK;
    }
    if is_wrong(WrongFact::MediaType) {
        answer = answer.with(CONTENT_TYPE, "text/html");
    }
    if is_wrong(WrongFact::Length) {
        let length = answer.body.len().max(2);
        answer = answer.with(CONTENT_LENGTH, &length.to_string());
        answer.body.truncate(length / 2);
        let mut response = whole(answer);
        let half = match response.body_mut() {
            Payload::Whole(bytes) => bytes.take(),
            Payload::Long(_) | Payload::Broken(_) => None,
        };
        *response.body_mut() = Payload::Broken(Some(half.unwrap_or_else(|| Bytes::from_static(b"{"))));
        return response;
    }
    let mut response = whole(answer);
    if is_wrong(WrongFact::Size) {
        *response.body_mut() = Payload::Long(HUGE_BYTES);
    }
    response
}

fn rename_subjects(answer: &mut Answer) {
    if let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) {
        rename(&mut body);
        answer.body = body.to_string().into_bytes();
    }
}

/// Renames the subjects, but not those of applications.
fn rename(value: &mut Value) {
    let Value::Object(members) = value else { return };
    let before = std::mem::take(members);
    for (name, mut member) in before {
        if !matches!(name.as_str(), "app" | "application") {
            rename(&mut member);
        }
        let is_subject = SUBJECTS.contains(&name.as_str());
        members.insert(if is_subject { format!("{name}entifier") } else { name }, member);
    }
}
