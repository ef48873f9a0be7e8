//! Every error of every route has its dialect's shape and tells nothing (API-18); a log-in is
//! counted from the peer that made it (D-149).

use serde_json::{Value, json};

use super::ROUTES;
use crate::support::faulty::Fault;
use crate::support::http::Reply;
use crate::support::people::{DATABASE, PASSWORD, Side};
use crate::support::server::TestServer;

/// That an error has the shape of the dialect of its path.
#[track_caller]
fn assert_shape(path: &str, reply: &Reply) {
    assert_eq!(reply.header("cache-control"), "no-store", "{path}");
    assert!(!reply.header("x-request-id").is_empty(), "{path}: {:?}", reply.headers);
    let body = reply.json();
    let (media_type, shape): (_, &[(&str, bool)]) = if path.starts_with("/oauth") {
        (
            "application/json; charset=utf-8",
            &[("error", true), ("error_description", true)],
        )
    } else if path.starts_with("/api/v2") {
        (
            "application/json; charset=utf-8",
            &[("statusCode", false), ("error", true), ("message", true)],
        )
    } else {
        (
            "application/problem+json",
            &[
                ("type", true),
                ("title", true),
                ("status", false),
                ("code", true),
                ("detail", true),
            ],
        )
    };
    assert_eq!(reply.header("content-type"), media_type, "{path}");
    for (member, is_text) in shape {
        assert_eq!(body[*member].is_string(), *is_text, "{path}: {member} in {body}");
        if !is_text {
            assert_eq!(body[*member], reply.status, "{path}: {member} in {body}");
        }
    }
    let known = ["attributes", "errorCode", "field", "any_of"];
    for member in body.as_object().unwrap().keys() {
        let ours = shape.iter().any(|(name, _)| name == member) || known.contains(&member.as_str());
        assert!(ours, "{path}: {member}");
    }
}

#[tokio::test]
async fn sec_api_18_every_error_of_every_route_has_its_shape() {
    const CANARY: &str = "canary-of-the-caller";
    let (server, store) = TestServer::start_faulty().await;
    let side = Side::new(&server, "acme").await;
    let nobody = server.client();
    let powerless = nobody.bearer(&side.tenant.token(oneself::domain::Scopes::NONE).await);
    let mut routes = ROUTES.to_vec();
    routes.push(("POST", "/oauth/token"));
    let mut errors = 0;
    for (method, template) in routes {
        let path = template
            .replace(
                "{id}",
                if template.contains("connections") {
                    "con_0000000000000001"
                } else {
                    "auth0%7Cx"
                },
            )
            .replace("{identity}", "idn_000000000000000000000000")
            .replace("{provider}", "twitter")
            .replace("{user_id}", "1")
            .replace("{connection}", "nowhere")
            .replace("{subject}", "1");
        let json_body = |text: &str| ("application/json", text.to_owned());
        let big = format!("{{\"a\":\"{}\"}}", CANARY.repeat(60_000));
        let query = |parameter: &str| format!("{path}?{parameter}");
        let mut replies = vec![
            (401, nobody.request(method, &path, &[], ()).await),
            (401, nobody.bearer(CANARY).request(method, &path, &[], ()).await),
            (403, powerless.request(method, &path, &[], ()).await),
            (400, side.client.request(method, &query("%zz=1"), &[], ()).await),
            (
                400,
                side.client
                    .request(method, &query("limit=x&per_page=x&email=x&fields=,&user_id=1"), &[], ())
                    .await,
            ),
            (405, side.client.request("PUT", &path, &[], ()).await),
            (
                415,
                side.client.request(method, &path, &[], ("text/plain", CANARY)).await,
            ),
            (413, side.client.request(method, &path, &[], json_body(&big)).await),
            (400, side.client.request(method, &path, &[], json_body(CANARY)).await),
            (
                400,
                side.client
                    .request(method, &path, &[], json_body(&format!("[\"{CANARY}\"]")))
                    .await,
            ),
            (
                400,
                side.client
                    .request(method, &path, &[], json_body(&format!("{{\"{CANARY}\":1}}")))
                    .await,
            ),
            (
                404,
                side.client
                    .request(method, &format!("{path}/{CANARY}/x"), &[], ())
                    .await,
            ),
        ];
        for fault in Fault::ALL {
            store.fail_from(1, fault);
            let body = json!({"grant_type": "client_credentials", "client_id": side.web.0, "client_secret": CANARY,
                "audience": "x", "connection": DATABASE, "email": "a@x.example"});
            let client = if path.starts_with("/oauth") {
                &nobody
            } else {
                &side.client
            };
            let reply = client.request(method, &query("email=a@x.example"), &[], body).await;
            store.heal();
            replies.push((fault.status(), reply));
        }
        for (wanted, reply) in replies {
            if reply.status < 400 {
                continue; // Not every provocation is one for every route.
            }
            errors += 1;
            assert_shape(&path, &reply);
            let text = reply.text();
            let known: &[u16] = &[400, 401, 403, 404, 405, 413, 415, 500, 503, 504];
            assert!(known.contains(&reply.status), "{method} {path}: {text}");
            if wanted >= 500 {
                assert_eq!(reply.status, wanted, "{method} {path}: {text}");
            } else {
                assert!(reply.status < 500, "{method} {path}: {text}");
            }
            if reply.status >= 500 {
                assert!(!text.contains(CANARY), "{method} {path}: {text}");
            }
            if reply.status == 500 {
                assert!(
                    !text.contains(crate::support::faulty::CANARY),
                    "{method} {path}: {text}"
                );
            }
            assert!(text.len() < 1_500, "{method} {path}: {text}");
        }
    }
    assert!(errors > 200, "{errors}");
}

#[tokio::test]
async fn sec_ops_07_an_address_that_a_peer_claims_does_not_count() {
    let server = TestServer::start().await;
    let side = Side::new(&server, "acme").await;
    let person = side.person("ines").await;
    let request = json!({
        "grant_type": "http://auth0.com/oauth/grant-type/password-realm", "realm": DATABASE,
        "client_id": side.web.0, "client_secret": side.web.1, "username": person.email, "password": PASSWORD,
    });
    let headers = [
        ("x-forwarded-for", "1.2.3.4, <script>"),
        ("forwarded", "for=1.2.3.4"),
        ("x-real-ip", "1.2.3.4"),
        ("true-client-ip", "1.2.3.4"),
    ];
    server
        .client()
        .request("POST", "/oauth/token", &headers, request)
        .await
        .expect(200);
    let shown = side.client.get(&person.path()).await.expect(200).json();
    assert_eq!(shown["last_ip"], "127.0.0.1");
}

#[tokio::test]
async fn sec_api_14_a_key_that_was_used_does_not_cover_another_request() {
    let server = TestServer::start().await;
    let side = Side::new(&server, "acme").await;
    let person = side.person("ines").await;
    let path = format!("/link/v1/users/{}/identities", person.core);
    let key = [("idempotency-key", "once")];
    let body = |subject: &str| -> Value { json!({"connection": "twitter", "subject": subject}) };
    let first = side.client.request("POST", &path, &key, body("1")).await.expect(201);
    let again = side.client.request("POST", &path, &key, body("1")).await.expect(201);
    assert_eq!(first.json(), again.json());
    for (method_path, body) in [(path.clone(), body("2")), ("/link/v1/users".to_owned(), json!({}))] {
        let refused = side
            .client
            .request("POST", &method_path, &key, body)
            .await
            .expect(409)
            .json();
        assert_eq!(refused["code"], "idempotency_key_reused");
    }
    // Another client's key of the same name is another key.
    let other = side.tenant.client().await;
    let their = other.request("POST", "/link/v1/users", &key, json!({})).await;
    assert_eq!(their.status, 201, "{}", their.text());
    assert_eq!(side.kept(&server, &person.core).await.unwrap().identities.len(), 2);
}
