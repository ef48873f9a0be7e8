//! A request's body, listened to while its handler reads it.
//!
//! What would surprise: nothing is read ahead, so limits and deadlines are the handler's, and what
//! it does not read is not heard. What is longer than the limit is forgotten whole.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;

/// What was heard of a body so far.
#[derive(Debug, Clone)]
pub struct Overheard(Arc<Mutex<Heard>>);

#[derive(Debug)]
struct Heard {
    bytes: Vec<u8>,
    room: usize,
}

struct Listened {
    body: Body,
    heard: Overheard,
}

/// A body that is the same to whoever reads it, and what is heard of it, up to so many bytes.
pub fn overhear(body: Body, limit_bytes: usize) -> (Body, Overheard) {
    let heard = Overheard(Arc::new(Mutex::new(Heard {
        bytes: Vec::new(),
        room: limit_bytes,
    })));
    let listened = Listened {
        body,
        heard: heard.clone(),
    };
    (Body::new(listened), heard)
}

impl Overheard {
    /// What was heard; nothing if it was too much.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().bytes)
    }

    fn hear(&self, data: &Bytes) {
        let mut heard = self.0.lock();
        match heard.room.checked_sub(data.len()) {
            Some(room) => {
                heard.room = room;
                heard.bytes.extend_from_slice(data);
            }
            None => {
                heard.room = 0;
                heard.bytes = Vec::new();
            }
        }
    }
}

impl HttpBody for Listened {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            this.heard.hear(data);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn what_is_read_is_heard_unless_it_is_too_much() {
        for (text, heard) in [("", ""), ("hello", "hello"), ("hello!", "")] {
            let (body, listener) = overhear(Body::from(text), 5);
            assert_eq!(HttpBody::size_hint(&body).exact(), Some(text.len() as u64));
            assert_eq!(body.collect().await.unwrap().to_bytes(), text);
            assert_eq!(listener.take(), heard.as_bytes());
        }
    }
}
