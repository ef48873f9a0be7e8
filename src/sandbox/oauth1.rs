//! OAuth 1.0a: requests that are signed (RFC 5849).
//!
//! Section 3.2 says what a server checks, 3.4 what is signed. Only HMAC-SHA1 is taken, as Twitter has
//! it. What would surprise: a nonce is remembered only when all else was right, so that a wrong
//! request cannot use up a right one.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::call::{Call, Pairs};
use super::world::{Application, Asked, Found, Kind, Standing, World};
use super::wrong::WrongFact;

/// How far a timestamp may be from now, in seconds.
const WINDOW_SECONDS: i64 = 300;

/// What is encoded (3.6): all but letters, digits and these four.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The token that a request must be signed with, beside the application's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum With {
    /// None.
    Nothing,
    /// A request token.
    RequestToken,
    /// An access token.
    AccessToken,
}

/// A request whose signature is right.
pub struct Signed {
    /// The application that signed it.
    pub application: Application,
    /// The access token that it was signed with.
    pub found: Option<Found>,
    /// That token's text, or that of the request token.
    pub token: String,
    /// The parameters of the protocol.
    pub parameters: Pairs,
}

impl Signed {
    /// A parameter of the protocol.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        value_of(&self.parameters, name)
    }
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A parameter is not there.
    Absent(&'static str),
    /// A parameter is there twice.
    Repeated,
    /// Another method or version than we have.
    Method,
    /// The timestamp is too far from now.
    Timestamp,
    /// The nonce was used before.
    Nonce,
    /// No such application.
    Application,
    /// No such token, or not of this application.
    Token,
    /// The token is dead.
    Dead(Standing),
    /// The signature is another one.
    Signature,
}

/// Checks the signature of a request, and everything that goes with it.
///
/// # Errors
/// The first thing that is not as it should be.
pub fn check(world: &World, call: &Call, with: With) -> Result<Signed, Refusal> {
    let parameters = protocol_parameters(call);
    let mut names: Vec<&String> = parameters.iter().map(|(name, _)| name).collect();
    names.sort();
    if names.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(Refusal::Repeated);
    }
    let wanted = |name: &'static str| value_of(&parameters, name).ok_or(Refusal::Absent(name));
    let (consumer, nonce) = (wanted("oauth_consumer_key")?, wanted("oauth_nonce")?);
    let (given, timestamp) = (wanted("oauth_signature")?, wanted("oauth_timestamp")?);
    let token = match with {
        With::Nothing => "",
        With::RequestToken | With::AccessToken => wanted("oauth_token")?,
    };
    let version = value_of(&parameters, "oauth_version").unwrap_or("1.0");
    if wanted("oauth_signature_method")? != "HMAC-SHA1" || version != "1.0" {
        return Err(Refusal::Method);
    }
    let is_wrong = |fact| world.is_wrong(call.network, fact);
    let now = world.now().as_second();
    let at = timestamp.parse::<i64>().map_err(|_| Refusal::Timestamp)?;
    if now.abs_diff(at) > WINDOW_SECONDS.unsigned_abs() || is_wrong(WrongFact::Timestamp) {
        return Err(Refusal::Timestamp);
    }
    let application = world.application(call.network, consumer).ok_or(Refusal::Application)?;
    let (found, secret) = secret_of(world, call, with, token, &application)?;
    let secret = if is_wrong(WrongFact::SignatureKey) { "" } else { &secret };
    let mut signed: Pairs = call.query.iter().chain(&call.form).cloned().collect();
    if call.credentials("oauth").is_some() {
        signed.extend(parameters.iter().cloned());
    }
    signed.retain(|(name, _)| name != "oauth_signature");
    let mut base = base_string(call.method.as_str(), &call.url, &signed);
    if is_wrong(WrongFact::SignatureBaseString) {
        base.make_ascii_lowercase();
    }
    if signature(&base, &application.secret, secret) != given {
        return Err(Refusal::Signature);
    }
    if let Some(dead) = found
        .as_ref()
        .map(|found| found.standing)
        .filter(|standing| *standing != Standing::Good)
    {
        return Err(Refusal::Dead(dead));
    }
    let mut state = world.state.lock();
    while state
        .nonces
        .first()
        .is_some_and(|(used_at, _)| *used_at < now.saturating_sub(WINDOW_SECONDS))
    {
        state.nonces.pop_first();
    }
    if !state.nonces.insert((at, format!("{consumer} {token} {nonce}"))) {
        return Err(Refusal::Nonce);
    }
    drop(state);
    Ok(Signed {
        application,
        found,
        token: token.to_owned(),
        parameters,
    })
}

/// The secret of the token, and the token itself when it is one for access.
fn secret_of(
    world: &World,
    call: &Call,
    with: With,
    token: &str,
    application: &Application,
) -> Result<(Option<Found>, String), Refusal> {
    match with {
        With::Nothing => Ok((None, String::new())),
        With::RequestToken => {
            let state = world.state.lock();
            let grant = state.grants.get(token).filter(|grant| {
                grant.network == call.network && grant.client == application.id && grant.expires_at > world.now()
            });
            match grant.map(|grant| &grant.asked) {
                Some(Asked::Token { secret, .. }) => Ok((None, secret.clone())),
                Some(Asked::Code { .. }) | None => Err(Refusal::Token),
            }
        }
        With::AccessToken => {
            let found = world.find(call, token).filter(|found| found.is_for(&application.id));
            match found {
                Some(found) => match &found.token.kind {
                    Kind::Signing(secret) => {
                        let secret = secret.clone();
                        Ok((Some(found), secret))
                    }
                    Kind::Bearer | Kind::Refresh { .. } => Err(Refusal::Token),
                },
                None => Err(Refusal::Token),
            }
        }
    }
}

fn value_of<'a>(parameters: &'a Pairs, name: &str) -> Option<&'a str> {
    let found = parameters.iter().find(|(found, _)| found == name);
    found.map(|(_, value)| value.as_str())
}

/// The parameters of the protocol, which are in the header, or else in the body and the URL (3.5).
fn protocol_parameters(call: &Call) -> Pairs {
    let Some(header) = call.credentials("oauth") else {
        let all = call.form.iter().chain(&call.query);
        return all.filter(|(name, _)| name.starts_with("oauth_")).cloned().collect();
    };
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let parts = header.split(',').filter_map(|part| part.trim().split_once('='));
    parts
        .map(|(name, value)| (decode(name.trim()), decode(value.trim().trim_matches('"'))))
        .filter(|(name, _)| name != "realm")
        .collect()
}

/// The signature base string (3.4.1). `parameters` are decoded and without the signature.
pub fn base_string(method: &str, url: &str, parameters: &[(String, String)]) -> String {
    let mut encoded: Vec<(String, String)> = parameters
        .iter()
        .map(|(name, value)| (encode(name), encode(value)))
        .collect();
    encoded.sort();
    let pairs = encoded.iter().map(|(name, value)| format!("{name}={value}"));
    let joined = pairs.collect::<Vec<_>>().join("&");
    let base = url.strip_suffix(":80").unwrap_or(url).replacen(":80/", "/", 1);
    format!("{}&{}&{}", method.to_ascii_uppercase(), encode(&base), encode(&joined))
}

/// The HMAC-SHA1 of a base string (3.4.2), in base64.
pub fn signature(base: &str, application_secret: &str, token_secret: &str) -> String {
    let key = format!("{}&{}", encode(application_secret), encode(token_secret));
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    STANDARD.encode(hmac::sign(&key, base.as_bytes()))
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}
