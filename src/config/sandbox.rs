//! Where simulated networks are: a URL that names one socket address and nothing else.
//!
//! What would surprise: no host name is taken, not even `localhost`, because exactly this address
//! is what the server may reach besides the public internet, and names can be made to lead elsewhere.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// Such as `http://127.0.0.1:8401`, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxUrl {
    text: String,
    address: SocketAddr,
}

impl SandboxUrl {
    /// The one address that it names.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL, to which paths are added.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for SandboxUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let authority = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        let address = authority
            .and_then(|authority| authority.parse::<SocketAddr>().ok())
            .filter(|address| address.port() != 0 && !address.ip().is_unspecified());
        match address {
            Some(address) => Ok(Self {
                text: text.to_owned(),
                address,
            }),
            None => Err(format!(
                "{text:?} does not say where simulated networks are: give an address and a port, such as \
                 http://127.0.0.1:8401"
            )),
        }
    }
}

impl fmt::Display for SandboxUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for SandboxUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_is_one_address() {
        let url: SandboxUrl = "http://127.0.0.1:8401/".parse().unwrap();
        assert_eq!(
            (url.as_str(), url.address()),
            ("http://127.0.0.1:8401", "127.0.0.1:8401".parse().unwrap())
        );
        assert!("https://[::1]:1".parse::<SandboxUrl>().is_ok());
        for bad in [
            "127.0.0.1:8401",
            "ftp://127.0.0.1:8401",
            "http://localhost:8401",
            "http://127.0.0.1",
            "http://127.0.0.1:0",
            "http://0.0.0.0:8401",
            "http://127.0.0.1:8401/x",
            "http://127.0.0.1:8401?x",
            "http://u@127.0.0.1:8401",
            "http://127.1:8401",
        ] {
            assert!(bad.parse::<SandboxUrl>().is_err(), "{bad}");
        }
    }
}
