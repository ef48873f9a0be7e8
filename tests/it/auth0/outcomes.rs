//! What linking and unlinking answer (`api/auth0.md` 7), where the checks do not say so
//! already.

use oneself::domain::Scope;
use serde_json::json;

use super::{DATABASE, PASSWORD, World, identities_path, ids, refused, refused_with, user_path};

#[tokio::test]
async fn providers_that_are_not_configured_are_refused() {
    let w = World::new().await;
    w.user("p").await;
    for body in [
        json!({"provider": "github", "user_id": "1"}),
        json!({"provider": "myspace", "user_id": "1"}),
        json!({"provider": "Twitter", "user_id": "1"}),
        json!({"provider": "", "user_id": "1"}),
        json!({"user_id": "1"}),
        json!({"provider": "auth0", "user_id": "1", "connection_id": "con_AAAAAAAAAAAAAAAA"}),
        json!({"provider": "auth0", "user_id": "1", "connection_id": "con_00000000000000aa"}),
    ] {
        let reply = w.link("auth0|p", body.clone()).await;
        refused_with(
            &reply,
            400,
            "inexistent_connection",
            "The provider/connection is not configured.",
        );
    }
}

#[tokio::test]
async fn accounts_that_nobody_has_are_refused_or_made() {
    let w = World::new().await;
    w.user("p").await;
    let id = w.connection_named(DATABASE).await;
    let bare = json!({"provider": "auth0", "user_id": "unknown"});
    let chosen = json!({"provider": "auth0", "user_id": "unknown", "connection_id": id});
    refused_with(
        &w.link("auth0|p", bare.clone()).await,
        400,
        "inexistent_identity",
        "Linking to an inexistent identity requires a connection.",
    );
    refused_with(
        &w.link("auth0|p", chosen.clone()).await,
        400,
        "inexistent_identity",
        "Linking to an inexistent identity is not allowed.",
    );
    let create = [("link_unknown".to_owned(), "create".to_owned())];
    w.server.app.set_settings("acme", &create).await.unwrap();
    let linked = w.link("auth0|p", bare.clone()).await.expect(201).json();
    assert_eq!(ids(&linked), ["p", "unknown"], "the built-in database is no choice");
    refused(&w.link("auth0|p", chosen).await, 409, "identity_already_exists");
    let other = w.connection(json!({"name": "Other", "strategy": "auth0"})).await;
    let second = json!({"provider": "auth0", "user_id": "second"});
    refused_with(
        &w.link("auth0|p", second).await,
        400,
        "inexistent_identity",
        "Linking to an inexistent identity requires a connection.",
    );
    let chosen = json!({"provider": "auth0", "user_id": "second", "connection_id": other});
    let linked = w.link("auth0|p", chosen).await.expect(201).json();
    assert_eq!(linked[2]["connection"], "Other");
}

#[tokio::test]
async fn what_somebody_has_is_refused_to_others() {
    let w = World::new().await;
    for id in ["p", "q", "s"] {
        w.user(id).await;
    }
    let body = json!({"provider": "auth0", "user_id": "s"});
    w.link("auth0|q", body.clone()).await.expect(201);
    let reply = w.link("auth0|p", body).await;
    refused_with(
        &reply,
        409,
        "identity_already_exists",
        "Specified identity already exists.",
    );
    assert!(!reply.text().contains("auth0|q"), "whose it is, is not told");
}

#[tokio::test]
async fn racing_links_have_one_winner() {
    let w = World::new().await;
    let create = [("link_unknown".to_owned(), "create".to_owned())];
    w.server.app.set_settings("acme", &create).await.unwrap();
    let id = w.connection_named(DATABASE).await;
    let mut racing = tokio::task::JoinSet::new();
    for n in 0..16 {
        w.user(&format!("u{n}")).await;
        let client = w.tenant.client().await;
        let body = json!({"provider": "auth0", "user_id": "prize", "connection_id": id});
        racing.spawn(async move { client.post(&identities_path(&format!("auth0|u{n}")), body).await });
    }
    let mut won = 0;
    while let Some(reply) = racing.join_next().await {
        let reply = reply.unwrap();
        if reply.status == 201 {
            won += 1;
        } else {
            refused_with(
                &reply,
                409,
                "identity_already_exists",
                "Specified identity already exists.",
            );
        }
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn prefixes_in_the_body_are_taken_off() {
    let w = World::new().await;
    w.user("p").await;
    w.user("s").await;
    let linked = w
        .link("auth0|p", json!({"provider": "auth0", "user_id": "auth0|s"}))
        .await;
    assert_eq!(ids(&linked.expect(201).json()), ["p", "s"], "16a.1");
}

#[tokio::test]
async fn prefixes_in_the_path_are_told_apart() {
    let w = World::new().await;
    w.user("p").await;
    w.user("s").await;
    w.link("auth0|p", json!({"provider": "auth0", "user_id": "s"}))
        .await
        .expect(201);
    for missing in ["auth0|s", "nobody", "s|", "S"] {
        let left = w.unlink("auth0|p", "auth0", missing).await.expect(200).json();
        assert_eq!(ids(&left), ["p", "s"], "16a.4: {missing}");
    }
    let elsewhere = w.unlink("auth0|p", "github", "s").await.expect(200).json();
    assert_eq!(ids(&elsewhere), ["p", "s"]);
    let left = w
        .unlink("auth0|p", "auth0", &format!("{DATABASE}|s"))
        .await
        .expect(200)
        .json();
    assert_eq!(ids(&left), ["p"]);
    refused(&w.unlink("auth0|p", "myspace", "s").await, 400, "invalid_uri");
    refused(&w.unlink("auth0|nobody", "auth0", "s").await, 404, "inexistent_user");
    let nobody = w
        .link("auth0|nobody", json!({"provider": "auth0", "user_id": "s"}))
        .await;
    refused(&nobody, 404, "inexistent_user");
}

#[tokio::test]
async fn sec_lnk_17_a_blocked_account_is_not_absorbed() {
    let w = World::new().await;
    w.user("p").await;
    w.user("s").await;
    w.client
        .patch(&user_path("auth0|s"), json!({"blocked": true}))
        .await
        .expect(200);
    let reply = w.link("auth0|p", json!({"provider": "auth0", "user_id": "s"})).await;
    refused_with(
        &reply,
        400,
        "unable_to_link",
        "Unable to link with the secondary account.",
    );
    w.get("auth0|s").await.expect(200);
}

#[tokio::test]
async fn sec_lnk_17_an_absorbed_user_brings_no_rights() {
    let w = World::new().await;
    w.user("p").await;
    w.user("s").await;
    let rich = json!({"email_verified": true, "app_metadata": {"roles": ["admin"]}, "user_metadata": {"vip": true}});
    w.client.patch(&user_path("auth0|s"), rich).await.expect(200);
    let mut before = w.get("auth0|p").await.json();
    w.link("auth0|p", json!({"provider": "auth0", "user_id": "s"}))
        .await
        .expect(201);
    let mut after = w.get("auth0|p").await.json();
    assert_eq!(ids(&after["identities"]).len(), 2);
    for user in [&mut before, &mut after] {
        let members = user.as_object_mut().unwrap();
        members.remove("identities");
        members.remove("updated_at");
    }
    assert_eq!(after, before);
    assert_eq!(after["email_verified"], false);
}

#[tokio::test]
async fn people_unlink_themselves_and_nobody_else() {
    let w = World::new().await;
    let web = w.web().await;
    for id in ["p", "s", "q"] {
        w.user(id).await;
    }
    w.link("auth0|p", json!({"provider": "auth0", "user_id": "s"}))
        .await
        .expect(201);
    let p = web.client("p").await;
    let path = |user: &str| format!("{}/auth0/s", identities_path(user));
    refused(&p.delete(&path("auth0|q")).await, 403, "unowned_resource");
    let left = p.delete(&path("auth0|p")).await.expect(200).json();
    assert_eq!(ids(&left), ["p"]);
    let me = p.get(&user_path("auth0|p")).await;
    me.expect(200);
    let machine = w.only(&[Scope::UpdateCurrentUserIdentities]).await;
    refused(&machine.delete(&path("auth0|p")).await, 403, "unowned_resource");
}

#[tokio::test]
async fn sec_lnk_16_the_last_way_in_stays_unless_a_machine_takes_it() {
    let w = World::new().await;
    w.connection(json!({"name": "github", "strategy": "github"})).await;
    let made = json!({"name": "No password", "identity": {"connection": "github", "subject": "1"}});
    let made = w.client.post("/link/v1/users", made).await.expect(201).json();
    let id = format!("auth0|{}", made["id"].as_str().unwrap());
    let left = w.unlink(&id, "github", "1").await.expect(200).json();
    assert_eq!(left.as_array().unwrap().len(), 1, "counts as forced");
    assert_eq!(left[0]["connection"], "oneself");

    let web = w.web().await;
    w.user("s").await;
    w.link(&id, json!({"provider": "auth0", "user_id": "s"}))
        .await
        .expect(201);
    let me = web.client("s").await;
    let own = format!("{}/auth0/s", identities_path(&id));
    refused(&me.delete(&own).await, 409, "last_credential");
    assert_eq!(ids(&w.get(&id).await.json()["identities"]).len(), 2);
    let machine = w.only(&[Scope::UpdateUsers]).await;
    assert_eq!(ids(&machine.delete(&own).await.expect(200).json()).len(), 1);
}

#[tokio::test]
async fn people_of_the_built_in_database_can_be_linked() {
    let w = World::new().await;
    w.user("p").await;
    let body = json!({"email": "k@x.example", "password": PASSWORD});
    let made = w.client.post("/link/v1/users", body).await.expect(201).json();
    let id = made["id"].as_str().unwrap();
    let shown = w.get(&format!("auth0|{id}")).await.expect(200).json();
    assert_eq!(shown["identities"][0]["connection"], "oneself");
    let linked = w
        .link("auth0|p", json!({"provider": "auth0", "user_id": id}))
        .await
        .expect(201)
        .json();
    assert_eq!(ids(&linked), ["p", id]);
}

#[tokio::test]
async fn ids_of_companies_have_three_parts() {
    let w = World::new().await;
    let options = json!({"issuer": "https://idp.example/", "client_id": "c"});
    let connection = w
        .connection(json!({"name": "Staff", "strategy": "oidc", "options": options}))
        .await;
    let create = [("link_unknown".to_owned(), "create".to_owned())];
    w.server.app.set_settings("acme", &create).await.unwrap();
    w.user("p").await;
    for (sent, kept) in [("a", "Staff|a"), ("Staff|b", "Staff|b"), ("oidc|Staff|c", "Staff|c")] {
        let body = json!({"provider": "oidc", "user_id": sent, "connection_id": connection});
        let linked = w.link("auth0|p", body).await.expect(201).json();
        assert_eq!(ids(&linked).last().unwrap(), kept, "{sent}");
        assert_eq!(linked.as_array().unwrap().last().unwrap()["isSocial"], false);
    }
    w.unlink("auth0|p", "oidc", "Staff|a").await.expect(200);
    w.unlink("auth0|p", "oidc", "b").await.expect(200);
    let split = w.get("oidc|Staff|a").await.expect(200).json();
    assert_eq!(split["user_id"], "oidc|Staff|a");
    w.get("oidc|Staff|b").await.expect(200);
    refused(&w.get("oidc|Other|a").await, 404, "inexistent_user");
    let linked = w
        .link("auth0|p", json!({"provider": "oidc", "user_id": "Staff|a"}))
        .await
        .expect(201)
        .json();
    assert_eq!(ids(&linked), ["p", "Staff|c", "Staff|a"]);
}
