//! Facts that a network gets wrong on purpose, so that whoever tests against it sees that a test
//! would have noticed.
//!
//! What would surprise: what goes into an ID token is wrong from the moment the token is made, so the
//! fact is to be made wrong before the account; all else is wrong from the next request on.

use serde::Deserialize;

use super::network::Network;

/// A fact that can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrongFact {
    /// OAuth 1.0a: the signature base string is in lower case.
    SignatureBaseString,
    /// OAuth 1.0a: the signature's key leaves the token's secret out.
    SignatureKey,
    /// OAuth 1.0a: every timestamp is too old.
    Timestamp,
    /// Facebook: `appsecret_proof` is made with the application's id as its key.
    ProofKey,
    /// Tokens are for another application than they were made for.
    Audience,
    /// Accounts have another id than they have.
    Subject,
    /// The member that holds the id of an account has another name.
    SubjectField,
    /// Dead tokens are called good.
    Standing,
    /// Good tokens are said to have expired an hour ago.
    Expiry,
    /// Facebook: tokens are those of pages.
    TokenType,
    /// Addresses are verified when they are not, and the other way round.
    EmailVerified,
    /// ID tokens have another issuer.
    Issuer,
    /// ID tokens are signed with a key that is not published.
    SigningKey,
    /// ID tokens have no signature, and say so.
    Algorithm,
    /// Errors are answered with status 200.
    Status,
    /// Every answer is a redirect to a private address.
    Redirect,
    /// Every answer is 1 GB long.
    Size,
    /// Every answer breaks off.
    Length,
    /// Every answer is declared to be a page.
    MediaType,
}

impl WrongFact {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::SignatureBaseString,
        Self::SignatureKey,
        Self::Timestamp,
        Self::ProofKey,
        Self::Audience,
        Self::Subject,
        Self::SubjectField,
        Self::Standing,
        Self::Expiry,
        Self::TokenType,
        Self::EmailVerified,
        Self::Issuer,
        Self::SigningKey,
        Self::Algorithm,
        Self::Status,
        Self::Redirect,
        Self::Size,
        Self::Length,
        Self::MediaType,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignatureBaseString => "signature_base_string",
            Self::SignatureKey => "signature_key",
            Self::Timestamp => "timestamp",
            Self::ProofKey => "proof_key",
            Self::Audience => "audience",
            Self::Subject => "subject",
            Self::SubjectField => "subject_field",
            Self::Standing => "standing",
            Self::Expiry => "expiry",
            Self::TokenType => "token_type",
            Self::EmailVerified => "email_verified",
            Self::Issuer => "issuer",
            Self::SigningKey => "signing_key",
            Self::Algorithm => "algorithm",
            Self::Status => "status",
            Self::Redirect => "redirect",
            Self::Size => "size",
            Self::Length => "length",
            Self::MediaType => "media_type",
        }
    }

    /// The fact of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fact| fact.name() == name)
    }

    /// Whether the network states it at all.
    pub const fn is_of(self, network: Network) -> bool {
        match self {
            Self::SignatureBaseString | Self::SignatureKey | Self::Timestamp => network.signs_requests(),
            Self::ProofKey | Self::TokenType => matches!(network, Network::Facebook),
            Self::Issuer | Self::SigningKey | Self::Algorithm => network.has_id_tokens(),
            Self::Audience => !matches!(network, Network::Foursquare | Network::OAuth1 | Network::Twitter),
            Self::Subject
            | Self::SubjectField
            | Self::Standing
            | Self::Expiry
            | Self::EmailVerified
            | Self::Status
            | Self::Redirect
            | Self::Size
            | Self::Length
            | Self::MediaType => true,
        }
    }
}
