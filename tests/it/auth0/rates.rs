//! How many requests are let in, and what answers say of it.

use std::time::Duration;

use oneself::api::auth0::GUARDED;
use oneself::domain::Scope;
use serde_json::json;

use super::{World, refused_with};
use crate::support::http::Reply;
use crate::support::server::TestServer;

/// Limit, remaining and reset of an answer.
#[track_caller]
fn quota(reply: &Reply) -> (i64, i64, i64) {
    let of = |name: &str| reply.header(&format!("x-ratelimit-{name}")).parse().unwrap();
    (of("limit"), of("remaining"), of("reset"))
}

/// The second at which every test begins.
const BEGINNING: i64 = 1_767_323_045;

async fn set(w: &World, name: &str, value: &str) {
    let settings = [(name.to_owned(), value.to_owned())];
    w.server.app.set_settings("acme", &settings).await.unwrap();
}

#[tokio::test]
async fn every_management_answer_says_what_is_left() {
    let w = World::new().await;
    let nobody = w.server.client();
    let generous = (1000, 999, BEGINNING + 1);
    for reply in [
        w.client.get("/api/v2/users").await.expect(200),
        w.client.get("/api/v2/users/auth0%7Cx").await.expect(404),
        w.client.get("/api/v2/users/%00").await.expect(400),
        w.client.delete("/api/v2/users/auth0%7Cx").await.expect(204),
        w.client.get("/api/v2/nowhere/at/all").await.expect(404),
        w.client.get("/api/v2").await.expect(404),
        w.client.request("PUT", "/api/v2/users", &[], ()).await.expect(405),
        w.client.post("/api/v2/users", ("text/plain", "x")).await.expect(415),
        w.client
            .post("/api/v2/users", json!({"name": "x".repeat(1_100_000)}))
            .await
            .expect(413),
        nobody.get("/api/v2/users").await.expect(401),
        w.only(&[Scope::ReadStats]).await.get("/api/v2/users").await.expect(403),
    ] {
        assert_eq!(quota(&reply), generous, "{}", reply.text());
    }
    let other = nobody.get("/.well-known/jwks.json").await.expect(200);
    assert_eq!(other.header("x-ratelimit-limit"), "");
}

#[tokio::test]
async fn sec_api_13_a_tenant_and_its_clients_have_limits() {
    let w = World::new().await;
    let other = w.server.tenant("other").await.client().await;
    set(&w, "rate_limit", "3/2").await;
    for left in [2, 1, 0] {
        let reply = w.client.get("/api/v2/users").await.expect(200);
        assert_eq!(quota(&reply), (3, left, BEGINNING + 1));
    }
    let reply = w.client.get("/api/v2/users").await;
    refused_with(&reply, 429, "too_many_requests", "Global limit has been reached");
    assert_eq!(quota(&reply), (3, 0, BEGINNING + 1));
    assert_eq!(reply.header("retry-after"), "1");
    let reply = w.client.delete("/api/v2/users/auth0%7Cx").await;
    assert_eq!(reply.status, 429, "whatever is asked");
    let reply = w
        .server
        .client()
        .post("/oauth/token", w.tenant.token_request())
        .await
        .expect(429);
    assert_eq!(reply.json()["error"], "too_many_requests");
    assert_eq!(reply.header("retry-after"), "1");
    other.get("/api/v2/users").await.expect(200);
    let strangers = w.server.client().bearer("a.b.c");
    for _ in 0..5 {
        strangers.get("/api/v2/users").await.expect(401);
    }
    w.server.advance(Duration::from_millis(499));
    w.client.get("/api/v2/users").await.expect(429);
    w.server.advance(Duration::from_millis(1));
    w.client.get("/api/v2/users").await.expect(200);
    w.client.get("/api/v2/users").await.expect(429);

    // One client of two.
    set(&w, "rate_limit", "100/100").await;
    set(&w, "client_rate_limit", "2/1").await;
    w.server.advance(Duration::from_secs(60));
    let (web, secret) = w.tenant.password_client(&w.server).await;
    let mut request = w.tenant.token_request();
    (request["client_id"], request["client_secret"]) = (json!(web), json!(secret));
    let token = w.server.client().post("/oauth/token", request).await.expect(200).json();
    let second = w.server.client().bearer(token["access_token"].as_str().unwrap());
    assert_eq!(
        quota(&w.client.get("/api/v2/users").await).0,
        2,
        "the tighter one is shown"
    );
    w.client.get("/api/v2/users").await.expect(200);
    w.client.get("/api/v2/users").await.expect(429);
    second.get("/api/v2/users").await.expect(200);
    second.get("/api/v2/users").await.expect(429);
    set(&w, "client_rate_limit", "off").await;
    w.client.get("/api/v2/users").await.expect(200);
}

#[tokio::test]
async fn every_route_is_refused_when_nothing_is_left() {
    let w = World::new().await;
    set(&w, "rate_limit", "1/1").await;
    w.client.get("/api/v2/users").await.expect(200);
    for route in GUARDED {
        let path = route.path.replace(['{', '}'], "");
        let reply = w.client.request(route.method, &path, &[], ()).await;
        refused_with(&reply, 429, "too_many_requests", "Global limit has been reached");
        assert_eq!(quota(&reply), (1, 0, BEGINNING + 1), "{} {}", route.method, route.path);
        assert_eq!(reply.header("retry-after"), "1");
    }
}

#[tokio::test]
async fn sec_api_07_an_address_is_counted_before_anything_else() {
    let server = TestServer::start_limited("4/1").await;
    let tenant = server.tenant("acme").await;
    let client = tenant.client().await;
    let wrong = json!({"grant_type": "client_credentials", "client_id": tenant.credentials.client_id.to_string(),
        "client_secret": "wrong", "audience": "x"});
    for n in 0..3 {
        let forged = format!("198.51.100.{n}");
        let headers = [("x-forwarded-for", forged.as_str()), ("forwarded", "for=203.0.113.9")];
        let reply = server
            .client()
            .request("POST", "/oauth/token", &headers, wrong.clone())
            .await;
        reply.expect(401);
    }
    let reply = client.get("/api/v2/users").await.expect(200);
    assert_eq!(quota(&reply).0, 1000, "the tenant's own quota, which is not limited");
    for n in 0..50 {
        let forged = format!("198.51.100.{n}");
        let headers = [("x-forwarded-for", forged.as_str())];
        let reply = server.client().request("GET", "/api/v2/users", &headers, ()).await;
        refused_with(&reply, 429, "too_many_requests", "Global limit has been reached");
        assert_eq!(quota(&reply), (4, 0, BEGINNING + 1));
    }
    let reply = server
        .client()
        .request("POST", "/oauth/token", &[], wrong.clone())
        .await
        .expect(429);
    assert_eq!(reply.json()["error"], "too_many_requests");
    // Whoever comes from elsewhere with what is right is let in: nobody is locked out by strangers.
    let elsewhere = client.from("127.0.0.2");
    elsewhere.get("/api/v2/users").await.expect(200);
    server.advance(Duration::from_secs(1));
    client.get("/api/v2/users").await.expect(200);
    client.get("/api/v2/users").await.expect(429);
}
