//! Under which addresses the server is known. They are the only hosts that requests may
//! name, and the issuers and audiences of our tokens.
//!
//! What would surprise: a default port may be written or left out, and an audience counts
//! with either scheme, since clients build it from a bare host name.

use std::sync::Arc;

use http::Uri;

/// The addresses by which this server may be called.
#[derive(Debug, Clone)]
pub struct Origins {
    known: Vec<Origin>,
    /// What hosts that are not known are taken for, where any may be named.
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
    pub fn find(&self, host: &[u8], tls: bool) -> Option<&Arc<str>> {
        let mut found = None;
        for origin in self.known.iter().filter(|origin| origin.is_called(host)) {
            if origin.https == tls {
                return Some(&origin.spelled);
            }
            found = found.or(Some(&origin.spelled));
        }
        found.or(self.foreign.as_ref())
    }

    /// Our own origin of this spelling, as tokens carry it in `iss`.
    pub fn issuer(&self, iss: &str) -> Option<Arc<str>> {
        self.known
            .iter()
            .find(|origin| &*origin.spelled == iss)
            .map(|origin| origin.spelled.clone())
    }

    /// The issuer that is named where no request says by which origin it came.
    pub fn first_issuer(&self) -> Arc<str> {
        self.known
            .first()
            .map_or_else(|| Arc::from(""), |origin| origin.spelled.clone())
    }

    /// Whether a token for this audience is for our Management API: any origin of ours, http
    /// or https, followed by `/api/v2/`.
    pub fn is_audience(&self, aud: &str) -> bool {
        let authority = aud
            .strip_prefix("https://")
            .or_else(|| aud.strip_prefix("http://"))
            .and_then(|rest| rest.strip_suffix("/api/v2/"));
        authority.is_some_and(|authority| self.known.iter().any(|origin| origin.is_called(authority.as_bytes())))
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

    #[test]
    fn an_origin_is_issuer_and_audience() {
        let origins = Origins::new(["http://127.0.0.1:8400", "https://ID.example/"]).unwrap();
        assert_eq!(
            origins.issuer("https://id.example/").as_deref(),
            Some("https://id.example/")
        );
        assert_eq!(origins.issuer("https://id.example"), None);
        assert_eq!(&*origins.first_issuer(), "http://127.0.0.1:8400/");
        assert!(origins.is_audience("https://127.0.0.1:8400/api/v2/"));
        assert!(origins.is_audience("http://id.example/api/v2/"));
        for other in [
            "http://id.example/api/v2",
            "ftp://id.example/api/v2/",
            "https://evil.example/api/v2/",
            "x",
        ] {
            assert!(!origins.is_audience(other), "{other}");
        }
    }
}
