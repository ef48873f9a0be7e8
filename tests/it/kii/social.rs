//! Logging in with accounts elsewhere, and what becomes of people who have no other way in.

use serde_json::json;

use super::links::{NETWORKS, Social, already_linked, body, not_allowed};
use super::*;

#[tokio::test]
async fn check_12_and_13_a_log_in_by_a_network_finds_its_user_or_makes_one() {
    let s = Social::new().await;
    for (network, key) in NETWORKS {
        let mika = s.person(&format!("mika-{network}")).await;
        let account = s.account(network, "Mika");
        s.link(&mika.client, network, &account).await.expect(204);
        let token = s.social(network, &account).await.expect(200).json();
        assert_eq!(
            (&token["id"], &token["new_user_created"]),
            (&json!(mika.id), &json!(false))
        );
        let stranger = s.account(network, "Stranger");
        let reply = s.social(network, &stranger).await.expect(200);
        assert_eq!(reply.header("content-type"), "application/json");
        let token = reply.json();
        assert_eq!(
            (&token["new_user_created"], &token["token_type"]),
            (&json!(true), &json!("Bearer"))
        );
        let new = s.holder(text(&token, "id"), text(&token, "access_token"));
        let shown = s.me(&new).await;
        assert_eq!(
            (&shown["_hasPassword"], shown.get("displayName")),
            (&json!(false), None)
        );
        assert_eq!(shown["_thirdPartyAccounts"][key]["id"], stranger.id.as_str());
        assert_eq!(
            s.social(network, &stranger).await.expect(200).json()["id"],
            new.id.as_str()
        );
        // A log-in with somebody's token is no link.
        let third = s.account(network, "Third");
        let path = s.at(&format!("integration/{network}"));
        let token = mika.client.post(&path, body(network, &third)).await.expect(200).json();
        assert_ne!(token["id"], mika.id.as_str());
    }
    let login = "application/vnd.kii.AuthTokenTwitterRequest+json";
    let mut ends = body("twitter", &s.account("twitter", "Ends"));
    ends["expiresAt"] = json!(s.server.app.now().as_millisecond() + 60_000);
    let token = vendor(&s.anybody(), "POST", &s.at("integration/twitter"), login, ends.clone())
        .await
        .expect(200)
        .json();
    assert_eq!(token["expires_in"], 60);
    ends["expiresAt"] = json!(1);
    refused(
        s.anybody().post(&s.at("integration/twitter"), ends).await,
        400,
        "",
        "invalid_grant",
    );
    refused(
        s.anybody()
            .post(&s.at("integration/renren"), json!({"accessToken": "t"}))
            .await,
        400,
        "",
        "invalid_grant",
    );
    refused(
        s.anybody()
            .post(&s.at("integration/sina"), json!({"accessToken": "t"}))
            .await,
        404,
        "",
        "NOT_FOUND",
    );
}

#[tokio::test]
async fn check_14_a_pseudo_user_comes_back_by_her_network_and_keeps_her_links() {
    let s = Social::new().await;
    let pseudo = s.pseudo().await;
    let account = s.account("google", "Guest");
    s.link(&pseudo.client, "google", &account).await.expect(204);
    let token = s.social("google", &account).await.expect(200).json();
    assert_eq!(
        (&token["id"], &token["new_user_created"]),
        (&json!(pseudo.id), &json!(false))
    );
    let again = s.holder(pseudo.id.clone(), text(&token, "access_token"));
    s.update(&again, json!({"loginName": "mika", "password": PASSWORD}))
        .await
        .expect(200);
    let shown = s.me(&pseudo).await;
    assert_eq!(shown["_thirdPartyAccounts"]["googleplus"]["id"], account.id.as_str());
    let token = s.log_in("mika", PASSWORD).await.expect(200).json();
    assert_eq!(
        token["id"],
        pseudo.id.as_str(),
        "check 15: the links are intact, and the password logs in"
    );
    let change = json!({"oldPassword": PASSWORD, "newPassword": "new-horse"});
    put(&again.client, &s.at("users/me/password"), change).await.expect(204);
    let token = s.social("google", &account).await.expect(200).json();
    assert_eq!(token["id"], pseudo.id.as_str(), "check 17: links are intact");
}

#[tokio::test]
async fn check_18_and_19_a_disabled_user_keeps_her_account_and_an_erased_one_frees_it() {
    let s = Social::new().await;
    let (mika, nina, admin) = (s.person("mika").await, s.person("nina").await, s.admin().await);
    let account = s.account("facebook", "Mika");
    s.link(&mika.client, "facebook", &account).await.expect(204);
    let of_mika = s.at(&format!("users/{}", mika.id));
    put(&admin, &format!("{of_mika}/status"), json!({"disabled": true}))
        .await
        .expect(204);
    invalid_grant(s.social("facebook", &account).await);
    already_linked(s.link(&nina.client, "facebook", &account).await, "facebook", &account);
    let twitter = s.account("twitter", "Mika");
    let by_admin = admin
        .post(&format!("{of_mika}/twitter/link"), body("twitter", &twitter))
        .await;
    by_admin.expect(204);
    admin.delete(&of_mika).await.expect(204);
    s.link(&nina.client, "facebook", &account).await.expect(204);
}

#[tokio::test]
async fn sec_lnk_16_a_pseudo_user_keeps_her_last_way_in_unless_the_administrator_takes_it() {
    let s = Social::new().await;
    let account = s.account("twitter", "Guest");
    let token = s.social("twitter", &account).await.expect(200).json();
    let guest = s.holder(text(&token, "id"), text(&token, "access_token"));
    not_allowed(s.unlink(&guest.client, "twitter").await);
    s.link(&guest.client, "facebook", &s.account("facebook", "Guest"))
        .await
        .expect(204);
    s.unlink(&guest.client, "twitter").await.expect(204);
    not_allowed(s.unlink(&guest.client, "facebook").await);
    guest.client.get(&s.at("users/me")).await.expect(200);
    let admin = s.admin().await;
    admin
        .post(&s.at(&format!("users/{}/facebook/unlink", guest.id)), ())
        .await
        .expect(204);
    let token = s.social("twitter", &account).await.expect(200).json();
    assert_eq!(
        token["new_user_created"], true,
        "what was unlinked is a stranger's again"
    );
}

#[tokio::test]
async fn a_network_that_cannot_be_asked_is_503_and_nothing_is_written() {
    let s = Social::new().await;
    let who = s.person("mika").await;
    let account = s.account("facebook", "Mika");
    let before = s.identities().await;
    for mode in ["down", "garbage", "rate_limited"] {
        s.networks.fault("facebook", json!({"mode": mode}));
        for reply in [
            s.link(&who.client, "facebook", &account).await,
            s.social("facebook", &account).await,
        ] {
            assert!(!reply.header("retry-after").is_empty(), "{mode}");
            refused(reply, 503, "", "RESOURCE_TEMPORARILY_UNAVAILABLE");
        }
    }
    assert_eq!(s.identities().await, before);
}

#[tokio::test]
async fn a_closed_application_takes_in_nobody() {
    let s = Social::new().await;
    let (mika, admin) = (s.person("mika").await, s.admin().await);
    let own = s.account("twitter", "Mika");
    s.link(&mika.client, "twitter", &own).await.expect(204);
    s.set(&[("kii_sign_up", "false")]).await;
    let body = json!({"loginName": "nina", "password": PASSWORD});
    unauthorized(s.anybody().post(&s.at("users"), body.clone()).await);
    unauthorized(mika.client.post(&s.at("users"), body.clone()).await);
    unauthorized(vendor(&s.anybody(), "POST", &s.at("users"), WITH_TOKEN, json!({})).await);
    let before = s.identities().await;
    invalid_grant(s.social("twitter", &s.account("twitter", "Stranger")).await);
    assert_eq!(s.identities().await, before);
    s.social("twitter", &own).await.expect(200);
    admin.post(&s.at("users"), body).await.expect(201);
}

#[tokio::test]
async fn strangers_use_up_nothing_of_the_applications_own_limit() {
    let s = Social::new().await;
    let mika = s.person("mika").await;
    s.set(&[("rate_limit", "3/1")]).await;
    for _ in 0..5 {
        invalid_grant(s.log_in("mika", "wrong-horse").await);
        unauthorized(s.anybody().get(&s.at("users/me")).await);
    }
    for _ in 0..3 {
        mika.client.get(&s.at("users/me")).await.expect(200);
    }
    let many = mika.client.get(&s.at("users/me")).await.expect(429);
    assert_eq!(many.text(), "");
}

#[tokio::test]
async fn sec_lnk_20_an_erased_account_comes_back_as_the_application_says() {
    let s = Social::new().await;
    let (nina, admin) = (s.person("nina").await, s.admin().await);
    let account = s.account("google", "Mika");
    let come = async || s.social("google", &account).await.expect(200).json();
    let erase = async |id: &str| admin.delete(&s.at(&format!("users/{id}"))).await.expect(204);
    let told = async || {
        let events = s.tenant.client().await.get("/link/v1/events?limit=100").await;
        let events = events.expect(200).json();
        let all = events["events"].as_array().unwrap().clone();
        all.iter().filter(|event| event["type"] == "identity.recreated").count()
    };
    let first = text(&come().await, "id");
    erase(&first).await;
    let second = come().await;
    assert_eq!(second["new_user_created"], true);
    assert_ne!(second["id"], first.as_str());
    assert_eq!(told().await, 1);

    s.set(&[("recreated_accounts", "refused")]).await;
    erase(&text(&second, "id")).await;
    let before = s.identities().await;
    let said = refused(s.social("google", &account).await, 400, "", "invalid_grant");
    assert!(text(&said, "error_description").contains("deleted"), "{said}");
    not_allowed(s.link(&nina.client, "google", &account).await);
    assert_eq!((s.identities().await, told().await), (before, 1));
    s.social("google", &s.account("google", "Stranger")).await.expect(200);
}
