//! Where a connection to any issuer looks for keys: by the issuer's metadata, unless its options say otherwise.

use oneself::app::connections::ConnectionRequest;
use serde_json::{Value, json};

use crate::support::http::{Client, Reply};
use crate::support::sandbox::Sandbox;
use crate::support::server::TestServer;

/// A server with a tenant whose connections lead to the simulated issuer.
struct World {
    server: TestServer,
    networks: Sandbox,
    client: Client,
}

impl World {
    async fn new() -> Self {
        let (server, networks) = TestServer::start_with_networks().await;
        let client = server.tenant("acme").await.client().await;
        networks.application("oidc", "our-app", "our-secret");
        Self {
            server,
            networks,
            client,
        }
    }

    /// Shows an account to a connection that has these options, and says what was asked for that, with what
    /// stands behind a question mark.
    async fn show(&self, name: &str, options: Value) -> (Reply, Vec<String>) {
        let request = ConnectionRequest {
            name: name.to_owned(),
            provider: "oidc".to_owned(),
            issuer: Some(self.at("oidc")),
            client_id: Some("our-app".to_owned()),
            auth0: [("options".to_owned(), options)].into_iter().collect(),
            ..ConnectionRequest::default()
        };
        self.server.app.add_connection("acme", request).await.unwrap();
        let about = json!({"name": "Mira Ito", "client_id": "our-app"});
        let account = self.networks.account("oidc", about);
        let before = self.networks.log().len();
        let body = json!({"identity": {"connection": name, "verify": true, "tokens": {"id_token": account.id_token}}});
        let reply = self.client.post("/link/v1/users", body).await;
        let asked = self.networks.log().split_off(before);
        let place = |entry: &Value| {
            let mark = if entry["query"] == true { "?" } else { "" };
            format!("{}{mark}", entry["path"].as_str().unwrap())
        };
        (reply, asked.iter().map(place).collect())
    }

    fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.networks.url())
    }
}

#[tokio::test]
async fn keys_are_where_metadata_or_the_connection_says() {
    let w = World::new().await;
    let metadata = w.at("oidc/.well-known/openid-configuration?of=our-app");
    let keys = w.at("oidc/jwks");
    for (name, options, asked) in [
        ("plain", json!({}), vec!["openid-configuration", "jwks"]),
        (
            "elsewhere",
            json!({"discovery_url": metadata}),
            vec!["openid-configuration?", "jwks"],
        ),
        ("keys", json!({"jwks_uri": keys}), vec!["jwks"]),
        (
            "both",
            json!({"discovery_url": metadata, "jwks_uri": keys}),
            vec!["jwks"],
        ),
    ] {
        let (reply, found) = w.show(name, options).await;
        let made = reply.expect(201).json();
        assert_eq!(made["identities"][1]["proof"], "id_token", "{name}: {made}");
        let found: Vec<&str> = found.iter().map(|path| path.rsplit('/').next().unwrap()).collect();
        assert_eq!(found, asked, "{name}");
    }
}

#[tokio::test]
async fn keys_of_somebody_else_prove_nothing() {
    let w = World::new().await;
    let google = w.at("accounts.google.com/.well-known/openid-configuration");
    let keys = w.at("www.googleapis.com/oauth2/v3/certs");
    for (name, options, status, code) in [
        (
            "metadata",
            json!({"discovery_url": google}),
            502,
            "provider_misconfigured",
        ),
        ("keys", json!({"jwks_uri": keys}), 400, "proof_rejected"),
        (
            "page",
            json!({"jwks_uri": w.at("oidc/authorize")}),
            502,
            "provider_misconfigured",
        ),
        ("metadata-for-keys", json!({"jwks_uri": google}), 502, "provider_error"),
    ] {
        let (reply, _) = w.show(name, options).await;
        assert_eq!(
            (reply.status, reply.json()["code"].as_str()),
            (status, Some(code)),
            "{name}: {}",
            reply.text()
        );
    }
}

#[tokio::test]
async fn sec_egr_05_no_option_leads_to_a_trap() {
    let w = World::new().await;
    let mut n = 0;
    for option in ["jwks_uri", "discovery_url"] {
        for trap in [
            "http://idp.example/keys",
            "https://10.0.0.1/keys",
            "https://[::1]/keys",
            "https://169.254.169.254/",
            "https://localhost/keys",
            "https://a@idp.example/keys",
            "file:///etc/passwd",
            "keys",
            "",
        ] {
            n += 1;
            let (reply, asked) = w.show(&format!("c{n}"), json!({ (option): trap })).await;
            assert_eq!(
                reply.json()["code"],
                "provider_misconfigured",
                "{option} {trap}: {}",
                reply.text()
            );
            assert_eq!(asked, [""; 0], "{option} {trap}");
        }
    }
}
