//! The messages of PostgreSQL's protocol, version 3, as they come out of a stream.
//!
//! Only what a proxy must know: where a message ends, what kind it is, and the few that it makes
//! itself. What would surprise: the first message of a connection has no tag.

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;

use super::chance::Refusal;

/// The tags of what a client asks.
pub mod client {
    pub const QUERY: u8 = b'Q';
    pub const CALL: u8 = b'F';
    pub const PARSE: u8 = b'P';
    pub const BIND: u8 = b'B';
    pub const DESCRIBE: u8 = b'D';
    pub const EXECUTE: u8 = b'E';
    pub const CLOSE: u8 = b'C';
    pub const FLUSH: u8 = b'H';
    pub const SYNC: u8 = b'S';
}

/// The tags of some of what a server says.
pub mod server {
    pub const READY: u8 = b'Z';
    pub const ERROR: u8 = b'E';
    /// For `COPY … FROM STDIN`.
    pub const WANTS_ROWS: u8 = b'G';
    /// What a refusal consists of, with notices, settings and notifications, which may come at any
    /// time.
    pub const OF_REFUSALS: [u8; 5] = [ERROR, READY, b'N', b'S', b'A'];
}

/// A message with its tag and length in front, ready to be passed on.
#[derive(Debug, Clone)]
pub struct Frame {
    pub tag: u8,
    pub bytes: Bytes,
}

impl Frame {
    /// What stands behind the length.
    pub fn body(&self) -> &[u8] {
        &self.bytes[5..]
    }

    /// The strings at the beginning of the message.
    pub fn texts<const N: usize>(&self) -> [String; N] {
        let mut texts = self.body().split(|byte| *byte == 0);
        std::array::from_fn(|_| String::from_utf8_lossy(texts.next().unwrap_or_default()).into_owned())
    }

    /// Whether it is an error of this kind.
    pub fn is_error(&self, state: &str) -> bool {
        let mut fields = self.body().split(|byte| *byte == 0);
        self.tag == server::ERROR && fields.any(|field| field.strip_prefix(b"C") == Some(state.as_bytes()))
    }

    /// What the server says when it refuses something for this reason.
    pub fn refusal(refusal: Refusal) -> Self {
        let (state, message) = match refusal {
            Refusal::Collision => ("40001", "could not serialize access"),
            Refusal::DiskFull => ("53100", "could not extend file: No space left on device"),
        };
        let fields = format!("SERROR\0VERROR\0C{state}\0M{message}, as the fault proxy will have it\0\0");
        Self::new(server::ERROR, fields.as_bytes())
    }

    /// A request of one text with one or more statements.
    pub fn query(text: &str) -> Self {
        Self::new(client::QUERY, format!("{text}\0").as_bytes())
    }

    fn new(tag: u8, body: &[u8]) -> Self {
        let mut bytes = BytesMut::new();
        bytes.put_u8(tag);
        bytes.put_u32(u32::try_from(body.len() + 4).unwrap());
        bytes.put_slice(body);
        let bytes = bytes.freeze();
        Self { tag, bytes }
    }
}

/// One half of a connection, message by message.
pub struct Frames {
    stream: OwnedReadHalf,
    read: BytesMut,
}

impl Frames {
    pub fn new(stream: OwnedReadHalf) -> Self {
        let read = BytesMut::new();
        Self { stream, read }
    }

    /// The next message; `None` when the other side is gone. Nothing is lost when this is given
    /// up half-way.
    pub async fn next(&mut self) -> Option<Frame> {
        let bytes = self.take(1).await?;
        Some(Frame { tag: bytes[0], bytes })
    }

    /// The next message of those at the beginning, and its code.
    pub async fn next_untagged(&mut self) -> Option<(u32, Bytes)> {
        let bytes = self.take(0).await?;
        let code = bytes.get(4..8)?.try_into().ok()?;
        Some((u32::from_be_bytes(code), bytes))
    }

    async fn take(&mut self, length_at: usize) -> Option<Bytes> {
        loop {
            if let Some(length) = self.read.get(length_at..length_at + 4) {
                let length = u32::from_be_bytes(length.try_into().ok()?);
                let end = length_at + usize::try_from(length).ok()?;
                if self.read.len() >= end {
                    return Some(self.read.split_to(end).freeze());
                }
            }
            if self.stream.read_buf(&mut self.read).await.ok()? == 0 {
                return None;
            }
        }
    }
}
