//! A request as a network sees it: at its own host and path, with its parameters decoded.
//!
//! What would surprise: the URL that OAuth 1.0a signs is the sandbox's own, as the request line
//! and the `Host` header say it, not that of the network which is simulated.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, Uri};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::fault::Mode;
use super::network::Network;

/// Names and values, decoded, in their order.
pub type Pairs = Vec<(String, String)>;

/// A request.
pub struct Call {
    /// Its method.
    pub method: Method,
    /// The network that it goes to.
    pub network: Network,
    /// The network's host.
    pub host: String,
    /// The path at that host, as it came.
    pub path: String,
    /// The whole URL without query, as it reached the sandbox.
    pub url: String,
    /// The parameters of the URL.
    pub query: Pairs,
    /// Those of a body that is a form.
    pub form: Pairs,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// The fault that this request meets.
    pub mode: Mode,
}

/// The first part of a path and the rest, which begins with a slash.
pub fn split(path: &str) -> (&str, &str) {
    let path = path.trim_start_matches('/');
    path.find('/').map_or((path, "/"), |at| path.split_at(at))
}

/// A form, decoded.
pub fn pairs(text: &str) -> Pairs {
    let decode = |part: &str| {
        let spaced = part.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    let parts = text.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

impl Call {
    /// The request of these parts, at the network's host and path.
    pub fn new(network: Network, method: Method, uri: &Uri, headers: HeaderMap, body: Vec<u8>, mode: Mode) -> Self {
        let (host, path) = split(uri.path());
        let text = |name| {
            headers
                .get(name)
                .and_then(|value: &http::HeaderValue| value.to_str().ok())
        };
        let is_form = text(CONTENT_TYPE).is_some_and(|kind| {
            let kind = kind.split(';').next().unwrap_or_default();
            kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
        let form = if is_form {
            pairs(&String::from_utf8_lossy(&body))
        } else {
            Pairs::new()
        };
        Self {
            url: format!(
                "http://{}{}",
                text(HOST).unwrap_or_default().to_ascii_lowercase(),
                uri.path()
            ),
            method,
            network,
            host: host.to_owned(),
            path: path.to_owned(),
            query: pairs(uri.query().unwrap_or_default()),
            form,
            headers,
            body,
            mode,
        }
    }

    /// The parts of the path.
    pub fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|part| !part.is_empty()).collect()
    }

    /// A parameter, of the body or else of the URL.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let all = self.form.iter().chain(&self.query);
        all.into_iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// A parameter of the body: of a form, or a member of a JSON object that is a text.
    pub fn field(&self, name: &str) -> Option<String> {
        let of_form = self.form.iter().find(|(found, _)| found == name);
        of_form.map(|(_, value)| value.clone()).or_else(|| {
            let json: Value = serde_json::from_slice(&self.body).ok()?;
            json.get(name)?.as_str().map(str::to_owned)
        })
    }

    /// A header.
    pub fn header(&self, name: http::header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The credentials after this scheme.
    pub fn credentials(&self, scheme: &str) -> Option<&str> {
        let (given, rest) = self.header(AUTHORIZATION)?.split_once(' ')?;
        given.eq_ignore_ascii_case(scheme).then(|| rest.trim())
    }

    /// The bearer token of the header (RFC 6750, 2.1).
    pub fn bearer(&self) -> Option<&str> {
        self.credentials("bearer")
    }

    /// Name and password of HTTP Basic, as they stand.
    pub fn basic(&self) -> Option<(String, String)> {
        let decoded = STANDARD.decode(self.credentials("basic")?).ok()?;
        let (name, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        Some((name.to_owned(), password.to_owned()))
    }

    /// The client that asks: by HTTP Basic, whose parts are form-encoded (RFC 6749, 2.3.1), or in
    /// the body.
    pub fn client(&self) -> Option<(String, Option<String>)> {
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        match self.basic() {
            Some((id, secret)) => Some((decode(&id), Some(decode(&secret)))),
            None => Some((self.field("client_id")?, self.field("client_secret"))),
        }
    }
}
