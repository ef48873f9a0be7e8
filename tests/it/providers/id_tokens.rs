//! ID tokens of every network that has them: proved by its keys, refused when anything of them is not right.

use std::sync::Arc;
use std::time::Duration;

use oneself::providers::{ALL, Network};
use serde_json::{Value, json};

use crate::support::sandbox::Account;

use super::{Failed, OTHER, OURS, World, bare, can_tell, check, check_refused};

fn with_id_tokens() -> impl Iterator<Item = &'static Network> {
    ALL.iter().copied().filter(|network| network.id_tokens.is_some())
}

async fn are_proved(w: &World) -> Result<(), Failed> {
    let user = w.user().await;
    let (mira, noah, other) = (w.account(OURS), w.account(OURS), w.account(OTHER));
    let token = mira.id_token.clone().ok_or("it gives no ID token")?;
    let linked = w.prove(&user, json!({"id_token": token}), None).await;
    let identity = linked.json();
    check(linked.status == 201, format!("not linked: {}", linked.text()))?;
    check(identity["proof"] == "id_token", format!("another proof: {identity}"))?;
    let subject = identity["subject"].as_str().unwrap_or_default().to_owned();
    check(subject.contains(&mira.id), format!("another subject: {identity}"))?;
    // Apple says a name only once, and not in the token.
    let profile = &identity["profile"];
    let read = profile["name"] == "Mira Ito" || profile["email"] == "mira@x.example";
    check(read, format!("not read: {identity}"))?;

    let before = w.kept().await;
    let refused = w.prove(&user, json!({"id_token": other.id_token}), None).await;
    check_refused(&refused, 400, "proof_rejected")?;
    let refused = w.prove(&user, json!({"id_token": noah.id_token}), Some(&subject)).await;
    check_refused(&refused, 400, "proof_mismatch")?;
    if can_tell(w.network) {
        let mut both = bare(&mira);
        both["id_token"] = json!(noah.id_token);
        let refused = w.prove(&user, both, None).await;
        check_refused(&refused, 400, "proof_mismatch")?;
    }
    let (message, _) = token.rsplit_once('.').unwrap();
    let (_, signature) = noah.id_token.as_ref().unwrap().rsplit_once('.').unwrap();
    let refused = w
        .prove(&user, json!({"id_token": format!("{message}.{signature}")}), None)
        .await;
    check_refused(&refused, 400, "proof_rejected")?;
    w.server.clock.advance(Duration::from_secs(3 * 3600));
    let refused = w.prove(&user, json!({"id_token": token}), None).await;
    check_refused(&refused, 400, "proof_rejected")?;
    check(w.kept().await == before, "a refusal wrote something")
}

#[tokio::test]
async fn sec_lnk_12_id_tokens_of_every_network_prove_and_are_refused() {
    for network in with_id_tokens() {
        if let Err(wrong) = are_proved(&World::new(network).await).await {
            panic!("{}: {wrong}", network.id);
        }
    }
}

#[tokio::test]
async fn an_id_token_of_which_one_fact_is_wrong_is_refused() {
    for network in with_id_tokens() {
        for fact in ["issuer", "signing_key", "algorithm", "audience", "expiry"] {
            let w = World::new(network).await;
            w.networks.wrong(network.id, fact);
            let user = w.user().await;
            let refused = w
                .prove(&user, json!({"id_token": w.account(OURS).id_token}), None)
                .await;
            if let Err(wrong) = check_refused(&refused, 400, "proof_rejected") {
                panic!("{} {fact}: {wrong}", network.id);
            }
        }
    }
}

#[tokio::test]
async fn sec_jwt_06_keys_of_simulated_networks_turn_and_stay() {
    let w = World::named("google").await;
    let user = w.user().await;
    let token = || json!({"id_token": w.account(OURS).id_token});
    w.prove(&user, token(), None).await.expect(201);
    w.networks.rotate_key("google");
    let turned = token();
    let refused = w.prove(&user, turned.clone(), None).await;
    check_refused(&refused, 400, "proof_rejected").unwrap();
    w.server.clock.advance(Duration::from_secs(60));
    w.prove(&user, turned, None).await.expect(201);
    w.networks.fault("google", json!({"mode": "down"}));
    w.prove(&user, token(), None).await.expect(201);
}

/// The body that shows an account by its ID token alone.
fn shown(account: &Account) -> Value {
    json!({"connection": "google", "verify": true, "tokens": {"id_token": account.id_token}})
}

#[tokio::test]
async fn sec_jwt_05_an_id_token_makes_an_account_somebodys_once() {
    let w = World::named("google").await;
    let (mira, noah) = (w.user().await, w.user().await);
    let path = |user: &str| format!("/link/v1/users/{user}/identities");
    let account = w.account(OURS);
    let free = async |identity: &Value| {
        let path = format!("{}/{}?force=true", path(&mira), identity["id"].as_str().unwrap());
        w.client.delete(&path).await.expect(204);
    };
    let linked = w.client.post(&path(&mira), shown(&account)).await.expect(201).json();
    for _ in 0..3 {
        w.client.post(&path(&mira), shown(&account)).await.expect(200);
    }
    let taken = w.client.post(&path(&noah), shown(&account)).await;
    check_refused(&taken, 409, "identity_taken").unwrap();

    free(&linked).await;
    let before = w.kept().await;
    for path in [path(&noah), format!("{}?dry_run=true", path(&noah))] {
        let replayed = w.client.post(&path, shown(&account)).await;
        check_refused(&replayed, 409, "token_replayed").unwrap();
    }
    let arrives = w
        .client
        .post("/link/v1/users", json!({"identity": shown(&account)}))
        .await;
    check_refused(&arrives, 409, "token_replayed").unwrap();
    assert_eq!(w.kept().await, before, "a refusal wrote something");

    // It is hers again by the same token, and somebody else's by another one.
    let again = w.client.post(&path(&mira), shown(&account)).await.expect(201).json();
    free(&again).await;
    let id = &account.id;
    w.server.clock.advance(Duration::from_secs(1));
    let newer = w
        .networks
        .account("google", json!({"id": id, "name": "Mira Ito", "client_id": OURS.0}));
    w.client.post(&path(&noah), shown(&newer)).await.expect(201);
}

#[tokio::test]
async fn sec_jwt_05_an_old_id_token_makes_no_account_anybodys_and_shows_whose_it_is() {
    let w = World::named("google").await;
    let (mira, noah) = (w.user().await, w.user().await);
    let path = |user: &str| format!("/link/v1/users/{user}/identities");
    let (hers, other) = (w.account(OURS), w.account(OURS));
    w.client.post(&path(&mira), shown(&hers)).await.expect(201);
    w.server.clock.advance(Duration::from_secs(601));
    let before = w.kept().await;
    let refused = w.client.post(&path(&mira), shown(&other)).await;
    check_refused(&refused, 400, "proof_rejected").unwrap();
    let refused = w
        .client
        .post("/link/v1/users", json!({"identity": shown(&other)}))
        .await;
    check_refused(&refused, 400, "proof_rejected").unwrap();
    let refused = w.client.post(&path(&noah), shown(&hers)).await;
    check_refused(&refused, 409, "identity_taken").unwrap();
    assert_eq!(w.kept().await, before, "a refusal wrote something");
    w.client.post(&path(&mira), shown(&hers)).await.expect(200);

    let longer = [("id_token_max_age".to_owned(), "3600".to_owned())];
    w.server.app.set_settings("acme", &longer).await.unwrap();
    w.client.post(&path(&mira), shown(&other)).await.expect(201);
}

#[tokio::test]
async fn sec_jwt_05_of_many_who_show_one_id_token_one_has_the_account() {
    let w = Arc::new(World::named("google").await);
    let account = w.account(OURS);
    let mut racing = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (w, account) = (w.clone(), account.clone());
        racing.spawn(async move {
            let user = w.user().await;
            let path = format!("/link/v1/users/{user}/identities");
            w.client.post(&path, shown(&account)).await.status
        });
    }
    let mut answers = racing.join_all().await;
    answers.sort_unstable();
    assert_eq!(answers[0], 201);
    assert!(answers[1..].iter().all(|status| *status == 409), "{answers:?}");
}
