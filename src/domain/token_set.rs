//! What a provider handed out: the credential half of an identity.

use jiff::Timestamp;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::secret::{ExposeSecret, SecretString};

/// What a provider handed out. Held in memory only while a call needs it.
#[derive(Debug, Default)]
pub struct TokenSet {
    /// Opens the account at its network.
    pub access_token: Option<SecretString>,
    /// The second half of an OAuth 1.0a token.
    pub token_secret: Option<SecretString>,
    /// Buys a new access token.
    pub refresh_token: Option<SecretString>,
    /// What the issuer said of the person, signed.
    pub id_token: Option<SecretString>,
    /// What the tokens allow, in the network's words.
    pub scopes: Vec<String>,
    /// When the access token ends, if the network said.
    pub expires_at: Option<Timestamp>,
}

impl TokenSet {
    /// Whether there is nothing to keep.
    pub const fn is_empty(&self) -> bool {
        self.access_token.is_none()
            && self.token_secret.is_none()
            && self.refresh_token.is_none()
            && self.id_token.is_none()
    }

    /// The form that the vault seals.
    pub fn to_plain(&self) -> Zeroizing<Vec<u8>> {
        let secret = |value: &Option<SecretString>| value.as_ref().map(|s| s.expose_secret().to_owned());
        let mut plain = json!({});
        let mut put = |name: &str, value: Option<String>| {
            if let (Some(value), Some(object)) = (value, plain.as_object_mut()) {
                object.insert(name.into(), Value::String(value));
            }
        };
        put("a", secret(&self.access_token));
        put("s", secret(&self.token_secret));
        put("r", secret(&self.refresh_token));
        put("i", secret(&self.id_token));
        put("p", (!self.scopes.is_empty()).then(|| self.scopes.join(" ")));
        put("x", self.expires_at.map(|at| at.as_second().to_string()));
        Zeroizing::new(plain.to_string().into_bytes())
    }

    /// Reads the form that the vault opened; `None` when it is not one.
    pub fn from_plain(plain: &[u8]) -> Option<Self> {
        let Value::Object(mut members) = serde_json::from_slice(plain).ok()? else {
            return None;
        };
        let mut take = |name: &str| match members.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        Some(Self {
            access_token: take("a").map(SecretString::from),
            token_secret: take("s").map(SecretString::from),
            refresh_token: take("r").map(SecretString::from),
            id_token: take("i").map(SecretString::from),
            scopes: take("p")
                .map(|p| p.split(' ').map(str::to_owned).collect())
                .unwrap_or_default(),
            expires_at: take("x").and_then(|x| Timestamp::from_second(x.parse().ok()?).ok()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_set_survives_its_plain_form_and_shows_nothing() {
        let set = TokenSet {
            access_token: Some("canary-a".to_owned().into()),
            token_secret: Some("canary-s".to_owned().into()),
            scopes: vec!["read".into(), "write".into()],
            expires_at: Timestamp::from_second(1_800_000_000).ok(),
            ..TokenSet::default()
        };
        assert!(!format!("{set:?}").contains("canary"));
        let back = TokenSet::from_plain(&set.to_plain()).unwrap();
        assert_eq!(back.access_token.unwrap().expose_secret(), "canary-a");
        assert_eq!(back.token_secret.unwrap().expose_secret(), "canary-s");
        assert!(back.refresh_token.is_none());
        assert_eq!(back.scopes, ["read", "write"]);
        assert_eq!(back.expires_at, set.expires_at);
        assert!(TokenSet::from_plain(b"[]").is_none());
    }
}
