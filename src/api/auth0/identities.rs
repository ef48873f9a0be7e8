//! `/api/v2/users/{id}/identities`: linking and unlinking (`api/auth0.md` section 7).
//!
//! Linking comes in two forms: *by proof*, an ID token of ours that the second account has
//! just got, and *by name*, by whoever may change all users. What would surprise: an ID
//! token is spent by the link that it proves, and sent again it answers 409 to the same
//! pair of users and 400 to any other.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use serde_json::Value;

use super::error::{self, Problem};
use super::form::Body;
use super::names::{self, Names};
use super::wire::{self, OnPrimary, Tokens};
use crate::app::App;
use crate::app::link::{Account, Asserted, IfOwned, IfUnknown, LinkRequest, OnSame, PerNetwork, Spend};
use crate::app::log_in::Claims;
use crate::app::resolve::Located;
use crate::app::unlink::{Ending, LastWayIn};
use crate::domain::spelling::{self, AUTH0_PROVIDERS};
use crate::domain::tenant::LinkUnknown;
use crate::domain::user::Birthplace;
use crate::domain::{
    Caller, Connection, ConnectionRef, Identity, Object, Proof, Scope, TokenSet, UserRef, UserWithIdentities,
};
use crate::error::{Error, Noun, ProofFault};
use crate::id::{ClientId, ConnectionId};
use crate::secret::Digest;
use crate::web::path::Segments;
use crate::web::refusal::{Place, Refusal};
use crate::web::{Fault, Fields, JsonType, Reason};

/// What the id of a connection must match.
pub const CONNECTION_ID_PATTERN: &str = "^con_[A-Za-z0-9]{16}$";

/// The account that is to be linked, as the body names it.
enum Second {
    /// By an ID token.
    Proved(String),
    /// By name.
    Named(Named),
}

/// An account by name.
struct Named {
    provider: String,
    local_id: String,
    connection: Option<String>,
}

/// `POST /api/v2/users/{id}/identities`.
pub async fn link(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id]): Segments<1>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let second = Second::read(body)?;
    let user = names::user(&id);
    match second {
        Second::Proved(token) => link_proved(&app, &caller, &user, &token).await?,
        Second::Named(named) => link_named(&app, &caller, &user, &named).await?,
    }
    let linked = app.user_to_link(&caller, &user).await.map_err(Error::after_act)?;
    let names = Names::of(&app, caller.tenant, &linked)
        .await
        .map_err(Error::after_act)?;
    let shown = wire::identities(&names, &linked, OnPrimary::Show, &Tokens::default());
    Ok(wire::json(StatusCode::CREATED, &shown))
}

/// `DELETE /api/v2/users/{id}/identities/{provider}/{user_id}`.
///
/// An identity that the user has not got is already off: 200 with the list as it is
/// (`api/auth0.md` 16, 3), which is also what an id with its provider's prefix gets (16a.4).
pub async fn unlink(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Segments([id, provider, local_id]): Segments<3>,
) -> Result<Response, Problem> {
    if !AUTH0_PROVIDERS.contains(&provider.as_str()) {
        let fault = Fault::new("provider", Reason::NotInEnum(AUTH0_PROVIDERS));
        let place = Place::Path;
        return Err(Refusal::Invalid { place, fault }.into());
    }
    let user = names::user(&id);
    let before = app.user_to_link(&caller, &user).await?;
    let names = Names::of(&app, caller.tenant, &before).await?;
    let last = match caller.user {
        Some(_) => LastWayIn::Keep,
        None => LastWayIn::Force,
    };
    let which = |identities: &[Identity]| {
        let meant = |identity: &&Identity| names.fits(identity, &provider, &local_id);
        identities.iter().find(meant).map(|identity| identity.id)
    };
    let left = match app.unlink(&caller, &user, which, Ending::Split, last).await {
        Err(Error::NotFound(Noun::Identity)) => app.user_to_link(&caller, &user).await?,
        left => left?,
    };
    let shown = wire::identities(&names, &left, OnPrimary::Show, &Tokens::default());
    Ok(wire::json(StatusCode::OK, &shown))
}

async fn link_named(app: &App, caller: &Caller, user: &UserRef, named: &Named) -> Result<(), Problem> {
    caller.needs(&[Scope::UpdateUsers])?;
    app.user_to_link(caller, user).await?;
    let chosen = match &named.connection {
        None => None,
        Some(id) => Some(id.parse::<ConnectionId>().map_err(|_| error::not_configured())?),
    };
    let unknown = match app.settings_of(caller.tenant).await?.link_unknown {
        LinkUnknown::Refuse => IfUnknown::Refuse,
        LinkUnknown::Create => IfUnknown::Attach,
    };
    let (located, subject) = locate(app, caller, named, chosen).await?;
    let at = match (located, unknown) {
        (Located::NoConnection, _) => return Err(error::not_configured()),
        (Located::Owned(connection), _) | (Located::Unknown(Some(connection)), IfUnknown::Attach) => connection.id,
        (Located::Unknown(_), _) if chosen.is_some() => return Err(error::of_link(Error::NotFound(Noun::Identity))),
        (Located::Unknown(_), _) => {
            return Err(Problem::bad_request(
                "Linking to an inexistent identity requires a connection.",
                "inexistent_identity",
            ));
        }
    };
    let if_owned = IfOwned::Absorb {
        proof: Proof::Asserted,
        spend: None,
        epoch: None,
    };
    let request = request(user, at, &subject, if_owned, unknown);
    app.link(caller, request).await.map_err(error::of_link)?;
    Ok(())
}

/// Where the account is, and its own id there. The provider may stand in front of the id
/// (16a.1), and so may the connection where ids of this provider name it.
async fn locate(
    app: &App,
    caller: &Caller,
    named: &Named,
    chosen: Option<ConnectionId>,
) -> Result<(Located, String), Error> {
    let provider = named.provider.as_str();
    let prefixed = named
        .local_id
        .strip_prefix(provider)
        .and_then(|rest| rest.strip_prefix('|'));
    let local = prefixed.unwrap_or(&named.local_id);
    let fits = |candidate: &Connection| {
        spelling::auth0_strategy(candidate) == provider && chosen.is_none_or(|chosen| chosen == candidate.id)
    };
    if let UserRef::Born {
        at: Birthplace::Connection(name),
        subject,
    } = names::user(&format!("{provider}|{local}"))
    {
        let among = |candidate: &Connection| candidate.name == name && fits(candidate);
        match app.locate(caller, among, &subject).await? {
            Located::NoConnection => {}
            located => return Ok((located, subject)),
        }
    }
    Ok((app.locate(caller, fits, local).await?, local.to_owned()))
}

async fn link_proved(app: &App, caller: &Caller, user: &UserRef, token: &str) -> Result<(), Problem> {
    let primary = app.user_to_link(caller, user).await?;
    let claims = app
        .read_id_token(token)
        .await
        .map_err(|fault| Error::ProofRejected(fault.into()))?;
    check_claims(caller, &claims).map_err(Error::ProofRejected)?;

    let names = Names::of(app, caller.tenant, &primary).await?;
    let spend = Spend {
        token: Digest::of(token.as_bytes()),
        until: Timestamp::from_second(claims.exp).unwrap_or(Timestamp::MAX),
        pair: Digest::of(format!("{}\0{}", names.id_of(&primary), claims.sub).as_bytes()),
    };
    check_unspent(app, caller, &spend).await?;
    let max_age = app.settings_of(caller.tenant).await?.link_with_max_age;
    let second = app.user_of_id_token(caller.tenant, &names::user(&claims.sub)).await?;
    let second = second.ok_or(Error::ProofRejected(ProofFault::UnknownAccount))?;
    let too_old = claims.iat.saturating_add(max_age.into()) < app.now().as_second();
    if too_old || claims.user_epoch != Some(second.user.epoch) {
        return Err(Error::ProofRejected(ProofFault::Invalid).into());
    }
    let born = born_with(&second)?;
    let if_owned = IfOwned::Absorb {
        proof: Proof::TwoProof,
        spend: Some(spend.clone()),
        epoch: claims.user_epoch,
    };
    let request = request(
        user,
        born.key.connection,
        &born.key.subject,
        if_owned,
        IfUnknown::Refuse,
    );
    match app.link(caller, request).await {
        Ok(_) => Ok(()),
        Err(error) => {
            // Somebody may have spent it a moment ago.
            check_unspent(app, caller, &spend).await?;
            Err(error::of_link(error))
        }
    }
}

fn born_with(found: &UserWithIdentities) -> Result<&Identity, Error> {
    let born = found.identities.iter().find(|identity| identity.is_primary());
    born.ok_or_else(|| Error::internal("a user has no primary identity"))
}

/// That an ID token was made for the client of the caller, and by the origin that the
/// caller's own token names (`api/auth0.md` 7.1).
fn check_claims(caller: &Caller, claims: &Claims) -> Result<(), ProofFault> {
    let names_somebody = |(provider, id): (&str, &str)| !provider.is_empty() && !id.is_empty();
    if !claims.sub.split_once('|').is_some_and(names_somebody) {
        return Err(ProofFault::MalformedSub);
    }
    if claims.iss != *caller.issuer {
        return Err(ProofFault::IssuerMismatch);
    }
    let [aud] = claims.aud.as_slice() else {
        return Err(ProofFault::MalformedAudience);
    };
    let aud: ClientId = aud.parse().map_err(|_| ProofFault::MalformedAudience)?;
    match aud == caller.client {
        true => Ok(()),
        false => Err(ProofFault::AudienceMismatch),
    }
}

async fn check_unspent(app: &App, caller: &Caller, spend: &Spend) -> Result<(), Error> {
    match app.find_spent(caller.tenant, spend.token).await? {
        None => Ok(()),
        Some(pair) if pair == spend.pair => Err(Error::IdentityTaken),
        Some(_) => Err(Error::ProofRejected(ProofFault::Invalid)),
    }
}

fn request(user: &UserRef, at: ConnectionId, subject: &str, if_owned: IfOwned, if_unknown: IfUnknown) -> LinkRequest {
    LinkRequest {
        user: user.clone(),
        account: Account::Asserted(Asserted {
            connection: ConnectionRef::Id(at),
            subject: subject.to_owned(),
            claims: Object::new(),
            tokens: TokenSet::default(),
        }),
        on_same: OnSame::Refuse,
        if_owned,
        if_unknown,
        per_network: PerNetwork::Many,
        once: None,
        dry_run: false,
    }
}

impl Second {
    fn read(body: Object) -> Result<Self, Problem> {
        if body.is_empty() {
            let reason = Reason::Other("Too few properties defined (0), minimum 1");
            return Err(Fault::new("", reason).into());
        }
        let mut fields = Fields::new(body);
        let token = fields.opt_text("link_with")?;
        let provider = fields.opt_text("provider")?;
        let local_id = match fields.take("user_id") {
            None => None,
            Some(Value::String(id)) if id.is_empty() => {
                return Err(fields.fault("user_id", Reason::TooShort { len: 0, min: 1 }).into());
            }
            Some(Value::String(id)) => Some(id),
            Some(Value::Number(id)) if !id.is_f64() => Some(id.to_string()),
            Some(other) => {
                let (expected, found) = (JsonType::String, JsonType::of(&other));
                return Err(fields.fault("user_id", Reason::WrongType { expected, found }).into());
            }
        };
        let connection = fields.opt_text("connection_id")?;
        if connection.as_deref().is_some_and(|id| !is_connection_id(id)) {
            return Err(fields
                .fault("connection_id", Reason::Pattern(CONNECTION_ID_PATTERN))
                .into());
        }
        let missing = fields.fault("user_id", Reason::MissingRequired);
        let excluded = fields.fault(
            "link_with",
            Reason::Other("It excludes provider, user_id and connection_id"),
        );
        fields.finish()?;
        match (token, provider, local_id, connection) {
            (Some(token), None, None, None) => Ok(Self::Proved(token)),
            (Some(_), ..) => Err(excluded.into()),
            (None, _, None, _) => Err(missing.into()),
            (None, Some(provider), Some(local_id), connection) if AUTH0_PROVIDERS.contains(&provider.as_str()) => {
                Ok(Self::Named(Named {
                    provider,
                    local_id,
                    connection,
                }))
            }
            (None, ..) => Err(error::not_configured()),
        }
    }
}

/// Whether a text has the form of a connection's id. Ours are stricter: not every text of
/// the form can be one.
pub fn is_connection_id(text: &str) -> bool {
    text.strip_prefix("con_")
        .is_some_and(|id| id.len() == 16 && id.bytes().all(|b| b.is_ascii_alphanumeric()))
}
