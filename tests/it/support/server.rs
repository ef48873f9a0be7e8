//! The whole server in process: the real front and router on a port of its own, over a
//! fresh store in a directory of its own. Time stands still until a test moves it, and
//! chance repeats itself, so ids and whole bodies repeat too.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use oneself::api;
use oneself::app::log_in::AccessTokenRequest;
use oneself::app::tenants::Credentials;
use oneself::app::{App, Origins, Parts, PasswordSettings};
use oneself::clock::{Clock, ManualClock, Random, SeededRandom};
use oneself::domain::{Grant, Scopes};
use oneself::id::TenantId;
use oneself::jwt::SigningKey;
use oneself::mail::Mailer;
use oneself::outbound::{Outbound, OutboundSettings};
use oneself::secret::ExposeSecret;
use oneself::store::{Store, StoredSigningKey};
use oneself::vault::{RootKey, Vault};
use oneself::web::metrics::Metrics;
use oneself::web::{Front, Limits, Server};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::faulty::FaultyStore;
use super::http::Client;
use super::kept::Kept;
use super::sandbox::Sandbox;

/// When every test begins.
pub const BEGINNING: &str = "2026-01-02T03:04:05Z";

/// A server, for as long as it is held.
pub struct TestServer {
    pub app: Arc<App>,
    pub address: SocketAddr,
    pub clock: Arc<ManualClock>,
    pub store: Arc<dyn Store>,
    /// Opens what the server sealed.
    pub vault: Vault,
    pub directory: Kept,
    stop: Option<oneshot::Sender<()>>,
}

impl TestServer {
    pub async fn start() -> Self {
        let clock = Arc::new(ManualClock::at(BEGINNING.parse().unwrap()));
        Self::start_with(clock.clone(), clock, |store| store).await
    }

    /// One whose addresses may make so many requests.
    pub async fn start_limited(rate: &str) -> Self {
        let clock = Arc::new(ManualClock::at(BEGINNING.parse().unwrap()));
        Self::start_whole(clock.clone(), clock, |store| store, rate, into_files, None).await
    }

    /// One that sends mail like this, or not at all.
    pub async fn start_mailing(mailer: Option<Mailer>) -> Self {
        let clock = Arc::new(ManualClock::at(BEGINNING.parse().unwrap()));
        Self::start_whole(clock.clone(), clock, |store| store, "off", |_| mailer, None).await
    }

    /// One that asks the simulated networks, which have its clock.
    pub async fn start_with_networks() -> (Self, Sandbox) {
        let clock = Arc::new(ManualClock::at(BEGINNING.parse().unwrap()));
        let networks = Sandbox::start_at(clock.clone());
        let asks = Some(&networks);
        let server = Self::start_whole(clock.clone(), clock, |store| store, "off", into_files, asks).await;
        (server, networks)
    }

    /// One whose store fails on order.
    pub async fn start_faulty() -> (Self, Arc<FaultyStore>) {
        let clock = Arc::new(ManualClock::at(BEGINNING.parse().unwrap()));
        let mut faulty = None;
        let server = Self::start_with(clock.clone(), clock, |store| {
            let store = Arc::new(FaultyStore::new(store));
            faulty = Some(store.clone());
            store
        })
        .await;
        (server, faulty.unwrap())
    }

    /// The same with another clock than the one that the test moves, and with something around
    /// the store.
    pub async fn start_with(
        clock: Arc<ManualClock>,
        told: Arc<dyn Clock>,
        around: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
    ) -> Self {
        Self::start_whole(clock, told, around, "off", into_files, None).await
    }

    async fn start_whole(
        clock: Arc<ManualClock>,
        told: Arc<dyn Clock>,
        around: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
        rate: &str,
        mailer: impl FnOnce(&Path) -> Option<Mailer>,
        networks: Option<&Sandbox>,
    ) -> Self {
        let directory = Kept::new().await;
        let random = Arc::new(SeededRandom::new(7));
        let store = around(directory.open(told.clone(), random.clone()).await);
        let mut root = [0; 32];
        random.fill(&mut root);
        let vault = |random| Vault::new(RootKey::from_bytes(&root), random);
        keep_fixed_signing_key(&*store, &vault(random.clone())).await;

        let server = Server::bind("127.0.0.1:0".parse().unwrap(), None, Limits::default())
            .await
            .unwrap();
        let address = server.address();
        let origin = format!("http://{address}");
        let parts = Parts {
            store: store.clone(),
            vault: vault(random.clone()),
            clock: told,
            random: random.clone(),
            origins: Origins::new([&origin]).unwrap(),
            passwords: PasswordSettings::cheap_for_tests(),
            rate_limit_per_address: rate.parse().unwrap(),
            mailer: mailer(directory.path()),
            outbound: Outbound::new(OutboundSettings {
                allowed: networks.map(Sandbox::address).into_iter().collect(),
                ..OutboundSettings::default()
            }),
            sandbox: networks.map(|networks| networks.url().to_owned()),
        };
        let app = Arc::new(App::start(parts).await.unwrap());
        let origins = app.origins().clone();
        let front = Front::new(
            api::router(&app),
            origins,
            api::dialects(),
            Metrics::new().unwrap(),
            &*random,
        );
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(server.serve(front, async move {
            let _ = stopped.await;
        }));
        Self {
            app,
            address,
            clock,
            store,
            vault: vault(random),
            directory,
            stop: Some(stop),
        }
    }

    /// A new tenant and its credentials.
    pub async fn tenant(&self, name: &str) -> Tenant {
        Tenant {
            credentials: self.app.create_tenant(name).await.unwrap(),
            app: self.app.clone(),
            address: self.address,
        }
    }

    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    pub fn issuer(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

/// A tenant of a test server.
pub struct Tenant {
    pub credentials: Credentials,
    app: Arc<App>,
    address: SocketAddr,
}

impl Tenant {
    /// A client with a token of the tenant's first client, for every right.
    pub async fn client(&self) -> Client {
        self.client_for(Scopes::for_machines()).await
    }

    /// A client with a token for these rights only.
    pub async fn client_for(&self, scopes: Scopes) -> Client {
        Client::new(self.address).bearer(&self.token(scopes).await)
    }

    /// A token of the tenant's first client, for these rights.
    pub async fn token(&self, scopes: Scopes) -> String {
        let id = self.credentials.client_id.to_string();
        let client = self
            .app
            .authenticate_client(&id, &self.credentials.client_secret)
            .await
            .unwrap();
        let request = AccessTokenRequest {
            client: &client,
            subject: format!("{id}@clients"),
            user: None,
            scopes,
            issuer: &format!("http://{}/", self.address),
            audience: format!("http://{}/api/v2/", self.address),
        };
        let (token, _) = self.app.issue_access_token(request).unwrap();
        token.expose_secret().to_owned()
    }

    /// The tenant's id.
    pub fn id(&self) -> TenantId {
        self.credentials.client_id.tenant()
    }

    /// What the tenant's first client asks for tokens with.
    pub fn token_request(&self) -> Value {
        json!({
            "grant_type": "client_credentials",
            "client_id": self.credentials.client_id.to_string(),
            "client_secret": self.credentials.client_secret.expose_secret(),
            "audience": format!("http://{}/api/v2/", self.address),
        })
    }

    /// A further client that may ask for tokens by passwords: id and secret.
    pub async fn password_client(&self, server: &TestServer) -> (String, String) {
        let grants = [Grant::ClientCredentials, Grant::PasswordRealm];
        let name = &self.credentials.tenant;
        let (client, secret) = server
            .app
            .add_client(name, "web", &grants, None::<Scopes>)
            .await
            .unwrap();
        (client.id.to_string(), secret.expose_secret().to_owned())
    }
}

/// Mail goes into files beside the data.
fn into_files(directory: &Path) -> Option<Mailer> {
    let mailer = Mailer::into_directory("Accounts <accounts@id.example>", &directory.join("mail"));
    Some(mailer.unwrap())
}

/// One key for all tests: making an RSA key takes longer than most of them.
async fn keep_fixed_signing_key(store: &dyn Store, vault: &Vault) {
    let key = SigningKey::fixed_for_tests().unwrap();
    let stored = StoredSigningKey {
        kid: key.kid().to_owned(),
        wrapped: vault.wrap_signing_key(key.kid(), &key.to_pkcs8().unwrap()).unwrap(),
        certificate: key.certificate().to_vec(),
        created_at: BEGINNING.parse().unwrap(),
    };
    store.create_signing_key(&stored).await.unwrap();
}
