//! What is refused before a verb is asked, and the table by which dialects spell it.
//!
//! A [`Refusal`] is a fixed sentence with a stable code; it never carries more of the
//! request than the name of a field. What would surprise: as a response it is only a
//! status with the refusal inside. The front takes it out and lets the dialect of the
//! path write the body, so handlers and extractors need not know where they are mounted.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use super::fault::Fault;

/// How a dialect writes a refusal: status, headers and body.
pub type Spell = fn(&Refusal) -> Response;

/// How one answer has its refusal written, where that is not as its dialect usually does: an
/// extension of the response, for dialects that let callers choose.
#[derive(Debug, Clone, Copy)]
pub struct SpellAs(pub Spell);

/// The part of a request that a fault is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A segment of the path.
    Path,
    /// A parameter of the query.
    Query,
    /// A member of the body, or the body itself.
    Body,
}

/// Why a request was refused before it was understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// No `Host` header (RFC 9112, 3.2).
    HostMissing,
    /// More than one `Host` header.
    HostRepeated,
    /// An absolute request target whose authority is not the `Host`.
    AuthorityMismatch,
    /// A `Host` that is none of our origins.
    ForeignHost {
        /// Whether the connection is encrypted: then it is 421 (RFC 9110, 15.5.20).
        tls: bool,
    },
    /// A `Transfer-Encoding` other than exactly `chunked`.
    TransferEncoding,
    /// A header that asks to treat the method as another one.
    MethodOverride,
    /// More than one `Authorization` header.
    AuthorizationRepeated,
    /// A request target above the limit.
    UriTooLong,
    /// CONNECT, or a method that the route does not have.
    MethodNotAllowed,
    /// No such route.
    NoRoute,
    /// A body with a content encoding.
    ContentEncoding,
    /// A body of another media type than those that the route reads.
    MediaType {
        /// Those that it reads.
        expected: &'static str,
    },
    /// A body above the limit.
    BodyTooLarge {
        /// Bytes.
        limit: usize,
    },
    /// A body that did not arrive in time.
    BodyTimeout,
    /// A body that broke off.
    BodyBroken,
    /// Something in the request cannot be used.
    Invalid {
        /// Where.
        place: Place,
        /// What.
        fault: Fault,
    },
    /// A fault of ours, of which nothing is told.
    Internal,
}

impl Refusal {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::HostMissing
            | Self::HostRepeated
            | Self::AuthorityMismatch
            | Self::ForeignHost { tls: false }
            | Self::TransferEncoding
            | Self::MethodOverride
            | Self::AuthorizationRepeated
            | Self::BodyBroken
            | Self::Invalid { .. } => StatusCode::BAD_REQUEST,
            Self::ForeignHost { tls: true } => StatusCode::MISDIRECTED_REQUEST,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::ContentEncoding | Self::MediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A word for programs, which never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::HostMissing => "host_missing",
            Self::HostRepeated => "host_repeated",
            Self::AuthorityMismatch => "authority_mismatch",
            Self::ForeignHost { .. } => "foreign_host",
            Self::TransferEncoding => "transfer_encoding",
            Self::MethodOverride => "method_override",
            Self::AuthorizationRepeated => "authorization_repeated",
            Self::UriTooLong => "uri_too_long",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NoRoute => "no_route",
            Self::ContentEncoding => "content_encoding",
            Self::MediaType { .. } => "media_type",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::BodyTimeout => "body_timeout",
            Self::BodyBroken => "body_broken",
            Self::Invalid { fault, .. } => fault.reason.code(),
            Self::Internal => "internal",
        }
    }

    /// A sentence for people.
    pub fn sentence(&self) -> String {
        match self {
            Self::HostMissing => "the Host header is missing".to_owned(),
            Self::HostRepeated => "there is more than one Host header".to_owned(),
            Self::AuthorityMismatch => "the request target names another host than the Host header".to_owned(),
            Self::ForeignHost { .. } => "this server does not answer for that host".to_owned(),
            Self::TransferEncoding => "the only transfer encoding understood is chunked".to_owned(),
            Self::MethodOverride => "the method cannot be overridden by a header".to_owned(),
            Self::AuthorizationRepeated => "there is more than one Authorization header".to_owned(),
            Self::UriTooLong => "the request target is too long".to_owned(),
            Self::MethodNotAllowed => "the method is not allowed here".to_owned(),
            Self::NoRoute => "there is nothing here".to_owned(),
            Self::ContentEncoding => "request bodies must not be compressed".to_owned(),
            Self::MediaType { expected } => format!("the Content-Type must be {expected}"),
            Self::BodyTooLarge { limit } => format!("the body must have at most {limit} bytes"),
            Self::BodyTimeout => "the body did not arrive in time".to_owned(),
            Self::BodyBroken => "the body broke off".to_owned(),
            Self::Invalid { fault, .. } => fault.to_string(),
            Self::Internal => "something went wrong on our side".to_owned(),
        }
    }

    /// The header, parameter or member that is at fault, fit to be shown; `None` when it is
    /// the whole.
    pub fn field(&self) -> Option<String> {
        match self {
            Self::HostMissing | Self::HostRepeated | Self::AuthorityMismatch | Self::ForeignHost { .. } => {
                Some("host".to_owned())
            }
            Self::TransferEncoding => Some("transfer-encoding".to_owned()),
            Self::AuthorizationRepeated => Some("authorization".to_owned()),
            Self::ContentEncoding => Some("content-encoding".to_owned()),
            Self::MediaType { .. } => Some("content-type".to_owned()),
            Self::Invalid { fault, .. } if !fault.path.is_empty() => Some(fault.subject()),
            _ => None,
        }
    }
}

impl From<Fault> for Refusal {
    /// A fault in the body; one in a query or a path says so itself.
    fn from(fault: Fault) -> Self {
        Self::Invalid {
            place: Place::Body,
            fault,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// RFC 9457 problem details: the spelling of `/link/v1` and of paths that no dialect has.
pub fn problem(refusal: &Refusal) -> Response {
    let status = refusal.status();
    let mut body = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "code": refusal.code(),
        "detail": refusal.sentence(),
    });
    if let (Some(field), Some(members)) = (refusal.field(), body.as_object_mut()) {
        members.insert("field".to_owned(), field.into());
    }
    let mut response = (status, body.to_string()).into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    response
}
