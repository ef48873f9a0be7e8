//! What a URL points at, read so that it has one meaning.
//!
//! There is no normalising: a host is a name of letters, digits and hyphens, or an address in its
//! one usual spelling, and whatever other parsers would make of anything else is refused. What
//! would surprise: `http::Uri` drops a fragment without a word, so whoever takes a URL from
//! elsewhere has its text checked by [`parse`] before it becomes one.

use std::net::{IpAddr, SocketAddr};

use http::Uri;
use http::uri::Scheme;

use super::OutboundError;
use super::addresses::{Verdict, verdict};

/// The longest URL that is taken from elsewhere, in bytes.
const URL_LEN: usize = 2048;

/// Names of this machine, or of the net that it stands in (RFC 6761, RFC 6762, RFC 8375, RFC 7686).
const LOCAL_NAMES: [&str; 5] = ["localhost", "local", "internal", "home.arpa", "onion"];

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Target {
    pub(super) secure: bool,
    pub(super) host: Host,
    pub(super) port: u16,
}

/// By what a server is named.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Host {
    Name(String),
    Address(IpAddr),
}

impl Target {
    /// # Errors
    /// What about the URL is refused, without the URL.
    pub(super) fn of(uri: &Uri) -> Result<Self, OutboundError> {
        let secure = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return refused("the scheme is not https"),
        };
        let Some(authority) = uri.authority().map(http::uri::Authority::as_str) else {
            return refused("there is no host");
        };
        if authority.contains('@') {
            return refused("a user stands before the host");
        }
        let end = authority.rfind(']').map_or(0, |end| end + 1);
        let (host, port) = match authority.get(end..).and_then(|rest| rest.find(':')) {
            Some(colon) => {
                let (host, port) = authority.split_at(end + colon);
                (host, port.trim_start_matches(':'))
            }
            None => (authority, if secure { "443" } else { "80" }),
        };
        let port = Some(port)
            .filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0'))
            .and_then(|port| port.parse().ok());
        let Some(port) = port else {
            return refused("the port is not a number from 1 to 65535");
        };
        let host = Host::read(host)?;
        Ok(Self { secure, host, port })
    }

    /// The address, if the URL names one.
    pub(super) const fn literal(&self) -> Option<SocketAddr> {
        match &self.host {
            Host::Address(address) => Some(SocketAddr::new(*address, self.port)),
            Host::Name(_) => None,
        }
    }
}

impl Host {
    fn read(text: &str) -> Result<Self, OutboundError> {
        let literal = match text.strip_prefix('[') {
            Some(rest) => rest
                .strip_suffix(']')
                .and_then(|inner| inner.parse().ok())
                .map(IpAddr::V6),
            None => text.parse().ok().map(IpAddr::V4),
        };
        if let Some(address) = literal {
            return Ok(Self::Address(address));
        }
        let name = text.to_ascii_lowercase();
        // A last label that begins with a digit is an address to other parsers, however odd.
        let is_name = name.len() <= 253
            && name.split('.').all(is_label)
            && name
                .rsplit('.')
                .next()
                .is_some_and(|last| last.starts_with(|first: char| first.is_ascii_lowercase()));
        if is_name {
            Ok(Self::Name(name))
        } else {
            refused("the host is neither a name nor a usual address")
        }
    }
}

/// Letters, digits, and hyphens that are not at an end (RFC 1123, 2.1).
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Whether a name is of this machine or its net, whatever its addresses are.
pub(super) fn is_local(name: &str) -> bool {
    LOCAL_NAMES.iter().any(|local| {
        name.strip_suffix(local)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

/// That an address is outside.
pub(super) fn check(address: IpAddr) -> Result<(), OutboundError> {
    match verdict(address) {
        Verdict::Public => Ok(()),
        Verdict::Refused(what) => Err(OutboundError::NotAllowed(format!("the address {address} is {what}"))),
    }
}

/// The text as a URL, if nobody could read it in another way.
///
/// # Errors
/// What about it is refused.
pub(super) fn parse(text: &str) -> Result<Uri, OutboundError> {
    if text.len() > URL_LEN {
        return refused("the URL is longer than 2048 bytes");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return refused("the URL has characters that must be encoded");
    }
    if text.contains('\\') {
        return refused("the URL has a backslash");
    }
    if text.contains('#') {
        return refused("the URL has a fragment");
    }
    text.parse()
        .map_err(|_| OutboundError::NotAllowed("this is not a URL".into()))
}

fn refused<T>(why: &str) -> Result<T, OutboundError> {
    Err(OutboundError::NotAllowed(why.into()))
}
