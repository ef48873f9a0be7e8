//! A tenant with networks, people who log in with passwords, and an application that may ask
//! for their tokens; everything through the interfaces.

use oneself::domain::UserWithIdentities;
use oneself::id::{TenantId, UserId};
use oneself::store::Page;
use serde_json::{Value, json};

use super::http::{Client, Reply};
use super::server::{Tenant, TestServer};

/// The database that people log in at.
pub const DATABASE: &str = "Username-Password-Authentication";

/// What everybody's password is.
pub const PASSWORD: &str = "Long-enough-1";

/// The scopes by which a person acts on herself.
pub const OWN_SCOPES: &str =
    "openid read:current_user update:current_user_metadata update:current_user_identities delete:current_user";

/// A tenant and its application.
pub struct Side {
    pub tenant: Tenant,
    pub web: (String, String),
    /// With a token of the application, for every right.
    pub client: Client,
    pub token: String,
}

/// Somebody.
#[derive(Debug, Clone)]
pub struct Person {
    pub core: String,
    /// Auth0's spelling.
    pub id: String,
    pub email: String,
}

impl Person {
    /// Auth0's spelling, as it stands in a path.
    pub fn encoded(&self) -> String {
        self.id.replace('|', "%7C")
    }

    /// Her path in Auth0's interface.
    pub fn path(&self) -> String {
        format!("/api/v2/users/{}", self.encoded())
    }
}

impl Side {
    /// A new tenant with connections to Twitter and GitHub.
    pub async fn new(server: &TestServer, name: &str) -> Self {
        let tenant = server.tenant(name).await;
        for provider in ["twitter", "github"] {
            crate::link::add_network(server, name, provider).await;
        }
        let web = tenant.password_client(server).await;
        let request = json!({
            "grant_type": "client_credentials", "client_id": web.0, "client_secret": web.1,
            "audience": tenant.credentials.audience.clone(),
        });
        let mut request = request;
        request["audience"] = json!(format!("{}api/v2/", server.issuer()));
        let token = server.client().post("/oauth/token", request).await.expect(200).json();
        let token = token["access_token"].as_str().unwrap().to_owned();
        Self {
            tenant,
            web,
            client: server.client().bearer(&token),
            token,
        }
    }

    pub fn id(&self) -> TenantId {
        self.tenant.id()
    }

    /// Somebody with this name, an address and a password.
    pub async fn person(&self, name: &str) -> Person {
        let email = format!("{name}@x.example");
        let body = json!({"connection": DATABASE, "email": email, "password": PASSWORD});
        let made = self.client.post("/api/v2/users", body).await.expect(201).json();
        let id = made["user_id"].as_str().unwrap().to_owned();
        Person {
            core: id.split_once('|').unwrap().1.to_owned(),
            id,
            email,
        }
    }

    /// The core id of somebody who has no password and this account.
    pub async fn passwordless(&self, connection: &str, subject: &str) -> (String, String) {
        let body = json!({"identity": {"connection": connection, "subject": subject,
            "tokens": {"access_token": format!("canary-{subject}")}}});
        let made = self.client.post("/link/v1/users", body).await.expect(201).json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&made["id"]), text(&made["identities"][1]["id"]))
    }

    /// What the server says to somebody who logs in.
    pub async fn try_log_in(&self, server: &TestServer, person: &Person, password: &str) -> Reply {
        let request = json!({
            "grant_type": "http://auth0.com/oauth/grant-type/password-realm", "realm": DATABASE,
            "client_id": self.web.0, "client_secret": self.web.1,
            "username": person.email, "password": password,
            "scope": OWN_SCOPES, "audience": format!("{}api/v2/", server.issuer()),
        });
        server.client().post("/oauth/token", request).await
    }

    /// The access token and the ID token of somebody who logs in.
    pub async fn log_in(&self, server: &TestServer, person: &Person) -> (String, String) {
        let given = self.try_log_in(server, person, PASSWORD).await.expect(200).json();
        let token = |name: &str| given[name].as_str().unwrap().to_owned();
        (token("access_token"), token("id_token"))
    }

    /// Links an account with a token by the right over all users; its id.
    pub async fn link(&self, person: &str, connection: &str, subject: &str) -> String {
        let body = json!({"connection": connection, "subject": subject,
            "tokens": {"access_token": format!("canary-{subject}")}});
        let path = format!("/link/v1/users/{person}/identities");
        let made = self.client.post(&path, body).await.expect(201).json();
        made["id"].as_str().unwrap().to_owned()
    }

    /// Everybody with everything of theirs but secrets.
    pub async fn everybody(&self, server: &TestServer) -> Vec<UserWithIdentities> {
        let mut all: Vec<UserWithIdentities> = Vec::new();
        loop {
            let id = all.last().map(|last| last.user.id);
            let page = Page { after: id, limit: 100 };
            let found = server.store.list_users(self.id(), page).await.unwrap();
            if found.is_empty() {
                return all;
            }
            all.extend(found);
        }
    }

    /// How much has happened.
    pub async fn events(&self, server: &TestServer) -> usize {
        server.store.list_events(self.id(), None, 100_000).await.unwrap().len()
    }

    /// A person as she is kept.
    pub async fn kept(&self, server: &TestServer, core: &str) -> Option<UserWithIdentities> {
        let core: UserId = core.parse().unwrap();
        self.everybody(server)
            .await
            .into_iter()
            .find(|found| found.user.id == core)
    }
}
