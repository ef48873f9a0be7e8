//! What Auth0 calls users and their identities. How ids are spelled is `domain/spelling.rs`'s
//! affair, since ids cross dialects; here are the names that showing one takes.

use std::collections::HashMap;
use std::sync::Arc;

use crate::app::App;
use crate::app::labels::Label;
use crate::domain::user::Birthplace;
use crate::domain::{Identity, UserRef, UserWithIdentities, spelling};
use crate::error::Result;
use crate::id::{ConnectionId, TenantId};

/// Networks of companies and our own ways in; every other one is for everybody
/// (`api/auth0.md` 6.5).
const NOT_SOCIAL: &[&str] = &[
    "ad",
    "adfs",
    "auth0",
    "auth0-adldap",
    "auth0-oidc",
    "custom",
    "email",
    "google-apps",
    "ip",
    "office365",
    "oidc",
    "okta",
    "pingfederate",
    "samlp",
    "sharepoint",
    "sms",
    "waad",
];

/// Whether a strategy is a network for everybody.
pub fn is_social(strategy: &str) -> bool {
    !NOT_SOCIAL.contains(&strategy)
}

/// Whether accounts of a strategy are vouched for by an issuer that its connection names.
pub fn has_own_issuer(strategy: &str) -> bool {
    matches!(
        strategy,
        "adfs" | "auth0-oidc" | "oidc" | "okta" | "pingfederate" | "samlp"
    )
}

/// Whether a strategy's local ids travel as JSON numbers.
pub fn is_numeric(strategy: &str) -> bool {
    strategy == "github"
}

/// The user that an id names; what is no id names nobody.
pub fn user(id: &str) -> UserRef {
    spelling::parse_auth0(id).unwrap_or_else(|| UserRef::Born {
        at: Birthplace::Provider(String::new()),
        subject: id.to_owned(),
    })
}

/// The names of what the identities of a user hang on.
#[derive(Debug, Default)]
pub struct Names(HashMap<ConnectionId, Arc<Label>>);

impl Names {
    /// Those that a user is shown with.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn of(app: &App, tenant: TenantId, shown: &UserWithIdentities) -> Result<Self> {
        let mut names = HashMap::new();
        for identity in &shown.identities {
            let id = identity.key.connection;
            names.insert(id, app.label(tenant, id).await?);
        }
        Ok(Self(names))
    }

    /// The names of what an identity hangs on.
    pub fn label(&self, identity: &Identity) -> Option<&Label> {
        self.0.get(&identity.key.connection).map(|label| &**label)
    }

    /// The id of a user: that of the identity that she was born with.
    pub fn id_of(&self, found: &UserWithIdentities) -> String {
        let primary = found.identities.iter().find(|identity| identity.is_primary());
        let spelled = primary.and_then(|primary| {
            let label = self.label(primary)?;
            Some(format!("{}|{}", label.auth0_strategy, local_id(label, primary)))
        });
        spelled.unwrap_or_default()
    }

    /// Whether an identity goes by this name: by its own id, or with its connection in front.
    pub fn fits(&self, identity: &Identity, provider: &str, local: &str) -> bool {
        let subject = identity.key.subject.as_str();
        self.label(identity).is_some_and(|label| {
            let after_connection = || local.strip_prefix(label.name.as_str())?.strip_prefix('|');
            label.auth0_strategy == provider && (local == subject || after_connection() == Some(subject))
        })
    }
}

/// What an identity calls its `user_id`.
pub fn local_id(label: &Label, identity: &Identity) -> String {
    spelling::auth0_local_id(&label.auth0_strategy, &label.name, &identity.key.subject)
}
