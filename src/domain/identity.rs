//! An outside account attached to a user, and how we know that it is hers.

use jiff::Timestamp;
use serde_json::Value;

use crate::domain::{Actor, Connection, Object, Profile, profile};
use crate::error::{Error, Result};
use crate::id::{ConnectionId, IdentityId, UserId};

/// The longest subject that any network uses, in bytes (JWT-03: 1 to 255).
const SUBJECT_LIMIT_BYTES: usize = 255;

/// How we know that an account is the person's. The order is that of strength; equal
/// strength is not equality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Proof {
    /// A caller with the right to do so said it.
    Asserted,
    /// An ID token that was made for our application.
    IdToken,
    /// An access token that its network says was made for our application.
    AudienceChecked,
    /// Our own redirect flow.
    CodeFlow,
    /// Both accounts proved, one after the other, by the same person.
    TwoProof,
}

impl Proof {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Asserted,
        Self::IdToken,
        Self::AudienceChecked,
        Self::CodeFlow,
        Self::TwoProof,
    ];

    /// The name in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asserted => "asserted",
            Self::IdToken => "id_token",
            Self::AudienceChecked => "audience_checked",
            Self::CodeFlow => "code_flow",
            Self::TwoProof => "two_proof",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|proof| proof.name() == name)
    }
}

/// What an identity is found by: unique in its tenant, compared as bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdentityKey {
    /// The connection.
    pub connection: ConnectionId,
    /// Who vouches for the subject; fixed by the connection.
    pub issuer: String,
    /// The account's own id there.
    pub subject: String,
}

/// An outside account attached to a user.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// Kept for as long as it is attached to anybody.
    pub id: IdentityId,
    /// Whose it is.
    pub user: UserId,
    /// Its place among the user's: 0 is the primary, which the user was born with.
    pub position: u32,
    /// What it is found by.
    pub key: IdentityKey,
    /// How we know.
    pub proof: Proof,
    /// Since when.
    pub proved_at: Timestamp,
    /// Who said so.
    pub proved_by: Actor,
    /// Moved by every change; bound into what is sealed with it.
    pub version: i64,
    /// What the network says of the account; of a primary, nothing: it is the user's.
    pub profile: Profile,
    /// Whether a token set is kept with it.
    pub has_tokens: bool,
    /// Whether a password opens it: only ever with a database connection.
    pub has_password: bool,
}

impl Identity {
    /// Whether the user was born with it; such an identity is never detached.
    pub const fn is_primary(&self) -> bool {
        self.position == 0
    }

    /// Whether somebody can log in with it: a network's account always, one of ours
    /// while it has a password.
    pub fn is_way_in(&self, connection: &Connection) -> bool {
        !connection.is_database() || self.has_password
    }
}

/// An account that somebody vouches for, on its way to being attached. It can be made
/// only here, so there is one place that reads what a provider says (LNK-02).
#[derive(Debug, Clone, PartialEq)]
pub struct ExternalIdentity {
    key: IdentityKey,
    proof: Proof,
    profile: Profile,
}

impl ExternalIdentity {
    /// Reads an account from the claims of its provider, or of a caller who may assert it.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `subject` when it is empty, longer than 255 bytes or
    /// holds a control character; or the claim that has the wrong type.
    pub fn from_claims(connection: &Connection, subject: &str, claims: &Object, proof: Proof) -> Result<Self> {
        check_subject(subject)?;
        Ok(Self {
            key: IdentityKey {
                connection: connection.id,
                issuer: connection.issuer.clone(),
                subject: subject.to_owned(),
            },
            proof,
            profile: profile_from_claims(claims)?,
        })
    }

    /// What it will be found by.
    pub const fn key(&self) -> &IdentityKey {
        &self.key
    }

    /// How we know.
    pub const fn proof(&self) -> Proof {
        self.proof
    }

    /// What the provider says of it.
    pub const fn profile(&self) -> &Profile {
        &self.profile
    }
}

/// That a text can be a subject: 1 to 255 bytes without control characters. Nothing is
/// folded, trimmed or normalised: subjects are compared as bytes (API-09).
///
/// # Errors
/// [`Error::Invalid`] naming `subject`.
pub fn check_subject(subject: &str) -> Result<()> {
    if subject.is_empty() || subject.len() > SUBJECT_LIMIT_BYTES {
        return Err(Error::invalid("subject", "must have 1 to 255 bytes"));
    }
    if subject.chars().any(char::is_control) {
        return Err(Error::invalid("subject", "must not hold control characters"));
    }
    Ok(())
}

/// Splits claims into the attributes that we know and the rest. Names are for display, so what
/// would turn or break a line is left out of them (D-84).
fn profile_from_claims(claims: &Object) -> Result<Profile> {
    let mut others = claims.clone();
    let email_verified = profile::verified(others.shift_remove("email_verified").as_ref());
    let phone_verified = profile::verified(others.shift_remove("phone_verified").as_ref());
    let mut text = |name: &str| match others.shift_remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.contains('\0') => Ok(Some(text)),
        Some(_) => Err(Error::invalid(format!("profile.{name}"), "must be a text without NUL")),
    };
    Ok(Profile {
        email: text("email")?,
        username: text("username")?,
        phone_number: text("phone_number")?,
        name: text("name")?.as_deref().map(profile::display_text),
        nickname: text("nickname")?.as_deref().map(profile::display_text),
        given_name: text("given_name")?.as_deref().map(profile::display_text),
        family_name: text("family_name")?.as_deref().map(profile::display_text),
        picture: text("picture")?,
        email_verified,
        phone_verified,
        others,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_bytes() {
        for fine in ["1", "Abc", "a|b/c", "é", "e\u{301}", &"x".repeat(255)] {
            assert!(check_subject(fine).is_ok(), "{fine}");
        }
        for bad in ["", "a\0b", "a\nb", &"x".repeat(256)] {
            assert!(check_subject(bad).is_err(), "{bad}");
        }
    }
}
