//! Refusals as the token endpoint spells them (RFC 6749, 5.2;
//! `api/auth0.md` 3.2).

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::wire;
use crate::error::Error;
use crate::web::refusal::Refusal;
use crate::web::report;

/// A refusal of the token endpoint.
#[derive(Debug)]
pub struct OAuthProblem {
    status: StatusCode,
    /// The code.
    pub error: &'static str,
    description: String,
    retry_after: Option<u32>,
}

impl OAuthProblem {
    /// A refusal with this status, code and description.
    pub fn new(status: StatusCode, error: &'static str, description: impl Into<String>) -> Self {
        Self {
            status,
            error,
            description: description.into(),
            retry_after: None,
        }
    }

    /// 400 `invalid_request`.
    pub fn invalid_request(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    /// 403 `access_denied`.
    pub fn access_denied(description: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "access_denied", description)
    }

    /// 403 `unauthorized_client`: a grant that the client may not use.
    pub fn grant_not_allowed(grant: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "unauthorized_client",
            format!("Grant type '{grant}' not allowed for the client."),
        )
    }

    /// 403 `invalid_grant`: a person's name or password is wrong.
    pub fn wrong_password() -> Self {
        Self::new(StatusCode::FORBIDDEN, "invalid_grant", "Wrong email or password.")
    }
}

impl IntoResponse for OAuthProblem {
    fn into_response(self) -> Response {
        let body: Value = json!({ "error": self.error, "error_description": self.description });
        let mut response = wire::json(self.status, &body);
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<Error> for OAuthProblem {
    fn from(error: Error) -> Self {
        report(&error);
        match error {
            Error::WrongCredentials | Error::Unauthenticated(_) | Error::NotFound(_) => {
                Self::new(StatusCode::UNAUTHORIZED, "invalid_client", "Unauthorized")
            }
            Error::GrantNotAllowed => Self::grant_not_allowed("password-realm"),
            Error::Blocked => Self::new(StatusCode::FORBIDDEN, "invalid_grant", "The user is blocked."),
            Error::Invalid { field, reason } => Self::invalid_request(format!("{field} {reason}")),
            Error::Unsupported(what) => Self::invalid_request(format!("{what} is not available on this server")),
            Error::InsufficientScope { .. }
            | Error::NotYourself
            | Error::IdentityTaken
            | Error::IdentityErased
            | Error::NetworkTaken
            | Error::NetworkRefused(_)
            | Error::Network(_)
            | Error::NotConfigured
            | Error::PrimaryIdentity
            | Error::LastCredential
            | Error::LimitReached
            | Error::Conflict(_)
            | Error::ProofRejected(_)
            | Error::SecondaryRefused
            | Error::WeakPassword(_)
            | Error::TooManyJobs(_)
            | Error::KeyReused => Self::access_denied("Unauthorized"),
            Error::TooManyRequests(quota) => Self {
                retry_after: Some(quota.retry_after),
                ..Self::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "too_many_requests",
                    "Global limit has been reached",
                )
            },
            Error::Busy { .. } | Error::SearchTooLong | Error::StoreUnavailable(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                "The server is busy.",
            ),
            Error::OutcomeUnknown => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "temporarily_unavailable",
                "It is not known whether this was done.",
            ),
            Error::CryptoIntegrity | Error::Internal(_) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                "Internal Server Error",
            ),
        }
    }
}

/// How the front writes refusals of `/oauth`.
pub fn spell(refusal: &Refusal) -> Response {
    let code = match refusal.status().is_server_error() {
        true => "server_error",
        false => "invalid_request",
    };
    OAuthProblem::new(refusal.status(), code, refusal.sentence()).into_response()
}
