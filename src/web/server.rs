//! The accept loop: sockets, caps, deadlines, TLS and the way down.
//!
//! HTTP/1.1 only, on hyper's own connection builder, because `axum::serve` leaves half
//! headers and silent connections open for ever (measured, 0.8.9). What would surprise:
//! one time limit serves for the TLS handshake, the first byte, the header, the body and
//! an idle connection alike, since hyper has one timer for most of them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::deadline::{Socket, TimedBody};
use super::front::Front;
use crate::domain::rate::host;

/// Above the longest request target that hyper takes, so that a longer one is told from
/// headers that are too large; what has more than this gets 431.
const BUFFER_LIMIT_BYTES: usize = 128 * 1024;

/// How long to wait before the next accept when the system refuses one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a server puts up with.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long the TLS handshake, the first byte, a header, a body, an idle connection
    /// and a write may each take.
    pub time: Duration,
    /// How many connections at once.
    pub connections: usize,
    /// How many of them from one address; IPv6 addresses count by their first 64 bits.
    pub per_address: usize,
    /// How long requests under way may take after the shutdown signal.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(10),
            connections: 10_000,
            per_address: 1_000,
            drain: Duration::from_secs(10),
        }
    }
}

/// A listening socket that nothing is served on yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    limits: Limits,
}

impl Server {
    /// Listens; connections wait until [`Server::serve`] is called.
    ///
    /// # Errors
    /// Those of the system, with the address in the message.
    pub async fn bind(address: SocketAddr, tls: Option<TlsAcceptor>, limits: Limits) -> io::Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))?;
        Ok(Self {
            address: listener.local_addr()?,
            listener,
            tls,
            limits,
        })
    }

    /// The address that it listens on, with the port that the system chose for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is ready, then lets the requests under way end, at most for
    /// [`Limits::drain`], and breaks off the rest.
    pub async fn serve(self, front: Front, shutdown: impl Future<Output = ()>) {
        let (stop, stopping) = watch::channel(());
        let crowd = Arc::new(Crowd::new(self.limits, front.clone()));
        let mut connections = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                Some(ended) = connections.join_next() => {
                    note_end(ended);
                    continue;
                }
                accepted = self.listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(place) = crowd.enter(peer.ip()) else {
                continue;
            };
            let (front, tls, stopping) = (front.clone(), self.tls.clone(), stopping.clone());
            let limit = self.limits.time;
            connections.spawn(async move {
                let _place = place;
                converse(stream, peer, tls, front, limit, stopping).await;
            });
        }
        drop((self.listener, stop, stopping));
        let drained = timeout(self.limits.drain, async {
            while let Some(ended) = connections.join_next().await {
                note_end(ended);
            }
        });
        if drained.await.is_err() {
            tracing::warn!(
                open = connections.len(),
                "connections were broken off at the end of the drain"
            );
            connections.shutdown().await;
        }
    }
}

/// One connection, from its first byte to its last.
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    front: Front,
    limit: Duration,
    stopping: watch::Receiver<()>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let Some(tls) = tls else {
        return speak_http(stream, peer, false, front, limit, stopping).await;
    };
    match timeout(limit, tls.accept(stream)).await {
        Ok(Ok(stream)) => speak_http(stream, peer, true, front, limit, stopping).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "the TLS handshake failed"),
        Err(_) => tracing::debug!(%peer, "the TLS handshake took too long"),
    }
}

async fn speak_http<T>(
    stream: T,
    peer: SocketAddr,
    tls: bool,
    front: Front,
    limit: Duration,
    mut stopping: watch::Receiver<()>,
) where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request: http::Request<Incoming>| {
        let request = request.map(|body| match body.is_end_stream() {
            true => Body::empty(),
            false => Body::new(TimedBody::new(body, limit)),
        });
        let answer = front.answer(request, peer, tls);
        async { Ok::<_, std::convert::Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limit)
        .max_buf_size(BUFFER_LIMIT_BYTES)
        .serve_connection(TokioIo::new(Socket::new(stream, limit)), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        // The sender is dropped at the shutdown signal, and never sends.
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        if error.is_parse() {
            front.metrics().malformed.inc();
        }
        tracing::debug!(%peer, %error, "a connection ended with an error");
    }
}

fn note_end(ended: Result<(), tokio::task::JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        tracing::error!("a connection's task panicked");
    }
}

/// Who is connected.
struct Crowd {
    limits: Limits,
    front: Front,
    present: Mutex<Present>,
}

#[derive(Default)]
struct Present {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Crowd {
    fn new(limits: Limits, front: Front) -> Self {
        Self {
            limits,
            front,
            present: Mutex::default(),
        }
    }

    /// A place for one more connection; `None` when a cap is reached.
    fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = host(address);
        let mut present = self.present.lock();
        let here = present.by_address.get(&address).copied().unwrap_or(0);
        if present.total >= self.limits.connections || here >= self.limits.per_address {
            self.front.metrics().connections_refused.inc();
            return None;
        }
        present.total += 1;
        present.by_address.insert(address, here + 1);
        self.front.metrics().connections_open.inc();
        Some(Place {
            crowd: Arc::clone(self),
            address,
        })
    }
}

/// A place in the crowd, given back when it is dropped.
struct Place {
    crowd: Arc<Crowd>,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut present = self.crowd.present.lock();
        present.total -= 1;
        if let Entry::Occupied(mut here) = present.by_address.entry(self.address) {
            *here.get_mut() -= 1;
            if *here.get() == 0 {
                here.remove();
            }
        }
        self.crowd.front.metrics().connections_open.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_api_12_addresses_are_counted_by_host() {
        let same = |a: &str, b: &str| host(a.parse().unwrap()) == host(b.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8::ffff:1"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
    }
}
