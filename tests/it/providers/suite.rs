//! The suite: prove, refuse, read, and be wrong.

use oneself::providers::{ALL, Bare, Network};
use serde_json::json;

use super::{Failed, OTHER, OURS, World, bare, can_tell, check, check_refused};

/// What every network must do. With `wrong` a fact of it is made wrong first.
async fn passes(network: &'static Network, wrong: Option<&str>) -> Result<(), Failed> {
    let w = World::new(network).await;
    if let Some(fact) = wrong {
        w.networks.wrong(network.id, fact);
    }
    match can_tell(network) {
        true => bare_tokens_are_proved(&w).await,
        false => bare_tokens_are_refused(&w).await,
    }
}

async fn bare_tokens_are_refused(w: &World) -> Result<(), Failed> {
    let user = w.user().await;
    let before = w.kept().await;
    let refused = w.prove(&user, bare(&w.account(OURS)), None).await;
    check_refused(&refused, 400, "bare_token_refused")?;
    check(w.kept().await == before, "a refusal wrote something")
}

async fn bare_tokens_are_proved(w: &World) -> Result<(), Failed> {
    let user = w.user().await;
    let mira = w.account(OURS);

    // Prove, and read the profile.
    let linked = w.prove(&user, bare(&mira), Some(&mira.id)).await;
    let identity = linked.json();
    check(
        linked.status == 201,
        format!("not linked: {} {}", linked.status, linked.text()),
    )?;
    check(
        identity["subject"] == mira.id.as_str(),
        format!("another subject: {identity}"),
    )?;
    check(
        identity["proof"] == "audience_checked",
        format!("another proof: {identity}"),
    )?;
    let profile = &identity["profile"];
    let named = ["name", "nickname"].iter().any(|name| profile[name] == "Mira Ito");
    check(named, format!("not read: {identity}"))?;
    let verified = &profile["email_verified"];
    check(
        verified.is_null() || *verified == true,
        format!("not verified: {identity}"),
    )?;

    // What proves nothing is refused, and has written nothing.
    let before = w.kept().await;
    let other = w.account(OTHER);
    let refused = w.prove(&user, bare(&other), None).await;
    check_refused(&refused, 400, "proof_rejected")?;
    let noah = w.account(OURS);
    let refused = w.prove(&user, bare(&noah), Some(&mira.id)).await;
    check_refused(&refused, 400, "proof_mismatch")?;
    let mut nonsense = bare(&noah);
    nonsense["access_token"] = json!("nonsense");
    let refused = w.prove(&user, nonsense, None).await;
    check_refused(&refused, 400, "proof_rejected")?;
    w.networks.expire(w.network.id, &noah.id);
    let refused = w.prove(&user, bare(&noah), None).await;
    // Tokens of OAuth 1.0a do not expire.
    if w.network.id != "twitter" && w.network.id != "oauth1" {
        check_refused(&refused, 400, "proof_rejected")?;
    }
    let uma = w.account(OURS);
    w.networks.revoke(w.network.id, &uma.id);
    let refused = w.prove(&user, bare(&uma), None).await;
    check_refused(&refused, 400, "proof_rejected")?;
    w.networks.fault(w.network.id, json!({"mode": "garbage"}));
    let refused = w.prove(&user, bare(&w.account(OURS)), None).await;
    check_refused(&refused, 502, "provider_error")?;
    check(w.kept().await == before, "a refusal wrote something")
}

#[tokio::test]
async fn sec_lnk_12_every_network_proves_and_refuses() {
    for network in ALL {
        if let Err(wrong) = passes(network, None).await {
            panic!("{}: {wrong}", network.id);
        }
    }
}

/// Facts of simulated networks, each of which the suite must notice when it is wrong.
const WRONG: [(&str, &str); 16] = [
    ("twitter", "signature_base_string"),
    ("twitter", "signature_key"),
    ("twitter", "timestamp"),
    ("twitter", "subject"),
    ("twitter", "subject_field"),
    ("facebook", "proof_key"),
    ("facebook", "token_type"),
    ("facebook", "audience"),
    ("google", "audience"),
    ("google", "email_verified"),
    ("google", "expiry"),
    ("github", "subject_field"),
    ("linkedin", "standing"),
    ("gitlab", "audience"),
    ("discord", "subject"),
    ("qq", "audience"),
];

#[tokio::test]
async fn the_suite_notices_each_fact_that_is_wrong() {
    for (network, fact) in WRONG {
        let named = oneself::providers::named(network).unwrap();
        let found = passes(named, Some(fact)).await;
        assert!(found.is_err(), "{network}: nobody noticed that {fact} is wrong");
    }
}

#[test]
fn every_network_says_what_it_is() {
    let mut ids: Vec<_> = ALL.iter().map(|network| network.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), ALL.len(), "an id stands twice");
    for network in ALL {
        let is_plain = ["oidc", "oauth2", "oauth1"].contains(&network.id);
        let asks = network.endpoints.authorization.is_some() && network.endpoints.token.is_some();
        assert!(asks || is_plain, "{}: how is a person asked?", network.id);
        let proves = !matches!(network.bare, Bare::IdTokenOnly) || network.id_tokens.is_some();
        assert!(proves, "{}: it has no ID tokens", network.id);
    }
}
