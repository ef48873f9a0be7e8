//! Under which addresses the server is known. They are issuers and audiences of our
//! tokens, and the only hosts that requests may name.

use std::sync::Arc;

use crate::error::{Error, Result};

/// The configured origins, `scheme://authority` without a slash; at least one.
#[derive(Debug, Clone)]
pub struct Origins(Vec<Origin>);

/// One origin and what follows from it.
#[derive(Debug, Clone)]
struct Origin {
    authority: String,
    issuer: Arc<str>,
}

impl Origins {
    /// Reads origins such as `https://id.example` or `http://127.0.0.1:8400`.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `origin` when one has another scheme, a path, or there is none.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let origins: Vec<Origin> = texts.into_iter().map(Origin::parse).collect::<Result<_>>()?;
        if origins.is_empty() {
            return Err(Error::invalid("origin", "must be given at least once"));
        }
        Ok(Self(origins))
    }

    /// The issuer for requests that name this host: its origin with a slash. `None` for
    /// hosts that are not ours.
    pub fn issuer_for(&self, host: &str) -> Option<Arc<str>> {
        self.0
            .iter()
            .find(|origin| origin.authority.eq_ignore_ascii_case(host))
            .map(|origin| origin.issuer.clone())
    }

    /// Our issuer of this spelling.
    pub fn issuer(&self, iss: &str) -> Option<Arc<str>> {
        self.0
            .iter()
            .find(|origin| &*origin.issuer == iss)
            .map(|origin| origin.issuer.clone())
    }

    /// The issuer that is named where no request says by which origin it came.
    pub fn first_issuer(&self) -> Arc<str> {
        self.0
            .first()
            .map_or_else(|| Arc::from(""), |origin| origin.issuer.clone())
    }

    /// Whether a token for this audience is for our Management API: any origin, http or
    /// https, followed by `/api/v2/`.
    pub fn is_audience(&self, aud: &str) -> bool {
        let Some(rest) = aud.strip_prefix("https://").or_else(|| aud.strip_prefix("http://")) else {
            return false;
        };
        rest.strip_suffix("/api/v2/")
            .is_some_and(|authority| self.0.iter().any(|origin| origin.authority == authority))
    }

    /// The hosts that requests may name.
    pub fn authorities(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|origin| origin.authority.as_str())
    }
}

impl Origin {
    fn parse(text: &str) -> Result<Self> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let (scheme, authority) = text
            .split_once("://")
            .filter(|(scheme, _)| matches!(*scheme, "http" | "https"))
            .ok_or_else(|| Error::invalid("origin", "must begin with http:// or https://"))?;
        let well_formed = authority
            .parse::<http::uri::Authority>()
            .is_ok_and(|a| !a.as_str().contains('@'));
        if !well_formed {
            return Err(Error::invalid(
                "origin",
                "must be a scheme and a host, with a port if need be, and nothing more",
            ));
        }
        let authority = authority.to_ascii_lowercase();
        Ok(Self {
            issuer: format!("{scheme}://{authority}/").into(),
            authority,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_issuer_and_audience() {
        let origins = Origins::parse(["http://127.0.0.1:8400", "https://ID.example/"]).unwrap();
        assert_eq!(origins.issuer_for("id.EXAMPLE").as_deref(), Some("https://id.example/"));
        assert_eq!(origins.issuer_for("evil.example"), None);
        assert!(origins.is_audience("https://127.0.0.1:8400/api/v2/"));
        assert!(origins.is_audience("http://id.example/api/v2/"));
        assert!(!origins.is_audience("http://id.example/api/v2"));
        assert!(!origins.is_audience("ftp://id.example/api/v2/"));
        for bad in ["id.example", "ftp://x", "http://a/b", "http://u@h", "http://"] {
            assert!(Origins::parse([bad]).is_err(), "{bad}");
        }
    }
}
