//! From where browsers may call (API-15).

use serde_json::json;

use super::{PASSWORD, World};
use crate::support::http::Reply;

const APP: &str = "https://app.example";
const METHODS: &str = "GET, POST, PATCH, DELETE";

/// The headers that let a browser in, as an answer has them.
fn allowed(reply: &Reply) -> Option<String> {
    assert_eq!(reply.header("vary"), "Origin", "{:?}", reply.headers);
    assert_eq!(reply.header("access-control-allow-credentials"), "");
    let origin = reply.header("access-control-allow-origin");
    assert_ne!(origin, "*");
    if origin.is_empty() {
        let others = reply
            .headers
            .keys()
            .filter(|name| name.as_str().starts_with("access-control-"));
        assert_eq!(others.count(), 0, "{:?}", reply.headers);
    }
    (!origin.is_empty()).then(|| origin.to_owned())
}

/// A client with a web origin, and an access token that somebody got by it.
async fn browser(w: &World) -> (String, String) {
    let body = json!({"name": "Browser", "app_type": "spa", "web_origins": [APP, "http://localhost:3000"],
        "grant_types": ["http://auth0.com/oauth/grant-type/password-realm"]});
    let made = w.client.post("/api/v2/clients", body).await.expect(201).json();
    let id = made["client_id"].as_str().unwrap().to_owned();
    w.user("ines").await;
    let web = w.web().await;
    let mut request = web.request("ines");
    request["client_id"] = json!(id);
    request.as_object_mut().unwrap().remove("client_secret");
    assert_eq!(request["password"], PASSWORD);
    let headers = [("origin", APP)];
    let given = w
        .server
        .client()
        .request("POST", "/oauth/token", &headers, request)
        .await
        .expect(200);
    assert_eq!(allowed(&given).as_deref(), Some(APP));
    (id, given.json()["access_token"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn sec_api_15_pages_read_answers_of_their_own_client_only() {
    let w = World::new().await;
    let (id, token) = browser(&w).await;
    let ines = w.server.client().bearer(&token);
    let path = "/api/v2/users/auth0%7Cines";
    for origin in [APP, "http://localhost:3000"] {
        let reply = ines.request("GET", path, &[("origin", origin)], ()).await.expect(200);
        assert_eq!(allowed(&reply).as_deref(), Some(origin));
        assert!(reply.header("access-control-expose-headers").contains("Retry-After"));
    }
    assert_eq!(allowed(&ines.get(path).await.expect(200)), None);
    // Refusals can be read too, those of the front included.
    for (path, status) in [
        ("/api/v2/users", 403),
        ("/api/v2/users/%00", 400),
        ("/api/v2/nowhere", 404),
    ] {
        let reply = ines.request("GET", path, &[("origin", APP)], ()).await.expect(status);
        assert_eq!(allowed(&reply).as_deref(), Some(APP), "{path}");
    }
    let reply = w
        .server
        .client()
        .request("GET", path, &[("origin", APP)], ())
        .await
        .expect(401);
    assert_eq!(allowed(&reply).as_deref(), Some(APP));
    for stranger in [
        "https://evil.example",
        "null",
        "https://sub.app.example",
        "https://app.example.evil.example",
        "http://app.example",
        "https://app.example:8443",
        "https://app.example:443",
        "https://app.example/",
        "https://APP.example",
        "https://app.example, https://evil.example",
        "*",
    ] {
        for headers in [
            vec![("origin", stranger)],
            vec![("origin", stranger), ("access-control-request-method", "GET")],
        ] {
            let method = if headers.len() > 1 { "OPTIONS" } else { "GET" };
            let reply = ines.request(method, path, &headers, ()).await;
            assert_eq!(allowed(&reply), None, "{method} {stranger}");
        }
    }
    // The origin of one client opens nothing of another's.
    let reply = w.client.request("GET", path, &[("origin", APP)], ()).await.expect(200);
    assert_eq!(allowed(&reply), None);
    let mut request = w.tenant.token_request();
    let reply = w
        .server
        .client()
        .request("POST", "/oauth/token", &[("origin", APP)], request.clone())
        .await;
    assert_eq!((allowed(&reply), reply.status), (None, 200));
    request["client_id"] = json!(id);
    let reply = w
        .server
        .client()
        .request("POST", "/oauth/token", &[("origin", APP)], request)
        .await;
    assert_eq!((allowed(&reply).as_deref(), reply.status), (Some(APP), 401));

    let path_of = format!("/api/v2/clients/{id}");
    w.client.patch(&path_of, json!({"web_origins": []})).await.expect(200);
    let reply = ines.request("GET", path, &[("origin", APP)], ()).await.expect(200);
    assert_eq!(allowed(&reply), None, "it was taken off");
}

#[tokio::test]
async fn sec_api_15_preflights_are_answered_for_registered_origins() {
    let w = World::new().await;
    let (id, _) = browser(&w).await;
    let ask = [("origin", APP), ("access-control-request-method", "PATCH")];
    let nobody = w.server.client();
    for path in ["/api/v2/users/auth0%7Cines", "/oauth/token", "/api/v2/nowhere"] {
        let reply = nobody.request("OPTIONS", path, &ask, ()).await.expect(204);
        assert_eq!(allowed(&reply).as_deref(), Some(APP));
        assert_eq!(reply.header("access-control-allow-methods"), METHODS);
        assert_eq!(
            reply.header("access-control-allow-headers"),
            "Authorization, Content-Type, Auth0-Client"
        );
        assert_eq!(reply.header("access-control-max-age"), "60");
        assert_eq!(reply.header("cache-control"), "no-store");
    }
    // What is no preflight is a method that is not there.
    nobody
        .request("OPTIONS", "/api/v2/users", &[("origin", APP)], ())
        .await
        .expect(405);
    nobody
        .request("OPTIONS", "/api/v2/users", &ask[1..], ())
        .await
        .expect(405);
    for path in ["/link/v1/users", "/.well-known/jwks.json", "/healthz"] {
        let reply = nobody.request("OPTIONS", path, &ask, ()).await;
        assert!([404, 405].contains(&reply.status), "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), "", "{path}");
    }
    w.client.delete(&format!("/api/v2/clients/{id}")).await.expect(204);
    let reply = nobody.request("OPTIONS", "/api/v2/users", &ask, ()).await.expect(204);
    assert_eq!(allowed(&reply), None, "nobody has registered it any more");
}
