//! What a client sends, put together into the requests that the server answers as a whole.
//!
//! A request ends where the server will say that it is ready again: with a query or the
//! call of a function, or with the Sync behind messages of the extended protocol. What would surprise: what is executed
//! is often known only from messages of an earlier request, in which it was prepared.

use std::collections::HashMap;

use bytes::{Bytes, BytesMut};

use super::frames::{Frame, client};

/// What goes to the server together.
pub enum Sent {
    Request(Request),
    /// What is no request, such as a password or rows that are copied in.
    Other(Bytes),
}

/// What the server answers as a whole.
pub struct Request {
    pub bytes: Bytes,
    /// The texts of the statements that it executes; of none, if it only prepares some.
    pub texts: Vec<String>,
    /// Whether it came in messages that end with a Sync.
    pub is_extended: bool,
    /// Whether it is nothing but that Sync.
    pub is_bare: bool,
    /// Whether its beginning went to the server before its end had come.
    pub is_rest: bool,
}

/// The messages of one client.
#[derive(Default)]
pub struct Requests {
    gathered: BytesMut,
    texts: Vec<String>,
    is_rest: bool,
    prepared: HashMap<String, String>,
    portals: HashMap<String, String>,
}

impl Requests {
    /// Takes the next message, and gives what is now to be sent.
    pub fn add(&mut self, frame: &Frame) -> Option<Sent> {
        match frame.tag {
            client::QUERY => self.texts.extend(frame.texts::<1>()),
            client::PARSE => {
                let [name, text] = frame.texts();
                self.prepared.insert(name, text);
            }
            client::BIND => {
                let [portal, name] = frame.texts();
                let text = self.prepared.get(&name).cloned().unwrap_or_default();
                self.portals.insert(portal, text);
            }
            client::EXECUTE => {
                let [portal] = frame.texts();
                self.texts.extend(self.portals.get(&portal).cloned());
            }
            client::CLOSE | client::DESCRIBE | client::CALL | client::FLUSH | client::SYNC => {}
            _ => return Some(Sent::Other(frame.bytes.clone())),
        }
        let is_bare = frame.tag == client::SYNC && self.gathered.is_empty() && !self.is_rest;
        self.gathered.extend_from_slice(&frame.bytes);
        match frame.tag {
            client::CALL | client::QUERY | client::SYNC => Some(Sent::Request(Request {
                bytes: self.gathered.split().freeze(),
                texts: std::mem::take(&mut self.texts),
                is_extended: frame.tag == client::SYNC,
                is_bare,
                is_rest: std::mem::take(&mut self.is_rest),
            })),
            client::FLUSH => {
                self.is_rest = true;
                Some(Sent::Other(self.gathered.split().freeze()))
            }
            _ => None,
        }
    }
}
