//! Who somebody is at a network: a subject at an issuer, and neither an address nor a domain (LNK-06, LNK-08).

use serde_json::{Value, json};

use super::{OURS, World, check_refused, connect};
use crate::support::sandbox::Account;

/// The body that links an account, or brings it along with a new user, by its ID token alone.
fn proving(network: &str, account: &Account) -> Value {
    json!({"connection": network, "verify": true, "tokens": {"id_token": account.id_token}})
}

/// A user who comes to be with this account.
async fn arrived(w: &World, account: &Account) -> Value {
    let body = json!({"identity": proving(w.network.id, account)});
    w.client.post("/link/v1/users", body).await.expect(201).json()
}

/// Whose an account is.
async fn owner(w: &World, network: &str, subject: &str) -> Value {
    let path = format!("/link/v1/identities/{network}/{subject}");
    w.client.get(&path).await.expect(200).json()["id"].clone()
}

#[tokio::test]
async fn sec_lnk_08_one_subject_at_two_issuers_is_two_accounts() {
    let w = World::named("google").await;
    w.networks.application("linkedin", OURS.0, OURS.1);
    connect(&w.server, &w.networks, "acme", "linkedin", OURS).await;
    let (mira, noah) = (w.user().await, w.user().await);
    let path = |user: &str| format!("/link/v1/users/{user}/identities");
    for (network, user) in [("google", &mira), ("linkedin", &noah)] {
        let about = json!({"id": "108", "name": network, "client_id": OURS.0});
        let body = proving(network, &w.networks.account(network, about));
        let linked = w.client.post(&path(user), body.clone()).await.expect(201).json();
        assert_eq!(linked["subject"], "108", "{linked}");
        // What one issuer signed proves nothing at the other.
        let mut elsewhere = body;
        elsewhere["connection"] = json!(if network == "google" { "linkedin" } else { "google" });
        let refused = w.client.post(&path(user), elsewhere).await;
        check_refused(&refused, 400, "proof_rejected").unwrap();
    }
    assert_eq!(owner(&w, "google", "108").await, mira.as_str());
    assert_eq!(owner(&w, "linkedin", "108").await, noah.as_str());
}

#[tokio::test]
async fn sec_lnk_08_the_next_owner_of_a_domain_is_somebody_else() {
    let w = World::named("google").await;
    let about = json!({"name": "Mira Ito", "email": "mira@gone.example", "email_verified": true,
        "organisation": "gone.example", "client_id": OURS.0});
    let (before, after) = (
        w.networks.account("google", about.clone()),
        w.networks.account("google", about),
    );
    assert_ne!(before.id, after.id);
    let (mira, buyer) = (arrived(&w, &before).await, arrived(&w, &after).await);
    assert_ne!(mira["id"], buyer["id"]);
    for (user, account) in [(&mira, &before), (&buyer, &after)] {
        assert_eq!(owner(&w, "google", &account.id).await, user["id"]);
        assert!(user.to_string().contains("gone.example"), "{user}");
    }
}

/// The alarms of the tenant, oldest first: who, and whom that looks like.
async fn alarms(w: &World) -> Vec<(Value, Value)> {
    let path = "/api/v2/logs?q=type:w&sort=date:1";
    let logs = w.client.get(path).await.expect(200).json();
    assert!(!logs.to_string().contains("mira@"), "{logs}");
    let alarm = |log: &Value| {
        assert!(
            log["description"].as_str().unwrap().starts_with("possible_recycling"),
            "{log}"
        );
        (log["user_id"].clone(), log["details"]["others"].clone())
    };
    logs.as_array().unwrap().iter().map(alarm).collect()
}

#[tokio::test]
async fn sec_lnk_08_the_tenant_is_told_of_an_account_with_the_address_of_another_one() {
    let w = World::named("google").await;
    let about = |email: &str| {
        let about = json!({"name": "Mira Ito", "email": email, "email_verified": true, "client_id": OURS.0});
        w.networks.account("google", about)
    };
    let (first, other) = (about("mira@gone.example"), about("mira@else.example"));
    let mira = arrived(&w, &first).await;
    arrived(&w, &other).await;
    // She shows her own account again, and it is told of by somebody who only says so.
    arrived_again(&w, &mira, &first).await;
    let said = json!({"connection": "google", "subject": "said", "profile": {"email": "mira@gone.example"}});
    let path = format!("/link/v1/users/{}/identities", w.user().await);
    w.client.post(&path, said).await.expect(201);
    assert_eq!(alarms(&w).await, []);

    let buyer = arrived(&w, &about("mira@gone.example")).await;
    let third = w.user().await;
    let path = format!("/link/v1/users/{third}/identities");
    let linked = proving("google", &about("mira@else.example"));
    w.client.post(&path, linked).await.expect(201);
    let alarms = alarms(&w).await;
    assert_eq!(alarms.len(), 2, "{alarms:?}");
    assert_eq!(alarms[0].0, buyer["id"]);
    let looks_like = alarms[0].1.as_array().unwrap();
    assert!(
        looks_like.iter().any(|other| other["user_id"] == mira["id"]),
        "{alarms:?}"
    );
    assert_eq!(alarms[1].0, third.as_str());
}

/// An account that is hers already is shown once more.
async fn arrived_again(w: &World, user: &Value, account: &Account) {
    let path = format!("/link/v1/users/{}/identities", user["id"].as_str().unwrap());
    w.client.post(&path, proving("google", account)).await.expect(200);
}

#[tokio::test]
async fn sec_lnk_06_an_address_of_another_directory_is_another_persons_and_not_verified() {
    let w = World::named("microsoft").await;
    let of_directory = |directory: &str| {
        let about = json!({"name": "Mira Ito", "email": "mira@x.example", "email_verified": true,
            "organisation": directory, "client_id": OURS.0});
        w.networks.account("microsoft", about)
    };
    let hers = of_directory("11111111-1111-4111-8111-111111111111");
    let forged = of_directory("22222222-2222-4222-8222-222222222222");
    let (mira, attacker) = (arrived(&w, &hers).await, arrived(&w, &forged).await);
    assert_ne!(mira["id"], attacker["id"]);
    for user in [&mira, &attacker] {
        let text = user.to_string();
        assert!(text.contains("mira@x.example"), "{text}");
        assert!(!text.contains(r#""email_verified":true"#), "{text}");
    }
    let (_, page) = w.kept().await;
    assert_eq!(page.as_array().unwrap().len(), 2, "{page}");
}

#[tokio::test]
async fn sec_lnk_06_an_address_counts_as_verified_only_when_its_directory_owns_the_domain() {
    let w = World::named("microsoft").await;
    for (owns_domain, verified) in [
        (json!(true), json!(true)),
        (json!(false), Value::Null),
        (Value::Null, Value::Null),
    ] {
        let mut about = json!({"name": "Mira Ito", "email": "mira@x.example", "email_verified": true,
            "organisation": "11111111-1111-4111-8111-111111111111", "client_id": OURS.0});
        if !owns_domain.is_null() {
            about["owns_domain"] = owns_domain.clone();
        }
        let user = arrived(&w, &w.networks.account("microsoft", about)).await;
        let profile = &user["identities"][1]["profile"];
        assert_eq!(profile["email"], "mira@x.example", "{user}");
        assert_eq!(profile["email_verified"], verified, "{owns_domain}: {user}");
    }
}
