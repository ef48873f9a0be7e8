//! People who prove their own accounts, by tokens of their own.

use serde_json::{Value, json};

use super::{OURS, bare};
use crate::support::people::Side;
use crate::support::sandbox::Sandbox;
use crate::support::server::TestServer;

/// A server with simulated networks, and a tenant with an application at one.
async fn world() -> (TestServer, Sandbox, Side) {
    let (server, networks) = TestServer::start_with_networks().await;
    let side = Side::new(&server, "acme").await;
    super::connect(&server, &networks, "acme", "google", OURS).await;
    (server, networks, side)
}

fn proving(networks: &Sandbox, name: &str) -> Value {
    let account = networks.account("google", json!({"name": name, "client_id": OURS.0}));
    json!({"connection": "google", "verify": true, "tokens": bare(&account)})
}

#[tokio::test]
async fn sec_lnk_11_people_prove_accounts_of_their_own_and_vouch_for_none() {
    let (server, networks, side) = world().await;
    let (mira, noah) = (side.person("mira").await, side.person("noah").await);
    let (token, _) = side.log_in(&server, &mira).await;
    let client = server.client().bearer(&token);
    let path = |core: &str| format!("/link/v1/users/{core}/identities");

    let hers = proving(&networks, "Mira");
    let linked = client.post(&path(&mira.core), hers.clone()).await.expect(201).json();
    assert_eq!(linked["proof"], "audience_checked");
    let vouched = json!({"connection": "google", "subject": "1"});
    client.post(&path(&mira.core), vouched).await.expect(403);
    client
        .post(&path(&noah.core), proving(&networks, "Noah"))
        .await
        .expect(403);

    // Somebody else's account is taken, and nothing is said of who has it.
    let (token, _) = side.log_in(&server, &noah).await;
    let taken = server
        .client()
        .bearer(&token)
        .post(&path(&noah.core), hers)
        .await
        .expect(409);
    assert_eq!(taken.json()["code"], "identity_taken");
    for word in [&mira.core, "mira@x.example"] {
        assert!(!taken.text().contains(word), "{}", taken.text());
    }
}

#[tokio::test]
async fn sec_lnk_19_what_people_prove_counts() {
    let (server, networks, side) = world().await;
    let few = [("identities_per_user".to_owned(), "2".to_owned())];
    server.app.set_settings("acme", &few).await.unwrap();
    let mira = side.person("mira").await;
    let (token, _) = side.log_in(&server, &mira).await;
    let client = server.client().bearer(&token);
    let path = format!("/link/v1/users/{}/identities", mira.core);
    client.post(&path, proving(&networks, "One")).await.expect(201);
    let full = client.post(&path, proving(&networks, "Two")).await.expect(409).json();
    assert_eq!(full["code"], "limit_reached");
    side.client.post(&path, proving(&networks, "Two")).await.expect(201);
}

#[tokio::test]
async fn sec_lnk_20_a_block_follows_the_identities() {
    let (server, networks, side) = world().await;
    let (mira, noah) = (side.person("mira").await, side.person("noah").await);
    let hers = proving(&networks, "Mira");
    let path = |core: &str| format!("/link/v1/users/{core}/identities");
    side.client.post(&path(&mira.core), hers.clone()).await.expect(201);
    let block = json!({"blocked": true});
    side.client.patch(&mira.path(), block).await.expect(200);
    let offered = side
        .client
        .post(&path(&noah.core), hers.clone())
        .await
        .expect(403)
        .json();
    assert_eq!(offered["code"], "identity_blocked");
    // Who is not to know that she is blocked, learns that the account is taken.
    let (token, _) = side.log_in(&server, &noah).await;
    let client = server.client().bearer(&token);
    let offered = client.post(&path(&noah.core), hers).await.expect(409).json();
    assert_eq!(offered["code"], "identity_taken");
}
