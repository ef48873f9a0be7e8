//! The checks that a build must pass before anything else (`api/auth0.md` 15), by number.

use oneself::domain::Scope;
use serde_json::json;

use super::{DATABASE, PASSWORD, World, claims, identities_path, ids, refused, refused_with, user_path};

#[tokio::test]
async fn checks_1_to_6_link_and_unlink_by_name() {
    let w = World::new().await;
    w.user("p").await;
    let metadata = json!({"user_metadata": {"mine": 1}, "app_metadata": {"plan": "pro"}});
    w.client
        .patch(&user_path("auth0|p"), metadata.clone())
        .await
        .expect(200);
    w.user("s").await;
    w.client
        .patch(&user_path("auth0|s"), json!({"user_metadata": {"theirs": 2}}))
        .await
        .expect(200);
    let before = w.get("auth0|s").await.expect(200).json();

    let linked = w
        .link("auth0|p", json!({"provider": "auth0", "user_id": "s"}))
        .await
        .expect(201)
        .json();
    assert_eq!(ids(&linked), ["p", "s"]);
    assert_eq!(linked[1]["profileData"]["email"], "s@x.example");
    assert_eq!(
        linked[0]["profileData"]["email"], "p@x.example",
        "16a.2: on the primary too"
    );
    refused_with(
        &w.get("auth0|s").await,
        404,
        "inexistent_user",
        "The user does not exist.",
    );
    assert_eq!(
        w.client
            .get("/api/v2/users")
            .await
            .expect(200)
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let by_email = w
        .client
        .get("/api/v2/users-by-email?email=s@x.example")
        .await
        .expect(200);
    assert_eq!(by_email.json(), json!([]));

    let p = w.get("auth0|p").await.expect(200).json();
    assert_eq!(p["user_metadata"], metadata["user_metadata"]);
    assert_eq!(p["app_metadata"], metadata["app_metadata"]);
    assert!(!p.to_string().contains("theirs"));
    assert_eq!(
        p["identities"][0].get("profileData"),
        None,
        "16a.2: on secondaries only"
    );
    assert_eq!(p["identities"][1]["profileData"]["email"], "s@x.example");

    let again = w.link("auth0|p", json!({"provider": "auth0", "user_id": "s"})).await;
    refused_with(
        &again,
        409,
        "identity_already_exists",
        "Specified identity already exists.",
    );
    let own = w.link("auth0|p", json!({"provider": "auth0", "user_id": "p"})).await;
    refused_with(
        &own,
        400,
        "main_identity_same",
        "Main identity and the new one are the same.",
    );
    let main = w.unlink("auth0|p", "auth0", "p").await;
    refused_with(
        &main,
        400,
        "main_identity_unremovable",
        "Main identity cannot be removed.",
    );

    let left = w.unlink("auth0|p", "auth0", "s").await.expect(200).json();
    assert_eq!(ids(&left), ["p"]);
    let s = w.get("auth0|s").await.expect(200).json();
    for kept in ["user_id", "email", "email_verified", "name", "nickname", "picture"] {
        assert_eq!(s[kept], before[kept], "{kept}");
    }
    assert_eq!(s.get("user_metadata"), None);
}

#[tokio::test]
async fn check_7_secondaries_move_along_in_order() {
    let w = World::new().await;
    for id in ["p", "t", "s"] {
        w.user(id).await;
    }
    w.link("auth0|t", json!({"provider": "auth0", "user_id": "s"}))
        .await
        .expect(201);
    let linked = w
        .link("auth0|p", json!({"provider": "auth0", "user_id": "t"}))
        .await
        .expect(201)
        .json();
    assert_eq!(ids(&linked), ["p", "t", "s"]);
    assert_eq!(linked[1]["profileData"]["email"], "t@x.example");
    assert_eq!(linked[2]["profileData"]["email"], "s@x.example");
}

#[tokio::test]
async fn check_8_a_connection_chooses_between_two_databases() {
    let w = World::new().await;
    let d1 = w.connection(json!({"name": "D1", "strategy": "auth0"})).await;
    let d2 = w.connection(json!({"name": "D2", "strategy": "auth0"})).await;
    w.user_at("D1", "a").await;
    w.user_at("D2", "b").await;
    let body = |id: &str| json!({"provider": "auth0", "user_id": "b", "connection_id": id});
    let elsewhere = w.link("auth0|a", body(&d1)).await;
    refused_with(
        &elsewhere,
        400,
        "inexistent_identity",
        "Linking to an inexistent identity is not allowed.",
    );
    let linked = w.link("auth0|a", body(&d2)).await.expect(201).json();
    assert_eq!(ids(&linked), ["a", "b"]);
    assert_eq!(linked[1]["connection"], "D2");
}

#[tokio::test]
async fn checks_9_to_13_people_link_themselves_by_proof() {
    let w = World::new().await;
    let (web, other) = (w.web().await, w.web().await);
    w.user("a").await;
    w.user("b").await;
    let a = web.client("a").await;
    let path = identities_path("auth0|a");

    let foreign = a.post(&path, json!({"link_with": other.id_token("b").await})).await;
    refused(&foreign, 400, "invalid_link_token");
    assert!(foreign.text().contains("azp"), "{}", foreign.text());

    let proof = json!({"link_with": web.id_token("b").await});
    let somebody = a.post(&identities_path("auth0|b"), proof.clone()).await;
    refused_with(
        &somebody,
        403,
        "unowned_resource",
        "User to be acted on does not match subject in bearer token.",
    );
    let nobody = a.post(&identities_path("auth0|nobody"), proof.clone()).await;
    assert_eq!(nobody.body, somebody.body, "API-03");
    let by_name = a.post(&path, json!({"provider": "auth0", "user_id": "b"})).await;
    refused_with(
        &by_name,
        403,
        "insufficient_scope",
        "Insufficient scope, expected any of: update:users",
    );

    let linked = a.post(&path, proof).await.expect(201).json();
    assert_eq!(ids(&linked), ["a", "b"]);
    let given = web.log_in("b").await;
    for token in ["access_token", "id_token"] {
        assert_eq!(claims(given[token].as_str().unwrap())["sub"], "auth0|a", "{token}");
    }
    let me = a.get(&user_path("auth0|a")).await.expect(200).json();
    assert_eq!(ids(&me["identities"]), ["a", "b"], "the token outlives what it did");
}

#[tokio::test]
async fn check_14_a_deleted_user_leaves_her_addresses_free() {
    let w = World::new().await;
    w.user("p").await;
    w.user("s").await;
    w.link("auth0|p", json!({"provider": "auth0", "user_id": "s"}))
        .await
        .expect(201);
    w.client.delete(&user_path("auth0|p")).await.expect(204);
    w.user("s").await;
    let again = json!({"connection": DATABASE, "email": "p@x.example", "password": PASSWORD});
    w.client.post("/api/v2/users", again).await.expect(201);
}

#[tokio::test]
async fn check_15_malformed_links_are_refused() {
    let w = World::new().await;
    w.user("p").await;
    for body in [
        json!({}),
        json!({"link_with": "a.b.c", "provider": "auth0"}),
        json!({"x": 1}),
    ] {
        refused(&w.link("auth0|p", body).await, 400, "invalid_body");
    }
}

#[tokio::test]
async fn check_16_tokens_are_for_those_who_may_see_them() {
    let w = World::new().await;
    w.connection(json!({"name": "github", "strategy": "github"})).await;
    let account = json!({"connection": "github", "subject": "4242", "tokens": {
        "access_token": "canary-access", "token_secret": "canary-secret", "refresh_token": "canary-refresh", "expires_in": 60,
    }});
    w.user("p").await;
    let path = "/link/v1/users/auth0%7Cp/identities";
    w.client.post(path, account).await.expect(201);

    let path = user_path("auth0|p");
    let without = w.only(&[Scope::ReadUsers]).await.get(&path).await.expect(200);
    assert!(!without.text().contains("canary"), "{}", without.text());
    w.server.advance(std::time::Duration::from_secs(20));
    for client in [
        w.only(&[Scope::ReadUserIdpTokens]).await,
        w.only(&[Scope::ReadUsers, Scope::ReadUserIdpTokens]).await,
    ] {
        let with = client.get(&path).await.expect(200).json();
        let identity = &with["identities"][1];
        assert_eq!(identity["access_token"], "canary-access");
        assert_eq!(identity["access_token_secret"], "canary-secret");
        assert_eq!(identity["refresh_token"], "canary-refresh");
        assert_eq!(identity["expires_in"], 40);
        assert_eq!(identity["user_id"], 4242, "GitHub's ids are numbers");
        assert_eq!(identity["isSocial"], true);
    }
    for list in ["/api/v2/users", "/api/v2/users-by-email?email=p%40x.example"] {
        let listed = w.client.get(list).await.expect(200).text();
        assert!(listed.contains("4242") && !listed.contains("canary"), "{listed}");
    }
    let left = w.unlink("auth0|p", "github", "4242").await.expect(200);
    assert!(!left.text().contains("canary"));
    let split = w.client.get("/api/v2/users/github%7C4242").await.expect(200).json();
    assert_eq!(
        split["identities"][0]["access_token"], "canary-access",
        "sealed again for her"
    );
}

#[tokio::test]
async fn check_17_a_number_is_its_text() {
    let w = World::new().await;
    w.connection(json!({"name": "github", "strategy": "github"})).await;
    w.user("p").await;
    w.user("q").await;
    let account = json!({"connection": "github", "subject": "77"});
    w.client
        .post("/link/v1/users/auth0%7Cq/identities", account)
        .await
        .expect(201);
    w.unlink("auth0|q", "github", "77").await.expect(200);
    let linked = w
        .link("auth0|p", json!({"provider": "github", "user_id": 77}))
        .await
        .expect(201)
        .json();
    assert_eq!(linked[1]["user_id"], 77);
    assert_eq!(linked[1]["provider"], "github");
}

#[tokio::test]
async fn check_18_metadata_is_merged_one_level_deep() {
    let w = World::new().await;
    w.user("p").await;
    let path = user_path("auth0|p");
    let patch = async |body| w.client.patch(&path, body).await.expect(200).json();
    let first = patch(json!({"user_metadata": {"a": {"x": 1}, "b": 2}, "app_metadata": {"c": 3}})).await;
    assert_eq!(first["user_metadata"], json!({"a": {"x": 1}, "b": 2}));
    let second = patch(json!({"user_metadata": {"a": {"y": 2}}})).await;
    assert_eq!(second["user_metadata"], json!({"a": {"y": 2}, "b": 2}));
    let third = patch(json!({"user_metadata": {"a": null}})).await;
    assert_eq!(third["user_metadata"], json!({"b": 2}));
    let fourth = patch(json!({"user_metadata": {}, "app_metadata": {}})).await;
    assert_eq!(fourth["user_metadata"], json!({}), "16a.6");
    assert_eq!(fourth.get("app_metadata"), None, "16a.6");
}

#[tokio::test]
async fn check_19_the_wall_stands_behind_a_thousand_rows() {
    let w = World::new().await;
    refused(
        &w.client.get("/api/v2/users?page=20&per_page=50").await,
        400,
        "invalid_paging",
    );
    let last = w.client.get("/api/v2/users?page=19&per_page=50").await.expect(200);
    assert_eq!(last.json(), json!([]), "a page past the end is empty");
}
