//! Every network, by one suite, through `/link/v1` and against the simulated networks.
//!
//! What would surprise: a check is a function that says what is wrong ([`Failed`]) instead of a test that
//! panics, because the suite is itself tested: with a fact of a network made wrong on purpose it must fail.

mod faults;
mod id_tokens;
mod people;
mod signatures;
mod subjects;
mod suite;

use oneself::app::connections::ConnectionRequest;
use oneself::providers::{self, Bare, Network};
use serde_json::{Value, json};

use crate::support::http::{Client, Reply};
use crate::support::sandbox::{Account, Sandbox};
use crate::support::server::TestServer;

/// The application that a connection is.
const OURS: (&str, &str) = ("our-app", "our-secret");

/// Another one, which somebody has given a token to.
const OTHER: (&str, &str) = ("other-app", "other-secret");

/// What a check found wrong.
type Failed = String;

/// A server that asks the simulated networks, with a tenant and a connection to one of them.
pub struct World {
    pub server: TestServer,
    pub networks: Sandbox,
    pub client: Client,
    pub network: &'static Network,
}

impl World {
    pub async fn new(network: &'static Network) -> Self {
        let (server, networks) = TestServer::start_with_networks().await;
        let tenant = server.tenant("acme").await;
        for (id, secret) in [OTHER, OURS] {
            networks.application(network.id, id, secret);
        }
        connect(&server, &networks, "acme", network.id, OURS).await;
        let client = tenant.client().await;
        Self {
            server,
            networks,
            client,
            network,
        }
    }

    pub async fn named(network: &str) -> Self {
        Self::new(providers::named(network).unwrap()).await
    }

    /// A user without anything.
    pub async fn user(&self) -> String {
        let made = self.client.post("/link/v1/users", json!({})).await.expect(201).json();
        made["id"].as_str().unwrap().to_owned()
    }

    /// Somebody's account, with tokens for this application.
    pub fn account(&self, application: (&str, &str)) -> Account {
        let about = json!({
            "name": "Mira Ito",
            "email": "mira@x.example",
            "email_verified": true,
            "client_id": application.0,
        });
        self.networks.account(self.network.id, about)
    }

    /// Has an account proved and linked to a user.
    pub async fn prove(&self, user: &str, tokens: Value, subject: Option<&str>) -> Reply {
        let mut body = json!({"connection": self.network.id, "verify": true, "tokens": tokens});
        if let Some(subject) = subject {
            body["subject"] = json!(subject);
        }
        self.client
            .post(&format!("/link/v1/users/{user}/identities"), body)
            .await
    }

    /// What is kept: events, and everybody with identities.
    pub async fn kept(&self) -> (Value, Value) {
        (
            self.client.get("/link/v1/events?limit=100").await.expect(200).json()["events"].clone(),
            self.client.get("/link/v1/users?limit=100").await.expect(200).json()["users"].clone(),
        )
    }
}

/// A connection to a network of that name, with what the plain ones take besides.
pub async fn connect(server: &TestServer, networks: &Sandbox, tenant: &str, network: &str, (id, secret): (&str, &str)) {
    let url = networks.url();
    let options = match network {
        "oidc" | "oauth2" => json!({
            "introspection_endpoint": format!("{url}/{network}/introspect"),
            "userinfo_endpoint": format!("{url}/{network}/userinfo"),
        }),
        "oauth1" => json!({"profile_endpoint": format!("{url}/oauth1/account")}),
        _ => json!({}),
    };
    let request = ConnectionRequest {
        name: network.to_owned(),
        provider: network.to_owned(),
        issuer: (network == "oidc").then(|| format!("{url}/oidc")),
        client_id: Some(id.to_owned()),
        client_secret: Some(secret.to_owned().into()),
        auth0: [("options".to_owned(), options)].into_iter().collect(),
    };
    server.app.add_connection(tenant, request).await.unwrap();
}

/// The bare tokens of an account, without its ID token.
pub fn bare(account: &Account) -> Value {
    let mut tokens = json!({"access_token": account.access_token});
    if let Some(secret) = &account.token_secret {
        tokens["token_secret"] = json!(secret);
    }
    tokens
}

/// Whether a network says whose application a bare token is for.
pub fn can_tell(network: &Network) -> bool {
    matches!(network.bare, Bare::Asked(_))
}

/// That a condition holds, or what is wrong.
fn check(holds: bool, wrong: impl Into<String>) -> Result<(), Failed> {
    match holds {
        true => Ok(()),
        false => Err(wrong.into()),
    }
}

/// That a reply has this status and code, or what it is instead.
fn check_refused(reply: &Reply, status: u16, code: &str) -> Result<(), Failed> {
    let wrong = format!(
        "{status} {code} was expected, and there is {} {}",
        reply.status,
        reply.text()
    );
    check(reply.status == status && reply.json()["code"] == code, wrong)
}
