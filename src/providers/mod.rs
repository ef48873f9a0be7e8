//! Networks: what to ask them, and how to read what they answer. One file each.
//!
//! Nothing here does any input or output: a [`Network`] says which HTTP requests prove a token and
//! reads their answers, and `app/verify.rs` does the asking. So what a network is like stands in one
//! file, as data and a few pure functions, and [`ALL`] is the only list of them.
//!
//! What would surprise: that a token opens an account proves nothing. It may have been given to
//! another application, which shows it to us (LNK-12). So what a network says of a bare token counts
//! only once it has said for which application the token is, and where it cannot say that, bare
//! tokens of it are refused ([`Bare::CannotTell`]).

use std::fmt;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::Value;

use crate::clock::Random;
use crate::domain::{Connection, Object, TokenSet};
use crate::error::NetworkRefusal;
use crate::secret::{ExposeSecret, SecretString};

mod any_oauth1;
mod any_oauth2;
mod any_oidc;
mod apple;
pub mod ask;
mod discord;
mod facebook;
mod foursquare;
mod github;
mod gitlab;
mod google;
mod linkedin;
mod microsoft;
pub mod oauth1;
pub mod oidc;
mod qq;
mod slack;
mod twitter;

/// Every network that there is code for. `oidc`, `oauth2` and `oauth1` are any other one, by
/// configuration alone.
pub static ALL: &[&Network] = &[
    &apple::APPLE,
    &discord::DISCORD,
    &facebook::FACEBOOK,
    &foursquare::FOURSQUARE,
    &github::GITHUB,
    &gitlab::GITLAB,
    &google::GOOGLE,
    &linkedin::LINKEDIN,
    &microsoft::MICROSOFT,
    &any_oauth1::OAUTH1,
    &any_oauth2::OAUTH2,
    &any_oidc::OIDC,
    &qq::QQ,
    &slack::SLACK,
    &twitter::TWITTER,
];

/// The network of this core name.
pub fn named(id: &str) -> Option<&'static Network> {
    ALL.iter().find(|network| network.id == id).copied()
}

/// What is asked: an HTTP request, its body a form, JSON or nothing.
pub type Question = http::Request<Vec<u8>>;

/// A place where people have accounts.
#[derive(Debug)]
pub struct Network {
    /// Our own name of it: what a connection's provider is.
    pub id: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// How a bare access token is proved.
    pub bare: Bare,
    /// How its ID tokens are checked (OpenID Connect Core 2), where it has them.
    pub id_tokens: Option<IdTokens>,
    /// What people are asked to allow, so that who they are can be read.
    pub scopes: &'static [&'static str],
    /// How a person is asked, and how tokens are made, renewed and ended.
    pub endpoints: Endpoints,
}

/// How a network says for which application a bare access token is, and whose.
#[derive(Debug, Clone, Copy)]
pub enum Bare {
    /// By answering these, in order. One of them tells the application, one the subject.
    Asked(&'static [Inquiry]),
    /// Not at all: it takes an ID token.
    IdTokenOnly,
    /// Not at all, and it has no ID tokens: only our own redirect flow counts.
    CannotTell,
}

/// One question, and how its answer is read.
#[derive(Clone, Copy)]
pub struct Inquiry {
    /// What is asked; `None` when this network, as configured, is not asked this.
    pub ask: fn(&At<'_>, &TokenSet, &Told) -> Option<Question>,
    /// Takes what the answer tells, or says why the token proves nothing.
    pub read: fn(&At<'_>, &Answer, &mut Told) -> Result<(), Unproved>,
}

impl fmt::Debug for Inquiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inquiry")
    }
}

/// How ID tokens of a network are checked.
#[derive(Debug, Clone, Copy)]
pub struct IdTokens {
    /// Who signs them.
    pub issuer: Issuer,
    /// Which claims make the subject.
    pub subject: fn(&Object) -> Option<String>,
    /// What of the claims is kept, in the names of OpenID Connect; whoever has claims of its own
    /// that mean something else says so here.
    pub claims: fn(Object) -> Object,
}

/// Who signs ID tokens, and where its keys are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Issuer {
    /// This issuer, whose metadata is at this address (OpenID Connect Discovery 4).
    Fixed {
        /// What `iss` is, byte for byte.
        issuer: &'static str,
        /// Where its metadata is.
        discovery: &'static str,
    },
    /// Microsoft's: an issuer for each directory, which the claim `tid` names.
    OfDirectory,
    /// What the connection was made with.
    OfConnection,
}

/// Addresses of a network; what is `None` cannot be done there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// Where OAuth 1.0a asks for a request token (RFC 5849, 2.1).
    pub request_token: Option<&'static str>,
    /// Where the person is asked.
    pub authorization: Option<&'static str>,
    /// Where tokens are made and, with [`Endpoints::refreshes`], renewed.
    pub token: Option<&'static str>,
    /// Where a token is ended.
    pub revocation: Option<&'static str>,
    /// Whether the token endpoint takes refresh tokens.
    pub refreshes: bool,
}

impl Endpoints {
    /// None that is known beforehand: the connection, or what the network says of itself, tells.
    const OF_CONNECTION: Self = Self {
        request_token: None,
        authorization: None,
        token: None,
        revocation: None,
        refreshes: false,
    };
}

/// Where a question is asked: a connection with its application, and what a question needs from
/// outside.
pub struct At<'a> {
    /// The connection.
    pub connection: &'a Connection,
    /// Our application there.
    pub client_id: &'a str,
    /// Its secret, if it has one.
    pub client_secret: Option<&'a SecretString>,
    /// The address of simulated networks, if those are asked.
    pub sandbox: Option<&'a str>,
    /// Now.
    pub now: Timestamp,
    /// Where nonces come from.
    pub random: &'a dyn Random,
}

impl At<'_> {
    /// Where a network's address is asked: there, or below the simulated networks, which serve
    /// `https://HOST/PATH` at `SANDBOX/HOST/PATH`.
    pub fn address(&self, url: &str) -> String {
        match (self.sandbox, url.strip_prefix("https://")) {
            (Some(sandbox), Some(rest)) => format!("{}/{rest}", sandbox.trim_end_matches('/')),
            _ => url.to_owned(),
        }
    }

    /// The application's secret, or nothing.
    pub fn secret(&self) -> &str {
        self.client_secret.map_or("", |secret| secret.expose_secret())
    }

    /// A text among the connection's options.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.connection.option(name).and_then(Value::as_str)
    }
}

/// What a network has told so far.
#[derive(Debug, Default)]
pub struct Told {
    /// Whether it said that the token is for our application.
    pub ours: bool,
    /// The account's own id.
    pub subject: Option<String>,
    /// What it says of the person, in the names of OpenID Connect.
    pub claims: Object,
    /// When the token ends.
    pub expires_at: Option<Timestamp>,
    /// What the token allows.
    pub scopes: Vec<String>,
}

impl Told {
    /// The network names the application of the token.
    ///
    /// # Errors
    /// [`NetworkRefusal::OtherApplication`] when it is another one than ours.
    pub fn application(&mut self, at: &At<'_>, id: &str) -> Result<(), Unproved> {
        if id != at.client_id {
            return Err(NetworkRefusal::OtherApplication.into());
        }
        self.ours = true;
        Ok(())
    }

    /// The network names the account.
    ///
    /// # Errors
    /// [`NetworkRefusal::SomeoneElse`] when an earlier answer named another one; [`Unproved::Garbled`] when there is no id.
    pub fn account(&mut self, id: Option<String>) -> Result<(), Unproved> {
        let id = id.filter(|id| !id.is_empty()).ok_or(Unproved::Garbled)?;
        match &self.subject {
            Some(known) if *known != id => Err(NetworkRefusal::SomeoneElse.into()),
            _ => {
                self.subject = Some(id);
                Ok(())
            }
        }
    }

    /// Keeps a claim, unless there is nothing to keep.
    pub fn claim(&mut self, name: &str, value: Option<&Value>) {
        if let Some(value) = value.filter(|value| !value.is_null() && value.as_str() != Some("")) {
            self.claims.insert(name.to_owned(), value.clone());
        }
    }

    /// When the token ends, in seconds since 1970; 0 is never.
    ///
    /// # Errors
    /// [`NetworkRefusal::Expired`] when it has.
    pub fn ends_at(&mut self, at: &At<'_>, seconds: Option<i64>) -> Result<(), Unproved> {
        let Some(seconds) = seconds.filter(|seconds| *seconds != 0) else {
            return Ok(());
        };
        if seconds <= at.now.as_second() {
            return Err(NetworkRefusal::Expired.into());
        }
        self.expires_at = Timestamp::from_second(seconds).ok();
        Ok(())
    }

    /// How long the token still lives, in seconds.
    ///
    /// # Errors
    /// [`NetworkRefusal::Expired`] when it does not.
    pub fn ends_in(&mut self, at: &At<'_>, seconds: Option<i64>) -> Result<(), Unproved> {
        match seconds {
            Some(seconds) if seconds <= 0 => Err(NetworkRefusal::Expired.into()),
            Some(seconds) => self.ends_at(at, Some(at.now.as_second().saturating_add(seconds))),
            None => Ok(()),
        }
    }

    /// What the token allows, as an array of texts.
    pub fn allows_each(&mut self, scopes: Option<&Value>) {
        let scopes = scopes.and_then(Value::as_array).into_iter().flatten();
        self.scopes = scopes.filter_map(Value::as_str).map(str::to_owned).collect();
    }

    /// What the token allows, as a text with these separators.
    pub fn allows(&mut self, text: Option<&str>, separators: &[char]) {
        let scopes = text.unwrap_or_default().split(separators);
        self.scopes = scopes.filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
    }
}

/// What a network answered: never a 3xx, a 429 or a 5xx, which are no answers.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body; `Null` when it is not JSON.
    pub json: Value,
}

impl Answer {
    /// That the request was fine, and its answer is an object.
    ///
    /// # Errors
    /// [`NetworkRefusal::NotAccepted`] for a 4xx; [`Unproved::Garbled`] for a body that is no object.
    pub fn accepted(&self) -> Result<&Object, Unproved> {
        if self.status.is_client_error() {
            return Err(NetworkRefusal::NotAccepted.into());
        }
        self.json.as_object().ok_or(Unproved::Garbled)
    }
}

/// Why an answer proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unproved {
    /// The network, or what it says, speaks against the token.
    Refused(NetworkRefusal),
    /// It is not what this network answers.
    Garbled,
    /// It refuses our application, whatever the token is.
    Misconfigured,
}

impl From<NetworkRefusal> for Unproved {
    fn from(refusal: NetworkRefusal) -> Self {
        Self::Refused(refusal)
    }
}

/// An id as text: networks write numbers and texts, and no number that JSON readers would round.
pub fn id_text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_u64() || number.is_i64() => Some(number.to_string()),
        _ => None,
    }
}

/// A number that a network writes as number or text.
pub fn whole(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// A moment (RFC 3339) in seconds since 1970.
fn moment(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

/// The subject of OpenID Connect.
fn sub(claims: &Object) -> Option<String> {
    claims.get("sub").and_then(Value::as_str).map(str::to_owned)
}

/// What userinfo answers (OpenID Connect Core 5.3.2). Who did not allow it is known by the answer before,
/// if that told who she is.
fn user_info(_: &At<'_>, answer: &Answer, told: &mut Told) -> Result<(), Unproved> {
    if answer.status.is_client_error() && told.subject.is_some() {
        return Ok(());
    }
    let claims = answer.accepted()?;
    told.account(sub(claims))?;
    told.claims.extend(standard_claims(claims));
    Ok(())
}

/// The claims of OpenID Connect Core 5.1 that are kept of an ID token or of what userinfo answers.
pub fn standard_claims(claims: &Object) -> Object {
    const KEPT: &[&str] = &[
        "name",
        "given_name",
        "family_name",
        "nickname",
        "preferred_username",
        "picture",
        "email",
        "email_verified",
        "phone_number",
        "locale",
        "hd",
    ];
    let kept = KEPT
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), claims.get(*name)?.clone())));
    kept.filter(|(_, value)| !value.is_null()).collect()
}
