//! The core's errors as RFC 9457 problem details with a stable `code`.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::domain::Quota;
use crate::error::{Error, NetworkFault, NetworkRefusal, Unauthenticated};
use crate::web::Fault;
use crate::web::query::QueryFault;
use crate::web::refusal::Refusal;

/// What a handler of this dialect answers when it cannot answer.
#[derive(Debug)]
pub enum Problem {
    /// The core refused or failed.
    Core(Error),
    /// The request was not understood; the front spells it.
    Request(Refusal),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Request(refusal)
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::Request(Refusal::Invalid {
            place: crate::web::Place::Body,
            fault,
        })
    }
}

impl From<QueryFault> for Problem {
    fn from(fault: QueryFault) -> Self {
        Self::Request(fault.into())
    }
}

/// The status and the stable code of each core error.
fn spell(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
        Error::Unauthenticated(Unauthenticated::MalformedHeader) => (StatusCode::BAD_REQUEST, "invalid_request"),
        Error::Unauthenticated(_) => (StatusCode::UNAUTHORIZED, "unauthenticated"),
        Error::InsufficientScope { .. } => (StatusCode::FORBIDDEN, "insufficient_scope"),
        Error::NotYourself => (StatusCode::FORBIDDEN, "forbidden"),
        Error::Invalid { .. } => (StatusCode::BAD_REQUEST, "invalid_value"),
        Error::IdentityTaken => (StatusCode::CONFLICT, "identity_taken"),
        Error::IdentityErased => (StatusCode::CONFLICT, "identity_erased"),
        Error::NetworkTaken => (StatusCode::CONFLICT, "network_taken"),
        Error::NetworkRefused(NetworkRefusal::CannotTell) => (StatusCode::BAD_REQUEST, "bare_token_refused"),
        Error::NetworkRefused(NetworkRefusal::SomeoneElse) => (StatusCode::BAD_REQUEST, "proof_mismatch"),
        Error::NetworkRefused(NetworkRefusal::Replayed) => (StatusCode::CONFLICT, "token_replayed"),
        Error::NetworkRefused(_) => (StatusCode::BAD_REQUEST, "proof_rejected"),
        Error::Network(NetworkFault::TimedOut) => (StatusCode::GATEWAY_TIMEOUT, "provider_timeout"),
        Error::Network(NetworkFault::Busy) => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        Error::Network(NetworkFault::Misconfigured) => (StatusCode::BAD_GATEWAY, "provider_misconfigured"),
        Error::Network(NetworkFault::Unreachable | NetworkFault::Failed | NetworkFault::Garbled) => {
            (StatusCode::BAD_GATEWAY, "provider_error")
        }
        Error::NotConfigured => (StatusCode::CONFLICT, "connection_not_configured"),
        Error::PrimaryIdentity => (StatusCode::CONFLICT, "primary_identity"),
        Error::LastCredential => (StatusCode::CONFLICT, "last_credential"),
        Error::LimitReached => (StatusCode::CONFLICT, "limit_reached"),
        Error::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
        Error::ProofRejected(_) => (StatusCode::BAD_REQUEST, "proof_rejected"),
        Error::SecondaryRefused => (StatusCode::CONFLICT, "merge_conflict"),
        Error::WeakPassword(_) => (StatusCode::BAD_REQUEST, "weak_password"),
        Error::Blocked => (StatusCode::FORBIDDEN, "identity_blocked"),
        Error::GrantNotAllowed => (StatusCode::FORBIDDEN, "forbidden"),
        Error::WrongCredentials => (StatusCode::UNAUTHORIZED, "unauthenticated"),
        Error::KeyReused => (StatusCode::CONFLICT, "idempotency_key_reused"),
        Error::Unsupported(_) => (StatusCode::NOT_IMPLEMENTED, "not_available"),
        Error::Busy { .. } => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        Error::SearchTooLong => (StatusCode::SERVICE_UNAVAILABLE, "search_too_long"),
        Error::TooManyJobs(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_jobs"),
        Error::TooManyRequests(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"),
        Error::StoreUnavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable"),
        Error::OutcomeUnknown => (StatusCode::GATEWAY_TIMEOUT, "outcome_unknown"),
        Error::CryptoIntegrity => (StatusCode::INTERNAL_SERVER_ERROR, "crypto_integrity"),
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let error = match self {
            Self::Request(refusal) => return refusal.into_response(),
            Self::Core(error) => error,
        };
        let (status, code) = spell(&error);
        crate::web::report(&error);
        let mut body = json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "code": code,
            "detail": error.to_string(),
        });
        if let Some(members) = body.as_object_mut() {
            match &error {
                Error::Invalid { field, .. } => {
                    members.insert("field".to_owned(), field.as_ref().into());
                }
                Error::InsufficientScope { any_of } => {
                    let names: Vec<_> = any_of.iter().map(|scope| scope.name()).collect();
                    members.insert("any_of".to_owned(), names.into());
                }
                _ => {}
            }
        }
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after(&error) {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// In how many seconds trying again may help.
const fn retry_after(error: &Error) -> Option<u32> {
    match error {
        Error::Busy { retry_after } | Error::TooManyRequests(Quota { retry_after, .. }) => Some(*retry_after),
        Error::Network(NetworkFault::Busy) => Some(1),
        Error::Network(NetworkFault::Unreachable | NetworkFault::TimedOut | NetworkFault::Failed) => Some(10),
        _ => None,
    }
}
