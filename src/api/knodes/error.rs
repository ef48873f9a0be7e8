//! Refusals as Knodes writes them (`api/knodes.md` 2.2, 2.3): a status, and a sentence as plain text,
//! because its clients print the body.
//!
//! No sentence holds a token, or anything of another person. What would surprise: there is no 409;
//! an account that is somebody else's is a 400, as its contract decides.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::domain::Quota;
use crate::error::{Error, NetworkFault, Noun, Unique};
use crate::web::Fault;
use crate::web::query::QueryFault;
use crate::web::refusal::{Place, Refusal};
use crate::web::report;

/// What Knodes says of routes that it has not, and of ids that cannot be one.
const INVALID_ACTION: &str = "invalid action";

/// What a handler answers when it cannot answer.
#[derive(Debug)]
pub enum Problem {
    /// A status and a sentence.
    Told(Told),
    /// The request was not understood; the front has it spelled.
    Request(Refusal),
}

/// A refusal as it is written.
#[derive(Debug)]
pub struct Told {
    status: StatusCode,
    sentence: String,
    retry_after: Option<u32>,
}

/// The sentence of a refusal, as an extension of its answer.
#[derive(Debug, Clone)]
pub struct Said(String);

impl Problem {
    /// A refusal with this status and sentence.
    pub fn new(status: StatusCode, sentence: impl Into<String>) -> Self {
        Self::Told(Told::new(status, sentence))
    }

    /// 400 with this sentence.
    pub fn bad_request(sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, sentence)
    }

    /// 403 with this sentence.
    pub fn forbidden(sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, sentence)
    }

    /// An id that cannot be one.
    pub fn invalid_action() -> Self {
        Self::new(StatusCode::NOT_FOUND, INVALID_ACTION)
    }

    /// The customer is not known by what the request carries.
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "customer_id or customer_secret is missing or wrong",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        match self {
            Self::Told(told) => told.into_response(),
            Self::Request(refusal) => refusal.into_response(),
        }
    }
}

impl Told {
    fn new(status: StatusCode, sentence: impl Into<String>) -> Self {
        Self {
            status,
            sentence: sentence.into(),
            retry_after: None,
        }
    }

    fn later(status: StatusCode, sentence: impl Into<String>, retry_after: u32) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(status, sentence)
        }
    }
}

impl IntoResponse for Told {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.sentence.clone()).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"customer\""),
            );
        }
        response.extensions_mut().insert(Said(self.sentence));
        response
    }
}

/// The same answer in the form of RFC 9457, if it is a refusal.
pub fn into_problem(mut response: Response) -> Response {
    let Some(Said(sentence)) = response.extensions_mut().remove::<Said>() else {
        return response;
    };
    let status = response.status();
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": sentence,
    });
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    Response::from_parts(parts, body.to_string().into())
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        report(&error);
        let bad = |sentence: &str| Self::bad_request(sentence);
        match error {
            Error::NotFound(Noun::Connection) | Error::NotConfigured => {
                bad("no application of this customer is connected to that network")
            }
            Error::NotFound(Noun::Identity) => bad("the account is not connected to that user"),
            Error::NotFound(Noun::User | Noun::Tenant | Noun::Client | Noun::ClientGrant | Noun::Log | Noun::Job) => {
                Self::new(StatusCode::NOT_FOUND, "not found")
            }
            Error::Unauthenticated(_) | Error::WrongCredentials => Self::unauthorized(),
            Error::InsufficientScope { .. } | Error::NotYourself | Error::GrantNotAllowed => {
                Self::forbidden("this customer may not do that")
            }
            Error::Blocked => Self::forbidden("the user is disabled"),
            Error::Invalid { field, reason } => Self::bad_request(format!("{} {reason}", theirs(&field))),
            Error::IdentityTaken => bad("the account is connected to another user: disconnect it there first"),
            Error::IdentityErased => bad("the account is of somebody who was erased: it cannot be connected yet"),
            Error::NetworkTaken => bad("the user has another account of that network: disconnect it first"),
            Error::PrimaryIdentity => bad("the account is the one that the user was made with: it stays"),
            Error::LastCredential => bad("the account is the last one by which the user can be found"),
            Error::LimitReached => bad("the user has as many accounts as a user may have"),
            Error::Conflict(Unique::ConnectionInUse) => {
                bad("users are connected by the application that is there: its id cannot change")
            }
            Error::Conflict(what) => Self::bad_request(format!("the {what} is in use")),
            Error::ProofRejected(_) | Error::SecondaryRefused => bad("the account cannot be connected"),
            Error::WeakPassword(_) | Error::KeyReused => Self::bad_request(error.to_string()),
            Error::NetworkRefused(refusal) => Self::bad_request(format!("the token proves nothing: {refusal}")),
            Error::Network(fault) => network(fault),
            Error::Unsupported(_) => Self::new(StatusCode::NOT_IMPLEMENTED, error.to_string()),
            Error::Busy { retry_after } => Self::Told(Told::later(
                StatusCode::SERVICE_UNAVAILABLE,
                "the server is busy",
                retry_after,
            )),
            Error::SearchTooLong => Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
            Error::TooManyJobs(_) => Self::new(StatusCode::TOO_MANY_REQUESTS, error.to_string()),
            Error::TooManyRequests(Quota { retry_after, .. }) => Self::Told(Told::later(
                StatusCode::TOO_MANY_REQUESTS,
                "too many requests",
                retry_after,
            )),
            Error::StoreUnavailable(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "the store is unavailable"),
            Error::OutcomeUnknown => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "it is not known whether this was done: ask for it again",
            ),
            Error::CryptoIntegrity | Error::Internal(_) => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong on our side")
            }
        }
    }
}

/// What the core calls a value, in the words of this interface.
fn theirs(field: &str) -> &str {
    match field {
        "subject" => "network_id",
        "provider" => "network",
        "client_id" => "id",
        "client_secret" | "token_secret" => "secret",
        "access_token" => "token",
        other => other,
    }
}

/// What a network did instead of answering. Nothing was written.
fn network(fault: NetworkFault) -> Problem {
    let sentence = format!("the network {fault}");
    match fault {
        NetworkFault::Busy => Problem::Told(Told::later(StatusCode::SERVICE_UNAVAILABLE, sentence, 5)),
        NetworkFault::Misconfigured => Problem::bad_request(sentence),
        NetworkFault::TimedOut | NetworkFault::Unreachable | NetworkFault::Failed | NetworkFault::Garbled => {
            Problem::new(StatusCode::BAD_GATEWAY, sentence)
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Request(refusal)
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Refusal::from(fault).into()
    }
}

impl From<QueryFault> for Problem {
    fn from(fault: QueryFault) -> Self {
        Refusal::from(fault).into()
    }
}

/// How the front writes refusals of this interface.
pub fn spell(refusal: &Refusal) -> Response {
    let told = match refusal {
        Refusal::NoRoute | Refusal::Invalid { place: Place::Path, .. } => {
            Told::new(StatusCode::NOT_FOUND, INVALID_ACTION)
        }
        other => Told::new(other.status(), other.sentence()),
    };
    told.into_response()
}

/// The same in the form of RFC 9457.
pub fn spell_as_problem(refusal: &Refusal) -> Response {
    into_problem(spell(refusal))
}
