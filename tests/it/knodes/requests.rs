//! What requests of its clients look like, and what hostile ones get (`api/knodes.md` 2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Customer, FORM, World, encode, text};
use crate::support::faulty::{CANARY, Fault};
use crate::support::http::Reply;
use crate::support::server::TestServer;

/// Every route, in its canonical spelling.
pub const ROUTES: [(&str, &str); 18] = [
    ("GET", "/customers"),
    ("GET", "/customers/{customer}"),
    ("POST", "/customers/connect"),
    ("POST", "/customers/{customer}/connect"),
    ("POST", "/customers/disconnect"),
    ("POST", "/customers/{customer}/disconnect"),
    ("GET", "/users"),
    ("POST", "/users"),
    ("GET", "/users/{id}"),
    ("POST", "/users/{id}"),
    ("POST", "/users/connect"),
    ("POST", "/users/disconnect"),
    ("POST", "/users/notify_active"),
    ("POST", "/users/notify_inactive"),
    ("GET", "/users/ready"),
    ("GET", "/users/{id}/ready"),
    ("POST", "/users/do_index"),
    ("POST", "/users/{id}/do_index"),
];

#[tokio::test]
async fn no_route_answers_without_credentials() {
    let world = World::new().await;
    let client = &world.acme.client;
    let other = Customer::new(&world.server, "other").await;
    for (method, path) in ROUTES {
        let path = path
            .replace("{customer}", &world.acme.id)
            .replace("{id}", &"0".repeat(24));
        for pairs in [
            vec![],
            vec![("customer_id", world.acme.id.as_str())],
            vec![("customer_secret", world.acme.secret.as_str())],
            vec![("customer_id", world.acme.id.as_str()), ("customer_secret", "")],
            vec![
                ("customer_id", world.acme.id.as_str()),
                ("customer_secret", other.secret.as_str()),
            ],
            vec![("customer_id", "yo"), ("customer_secret", world.acme.secret.as_str())],
            vec![("customer_id", "ffffffffffffffffffffffff"), ("customer_secret", "x")],
        ] {
            let reply = match method {
                "GET" => client.get(&format!("{path}?{}", encode(&pairs))).await,
                _ => client.post(&path, (FORM, encode(&pairs))).await,
            };
            assert_eq!(reply.status, 401, "{method} {path}: {}", reply.text());
            assert_eq!(reply.header("www-authenticate"), "Basic realm=\"customer\"");
        }
        let other = if method == "GET" { "DELETE" } else { "PUT" };
        let reply = client.request(other, &path, &[], ()).await.expect(405);
        assert_eq!(reply.text(), "the method is not allowed here", "{path}");
    }
}

#[tokio::test]
async fn credentials_stand_in_the_address_the_body_or_basic() {
    let world = World::new().await;
    let acme = &world.acme;
    let own = [
        ("customer_id", acme.id.as_str()),
        ("customer_secret", acme.secret.as_str()),
    ];
    let basic = |id: &str, secret: &str| format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let right = basic(&acme.id, &acme.secret);
    let get = async |query: &[(&str, &str)], header: Option<&str>| {
        let headers: Vec<_> = header.iter().map(|value| ("authorization", *value)).collect();
        acme.client
            .request("GET", &format!("/customers.json?{}", encode(query)), &headers, ())
            .await
            .status
    };
    assert_eq!(get(&own, None).await, 200);
    assert_eq!(get(&[], Some(&right)).await, 200);
    assert_eq!(get(&own, Some(&right)).await, 200, "the same twice says one thing");
    assert_eq!(get(&own[..1], Some(&right)).await, 200);
    assert_eq!(get(&own, Some("Bearer x")).await, 200, "parameters are enough");
    assert_eq!(get(&own, Some("Basic !")).await, 200);
    assert_eq!(get(&own, Some(&basic(&acme.id, "another"))).await, 400);
    assert_eq!(get(&own, Some(&basic("another", &acme.secret))).await, 400);
    assert_eq!(get(&[], Some(&basic(&acme.id, "another"))).await, 401);
    assert_eq!(get(&[], Some("Basic !")).await, 401);
    let user = [("user_id", "000000000000000000000000")];
    let post = async |query: &[(&str, &str)], body: &[(&str, &str)]| {
        let path = format!("/users/notify_active.json?{}", encode(query));
        acme.client
            .post(&path, (FORM, encode(&[body, &user].concat())))
            .await
            .status
    };
    assert_eq!(post(&[], &own).await, 404);
    assert_eq!(post(&own, &[]).await, 404);
    assert_eq!(post(&own, &own).await, 404);
    assert_eq!(post(&own, &[("customer_secret", "another")]).await, 400);
}

#[tokio::test]
async fn a_body_may_be_one_flat_object() {
    let world = World::new().await;
    let account = world.account("facebook", "Rosa");
    let acme = &world.acme;
    let body = json!({
        "customer_id": acme.id, "customer_secret": acme.secret, "network": "facebook", "network_id": account.id,
        "token": account.token, "do_index": true, "user_id": null, "unheard": {"of": [1]}, "created": 1_767_323_045,
        "notifications.first_index_complete.q1": "rust",
    });
    let user = acme
        .client
        .post("/users/connect.json", body.clone())
        .await
        .expect(200)
        .json();
    assert_eq!(user["networks"], json!({"facebook": account.id}));
    for (member, value) in [
        ("network", json!(["facebook"])),
        ("network_id", json!({"id": 1})),
        ("token", json!(1.5)),
        ("created", json!(1e300)),
    ] {
        let mut wrong = body.clone();
        wrong[member] = value;
        acme.client.post("/users/connect.json", wrong).await.expect(400);
    }
    for (media_type, body, status) in [
        ("text/plain", body.to_string(), 415),
        ("multipart/form-data; boundary=x", "--x--".to_owned(), 415),
        ("application/json", "[]".to_owned(), 400),
        ("application/json", "{".to_owned(), 400),
        (FORM, "a=%zz".to_owned(), 400),
        (FORM, "network=%00".to_owned(), 400),
        (FORM, format!("a={}", "x".repeat(70_000)), 413),
    ] {
        let reply = acme.client.post("/users/connect.json", (media_type, body)).await;
        assert_eq!(reply.status, status, "{media_type}: {}", reply.text());
        assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
    }
}

#[tokio::test]
async fn what_is_not_known_is_passed_over_and_the_path_wins() {
    let world = World::new().await;
    let (facebook, twitter) = (world.account("facebook", "U"), world.account("twitter", "V"));
    let u = world
        .acme
        .connected(&facebook, &[("unheard_of", "1"), ("customer", "x")])
        .await;
    let v = world.acme.connected(&twitter, &[]).await;
    let repeated = [("user_id", text(&v["id"])), ("person_id", "x"), ("user_id", "yo")];
    let shown = world
        .acme
        .get(&format!("/users/{}.json", text(&u["id"])), &repeated)
        .await
        .expect(200)
        .json();
    assert_eq!(shown["id"], u["id"]);
    let ready = format!("/users/{}/ready.json", text(&u["id"]));
    world.acme.get(&ready, &repeated).await.expect(200);
    world.acme.get("/users/ready.json", &repeated).await.expect(400);
}

#[tokio::test]
async fn refusals_are_plain_text_unless_a_problem_is_asked_for() {
    let world = World::new().await;
    let ask = async |path: &str, accept: &str| -> Reply {
        world.acme.client.request("GET", path, &[("accept", accept)], ()).await
    };
    for (path, status, detail) in [
        (
            "/users/yo.json",
            401,
            "customer_id or customer_secret is missing or wrong",
        ),
        ("/nothing/here", 404, ""),
        ("/users/yo/what/is/this", 404, "invalid action"),
        ("/people/search.json", 404, "invalid action"),
        ("/search.json?q=x", 404, "invalid action"),
        ("/v1/unheard/of", 404, "invalid action"),
        ("/users/connect", 405, "the method is not allowed here"),
        ("/users.json?a=%zz", 400, "a has a broken percent-encoding"),
    ] {
        for plain in [
            "application/json; charset=utf-8",
            "*/*",
            "text/html",
            "application/problem",
        ] {
            let reply = ask(path, plain).await.expect(status);
            if !detail.is_empty() {
                assert_eq!(
                    (reply.text().as_str(), reply.header("content-type")),
                    (detail, "text/plain; charset=utf-8")
                );
            }
        }
        let reply = ask(path, "application/json, application/problem+json;q=0.9")
            .await
            .expect(status);
        assert_eq!(reply.header("content-type"), "application/problem+json", "{path}");
        if !detail.is_empty() {
            let problem =
                json!({"type": "about:blank", "title": reply.json()["title"], "status": status, "detail": detail});
            assert_eq!(reply.json(), problem);
        }
    }
    let big = world
        .acme
        .client
        .request(
            "POST",
            "/users/connect",
            &[("accept", "application/problem+json")],
            (FORM, "x".repeat(70_000)),
        )
        .await
        .expect(413);
    assert_eq!(big.json()["status"], 413);
}

#[tokio::test]
async fn hostile_ids_are_invalid_actions() {
    let world = World::new().await;
    let account = world.account("facebook", "Rosa");
    let user = world.acme.connected(&account, &[]).await;
    let id = text(&user["id"]);
    let long = "a".repeat(4_000);
    for hostile in [
        "yo",
        "%00",
        "%2e%2e",
        "..",
        "%zz",
        "%ff",
        "a%2Fb",
        "a%0d%0ab",
        "%2527",
        &long,
        "connect%00",
        &id.to_uppercase(),
        &format!("{id}0"),
        &format!("{id}%20"),
        &format!("{id}%00"),
        &format!("auth0%7C{id}"),
        "me",
        "-1",
    ] {
        for (path, posts) in [
            (format!("/users/{hostile}.json"), false),
            (format!("/users/{hostile}.json"), true),
            (format!("/users/{hostile}/ready.json"), false),
            (format!("/users/{hostile}/do_index.json"), true),
            (format!("/customers/{hostile}.json"), false),
        ] {
            let reply = match posts {
                true => world.acme.post(&path, &[]).await,
                false => world.acme.get(&path, &[]).await,
            };
            assert_eq!(
                (reply.status, reply.text().as_str()),
                (404, "invalid action"),
                "{path:.60}"
            );
        }
        let reply = world
            .acme
            .post("/users/notify_active.json", &[("user_id", hostile)])
            .await
            .expect(404);
        assert_eq!(reply.text(), "invalid action", "{hostile:.60}");
    }
    let kept = world
        .acme
        .get(&format!("/users/{id}.json"), &[])
        .await
        .expect(200)
        .json();
    assert_eq!(kept["networks"], user["networks"]);
}

#[tokio::test]
async fn hostile_accounts_are_refused() {
    let world = World::new().await;
    let account = world.account("facebook", "Rosa");
    let user = world.acme.connected(&account, &[]).await;
    let book = |id: &str| {
        vec![
            ("network".to_owned(), "contacts".to_owned()),
            ("network_id".to_owned(), id.to_owned()),
            ("user_id".to_owned(), text(&user["id"]).to_owned()),
        ]
    };
    for hostile in ["a\u{7}b", "a\r\nb", &"x".repeat(256)] {
        let pairs = book(hostile);
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
        let refused = world.acme.post("/users/connect.json", &pairs).await.expect(400);
        assert!(refused.text().starts_with("network_id must"), "{}", refused.text());
    }
    let shown: Value = world
        .acme
        .get(&format!("/users/{}.json", text(&user["id"])), &[])
        .await
        .expect(200)
        .json();
    assert_eq!(shown["networks"], user["networks"]);
}

#[tokio::test]
async fn browsers_read_nothing() {
    let world = World::new().await;
    let asks = [
        ("origin", "https://evil.example"),
        ("access-control-request-method", "GET"),
    ];
    let preflight = world
        .acme
        .client
        .request("OPTIONS", "/users", &asks, ())
        .await
        .expect(405);
    assert!(!preflight.headers.contains_key("access-control-allow-origin"));
    let path = format!("/users.json?{}", encode(&world.acme.credentials()));
    let shown = world
        .acme
        .client
        .request("GET", &path, &asks[..1], ())
        .await
        .expect(200);
    assert!(!shown.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn requests_are_counted_by_address_and_customer() {
    let server = TestServer::start_limited("3/1").await;
    let acme = Customer::new(&server, "acme").await;
    for _ in 0..3 {
        acme.get("/customers.json", &[]).await.expect(200);
    }
    let refused = acme.get("/customers.json", &[]).await.expect(429);
    assert_eq!(
        (refused.text().as_str(), refused.header("retry-after")),
        ("too many requests", "1")
    );
    server.advance(std::time::Duration::from_secs(10));
    let limit = [("client_rate_limit".to_owned(), "1/1".to_owned())];
    server.app.set_settings("acme", &limit).await.unwrap();
    acme.get("/customers.json", &[]).await.expect(200);
    acme.get("/customers.json", &[]).await.expect(429);
}

#[tokio::test]
async fn a_store_that_fails_tells_nothing() {
    let (server, store) = TestServer::start_faulty().await;
    let acme = Customer::new(&server, "acme").await;
    let user = [("user_id", "000000000000000000000000")];
    for fault in Fault::ALL {
        for n in 1..=3 {
            store.fail_from(n, fault);
            let replies = [
                acme.get("/users.json", &[]).await,
                acme.post("/users/notify_active.json", &user).await,
                acme.post("/customers//connect.json", &[("network", "google"), ("id", "1")])
                    .await,
            ];
            store.heal();
            for reply in replies.iter().filter(|reply| reply.status >= 500) {
                assert!([500, 503, 504].contains(&reply.status), "{}", reply.text());
                assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
                assert!(!reply.text().contains(CANARY), "{}", reply.text());
            }
            assert_eq!(replies[0].status, fault.status(), "{n}");
        }
    }
}
