//! What every route has in common: who may not, what is not there, and what browsers are told.

use serde_json::json;

use super::*;

/// Every route that asks for a person or the administrator, with a user `U`.
pub const GUARDED: [(&str, &str); 25] = [
    ("GET", "users/U"),
    ("POST", "users/U"),
    ("DELETE", "users/U"),
    ("GET", "users/U/status"),
    ("PUT", "users/U/status"),
    ("PUT", "users/U/password"),
    ("GET", "users/U/email-address"),
    ("PUT", "users/U/email-address"),
    ("POST", "users/U/email-address/verify"),
    ("POST", "users/U/email-address/resend-verification"),
    ("GET", "users/U/email-address/verification-code"),
    ("GET", "users/U/phone-number"),
    ("PUT", "users/U/phone-number"),
    ("POST", "users/U/phone-number/verify"),
    ("POST", "users/U/phone-number/resend-verification"),
    ("GET", "users/U/phone-number/verification-code"),
    ("POST", "users/U/phone-number/reset-verification-code"),
    ("GET", "users/U/display-name"),
    ("GET", "users/U/country"),
    ("GET", "users/U/locale"),
    ("POST", "users/U/twitter/link"),
    ("POST", "users/U/twitter/unlink"),
    ("GET", "configuration/parameters"),
    ("PUT", "configuration/parameters/isMasterApp"),
    ("POST", "users/U/google/link"),
];

#[tokio::test]
async fn sec_jwt_09_every_route_but_those_of_strangers_asks_who_calls() {
    let w = World::new().await;
    let (mika, nina) = (w.person("mika").await, w.person("nina").await);
    for (method, path) in GUARDED {
        for user in [mika.id.as_str(), "LOGIN_NAME:mika", "LOGIN_NAME:nobody", "me"] {
            let path = w.at(&path.replace('U', user));
            unauthorized(w.anybody().request(method, &path, &[], json!({})).await);
            if user != "me" && (method, path.as_str()) != ("GET", w.at(&format!("users/{user}")).as_str()) {
                unauthorized(nina.client.request(method, &path, &[], json!({})).await);
            }
        }
    }
    w.log_in("mika", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn what_is_not_there_is_404_and_what_kii_had_beside_users_is_501() {
    let w = World::new().await;
    let mika = w.person("mika").await;
    for path in [
        "",
        "nothing",
        "users/me/unknown",
        "users/me/myspace/link",
        "users/me/twitter",
        "integration/myspace",
    ] {
        let reply = mika.client.post(&w.at(path), json!({})).await;
        refused(reply, 404, "", "NOT_FOUND");
    }
    for path in [
        "buckets/x/objects",
        "users/me/buckets/x",
        "groups",
        "users/me/topics/t",
        "users/query",
        "things/1",
    ] {
        let reply = mika.client.request("PUT", &w.at(path), &[], json!({})).await;
        if reply.status != 405 {
            refused(reply, 501, "", "OPERATION_NOT_IMPLEMENTED");
        }
    }
    let sina = mika.client.post(&w.at("users/me/sina/link"), json!({})).await;
    refused(sina, 400, "", "ACCOUNT_TYPE_NOT_SUPPORTED");
    let large = vec![b' '; 100 * 1024];
    refused(
        mika.client.post(&w.at("users/me"), ("application/json", large)).await,
        413,
        "",
        "INVALID_INPUT_DATA",
    );
    let control = mika.client.get(&w.at("users/a%00b")).await;
    refused(control, 400, "ValidationException", "INVALID_INPUT_DATA");
    let broken = mika.client.get(&w.at("users/a%zz")).await;
    refused(broken, 400, "ValidationException", "INVALID_INPUT_DATA");
    let foreign = w.server.client().host("evil.example").get(&w.at("users/me")).await;
    refused(foreign, 400, "", "INVALID_INPUT_DATA");
}

#[tokio::test]
async fn check_24_pages_of_every_origin_may_call() {
    let w = World::new().await;
    let headers = [
        ("origin", "https://page.example"),
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "accept,authorization,content-type,x-kii-appid,x-kii-appkey,x-kii-sdk",
        ),
    ];
    for path in [
        w.at("users/me"),
        w.at("oauth2/token"),
        OLD_TOKEN.to_owned(),
        w.at("no/such/path"),
    ] {
        let reply = w.anybody().request("OPTIONS", &path, &headers, ()).await.expect(204);
        assert_eq!(reply.header("access-control-allow-origin"), "*", "{path}");
        assert_eq!(reply.header("access-control-allow-credentials"), "", "{path}");
        let allowed = reply.header("access-control-allow-headers").to_ascii_lowercase();
        for header in headers[2].1.split(',') {
            assert!(allowed.split(", ").any(|name| name == header), "{header} in {allowed}");
        }
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            assert!(
                reply.header("access-control-allow-methods").contains(method),
                "{method}"
            );
        }
    }
    let mika = w.person("mika").await;
    let shown = mika.client.get(&w.at("users/me")).await.expect(200);
    assert_eq!(shown.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn check_22_no_error_has_a_raw_percent_sign() {
    let w = World::new().await;
    let admin = w.admin().await;
    let nobody = admin.get(&w.at("users/EMAIL:100%25@x.example")).await;
    assert!(nobody.text().contains("100\\u0025@x.example"), "{}", nobody.text());
    let said = refused(nobody, 404, "UserNotFoundException", "USER_NOT_FOUND");
    assert_eq!(said["value"], "100%@x.example");
    let taken = json!({"emailAddress": "100%@x.example", "password": PASSWORD});
    w.sign_up(taken.clone()).await;
    let again = w.anybody().post(&w.at("users"), taken).await;
    refused(again, 409, "UserAlreadyExistsException", "USER_ALREADY_EXISTS");
    let unknown = w
        .anybody()
        .post(&w.at("oauth2/token"), json!({"grant_type": "a:b%"}))
        .await;
    refused(unknown, 400, "", "unsupported_grant_type");
}

#[tokio::test]
async fn parameters_are_the_administrators_and_have_no_secrets() {
    let w = World::new().await;
    let request = oneself::app::connections::ConnectionRequest {
        name: "twitter".to_owned(),
        provider: "twitter".to_owned(),
        client_id: Some("our-key".to_owned()),
        client_secret: Some("canary-secret".to_owned().into()),
        ..Default::default()
    };
    w.server.app.add_connection("shop", request).await.unwrap();
    let (mika, admin) = (w.person("mika").await, w.admin().await);
    let path = w.at("configuration/parameters");
    unauthorized(mika.client.get(&path).await);
    let shown = admin.get(&path).await.expect(200);
    assert!(!shown.text().contains("canary-secret"));
    assert_eq!(shown.json()["twitter.com.consumer_key"], "our-key");
    assert_eq!(shown.json()["refreshTokenEnabled"], false);
    let known = put(&admin, &format!("{path}/refreshTokenEnabled"), ("text/plain", "true")).await;
    refused(known, 501, "", "OPERATION_NOT_IMPLEMENTED");
    let unknown = put(&admin, &format!("{path}/nothing"), ("text/plain", "true")).await;
    refused(unknown, 404, "", "APP_CONFIG_PARAMETER_NOT_FOUND");
}
