//! `POST /oauth/token` (RFC 6749): tokens for clients, and for people who log in with a
//! password where the operator lets the client ask.
//!
//! What would surprise: a person's token without an `audience` opens nothing here. It is
//! made out to the userinfo address, as Auth0's is, for what comes with `openid`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::attempts::{Attempt, For};
use super::edge::ForClient;
use super::journal::Way;
use super::names::Names;
use super::oauth_error::OAuthProblem;
use super::wire;
use crate::app::App;
use crate::app::log_in::AccessTokenRequest;
use crate::domain::{Client, Grant, Object, Scope, Scopes};
use crate::error::Error;
use crate::secret::{ExposeSecret, SecretString};
use crate::web::Arrival;
use crate::web::body::JsonOrForm;
use crate::web::{Fault, Fields};

const CLIENT_CREDENTIALS: &str = "client_credentials";
const PASSWORD: &str = "password";
const PASSWORD_REALM: &str = "http://auth0.com/oauth/grant-type/password-realm";

/// The grants that this server can give.
pub const GRANT_TYPES: [&str; 2] = [CLIENT_CREDENTIALS, PASSWORD_REALM];

/// The scopes that open claims of ID tokens.
const OPENID_SCOPES: [&str; 3] = ["openid", "profile", "email"];

/// `POST /oauth/token`.
pub async fn token(
    State(app): State<Arc<App>>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
    JsonOrForm(body): JsonOrForm,
) -> Response {
    let mut attempt = Attempt::default();
    let given = give(&app, &arrival, &headers, body, &mut attempt).await;
    let client = attempt.client;
    let end = given.as_ref().map(drop).map_err(|problem| problem.error);
    attempt.end(&app, Way::of(Some(&arrival), &headers), end);
    let mut response = match given {
        Ok(given) => wire::json(StatusCode::OK, &given),
        Err(problem) => problem.into_response(),
    };
    if let Some(client) = client {
        response.extensions_mut().insert(ForClient(client));
    }
    response
}

/// What a request for tokens gets; what it was is noted.
async fn give(
    app: &App,
    arrival: &Arrival,
    headers: &HeaderMap,
    body: Object,
    noted: &mut Attempt,
) -> Result<Value, OAuthProblem> {
    let mut fields = Fields::new(body).without_nulls();
    let grant = fields.text("grant_type")?;
    if ![CLIENT_CREDENTIALS, PASSWORD, PASSWORD_REALM].contains(&grant.as_str()) {
        let description = "The server gives tokens for client_credentials and password-realm.";
        return Err(OAuthProblem::new(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            description,
        ));
    }
    let (id, secret) = credentials(headers, &mut fields)?;
    noted.client = id.parse().ok();
    noted.on_behalf = if grant == CLIENT_CREDENTIALS {
        For::Client
    } else {
        For::Person
    };
    let client = app.authenticate_client(&id, &secret).await?;
    noted.is_proved = true;
    app.admit(client.id).await?;
    if fields.opt_text("organization")?.is_some() {
        return Err(OAuthProblem::invalid_request("There are no organizations here."));
    }
    match grant.as_str() {
        CLIENT_CREDENTIALS => for_client(app, arrival, &client, &mut fields, noted),
        PASSWORD_REALM => for_person(app, arrival, &client, &mut fields, noted).await,
        // Without a realm the tenant would need a directory that counts as its default.
        _ => Err(OAuthProblem::grant_not_allowed(&grant)),
    }
}

/// Who asks: id and secret, in the body or by HTTP Basic (RFC 6749, 2.3.1).
fn credentials(headers: &HeaderMap, fields: &mut Fields) -> Result<(String, SecretString), OAuthProblem> {
    let (id, secret) = (fields.opt_text("client_id")?, fields.opt_text("client_secret")?);
    let Some(header) = headers.get(header::AUTHORIZATION) else {
        let id = id.ok_or_else(|| OAuthProblem::invalid_request("client_id is required"))?;
        return Ok((id, secret.unwrap_or_default().into()));
    };
    if secret.is_some() {
        let description = "The client must prove itself in one way only.";
        return Err(OAuthProblem::invalid_request(description));
    }
    let (basic_id, secret) = basic(header.as_bytes()).ok_or(Error::WrongCredentials)?;
    match id {
        Some(id) if id != basic_id => Err(OAuthProblem::invalid_request("The client has two ids.")),
        _ => Ok((basic_id, secret.into())),
    }
}

/// Both halves of a Basic header. Our ids and secrets are hex, so nothing in them is encoded.
fn basic(header: &[u8]) -> Option<(String, String)> {
    let (scheme, encoded) = std::str::from_utf8(header).ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// A token for the client itself.
fn for_client(
    app: &App,
    arrival: &Arrival,
    client: &Client,
    fields: &mut Fields,
    noted: &mut Attempt,
) -> Result<Value, OAuthProblem> {
    if !client.grants.contains(&Grant::ClientCredentials) {
        return Err(OAuthProblem::grant_not_allowed(CLIENT_CREDENTIALS));
    }
    let audience = known_audience(app, fields.text("audience")?)?;
    let Some(most) = client.scopes else {
        let description = "Client is not authorized to access this API. It needs a client grant.";
        return Err(OAuthProblem::access_denied(description));
    };
    let scopes = match fields.opt_text("scope")? {
        None => most,
        Some(list) => granted(most, &list)?,
    };
    (noted.audience, noted.scope) = (Some(audience.clone()), Some(scopes.to_string()));
    let (token, lives_for) = app.issue_access_token(AccessTokenRequest {
        client,
        subject: format!("{}@clients", client.id),
        user: None,
        scopes,
        issuer: &arrival.origin,
        audience,
    })?;
    Ok(json!({
        "access_token": token.expose_secret(),
        "scope": scopes.to_string(),
        "expires_in": lives_for.as_secs(),
        "token_type": "Bearer",
    }))
}

/// The scopes of a list, all of which the client must have been granted.
fn granted(most: Scopes, list: &str) -> Result<Scopes, OAuthProblem> {
    let not_granted = |name: &&str| !Scope::named(name).is_some_and(|scope| most.has(scope));
    let names = list.split(' ').filter(|name| !name.is_empty());
    match names.clone().find(not_granted) {
        None => Ok(names.filter_map(Scope::named).collect()),
        Some(name) => Err(OAuthProblem::access_denied(format!(
            "Client has not been granted scopes: {}",
            printable(name)
        ))),
    }
}

/// Tokens for a person who logs in with a password.
async fn for_person(
    app: &App,
    arrival: &Arrival,
    client: &Client,
    fields: &mut Fields,
    noted: &mut Attempt,
) -> Result<Value, OAuthProblem> {
    if !client.grants.contains(&Grant::PasswordRealm) {
        return Err(OAuthProblem::grant_not_allowed(PASSWORD_REALM));
    }
    let (name, password) = (fields.text("username")?, fields.text("password")?.into());
    let realm = fields.text("realm")?;
    (noted.username, noted.realm) = (name.clone(), realm.clone());
    let asked = fields.opt_text("scope")?.unwrap_or_default();
    let asked: Vec<&str> = asked.split(' ').collect();
    let openid = asked.contains(&"openid");
    let (audience, scopes) = match fields.opt_text("audience")? {
        Some(audience) => {
            let asked = asked.iter().filter_map(|name| Scope::named(name));
            (
                known_audience(app, audience)?,
                asked.collect::<Scopes>().and(Scopes::for_users()),
            )
        }
        None => (format!("{}userinfo", arrival.origin), Scopes::NONE),
    };
    let address = arrival.peer.ip().to_canonical().to_string();
    let logged_in = app
        .log_in(client, &realm, &name, &password, Some(address), &mut noted.tried)
        .await;
    noted.is_mistaken = matches!(logged_in, Err(Error::WrongCredentials));
    let found = logged_in.map_err(|error| match error {
        Error::WrongCredentials => OAuthProblem::wrong_password(),
        other => other.into(),
    })?;
    let names = Names::of(app, client.id.tenant(), &found).await?;
    let subject = names.id_of(&found);
    noted.person = Some((found.user.id, subject.clone(), name));
    (noted.audience, noted.scope) = (Some(audience.clone()), Some(scopes.to_string()));
    let (token, lives_for) = app.issue_access_token(AccessTokenRequest {
        client,
        subject: subject.clone(),
        user: Some(&found),
        scopes,
        issuer: &arrival.origin,
        audience,
    })?;
    let opened = OPENID_SCOPES
        .iter()
        .copied()
        .filter(|name| openid && asked.contains(name));
    let given: Vec<&str> = opened.chain(scopes.iter().map(Scope::name)).collect();
    let mut answer = json!({
        "access_token": token.expose_secret(),
        "scope": given.join(" "),
        "expires_in": lives_for.as_secs(),
        "token_type": "Bearer",
    });
    if let (true, Some(members)) = (openid, answer.as_object_mut()) {
        let claims = wire::id_token_claims(&names, &found, &asked);
        let token = app.issue_id_token(client, &found, subject, &arrival.origin, claims)?;
        members.insert("id_token".to_owned(), token.expose_secret().into());
    }
    Ok(answer)
}

/// An audience that tokens can be asked for.
fn known_audience(app: &App, audience: String) -> Result<String, OAuthProblem> {
    match app.origins().is_audience(&audience) {
        true => Ok(audience),
        false => Err(OAuthProblem::access_denied(format!(
            "Service not found: {}",
            printable(&audience)
        ))),
    }
}

/// The beginning of a caller's own text, fit for an answer (API-18).
fn printable(text: &str) -> String {
    let clean = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    text.chars().take(64).map(clean).collect()
}

impl From<Fault> for OAuthProblem {
    fn from(fault: Fault) -> Self {
        Self::invalid_request(fault.to_string())
    }
}
