//! What is refused of a request's head, before routing.
//!
//! hyper refuses most broken framing itself; here is what it lets through (measured,
//! 1.12): no `Host` or two, a foreign one, a foreign absolute target, `gzip, chunked`.
//! What would surprise: Content-Length beside Transfer-Encoding, equal Content-Lengths
//! and bare LF never reach this code as such. hyper has made them one meaning by then,
//! as RFC 9112 permits, and closes after the first.

use std::sync::Arc;

use http::header::{AUTHORIZATION, CONTENT_ENCODING, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderName, Method};

use super::refusal::Refusal;
use crate::app::Origins;

/// The longest request target.
pub const URI_LIMIT_BYTES: usize = 8 * 1024;

static METHOD_OVERRIDES: [HeaderName; 3] = [
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
];

/// That a request's head has one meaning, and that it is meant for us.
///
/// # Errors
/// The refusal; after it the connection should be closed.
pub fn check<'o>(parts: &Parts, origins: &'o Origins, tls: bool) -> Result<&'o Arc<str>, Refusal> {
    let headers = &parts.headers;
    if parts.method == Method::CONNECT {
        return Err(Refusal::MethodNotAllowed);
    }
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target > URI_LIMIT_BYTES {
        return Err(Refusal::UriTooLong);
    }
    let mut hosts = headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (None, _) => return Err(Refusal::HostMissing),
        (Some(_), Some(_)) => return Err(Refusal::HostRepeated),
        (Some(host), None) => host.as_bytes(),
    };
    let named = parts.uri.authority();
    if named.is_some_and(|named| !host.eq_ignore_ascii_case(named.as_str().as_bytes())) {
        return Err(Refusal::AuthorityMismatch);
    }
    let origin = origins.find(host, tls).ok_or(Refusal::ForeignHost { tls })?;

    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next()
        && (codings.next().is_some() || !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
    {
        return Err(Refusal::TransferEncoding);
    }
    if METHOD_OVERRIDES.iter().any(|name| headers.contains_key(name)) {
        return Err(Refusal::MethodOverride);
    }
    if headers.get_all(AUTHORIZATION).iter().nth(1).is_some() {
        return Err(Refusal::AuthorizationRepeated);
    }
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    if encodings.any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Refusal::ContentEncoding);
    }
    Ok(origin)
}
