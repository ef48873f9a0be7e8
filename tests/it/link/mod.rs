//! `/link/v1`, as its users see it.

mod events;
mod identities;
mod openapi;
mod refusals;
mod users;

use oneself::domain::{Scope, Scopes};
use serde_json::{Value, json};

use crate::support::http::Client;
use crate::support::server::{Tenant, TestServer};

/// A server with a tenant, two networks and a client with every right.
pub struct World {
    pub server: TestServer,
    pub tenant: Tenant,
    pub client: Client,
}

impl World {
    pub async fn new() -> Self {
        let server = TestServer::start().await;
        let tenant = server.tenant("acme").await;
        add_network(&server, "acme", "twitter").await;
        add_network(&server, "acme", "github").await;
        let client = tenant.client().await;
        Self { server, tenant, client }
    }

    /// A user without a password; her id.
    pub async fn user(&self) -> String {
        let made = self
            .client
            .post("/link/v1/users", json!({"name": "Ines"}))
            .await
            .expect(201)
            .json();
        made["id"].as_str().unwrap().to_owned()
    }

    /// Links an account with a token; the answer.
    pub async fn link(&self, user: &str, connection: &str, subject: &str) -> Value {
        let body = json!({"connection": connection, "subject": subject, "tokens": {"access_token": "canary-token"}});
        self.client
            .post(&format!("/link/v1/users/{user}/identities"), body)
            .await
            .expect(201)
            .json()
    }

    pub async fn only(&self, scope: Scope) -> Client {
        self.tenant.client_for(Scopes::from_iter([scope])).await
    }
}

pub async fn add_network(server: &TestServer, tenant: &str, provider: &str) {
    let request = oneself::app::connections::ConnectionRequest {
        name: provider.to_owned(),
        provider: provider.to_owned(),
        ..Default::default()
    };
    server.app.add_connection(tenant, request).await.unwrap();
}
