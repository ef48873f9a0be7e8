//! OpenID Connect: ID tokens, key sets and discovery.
//!
//! What would surprise: a network that has a name of its own keeps its real issuer, in tokens and in
//! the discovery document, while the endpoints in that document are those of the sandbox. Only the
//! plain `oidc` has the sandbox as its issuer.

use std::io;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::answer::Answer;
use super::keys;
use super::network::Network;
use super::world::{Account, World};
use super::wrong::WrongFact;

/// For how many seconds an ID token is good.
const LIFETIME_SECONDS: i64 = 3_600;

/// What an ID token is about.
pub struct About<'a> {
    /// Whose account.
    pub account: &'a Account,
    /// For which application.
    pub client: &'a str,
    /// What the application wants to see in it again.
    pub nonce: Option<&'a str>,
    /// The access token that comes with it.
    pub access_token: Option<&'a str>,
}

/// The issuer of the network's ID tokens for this account.
pub fn issuer(world: &World, network: Network, account: &Account) -> String {
    match network {
        Network::Google => "https://accounts.google.com".to_owned(),
        Network::LinkedIn => "https://www.linkedin.com/oauth".to_owned(),
        Network::Microsoft => format!("https://login.microsoftonline.com/{}/v2.0", account.organisation),
        Network::Apple => "https://appleid.apple.com".to_owned(),
        Network::GitLab => "https://gitlab.com".to_owned(),
        Network::Slack => "https://slack.com".to_owned(),
        _ => format!("{}/{}", world.url, network.name()),
    }
}

/// An ID token of the network.
///
/// # Errors
/// When there is no key to sign it with.
pub fn id_token(world: &World, network: Network, about: &About<'_>) -> io::Result<String> {
    let is_wrong = |fact| world.is_wrong(network, fact);
    let mut claims = claims(world, network, about);
    let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    if is_wrong(WrongFact::Issuer) {
        put("iss", json!("https://issuer.example"));
    }
    if is_wrong(WrongFact::Audience) {
        put("aud", json!("another-application"));
    }
    if is_wrong(WrongFact::Expiry) {
        put("exp", json!(world.after(-LIFETIME_SECONDS).as_second()));
    }
    if is_wrong(WrongFact::SubjectField)
        && let Some(subject) = claims.remove("sub")
    {
        claims.insert("identifier".to_owned(), subject);
    }
    let claims = Value::Object(claims);
    if is_wrong(WrongFact::Algorithm) {
        return Ok(keys::unsigned(&claims));
    }
    let number = if is_wrong(WrongFact::SigningKey) {
        keys::UNPUBLISHED
    } else {
        current_key(world, network)
    };
    keys::key(network, number)?.sign(&claims)
}

fn claims(world: &World, network: Network, about: &About<'_>) -> serde_json::Map<String, Value> {
    let account = about.account;
    let mut claims = json!({
        "iss": issuer(world, network, account),
        "aud": about.client,
        "sub": account.id,
        "iat": world.now().as_second(),
        "exp": world.after(LIFETIME_SECONDS).as_second(),
    });
    let mut put = |members: Value| {
        if let (Some(claims), Value::Object(members)) = (claims.as_object_mut(), members) {
            claims.extend(members);
        }
    };
    put(match network {
        Network::Google => json!({
            "azp": about.client,
            "at_hash": about.access_token.map(half_hash),
            "hd": Some(&account.organisation).filter(|domain| !domain.is_empty()),
        }),
        Network::Microsoft => json!({
            "sub": pairwise(account, about.client),
            "oid": account.id,
            "tid": account.organisation,
            "ver": "2.0",
            "nbf": world.now().as_second(),
            "preferred_username": account.email.as_deref().unwrap_or(&account.username),
        }),
        Network::Apple => json!({
            "auth_time": world.now().as_second(),
            "nonce_supported": true,
            "at_hash": about.access_token.map(half_hash),
        }),
        Network::GitLab => json!({
            "auth_time": world.now().as_second(),
            "nickname": account.username,
            "preferred_username": account.username,
        }),
        Network::Slack => json!({
            "https://slack.com/user_id": account.id,
            "https://slack.com/team_id": account.organisation,
        }),
        _ => json!({}),
    });
    let (given, family) = account.names();
    if network != Network::Apple {
        put(json!({"name": account.name}));
    }
    if !matches!(network, Network::Apple | Network::Microsoft | Network::GitLab) {
        put(json!({"given_name": given, "family_name": family, "picture": account.picture}));
    }
    if let Some(email) = &account.email {
        put(json!({"email": email}));
        match network {
            // Microsoft does not say whether it has verified the address, and whose its domain is only to
            // applications that ask.
            Network::Microsoft => put(json!({"xms_edov": account.owns_domain})),
            // Apple says it as a text or as a Boolean.
            Network::Apple => put(json!({"email_verified": account.email_verified.to_string()})),
            _ => put(json!({"email_verified": account.email_verified})),
        }
    }
    if let Some(nonce) = about.nonce {
        put(json!({"nonce": nonce}));
    }
    let Value::Object(mut claims) = claims else {
        return serde_json::Map::new();
    };
    claims.retain(|_, value| !value.is_null());
    claims
}

/// The id under which one application alone knows the account.
pub fn pairwise(account: &Account, client: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(
        &digest::SHA256,
        format!("{} {client}", account.id).as_bytes(),
    ))
}

/// The first half of the hash of a token (OpenID Connect Core, 3.1.3.6).
fn half_hash(token: &str) -> String {
    let hash = digest::digest(&digest::SHA256, token.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.as_ref().get(..16).unwrap_or_default())
}

fn current_key(world: &World, network: Network) -> u32 {
    world.state.lock().keys.get(&network).copied().unwrap_or(0)
}

/// The network's keys: the one that signs, and the one before it. Each carries `extra` too.
pub fn key_set(world: &World, network: Network, extra: &Value) -> Answer {
    let current = current_key(world, network);
    let numbers = [Some(current), current.checked_sub(1)];
    let keys: Vec<Value> = numbers
        .into_iter()
        .flatten()
        .filter_map(|number| Some(keys::key(network, number).ok()?.to_jwk()))
        .map(|mut jwk| {
            if let (Some(jwk), Some(extra)) = (jwk.as_object_mut(), extra.as_object()) {
                jwk.extend(extra.clone());
            }
            jwk
        })
        .collect();
    Answer::json(200, &json!({"keys": keys})).with(http::header::CACHE_CONTROL, "public, max-age=3600")
}

/// From now on the network signs with another key.
pub fn rotate(world: &World, network: Network) {
    let mut state = world.state.lock();
    let number = state.keys.entry(network).or_default();
    *number = number.saturating_add(1);
}

/// Where a network of OpenID Connect has what, as addresses of its own.
pub struct Endpoints<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// Where browsers go.
    pub authorization: &'a str,
    /// Where tokens are made.
    pub token: &'a str,
    /// Who somebody is.
    pub userinfo: Option<&'a str>,
    /// The key set.
    pub keys: &'a str,
    /// Where tokens are taken back.
    pub revocation: Option<&'a str>,
    /// Where one asks about a token.
    pub introspection: Option<&'a str>,
}

/// The discovery document (OpenID Connect Discovery, 3), with the endpoints of the sandbox.
pub fn discovery(world: &World, endpoints: &Endpoints<'_>) -> Answer {
    let here = |address: &str| {
        let place = address.strip_prefix("https://").unwrap_or(address);
        format!("{}/{}", world.url, place.trim_start_matches('/'))
    };
    let mut document = json!({
        "issuer": endpoints.issuer,
        "authorization_endpoint": here(endpoints.authorization),
        "token_endpoint": here(endpoints.token),
        "jwks_uri": here(endpoints.keys),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "code_challenge_methods_supported": ["plain", "S256"],
    });
    let others = [
        ("userinfo_endpoint", endpoints.userinfo),
        ("revocation_endpoint", endpoints.revocation),
        ("introspection_endpoint", endpoints.introspection),
    ];
    if let Some(document) = document.as_object_mut() {
        let known = others.into_iter().filter_map(|(name, place)| Some((name, place?)));
        document.extend(known.map(|(name, place)| (name.to_owned(), json!(here(place)))));
    }
    Answer::json(200, &document)
}
