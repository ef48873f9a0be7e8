//! ID tokens of every network that has them: proved by its keys, refused when anything of them is not right.

use std::time::Duration;

use oneself::providers::{ALL, Network};
use serde_json::json;

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
