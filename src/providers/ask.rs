//! How questions are written: a method, an address, who asks, and a form or JSON.
//!
//! What would surprise: what cannot be written into a request, such as a token with a line feed, is no
//! question at all (`None`); whoever asks refuses such tokens before, by name.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{At, Question};
use crate::domain::TokenSet;
use crate::secret::ExposeSecret;

/// What RFC 3986, 2.3 leaves as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as a part of an address, a form or a signature (RFC 3986, 2.1).
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// Pairs as a form or query.
pub fn pairs(pairs: &[(&str, &str)]) -> String {
    let written: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    written.join("&")
}

/// Asks, as who bears the access token, for what is at this address of a network.
pub fn bearing(at: &At<'_>, tokens: &TokenSet, url: &str) -> Option<Question> {
    let token = tokens.access_token.as_ref()?.expose_secret();
    get(&at.address(url)).bearer(token).finish()
}

/// A question under way.
pub struct Asking(request::Builder);

/// Asks for what is there.
pub fn get(address: &str) -> Asking {
    Asking::new(Method::GET, address)
}

/// Asks with a body.
pub fn post(address: &str) -> Asking {
    Asking::new(Method::POST, address)
}

impl Asking {
    fn new(method: Method, address: &str) -> Self {
        Self(
            request::Builder::new()
                .method(method)
                .uri(address)
                .header(ACCEPT, HeaderValue::from_static("application/json"))
                // GitHub answers nobody who does not say what asks.
                .header(USER_AGENT, HeaderValue::from_static("oneself")),
        )
    }

    /// Says something in a header.
    pub fn header(self, name: HeaderName, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// With a secret in `Authorization`.
    pub fn authorization(self, value: &str) -> Self {
        // What is no header value fails when the question is finished, as it does in `header`.
        match HeaderValue::from_str(value) {
            Ok(mut value) => {
                value.set_sensitive(true);
                Self(self.0.header(AUTHORIZATION, value))
            }
            Err(_) => Self(self.0.header(AUTHORIZATION, value)),
        }
    }

    /// By a bearer token (RFC 6750, 2.1).
    pub fn bearer(self, token: &str) -> Self {
        self.authorization(&format!("Bearer {token}"))
    }

    /// As our application (RFC 6749, 2.3.1).
    pub fn basic(self, id: &str, secret: &str) -> Self {
        self.authorization(&format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))))
    }

    /// Without a body.
    pub fn finish(self) -> Option<Question> {
        self.0.body(Vec::new()).ok()
    }

    /// With a form.
    pub fn form(self, form: &[(&str, &str)]) -> Option<Question> {
        self.0
            .header(
                CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            )
            .body(pairs(form).into_bytes())
            .ok()
    }

    /// With JSON.
    pub fn json(self, body: &serde_json::Value) -> Option<Question> {
        self.0
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(body.to_string().into_bytes())
            .ok()
    }
}
