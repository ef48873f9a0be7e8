//! Passwords that were hashed elsewhere: each kind logs in once as it came, and is a hash of
//! ours from then on.

use oneself::app::ImportedHash;
use oneself::app::log_in::Tried;
use oneself::app::users::UserRequest;
use oneself::domain::{Caller, Client, ConnectionRef, Grant, Profile, Scopes};
use oneself::error::{Error, Result};
use oneself::id::ClientId;
use oneself::store::{LoginKind, LoginName};
use serde_json::{Value, json};

use crate::support::server::TestServer;

const DATABASE: &str = "Username-Password-Authentication";

struct World {
    server: TestServer,
    client: Client,
    caller: Caller,
}

impl World {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let tenant = server.tenant("acme").await;
        let id: ClientId = tenant.credentials.client_id;
        let mut client = server.store.find_client(id).await.unwrap().unwrap();
        client.grants.push(Grant::PasswordRealm);
        let caller = Caller {
            tenant: id.tenant(),
            client: id,
            user: None,
            credential: None,
            scopes: Scopes::for_machines(),
            issuer: server.issuer().into(),
        };
        Self { server, client, caller }
    }

    async fn import(&self, name: &str, hash: ImportedHash) {
        let request = UserRequest {
            connection: Some(ConnectionRef::Name(DATABASE.to_owned())),
            profile: Profile {
                email: Some(format!("{name}@x.example")),
                ..Profile::default()
            },
            imported: Some(hash),
            ..UserRequest::default()
        };
        self.server.app.create_user(&self.caller, request).await.unwrap();
    }

    async fn log_in(&self, name: &str, password: &str) -> Result<()> {
        let (name, password) = (format!("{name}@x.example"), password.to_owned().into());
        let entered = self
            .server
            .app
            .log_in(&self.client, DATABASE, &name, &password, None, &mut Tried::default())
            .await;
        entered.map(drop)
    }

    /// What is kept of a password.
    async fn kept(&self, name: &str) -> String {
        let at = ConnectionRef::Name(DATABASE.to_owned());
        let tenant = self.caller.tenant;
        let connection = self.server.store.find_connection(tenant, &at).await.unwrap().unwrap();
        let name = LoginName {
            kind: LoginKind::Email,
            value: format!("{name}@x.example"),
        };
        let found = self
            .server
            .store
            .find_login(tenant, connection.id, &name)
            .await
            .unwrap();
        found.unwrap().1.unwrap()
    }
}

fn imported(hash: &Value) -> Result<ImportedHash> {
    match hash {
        Value::String(text) => ImportedHash::from_text("password_hash", text),
        Value::Object(object) => ImportedHash::from_custom(object),
        other => panic!("{other}"),
    }
}

fn vectors() -> Vec<(String, ImportedHash)> {
    let file: Value = serde_json::from_str(include_str!("../data/vectors/passwords.json")).unwrap();
    let all = file["vectors"].as_array().unwrap().iter();
    all.map(|one| {
        let hash = imported(&one["hash"]).unwrap_or_else(|error| panic!("{error}: {one}"));
        (one["password"].as_str().unwrap().to_owned(), hash)
    })
    .collect()
}

#[tokio::test]
async fn what_was_hashed_elsewhere_logs_in_and_is_ours_from_then_on() {
    let w = World::new().await;
    for (n, (password, hash)) in vectors().into_iter().enumerate() {
        let name = format!("p{n}");
        w.import(&name, hash).await;
        let came = w.kept(&name).await;
        let longer = format!("{password}x");
        let shorter = password.get(..password.len() - 1).unwrap_or("");
        for wrong in [longer.as_str(), shorter, "\u{142}\u{1f600}", ""] {
            let refused = w.log_in(&name, wrong).await;
            assert!(
                matches!(refused, Err(Error::WrongCredentials)),
                "{n}: {wrong:?}: {refused:?}"
            );
        }
        assert_eq!(w.kept(&name).await, came, "{n}: a wrong password changes nothing");
        w.log_in(&name, &password)
            .await
            .unwrap_or_else(|error| panic!("{n}: {error}: {came}"));
        let ours = w.kept(&name).await;
        assert!(ours.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{n}: {ours}");
        w.log_in(&name, &password).await.unwrap();
        assert_eq!(w.kept(&name).await, ours, "{n}: once is enough");
        assert!(
            matches!(w.log_in(&name, &longer).await, Err(Error::WrongCredentials)),
            "{n}"
        );
    }
}

#[test]
fn sec_api_13_hashes_that_cost_too_much_or_cannot_be_verified_are_refused_by_path() {
    let all: Vec<Value> = serde_json::from_str(include_str!("../data/hostile_password_hashes.json")).unwrap();
    for one in all {
        match imported(&one["hash"]) {
            Err(Error::Invalid { field, reason }) => {
                assert_eq!(field, one["field"].as_str().unwrap(), "{one}: {reason}");
                assert!(!reason.is_empty(), "{one}");
            }
            other => panic!("{one}: {other:?}"),
        }
    }
    for text in ["", "$1$md5crypt", "{SSHA}x", "secret", "$2b$10$", "$argon2id$"] {
        assert!(imported(&json!(text)).is_err(), "{text}");
    }
}

/// Two log-ins that verify the imported hash at once both enter, whichever replaces it.
#[tokio::test]
async fn the_first_log_ins_at_once_all_enter() {
    let w = World::new().await;
    let (password, hash) = vectors().swap_remove(0);
    w.import("p", hash).await;
    let (a, b, c) = tokio::join!(
        w.log_in("p", &password),
        w.log_in("p", &password),
        w.log_in("p", &password)
    );
    a.and(b).and(c).unwrap();
    assert!(w.kept("p").await.starts_with("$argon2id$"));
}

#[tokio::test]
async fn a_blocked_person_keeps_the_hash_that_came() {
    let w = World::new().await;
    let (password, hash) = vectors().swap_remove(0);
    w.import("p", hash).await;
    let came = w.kept("p").await;
    let which = w
        .server
        .store
        .list_users(w.caller.tenant, oneself::store::Page { after: None, limit: 1 });
    let mut user = which.await.unwrap().swap_remove(0).user;
    let expected_version = user.version;
    user.blocked = Some(true);
    user.version += 1;
    let update = oneself::store::UserUpdate {
        user,
        expected_version,
        login: None,
        bag: None,
        spend: None,
        identity_profile: None,
        event: None,
    };
    w.server.store.update_user(w.caller.tenant, update).await.unwrap();
    assert!(matches!(w.log_in("p", &password).await, Err(Error::Blocked)));
    assert_eq!(w.kept("p").await, came);
}

/// What cannot be seen from outside is seen here by a hash that cannot be read.
#[tokio::test]
async fn sec_api_03_a_name_that_nobody_has_costs_what_the_next_ones_hash_costs() {
    let w = World::new().await;
    assert!(
        matches!(w.log_in("a", "x").await, Err(Error::WrongCredentials)),
        "there is no next one"
    );
    let (_, hash) = vectors().swap_remove(0);
    w.import("m", hash).await;
    assert!(matches!(w.log_in("a", "x").await, Err(Error::WrongCredentials)));
    let spoilt = "UPDATE identities SET password = 'unreadable'";
    assert!(w.server.directory.execute(spoilt).await > 0);
    for nobody in ["a", "z"] {
        assert!(
            matches!(w.log_in(nobody, "x").await, Err(Error::Internal(_))),
            "{nobody}"
        );
    }
}
