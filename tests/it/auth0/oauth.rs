//! The token endpoint and discovery.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oneself::secret::ExposeSecret;
use serde_json::{Value, json};

use super::{PASSWORD_REALM, World, claims, user_path};
use crate::support::http::Reply;

#[track_caller]
fn denied(reply: &Reply, status: u16, error: &str) {
    let body = reply.clone().expect(status).json();
    assert_eq!(body["error"], error, "{body}");
    assert!(!body["error_description"].as_str().unwrap().is_empty(), "{body}");
    assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

#[tokio::test]
async fn clients_get_tokens_by_json_form_and_basic() {
    let w = World::new().await;
    let client = w.server.client();
    let request = with(w.tenant.token_request(), "organization", json!(null));
    let given = client.post("/oauth/token", request.clone()).await.expect(200).json();
    assert_eq!(given["token_type"], "Bearer");
    assert_eq!(given["expires_in"], 86_400);
    let token = given["access_token"].as_str().unwrap();
    client.bearer(token).get("/api/v2/users").await.expect(200);
    let said = claims(token);
    let id = w.tenant.credentials.client_id.to_string();
    assert_eq!(said["sub"], format!("{id}@clients"));
    assert_eq!(said["azp"], id);
    assert_eq!(said["iss"], w.server.issuer());
    assert_eq!(said["gty"], "client-credentials");
    assert_eq!(said["scope"], given["scope"]);
    assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 86_400);

    let secret = w.tenant.credentials.client_secret.expose_secret().to_owned();
    let audience = super::escaped(request["audience"].as_str().unwrap());
    let form = format!(
        "grant_type=client_credentials&client_id={id}&client_secret={secret}&audience={audience}&scope=read%3Ausers"
    );
    let form = ("application/x-www-form-urlencoded", form);
    let given = client.post("/oauth/token", form).await.expect(200).json();
    assert_eq!(given["scope"], "read:users");
    let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let body = json!({"grant_type": "client_credentials", "audience": request["audience"]});
    let authorization = [("authorization", basic.as_str())];
    client
        .request("POST", "/oauth/token", &authorization, body.clone())
        .await
        .expect(200);
    let both = with(body.clone(), "client_secret", json!(secret));
    let reply = client.request("POST", "/oauth/token", &authorization, both).await;
    denied(&reply, 400, "invalid_request");
    for bad in ["Basic", "Basic !", "Basic YQ==", "Bearer x"] {
        let reply = client
            .request("POST", "/oauth/token", &[("authorization", bad)], body.clone())
            .await;
        denied(&reply, 401, "invalid_client");
    }
}

#[tokio::test]
async fn token_requests_are_refused_by_name() {
    let w = World::new().await;
    let client = w.server.client();
    let good = w.tenant.token_request();
    let without = |name: &str| {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(name);
        body
    };
    for (body, status, error) in [
        (without("grant_type"), 400, "invalid_request"),
        (without("client_id"), 400, "invalid_request"),
        (without("client_secret"), 401, "invalid_client"),
        (without("audience"), 400, "invalid_request"),
        (with(good.clone(), "grant_type", json!(5)), 400, "invalid_request"),
        (with(good.clone(), "audience", json!(["x"])), 400, "invalid_request"),
        (with(good.clone(), "scope", json!([])), 400, "invalid_request"),
        (
            with(good.clone(), "organization", json!("org_x")),
            400,
            "invalid_request",
        ),
        (
            with(good.clone(), "grant_type", json!("authorization_code")),
            400,
            "unsupported_grant_type",
        ),
        (
            with(good.clone(), "grant_type", json!("x")),
            400,
            "unsupported_grant_type",
        ),
        (
            with(good.clone(), "grant_type", json!("password")),
            403,
            "unauthorized_client",
        ),
        (
            with(good.clone(), "grant_type", json!(PASSWORD_REALM)),
            403,
            "unauthorized_client",
        ),
        (with(good.clone(), "client_secret", json!("x")), 401, "invalid_client"),
        (with(good.clone(), "client_id", json!("x")), 401, "invalid_client"),
        (
            with(good.clone(), "client_id", json!("00".repeat(16))),
            401,
            "invalid_client",
        ),
        (
            with(good.clone(), "audience", json!("https://other.example/")),
            403,
            "access_denied",
        ),
        (
            with(good.clone(), "scope", json!("read:users nonsense")),
            403,
            "access_denied",
        ),
        (
            with(good.clone(), "scope", json!("read:current_user")),
            403,
            "access_denied",
        ),
        (json!([]), 400, "invalid_request"),
    ] {
        denied(&client.post("/oauth/token", body).await, status, error);
    }
    let twice = ("application/x-www-form-urlencoded", "grant_type=x&grant_type=y");
    denied(&client.post("/oauth/token", twice).await, 400, "invalid_request");
    denied(
        &client.post("/oauth/token", ("text/plain", "{}")).await,
        415,
        "invalid_request",
    );
    let (unknown, wrong) = (
        client
            .post("/oauth/token", with(good.clone(), "client_id", json!("00".repeat(16))))
            .await,
        client
            .post("/oauth/token", with(good.clone(), "client_secret", json!("x")))
            .await,
    );
    assert_eq!(unknown.body, wrong.body, "API-03");
    denied(&client.get("/oauth/token").await, 405, "invalid_request");
}

#[tokio::test]
async fn people_log_in_by_password() {
    let w = World::new().await;
    let web = w.web().await;
    w.user("p").await;
    w.client
        .patch(
            &user_path("auth0|p"),
            json!({"given_name": "Ines", "email_verified": true}),
        )
        .await
        .expect(200);
    let given = web.log_in("p").await;
    assert_eq!(given["expires_in"], 86_400);
    assert_eq!(
        given["scope"],
        "openid profile email read:current_user update:current_user_identities"
    );
    let id = claims(given["id_token"].as_str().unwrap());
    assert_eq!(id["sub"], "auth0|p");
    assert_eq!(id["aud"], web.id);
    assert_eq!(id["email"], "p@x.example");
    assert_eq!(id["email_verified"], true);
    assert_eq!(id["name"], "p@x.example");
    assert_eq!(id["given_name"], "Ines");
    assert_eq!(id["exp"].as_i64().unwrap() - id["iat"].as_i64().unwrap(), 36_000);
    let access = claims(given["access_token"].as_str().unwrap());
    assert_eq!(access["sub"], "auth0|p");
    assert_eq!(access["scope"], "read:current_user update:current_user_identities");

    let client = w.server.client();
    let ask = async |name: &str, value: Value| client.post("/oauth/token", with(web.request("p"), name, value)).await;
    let plain = ask("scope", json!("read:users read:current_user"))
        .await
        .expect(200)
        .json();
    assert_eq!(plain["scope"], "read:current_user", "rights over others are dropped");
    assert_eq!(plain.get("id_token"), None);
    let bare = ask("scope", json!("openid")).await.expect(200).json();
    assert_eq!(claims(bare["id_token"].as_str().unwrap()).get("email"), None);
    let mut request = web.request("p");
    request.as_object_mut().unwrap().remove("audience");
    let opens_nothing = client.post("/oauth/token", request).await.expect(200).json();
    let token = opens_nothing["access_token"].as_str().unwrap();
    let reply = client.bearer(token).get(&user_path("auth0|p")).await;
    assert_eq!(reply.status, 401, "{}", reply.text());

    for (name, value, status, error) in [
        ("password", json!("wrong"), 403, "invalid_grant"),
        ("username", json!("nobody@x.example"), 403, "invalid_grant"),
        ("realm", json!("nowhere"), 403, "invalid_grant"),
        ("audience", json!("https://x.example/"), 403, "access_denied"),
        ("username", json!(null), 400, "invalid_request"),
        ("password", json!(null), 400, "invalid_request"),
        ("realm", json!(null), 400, "invalid_request"),
        ("username", json!(5), 400, "invalid_request"),
        ("grant_type", json!("password"), 403, "unauthorized_client"),
    ] {
        denied(&ask(name, value).await, status, error);
    }
    let (unknown, wrong) = (
        ask("username", json!("nobody@x.example")).await,
        ask("password", json!("wrong")).await,
    );
    assert_eq!(unknown.body, wrong.body, "API-03");
    assert_eq!(wrong.json()["error_description"], "Wrong email or password.");
    let shown = w.get("auth0|p").await.expect(200).json();
    assert_eq!(shown["logins_count"], 4);
    assert_eq!(shown["last_ip"], "127.0.0.1");
    assert!(shown.get("last_login").is_some());

    w.client
        .patch(&user_path("auth0|p"), json!({"blocked": true}))
        .await
        .expect(200);
    denied(
        &client.post("/oauth/token", web.request("p")).await,
        403,
        "invalid_grant",
    );
}

#[tokio::test]
async fn discovery_tells_what_is_true() {
    let w = World::new().await;
    let client = w.server.client();
    let issuer = w.server.issuer();
    let said = client.get("/.well-known/openid-configuration").await.expect(200).json();
    assert_eq!(said["issuer"], issuer);
    assert_eq!(said["token_endpoint"], format!("{issuer}oauth/token"));
    assert_eq!(said["jwks_uri"], format!("{issuer}.well-known/jwks.json"));
    assert_eq!(said.get("authorization_endpoint"), None);
    let keys = client.get("/.well-known/jwks.json").await.expect(200).json();
    let key = &keys["keys"][0];
    for name in ["kty", "use", "alg", "kid", "n", "e", "x5c", "x5t"] {
        assert!(key.get(name).is_some(), "{name}");
    }
    assert_eq!(key.get("d"), None);
}
