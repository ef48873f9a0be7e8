//! Who has accounts at the networks, which tokens there are, and for whom.
//!
//! One lock over all of it: what happens here is short. Nothing outlives the process.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::Value;

use super::call::Call;
use super::fault::{Fault, Mode};
use super::log::Log;
use super::microsoft;
use super::network::Network;
use super::spelling;
use super::wrong::WrongFact;
use crate::clock::{Clock, Random};

/// For whom a token is said to be when it is for every application and none is known.
const NO_APPLICATION: &str = "every-application";

/// Somebody's account at a network.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// The name of its owner.
    pub name: String,
    /// The name that it goes by.
    pub username: String,
    /// The address, if it has one.
    pub email: Option<String>,
    /// Whether the network has verified the address.
    pub email_verified: bool,
    /// Microsoft: whether the organisation has shown that the domain of the address is its own; nothing where
    /// the application does not ask for the claim that tells.
    pub owns_domain: Option<bool>,
    /// A picture of its owner.
    pub picture: Option<String>,
    /// The organisation that it belongs to: Microsoft's tenant, Slack's team.
    pub organisation: String,
    /// The people whom its owner knows there.
    pub contacts: Arc<Vec<Value>>,
}

impl Account {
    /// The given name and the family name.
    pub fn names(&self) -> (&str, &str) {
        self.name.split_once(' ').unwrap_or((&self.name, ""))
    }
}

/// What a token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// To be presented.
    Bearer,
    /// To sign requests with, by means of this secret.
    Signing(String),
    /// To get others, once if it was rotated away.
    Refresh {
        /// Whether it was exchanged for another.
        spent: bool,
    },
}

/// A token.
#[derive(Debug, Clone)]
pub struct Token {
    /// What it is for.
    pub kind: Kind,
    /// Where its account is.
    pub network: Network,
    /// Whose it is.
    pub account: String,
    /// The application that it was made for; all of them when it is not said.
    pub client: Option<String>,
    /// What it allows.
    pub scopes: Vec<String>,
    /// When it was made.
    pub issued_at: Timestamp,
    /// Until when it is good.
    pub expires_at: Option<Timestamp>,
    /// Whether it was taken back.
    pub is_revoked: bool,
    /// Which tokens die together.
    pub family: String,
}

/// How a token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is good.
    Good,
    /// It was good once.
    Expired,
    /// It was taken back.
    Revoked,
}

/// A token that was found, with its account and how it stands.
#[derive(Debug, Clone)]
pub struct Found {
    /// The token.
    pub token: Token,
    /// Whose it is.
    pub account: Account,
    /// How it stands.
    pub standing: Standing,
}

impl Found {
    /// Whether it was made for this application.
    pub fn is_for(&self, client: &str) -> bool {
        self.token.client.as_deref().is_none_or(|own| own == client)
    }

    /// Whether it is good.
    pub fn is_good(&self) -> bool {
        self.standing == Standing::Good
    }

    /// Its scopes, with this between them.
    pub fn scopes(&self, separator: &str) -> String {
        self.token.scopes.join(separator)
    }
}

/// An application that a network knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// Where browsers may be sent back to; anywhere, when nothing is said.
    pub redirect_uris: Vec<String>,
}

/// A right to tokens, from when an application asks for it until it is exchanged.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Where the account is.
    pub network: Network,
    /// Whose it is; `None` until somebody has consented.
    pub account: Option<String>,
    /// The application that asked.
    pub client: String,
    /// Where the browser goes back to.
    pub redirect_uri: String,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// What was asked for.
    pub asked: Asked,
}

/// What is asked for in one protocol or the other.
#[derive(Debug, Clone)]
pub enum Asked {
    /// OAuth 2: a code.
    Code {
        /// What the tokens shall allow.
        scopes: Vec<String>,
        /// PKCE: the challenge and its method.
        challenge: Option<(String, String)>,
        /// What goes into the ID token.
        nonce: Option<String>,
        /// What goes back with the browser.
        state: Option<String>,
        /// Whether the browser shall post it.
        posts: bool,
        /// The family of the tokens that it was exchanged for.
        family: Option<String>,
    },
    /// OAuth 1.0a: a request token.
    Token {
        /// Its secret.
        secret: String,
        /// What shows that it was the same browser that consented.
        verifier: String,
    },
}

/// Everything that changes.
#[derive(Default)]
pub struct State {
    /// Accounts by network and id.
    pub accounts: HashMap<(Network, String), Account>,
    /// Tokens by their text.
    pub tokens: HashMap<String, Token>,
    /// Grants by code or request token.
    pub grants: HashMap<String, Grant>,
    /// Applications; the one that was named last is the last.
    pub applications: HashMap<Network, Vec<Application>>,
    /// Faults.
    pub faults: HashMap<Network, Fault>,
    /// What is wrong.
    pub wrong: HashSet<(Network, WrongFact)>,
    /// Nonces of OAuth 1.0a behind their timestamps, so that old ones are found at once.
    pub nonces: BTreeSet<(i64, String)>,
    /// The number of each network's signing key.
    pub keys: HashMap<Network, u32>,
    /// What was asked.
    pub log: Log,
}

impl State {
    /// The account as the network tells of it, which may be wrong.
    fn told(&self, network: Network, mut account: Account) -> Account {
        if self.wrong.contains(&(network, WrongFact::EmailVerified)) {
            account.email_verified = !account.email_verified;
            account.owns_domain = account.owns_domain.map(|owns| !owns);
        }
        if self.wrong.contains(&(network, WrongFact::Subject)) {
            account.id = other_id(&account.id);
        }
        account
    }
}

/// The networks with everything in them.
pub struct World {
    /// Where the sandbox is, without a slash at the end.
    pub url: String,
    clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// Everything that changes.
    pub state: Mutex<State>,
}

impl World {
    /// An empty one, served at this URL.
    pub fn new(url: String, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self {
            url,
            clock,
            random,
            state: Mutex::default(),
        }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// So many seconds from now, or before.
    pub fn after(&self, seconds: i64) -> Timestamp {
        let by = SignedDuration::from_secs(seconds);
        self.now().checked_add(by).unwrap_or(Timestamp::MAX)
    }

    /// Whether the network gets this wrong.
    pub fn is_wrong(&self, network: Network, fact: WrongFact) -> bool {
        self.state.lock().wrong.contains(&(network, fact))
    }

    /// The token that somebody presents to a network, to be used and not to be exchanged.
    pub fn find(&self, call: &Call, text: &str) -> Option<Found> {
        let found = self.look_up(call, text)?;
        (!matches!(found.token.kind, Kind::Refresh { .. })).then_some(found)
    }

    /// A token of any kind.
    pub fn look_up(&self, call: &Call, text: &str) -> Option<Found> {
        let now = self.now();
        let state = self.state.lock();
        let is_wrong = |fact| state.wrong.contains(&(call.network, fact));
        let mut token = state
            .tokens
            .get(text)
            .filter(|token| token.network == call.network)?
            .clone();
        let account = state.accounts.get(&(token.network, token.account.clone()))?;
        let standing = match call.mode {
            Mode::Expired => Standing::Expired,
            Mode::Revoked => Standing::Revoked,
            _ if is_wrong(WrongFact::Standing) => Standing::Good,
            _ if token.is_revoked => Standing::Revoked,
            _ if token.expires_at.is_some_and(|at| at <= now) => Standing::Expired,
            _ => Standing::Good,
        };
        if is_wrong(WrongFact::Expiry) {
            token.expires_at = Some(now.saturating_sub(SignedDuration::from_hours(1)).unwrap_or(now));
        }
        Some(Found {
            account: state.told(call.network, account.clone()),
            token,
            standing,
        })
    }

    /// The account of this id, as the network tells of it.
    pub fn account(&self, network: Network, id: &str) -> Option<Account> {
        let state = self.state.lock();
        let account = state.accounts.get(&(network, id.to_owned()))?.clone();
        Some(state.told(network, account))
    }

    /// The good token behind `text`, or how it stands; nothing when it is unknown.
    pub fn good(&self, call: &Call, text: Option<&str>) -> Result<Found, Option<Standing>> {
        let found = text.and_then(|text| self.find(call, text)).ok_or(None)?;
        match found.standing {
            Standing::Good => Ok(found),
            dead => Err(Some(dead)),
        }
    }

    /// The application of this id.
    pub fn application(&self, network: Network, id: &str) -> Option<Application> {
        let state = self.state.lock();
        let known = state.applications.get(&network)?;
        known.iter().find(|application| application.id == id).cloned()
    }

    /// The application, when this is its secret.
    pub fn authenticate(&self, network: Network, id: &str, secret: &str) -> Option<Application> {
        self.application(network, id)
            .filter(|application| application.secret == secret)
    }

    /// The application that the network says the token is for. A token for all of them is for the
    /// one that was named last.
    pub fn audience(&self, found: &Found) -> String {
        let network = found.token.network;
        if self.is_wrong(network, WrongFact::Audience) {
            return "another-application".to_owned();
        }
        let own = found.token.client.clone();
        own.unwrap_or_else(|| self.every_application(network))
    }

    /// The application that a network names when it means all of them: the one that was named last.
    pub fn every_application(&self, network: Network) -> String {
        let state = self.state.lock();
        let last = state.applications.get(&network).and_then(|known| known.last());
        last.map_or_else(|| NO_APPLICATION.to_owned(), |application| application.id.clone())
    }

    /// What the network calls a token for an application that asks and has shown its secret.
    pub fn audience_for(&self, found: &Found, client: &str) -> String {
        if found.token.client.is_none() && !self.is_wrong(found.token.network, WrongFact::Audience) {
            return client.to_owned();
        }
        self.audience(found)
    }

    /// Makes tokens for an account, and says which. What the network does not have is left out.
    pub fn issue(&self, order: &Order) -> Issued {
        let network = order.network;
        let now = self.now();
        let new_family = || spelling::letters(&*self.random, 16);
        let family = order.family.clone().unwrap_or_else(new_family);
        let lifetime = order.lifetime.or(spelling::lifetime(network));
        let token = |kind, lifetime: Option<i64>| Token {
            kind,
            network,
            account: order.account.clone(),
            client: order.client.clone(),
            scopes: order.scopes.clone(),
            issued_at: now,
            expires_at: lifetime.map(|seconds| self.after(seconds)),
            is_revoked: false,
            family: family.clone(),
        };
        let mut state = self.state.lock();
        if order.signs {
            let (text, secret) = spelling::signing_token(network, &order.account, &*self.random);
            state
                .tokens
                .insert(text.clone(), token(Kind::Signing(secret.clone()), order.lifetime));
            return Issued {
                access: text,
                secret: Some(secret),
                refresh: None,
                lifetime: order.lifetime,
            };
        }
        let access = spelling::access_token(network, &*self.random);
        state.tokens.insert(access.clone(), token(Kind::Bearer, lifetime));
        let refresh = spelling::refresh_token(network, &*self.random).filter(|_| order.with_refresh);
        if let Some(refresh) = &refresh {
            state
                .tokens
                .insert(refresh.clone(), token(Kind::Refresh { spent: false }, None));
        }
        Issued {
            access,
            secret: None,
            refresh,
            lifetime,
        }
    }

    /// An account of which nothing is known but its id. It is not kept.
    pub fn new_account(&self, network: Network, id: &str) -> Account {
        let organisation = match network {
            Network::Microsoft => microsoft::PERSONAL.to_owned(),
            Network::Slack => format!("T{}", spelling::letters(&*self.random, 10).to_ascii_uppercase()),
            _ => String::new(),
        };
        Account {
            id: id.to_owned(),
            name: "Somebody".to_owned(),
            username: format!("somebody{}", spelling::letters(&*self.random, 6).to_lowercase()),
            email: None,
            email_verified: false,
            owns_domain: None,
            picture: None,
            organisation,
            contacts: Arc::default(),
        }
    }

    /// Takes back the tokens that are meant.
    pub fn revoke(&self, is_meant: impl Fn(&Token) -> bool) {
        let mut state = self.state.lock();
        for token in state.tokens.values_mut().filter(|token| is_meant(token)) {
            token.is_revoked = true;
        }
    }
}

/// Tokens to be made.
pub struct Order {
    /// Where.
    pub network: Network,
    /// For which account.
    pub account: String,
    /// For which application.
    pub client: Option<String>,
    /// What they allow.
    pub scopes: Vec<String>,
    /// For how many seconds, when that is not the network's own choice.
    pub lifetime: Option<i64>,
    /// The family that they join, or one of their own.
    pub family: Option<String>,
    /// Whether there is a refresh token too, where the network has them.
    pub with_refresh: bool,
    /// Whether requests are signed with it.
    pub signs: bool,
}

/// Tokens that were made.
pub struct Issued {
    /// The access token.
    pub access: String,
    /// Its secret.
    pub secret: Option<String>,
    /// The refresh token.
    pub refresh: Option<String>,
    /// For how many seconds the access token is good.
    pub lifetime: Option<i64>,
}

/// An id of the same look that is somebody else's.
fn other_id(id: &str) -> String {
    let mut id = id.to_owned();
    let last = id.pop();
    id.push(if last == Some('7') { '3' } else { '7' });
    id
}
