//! What was asked of the networks, without anything that is secret.
//!
//! Values of headers and parameters are not kept at all, only the headers' names and whether there
//! was a query string; a token that somebody puts into a path is masked.

use std::collections::VecDeque;

use serde_json::{Value, json};

/// How many requests are kept; of more, the oldest go.
const KEPT: usize = 10_000;

/// A request, and how it was answered.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When it came, as text.
    pub at: String,
    /// The network's name; `None` when there is none at that host.
    pub network: Option<&'static str>,
    /// The method.
    pub method: String,
    /// Host and path, with secrets masked.
    pub path: String,
    /// Whether there was a query string.
    pub has_query: bool,
    /// The headers' names.
    pub headers: Vec<String>,
    /// The status; `None` when the connection was closed.
    pub status: Option<u16>,
}

/// The last requests.
#[derive(Debug, Default)]
pub struct Log {
    entries: VecDeque<Entry>,
    forgotten: u64,
}

impl Log {
    /// Keeps a request.
    pub fn keep(&mut self, entry: Entry) {
        if self.entries.len() == KEPT {
            self.entries.pop_front();
            self.forgotten += 1;
        }
        self.entries.push_back(entry);
    }

    /// All that is kept, oldest first.
    pub fn to_json(&self) -> Value {
        let entries = self.entries.iter().map(|entry| {
            json!({
                "at": entry.at,
                "network": entry.network,
                "method": entry.method,
                "path": entry.path,
                "query": entry.has_query,
                "headers": entry.headers,
                "status": entry.status,
            })
        });
        json!({"requests": entries.collect::<Vec<_>>(), "forgotten": self.forgotten})
    }
}
