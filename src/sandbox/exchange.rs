//! The token endpoint of OAuth 2: a code or a refresh token becomes tokens, and tokens are taken back.
//!
//! RFC 6749 (4.1.3, 6), 7636 (PKCE) and 7009. Networks say what went wrong in their own words, so it is a
//! [`Wrong`] here. What would surprise: whoever exchanges a code or a rotated refresh token a second time
//! ends all tokens that came of it.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::client_secret;
use super::network::Network;
use super::oauth2::refuse;
use super::oidc::{self, About};
use super::spelling;
use super::world::{Application, Asked, Issued, Kind, Order, World};

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// There is no such application.
    Application,
    /// It did not show its secret.
    Secret,
    /// Another way than we have.
    GrantType,
    /// A parameter is not there.
    Absent,
    /// No such code, or an old one, or another application's.
    Code,
    /// The code was exchanged before.
    UsedCode,
    /// Not the address that the browser went back to.
    RedirectUri,
    /// PKCE: not the one who asked.
    Verifier,
    /// No such refresh token, or a dead one, or another application's.
    Refresh,
}

/// What came of it.
pub struct Exchanged {
    /// The tokens.
    pub issued: Issued,
    /// What they allow.
    pub scopes: Vec<String>,
    /// The ID token.
    pub id_token: Option<String>,
}

impl Exchanged {
    /// The answer of RFC 6749, 5.1, with what stands between scopes.
    pub fn to_json(&self, token_type: &str, separator: &str) -> Value {
        let mut body = json!({
            "access_token": self.issued.access,
            "token_type": token_type,
            "expires_in": self.issued.lifetime,
            "refresh_token": self.issued.refresh,
            "scope": self.scopes.join(separator),
            "id_token": self.id_token,
        });
        if let Some(body) = body.as_object_mut() {
            body.retain(|_, value| !value.is_null());
        }
        body
    }
}

/// Whether a refresh token is replaced when it is used, and the one before it ends.
const fn rotates(network: Network) -> bool {
    match network {
        Network::Twitter
        | Network::GitLab
        | Network::Discord
        | Network::Slack
        | Network::Qq
        | Network::Oidc
        | Network::OAuth2 => true,
        Network::Google
        | Network::LinkedIn
        | Network::Apple
        | Network::Microsoft
        | Network::Facebook
        | Network::GitHub
        | Network::Foursquare
        | Network::OAuth1 => false,
    }
}

/// A parameter: of the body, or of the URL at networks whose documentation has it there.
fn parameter(call: &Call, name: &str) -> Option<String> {
    let takes_query = matches!(call.network, Network::Facebook | Network::Qq | Network::Foursquare);
    let of_query = || call.parameter(name).filter(|_| takes_query).map(str::to_owned);
    call.field(name).or_else(of_query)
}

/// The application that asks, when it has shown its secret.
///
/// # Errors
/// Whether there is none, or it has not.
pub fn client(world: &World, call: &Call) -> Result<Application, Wrong> {
    let of_query = || Some((parameter(call, "client_id")?, parameter(call, "client_secret")));
    let (id, secret) = call.client().or_else(of_query).ok_or(Wrong::Application)?;
    let application = world.application(call.network, &id).ok_or(Wrong::Application)?;
    let is_shown = client_secret::is_shown(world, call.network, &application, &secret.unwrap_or_default());
    is_shown.then_some(application).ok_or(Wrong::Secret)
}

/// Exchanges what the application has for tokens.
///
/// # Errors
/// The first thing that is wrong.
pub fn exchange(world: &World, call: &Call) -> Result<Exchanged, Wrong> {
    let application = client(world, call)?;
    let grant_type = parameter(call, "grant_type");
    // GitHub and Slack have one way only when nothing is said.
    match grant_type.as_deref().unwrap_or("authorization_code") {
        "authorization_code" => of_code(world, call, &application),
        "refresh_token" => of_refresh_token(world, call, &application),
        _ => Err(Wrong::GrantType),
    }
}

fn of_code(world: &World, call: &Call, application: &Application) -> Result<Exchanged, Wrong> {
    let code = parameter(call, "code").ok_or(Wrong::Absent)?;
    let grant = world.state.lock().grants.get(&code).cloned().ok_or(Wrong::Code)?;
    let Asked::Code {
        scopes,
        challenge,
        nonce,
        ..
    } = grant.asked
    else {
        return Err(Wrong::Code);
    };
    let account = grant.account.ok_or(Wrong::Code)?;
    if grant.network != call.network || grant.client != application.id || grant.expires_at <= world.now() {
        return Err(Wrong::Code);
    }
    if parameter(call, "redirect_uri").is_some_and(|uri| uri != grant.redirect_uri) {
        return Err(Wrong::RedirectUri);
    }
    if let Some((challenge, method)) = challenge {
        let verifier = parameter(call, "code_verifier").ok_or(Wrong::Verifier)?;
        let shown = match method.as_str() {
            "S256" => URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes())),
            _ => verifier,
        };
        if shown != challenge {
            return Err(Wrong::Verifier);
        }
    }
    let family = spelling::letters(&*world.random, 16);
    if let Some(used) = use_code(world, &code, &family) {
        world.revoke(|token| token.family == used);
        return Err(Wrong::UsedCode);
    }
    let offline = call.network != Network::Twitter || scopes.iter().any(|scope| scope == "offline.access");
    let order = Order {
        network: call.network,
        account,
        client: Some(application.id.clone()),
        scopes,
        lifetime: None,
        family: Some(family),
        with_refresh: offline,
        signs: false,
    };
    issue(world, &order, &application.id, nonce.as_deref())
}

/// Notes that the code was exchanged for tokens of this family; of which it was, when it was before.
fn use_code(world: &World, code: &str, family: &str) -> Option<String> {
    let mut state = world.state.lock();
    match &mut state.grants.get_mut(code)?.asked {
        Asked::Code { family: Some(used), .. } => Some(used.clone()),
        Asked::Code { family: unused, .. } => {
            *unused = Some(family.to_owned());
            None
        }
        Asked::Token { .. } => None,
    }
}

/// Notes that the refresh token was used; whether it was before.
fn use_refresh_token(world: &World, text: &str) -> bool {
    let mut state = world.state.lock();
    match state.tokens.get_mut(text).map(|token| &mut token.kind) {
        Some(Kind::Refresh { spent }) => std::mem::replace(spent, true),
        Some(Kind::Bearer | Kind::Signing(_)) | None => false,
    }
}

fn of_refresh_token(world: &World, call: &Call, application: &Application) -> Result<Exchanged, Wrong> {
    let text = parameter(call, "refresh_token").ok_or(Wrong::Absent)?;
    let found = world.look_up(call, &text).ok_or(Wrong::Refresh)?;
    let is_one = matches!(found.token.kind, Kind::Refresh { .. });
    if !is_one || !found.is_for(&application.id) || !found.is_good() {
        return Err(Wrong::Refresh);
    }
    let family = found.token.family.clone();
    if rotates(call.network) && use_refresh_token(world, &text) {
        world.revoke(|token| token.family == family);
        return Err(Wrong::Refresh);
    }
    let order = Order {
        network: call.network,
        account: found.token.account,
        client: found.token.client.clone().or_else(|| Some(application.id.clone())),
        scopes: found.token.scopes,
        lifetime: None,
        family: Some(family),
        // Microsoft gives another one and lets both live.
        with_refresh: rotates(call.network) || call.network == Network::Microsoft,
        signs: false,
    };
    issue(world, &order, &application.id, None)
}

fn issue(world: &World, order: &Order, client: &str, nonce: Option<&str>) -> Result<Exchanged, Wrong> {
    let account = world.account(order.network, &order.account).ok_or(Wrong::Code)?;
    let issued = world.issue(order);
    let is_openid = order.network == Network::Apple || order.scopes.iter().any(|scope| scope == "openid");
    let about = About {
        account: &account,
        client,
        nonce,
        access_token: Some(&issued.access),
    };
    let id_token = (is_openid && order.network.has_id_tokens())
        .then(|| oidc::id_token(world, order.network, &about).ok())
        .flatten();
    Ok(Exchanged {
        issued,
        scopes: order.scopes.clone(),
        id_token,
    })
}

/// Takes back a token and all that came of the same consent. One that is unknown or another
/// application's stays as it is, and nobody is told (RFC 7009, 2.2).
///
/// # Errors
/// When the application is not known, or shows another secret.
pub fn revoke(world: &World, call: &Call) -> Result<(), Wrong> {
    let application = client(world, call)?;
    let text = call.field("token").ok_or(Wrong::Absent)?;
    if let Some(found) = world.look_up(call, &text).filter(|found| found.is_for(&application.id)) {
        world.revoke(|token| token.family == found.token.family);
    }
    Ok(())
}

/// What went wrong, in the words of RFC 6749, 5.2.
pub fn standard_refusal(wrong: Wrong) -> Answer {
    match wrong {
        Wrong::Application | Wrong::Secret => {
            refuse(401, "invalid_client", "Client authentication failed").asking("Basic realm=\"sandbox\"")
        }
        Wrong::GrantType => refuse(400, "unsupported_grant_type", "The grant type is not supported"),
        Wrong::Absent => refuse(400, "invalid_request", "A parameter is missing"),
        Wrong::Code | Wrong::UsedCode => refuse(400, "invalid_grant", "The code is invalid, expired or used"),
        Wrong::RedirectUri => refuse(
            400,
            "invalid_grant",
            "The redirect URI is not that of the authorization",
        ),
        Wrong::Verifier => refuse(400, "invalid_grant", "The code verifier does not fit"),
        Wrong::Refresh => refuse(400, "invalid_grant", "The refresh token is invalid, expired or revoked"),
    }
}

/// The token endpoint as the standard has it.
pub fn standard(world: &World, call: &Call) -> Answer {
    match exchange(world, call) {
        Ok(exchanged) => Answer::json(200, &exchanged.to_json("Bearer", " ")),
        Err(wrong) => standard_refusal(wrong),
    }
}

/// The revocation endpoint as the standard has it.
pub fn standard_revocation(world: &World, call: &Call) -> Answer {
    match revoke(world, call) {
        Ok(()) => Answer::json(200, &json!({})),
        Err(wrong) => standard_refusal(wrong),
    }
}
