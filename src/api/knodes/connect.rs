//! `POST /users/connect` and `POST /users/disconnect` (`api/knodes.md` 7.3, 7.4): the nearest that
//! there is to a log-in.
//!
//! Whose the account is and what may happen to it is decided by `App::connect`; here stands what the
//! parameters mean. What would surprise: without a token nothing at all is written, not even that
//! somebody was here (LNK-14).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use http::StatusCode;
use jiff::Timestamp;

use super::error::Problem;
use super::kept::{self, News};
use super::params::{Asked, Params};
use super::{notices, users, wire};
use crate::app::App;
use crate::app::bags::{Came, Keeping};
use crate::app::connect::{ConnectRequest, Connected, Shown};
use crate::app::unlink::{Ending, LastWayIn};
use crate::domain::spelling::knodes_network;
use crate::domain::{Identity, TokenSet};
use crate::error::{Error, Noun};
use crate::web::Json;

/// The network that is no network: an address book of the user's own.
const CONTACTS: &str = "contacts";

/// The longest that a token is believed to live (JWT-08).
const LONGEST_LIFE: Duration = Duration::from_secs(10 * 365 * 86_400);

/// `POST /users/connect`.
pub async fn connect(State(app): State<Arc<App>>, asked: Asked) -> Result<Json<wire::User>, Problem> {
    let params = &asked.params;
    let network = params.text("network")?;
    let subject = params.text("network_id")?;
    let user = params.opt("user_id")?.map(users::user).transpose()?;
    let tokens = tokens(params, app.now())?;
    let notices = notices::read(params)?;
    let wants_index = params.opt("do_index")?.is_some();
    if tokens.is_none() {
        may_come_without_token(&asked)?;
    }
    let shown = match (network, tokens) {
        (CONTACTS, _) if user.is_none() => return Err(Problem::bad_request("user_id is required for contacts")),
        (CONTACTS, tokens) => Shown::Word(tokens.unwrap_or_default()),
        (_, Some(tokens)) => Shown::Tokens(tokens),
        (_, None) => Shown::Nothing,
    };
    let now = app.now().as_second();
    let change = |bag, came| {
        let news = News {
            verified: network != CONTACTS,
            active: true,
            // Of an account that is connected already, nothing new can be captured.
            index: wants_index && came == Came::New,
            notices: notices.clone(),
            ..News::default()
        };
        kept::changed(bag, &news, now)
    };
    let request = ConnectRequest {
        user,
        provider: wire::provider(network)?.to_owned(),
        subject: subject.to_owned(),
        shown,
        keeping: Keeping {
            dialect: kept::DIALECT,
            change: &change,
        },
    };
    let (found, outcome) = app.connect(&asked.caller, request).await.map_err(of_connect)?;
    let shown = wire::User::of(&app, &asked, found).await.map_err(Error::after_act)?;
    Ok(Json(shown.at_first_login(outcome == Connected::Made)))
}

/// `POST /users/disconnect`: frees the account for anyone.
pub async fn disconnect(State(app): State<Arc<App>>, asked: Asked) -> Result<Json<wire::User>, Problem> {
    let params = &asked.params;
    let user = users::named(params)?;
    let network = params.text("network")?;
    let subject = params.opt("network_id")?;
    let connections = app.connections_of(asked.caller.tenant).await?;
    let is_meant = |identity: &Identity| {
        let at = connections.iter().find(|one| one.id == identity.key.connection);
        at.is_some_and(|at| knodes_network(&at.provider) == Some(network))
            && subject.is_none_or(|subject| subject == identity.key.subject)
    };
    let which = |all: &[Identity]| all.iter().find(|one| is_meant(one)).map(|one| one.id);
    let found = app
        .unlink(&asked.caller, &user, which, Ending::Free, LastWayIn::Force)
        .await?;
    Ok(Json(
        wire::User::of(&app, &asked, found).await.map_err(Error::after_act)?,
    ))
}

/// Whoever has the customer's secret may leave the token out, unless the customer forbids it; a page
/// in a browser never, for it has no business with that secret.
fn may_come_without_token(asked: &Asked) -> Result<(), Problem> {
    if asked.from_page {
        return Err(Problem::forbidden("token is required from a page"));
    }
    match asked.tenant.settings.tokenless_connect {
        true => Ok(()),
        false => Err(Problem::forbidden("token is required by this customer")),
    }
}

/// The token set, if there is a token.
fn tokens(params: &Params, now: Timestamp) -> Result<Option<TokenSet>, Problem> {
    let (created, expires_in) = (seconds(params, "created")?, seconds(params, "expires_in")?);
    let Some(token) = params.secret("token")? else {
        return Ok(None);
    };
    let longest = i64::try_from(LONGEST_LIFE.as_secs()).unwrap_or(i64::MAX);
    let expires_at = expires_in.and_then(|lives| {
        let created = created.unwrap_or(now.as_second());
        Timestamp::from_second(created.saturating_add(lives.min(longest))).ok()
    });
    Ok(Some(TokenSet {
        access_token: Some(token),
        token_secret: params.secret("secret")?,
        refresh_token: params.secret("refresh_token")?,
        expires_at,
        ..TokenSet::default()
    }))
}

fn seconds(params: &Params, name: &str) -> Result<Option<i64>, Problem> {
    match params.number(name)? {
        Some(seconds) if seconds < 0 => Err(Problem::bad_request(format!("{name} must not be negative"))),
        seconds => Ok(seconds),
    }
}

/// Errors of connecting, where they mean something else than elsewhere.
fn of_connect(error: Error) -> Problem {
    match error {
        Error::NotFound(Noun::User) => Problem::new(StatusCode::NOT_FOUND, "invalid user"),
        Error::NotFound(Noun::Identity) => {
            Problem::bad_request("token is required for an account that nobody has connected")
        }
        other => other.into(),
    }
}
