//! The JSON of `/link/v1`, exactly as it travels.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::app::events::ReadEvent;
use crate::app::labels::Label;
use crate::app::link::Asserted;
use crate::app::verify::Presented;
use crate::domain::{ConnectionRef, EventKind, Identity, Object, Profile, TokenSet, UserWithIdentities};
use crate::error::Result;
use crate::id::{IdentityId, TenantId, UserId};
use crate::secret::SecretString;
use crate::web::{Fault, Fields, Reason};

/// The longest that a token is believed to live (JWT-08).
const LONGEST_LIFE: Duration = Duration::from_secs(10 * 365 * 86_400);

/// A user with identities.
#[derive(Debug, Serialize, ToSchema)]
pub struct User {
    /// The core id: 24 hex digits.
    #[schema(value_type = String, example = "66a1c0ffee0000000000beef")]
    id: UserId,
    /// What is known of the person.
    #[schema(value_type = Object)]
    profile: Profile,
    /// Whether she may not log in.
    blocked: bool,
    /// When she was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When anything of hers changed last.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Her identities, the primary first.
    identities: Vec<IdentityBody>,
}

/// An account attached to a user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Identity)]
pub struct IdentityBody {
    /// `idn_` and 24 hex digits.
    #[schema(value_type = String)]
    id: IdentityId,
    /// The core id of its user.
    #[schema(value_type = String)]
    user_id: UserId,
    /// The connection's name.
    connection: String,
    /// The provider's name.
    provider: String,
    /// Who vouches for the subject.
    issuer: String,
    /// The account's own id there, compared as bytes.
    subject: String,
    /// Whether the user was born with it; such an identity is never detached.
    primary: bool,
    /// How we know that it is hers.
    #[schema(value_type = String)]
    proof: &'static str,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    proved_at: Timestamp,
    /// Who said so: `client:<id>`, `user:<id>` or `operator`.
    proved_by: String,
    /// Whether a token set is kept with it.
    has_tokens: bool,
    /// What the provider says of it.
    #[schema(value_type = Object)]
    #[serde(skip_serializing_if = "Profile::is_empty")]
    profile: Profile,
}

impl IdentityBody {
    /// One identity.
    pub async fn of(app: &App, tenant: TenantId, identity: Identity) -> Result<Self> {
        let label = app.label(tenant, identity.key.connection).await?;
        Ok(Self::labelled(&label, identity))
    }

    fn labelled(label: &Arc<Label>, identity: Identity) -> Self {
        Self {
            id: identity.id,
            user_id: identity.user,
            connection: label.name.clone(),
            provider: label.provider.clone(),
            primary: identity.is_primary(),
            issuer: identity.key.issuer,
            subject: identity.key.subject,
            proof: identity.proof.name(),
            proved_at: identity.proved_at,
            proved_by: identity.proved_by.to_string(),
            has_tokens: identity.has_tokens,
            profile: identity.profile,
        }
    }
}

/// Identities of one user.
pub async fn identities(app: &App, tenant: TenantId, identities: Vec<Identity>) -> Result<Vec<IdentityBody>> {
    let mut bodies = Vec::with_capacity(identities.len());
    for identity in identities {
        bodies.push(IdentityBody::of(app, tenant, identity).await?);
    }
    Ok(bodies)
}

impl User {
    /// One user.
    pub async fn of(app: &App, tenant: TenantId, found: UserWithIdentities) -> Result<Self> {
        Ok(Self {
            id: found.user.id,
            updated_at: found.updated_at(),
            profile: found.user.profile,
            blocked: found.user.blocked == Some(true),
            created_at: found.user.created_at,
            identities: identities(app, tenant, found.identities).await?,
        })
    }
}

/// A page of users.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserPage {
    /// The users, in the order of their ids.
    pub users: Vec<User>,
    /// Where the next page begins; absent when this one is empty, and the list at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A page of events.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventPage {
    /// The events, in the order in which they were committed.
    pub events: Vec<EventBody>,
    /// Where the next page begins; absent when this one is empty: ask with the same `after`
    /// again later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventBody {
    /// `evt_` and 24 hex digits.
    id: String,
    /// What happened, such as `identity.linked`.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: &'static str,
    /// To whom: a core id.
    user_id: String,
    /// Who did it: `client:<id>`, `user:<id>` or `operator`.
    actor: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What more there is to say, by type.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    details: Object,
    /// Personal fields, until the user is erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    personal: Option<serde_json::Value>,
}

impl From<ReadEvent> for EventBody {
    fn from(ReadEvent { event, personal }: ReadEvent) -> Self {
        let mut details = Object::new();
        let mut put = |name: &str, value: String| details.insert(name.to_owned(), value.into());
        match &event.what.kind {
            EventKind::UserCreated {
                identity,
                connection,
                proof,
            }
            | EventKind::IdentityLinked {
                identity,
                connection,
                proof,
            }
            | EventKind::IdentityRefreshed {
                identity,
                connection,
                proof,
            } => {
                put("identity", identity.to_string());
                put("connection", connection.to_string());
                put("proof", proof.name().to_owned());
            }
            EventKind::UserUpdated { fields } => {
                put("fields", fields.clone());
            }
            EventKind::UserDeleted => {}
            EventKind::IdentityFreed { identity, connection }
            | EventKind::IdentityRecreated { identity, connection } => {
                put("identity", identity.to_string());
                put("connection", connection.to_string());
            }
            EventKind::IdentitySplit {
                identity,
                connection,
                to,
            } => {
                put("identity", identity.to_string());
                put("connection", connection.to_string());
                put("to_user_id", to.to_string());
            }
            EventKind::UserAbsorbed { absorbed, proof } => {
                put("absorbed_user_id", absorbed.to_string());
                put("proof", proof.name().to_owned());
            }
        }
        Self {
            id: event.id.to_string(),
            kind: event.what.kind.name(),
            user_id: event.what.user.to_string(),
            actor: event.what.actor.to_string(),
            at: event.what.at,
            details,
            personal,
        }
    }
}

/// What a link answers that attached nothing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum NotAttached {
    /// The account, which was hers before.
    Refreshed(Box<IdentityBody>),
    /// What would happen.
    DryRun(DryRun),
}

/// What a dry run says.
#[derive(Debug, Serialize, ToSchema)]
pub struct DryRun {
    /// Always true.
    pub dry_run: bool,
    /// `attached` or `refreshed`: how the request would end.
    #[schema(value_type = String)]
    pub outcome: &'static str,
}

/// Whose accounts several are.
#[derive(Debug, Serialize, ToSchema)]
pub struct Resolved {
    /// In the order in which they were asked for.
    pub results: Vec<ResolvedOne>,
}

/// Whose account one is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResolvedOne {
    /// The connection, as it was asked for.
    pub connection: String,
    /// The subject, as it was asked for.
    pub subject: String,
    /// The user; `null` when nobody has it.
    pub user: Option<User>,
}

/// An account and its credential, as a caller sends them.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; it is read by `account`")]
pub struct LinkBody {
    /// The connection's name or id.
    connection: String,
    /// The account's own id there: 1 to 255 bytes.
    subject: String,
    /// Its live credential.
    tokens: Option<TokensBody>,
    /// What is known of it.
    #[schema(value_type = Option<Object>)]
    profile: Option<Object>,
    /// `true` asks the network whether the tokens prove the account, and whose it is: then `subject` may
    /// be left out, and must otherwise be what the network says, and there is no `profile`.
    verify: Option<bool>,
}

/// What a provider handed out.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; it is read by `tokens`")]
pub struct TokensBody {
    /// Opens the account at its network.
    access_token: Option<String>,
    /// The second half of an OAuth 1.0a token.
    token_secret: Option<String>,
    /// Buys a new access token.
    refresh_token: Option<String>,
    /// What the issuer said of the person, signed.
    id_token: Option<String>,
    /// What the tokens allow.
    scopes: Option<Vec<String>>,
    /// How long the access token lives from now, in seconds.
    expires_in: Option<i64>,
}

/// A user to be made.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; it is read by `users::create`")]
pub struct NewUserBody {
    /// The full name, for display.
    name: Option<String>,
    /// An e-mail address; not verified.
    email: Option<String>,
    /// What she logs in with.
    password: Option<String>,
    /// An account of hers elsewhere, attached in the same act.
    identity: Option<LinkBody>,
}

/// Accounts to be looked up.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; it is read by `identities::resolve_many`")]
pub struct ResolveBody {
    /// 1 to 100 of them.
    identities: Vec<AccountName>,
}

/// The name of an account.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; it is read by `identities::resolve_many`")]
pub struct AccountName {
    /// The connection's name or id.
    connection: String,
    /// The account's own id there.
    subject: String,
}

/// Problem details (RFC 9457).
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; it is written by `error`")]
pub struct Problem {
    /// `about:blank`.
    #[schema(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    /// The status.
    status: u16,
    /// A word for programs, which never changes.
    code: String,
    /// A sentence for people.
    detail: String,
    /// What is at fault in the request.
    field: Option<String>,
}

/// An account as a caller gives it.
pub enum Given {
    /// She vouches for it.
    Asserted(Asserted),
    /// Its network shall.
    ToProve(Presented),
}

/// Reads an account. What is proved tells its subject and profile itself; a subject that is named all the
/// same must be that one.
pub fn account(mut fields: Fields, now: Timestamp) -> std::result::Result<Given, Fault> {
    let verify = fields.opt_bool("verify")?.unwrap_or(false);
    let connection = ConnectionRef::parse(&fields.text("connection")?);
    let tokens = match fields.opt_fields("tokens")? {
        Some(tokens) => self::tokens(tokens, now)?,
        None if verify => return Err(fields.fault("tokens", Reason::MissingRequired)),
        None => TokenSet::default(),
    };
    let given = match verify {
        true => Given::ToProve(Presented {
            connection,
            tokens,
            subject: fields.opt_text("subject")?,
        }),
        false => Given::Asserted(Asserted {
            connection,
            subject: fields.text("subject")?,
            claims: fields.opt_object("profile")?.unwrap_or_default(),
            tokens,
        }),
    };
    fields.finish()?;
    Ok(given)
}

/// Reads a token set that ends so long after `now` as it says.
pub fn tokens(mut fields: Fields, now: Timestamp) -> std::result::Result<TokenSet, Fault> {
    let mut secret = |name: &str| match fields.opt_text(name)? {
        Some(text) if text.is_empty() => Err(fields.fault(name, Reason::TooShort { len: 0, min: 1 })),
        Some(text) => Ok(Some(SecretString::from(text))),
        None => Ok(None),
    };
    let mut set = TokenSet {
        access_token: secret("access_token")?,
        token_secret: secret("token_secret")?,
        refresh_token: secret("refresh_token")?,
        id_token: secret("id_token")?,
        scopes: Vec::new(),
        expires_at: None,
    };
    for (n, scope) in fields.opt_array("scopes")?.unwrap_or_default().into_iter().enumerate() {
        match scope {
            serde_json::Value::String(scope) if !scope.is_empty() && !scope.contains(' ') => set.scopes.push(scope),
            _ => return Err(fields.fault(&format!("scopes[{n}]"), Reason::Other("must be a text without spaces"))),
        }
    }
    if let Some(seconds) = fields.opt_integer("expires_in", i64::MIN..=i64::MAX)? {
        // Nothing is believed to live longer than ten years; what has ended has ended.
        let longest = i64::try_from(LONGEST_LIFE.as_secs()).unwrap_or(i64::MAX);
        let at = now.as_second().saturating_add(seconds.clamp(0, longest));
        set.expires_at = Timestamp::from_second(at).ok();
    }
    fields.finish()?;
    Ok(set)
}
