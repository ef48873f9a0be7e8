//! Users: signed up, shown, changed and erased.

use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn whoever_signs_up_is_shown_whole_to_herself_and_in_part_to_others() {
    let w = World::new().await;
    let body = json!({
        "loginName": "mika", "emailAddress": "mika@x.example", "phoneNumber": "090-1234-5678", "password": PASSWORD,
        "displayName": "Mika", "country": "JP", "locale": "ja-JP", "phoneNumberVerified": false,
        "favouriteColour": "teal", "nested": {"deep": [1, null]}, "_hidden": 1, "access_token": "live",
    });
    let reply = vendor(
        &w.anybody(),
        "POST",
        &w.at("users"),
        "application/vnd.kii.RegistrationRequest+json",
        body,
    )
    .await;
    let reply = reply.expect(201);
    assert_eq!(
        reply.header("content-type"),
        "application/vnd.kii.RegistrationResponse+json"
    );
    let id = text(&reply.json(), "userID");
    assert_eq!(
        reply.header("location"),
        format!("{}api/apps/{}/users/{id}", w.server.issuer(), w.app)
    );
    let token = w.log_in("mika", PASSWORD).await.expect(200).json();
    let mika = w.holder(id.clone(), text(&token, "access_token"));
    let reply = mika.client.get(&w.at("users/me?disable_cache=1")).await.expect(200);
    assert_eq!(
        reply.header("content-type"),
        "application/vnd.kii.UserDataRetrievalResponse+json"
    );
    let now = w.server.app.now().as_millisecond();
    let shown = reply.json();
    assert!(shown["internalUserID"].as_u64().unwrap() < 1 << 53);
    assert_eq!(
        shown,
        json!({
            "userID": id, "internalUserID": shown["internalUserID"], "loginName": "mika", "displayName": "Mika",
            "country": "JP", "locale": "ja-JP", "emailAddress": "mika@x.example", "emailAddressVerified": true,
            "phoneNumber": "+819012345678", "phoneNumberVerified": true, "_hasPassword": true, "_disabled": false,
            "_thirdPartyAccounts": {}, "created": now, "modified": now,
            "favouriteColour": "teal", "nested": {"deep": [1, null]},
        })
    );
    let nina = w.person("nina").await;
    let path = w.at(&format!("users/{id}"));
    let others = json!({"userID": id, "loginName": "mika", "displayName": "Mika", "_disabled": false});
    assert_eq!(nina.client.get(&path).await.expect(200).json(), others);
    w.set(&[("kii_expose_users", "true")]).await;
    let exposed = nina.client.get(&path).await.expect(200).json();
    assert_eq!(exposed["favouriteColour"], "teal");
    for hidden in ["_thirdPartyAccounts", "_hasPassword", "_emailAddressPending"] {
        assert_eq!(exposed.get(hidden), None, "{hidden}");
    }
    let nobody = nina.client.get(&w.at("users/LOGIN_NAME:nobody%25")).await;
    let said = refused(nobody, 404, "UserNotFoundException", "USER_NOT_FOUND");
    assert_eq!(
        (&said["field"], &said["value"]),
        (&json!("loginName"), &json!("nobody%"))
    );
    for (part, value) in [("display-name", "Mika"), ("country", "JP"), ("locale", "ja-JP")] {
        let reply = mika.client.get(&w.at(&format!("users/me/{part}"))).await.expect(200);
        assert_eq!(
            (reply.text().as_str(), reply.header("content-type")),
            (value, "text/plain; charset=utf-8")
        );
    }
    let none = nina.client.get(&w.at("users/me/country")).await;
    refused(none, 404, "UserWithoutCountryException", "USER_COUNTRY_NOT_FOUND");
}

#[tokio::test]
async fn what_cannot_be_a_user_is_refused_by_the_name_of_its_field() {
    let w = World::new().await;
    w.register("mika").await;
    let refuse = async |body: Value| w.anybody().post(&w.at("users"), body).await;
    let long = "x".repeat(65);
    for (field, body) in [
        ("password", json!({"loginName": "nina"})),
        ("loginName", json!({"password": PASSWORD})),
        ("loginName", json!({"loginName": "ni", "password": PASSWORD})),
        ("loginName", json!({"loginName": long, "password": PASSWORD})),
        ("loginName", json!({"loginName": "ni na", "password": PASSWORD})),
        ("loginName", json!({"loginName": 7, "password": PASSWORD})),
        (
            "emailAddress",
            json!({"emailAddress": "\"a\"@x.example", "password": PASSWORD}),
        ),
        (
            "phoneNumber",
            json!({"phoneNumber": "09012345678", "password": PASSWORD}),
        ),
        (
            "phoneNumber",
            json!({"phoneNumber": "09012345678", "country": "XX", "password": PASSWORD}),
        ),
        ("password", json!({"loginName": "nina", "password": "x".repeat(51)})),
        ("password", json!({"loginName": "nina", "password": "abcd\u{7}"})),
        (
            "displayName",
            json!({"loginName": "nina", "password": PASSWORD, "displayName": "\u{202e}a"}),
        ),
        (
            "displayName",
            json!({"loginName": "nina", "password": PASSWORD, "displayName": ""}),
        ),
        (
            "country",
            json!({"loginName": "nina", "password": PASSWORD, "country": "JPN"}),
        ),
        (
            "locale",
            json!({"loginName": "nina", "password": PASSWORD, "locale": "en_US"}),
        ),
        (
            "body",
            json!({"loginName": "nina", "password": PASSWORD, "big": "x".repeat(64 * 1024)}),
        ),
    ] {
        let said = refused(
            refuse(body.clone()).await,
            400,
            "ValidationException",
            "INVALID_INPUT_DATA",
        );
        assert_eq!(said["field"], field, "{body}");
    }
    let taken = refuse(json!({"loginName": "MIKA", "password": PASSWORD})).await;
    let said = refused(taken, 409, "UserAlreadyExistsException", "USER_ALREADY_EXISTS");
    assert_eq!((&said["field"], &said["value"]), (&json!("loginName"), &json!("MIKA")));
    let short = refuse(json!({"loginName": "nina", "password": "abc"})).await;
    refused(short, 400, "PasswordTooShortException", "PASSWORD_TOO_SHORT");
    for (content, code) in [("{", "INVALID_JSON"), ("{\"a\":1,\"a\":2}", "INVALID_JSON")] {
        let reply = w.anybody().post(&w.at("users"), ("application/json", content)).await;
        refused(reply, 400, "", code);
    }
    let array = w.anybody().post(&w.at("users"), ("application/json", "[]")).await;
    refused(array, 400, "ValidationException", "INVALID_INPUT_DATA");
    let other = vendor(
        &w.anybody(),
        "POST",
        &w.at("users"),
        "application/vnd.kii.LinkTwitterRequest+json",
        json!({}),
    )
    .await;
    refused(other, 400, "", "INVALID_DATA_TYPE");
    let mixed = vendor(
        &w.anybody(),
        "POST",
        &w.at("users"),
        WITH_TOKEN,
        json!({"loginName": "nina"}),
    )
    .await;
    refused(mixed, 400, "ValidationException", "INVALID_INPUT_DATA");
    assert_eq!(w.server.directory.number("SELECT count(*) FROM users").await, 1);
}

#[tokio::test]
async fn check_15_a_pseudo_user_gains_a_name_and_a_password_by_an_update() {
    let w = World::new().await;
    let pseudo = w.pseudo().await;
    assert_eq!(w.me(&pseudo).await["_hasPassword"], false);
    for body in [
        json!({"loginName": "mika"}),
        json!({"password": PASSWORD}),
        json!({"emailAddress": "m@x.example"}),
    ] {
        refused(
            w.update(&pseudo, body).await,
            400,
            "ValidationException",
            "INVALID_INPUT_DATA",
        );
    }
    let reply = w
        .update(&pseudo, json!({"loginName": "mika", "password": PASSWORD}))
        .await
        .expect(200);
    assert_eq!(
        reply.header("content-type"),
        "application/vnd.kii.UserDataRetrievalResponse+json"
    );
    let shown = w.me(&pseudo).await;
    assert_eq!(
        (&shown["_hasPassword"], &shown["loginName"]),
        (&json!(true), &json!("mika"))
    );
    assert_eq!(shown["modified"], reply.json()["modifiedAt"]);
    let token = w.log_in("mika", PASSWORD).await.expect(200).json();
    assert_eq!(token["id"], pseudo.id.as_str());
    let again = w.update(&pseudo, json!({"password": "other-horse"})).await;
    refused(again, 400, "ValidationException", "INVALID_INPUT_DATA");
}

#[tokio::test]
async fn check_16_an_update_drops_reserved_names_and_custom_fields_that_are_not_sent() {
    let w = World::new().await;
    let mika = w.person("mika").await;
    let posted_back = json!({
        "colour": "teal", "size": null, "access_token": "canary-live", "refresh_token": "canary-live", "expires_in": 1,
        "token_type": "Bearer", "new_user_created": true, "internalUserID": 7, "userID": "x", "id": "x", "created": 1,
        "modified": 1, "createdAt": 1, "modifiedAt": 1, "emailAddressVerified": true, "phoneNumberVerified": true,
        "_thirdPartyAccounts": {}, "errorCode": "X", "displayName": "Mika", "country": "FI",
    });
    let update = "application/vnd.kii.UserUpdateRequest+json";
    vendor(
        &mika.client,
        "POST",
        &w.at(&format!("users/{}", mika.id)),
        update,
        posted_back,
    )
    .await
    .expect(200);
    let mut shown = w.me(&mika).await;
    assert_eq!(shown["colour"], "teal");
    assert_eq!(shown.get("size"), Some(&Value::Null));
    for dropped in [
        "access_token",
        "refresh_token",
        "expires_in",
        "token_type",
        "new_user_created",
        "id",
        "errorCode",
        "createdAt",
    ] {
        assert_eq!(shown.get(dropped), None, "{dropped}");
    }
    assert!(!w.server.directory.holds("canary-live").await);
    w.update(&mika, json!({"locale": "fi"})).await.expect(200);
    shown = w.me(&mika).await;
    assert_eq!(shown.get("colour"), None, "custom fields that are not sent are gone");
    assert_eq!(
        (&shown["displayName"], &shown["country"], &shown["locale"]),
        (&json!("Mika"), &json!("FI"), &json!("fi"))
    );
    let nina = w.person("nina").await;
    let by_other = nina.client.post(&w.at(&format!("users/{}", mika.id)), json!({})).await;
    unauthorized(by_other);
    let by_admin = w
        .admin()
        .await
        .post(&w.at("users/LOGIN_NAME:Mika"), json!({"displayName": "M"}))
        .await;
    by_admin.expect(200);
    assert_eq!(w.me(&mika).await["displayName"], "M");
    let taken = w.update(&mika, json!({"loginName": "nina"})).await;
    let said = refused(taken, 409, "UserAlreadyExistsException", "USER_ALREADY_EXISTS");
    assert_eq!((&said["field"], &said["value"]), (&json!("loginName"), &json!("nina")));
    let patch = mika.client.patch(&w.at("users/me"), json!({})).await;
    refused(patch, 405, "", "METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn two_bags_of_one_user_leave_each_other_alone() {
    let w = World::new().await;
    let mika = w.person("mika").await;
    w.update(&mika, json!({"colour": "teal"})).await.expect(200);
    let auth0 = w.tenant.client().await;
    let found = auth0.get("/api/v2/users?q=name:*&search_engine=v3").await;
    drop(found);
    let users = auth0.get("/api/v2/users").await.expect(200).json();
    let path = format!(
        "/api/v2/users/{}",
        users[0]["user_id"].as_str().unwrap().replace('|', "%7C")
    );
    auth0
        .patch(&path, json!({"user_metadata": {"theme": "dark"}}))
        .await
        .expect(200);
    assert_eq!(w.me(&mika).await["colour"], "teal");
    w.update(&mika, json!({})).await.expect(200);
    assert_eq!(
        auth0.get(&path).await.expect(200).json()["user_metadata"],
        json!({"theme": "dark"})
    );
}

#[tokio::test]
async fn an_erased_user_is_gone_with_her_token() {
    let w = World::new().await;
    let (mika, nina, admin) = (w.person("mika").await, w.person("nina").await, w.admin().await);
    unauthorized(nina.client.delete(&w.at(&format!("users/{}", mika.id))).await);
    mika.client.delete(&w.at("users/me")).await.expect(204);
    wrong_token(mika.client.get(&w.at("users/me")).await);
    let path = w.at(&format!("users/{}", mika.id));
    refused(
        admin.delete(&path).await,
        404,
        "UserNotFoundException",
        "USER_NOT_FOUND",
    );
    admin.delete(&w.at(&format!("users/{}", nina.id))).await.expect(204);
    w.register("mika").await;
}

#[tokio::test]
async fn check_21_selectors_find_verified_addresses_raw_and_escaped() {
    let w = World::with(&[("kii_email_verification", "true"), ("kii_phone_verification", "true")]).await;
    let body = json!({
        "loginName": "mika", "emailAddress": "a+b@x.example", "phoneNumber": "+819012345678", "password": PASSWORD,
    });
    let id = w.sign_up(body).await;
    let admin = w.admin().await;
    let selectors = [
        "PHONE:+819012345678",
        "PHONE%3A%2B819012345678",
        "PHONE:JP-09012345678",
        "EMAIL:a+b@x.example",
        "EMAIL%3Aa%2Bb%40x.example",
        "EMAIL:A+B@X.example",
    ];
    for selector in selectors {
        let found = admin.get(&w.at(&format!("users/{selector}"))).await;
        refused(found, 404, "UserNotFoundException", "USER_NOT_FOUND");
    }
    invalid_grant(w.log_in("a+b@x.example", PASSWORD).await);
    for (part, body) in [
        (
            "email-address",
            json!({"emailAddress": "a+b@x.example", "verified": true}),
        ),
        (
            "phone-number",
            json!({"phoneNumber": "+819012345678", "verified": true}),
        ),
    ] {
        put(&admin, &w.at(&format!("users/{id}/{part}")), body)
            .await
            .expect(204);
    }
    for selector in selectors {
        let found = admin.get(&w.at(&format!("users/{selector}"))).await.expect(200).json();
        assert_eq!(found["userID"], id.as_str(), "{selector}");
    }
    for name in [
        "a+b@x.example",
        "EMAIL:a+b@x.example",
        "+819012345678",
        "PHONE:+819012345678",
        "PHONE:JP-09012345678",
        "mika",
    ] {
        let token = w.log_in(name, PASSWORD).await.expect(200).json();
        assert_eq!(token["id"], id.as_str(), "{name}");
    }
    for name in ["PHONE:JP-x", "VENDOR_THING_ID:7", "EMAIL:", ""] {
        invalid_grant(w.log_in(name, PASSWORD).await);
    }
}
