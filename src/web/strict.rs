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
use http::{HeaderName, Method, Uri};

use super::refusal::Refusal;

/// The longest request target.
pub const URI_LIMIT_BYTES: usize = 8 * 1024;

static METHOD_OVERRIDES: [HeaderName; 3] = [
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
];

/// The addresses by which this server may be called.
#[derive(Debug, Clone)]
pub struct Origins {
    known: Vec<Origin>,
    foreign: Option<Arc<str>>,
}

#[derive(Debug, Clone)]
struct Origin {
    /// As a `Host` header may have it, without a port that the scheme implies.
    authority: String,
    https: bool,
    spelled: Arc<str>,
}

/// Why a text is not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an origin: write http://host:port or https://host, without a path")]
pub struct MalformedOrigin(String);

impl Origins {
    /// These origins, as `https://id.example.com` or `http://127.0.0.1:8400`, with or
    /// without a slash at the end.
    ///
    /// # Errors
    /// [`MalformedOrigin`] with the first that is none.
    pub fn new<T: AsRef<str>>(origins: impl IntoIterator<Item = T>) -> Result<Self, MalformedOrigin> {
        let known = origins.into_iter().map(|origin| Origin::parse(origin.as_ref()));
        Ok(Self {
            known: known.collect::<Result<_, _>>()?,
            foreign: None,
        })
    }

    /// Any host at all, for listeners that only operators reach.
    pub fn any() -> Self {
        Self {
            known: Vec::new(),
            foreign: Some(Arc::from("")),
        }
    }

    /// The origin, with a slash at its end, that a `Host` header means; between two of one
    /// authority, the one whose scheme is that of the connection.
    fn find(&self, host: &[u8], tls: bool) -> Option<&Arc<str>> {
        let mut found = None;
        for origin in self.known.iter().filter(|origin| origin.is_called(host)) {
            if origin.https == tls {
                return Some(&origin.spelled);
            }
            found = found.or(Some(&origin.spelled));
        }
        found.or(self.foreign.as_ref())
    }
}

impl Origin {
    fn parse(text: &str) -> Result<Self, MalformedOrigin> {
        let malformed = || MalformedOrigin(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| malformed())?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(malformed()),
        };
        let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        let bare = uri.path() == "/" && uri.query().is_none();
        if authority.is_empty() || authority.contains('@') || !bare {
            return Err(malformed());
        }
        let authority = authority.to_ascii_lowercase();
        Ok(Self {
            spelled: Arc::from(format!("{}://{authority}/", if https { "https" } else { "http" })),
            authority: authority.strip_suffix(port_of(https)).unwrap_or(&authority).to_owned(),
            https,
        })
    }

    fn is_called(&self, host: &[u8]) -> bool {
        host.eq_ignore_ascii_case(self.authority.as_bytes())
            || host
                .strip_suffix(port_of(self.https).as_bytes())
                .is_some_and(|host| host.eq_ignore_ascii_case(self.authority.as_bytes()))
    }
}

const fn port_of(https: bool) -> &'static str {
    if https { ":443" } else { ":80" }
}

/// That a request's head has one meaning, and that it is meant for us.
///
/// # Errors
/// The refusal; after it the connection should be closed.
pub fn check<'o>(parts: &Parts, origins: &'o Origins, tls: bool) -> Result<&'o Arc<str>, Refusal> {
    let headers = &parts.headers;
    if parts.method == Method::TRACE || parts.method == Method::CONNECT {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_found_by_host() {
        let origins = Origins::new([
            "https://Id.Example.com/",
            "http://127.0.0.1:8400",
            "http://id.example.com",
        ])
        .unwrap();
        let find = |host: &str, tls| origins.find(host.as_bytes(), tls).map(|origin| origin.to_string());
        assert_eq!(find("ID.example.com", true).unwrap(), "https://id.example.com/");
        assert_eq!(find("id.example.com:443", false).unwrap(), "https://id.example.com/");
        assert_eq!(find("id.example.com", false).unwrap(), "http://id.example.com/");
        assert_eq!(find("127.0.0.1:8400", false).unwrap(), "http://127.0.0.1:8400/");
        for foreign in [
            "127.0.0.1",
            "127.0.0.1:8401",
            "evil.example",
            "id.example.com.",
            "",
            "id.example.com:8400",
        ] {
            assert_eq!(find(foreign, false), None, "{foreign}");
        }
        assert_eq!(Origins::any().find(b"x", false).map(|origin| &**origin), Some(""));
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in [
            "id.example.com",
            "ftp://x",
            "https://x/y",
            "https://a@x",
            "https://",
            "https://x?y",
            "",
        ] {
            assert!(Origins::new([text]).is_err(), "{text}");
        }
    }
}
