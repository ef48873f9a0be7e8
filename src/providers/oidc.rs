//! OpenID Connect: what an issuer's metadata and its ID tokens must say to be believed.
//!
//! Pure functions; `app/key_sets.rs` fetches and remembers. Whether a signature fits is `jwt`'s affair; here is
//! by whom and for whom a token is (OpenID Connect Core 3.1.3.7), and what metadata is an issuer's own
//! (OpenID Connect Discovery 4.3, FLW-12). What would surprise: an issuer is compared byte for byte, so a slash
//! at its end is another issuer.

use http::Uri;
use serde_json::Value;

use super::Unproved;
use crate::domain::Object;
use crate::error::{NetworkFault, NetworkRefusal};
use crate::jwt::{Fault, ForeignClaims, KeySetFault, strict_object};

/// Microsoft's issuers: one for each directory, and the text by which metadata stands for all of them.
const DIRECTORY: (&str, &str) = ("https://login.microsoftonline.com/", "/v2.0");
const ANY_DIRECTORY: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";

/// Where Microsoft's metadata is that stands for all of them.
pub const DIRECTORIES: &str = "https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration";

/// Where an issuer's metadata is (OpenID Connect Discovery 4.1).
pub fn metadata_of(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
}

/// Who signs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ExpectedIssuer {
    /// This issuer, byte for byte.
    Exactly(String),
    /// Microsoft, for the directory that the token names in `tid`.
    OfDirectory,
}

impl ExpectedIssuer {
    /// What metadata must say.
    fn in_metadata(&self) -> &str {
        match self {
            Self::Exactly(issuer) => issuer,
            Self::OfDirectory => ANY_DIRECTORY,
        }
    }

    /// Whether a token with these claims is by it.
    fn issued(&self, claims: &ForeignClaims) -> bool {
        match self {
            Self::Exactly(issuer) => claims.iss == *issuer,
            Self::OfDirectory => {
                let (before, after) = DIRECTORY;
                let directory = claims
                    .iss
                    .strip_prefix(before)
                    .and_then(|rest| rest.strip_suffix(after));
                let tid = claims.all.get("tid").and_then(Value::as_str);
                tid.is_some_and(is_guid) && directory == tid
            }
        }
    }
}

/// Such as `9188040d-6c67-4c5b-b112-36a304b66dad`.
fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

/// By whom and for whom a token must be.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Who signs.
    pub issuer: ExpectedIssuer,
    /// Our application.
    pub client_id: String,
    /// What we asked it to say again, where our own flow asked for the token.
    pub nonce: Option<String>,
}

/// Where an issuer is asked. Every address was fit to be asked when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Where its keys are.
    pub jwks_uri: String,
    /// The other addresses that we use, in the order of [`ENDPOINTS`].
    endpoints: [Option<String>; ENDPOINTS.len()],
}

/// Members of metadata that are addresses to us (OpenID Connect Discovery 3, RFC 8414, 2).
const ENDPOINTS: [&str; 5] = [
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
];

impl Metadata {
    /// Reads the metadata of this issuer. `may_ask` says which addresses are fit to be asked.
    ///
    /// # Errors
    /// [`NetworkFault::Garbled`] when it is no metadata, [`NetworkFault::Misconfigured`] when it is another
    /// issuer's or leads where nobody is sent.
    pub fn read(
        document: &[u8],
        issuer: &ExpectedIssuer,
        may_ask: impl Fn(&str) -> bool,
    ) -> Result<Self, NetworkFault> {
        let document = strict_object(document).ok_or(NetworkFault::Garbled)?;
        let Some(Value::String(named)) = document.get("issuer") else {
            return Err(NetworkFault::Garbled);
        };
        if named != issuer.in_metadata() {
            return Err(NetworkFault::Misconfigured);
        }
        let address = |name: &str| match document.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(url)) if may_ask(url) => Ok(Some(url.clone())),
            Some(_) => Err(NetworkFault::Misconfigured),
        };
        let mut endpoints = [const { None }; ENDPOINTS.len()];
        for (endpoint, name) in endpoints.iter_mut().zip(ENDPOINTS) {
            *endpoint = address(name)?;
        }
        Ok(Self {
            jwks_uri: address("jwks_uri")?.ok_or(NetworkFault::Misconfigured)?,
            endpoints,
        })
    }

    /// Whether an address that both have is at the same host in both. Where it is not, somebody else may
    /// be asked from now on, and that is for an operator to say.
    pub fn is_where(&self, earlier: &Self) -> bool {
        let host = |url: &str| url.parse::<Uri>().ok().and_then(|uri| uri.authority().cloned());
        let pairs = self.endpoints.iter().zip(&earlier.endpoints);
        host(&self.jwks_uri) == host(&earlier.jwks_uri)
            && pairs
                .filter_map(|(now, then)| now.as_deref().zip(then.as_deref()))
                .all(|(now, then)| host(now) == host(then))
    }
}

/// The claims of a token whose signature fits, if it is by and for whom it must be.
///
/// # Errors
/// Whose it is instead.
pub fn check(claims: ForeignClaims, expected: &Expected) -> Result<Object, Unproved> {
    if !expected.issuer.issued(&claims) {
        return Err(NetworkRefusal::NotAccepted.into());
    }
    // Also when it is one of several: then `azp`, which must be there, says to whom it was given.
    let is_ours =
        claims.aud.contains(&expected.client_id) && claims.azp.as_ref().is_none_or(|azp| *azp == expected.client_id);
    if !is_ours {
        return Err(NetworkRefusal::OtherApplication.into());
    }
    if let Some(nonce) = &expected.nonce
        && claims.all.get("nonce").and_then(Value::as_str) != Some(nonce)
    {
        return Err(NetworkRefusal::NotAccepted.into());
    }
    Ok(claims.all)
}

/// Why a token is refused, in the words of the core.
pub const fn refused(fault: Fault) -> Unproved {
    Unproved::Refused(match fault {
        Fault::Expired => NetworkRefusal::Expired,
        Fault::WrongKind => NetworkRefusal::WrongKind,
        Fault::Unreadable
        | Fault::WrongAlgorithm
        | Fault::UnknownKey
        | Fault::BadSignature
        | Fault::NotYetValid
        | Fault::MissingSub
        | Fault::MalformedSub
        | Fault::MalformedIssuer
        | Fault::MalformedAudience
        | Fault::MalformedClaim(_) => NetworkRefusal::NotAccepted,
    })
}

/// Why a set of keys is of no use, in the words of the core.
pub const fn unusable(fault: KeySetFault) -> NetworkFault {
    match fault {
        KeySetFault::TooLarge | KeySetFault::Unreadable => NetworkFault::Garbled,
        KeySetFault::TwoOfOneName | KeySetFault::NothingUsable => NetworkFault::Misconfigured,
    }
}
