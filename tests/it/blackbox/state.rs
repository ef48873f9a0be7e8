//! What a server says that there is, read whole: users, whose account is whose, the tokens.
//!
//! The owners are read twice, from the users and from the events alone, and must agree
//! (invariant I7). What one would get wrong: tokens are only to be had through Auth0's
//! interface, where a user is called by what she was born with.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::http::Client;

/// Everything that one tenant has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The core ids of all users.
    pub users: BTreeSet<String>,
    /// Of each account: its owner and the access token that is kept with it.
    pub accounts: BTreeMap<String, Account>,
    /// Accounts whose tokens are there and do not open.
    pub lost_keys: BTreeSet<String>,
}

/// An account of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub identity: String,
    pub owner: String,
    pub token: Option<String>,
}

impl State {
    /// Reads everything.
    ///
    /// # Panics
    /// When an account has two owners, a token does not open, or users and events disagree.
    #[track_caller]
    pub fn read(client: &mut Client) -> Self {
        let state = Self::read_damaged(client);
        assert_eq!(state.lost_keys, BTreeSet::new(), "tokens do not open");
        state
    }

    /// The same where tokens may be lost.
    #[track_caller]
    pub fn read_damaged(client: &mut Client) -> Self {
        let mut state = Self::default();
        let mut owners = BTreeMap::new();
        for user in pages(client, "/link/v1/users", "users") {
            let id = text(&user["id"]);
            let identities = user["identities"].as_array().unwrap();
            let tokens = tokens(client, &identities[0]);
            for identity in identities {
                assert_eq!(identity["user_id"], user["id"]);
                owners.insert(text(&identity["id"]), id.clone());
                let subject = text(&identity["subject"]);
                let account = Account {
                    identity: text(&identity["id"]),
                    owner: id.clone(),
                    token: tokens.get(&subject).cloned(),
                };
                if account.token.is_none() && identity["has_tokens"] == true {
                    state.lost_keys.insert(subject.clone());
                }
                let other = state.accounts.insert(subject, account);
                assert_eq!(other, None, "an account has two owners: {identity}");
            }
            state.users.insert(id);
        }
        assert_eq!(
            owners,
            replayed(&pages(client, "/link/v1/events", "events")),
            "users and events disagree"
        );
        state
    }

    /// Whose account it is.
    pub fn owner(&self, subject: &str) -> Option<&str> {
        self.accounts.get(subject).map(|account| account.owner.as_str())
    }

    /// The token that is kept with an account.
    pub fn token(&self, subject: &str) -> Option<&str> {
        self.accounts.get(subject)?.token.as_deref()
    }
}

/// Every item of a list.
#[track_caller]
pub fn pages(client: &mut Client, path: &str, member: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut after = String::new();
    loop {
        let page = client
            .get(&format!("{path}?limit=100{after}"))
            .unwrap()
            .expect(200)
            .body;
        items.extend_from_slice(page[member].as_array().unwrap());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return items,
        }
    }
}

/// The access tokens of a user by subject, through Auth0's interface.
#[track_caller]
fn tokens(client: &mut Client, primary: &Value) -> BTreeMap<String, String> {
    let provider = if primary["connection"] == "oneself" {
        "auth0"
    } else {
        "twitter"
    };
    let subject = primary["subject"].as_str().unwrap();
    let user = client
        .get(&format!("/api/v2/users/{provider}%7C{subject}"))
        .unwrap()
        .expect(200)
        .body;
    let identities = user["identities"].as_array().unwrap();
    let token = |identity: &Value| {
        let token = identity["access_token"].as_str()?;
        Some((text(&identity["user_id"]), token.to_owned()))
    };
    identities.iter().filter_map(token).collect()
}

/// Who owns which identity, by the events.
fn replayed(events: &[Value]) -> BTreeMap<String, String> {
    let mut owners = BTreeMap::new();
    for event in events {
        let user = text(&event["user_id"]);
        match event["type"].as_str().unwrap() {
            "user.created" | "identity.linked" => drop(owners.insert(text(&event["identity"]), user)),
            "identity.freed" => drop(owners.remove(&text(&event["identity"]))),
            "identity.split" => drop(owners.insert(text(&event["identity"]), text(&event["to_user_id"]))),
            "user.deleted" => owners.retain(|_, owner| *owner != user),
            "user.absorbed" => {
                let absorbed = text(&event["absorbed_user_id"]);
                owners
                    .values_mut()
                    .filter(|owner| **owner == absorbed)
                    .for_each(|owner| owner.clone_from(&user));
            }
            "user.updated" | "identity.refreshed" | "identity.recreated" => {}
            other => panic!("an event of an unknown type: {other}"),
        }
    }
    owners
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
