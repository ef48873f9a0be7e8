//! Kii's spelling of errors: a body with `errorCode`, `message` and what the exception has, and its media type
//! (`api/kii.md` 10).
//!
//! What would surprise: every `%` of such a body is written as an escape of JSON, because a client decodes it
//! before it reads it (12.4); a missing right is 401 and a bad token 403, the other way round than usual;
//! and 429 has no body, or that client does not see what it is.

use axum::response::{IntoResponse, Response};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::domain::Object;
use crate::error::{Error, Noun, Unauthenticated, Unique};
use crate::web::fault::Reason;
use crate::web::query::QueryFault;
use crate::web::{Fault, Refusal};

/// What a request is told that gets no answer.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    exception: Option<&'static str>,
    body: Object,
    retry_after: Option<u32>,
}

/// What the wrong password, the unknown name and the blocked user have in common.
const WRONG_LOGIN: &str = "The user was not found or a wrong password was provided";

/// Why an account cannot come back.
const ERASED: &str = "The account is of a user who was deleted, and cannot come back yet";

impl Problem {
    /// An exception of Kii's.
    pub fn new(status: StatusCode, exception: &'static str, code: &str, message: impl Into<String>) -> Self {
        Self::plain(status, code, message).named(exception)
    }

    /// An error of which no exception is known.
    pub fn plain(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let mut body = Object::new();
        body.insert("errorCode".to_owned(), code.into());
        body.insert("message".to_owned(), message.into().into());
        Self {
            status,
            exception: None,
            body,
            retry_after: None,
        }
    }

    fn named(mut self, exception: &'static str) -> Self {
        self.exception = Some(exception);
        self
    }

    /// The same with another member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.body.insert(name.to_owned(), value.into());
        self
    }

    /// The same with the value that is in use, of which a beginning is shown: it is the caller's own text.
    #[must_use]
    pub fn of_value(self, value: &str) -> Self {
        let shown: String = value.chars().take(60).filter(|c| !c.is_control()).collect();
        self.with("value", shown)
    }

    /// A member of its body.
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.body.get(name)
    }

    /// Whether it has this code.
    pub fn is(&self, code: &str) -> bool {
        self.member("errorCode").and_then(Value::as_str) == Some(code)
    }

    /// An error of the token endpoints (RFC 6749, 5.2, in Kii's words).
    pub fn oauth(code: &'static str, description: &str) -> Self {
        let mut body = Object::new();
        body.insert("errorCode".to_owned(), code.into());
        body.insert("error".to_owned(), code.into());
        // A client cuts the description at the first colon.
        body.insert("error_description".to_owned(), description.replace(':', " -").into());
        Self {
            status: StatusCode::BAD_REQUEST,
            exception: None,
            body,
            retry_after: None,
        }
    }

    /// Whatever was wrong with a log-in.
    pub fn invalid_grant() -> Self {
        Self::oauth("invalid_grant", WRONG_LOGIN)
    }

    /// The account of a log-in was somebody's who was erased.
    pub fn erased_grant() -> Self {
        Self::oauth("invalid_grant", ERASED)
    }

    /// The caller lacks the right.
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "UnauthorizedAccessException",
            "UNAUTHORIZED",
            "The caller is not allowed to do this",
        )
    }

    /// The bearer token is none, or none any more.
    pub fn wrong_token() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "WrongTokenException",
            "WRONG_TOKEN",
            "The access token is not valid",
        )
    }

    /// There is no such application.
    pub fn no_app() -> Self {
        Self::plain(
            StatusCode::NOT_FOUND,
            "APP_NOT_FOUND",
            "There is no application with this ID",
        )
    }

    /// A value that cannot be used.
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "ValidationException",
            "INVALID_INPUT_DATA",
            message,
        )
        .with("field", field)
    }

    /// A body of a type that is not read here.
    pub fn data_type() -> Self {
        Self::plain(
            StatusCode::BAD_REQUEST,
            "INVALID_DATA_TYPE",
            "The body is of a type that is not read here",
        )
    }

    /// What does not fit the state of things.
    pub fn not_allowed(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "OperationNotAllowedException",
            "OPERATION_NOT_ALLOWED",
            message,
        )
    }

    /// What this server does not do.
    pub fn not_implemented() -> Self {
        Self::plain(
            StatusCode::NOT_IMPLEMENTED,
            "OPERATION_NOT_IMPLEMENTED",
            "This server does not do this",
        )
    }

    /// What cannot be done now.
    pub fn later(code: &'static str, retry_after: u32) -> Self {
        let mut later = Self::plain(StatusCode::SERVICE_UNAVAILABLE, code, "This cannot be done now");
        later.retry_after = Some(retry_after);
        later
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        crate::web::report(&error);
        match error {
            Error::NotFound(Noun::User) => Self::new(
                StatusCode::NOT_FOUND,
                "UserNotFoundException",
                "USER_NOT_FOUND",
                "There is no such user",
            ),
            Error::NotFound(Noun::Tenant) => Self::no_app(),
            Error::NotFound(Noun::Connection) | Error::NotConfigured => {
                Self::not_allowed("This network is not configured for the application")
            }
            Error::NotFound(Noun::Client | Noun::ClientGrant | Noun::Identity | Noun::Log | Noun::Job) => {
                Self::plain(StatusCode::NOT_FOUND, "NOT_FOUND", "There is no such thing")
            }
            Error::Unauthenticated(Unauthenticated::Missing) => Self::unauthorized(),
            Error::Unauthenticated(
                Unauthenticated::MalformedHeader
                | Unauthenticated::Invalid
                | Unauthenticated::BadSignature
                | Unauthenticated::Expired
                | Unauthenticated::WrongAudience(_),
            ) => Self::wrong_token(),
            Error::InsufficientScope { .. } | Error::NotYourself => Self::unauthorized(),
            Error::Invalid { field, reason } => Self::invalid(&field, format!("{field} {reason}")),
            Error::WeakPassword(why) => Self::invalid("password", why),
            Error::IdentityTaken | Error::NetworkTaken => Self::new(
                StatusCode::CONFLICT,
                "UserAlreadyLinkedException",
                "USER_ALREADY_LINKED",
                "This account or user has a link already",
            ),
            Error::IdentityErased => Self::not_allowed(ERASED),
            Error::PrimaryIdentity | Error::LastCredential => Self::not_allowed("The user could not log in any more"),
            Error::LimitReached => Self::not_allowed("The user has as many accounts as she may"),
            Error::Conflict(unique) => match field_of(unique) {
                Some(field) => Self::taken(field),
                None => Self::not_allowed(unique.to_string()),
            },
            Error::NetworkRefused(refusal) => {
                Self::invalid("accessToken", format!("The network refused the token: {refusal}"))
            }
            Error::Network(_) => Self::later("RESOURCE_TEMPORARILY_UNAVAILABLE", 10),
            Error::WrongCredentials | Error::Blocked | Error::GrantNotAllowed => Self::invalid_grant(),
            Error::ProofRejected(_) | Error::SecondaryRefused | Error::KeyReused => {
                Self::not_allowed(error.to_string())
            }
            Error::Unsupported(_) => Self::not_implemented(),
            Error::Busy { retry_after } => Self::later("TEMPORARY_UNAVAILABLE_ERROR", retry_after),
            Error::SearchTooLong | Error::TooManyJobs(_) | Error::StoreUnavailable(_) => {
                Self::later("TEMPORARY_UNAVAILABLE_ERROR", 1)
            }
            Error::TooManyRequests(quota) => {
                let mut many = Self::plain(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS", "");
                many.retry_after = Some(quota.retry_after);
                many
            }
            Error::OutcomeUnknown => Self::plain(StatusCode::GATEWAY_TIMEOUT, "UNDEFINED_ERROR", error.to_string()),
            Error::CryptoIntegrity | Error::Internal(_) => Self::plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                "UNDEFINED_ERROR",
                "Something went wrong on our side",
            ),
        }
    }
}

impl Problem {
    /// Somebody has this already.
    pub fn taken(field: &str) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "UserAlreadyExistsException",
            "USER_ALREADY_EXISTS",
            format!("A user with this {field} exists already"),
        )
        .with("field", field)
    }
}

/// What Kii calls what is unique.
pub const fn field_of(unique: Unique) -> Option<&'static str> {
    match unique {
        Unique::Email => Some("emailAddress"),
        Unique::Username => Some("loginName"),
        Unique::PhoneNumber => Some("phoneNumber"),
        Unique::TenantName
        | Unique::ConnectionName
        | Unique::DefaultConnection
        | Unique::ConnectionInUse
        | Unique::ClientGrant
        | Unique::UserId => None,
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, sentence) = (refusal.status(), refusal.sentence());
        match &refusal {
            Refusal::Invalid { fault, .. } => match &fault.reason {
                Reason::NotJson
                | Reason::ByteOrderMark
                | Reason::TrailingBytes
                | Reason::TooDeep(_)
                | Reason::TooManyMembers(_)
                | Reason::Duplicate => Self::plain(status, "INVALID_JSON", sentence),
                _ => Self::invalid(&fault.subject(), sentence),
            },
            Refusal::MediaType { .. } => Self::data_type(),
            Refusal::NoRoute => Self::plain(status, "NOT_FOUND", sentence),
            Refusal::MethodNotAllowed => Self::plain(status, "METHOD_NOT_ALLOWED", sentence),
            Refusal::Internal => Self::plain(status, "UNDEFINED_ERROR", sentence),
            Refusal::HostMissing
            | Refusal::HostRepeated
            | Refusal::AuthorityMismatch
            | Refusal::ForeignHost { .. }
            | Refusal::TransferEncoding
            | Refusal::MethodOverride
            | Refusal::AuthorizationRepeated
            | Refusal::UriTooLong
            | Refusal::ContentEncoding
            | Refusal::BodyTooLarge { .. }
            | Refusal::BodyTimeout
            | Refusal::BodyBroken => match refusal.field() {
                Some(field) => Self::plain(status, "INVALID_INPUT_DATA", sentence).with("field", field),
                None => Self::plain(status, "INVALID_INPUT_DATA", sentence),
            },
        }
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

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let mut response = if self.status == StatusCode::TOO_MANY_REQUESTS {
            self.status.into_response()
        } else {
            if !self.body.contains_key("error") {
                self.body.insert("suppressed".to_owned(), json!([]));
            }
            let text = Value::Object(self.body).to_string().replace('%', "\\u0025");
            let mut response = (self.status, text).into_response();
            let media_type = match self.exception {
                Some(exception) => HeaderValue::try_from(format!("application/vnd.kii.{exception}+json")),
                None => Ok(HeaderValue::from_static("application/json")),
            };
            if let Ok(media_type) = media_type {
                response.headers_mut().insert(CONTENT_TYPE, media_type);
            }
            response
        };
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// How the front writes what it refuses by itself; pages of every origin may read it.
pub fn spell(refusal: &Refusal) -> Response {
    let mut response = Problem::from(refusal.clone()).into_response();
    response
        .headers_mut()
        .insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}
