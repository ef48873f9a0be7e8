//! `link_with`: which tokens prove a second account (`api/auth0.md` 7.1, D-98 to D-112).

use std::sync::Arc;
use std::time::Duration;

use oneself::jwt::TokenKind;
use serde_json::{Value, json};

use super::{Web, World, claims, identities_path, ids, refused, refused_with, user_path};
use crate::jwt::{forge, header, token_with};
use crate::support::http::Reply;

const INVALID: &str = "Invalid token (link_with).";

async fn prove(web: &Web<'_>, token: &str) -> Reply {
    let client = web.client("a").await;
    client
        .post(&identities_path("auth0|a"), json!({"link_with": token}))
        .await
}

async fn two_users(w: &World) -> Web<'_> {
    w.user("a").await;
    w.user("b").await;
    w.web().await
}

#[tokio::test]
async fn a_proof_is_believed_with_these_claims_and_refused_with_others() {
    let w = World::new().await;
    let web = two_users(&w).await;
    let good = claims(&web.id_token("b").await);
    let now = good["iat"].as_i64().unwrap();
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        token_with(TokenKind::Id, &claims)
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        token_with(TokenKind::Id, &claims)
    };
    let no_sub = "JWT (link_with) must contains sub claim.";
    let bad_sub = "JWT (link_with) contains an invalid sub claim.";
    let bad_aud = "JWT (link_with) contains an invalid aud claim.";
    let other_aud = "JWT (link_with) must have an aud claim that matches that of the calling token's azp.";
    let other_iss = "JWT (link_with) must have the same issuer as the calling user.";
    let client = web.id.clone();
    let sister = w.tenant.credentials.client_id.to_string();
    for (token, message) in [
        (with("exp", json!(u64::MAX)), INVALID),
        (with("exp", json!(1e30)), INVALID),
        (with("exp", json!("99999999999")), INVALID),
        (with("exp", json!(-5)), INVALID),
        (with("exp", json!(null)), INVALID),
        (with("exp", json!([1])), INVALID),
        (with("exp", json!(now - 100)), INVALID),
        (with("nbf", json!(now + 9999)), INVALID),
        (with("nbf", json!("999")), INVALID),
        (with("iat", json!(now + 99_999)), INVALID),
        (with("iat", json!(now - 3_601)), INVALID),
        (without("sub"), no_sub),
        (with("sub", json!("")), bad_sub),
        (with("sub", json!(5)), bad_sub),
        (with("sub", json!("x".repeat(256))), bad_sub),
        (with("sub", json!("auth0|\0")), bad_sub),
        (with("sub", json!("no-bar")), bad_sub),
        (with("sub", json!("auth0|")), bad_sub),
        (
            with("sub", json!("auth0|nobody")),
            "Provided secondary account not found.",
        ),
        (with("iss", json!(["x"])), INVALID),
        (with("iss", json!("https://other.example/")), other_iss),
        (without("aud"), bad_aud),
        (with("aud", json!(5)), bad_aud),
        (with("aud", json!([client, "other"])), bad_aud),
        (with("aud", json!("no-client")), bad_aud),
        (with("aud", json!(sister)), other_aud),
        (with("scope", json!("openid")), INVALID),
        (with("events", json!({})), INVALID),
        (with("client_id", json!("x")), INVALID),
        (with("uep", json!(99)), INVALID),
        (without("uep"), INVALID),
    ] {
        refused_with(&prove(&web, &token).await, 400, "invalid_link_token", message);
    }
    w.get("auth0|b").await.expect(200);
    let floored = with("exp", json!(now as f64 + 60.5));
    assert_eq!(ids(&prove(&web, &floored).await.expect(201).json()), ["a", "b"], "D-62");
}

#[tokio::test]
async fn hostile_forms_of_a_proof_are_refused() {
    let w = World::new().await;
    let web = two_users(&w).await;
    let token = web.id_token("b").await;
    let payload = claims(&token).to_string();
    let with_header = |change: &dyn Fn(&mut Value)| {
        let mut header = header(TokenKind::Id);
        change(&mut header);
        forge(header.to_string().as_bytes(), payload.as_bytes())
    };
    let kid = header(TokenKind::Id)["kid"].as_str().unwrap().to_owned();
    let (message, _) = token.rsplit_once('.').unwrap();
    let none = "eyJhbGciOiJub25lIn0";
    let bad_alg = "JWT (link_with) must have an alg of RS256.";
    for (token, status, message) in [
        (format!("{none}.{}.", token.split('.').nth(1).unwrap()), 400, bad_alg),
        (with_header(&|h| h["alg"] = json!("HS256")), 400, bad_alg),
        (with_header(&|h| h["alg"] = json!("none")), 400, bad_alg),
        (
            with_header(&|h| h["jku"] = json!("https://x.example/jwks")),
            400,
            INVALID,
        ),
        (with_header(&|h| h["jwk"] = json!({})), 400, INVALID),
        (with_header(&|h| h["x5u"] = json!("https://x.example/")), 400, INVALID),
        (with_header(&|h| h["x5c"] = json!([])), 400, INVALID),
        (with_header(&|h| h["crit"] = json!(["exp"])), 400, INVALID),
        (with_header(&|h| h["b64"] = json!(false)), 400, INVALID),
        (with_header(&|h| h["kid"] = json!("other")), 400, INVALID),
        (with_header(&|h| h["typ"] = json!("at+jwt")), 400, INVALID),
        (with_header(&|h| h["typ"] = json!("logout+jwt")), 400, INVALID),
        (
            forge(
                format!(r#"{{"alg":"RS256","alg":"RS256","typ":"JWT","kid":"{kid}"}}"#).as_bytes(),
                payload.as_bytes(),
            ),
            400,
            INVALID,
        ),
        (
            forge(
                header(TokenKind::Id).to_string().as_bytes(),
                payload.replacen('{', r#"{"sub":"auth0|a","#, 1).as_bytes(),
            ),
            400,
            INVALID,
        ),
        (format!("{token}.x"), 400, INVALID),
        (format!("{token}.x.y"), 400, INVALID),
        (format!("{token}="), 400, INVALID),
        (format!("{token}\n"), 400, INVALID),
        (format!("{token}{}", "A".repeat(17_000)), 400, INVALID),
        (String::new(), 400, INVALID),
        (format!("{message}.{}", "A".repeat(342)), 401, INVALID),
    ] {
        refused_with(&prove(&web, &token).await, status, "invalid_link_token", message);
    }
    w.get("auth0|b").await.expect(200);
}

#[tokio::test]
async fn sec_jwt_04_only_id_tokens_prove_and_only_access_tokens_open() {
    let w = World::new().await;
    let web = two_users(&w).await;
    let given = web.log_in("b").await;
    let access = given["access_token"].as_str().unwrap();
    let id = given["id_token"].as_str().unwrap();
    refused_with(&prove(&web, access).await, 400, "invalid_link_token", INVALID);
    let bearer = |token: &str| w.server.client().bearer(token);
    refused_with(&bearer(id).get(&user_path("auth0|b")).await, 401, "", "Invalid token");
    bearer(access).get(&user_path("auth0|b")).await.expect(200);
    prove(&web, id).await.expect(201);
}

#[tokio::test]
async fn sec_jwt_05_a_proof_is_spent_once() {
    let w = World::new().await;
    let web = two_users(&w).await;
    w.user("c").await;
    let token = web.id_token("b").await;
    prove(&web, &token).await.expect(201);
    for _ in 0..3 {
        refused_with(
            &prove(&web, &token).await,
            409,
            "identity_already_exists",
            "Specified identity already exists.",
        );
    }
    let c = web.client("c").await;
    let elsewhere = c.post(&identities_path("auth0|c"), json!({"link_with": token})).await;
    refused_with(&elsewhere, 400, "invalid_link_token", INVALID);
    w.unlink("auth0|a", "auth0", "b").await.expect(200);
    let after = c.post(&identities_path("auth0|c"), json!({"link_with": token})).await;
    refused(&after, 400, "invalid_link_token");
}

#[tokio::test]
async fn sec_jwt_05_parallel_uses_of_one_proof_link_once() {
    let w = World::new().await;
    let web = two_users(&w).await;
    w.user("c").await;
    let token = web.id_token("b").await;
    let mut racing = tokio::task::JoinSet::new();
    for n in 0..20 {
        let name = if n % 2 == 0 { "a" } else { "c" };
        let (client, token) = (web.client(name).await, token.clone());
        racing.spawn(async move {
            let path = identities_path(&format!("auth0|{name}"));
            client.post(&path, json!({"link_with": token})).await.status
        });
    }
    let answers = racing.join_all().await;
    assert_eq!(
        answers.iter().filter(|status| **status == 201).count(),
        1,
        "{answers:?}"
    );
    assert!(
        answers.iter().all(|status| matches!(status, 201 | 400 | 409)),
        "{answers:?}"
    );
}

#[tokio::test]
async fn a_proof_ages_as_the_tenant_says() {
    let w = World::new().await;
    let web = two_users(&w).await;
    let minute = [("link_with_max_age".to_owned(), "60".to_owned())];
    w.server.app.set_settings("acme", &minute).await.unwrap();
    let token = web.id_token("b").await;
    w.server.advance(Duration::from_secs(61));
    refused_with(&prove(&web, &token).await, 400, "invalid_link_token", INVALID);
    let token = web.id_token("b").await;
    w.server.advance(Duration::from_secs(59));
    prove(&web, &token).await.expect(201);
}

#[tokio::test]
async fn a_proof_dies_with_the_epoch_of_its_user() {
    let w = World::new().await;
    let web = two_users(&w).await;
    let token = web.id_token("b").await;
    w.client
        .patch(&user_path("auth0|b"), json!({"email": "new@x.example"}))
        .await
        .expect(200);
    refused_with(&prove(&web, &token).await, 400, "invalid_link_token", INVALID);
}

#[tokio::test]
async fn ones_own_proof_and_a_foreign_tenants_prove_nothing() {
    let w = World::new().await;
    let web = two_users(&w).await;
    let own = web.id_token("a").await;
    refused_with(
        &prove(&web, &own).await,
        400,
        "main_identity_same",
        "Main identity and the new one are the same.",
    );
    let good = claims(&web.id_token("b").await);
    let mut foreign = good.clone();
    let other = w.server.tenant("other").await;
    foreign["aud"] = json!(other.credentials.client_id.to_string());
    refused(
        &prove(&web, &token_with(TokenKind::Id, &foreign)).await,
        400,
        "invalid_link_token",
    );
}

#[tokio::test]
async fn a_machine_proves_with_tokens_of_its_own_client_only() {
    let w = World::new().await;
    let web = two_users(&w).await;
    let token = json!({"link_with": web.id_token("b").await});
    let path = identities_path("auth0|a");
    let elsewhere = w.client.post(&path, token.clone()).await;
    refused(&elsewhere, 400, "invalid_link_token");
    assert!(elsewhere.text().contains("azp"));
    let linked = web.machine().await.post(&path, token).await.expect(201).json();
    assert_eq!(ids(&linked), ["a", "b"]);
}

#[tokio::test]
async fn sec_lnk_19_people_link_up_to_the_limit_of_their_tenant() {
    let w = World::new().await;
    let web = two_users(&w).await;
    for name in ["c", "d", "e"] {
        w.user(name).await;
    }
    let three = [("identities_per_user".to_owned(), "3".to_owned())];
    w.server.app.set_settings("acme", &three).await.unwrap();
    prove(&web, &web.id_token("b").await).await.expect(201);

    // One is left, and two want it; the credential that links lives on.
    let me = Arc::new(web.client("a").await);
    let mut racing = tokio::task::JoinSet::new();
    for second in ["c", "d"] {
        let (client, token) = (me.clone(), web.id_token(second).await);
        racing.spawn(async move {
            let path = identities_path("auth0|a");
            client.post(&path, json!({"link_with": token})).await
        });
    }
    let mut answers = racing.join_all().await;
    answers.sort_by_key(|answer| answer.status);
    assert_eq!(answers[0].status, 201);
    refused(&answers[1], 409, "limit_reached");
    let identities = w.get("auth0|a").await.json()["identities"].clone();
    assert_eq!(identities.as_array().unwrap().len(), 3);
    let left = [w.get("auth0|c").await.status, w.get("auth0|d").await.status];
    assert!(
        left == [200, 404] || left == [404, 200],
        "the other is who she was: {left:?}"
    );

    // A refusal spends no proof, and whoever acts for the tenant has no limit.
    let token = web.id_token("e").await;
    refused(&prove(&web, &token).await, 409, "limit_reached");
    w.link("auth0|a", json!({"provider": "auth0", "user_id": "e"}))
        .await
        .expect(201);
}
