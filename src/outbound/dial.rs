//! Connections to addresses that were checked, with TLS by the name in the URL.
//!
//! The only place of the program that makes an HTTP client. What would surprise: several addresses
//! are tried a quarter of a second apart, and whichever answers first is used (RFC 8305), so an
//! address that swallows everything costs a quarter of a second and not the whole limit.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsConnector;

use super::OutboundError;
use super::target::{Host, Target};

/// How many addresses of a name are tried, and how far apart.
const ADDRESSES: usize = 6;
const APART: Duration = Duration::from_millis(250);

/// How much of a reply may wait to be read. Its head is no longer than that.
const BUFFER_BYTES: usize = 64 * 1024;

/// What makes connections.
pub(super) struct Dialer {
    roots: Vec<CertificateDer<'static>>,
    limit: Duration,
    /// Made when it is first needed: reading the machine's authorities takes a while.
    tls: OnceLock<Result<TlsConnector, String>>,
}

/// A connection, which ends when it is dropped.
pub(super) struct Connection {
    pub(super) sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Dialer {
    pub(super) fn new(roots: Vec<CertificateDer<'static>>, limit: Duration) -> Self {
        Self {
            roots,
            limit,
            tls: OnceLock::new(),
        }
    }

    /// A connection to one of these addresses of the target. No reply has more headers than that.
    pub(super) async fn connect(
        &self,
        target: &Target,
        addresses: Vec<SocketAddr>,
        headers: usize,
    ) -> Result<Connection, OutboundError> {
        tokio::time::timeout(self.limit, async {
            let stream = dial(addresses).await.map_err(unreachable)?;
            stream.set_nodelay(true).map_err(unreachable)?;
            if !target.secure {
                return shake_hands(stream, headers).await;
            }
            let tls = self.tls.get_or_init(|| connector(&self.roots)).as_ref();
            let tls = tls.map_err(|why| OutboundError::Unreachable(why.clone()))?;
            let name = match &target.host {
                Host::Address(address) => ServerName::IpAddress((*address).into()),
                Host::Name(name) => ServerName::try_from(name.clone())
                    .map_err(|_| OutboundError::NotAllowed("the host is not a name for TLS".into()))?,
            };
            let stream = tls.connect(name, stream).await.map_err(unreachable)?;
            shake_hands(stream, headers).await
        })
        .await
        .map_err(|_| OutboundError::TimedOut)?
    }
}

/// The first connection that comes about.
async fn dial(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut attempts = JoinSet::new();
    let mut later = Duration::ZERO;
    for address in addresses.into_iter().take(ADDRESSES) {
        attempts.spawn(async move {
            tokio::time::sleep(later).await;
            TcpStream::connect(address).await
        });
        later += APART;
    }
    let mut outcome = Err(io::ErrorKind::AddrNotAvailable.into());
    while let Some(attempt) = attempts.join_next().await {
        outcome = attempt.map_err(io::Error::other).flatten();
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

#[expect(clippy::disallowed_methods, reason = "the one HTTP client")]
async fn shake_hands<S>(stream: S, headers: usize) -> Result<Connection, OutboundError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = Builder::new()
        .max_headers(headers)
        .max_buf_size(BUFFER_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| OutboundError::Unreachable("the connection ended".into()))?;
    let driver = tokio::spawn(connection).abort_handle();
    Ok(Connection { sender, driver })
}

/// TLS 1.2 and 1.3, the machine's authorities and these.
fn connector(roots: &[CertificateDer<'static>]) -> Result<TlsConnector, String> {
    let mut trusted = RootCertStore::empty();
    trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    trusted.add_parsable_certificates(roots.iter().cloned());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

fn unreachable(error: io::Error) -> OutboundError {
    OutboundError::Unreachable(error.to_string())
}
