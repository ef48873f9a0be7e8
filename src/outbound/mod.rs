//! The one way out: an HTTP client that reaches the public internet and nothing else.
//!
//! ```text
//! URL → what it points at (target.rs) → addresses of its name, once (resolve.rs) → every one of
//! them checked (addresses.rs) → one of them dialed, TLS with the name of the URL (dial.rs) → one
//! request, one reply, within limits (exchange.rs)
//! ```
//!
//! It follows no redirects, knows no proxies and cookies, and unpacks nothing, because no code for
//! that is here. It names nothing of ours. What would surprise: exactly named socket addresses can
//! be allowed, over plain HTTP too, which is for simulated networks; and an error says what is
//! refused or went wrong, but never the URL, which may hold secrets.

mod addresses;
mod dial;
mod exchange;
mod resolve;
mod target;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request, StatusCode, Uri};
use rustls::pki_types::CertificateDer;

pub use addresses::{Net, Verdict, verdict};
pub use resolve::{Resolve, SystemResolver};

use dial::Dialer;
use exchange::Pool;
use target::{Host, Target};

/// The client. Clones share their connections.
#[derive(Clone)]
pub struct Outbound(Arc<Inner>);

struct Inner {
    settings: OutboundSettings,
    dialer: Dialer,
    pool: Pool,
}

/// What the client may do; strict by default.
#[derive(Clone)]
pub struct OutboundSettings {
    /// Socket addresses that are reached over `http` and `https` when a URL names them exactly.
    pub allowed: Vec<SocketAddr>,
    /// Nets that are as good as the public internet.
    pub nets: Vec<Net>,
    /// Ports that `https` may use.
    pub ports: Vec<u16>,
    /// How long, and how much.
    pub limits: OutboundLimits,
    /// Who knows the addresses of names.
    pub resolver: Arc<dyn Resolve>,
    /// Authorities that are trusted besides the machine's.
    pub roots: Vec<CertificateDer<'static>>,
}

/// How long a request may take, and how much it may bring.
#[derive(Debug, Clone, Copy)]
pub struct OutboundLimits {
    /// Until there is a connection, TLS included, after its addresses are known.
    pub connect: Duration,
    /// From the request until the head of its reply.
    pub first_byte: Duration,
    /// For everything.
    pub total: Duration,
    /// Of a reply.
    pub body_bytes: usize,
    /// Of a reply.
    pub headers: usize,
}

impl Default for OutboundSettings {
    fn default() -> Self {
        Self {
            allowed: Vec::new(),
            nets: Vec::new(),
            ports: vec![443],
            limits: OutboundLimits::default(),
            resolver: Arc::new(SystemResolver),
            roots: Vec::new(),
        }
    }
}

impl Default for OutboundLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(10),
            total: Duration::from_secs(20),
            body_bytes: 256 * 1024,
            headers: 64,
        }
    }
}

/// What a server answered, whatever its status.
pub struct Reply {
    /// Its status; a redirect is a status like another.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, whole.
    pub body: Vec<u8>,
}

impl fmt::Debug for Reply {
    /// Bodies and headers hold tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({}, {} bytes)", self.status, self.body.len())
    }
}

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// Nothing was sent: the URL leads where nobody is sent to.
    #[error("not allowed: {0}")]
    NotAllowed(String),
    /// Nobody took the request, or nobody who proves to be the right one.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// It took longer than it may.
    #[error("timed out")]
    TimedOut,
    /// The reply is larger than it may be.
    #[error("the reply is too large")]
    TooLarge,
    /// What came is no reply.
    #[error("no proper reply: {0}")]
    BadReply(String),
}

impl Outbound {
    /// The client with these settings.
    pub fn new(settings: OutboundSettings) -> Self {
        Self(Arc::new(Inner {
            dialer: Dialer::new(settings.roots.clone(), settings.limits.connect),
            pool: Pool::default(),
            settings,
        }))
    }

    /// A URL that came from elsewhere, such as a configuration or a document, if requests to it are
    /// allowed as far as can be told without asking for addresses.
    ///
    /// # Errors
    /// [`OutboundError::NotAllowed`].
    pub fn check(&self, url: &str) -> Result<Uri, OutboundError> {
        let uri = target::parse(url)?;
        self.0.permit(&Target::of(&uri)?)?;
        Ok(uri)
    }

    /// Sends a request to an absolute URL, once, and waits for the whole reply.
    ///
    /// # Errors
    /// When it is not allowed, or there is no reply within the limits.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Reply, OutboundError> {
        let target = Target::of(request.uri())?;
        self.0.permit(&target)?;
        let sent = exchange::send(&self.0, target, request);
        tokio::time::timeout(self.0.settings.limits.total, sent)
            .await
            .map_err(|_| OutboundError::TimedOut)?
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outbound")
    }
}

impl Inner {
    /// That a request may go there, as far as the URL tells.
    fn permit(&self, target: &Target) -> Result<(), OutboundError> {
        let refused = |why: &str| Err(OutboundError::NotAllowed(why.into()));
        if self.is_exactly_allowed(target) {
            return Ok(());
        }
        if !target.secure {
            return refused("the scheme is not https");
        }
        if !self.settings.ports.contains(&target.port) {
            return Err(OutboundError::NotAllowed(format!(
                "the port is {}, and not one of those that are allowed",
                target.port
            )));
        }
        match &target.host {
            Host::Address(address) => self.permit_address(*address),
            // Names of a net are of use only where a net is allowed, and their addresses tell which.
            Host::Name(name) if target::is_local(name) && self.settings.nets.is_empty() => {
                refused("the host is a name of this machine or its net")
            }
            Host::Name(_) => Ok(()),
        }
    }

    fn permit_address(&self, address: std::net::IpAddr) -> Result<(), OutboundError> {
        if self.settings.nets.iter().any(|net| net.contains(address)) {
            return Ok(());
        }
        target::check(address)
    }

    fn is_exactly_allowed(&self, target: &Target) -> bool {
        target
            .literal()
            .is_some_and(|address| self.settings.allowed.contains(&address))
    }

    /// Where a permitted target is, asked once, if every answer is good.
    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, OutboundError> {
        let name = match &target.host {
            Host::Address(address) => return Ok(vec![SocketAddr::new(*address, target.port)]),
            Host::Name(name) => name,
        };
        let found = self.settings.resolver.resolve(name).await.unwrap_or_default();
        for address in &found {
            self.permit_address(*address)?;
        }
        if found.is_empty() {
            return Err(OutboundError::Unreachable("the name has no address".into()));
        }
        Ok(found
            .into_iter()
            .map(|address| SocketAddr::new(address, target.port))
            .collect())
    }
}
