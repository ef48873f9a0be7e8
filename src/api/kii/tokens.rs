//! Tokens: `POST …/oauth2/token` in both of its places (`api/kii.md` 3).
//!
//! What would surprise: the older place has no application in its path, and its clients name no grant, so what
//! they want is seen from what they send; and the wrong password, the unknown name, the address that is not
//! verified and the disabled user all get the same answer.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::caller::{self, Asking};
use super::error::Problem;
use super::{body, phone, wire};
use crate::app::App;
use crate::app::opaque::{Handed, Holder, LoginKind, LoginName, Terms};
use crate::domain::{Object, Settings, UserWithIdentities, spelling};
use crate::error::Error;
use crate::id::TenantId;
use crate::secret::{ExposeSecret, SecretString};
use crate::web::path::Segments;
use crate::web::{Arrival, Fields};

/// What JSON and forms are called here.
const REQUEST: &str = "OauthTokenRequest";

/// The tenth year of the twenty-first century and more is given in milliseconds by every client; what is longer
/// than these seconds is said as these.
const LONGEST_SECONDS: i64 = i32::MAX as i64;

/// `POST /apps/{appID}/oauth2/token`.
pub async fn of_app(
    State(app): State<Arc<App>>,
    Extension(arrival): Extension<Arrival>,
    Segments([id]): Segments<1>,
    incoming: body::Incoming,
) -> Result<Response, Problem> {
    let tenant = caller::app(&app, &id).await?;
    let fields = incoming.object_or_form(REQUEST).await?;
    give(&app, &arrival, tenant, fields).await
}

/// `POST /oauth2/token`.
pub async fn of_any(
    State(app): State<Arc<App>>,
    Extension(arrival): Extension<Arrival>,
    incoming: body::Incoming,
) -> Result<Response, Problem> {
    let named = app_of(&incoming.headers);
    let fields = incoming.object_or_form(REQUEST).await?;
    // The id of a client begins with that of its application.
    let of_client = || {
        let id = peek(&fields, "client_id")?;
        Some(id.get(..16)?.to_owned())
    };
    let id = named.or_else(of_client).ok_or_else(Problem::no_app)?;
    let tenant = caller::app(&app, &id).await?;
    give(&app, &arrival, tenant, fields).await
}

/// The application that headers name.
fn app_of(headers: &HeaderMap) -> Option<String> {
    if let Some(id) = headers.get("x-kii-appid") {
        return id.to_str().ok().map(str::to_owned);
    }
    let (scheme, given) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    match scheme.eq_ignore_ascii_case("basic") {
        true => caller::basic(given.trim()),
        false => None,
    }
}

fn peek(fields: &Fields, name: &str) -> Option<String> {
    match fields.clone().take(name)? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

async fn give(app: &App, arrival: &Arrival, tenant: TenantId, fields: Fields) -> Result<Response, Problem> {
    let settings = app.settings_of(tenant).await?;
    let mut fields = fields.without_nulls();
    let grant = match fields.opt_text("grant_type")? {
        Some(grant) => grant,
        None if fields.has("username") && fields.has("password") => "password".to_owned(),
        None if fields.has("client_id") && fields.has("client_secret") => "client_credentials".to_owned(),
        None => return Err(unsupported()),
    };
    let ends_at = asked_end(&mut fields)?;
    let answer = match grant.as_str() {
        "password" => {
            let (name, password) = (fields.text("username")?, fields.text("password")?.into());
            let terms = terms(app, &settings, ends_at, settings.kii_refresh_tokens)?;
            let address = arrival.peer.ip().to_canonical().to_string();
            let names = names(&name).ok_or_else(Problem::invalid_grant)?;
            let (found, handed) = app
                .hand_to_person(tenant, &names, &password, Some(address), terms)
                .await?;
            token(app, &spelling::uuid(found.user.id), &handed, terms)
        }
        "client_credentials" => {
            let (id, secret) = (fields.text("client_id")?, fields.text("client_secret")?.into());
            if caller::parse(&id) == Some(tenant) {
                // A token of nobody in particular never ends, as there is nothing to end.
                let open = json!({
                    "id": id,
                    "access_token": app.open_token(tenant),
                    "expires_in": LONGEST_SECONDS,
                    "token_type": "Bearer",
                });
                return Ok(wire::json_text(StatusCode::OK, &members(open)));
            }
            for_admin(app, tenant, &id, &secret, &settings, ends_at).await?
        }
        "refresh_token" => {
            let given = fields.text("refresh_token")?;
            let terms = terms(app, &settings, ends_at, settings.kii_refresh_tokens)?;
            let (holder, handed) = match app.refresh_opaque(tenant, &given, terms).await {
                Err(Error::Unauthenticated(_)) => return Err(wrong_refresh_token()),
                other => other?,
            };
            let id = match holder {
                Holder::User(user) => spelling::uuid(user),
                Holder::Admin | Holder::Anybody => caller::app_id(tenant),
            };
            token(app, &id, &handed, terms)
        }
        _ => return Err(unsupported()),
    };
    Ok(wire::json_text(StatusCode::OK, &answer))
}

async fn for_admin(
    app: &App,
    tenant: TenantId,
    id: &str,
    secret: &SecretString,
    settings: &Settings,
    ends_at: Option<Timestamp>,
) -> Result<Object, Problem> {
    // A token of the administrator never ends unless that is asked for.
    let terms = match ends_at {
        Some(_) => terms(app, settings, ends_at, settings.kii_refresh_tokens)?,
        None => Terms {
            ends_at: Timestamp::MAX,
            can_refresh: settings.kii_refresh_tokens,
        },
    };
    let handed = app.hand_to_admin(tenant, id, secret, terms).await?;
    Ok(token(app, id, &handed, terms))
}

/// The answer of whoever logs in, found or made just now, by an account of hers elsewhere or by signing up.
///
/// # Errors
/// That she was blocked meanwhile.
pub async fn hand(app: &App, asking: &Asking, found: &UserWithIdentities, terms: Terms) -> Result<Handed, Problem> {
    let handed = app.hand_to_user(asking.tenant, found, terms).await?;
    handed.ok_or_else(Problem::invalid_grant)
}

/// What is told of tokens (`api/kii.md` 3.4).
pub fn token(app: &App, id: &str, handed: &Handed, terms: Terms) -> Object {
    let seconds = terms.ends_at.as_second().saturating_sub(app.now().as_second());
    let mut answer = members(json!({
        "id": id,
        "access_token": handed.access.expose_secret(),
        "expires_in": seconds.min(LONGEST_SECONDS),
        "token_type": "Bearer",
    }));
    if let Some(refresh) = &handed.refresh {
        answer.insert("refresh_token".to_owned(), refresh.expose_secret().into());
    }
    answer
}

/// When the caller wants the token to end, in milliseconds; a form says it as text.
///
/// # Errors
/// That it is no moment.
pub fn asked_end(fields: &mut Fields) -> Result<Option<Timestamp>, Problem> {
    let Some(asked) = fields.take("expiresAt").or_else(|| fields.take("expires_at")) else {
        return Ok(None);
    };
    let millis = match &asked {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let moment = millis.and_then(|millis| Timestamp::from_millisecond(millis).ok());
    match moment {
        Some(moment) => Ok(Some(moment)),
        None => Err(Problem::oauth("invalid_grant", "expiresAt is no time in milliseconds")),
    }
}

/// Until when tokens are good: as asked for, or as the application has it.
///
/// # Errors
/// 400 for what is past, or longer than the application lets one ask for.
pub fn terms(app: &App, settings: &Settings, asked: Option<Timestamp>, can_refresh: bool) -> Result<Terms, Problem> {
    let now = app.now();
    let after = |seconds: u32| now.saturating_add(SignedDuration::from_secs(seconds.into()));
    let most = after(settings.kii_max_token_seconds).unwrap_or(Timestamp::MAX);
    let ends_at = match asked {
        None => after(settings.kii_token_seconds).unwrap_or(Timestamp::MAX).min(most),
        Some(asked) if asked <= now => return Err(Problem::oauth("invalid_grant", "expiresAt is in the past")),
        Some(asked) if asked > most => return Err(Problem::oauth("invalid_grant", "expiresAt is too far away")),
        Some(asked) => asked,
    };
    Ok(Terms { ends_at, can_refresh })
}

/// By which names somebody is looked for who says this (`api/kii.md` 3.3); `None` for what is no name.
pub fn names(said: &str) -> Option<Vec<LoginName>> {
    let name = |kind, value: &str| LoginName {
        kind,
        value: value.to_lowercase(),
    };
    if let Some(address) = said.strip_prefix("EMAIL:") {
        return Some(vec![name(LoginKind::Email, address)]);
    }
    if let Some(number) = said.strip_prefix("PHONE:") {
        return Some(vec![name(LoginKind::PhoneNumber, &phone::selected(number)?)]);
    }
    if said.starts_with("VENDOR_THING_ID:") {
        return None;
    }
    let kind = match said {
        address if address.contains('@') => LoginKind::Email,
        number if number.starts_with('+') => LoginKind::PhoneNumber,
        _ => LoginKind::Username,
    };
    Some(vec![name(kind, said)])
}

fn unsupported() -> Problem {
    Problem::oauth(
        "unsupported_grant_type",
        "The grant is not one that this server gives tokens for",
    )
}

fn wrong_refresh_token() -> Problem {
    Problem::plain(
        StatusCode::FORBIDDEN,
        "WRONG_REFRESH_TOKEN",
        "The refresh token is not valid, or was used",
    )
}

/// The members of an object that is written out.
pub fn members(value: Value) -> Object {
    match value {
        Value::Object(members) => members,
        _ => Object::new(),
    }
}
