//! One request and its reply over a connection that is kept for the next one.
//!
//! A connection is used again for the same scheme, host and port only, and for a few seconds, so
//! that its address is one that was checked lately. What would surprise: a request goes out twice
//! if a kept connection turns out to have ended before it was sent.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, HOST};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::dial::Connection;
use super::target::Target;
use super::{Inner, OutboundError, Reply};

/// How long a connection is kept that nobody uses. Servers keep theirs for five seconds and more.
const IDLE_FOR: Duration = Duration::from_secs(4);

/// How many of those are kept for one target, and for how many targets.
const IDLE: usize = 64;
const TARGETS: usize = 1024;

/// Connections that nobody uses just now.
#[derive(Default)]
pub(super) struct Pool(Mutex<HashMap<Target, VecDeque<(Instant, Connection)>>>);

impl Pool {
    /// The one that was used last.
    fn take(&self, target: &Target) -> Option<Connection> {
        let mut idle = self.0.lock();
        let kept = idle.get_mut(target)?;
        while let Some((since, connection)) = kept.pop_back() {
            if since.elapsed() < IDLE_FOR && !connection.sender.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    fn keep(&self, target: Target, connection: Connection) {
        let mut idle = self.0.lock();
        if idle.len() >= TARGETS {
            idle.clear();
        }
        let kept = idle.entry(target).or_default();
        let now = Instant::now();
        // The first is the one that nobody has used for longest.
        while kept.pop_front_if(|(since, _)| now - *since >= IDLE_FOR).is_some() {}
        if kept.len() < IDLE {
            kept.push_back((now, connection));
        }
    }
}

/// Sends a permitted request.
pub(super) async fn send(client: &Inner, target: Target, request: Request<Vec<u8>>) -> Result<Reply, OutboundError> {
    let limits = &client.settings.limits;
    let mut request = on_the_wire(request)?;
    let (connection, response) = loop {
        let (mut connection, is_kept) = match client.pool.take(&target) {
            Some(mut connection) => {
                if connection.sender.ready().await.is_err() {
                    continue;
                }
                (connection, true)
            }
            None => {
                let addresses = client.addresses(&target).await?;
                // Dialing is rare and takes much room, which every request would have to be moved with.
                let connected = Box::pin(client.dialer.connect(&target, addresses, limits.headers)).await?;
                (connected, false)
            }
        };
        let answered = tokio::time::timeout(limits.first_byte, connection.sender.try_send_request(request));
        match answered.await {
            Err(_) => return Err(OutboundError::TimedOut),
            Ok(Ok(response)) => break (connection, response),
            Ok(Err(mut error)) => match error.take_message() {
                Some(unsent) if is_kept => request = unsent,
                _ => return Err(no_head(error.error())),
            },
        }
    };
    let reply = read(response, limits.body_bytes).await?;
    client.pool.keep(target, connection);
    Ok(reply)
}

/// With its path as the target, and the host as a header whatever stood there.
fn on_the_wire(request: Request<Vec<u8>>) -> Result<Request<Full<Bytes>>, OutboundError> {
    let (mut parts, body) = request.into_parts();
    let unsendable = || OutboundError::NotAllowed("the URL cannot be sent".into());
    let host = parts.uri.authority().ok_or_else(unsendable)?;
    let host = HeaderValue::from_str(host.as_str()).map_err(|_| unsendable())?;
    parts.headers.insert(HOST, host);
    let path = parts.uri.path_and_query().cloned().ok_or_else(unsendable)?;
    parts.uri = Uri::from(path);
    Ok(Request::from_parts(parts, Full::new(body.into())))
}

/// All of a reply, within its limit.
async fn read(response: Response<Incoming>, limit: usize) -> Result<Reply, OutboundError> {
    let (parts, mut incoming) = response.into_parts();
    if parts
        .headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
    {
        return Err(OutboundError::BadReply(
            "it is compressed, which nobody asked for".into(),
        ));
    }
    if incoming.size_hint().lower() > limit as u64 {
        return Err(OutboundError::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|_| OutboundError::BadReply("it ended before its end".into()))?;
        let Some(data) = frame.data_ref() else { continue };
        if body.len() + data.len() > limit {
            return Err(OutboundError::TooLarge);
        }
        body.extend_from_slice(data);
    }
    Ok(Reply {
        status: parts.status,
        headers: parts.headers,
        body,
    })
}

/// What the library says of it, which holds nothing of request or reply.
fn no_head(error: &hyper::Error) -> OutboundError {
    if error.is_parse_too_large() {
        OutboundError::TooLarge
    } else if error.is_parse() {
        OutboundError::BadReply("it is not HTTP".into())
    } else {
        OutboundError::Unreachable("the connection ended".into())
    }
}
