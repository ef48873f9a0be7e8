//! Why a token is not believed, as finely as the dialects tell it.

use crate::error::{ProofFault, Unauthenticated};

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not three parts of base64url and JSON objects, too long, or with something in its
    /// header that is not ours.
    #[error("not a readable token")]
    Unreadable,
    /// Signed by another algorithm than RS256, or by none.
    #[error("the algorithm is not RS256")]
    WrongAlgorithm,
    /// Signed by a key that is not in the ring.
    #[error("the signing key is not known")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the signature does not fit")]
    BadSignature,
    /// A token of ours, but for another purpose.
    #[error("a token of another kind")]
    WrongKind,
    /// It has ended.
    #[error("expired")]
    Expired,
    /// Its time, or the moment at which it was made, is still to come.
    #[error("not valid yet")]
    NotYetValid,
    /// No `sub`.
    #[error("no sub claim")]
    MissingSub,
    /// A `sub` that is not a text of 1 to 255 bytes without control characters.
    #[error("the sub claim is malformed")]
    MalformedSub,
    /// No `iss`, or one that is not a text.
    #[error("the iss claim is missing or malformed")]
    MalformedIssuer,
    /// No `aud`, one that is not a text or a list of texts, or several without `azp`.
    #[error("the aud claim is missing or malformed")]
    MalformedAudience,
    /// Another claim that is needed and not there, or is not what it must be.
    #[error("the {0} claim is missing or malformed")]
    MalformedClaim(&'static str),
}

impl From<Fault> for Unauthenticated {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Expired => Self::Expired,
            Fault::BadSignature => Self::BadSignature,
            Fault::Unreadable
            | Fault::WrongAlgorithm
            | Fault::UnknownKey
            | Fault::WrongKind
            | Fault::NotYetValid
            | Fault::MissingSub
            | Fault::MalformedSub
            | Fault::MalformedIssuer
            | Fault::MalformedAudience
            | Fault::MalformedClaim(_) => Self::Invalid,
        }
    }
}

impl From<Fault> for ProofFault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::BadSignature => Self::BadSignature,
            Fault::WrongAlgorithm => Self::WrongAlgorithm,
            Fault::MissingSub => Self::MissingSub,
            Fault::MalformedSub => Self::MalformedSub,
            Fault::MalformedAudience => Self::MalformedAudience,
            Fault::Unreadable
            | Fault::UnknownKey
            | Fault::WrongKind
            | Fault::Expired
            | Fault::NotYetValid
            | Fault::MalformedIssuer
            | Fault::MalformedClaim(_) => Self::Invalid,
        }
    }
}
