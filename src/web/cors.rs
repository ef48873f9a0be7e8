//! What a browser asks before a page of another origin may ask (the Fetch standard's CORS preflight), and what it is told.
//!
//! Whether a page may read answers, each dialect says itself.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};

/// What pages may send, where they may call at all.
#[derive(Debug)]
pub struct Preflight {
    /// The methods.
    pub methods: &'static str,
    /// The headers.
    pub headers: &'static str,
    /// How long browsers may go by that, in seconds.
    pub seconds: &'static str,
}

impl Preflight {
    /// Whether a request asks for this.
    pub fn is(request: &Request) -> bool {
        let headers = request.headers();
        request.method() == Method::OPTIONS
            && headers.contains_key(header::ORIGIN)
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// The answer.
    pub fn answer(&self) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_METHODS, self.methods),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, self.headers),
            (header::ACCESS_CONTROL_MAX_AGE, self.seconds),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }

    /// Takes the answer back.
    pub fn withdraw(response: &mut Response) {
        let headers = response.headers_mut();
        headers.remove(header::ACCESS_CONTROL_ALLOW_METHODS);
        headers.remove(header::ACCESS_CONTROL_ALLOW_HEADERS);
        headers.remove(header::ACCESS_CONTROL_MAX_AGE);
    }
}
