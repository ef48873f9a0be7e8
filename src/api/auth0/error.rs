//! Refusals in Auth0's words (`api/auth0.md` 3.1); those of the token endpoint are in
//! `oauth_error.rs`.
//!
//! Where its contract publishes no `errorCode`, the code is ours: `main_identity_same`,
//! `main_identity_unremovable`, `identity_already_exists`, `identity_erased`, `inexistent_identity`,
//! `invalid_link_token`, `unable_to_link`, `last_credential`, `limit_reached`. What would surprise: one core
//! error can mean different things at different endpoints; those few are respelled by the
//! functions at the end ([`of_link`] and its like), and everything else by one `match`.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::wire;
use crate::domain::Quota;
use crate::error::{Error, Noun, ProofFault, Unauthenticated, Unique};
use crate::web::query::QueryFault;
use crate::web::refusal::{Place, Refusal};
use crate::web::report;
use crate::web::{Fault, Reason};

/// A refusal of the Management API.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    message: String,
    code: Option<&'static str>,
    retry_after: Option<u32>,
    quota: Option<Quota>,
}

impl Problem {
    /// A refusal with this status, message and code.
    pub fn new(status: StatusCode, message: impl Into<String>, code: Option<&'static str>) -> Self {
        Self {
            status,
            message: message.into(),
            code,
            retry_after: None,
            quota: None,
        }
    }

    /// 400 with this message and code.
    pub fn bad_request(message: impl Into<String>, code: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message, Some(code))
    }

    fn conflict(message: &str, code: &'static str) -> Self {
        Self::new(StatusCode::CONFLICT, message, Some(code))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "statusCode": self.status.as_u16(),
            "error": self.status.canonical_reason(),
            "message": self.message,
        });
        if let (Some(code), Some(members)) = (self.code, body.as_object_mut()) {
            members.insert("errorCode".to_owned(), code.into());
        }
        if let (StatusCode::UNAUTHORIZED, Some(members)) = (self.status, body.as_object_mut()) {
            members.insert("attributes".to_owned(), json!({ "error": self.message }));
        }
        let mut response = wire::json(self.status, &body);
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(quota) = self.quota {
            response.extensions_mut().insert(quota);
        }
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        report(&error);
        match error {
            Error::NotFound(Noun::User) => not_found("The user does not exist.", "inexistent_user"),
            Error::NotFound(Noun::Connection) => not_found("The connection does not exist.", "inexistent_connection"),
            Error::NotFound(Noun::Client) => not_found("The client does not exist", "inexistent_client"),
            Error::NotFound(Noun::ClientGrant) => {
                not_found("The client grant does not exist.", "inexistent_client_grant")
            }
            Error::NotFound(Noun::Log) => not_found("The log event does not exist.", "inexistent_log"),
            Error::NotFound(Noun::Job) => not_found("Job not found.", "inexistent_job"),
            Error::NotFound(Noun::Identity) => not_found("The identity does not exist.", "inexistent_identity"),
            Error::NotFound(Noun::Tenant) => not_found("The tenant does not exist.", "inexistent_tenant"),
            Error::Unauthenticated(why) => unauthenticated(&why),
            Error::InsufficientScope { any_of } => {
                let names: Vec<_> = any_of.iter().map(|scope| scope.name()).collect();
                let message = format!("Insufficient scope, expected any of: {}", names.join(","));
                Self::new(StatusCode::FORBIDDEN, message, Some("insufficient_scope"))
            }
            Error::NotYourself => Self::new(
                StatusCode::FORBIDDEN,
                "User to be acted on does not match subject in bearer token.",
                Some("unowned_resource"),
            ),
            Error::Invalid { field, reason } => Self::bad_request(
                format!("Payload validation error: '{reason}' on property {field}."),
                "invalid_body",
            ),
            Error::IdentityTaken => Self::conflict("Specified identity already exists.", "identity_already_exists"),
            Error::IdentityErased => Self::conflict(
                "The identity is of a user who was deleted, and cannot come back yet.",
                "identity_erased",
            ),
            Error::NetworkTaken => Self::conflict(
                "The user has an identity of this provider already.",
                "identity_already_exists",
            ),
            Error::NetworkRefused(refusal) => {
                Self::bad_request(format!("The token was refused: {refusal}."), "invalid_token")
            }
            Error::Network(fault) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("The identity provider {fault}."),
                Some("provider_unavailable"),
            ),
            Error::NotConfigured => Self::conflict(
                "The connection has no application at its provider.",
                "connection_not_configured",
            ),
            Error::PrimaryIdentity => {
                Self::bad_request("Main identity cannot be removed.", "main_identity_unremovable")
            }
            Error::LastCredential => Self::conflict("The last way to log in cannot be removed.", "last_credential"),
            Error::LimitReached => Self::conflict("The user has as many identities as she may.", "limit_reached"),
            Error::Conflict(Unique::Email | Unique::Username | Unique::PhoneNumber | Unique::UserId) => {
                Self::conflict("The user already exists.", "auth0_idp_error")
            }
            Error::Conflict(Unique::ConnectionInUse) => Self::conflict(
                "The application of a connection cannot change while users have identities there.",
                "connection_in_use",
            ),
            Error::Conflict(Unique::ClientGrant) => Self::conflict(
                "A resource with the same identifier already exists.",
                "client_grant_conflict",
            ),
            Error::Conflict(Unique::ConnectionName | Unique::DefaultConnection | Unique::TenantName) => {
                Self::conflict("A connection with the same name already exists.", "connection_conflict")
            }
            Error::ProofRejected(fault) => proof_rejected(fault),
            Error::SecondaryRefused => {
                Self::bad_request("Unable to link with the secondary account.", "unable_to_link")
            }
            Error::WeakPassword(_) => {
                Self::bad_request("PasswordStrengthError: Password is too weak", "invalid_password")
            }
            Error::Blocked => Self::new(StatusCode::FORBIDDEN, "The user is blocked.", Some("blocked_user")),
            Error::GrantNotAllowed => Self::new(StatusCode::FORBIDDEN, "The client may not use this grant.", None),
            Error::WrongCredentials => Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", None),
            Error::KeyReused => Self::conflict("The key was used for another request.", "key_reused"),
            Error::Unsupported(what) => Self::bad_request(
                format!("{what} is not available on this server."),
                "operation_not_supported",
            ),
            Error::Busy { retry_after } => Self {
                retry_after: Some(retry_after),
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "The server is busy.", Some("busy"))
            },
            Error::SearchTooLong => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "The search took longer than two seconds. Ask for less.",
                Some("search_timeout"),
            ),
            Error::TooManyJobs(_) => Self {
                retry_after: Some(5),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, error.to_string(), Some("too_many_jobs"))
            },
            Error::TooManyRequests(quota) => Self {
                retry_after: Some(quota.retry_after),
                quota: Some(quota),
                ..Self::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "Global limit has been reached",
                    Some("too_many_requests"),
                )
            },
            Error::StoreUnavailable(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "The store is unavailable.", None),
            Error::OutcomeUnknown => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "It is not known whether this was done.",
                None,
            ),
            Error::CryptoIntegrity | Error::Internal(_) => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error", None)
            }
        }
    }
}

fn not_found(message: &str, code: &'static str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, message, Some(code))
}

fn unauthenticated(why: &Unauthenticated) -> Problem {
    let message = match why {
        Unauthenticated::Missing => "Missing authentication",
        Unauthenticated::MalformedHeader => {
            return Problem::bad_request("Bad HTTP authentication header format", "Bearer");
        }
        Unauthenticated::Invalid => "Invalid token",
        Unauthenticated::BadSignature => "Invalid signature received for JSON Web Token validation",
        Unauthenticated::Expired => "Expired token received for JSON Web Token validation",
        Unauthenticated::WrongAudience(aud) => {
            return Problem::new(StatusCode::UNAUTHORIZED, format!("Bad audience: {aud}"), None);
        }
    };
    Problem::new(StatusCode::UNAUTHORIZED, message, None)
}

fn proof_rejected(fault: ProofFault) -> Problem {
    let (status, message) = match fault {
        ProofFault::Invalid => (StatusCode::BAD_REQUEST, "Invalid token (link_with)."),
        ProofFault::BadSignature => (StatusCode::UNAUTHORIZED, "Invalid token (link_with)."),
        ProofFault::WrongAlgorithm => (StatusCode::BAD_REQUEST, "JWT (link_with) must have an alg of RS256."),
        ProofFault::MissingSub => (StatusCode::BAD_REQUEST, "JWT (link_with) must contains sub claim."),
        ProofFault::MalformedSub => (
            StatusCode::BAD_REQUEST,
            "JWT (link_with) contains an invalid sub claim.",
        ),
        ProofFault::IssuerMismatch => (
            StatusCode::BAD_REQUEST,
            "JWT (link_with) must have the same issuer as the calling user.",
        ),
        ProofFault::MalformedAudience => (
            StatusCode::BAD_REQUEST,
            "JWT (link_with) contains an invalid aud claim.",
        ),
        ProofFault::AudienceMismatch => (
            StatusCode::BAD_REQUEST,
            "JWT (link_with) must have an aud claim that matches that of the calling token's azp.",
        ),
        ProofFault::UnknownAccount => (StatusCode::BAD_REQUEST, "Provided secondary account not found."),
    };
    Problem::new(status, message, Some("invalid_link_token"))
}

/// What was refused before a verb was asked.
impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid { place, fault } => invalid(place, &fault),
            Refusal::NoRoute => Self::new(StatusCode::NOT_FOUND, "Not Found", None),
            other => {
                let code = (other.status().is_client_error()).then(|| other.code());
                Self::new(other.status(), other.sentence(), code)
            }
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        invalid(Place::Body, &fault)
    }
}

impl From<QueryFault> for Problem {
    fn from(QueryFault(fault): QueryFault) -> Self {
        invalid(Place::Query, &fault)
    }
}

fn invalid(place: Place, fault: &Fault) -> Problem {
    let (place, code) = match place {
        Place::Body => ("Payload", "invalid_body"),
        Place::Query => ("Query", "invalid_query_string"),
        Place::Path => ("Path", "invalid_uri"),
    };
    Problem::bad_request(format!("{place} validation error: {}", sentence(fault)), code)
}

/// `'reason' on property name (description).`, the tail left out when it is the whole.
fn sentence(fault: &Fault) -> String {
    let subject = fault.subject();
    let reason = match &fault.reason {
        // The schema that is broken is that of what holds the member.
        Reason::MissingRequired => return format!("'Missing required property: {subject}'."),
        Reason::UnknownMember => return format!("'Additional properties not allowed: {subject}'."),
        Reason::WrongType { expected, found } => {
            format!("Expected type {} but found type {}", expected.name(), found.name())
        }
        Reason::TooShort { len, min } => format!("String is too short ({len} chars), minimum {min}"),
        Reason::TooLong { len, max } => format!("String is too long ({len} chars), maximum {max}"),
        Reason::Pattern(pattern) => format!("String does not match pattern {pattern}"),
        Reason::Format(format) => format!("Object didn't pass validation for format {format}"),
        Reason::NotInEnum(_) => format!("No enum match for: {subject}"),
        Reason::OutOfRange { min, max } => format!("Value is less than minimum {min} or greater than maximum {max}"),
        other => other.to_string(),
    };
    if fault.path.is_empty() {
        return format!("'{reason}'.");
    }
    match description(&fault.path) {
        Some(description) => format!("'{reason}' on property {subject} ({description})."),
        None => format!("'{reason}' on property {subject}."),
    }
}

/// What the properties are that are got wrong most.
fn description(name: &str) -> Option<&'static str> {
    Some(match name {
        "connection" => "Name of the connection",
        "connection_id" => "Id of the connection",
        "email" => "The user's email",
        "fields" => "Comma-separated list of fields",
        "link_with" => "JWT of the secondary account",
        "page" => "Page index, zero based",
        "password" => "The user's password",
        "per_page" => "Number of results per page",
        "provider" => "Identity provider of the secondary account",
        "user_id" => "Id of the account at its provider",
        "username" => "The user's username",
        _ => return None,
    })
}

/// How the front writes refusals of `/api/v2`.
pub fn spell(refusal: &Refusal) -> Response {
    Problem::from(refusal.clone()).into_response()
}

/// Errors of linking.
pub fn of_link(error: Error) -> Problem {
    match error {
        Error::NotFound(Noun::Connection) => not_configured(),
        Error::NotFound(Noun::Identity) => Problem::bad_request(
            "Linking to an inexistent identity is not allowed.",
            "inexistent_identity",
        ),
        Error::PrimaryIdentity => {
            Problem::bad_request("Main identity and the new one are the same.", "main_identity_same")
        }
        Error::Invalid { reason, .. } => Error::invalid("user_id", reason).into(),
        other => other.into(),
    }
}

/// The provider or connection that a link names is not there.
pub fn not_configured() -> Problem {
    Problem::bad_request("The provider/connection is not configured.", "inexistent_connection")
}

/// Errors of making a user.
pub fn of_create(error: Error) -> Problem {
    match error {
        Error::NotFound(Noun::Connection) => {
            Problem::bad_request("Connection does not exist.", "inexistent_connection")
        }
        Error::Invalid { field, .. } if field == "username" => no_usernames(),
        Error::Invalid { field, reason } if field == "subject" => Error::invalid("user_id", reason).into(),
        other => other.into(),
    }
}

/// Errors of changing a user.
pub fn of_update(error: Error) -> Problem {
    match error {
        Error::Invalid { field, reason } => match &*field {
            "username" if reason.contains("user names") => no_usernames(),
            name @ ("email" | "email_verified" | "phone_number" | "phone_verified" | "username" | "password") => {
                Problem::bad_request(
                    format!("Cannot update {name} for non-database user."),
                    "operation_not_supported",
                )
            }
            name @ ("family_name" | "given_name" | "name" | "nickname" | "picture") => Problem::bad_request(
                format!("The following user attributes cannot be updated: {name}."),
                "operation_not_supported",
            ),
            _ => Error::Invalid { field, reason }.into(),
        },
        other => other.into(),
    }
}

/// Errors of deleting somebody by her e-mail address at a connection.
pub fn of_delete_at(error: Error) -> Problem {
    match error {
        Error::Invalid { .. } => Problem::bad_request(
            "The connection must be a database connection.",
            "operation_not_supported",
        ),
        other => other.into(),
    }
}

/// An interface that is none of ours.
pub fn no_resource_server() -> Problem {
    not_found("The resource server does not exist.", "inexistent_resource_server")
}

/// A connection that nobody can come by.
pub fn offline() -> Problem {
    not_found("The connection is not online.", "connection_offline")
}

fn no_usernames() -> Problem {
    Problem::bad_request(
        "Cannot set username for connection without requires_username.",
        "operation_not_supported",
    )
}
