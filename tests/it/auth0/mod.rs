//! Auth0's interface, as its users see it.

mod bodies;
mod browsers;
mod checks;
mod client_grants;
mod clients;
mod connection_bodies;
mod connection_changes;
mod connections;
mod guard;
mod jobs;
mod jobs_exports;
mod jobs_import_faults;
mod jobs_imports;
mod jobs_runs;
mod jobs_uploads;
mod jobs_verification;
mod jobs_verification_smtp;
mod jobs_verification_tickets;
mod logs;
mod oauth;
mod openapi;
mod outcomes;
mod paths;
mod proof;
mod rates;
mod search;
mod tenant;
mod user_lists;
mod users;

pub use jobs::{follow, path_of, run_all};

use std::sync::Arc;

use oneself::domain::{Scope, Scopes};
use serde_json::{Value, json};

use crate::support::faulty::FaultyStore;
use crate::support::http::{Client, Reply};
use crate::support::server::{Tenant, TestServer};

/// The database connection that tenants begin with.
const DATABASE: &str = "Username-Password-Authentication";

const PASSWORD: &str = "Correct-Horse-1";

const PASSWORD_REALM: &str = "http://auth0.com/oauth/grant-type/password-realm";

/// A server with a tenant and a client for every right.
struct World {
    server: TestServer,
    tenant: Tenant,
    client: Client,
}

impl World {
    async fn new() -> Self {
        Self::on(TestServer::start().await).await
    }

    /// The same on a store that fails on order.
    async fn faulty() -> (Self, Arc<FaultyStore>) {
        let (server, store) = TestServer::start_faulty().await;
        (Self::on(server).await, store)
    }

    async fn on(server: TestServer) -> Self {
        let tenant = server.tenant("acme").await;
        let client = tenant.client().await;
        Self { server, tenant, client }
    }

    async fn only(&self, scopes: &[Scope]) -> Client {
        self.tenant.client_for(scopes.iter().copied().collect::<Scopes>()).await
    }

    /// Makes the user `auth0|<id>` in the database that tenants begin with.
    async fn user(&self, id: &str) -> Value {
        self.user_at(DATABASE, id).await
    }

    async fn user_at(&self, connection: &str, id: &str) -> Value {
        let email = format!("{id}@x.example");
        let body = json!({"connection": connection, "user_id": id, "email": email, "password": PASSWORD});
        self.client.post("/api/v2/users", body).await.expect(201).json()
    }

    async fn get(&self, id: &str) -> Reply {
        self.client.get(&user_path(id)).await
    }

    async fn link(&self, primary: &str, body: Value) -> Reply {
        self.client.post(&identities_path(primary), body).await
    }

    async fn unlink(&self, primary: &str, provider: &str, id: &str) -> Reply {
        let path = format!("{}/{provider}/{}", identities_path(primary), escaped(id));
        self.client.delete(&path).await
    }

    /// Makes a connection; its id.
    async fn connection(&self, body: Value) -> String {
        let made = self.client.post("/api/v2/connections", body).await.expect(201).json();
        made["id"].as_str().unwrap().to_owned()
    }

    /// The id of a connection by its name.
    async fn connection_named(&self, name: &str) -> String {
        let path = format!("/api/v2/connections?name={name}");
        let found = self.client.get(&path).await.expect(200).json();
        found[0]["id"].as_str().unwrap().to_owned()
    }

    /// A client that people can log in through.
    async fn web(&self) -> Web<'_> {
        let (id, secret) = self.tenant.password_client(&self.server).await;
        Web {
            world: self,
            id,
            secret,
        }
    }
}

/// A client that people can log in through.
struct Web<'a> {
    world: &'a World,
    id: String,
    secret: String,
}

impl Web<'_> {
    fn request(&self, name: &str) -> Value {
        json!({
            "grant_type": PASSWORD_REALM,
            "client_id": self.id,
            "client_secret": self.secret,
            "realm": DATABASE,
            "username": format!("{name}@x.example"),
            "password": PASSWORD,
            "audience": format!("{}api/v2/", self.world.server.issuer()),
            "scope": "openid profile email read:current_user update:current_user_identities",
        })
    }

    /// What somebody gets who logs in: tokens.
    async fn log_in(&self, name: &str) -> Value {
        let client = self.world.server.client();
        client.post("/oauth/token", self.request(name)).await.expect(200).json()
    }

    async fn id_token(&self, name: &str) -> String {
        self.log_in(name).await["id_token"].as_str().unwrap().to_owned()
    }

    /// A client with the token of a person.
    async fn client(&self, name: &str) -> Client {
        let given = self.log_in(name).await;
        self.world
            .server
            .client()
            .bearer(given["access_token"].as_str().unwrap())
    }

    /// A client with this client's own token.
    async fn machine(&self) -> Client {
        let request = json!({
            "grant_type": "client_credentials",
            "client_id": self.id,
            "client_secret": self.secret,
            "audience": format!("{}api/v2/", self.world.server.issuer()),
        });
        let client = self.world.server.client();
        let given = client.post("/oauth/token", request).await.expect(200).json();
        client.bearer(given["access_token"].as_str().unwrap())
    }
}

fn escaped(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn user_path(id: &str) -> String {
    format!("/api/v2/users/{}", escaped(id))
}

fn identities_path(id: &str) -> String {
    format!("{}/identities", user_path(id))
}

/// The `user_id`s of identities.
fn ids(identities: &Value) -> Vec<String> {
    let all = identities.as_array().unwrap_or_else(|| panic!("{identities}"));
    all.iter()
        .map(|one| match &one["user_id"] {
            Value::String(id) => id.clone(),
            number => number.to_string(),
        })
        .collect()
}

/// That an answer is this refusal, in the whole shape of the Management API.
#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str) {
    let body = reply.clone().expect(status).json();
    assert_eq!(body["statusCode"], status, "{body}");
    assert_eq!(body["errorCode"].as_str().unwrap_or_default(), code, "{body}");
    assert!(!body["error"].as_str().unwrap().is_empty(), "{body}");
    assert!(!body["message"].as_str().unwrap().is_empty(), "{body}");
    assert_eq!(reply.header("content-type"), "application/json; charset=utf-8");
}

#[track_caller]
fn refused_with(reply: &Reply, status: u16, code: &str, message: &str) {
    refused(reply, status, code);
    assert_eq!(reply.json()["message"], message);
}

/// The claims of a token.
fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    let decoded = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .unwrap();
    serde_json::from_slice(&decoded).unwrap()
}
