//! Tokens: in which ways they are asked for, and what ends them.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::support::people::{self, Side};

#[tokio::test]
async fn check_01_the_older_path_takes_json_without_a_grant() {
    let w = World::new().await;
    let id = w.register("mika").await;
    let reply = w.log_in("mika", PASSWORD).await.expect(200);
    assert_eq!(reply.header("content-type"), "application/json");
    let token = reply.json();
    let rest =
        json!({"id": id, "access_token": token["access_token"], "expires_in": 2_147_483_647, "token_type": "Bearer"});
    assert_eq!(token, rest);
    let me = w.holder(id.clone(), text(&token, "access_token"));
    assert_eq!(w.me(&me).await["userID"], id.as_str());
    invalid_grant(w.log_in("mika", "wrong-horse").await);
    invalid_grant(w.log_in("nobody", PASSWORD).await);
    let basic = format!("Basic {}", base64_of(&format!("{}:anything", w.app)));
    let by_basic = [("authorization", basic.as_str())];
    let body = json!({"username": "mika", "password": PASSWORD});
    w.anybody()
        .request("POST", OLD_TOKEN, &by_basic, body.clone())
        .await
        .expect(200);
    refused(w.anybody().post(OLD_TOKEN, body).await, 404, "", "APP_NOT_FOUND");
}

#[tokio::test]
async fn check_02_the_path_of_the_application_takes_a_form_with_a_grant() {
    let w = World::new().await;
    let id = w.register("mika").await;
    let path = w.at("oauth2/token");
    let form = format!("grant_type=password&username=mika&password={PASSWORD}");
    let token = w.anybody().post(&path, (FORM, form)).await.expect(200).json();
    assert_eq!(token["id"], id.as_str());
    let body = json!({"grant_type": "password", "username": "mika", "password": PASSWORD});
    for media_type in [
        "application/vnd.kii.OauthTokenRequest+json",
        "Application/VND.kii.oauthtokenrequest+JSON; charset=utf-8",
    ] {
        vendor(&w.anybody(), "POST", &path, media_type, body.clone())
            .await
            .expect(200);
    }
    let other = vendor(
        &w.anybody(),
        "POST",
        &path,
        "application/vnd.kii.RegistrationRequest+json",
        body,
    )
    .await;
    refused(other, 400, "", "INVALID_DATA_TYPE");
    for grant in ["mfa", "authorization_code", ""] {
        let body = json!({"grant_type": grant, "username": "mika", "password": PASSWORD});
        refused(w.anybody().post(&path, body).await, 400, "", "unsupported_grant_type");
    }
    refused(
        w.anybody().post(&path, json!({"username": "mika"})).await,
        400,
        "",
        "unsupported_grant_type",
    );
    let nowhere = "/api/apps/0000000000000001/oauth2/token";
    refused(w.anybody().post(nowhere, json!({})).await, 404, "", "APP_NOT_FOUND");
}

#[tokio::test]
async fn check_03_a_token_of_the_application_itself_reads_no_user() {
    let w = World::new().await;
    let id = w.register("mika").await;
    let body = json!({"grant_type": "client_credentials", "client_id": w.app, "client_secret": "anything"});
    let token = w.token(body).await.expect(200).json();
    let anybody = w.server.client().bearer(&text(&token, "access_token"));
    for user in [id.as_str(), "me", "LOGIN_NAME:mika"] {
        unauthorized(anybody.get(&w.at(&format!("users/{user}"))).await);
    }
    let body = json!({"loginName": "nina", "password": PASSWORD});
    anybody.post(&w.at("users"), body).await.expect(201);
}

#[tokio::test]
async fn check_04_a_bad_token_is_403_none_is_401_and_another_persons_is_401() {
    let w = World::new().await;
    let (mika, nina) = (w.person("mika").await, w.person("nina").await);
    let path = w.at(&format!("users/{}", mika.id));
    wrong_token(w.server.client().bearer("no-token").get(&path).await);
    wrong_token(w.server.client().bearer(&"A".repeat(54)).get(&path).await);
    let mut changed = mika.token.clone();
    changed.replace_range(20..21, if &changed[20..21] == "A" { "B" } else { "A" });
    wrong_token(w.server.client().bearer(&changed).get(&path).await);
    unauthorized(w.anybody().get(&path).await);
    unauthorized(
        w.anybody()
            .request("GET", &path, &[("authorization", "Digest x")], ())
            .await,
    );
    unauthorized(
        w.anybody()
            .request("GET", &path, &[("authorization", "Basic !")], ())
            .await,
    );
    let link = w.at(&format!("users/{}/twitter/link", mika.id));
    let said = unauthorized(nina.client.post(&link, json!({})).await);
    assert_eq!(said["authenticatedPrincipalID"], nina.id.as_str());
    assert_eq!(said["authenticatedAppID"], w.app.as_str());
    let lower = format!("bearer {}", mika.token);
    w.anybody()
        .request("GET", &path, &[("authorization", &lower)], ())
        .await
        .expect(200);
}

#[tokio::test]
async fn a_token_of_another_application_is_told_whose_it_is() {
    let w = World::new().await;
    let other = w.server.tenant("other").await;
    let mika = w.person("mika").await;
    let elsewhere = format!("/api/apps/{}/users/me", other.credentials.kii_app_id);
    let said = unauthorized(mika.client.get(&elsewhere).await);
    assert_eq!(said["authenticatedAppID"], w.app.as_str());
    refused(
        mika.client.get("/api/apps/nowhere/users/me").await,
        404,
        "",
        "APP_NOT_FOUND",
    );
}

#[tokio::test]
async fn the_administrator_is_found_by_its_client_id_and_does_all_but_me() {
    let w = World::new().await;
    let id = w.register("mika").await;
    let token = w.anybody().post(OLD_TOKEN, w.admin_request()).await.expect(200).json();
    assert_eq!(token["id"], w.tenant.credentials.kii_client_id.as_str());
    assert_eq!(token["expires_in"], 2_147_483_647);
    let admin = w.server.client().bearer(&text(&token, "access_token"));
    admin.get(&w.at(&format!("users/{id}"))).await.expect(200);
    unauthorized(admin.get(&w.at("users/me")).await);
    let nobody = "01a3185c-5000-8536-91a8-2e79b0000000";
    let said = refused(
        admin.get(&w.at(&format!("users/{nobody}"))).await,
        404,
        "UserNotFoundException",
        "USER_NOT_FOUND",
    );
    assert_eq!(
        (&said["field"], &said["value"], &said["appID"]),
        (&json!("userID"), &json!(nobody), &json!(w.app))
    );
    let mut wrong = w.admin_request();
    wrong["client_secret"] = json!("wrong");
    invalid_grant(w.token(wrong).await);
    let pseudo = w.pseudo().await;
    let mika = w.log_in("mika", PASSWORD).await.expect(200).json();
    w.server.app.rotate_secrets("shop").await.unwrap();
    wrong_token(admin.get(&w.at(&format!("users/{id}"))).await);
    wrong_token(pseudo.client.get(&w.at("users/me")).await);
    w.holder(id, text(&mika, "access_token"))
        .client
        .get(&w.at("users/me"))
        .await
        .expect(200);
    invalid_grant(w.token(w.admin_request()).await);
}

#[tokio::test]
async fn check_20_a_refresh_works_once_and_ends_the_old_token() {
    let w = World::with(&[("kii_refresh_tokens", "true")]).await;
    w.register("mika").await;
    let first = w.log_in("mika", PASSWORD).await.expect(200).json();
    let other = w.log_in("mika", PASSWORD).await.expect(200).json();
    let refresh = json!({"grant_type": "refresh_token", "refresh_token": first["refresh_token"]});
    let second = w.token(refresh.clone()).await.expect(200).json();
    assert_eq!(second["id"], first["id"]);
    let bearer = |token: &Value| w.server.client().bearer(&text(token, "access_token"));
    wrong_token(bearer(&first).get(&w.at("users/me")).await);
    bearer(&second).get(&w.at("users/me")).await.expect(200);
    bearer(&other).get(&w.at("users/me")).await.expect(200);
    for none in [
        refresh,
        json!({"grant_type": "refresh_token", "refresh_token": second["access_token"]}),
    ] {
        refused(w.token(none).await, 403, "", "WRONG_REFRESH_TOKEN");
    }
    let opened = w.server.client().bearer(&text(&second, "refresh_token"));
    wrong_token(opened.get(&w.at("users/me")).await);
    let unnamed = json!({"refresh_token": second["refresh_token"]});
    refused(w.token(unnamed).await, 400, "", "unsupported_grant_type");
    let pseudo = vendor(&w.anybody(), "POST", &w.at("users"), WITH_TOKEN, json!({}))
        .await
        .expect(201)
        .json();
    assert_eq!(pseudo.get("_refreshToken"), None);
}

#[tokio::test]
async fn a_token_ends_when_it_was_asked_to_and_no_later_than_it_may() {
    let w = World::with(&[("kii_token_seconds", "3600"), ("kii_max_token_seconds", "7200")]).await;
    w.register("mika").await;
    let now = w.server.app.now().as_millisecond();
    let ask = async |name: &str, at: Value| {
        let mut body = json!({"username": "mika", "password": PASSWORD});
        body[name] = at;
        w.token(body).await
    };
    assert_eq!(w.log_in("mika", PASSWORD).await.expect(200).json()["expires_in"], 3_600);
    let token = ask("expiresAt", json!(now + 60_000)).await.expect(200).json();
    assert_eq!(token["expires_in"], 60);
    assert_eq!(
        ask("expires_at", json!((now + 7_200_000).to_string()))
            .await
            .expect(200)
            .json()["expires_in"],
        7_200
    );
    for none in [
        json!(now - 1),
        json!(now),
        json!(now + 7_201_000),
        json!(true),
        json!(1e300),
        json!("x"),
    ] {
        refused(ask("expiresAt", none).await, 400, "", "invalid_grant");
    }
    let client = w.server.client().bearer(&text(&token, "access_token"));
    w.server.advance(Duration::from_secs(59));
    client.get(&w.at("users/me")).await.expect(200);
    w.server.advance(Duration::from_secs(1));
    wrong_token(client.get(&w.at("users/me")).await);
}

#[tokio::test]
async fn check_17_a_password_change_ends_every_token() {
    let w = World::with(&[("kii_refresh_tokens", "true")]).await;
    let mika = w.person("mika").await;
    let other = w.log_in("mika", PASSWORD).await.expect(200).json();
    let path = w.at("users/me/password");
    let change = |old: &str, new: &str| json!({"oldPassword": old, "newPassword": new});
    let said = refused(
        put(&mika.client, &path, change("wrong", "new-horse")).await,
        401,
        "WrongPasswordException",
        "WRONG_PASSWORD",
    );
    assert_eq!((&said["userID"], &said["appID"]), (&json!(mika.id), &json!(w.app)));
    let short = refused(
        put(&mika.client, &path, change(PASSWORD, "abc")).await,
        400,
        "PasswordTooShortException",
        "PASSWORD_TOO_SHORT",
    );
    assert_eq!(short["minimumLength"], 4);
    let missing = json!({"newPassword": "new-horse"});
    refused(
        put(&mika.client, &path, missing).await,
        400,
        "ValidationException",
        "INVALID_INPUT_DATA",
    );
    put(&mika.client, &path, change(PASSWORD, "new-horse"))
        .await
        .expect(204);
    wrong_token(mika.client.get(&w.at("users/me")).await);
    let refresh = json!({"grant_type": "refresh_token", "refresh_token": other["refresh_token"]});
    refused(w.token(refresh).await, 403, "", "WRONG_REFRESH_TOKEN");
    invalid_grant(w.log_in("mika", PASSWORD).await);
    let again = w.log_in("mika", "new-horse").await.expect(200).json();
    let again = w.holder(mika.id.clone(), text(&again, "access_token"));
    let by_admin = w.at(&format!("users/{}/password", mika.id));
    put(&w.admin().await, &by_admin, json!({"newPassword": "their-horse"}))
        .await
        .expect(204);
    wrong_token(again.client.get(&w.at("users/me")).await);
    w.log_in("mika", "their-horse").await.expect(200);
    let pseudo = w.pseudo().await;
    let none = put(&pseudo.client, &path, change("", "new-horse")).await;
    refused(none, 409, "OperationNotAllowedException", "OPERATION_NOT_ALLOWED");
}

/// What ends a token through this interface ends it through another one too.
#[tokio::test]
async fn tokens_end_by_what_auth0s_interface_does() {
    let w = World::new().await;
    let auth0 = w.tenant.client().await;
    let core = |id: &str| {
        let bytes: String = id.split('-').collect();
        let whole = u128::from_str_radix(&bytes, 16).unwrap();
        let bits = ((whole >> 80) << 48) | (((whole >> 64) & 0xfff) << 36) | ((whole >> 26) & ((1 << 36) - 1));
        format!("/api/v2/users/auth0%7C{bits:024x}")
    };
    let mika = w.person("mika").await;
    let path = core(&mika.id);
    auth0.patch(&path, json!({"name": "Mika"})).await.expect(200);
    auth0.patch(&path, json!({"email": "mika@x.example"})).await.expect(200);
    assert_eq!(w.me(&mika).await["displayName"], "Mika", "one name for all");
    auth0
        .patch(&path, json!({"password": "Correct-Horse-2"}))
        .await
        .expect(200);
    wrong_token(mika.client.get(&w.at("users/me")).await);
    for end in ["block", "erase"] {
        let name = format!("who-{end}");
        let who = w.person(&name).await;
        match end {
            "block" => drop(auth0.patch(&core(&who.id), json!({"blocked": true})).await.expect(200)),
            _ => drop(auth0.delete(&core(&who.id)).await.expect(204)),
        }
        wrong_token(who.client.get(&w.at("users/me")).await);
        invalid_grant(w.log_in(&name, PASSWORD).await);
    }
}

#[tokio::test]
async fn check_18_a_disabled_user_loses_her_tokens_and_gets_no_others() {
    let w = World::new().await;
    let (mika, admin) = (w.person("mika").await, w.admin().await);
    let path = w.at(&format!("users/{}/status", mika.id));
    unauthorized(put(&mika.client, &path, json!({"disabled": true})).await);
    unauthorized(mika.client.get(&w.at("users/me/status")).await);
    assert_eq!(admin.get(&path).await.expect(200).json(), json!({"disabled": false}));
    put(&admin, &path, json!({"disabled": true})).await.expect(204);
    assert_eq!(admin.get(&path).await.expect(200).json(), json!({"disabled": true}));
    wrong_token(mika.client.get(&w.at("users/me")).await);
    invalid_grant(w.log_in("mika", PASSWORD).await);
    put(&admin, &path, json!({"disabled": false})).await.expect(204);
    wrong_token(mika.client.get(&w.at("users/me")).await);
    w.log_in("mika", PASSWORD).await.expect(200);
    let bad = put(&admin, &path, json!({"disabled": "yes"})).await;
    refused(bad, 400, "ValidationException", "INVALID_INPUT_DATA");
}

#[tokio::test]
async fn users_of_other_interfaces_are_seen_by_id_and_log_in_where_they_were_born() {
    let w = World::new().await;
    let side = Side::new(&w.server, "acme").await;
    let person = side.person("a").await;
    let app = format!("{:016x}", side.tenant.id().number());
    let body = json!({"username": person.email, "password": people::PASSWORD});
    let reply = w
        .anybody()
        .request("POST", OLD_TOKEN, &[("x-kii-appid", &app)], body)
        .await;
    invalid_grant(reply);
    let admin = json!({
        "client_id": side.tenant.credentials.kii_client_id,
        "client_secret": oneself::secret::ExposeSecret::expose_secret(&side.tenant.credentials.kii_client_secret),
    });
    let token = w.anybody().post(OLD_TOKEN, admin).await.expect(200).json();
    let admin = w.server.client().bearer(&text(&token, "access_token"));
    let shown = admin
        .get(&format!("/api/apps/{app}/users/{}", person.core))
        .await
        .expect(200)
        .json();
    assert_eq!(shown["_thirdPartyAccounts"], json!({}));
}

#[tokio::test]
async fn no_token_of_an_administrator_or_a_person_is_kept_in_clear() {
    let w = World::with(&[("kii_refresh_tokens", "true")]).await;
    let mika = w.person("mika").await;
    let admin = w.token(w.admin_request()).await.expect(200).json();
    for secret in [mika.token, text(&admin, "access_token"), text(&admin, "refresh_token")] {
        assert!(!w.server.directory.holds(&secret).await);
    }
}

#[tokio::test]
async fn an_address_that_asks_too_often_gets_an_empty_429() {
    let server = TestServer::start_limited("2/1").await;
    let w = World::on(server).await;
    for _ in 0..2 {
        invalid_grant(w.log_in("mika", PASSWORD).await);
    }
    let reply = w.log_in("mika", PASSWORD).await.expect(429);
    assert_eq!((reply.text().as_str(), reply.header("retry-after")), ("", "1"));
    assert_eq!(reply.header("access-control-allow-origin"), "*");
}

fn base64_of(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}
