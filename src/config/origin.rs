//! The addresses by which a server is known.
//!
//! They are the issuers of our tokens, which are compared as text: so each has one
//! spelling, whatever way it was configured in.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// An address by which requests come: scheme, host and port, and nothing after them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Origin(String);

impl Origin {
    /// The address without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Origin {
    type Err = String;

    /// Takes one slash at the end and any case, and keeps neither, nor a port that goes
    /// without saying: issuers are compared as text.
    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("{text:?} is not an origin such as https://id.example.org or http://127.0.0.1:8400");
        let lower = text.to_ascii_lowercase();
        let lower = lower.strip_suffix('/').unwrap_or(&lower);
        let uri: http::Uri = lower.parse().map_err(|_| refuse())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(refuse());
        };
        let default_port = match scheme {
            "https" => 443,
            "http" => 80,
            _ => return Err(refuse()),
        };
        if authority.host().is_empty() || lower != format!("{scheme}://{authority}") || authority.as_str().contains('@')
        {
            return Err(refuse());
        }
        Ok(Self(match authority.port_u16() {
            Some(port) if port != default_port => format!("{scheme}://{}:{port}", authority.host()),
            None if authority.as_str() != authority.host() => return Err(refuse()),
            _ => format!("{scheme}://{}", authority.host()),
        }))
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_an_address_and_nothing_more() {
        for text in [
            "",
            "id.example.org",
            "ftp://a",
            "https://a/b",
            "https://a?x",
            "https://u@a",
            "https://a:x",
            "https://",
            "https://a:99999",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_origin_has_one_spelling() {
        for text in ["https://A.example", "https://a.example/", "https://a.example:443"] {
            assert_eq!(text.parse::<Origin>().unwrap().as_str(), "https://a.example", "{text}");
        }
        assert_eq!("http://[::1]:80".parse::<Origin>().unwrap().as_str(), "http://[::1]");
    }
}
