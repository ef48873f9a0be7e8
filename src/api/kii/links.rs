//! Linking, unlinking and logging in with an account elsewhere (`api/kii.md` 6 and 7).
//!
//! What would surprise: the network is asked before anything else is known of the account, so a token that it
//! refuses fails alike whether the account is free, the user's own or somebody else's; and whose it is, nobody
//! is told.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::caller::Asking;
use super::error::Problem;
use super::networks::{self, Link, Network, With};
use super::{body, tokens, wire};
use crate::app::App;
use crate::app::link::{Account, IfOwned, IfUnknown, LinkRequest, OnSame, PerNetwork};
use crate::app::unlink::{Ending, LastWayIn};
use crate::app::verify::{Presented, Proved};
use crate::domain::{ConnectionRef, Identity, TokenSet, UserRef, spelling};
use crate::error::{Error, Noun};
use crate::secret::SecretString;
use crate::web::path::Segments;
use crate::web::{Fields, Reason, Refusal};

/// `POST /apps/{appID}/users/{user}/{network}/link`.
pub async fn link(
    State(app): State<Arc<App>>,
    asking: Asking,
    Segments([_, text, name]): Segments<3>,
    incoming: body::Incoming,
) -> Result<Response, Problem> {
    let (network, link) = linkable(&name)?;
    let user = asking.over(&app, &text).await?.user.id;
    let presented = presented(incoming.object(link.request).await?, link)?;
    let proved = prove(&app, &asking, network, presented).await?;
    let (account, of_path) = (proved.subject().to_owned(), spelling::uuid(user));
    let request = LinkRequest {
        user: UserRef::Id(user),
        account: Account::Proved(proved),
        on_same: OnSame::Refuse,
        if_owned: IfOwned::Refuse,
        if_unknown: IfUnknown::Attach,
        per_network: PerNetwork::One,
        once: None,
        dry_run: false,
    };
    match app.link(&asking.caller, request).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT.into_response()),
        Err(Error::IdentityTaken | Error::NetworkTaken | Error::PrimaryIdentity) => {
            Err(link.linked(&account, &of_path))
        }
        Err(Error::NotFound(Noun::User)) => Err(asking.no_user(&text)),
        Err(error) => Err(error.into()),
    }
}

/// `POST /apps/{appID}/users/{user}/{network}/unlink`.
pub async fn unlink(
    State(app): State<Arc<App>>,
    asking: Asking,
    Segments([_, text, name]): Segments<3>,
    incoming: body::Incoming,
) -> Result<Response, Problem> {
    let network = networks::named(&name).ok_or(Refusal::NoRoute)?;
    let found = asking.over(&app, &text).await?;
    let user = found.user.id;
    incoming.empty_or(None).await?;
    let mut of_network = Vec::new();
    for identity in &found.identities {
        let label = app.label(asking.tenant, identity.key.connection).await?;
        if label.provider == network.provider {
            of_network.push(identity.key.connection);
        }
    }
    let which = |identities: &[Identity]| {
        let mut all = identities.iter();
        all.find(|identity| of_network.contains(&identity.key.connection))
            .map(|identity| identity.id)
    };
    let last = if asking.is_admin() {
        LastWayIn::Force
    } else {
        LastWayIn::Keep
    };
    match app
        .unlink(&asking.caller, &UserRef::Id(user), which, Ending::Free, last)
        .await
    {
        Ok(_) => Ok(StatusCode::NO_CONTENT.into_response()),
        Err(Error::NotFound(Noun::Identity)) => {
            let message = format!("No {} account is linked", network.path);
            let problem = Problem::new(
                StatusCode::CONFLICT,
                "UserNotLinkedException",
                "USER_NOT_LINKED",
                message,
            );
            Err(problem.with("userID", spelling::uuid(user)))
        }
        Err(Error::NotFound(Noun::User)) => Err(asking.no_user(&text)),
        Err(error) => Err(error.into()),
    }
}

/// `POST /apps/{appID}/integration/{network}`: the person whose account this is, found or made, and a token
/// for her. Whoever asks is not looked at: this links nothing to anybody.
pub async fn log_in(
    State(app): State<Arc<App>>,
    asking: Asking,
    Segments([_, name]): Segments<2>,
    incoming: body::Incoming,
) -> Result<Response, Problem> {
    let network = networks::named(&name).ok_or(Refusal::NoRoute)?;
    let link = network.link.as_ref().ok_or(Refusal::NoRoute)?;
    let mut fields = incoming.object(link.login).await?;
    let settings = app.settings_of(asking.tenant).await?;
    let asked = tokens::asked_end(&mut fields)?;
    let terms = tokens::terms(&app, &settings, asked, settings.kii_refresh_tokens)?;
    let presented = presented(fields, link)?;
    let arrived = match prove(&app, &asking, network, presented).await {
        Ok(proved) => {
            if !settings.kii_sign_up {
                let at = ConnectionRef::Id(proved.connection().id);
                let known = app.resolve(&asking.server(&app), &at, proved.subject()).await;
                known.map_err(|error| match error {
                    Error::NotFound(_) => Problem::invalid_grant(),
                    other => other.into(),
                })?;
            }
            match app.arrive(&asking.caller, proved).await {
                // All that a log-in is refused for has this code.
                Err(Error::IdentityErased) => return Err(Problem::erased_grant()),
                arrived => arrived?,
            }
        }
        // What the network or its configuration says against it is one answer.
        Err(problem) if problem.is("RESOURCE_TEMPORARILY_UNAVAILABLE") => return Err(problem),
        Err(problem) if problem.is("INVALID_INPUT_DATA") || problem.is("OPERATION_NOT_ALLOWED") => {
            return Err(Problem::oauth(
                "invalid_grant",
                "The network does not vouch for this account",
            ));
        }
        Err(problem) => return Err(problem),
    };
    let handed = tokens::hand(&app, &asking, &arrived.user, terms).await?;
    let mut answer = tokens::token(&app, &spelling::uuid(arrived.user.user.id), &handed, terms);
    answer.insert("new_user_created".to_owned(), arrived.is_new.into());
    Ok(wire::json_text(StatusCode::OK, &answer))
}

fn linkable(name: &str) -> Result<(&'static Network, &'static Link), Problem> {
    let network = networks::named(name).ok_or(Refusal::NoRoute)?;
    let link = network.link.as_ref().ok_or_else(|| {
        Problem::plain(
            StatusCode::BAD_REQUEST,
            "ACCOUNT_TYPE_NOT_SUPPORTED",
            "Accounts of this network are not linked here",
        )
    })?;
    Ok((network, link))
}

/// What a body has of an account.
fn presented(mut fields: Fields, link: &Link) -> Result<(TokenSet, Option<String>), Problem> {
    let mut text = |name: &str| -> Result<String, Problem> {
        match fields.text(name)? {
            empty if empty.is_empty() => Err(fields.fault(name, Reason::TooShort { len: 0, min: 1 }).into()),
            text => Ok(text),
        }
    };
    let mut tokens = TokenSet {
        access_token: Some(text("accessToken")?.into()),
        ..TokenSet::default()
    };
    let mut subject = None;
    match link.with {
        With::Nothing => {}
        With::Secret => tokens.token_secret = Some(SecretString::from(text("accessTokenSecret")?)),
        With::OpenId => subject = Some(text("openID")?),
    }
    Ok((tokens, subject))
}

async fn prove(
    app: &App,
    asking: &Asking,
    network: &Network,
    (tokens, subject): (TokenSet, Option<String>),
) -> Result<Proved, Problem> {
    let connection = app.default_connection(asking.tenant, network.provider).await?;
    let presented = Presented {
        connection: ConnectionRef::Id(connection.id),
        tokens,
        subject,
    };
    Ok(app.prove(asking.tenant, presented).await?)
}
