//! The control API: who has accounts, which applications there are, and what goes wrong.
//!
//! ```text
//! GET  /_control                what there is: networks, their hosts, faults and facts
//! POST /_control/accounts       an account, with tokens
//! POST /_control/applications   an application that a network knows
//! POST /_control/expire         an account's tokens expire
//! POST /_control/revoke         an account's tokens are taken back
//! POST /_control/faults         a network fails
//! POST /_control/wrong          a network gets a fact wrong
//! POST /_control/keys           a network signs with another key from now on
//! GET  /_control/log            what was asked of the networks
//! ```
//!
//! What is not understood is refused with the member that was wrong and why, and has changed nothing.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::fault::{Fault, Mode};
use super::members::Members;
use super::network::Network;
use super::oidc::{self, About};
use super::spelling;
use super::world::{Account, Application, Kind, Order, World};
use super::wrong::WrongFact;

/// What was done, or why not: the member and the reason.
pub type Done = Result<Value, String>;

/// Answers a request to the control API.
pub fn answer(world: &World, method: &str, path: &str, body: &[u8]) -> Answer {
    let done = match (method, path.trim_matches('/')) {
        ("GET", "") => Ok(overview(world)),
        ("GET", "log") => Ok(world.state.lock().log.to_json()),
        ("POST", order) => match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => obey(world, order, members),
            Ok(_) => Err("body: must be a JSON object".to_owned()),
            Err(error) => Err(format!("body: {error}")),
        },
        _ => return Answer::json(404, &json!({"error": "path: there is nothing here"})),
    };
    match done {
        Ok(done) => Answer::json(200, &done),
        Err(why) => Answer::json(400, &json!({"error": why})),
    }
}

/// Does what is ordered.
pub fn obey(world: &World, order: &str, members: Map<String, Value>) -> Done {
    let mut members = Members(members);
    match order {
        "accounts" => make_account(world, members),
        "applications" => make_application(world, members),
        "expire" => on_tokens(world, members, |world| {
            let now = world.now();
            Box::new(move |token| {
                if !matches!(token.kind, Kind::Refresh { .. }) {
                    token.expires_at = Some(now);
                }
            })
        }),
        "revoke" => on_tokens(world, members, |_| Box::new(|token| token.is_revoked = true)),
        "faults" => set_fault(world, members),
        "wrong" => set_wrong(world, members),
        "keys" => {
            let network = members.network()?;
            members.end()?;
            if !network.has_id_tokens() {
                return Err(format!("network: {} signs no ID tokens", network.name()));
            }
            oidc::rotate(world, network);
            Ok(json!({"network": network.name()}))
        }
        _ => Err(format!("path: there is no order {order}")),
    }
}

fn overview(world: &World) -> Value {
    let networks = Network::ALL.iter().map(|network| {
        let places = network.hosts().iter().map(|host| format!("{}/{host}", world.url));
        (network.name().to_owned(), json!(places.collect::<Vec<_>>()))
    });
    let facts = WrongFact::ALL.iter().map(|fact| {
        let of = Network::ALL.iter().filter(|network| fact.is_of(**network));
        (
            fact.name().to_owned(),
            json!(of.map(|network| network.name()).collect::<Vec<_>>()),
        )
    });
    json!({
        "networks": networks.collect::<Map<_, _>>(),
        "faults": Mode::NAMES,
        "wrong": facts.collect::<Map<_, _>>(),
    })
}

fn make_account(world: &World, mut members: Members) -> Done {
    let network = members.network()?;
    let id = match members.text("id")? {
        Some(id) if spelling::is_account_id(network, &id) => id,
        Some(_) => return Err(format!("id: is none that an account of {} can have", network.name())),
        None => spelling::account_id(network, &*world.random),
    };
    let known = world.state.lock().accounts.get(&(network, id.clone())).cloned();
    let mut account = known.unwrap_or_else(|| world.new_account(network, &id));
    if let Some(name) = members.text("name")? {
        account.username = name.to_lowercase().replace(' ', ".");
        account.name = name;
    }
    account.username = members.text("username")?.unwrap_or(account.username);
    account.email = members.text("email")?.or(account.email);
    account.email_verified = members.flag("email_verified")?.unwrap_or(account.email_verified);
    account.owns_domain = members.flag("owns_domain")?.or(account.owns_domain);
    account.picture = members.text("picture")?.or(account.picture);
    account.organisation = members.text("organisation")?.unwrap_or(account.organisation);
    account.contacts = members.list("contacts")?.map_or(account.contacts, Arc::new);
    let client = members.text("client_id")?;
    let usual = || {
        spelling::scopes(network)
            .iter()
            .map(|scope| (*scope).to_owned())
            .collect()
    };
    let scopes = members.texts("scopes")?.unwrap_or_else(usual);
    let order = Order {
        network,
        account: id.clone(),
        client,
        scopes,
        lifetime: members.number("expires_in")?,
        family: None,
        with_refresh: true,
        signs: network.signs_requests(),
    };
    let nonce = members.text("nonce")?;
    members.end()?;
    world.state.lock().accounts.insert((network, id), account.clone());
    tokens(world, &order, &account, nonce.as_deref())
}

/// Makes the tokens of an account, and tells of both.
fn tokens(world: &World, order: &Order, account: &Account, nonce: Option<&str>) -> Done {
    let issued = world.issue(order);
    let mut told = json!({
        "network": order.network.name(),
        "id": account.id,
        "name": account.name,
        "username": account.username,
        "email": account.email,
        "access_token": issued.access,
        "token_secret": issued.secret,
        "refresh_token": issued.refresh,
        "expires_in": issued.lifetime,
    });
    let mut put = |name: &str, value: Value| {
        if let Some(told) = told.as_object_mut() {
            told.insert(name.to_owned(), value);
        }
    };
    if order.network.has_id_tokens() {
        let client = order
            .client
            .clone()
            .unwrap_or_else(|| world.every_application(order.network));
        let about = About {
            account: &world
                .account(order.network, &account.id)
                .unwrap_or_else(|| account.clone()),
            client: &client,
            nonce,
            access_token: Some(&issued.access),
        };
        let id_token = oidc::id_token(world, order.network, &about).map_err(|error| error.to_string())?;
        put("id_token", json!(id_token));
    }
    if order.network == Network::Twitter {
        // The same account by X's OAuth 2.
        let bearer = world.issue(&Order {
            client: order.client.clone(),
            account: order.account.clone(),
            scopes: order.scopes.clone(),
            family: None,
            signs: false,
            ..*order
        });
        put(
            "oauth2",
            json!({
                "access_token": bearer.access,
                "refresh_token": bearer.refresh,
                "expires_in": bearer.lifetime,
            }),
        );
    }
    if let Some(told) = told.as_object_mut() {
        told.retain(|_, value| !value.is_null());
    }
    Ok(told)
}

fn make_application(world: &World, mut members: Members) -> Done {
    let network = members.network()?;
    let id = members.text("client_id")?.ok_or("client_id: is missing")?;
    let secret = members.text("client_secret")?.ok_or("client_secret: is missing")?;
    let redirect_uris = members.texts("redirect_uris")?.unwrap_or_default();
    let if_unknown = members.flag("if_unknown")?.unwrap_or(false);
    members.end()?;
    let mut state = world.state.lock();
    let known = state.applications.entry(network).or_default();
    let at = known.iter().position(|application| application.id == id);
    let before = at.map(|at| known.remove(at));
    let application = before.filter(|_| if_unknown).unwrap_or(Application {
        id: id.clone(),
        secret,
        redirect_uris,
    });
    known.push(application);
    Ok(json!({"network": network.name(), "client_id": id}))
}

/// What is done to a token.
type Deed = Box<dyn FnMut(&mut super::world::Token)>;

fn on_tokens(world: &World, mut members: Members, deed: impl Fn(&World) -> Deed) -> Done {
    let network = members.network()?;
    let id = members.text("id")?.ok_or("id: is missing")?;
    members.end()?;
    let mut deed = deed(world);
    let mut state = world.state.lock();
    if !state.accounts.contains_key(&(network, id.clone())) {
        return Err(format!("id: nobody has it at {}", network.name()));
    }
    let tokens = state.tokens.values_mut();
    let mut count = 0;
    for token in tokens.filter(|token| token.network == network && token.account == id) {
        deed(token);
        count += 1;
    }
    Ok(json!({"network": network.name(), "id": id, "tokens": count}))
}

fn set_fault(world: &World, mut members: Members) -> Done {
    let network = members.network()?;
    let mode = members.taken("mode").ok_or("mode: is missing")?;
    let mode: Mode = serde_json::from_value(mode).map_err(|_| format!("mode: must be {}", Mode::NAMES))?;
    let for_requests = members.number("for_requests")?;
    let left = for_requests
        .map(|left| u32::try_from(left).map_err(|_| "for_requests: must be a number of requests"))
        .transpose()?;
    let delay = members.number("delay_ms")?;
    let delay = delay
        .map(|delay| u64::try_from(delay).map_err(|_| "delay_ms: must be a number of milliseconds"))
        .transpose()?
        .map(Duration::from_millis);
    let closes = members.flag("closes")?.unwrap_or(false);
    members.end()?;
    let fault = Fault {
        mode,
        left,
        delay,
        closes,
    };
    world.state.lock().faults.insert(network, fault);
    Ok(json!({"network": network.name()}))
}

fn set_wrong(world: &World, mut members: Members) -> Done {
    let network = members.network()?;
    let name = members.text("fact")?.ok_or("fact: is missing")?;
    let is_wrong = members.flag("wrong")?.unwrap_or(true);
    members.end()?;
    let fact = WrongFact::named(&name).ok_or_else(|| {
        let names: Vec<&str> = WrongFact::ALL.iter().map(|fact| fact.name()).collect();
        format!("fact: must be one of {}", names.join(", "))
    })?;
    if !fact.is_of(network) {
        return Err(format!("fact: {} does not state it", network.name()));
    }
    let mut state = world.state.lock();
    if is_wrong {
        state.wrong.insert((network, fact));
    } else {
        state.wrong.remove(&(network, fact));
    }
    Ok(json!({"network": network.name(), "fact": fact.name(), "wrong": is_wrong}))
}
