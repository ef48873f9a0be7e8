//! The core's one error, in the words of the domain.
//!
//! It knows nothing of HTTP: every dialect's `error.rs` spells each variant in one `match`
//! without a wildcard, so that a new variant does not compile until all of them have
//! spelled it. Whatever a variant carries may be told to the caller, but for the source
//! of `Internal`, which goes to the log. A library's error is converted where the library
//! is used.

use std::borrow::Cow;
use std::fmt;

use crate::domain::{Quota, Scope};

/// What the core answers.
pub type Result<T> = std::result::Result<T, Error>;

/// Why the core refused or failed. An answer that is an error has written nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such thing for this caller: absent and foreign look alike.
    #[error("there is no such {0}")]
    NotFound(Noun),
    /// The credential is missing, unreadable, forged, expired or revoked.
    #[error("{0}")]
    Unauthenticated(Unauthenticated),
    /// The credential does not carry any of the rights that would do.
    #[error("insufficient scope")]
    InsufficientScope {
        /// Any of these would do.
        any_of: &'static [Scope],
    },
    /// The credential allows the act on its own user only.
    #[error("the credential allows this for its own user only")]
    NotYourself,
    /// A value from the caller cannot be used.
    #[error("{field} {reason}")]
    Invalid {
        /// Which, as the caller wrote it.
        field: Cow<'static, str>,
        /// What it must be.
        reason: Cow<'static, str>,
    },
    /// The identity is attached: to somebody else, or to the same user where the dialect
    /// refuses a second time. Whose it is, is not said.
    #[error("the identity is attached already")]
    IdentityTaken,
    /// The account was a user's who was erased, and the tenant does not take it back yet. Whose it
    /// was, nobody knows any more.
    #[error("the account is of somebody who was erased, and is not taken back yet")]
    IdentityErased,
    /// The user has another account of this network, and the interface knows one of each.
    #[error("the user has an account of this network already")]
    NetworkTaken,
    /// The identity is the one that the user was born with.
    #[error("the primary identity stays with its user")]
    PrimaryIdentity,
    /// The user has as many identities as people may link by themselves.
    #[error("the user has as many identities as she may")]
    LimitReached,
    /// It is the last way in for its user.
    #[error("it is the last way in for this user")]
    LastCredential,
    /// Something unique is in use.
    #[error("the {0} is in use")]
    Conflict(Unique),
    /// The proof of a second account was not believed.
    #[error("the proof was not believed: {0}")]
    ProofRejected(ProofFault),
    /// What was presented does not prove the account.
    #[error("the token proves nothing: {0}")]
    NetworkRefused(NetworkRefusal),
    /// The network could not be asked; nothing was written.
    #[error("the network {0}")]
    Network(NetworkFault),
    /// Our application at the network, its id or its secret, is not known here.
    #[error("the connection has no application at its network, or not its secret")]
    NotConfigured,
    /// The second account cannot be linked as it is, for instance because it is blocked.
    #[error("the second account cannot be linked")]
    SecondaryRefused,
    /// A new password does not meet the connection's policy.
    #[error("the password is too weak: {0}")]
    WeakPassword(&'static str),
    /// The person may not log in.
    #[error("the user is blocked")]
    Blocked,
    /// The client may not use this grant.
    #[error("the client may not use this grant")]
    GrantNotAllowed,
    /// A name, password or client secret was wrong; which, is not said.
    #[error("wrong name or secret")]
    WrongCredentials,
    /// The same idempotency key came with another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// What this server cannot do yet, by name.
    #[error("{0} is not available on this server")]
    Unsupported(&'static str),
    /// Too much is under way; trying again in so many seconds may help.
    #[error("busy")]
    Busy {
        /// Seconds.
        retry_after: u32,
    },
    /// A search would take longer than one may.
    #[error("the search takes too long: ask for less")]
    SearchTooLong,
    /// As many jobs of a kind are under way as may be: so many.
    #[error("{0} jobs of this kind are under way: wait for one to end")]
    TooManyJobs(u32),
    /// More requests came than this tenant, client or address may make.
    #[error("too many requests")]
    TooManyRequests(Quota),
    /// The store cannot write or read; nothing of this request was kept.
    #[error("the store is unavailable: {0}")]
    StoreUnavailable(String),
    /// The store does not say what came of it, and may have done it. Every other error means that
    /// nothing was kept.
    #[error("it is not known whether this was done: the store does not answer. Ask for it again")]
    OutcomeUnknown,
    /// A sealed record did not open in its place: never the caller's fault.
    #[error("a sealed record did not open")]
    CryptoIntegrity,
    /// A fault of ours.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// The same, when what it kept from being read is only shown after an act that was done. Whoever
    /// is told that the store could not must be able to rely on it that nothing was done.
    #[must_use]
    pub fn after_act(self) -> Self {
        match self {
            Self::Busy { .. } | Self::StoreUnavailable(_) => Self::OutcomeUnknown,
            other => other,
        }
    }

    /// A value that cannot be used.
    pub fn invalid(field: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid {
            field: field.into(),
            reason: reason.into(),
        }
    }

    /// A fault of ours, told as a sentence for the log.
    pub fn internal(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(what.into())
    }
}

/// What was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noun {
    /// A tenant.
    Tenant,
    /// An application of a tenant.
    Client,
    /// What an application is granted.
    ClientGrant,
    /// A connection.
    Connection,
    /// A user.
    User,
    /// An identity.
    Identity,
    /// An entry of a log.
    Log,
    /// A job.
    Job,
}

impl fmt::Display for Noun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tenant => "tenant",
            Self::Client => "client",
            Self::ClientGrant => "client grant",
            Self::Connection => "connection",
            Self::Log => "log entry",
            Self::User => "user",
            Self::Identity => "identity",
            Self::Job => "job",
        })
    }
}

/// What is unique, and in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unique {
    /// The name of a tenant.
    TenantName,
    /// The name of a connection in a tenant.
    ConnectionName,
    /// A tenant's default connection for a provider.
    DefaultConnection,
    /// A connection that identities hang on.
    ConnectionInUse,
    /// What a client is granted for one interface.
    ClientGrant,
    /// The id that a caller chose for a user.
    UserId,
    /// An e-mail address in its database connection.
    Email,
    /// A log-in name in its database connection.
    Username,
    /// A phone number in its connection.
    PhoneNumber,
}

impl fmt::Display for Unique {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TenantName => "name of the tenant",
            Self::ConnectionName => "name of the connection",
            Self::DefaultConnection => "default connection of this provider",
            Self::ConnectionInUse => "connection",
            Self::ClientGrant => "client grant",
            Self::UserId => "user id",
            Self::Email => "e-mail address",
            Self::Username => "user name",
            Self::PhoneNumber => "phone number",
        })
    }
}

/// Why a bearer credential was not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// There was none.
    #[error("no credential was sent")]
    Missing,
    /// The header is not of the form `Bearer x`, or there were two.
    #[error("the Authorization header is not of the form: Bearer TOKEN")]
    MalformedHeader,
    /// It is not a token of ours: unreadable, of another kind, or revoked.
    #[error("the token is not valid here")]
    Invalid,
    /// The signature does not fit.
    #[error("the token's signature is not valid")]
    BadSignature,
    /// It has ended.
    #[error("the token has expired")]
    Expired,
    /// It was made for somebody else.
    #[error("the token was made for another audience")]
    WrongAudience(String),
}

/// Why a `link_with` token proves nothing (`api/auth0.md` 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofFault {
    /// Unreadable, not ours, expired, too old, spent, or a token of another kind.
    #[error("not a valid ID token of this server")]
    Invalid,
    /// The signature does not fit.
    #[error("the signature is not valid")]
    BadSignature,
    /// Signed by another algorithm than RS256.
    #[error("the algorithm is not RS256")]
    WrongAlgorithm,
    /// No `sub`.
    #[error("no sub claim")]
    MissingSub,
    /// A `sub` that names nobody.
    #[error("the sub claim is not of the form provider|id")]
    MalformedSub,
    /// Issued under another of our origins than the caller's token.
    #[error("the issuer is not that of the calling token")]
    IssuerMismatch,
    /// An `aud` that is not one client.
    #[error("the aud claim is not one client")]
    MalformedAudience,
    /// For another client than the caller's token.
    #[error("the aud claim is not the client of the calling token")]
    AudienceMismatch,
    /// Its user is gone.
    #[error("the second account was not found")]
    UnknownAccount,
}

/// Why a token proves no account (`security.md` section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetworkRefusal {
    /// It was made for another application than this connection's.
    #[error("it was made for another application")]
    OtherApplication,
    /// It has ended.
    #[error("it has expired")]
    Expired,
    /// It is good still, but too old to make an account somebody's.
    #[error("it is too old for that: get a new one")]
    TooOld,
    /// It made the account another user's before.
    #[error("it was used for another user: get a new one")]
    Replayed,
    /// It was ended before its time.
    #[error("it was revoked")]
    Revoked,
    /// The network does not accept it, and does not say why.
    #[error("the network does not accept it for this application")]
    NotAccepted,
    /// It is of another account than the one that the caller named.
    #[error("it is of another account")]
    SomeoneElse,
    /// It is no person's: an application's, or of another kind.
    #[error("it is not a person's")]
    WrongKind,
    /// The network cannot say for which application it is, so only our own redirect flow counts.
    #[error("the network cannot say for which application it was made")]
    CannotTell,
}

/// Why a network could not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetworkFault {
    /// It did not answer in time.
    #[error("did not answer in time")]
    TimedOut,
    /// It could not be reached, or was not lately.
    #[error("could not be reached")]
    Unreachable,
    /// It answered that it cannot answer.
    #[error("failed")]
    Failed,
    /// It answered what it never answers.
    #[error("answered what cannot be understood")]
    Garbled,
    /// It refuses our application, or its addresses cannot be used.
    #[error("does not accept this connection's application or settings")]
    Misconfigured,
    /// It, or we, ask too much of it.
    #[error("is asked too much")]
    Busy,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_error_tells_nothing() {
        let error = Error::internal("disk 7 is on fire");
        assert_eq!(error.to_string(), "internal error");
    }
}
