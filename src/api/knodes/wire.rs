//! The JSON of Knodes, exactly as it travels (`api/knodes.md` 4).
//!
//! No token is in any of it. What would surprise: the map of networks has one account of each, so of
//! several that another interface has linked the first is shown.

use serde::Serialize;
use serde_json::json;

use super::error::Problem;
use super::kept;
use super::params::Asked;
use crate::app::App;
use crate::domain::spelling::knodes_network;
use crate::domain::{Connection, Identity, Object, Proof, UserWithIdentities};
use crate::error::{Error, Noun, Result};
use crate::id::UserId;

/// A user.
#[derive(Debug, Serialize)]
pub struct User {
    id: UserId,
    ready: &'static str,
    status: &'static str,
    role: &'static str,
    networks: Object,
    created: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    first_login: bool,
    links: Vec<Link>,
}

/// Where something is.
#[derive(Debug, Serialize)]
pub struct Link {
    rel: &'static str,
    href: String,
}

/// A page of users.
#[derive(Debug, Serialize)]
pub struct UserPage {
    pub total: u64,
    pub results: Vec<User>,
    pub links: Vec<Link>,
}

/// A customer.
#[derive(Debug, Serialize)]
pub struct Customer {
    id: String,
    name: String,
    admission_policy: &'static str,
    network_apps: Object,
    links: Vec<Link>,
}

/// Whether a user can be searched as, in one word; without searches, whether an account of hers was
/// ever verified (`api/knodes.md` 8.3). What is kept is asked only where her accounts do not show it.
pub async fn ready(app: &App, asked: &Asked, found: &UserWithIdentities) -> Result<&'static str> {
    let is_proved = |identity: &Identity| identity.proof != Proof::Asserted;
    let verified = found.identities.iter().any(is_proved) || kept::of(app, asked, found).await?.verified_at.is_some();
    Ok(if verified { "ok" } else { "indexing" })
}

/// Whether she may connect.
pub fn status(found: &UserWithIdentities) -> &'static str {
    match found.user.blocked {
        Some(true) => "disabled",
        _ => "ok",
    }
}

impl User {
    /// A user as whoever asks sees her.
    pub async fn of(app: &App, asked: &Asked, found: UserWithIdentities) -> Result<Self> {
        let mut networks = Object::new();
        for identity in &found.identities {
            let label = app.label(asked.caller.tenant, identity.key.connection).await?;
            if let Some(network) = knodes_network(&label.provider) {
                let subject = || identity.key.subject.clone().into();
                networks.entry(network).or_insert_with(subject);
            }
        }
        let link = |rel, tail: &str| Link {
            rel,
            href: format!("{}users/{}{tail}.json", asked.origin, found.user.id),
        };
        let named = found
            .identities
            .iter()
            .find_map(|identity| identity.profile.name.clone());
        Ok(Self {
            id: found.user.id,
            ready: ready(app, asked, &found).await?,
            status: status(&found),
            role: "member",
            networks,
            created: found.user.created_at.as_second(),
            name: found.user.profile.name.clone().or(named),
            email: found.user.profile.email.clone(),
            first_login: false,
            links: vec![link("self", ""), link("ready", "/ready")],
        })
    }

    /// The same in the answer that made her.
    pub fn at_first_login(self, is_new: bool) -> Self {
        Self {
            first_login: is_new,
            ..self
        }
    }
}

/// Whether a user has an account at any network.
pub async fn has_networks(app: &App, asked: &Asked, found: &UserWithIdentities) -> Result<bool> {
    for identity in &found.identities {
        let label = app.label(asked.caller.tenant, identity.key.connection).await?;
        if knodes_network(&label.provider).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

impl UserPage {
    /// A page, with the addresses of its neighbours.
    pub fn new(asked: &Asked, total: u64, results: Vec<User>, at: &Pages) -> Self {
        let mut links = vec![at.link(asked, "self", at.page)];
        if at.page > 1 {
            links.push(at.link(asked, "prev", at.page.saturating_sub(1)));
        }
        if at.end() < total {
            links.push(at.link(asked, "next", at.page.saturating_add(1)));
        }
        Self { total, results, links }
    }
}

/// Which page of a list is shown.
#[derive(Debug)]
pub struct Pages {
    /// The only status that is shown.
    pub status: Option<String>,
    /// How many on a page.
    pub num: u32,
    /// Which, from 1 on.
    pub page: u32,
}

impl Pages {
    /// How many come before it.
    pub fn skipped(&self) -> u32 {
        self.page.saturating_sub(1).saturating_mul(self.num)
    }

    fn end(&self) -> u64 {
        u64::from(self.skipped()).saturating_add(self.num.into())
    }

    fn link(&self, asked: &Asked, rel: &'static str, page: u32) -> Link {
        let status = self
            .status
            .as_ref()
            .map_or_else(String::new, |status| format!("&status={status}"));
        Link {
            rel,
            href: format!("{}users.json?num={}&page={page}{status}", asked.origin, self.num),
        }
    }
}

impl Customer {
    /// The customer who asks, with the applications that it has deposited.
    pub fn of(asked: &Asked, applications: &[Connection]) -> Self {
        let id = asked.tenant.credentials.knodes_customer_id.clone();
        let mut network_apps = Object::new();
        for connection in applications {
            if let (Some(network), Some(application)) = (knodes_network(&connection.provider), connection.application())
            {
                network_apps.entry(network).or_insert_with(|| json!(application));
            }
        }
        Self {
            links: vec![Link {
                rel: "self",
                href: format!("{}customers/{id}.json", asked.origin),
            }],
            id,
            name: asked.tenant.name.clone(),
            admission_policy: "open",
            network_apps,
        }
    }
}

/// The provider that a network is here, by its name in this interface.
///
/// # Errors
/// 400 when there is none of this name.
pub fn provider(network: &str) -> std::result::Result<&str, Problem> {
    let unknown = || Error::NotFound(Noun::Connection);
    Ok(knodes_network(network).ok_or_else(unknown)?)
}
