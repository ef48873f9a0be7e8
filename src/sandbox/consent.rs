//! The page on which somebody lets an application use an account, in both versions of OAuth.
//!
//! Plain forms, no script. `GET` shows the page and keeps what was asked for; the form comes back to the
//! same path by `POST`, with who consents, and sends the browser to where the application waits. What is
//! wrong with the application or its address is said on a page; all else is said to the application
//! (RFC 6749, 4.1.2.1).

use http::header::CACHE_CONTROL;

use super::answer::{Answer, encode_pairs};
use super::call::Call;
use super::network::Network;
use super::spelling;
use super::world::{Application, Asked, Grant, World};

/// For how many seconds a page or a code is good.
const LIFETIME_SECONDS: i64 = 600;

/// How many accounts the page offers.
const OFFERED: usize = 50;

/// The page of OAuth 2, or what becomes of it.
pub fn oauth2(world: &World, call: &Call) -> Answer {
    if let Some(consent) = call.field("consent") {
        return decide(world, call, &consent);
    }
    let asked = |name: &str| {
        call.parameter(name)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    };
    let client = asked("client_id").unwrap_or_default();
    let Some(application) = world.application(call.network, &client) else {
        return page(
            400,
            "There is no such application",
            "<p>The network does not know its id.</p>",
        );
    };
    let Some(redirect_uri) = asked("redirect_uri").filter(|uri| may_return_to(&application, uri)) else {
        return page(
            400,
            "The application may not send you there",
            "<p>Its redirect URI is not a registered one.</p>",
        );
    };
    let state = asked("state");
    let refuse = |error: &str| {
        let mut pairs = vec![("error", error)];
        pairs.extend(state.as_deref().map(|state| ("state", state)));
        Answer::see(&with_pairs(&redirect_uri, &pairs))
    };
    if asked("response_type").as_deref().is_some_and(|kind| kind != "code") {
        return refuse("unsupported_response_type");
    }
    let method = asked("code_challenge_method").unwrap_or_else(|| "plain".to_owned());
    let challenge = asked("code_challenge");
    let needs_challenge = call.network == Network::Twitter;
    if !matches!(method.as_str(), "plain" | "S256") || (challenge.is_none() && needs_challenge) {
        return refuse("invalid_request");
    }
    let scopes = asked("scope").map_or_else(
        || {
            spelling::scopes(call.network)
                .iter()
                .map(|scope| (*scope).to_owned())
                .collect()
        },
        |scopes| scopes.split([' ', ',']).map(str::to_owned).collect::<Vec<_>>(),
    );
    let grant = Grant {
        network: call.network,
        account: None,
        client,
        expires_at: world.after(LIFETIME_SECONDS),
        asked: Asked::Code {
            scopes,
            challenge: challenge.map(|challenge| (challenge, method)),
            nonce: asked("nonce"),
            posts: asked("response_mode").as_deref() == Some("form_post"),
            family: None,
            state,
        },
        redirect_uri,
    };
    let consent = spelling::letters(&*world.random, 32);
    let shown = question(world, call, &consent, &grant);
    world.state.lock().grants.insert(consent, grant);
    shown
}

fn may_return_to(application: &Application, uri: &str) -> bool {
    let is_address = uri
        .split_once("://")
        .is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty());
    let registered = &application.redirect_uris;
    is_address && (registered.is_empty() || registered.iter().any(|known| known == uri))
}

/// The page of OAuth 1.0a, or what becomes of it.
pub fn oauth1(world: &World, call: &Call) -> Answer {
    if let Some(consent) = call.field("consent") {
        return decide(world, call, &consent);
    }
    let token = call.parameter("oauth_token").unwrap_or_default();
    match grant_of(world, call, token) {
        Some(grant) if grant.account.is_none() => question(world, call, token, &grant),
        Some(_) | None => gone(),
    }
}

fn grant_of(world: &World, call: &Call, key: &str) -> Option<Grant> {
    let state = world.state.lock();
    let grant = state.grants.get(key)?;
    (grant.network == call.network && grant.expires_at > world.now()).then(|| grant.clone())
}

fn gone() -> Answer {
    page(
        400,
        "This page is no longer good",
        "<p>Go back to the application and begin again.</p>",
    )
}

/// Whether somebody consents, and who.
fn question(world: &World, call: &Call, consent: &str, grant: &Grant) -> Answer {
    let state = world.state.lock();
    let here = state
        .accounts
        .iter()
        .filter(|((network, _), _)| *network == call.network);
    let mut accounts: Vec<(&str, &str)> = here
        .map(|((_, id), account)| (id.as_str(), account.name.as_str()))
        .collect();
    accounts.sort_unstable();
    let options: String = accounts
        .iter()
        .take(OFFERED)
        .chain(&[("", "somebody new")])
        .enumerate()
        .map(|(at, (id, name))| {
            let checked = if at == 0 { " checked" } else { "" };
            let (id, name) = (escaped(id), escaped(name));
            format!("<p><label><input type=\"radio\" name=\"account\" value=\"{id}\"{checked}> {name} {id}</label></p>")
        })
        .collect();
    let wanted = match &grant.asked {
        Asked::Code { scopes, .. } if !scopes.is_empty() => format!(": {}", escaped(&scopes.join(", "))),
        Asked::Code { .. } | Asked::Token { .. } => String::new(),
    };
    let form = format!(
        "<p>The application <strong>{client}</strong> wants to use your account{wanted}.</p>\
         <form method=\"post\" action=\"/{host}{path}\">\
         <input type=\"hidden\" name=\"consent\" value=\"{consent}\">{options}\
         <p><button name=\"decision\" value=\"allow\">Allow</button> \
         <button name=\"decision\" value=\"deny\">Deny</button></p></form>",
        client = escaped(&grant.client),
        host = escaped(&call.host),
        path = escaped(&call.path),
        consent = escaped(consent),
    );
    page(200, &format!("Simulated {}", call.network.name()), &form)
}

/// Sends the browser back with what was decided.
fn decide(world: &World, call: &Call, consent: &str) -> Answer {
    let Some(mut grant) = grant_of(world, call, consent).filter(|grant| grant.account.is_none()) else {
        return gone();
    };
    if call.field("decision").as_deref() != Some("allow") {
        world.state.lock().grants.remove(consent);
        return denied(call.network, consent, &grant);
    }
    let chosen = call.field("account").filter(|id| !id.is_empty());
    let id = chosen.unwrap_or_else(|| {
        let id = spelling::account_id(call.network, &*world.random);
        let account = world.new_account(call.network, &id);
        world.state.lock().accounts.insert((call.network, id.clone()), account);
        id
    });
    if world.account(call.network, &id).is_none() {
        return page(
            400,
            "There is no such account",
            "<p>Go back and choose another one.</p>",
        );
    }
    grant.account = Some(id);
    let (key, answer) = match &grant.asked {
        Asked::Code { state, posts, .. } => {
            let code = spelling::letters(&*world.random, 40);
            let mut pairs = vec![("code", code.as_str())];
            pairs.extend(state.as_deref().map(|state| ("state", state)));
            let answer = if *posts {
                posting(&grant.redirect_uri, &pairs)
            } else {
                Answer::see(&with_pairs(&grant.redirect_uri, &pairs))
            };
            (code, answer)
        }
        Asked::Token { verifier, .. } => {
            let pairs = [("oauth_token", consent), ("oauth_verifier", verifier)];
            let answer = if grant.redirect_uri == "oob" {
                let pin = format!(
                    "<p>Tell the application this: <strong>{}</strong></p>",
                    escaped(verifier)
                );
                page(200, "You have allowed it", &pin)
            } else {
                Answer::see(&with_pairs(&grant.redirect_uri, &pairs))
            };
            (consent.to_owned(), answer)
        }
    };
    let mut state = world.state.lock();
    state.grants.remove(consent);
    state.grants.insert(key, grant);
    answer
}

fn denied(network: Network, consent: &str, grant: &Grant) -> Answer {
    let pairs = match (&grant.asked, network) {
        (Asked::Token { .. }, Network::Twitter) => vec![("denied", consent)],
        (Asked::Token { .. }, _) => vec![("oauth_token", consent), ("oauth_problem", "user_refused")],
        (Asked::Code { state, .. }, _) => {
            let error = match network {
                Network::LinkedIn => "user_cancelled_authorize",
                Network::Apple => "user_cancelled_authorize",
                _ => "access_denied",
            };
            let mut pairs = vec![("error", error)];
            pairs.extend(state.as_deref().map(|state| ("state", state)));
            pairs
        }
    };
    if grant.redirect_uri == "oob" {
        return page(200, "You have not allowed it", "<p>The application learns nothing.</p>");
    }
    Answer::see(&with_pairs(&grant.redirect_uri, &pairs))
}

/// A page by which the browser posts to the application, as Apple has it; without script it takes a click.
fn posting(place: &str, pairs: &[(&str, &str)]) -> Answer {
    let fields: String = pairs
        .iter()
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value)))
        .collect();
    let form = format!(
        "<form method=\"post\" action=\"{}\">{fields}<p><button>Continue</button></p></form>",
        escaped(place)
    );
    page(200, "You have allowed it", &form)
}

fn with_pairs(place: &str, pairs: &[(&str, &str)]) -> String {
    let mark = if place.contains('?') { '&' } else { '?' };
    format!("{place}{mark}{}", encode_pairs(pairs))
}

fn page(status: u16, title: &str, body: &str) -> Answer {
    let title = escaped(title);
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>body {{ font: 1rem/1.5 sans-serif; max-width: 28rem; margin: 2rem auto; padding: 0 1rem }} \
         button {{ font: inherit; padding: 0.4rem 1.2rem }}</style></head>\
         <body><h1>{title}</h1>{body}</body></html>\n"
    );
    Answer::html(status, &page).with(CACHE_CONTROL, "no-store")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
