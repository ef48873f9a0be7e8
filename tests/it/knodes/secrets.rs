//! Secrets of customers and people: where they may be sent, and where they never come out (LNK-14,
//! API-06; check 16 of the contract).

use serde_json::json;

use super::{Customer, FORM, World, encode, text};

#[tokio::test]
async fn sec_lnk_14_the_account_that_is_named_is_the_one_that_the_token_is_of() {
    let world = World::new().await;
    let (mine, victims) = (world.account("facebook", "U1"), world.account("facebook", "U2"));
    let victim = world.acme.connected(&victims, &[]).await;
    let before = (world.kept(text(&victim["id"])).await, world.events().await);
    let claimed = [
        ("network", "facebook"),
        ("network_id", &*victims.id),
        ("token", &*mine.token),
    ];
    let refused = world.acme.post("/users/connect.json", &claimed).await.expect(400);
    assert_eq!(refused.text(), "the token proves nothing: it is of another account");
    assert_eq!((world.kept(text(&victim["id"])).await, world.events().await), before);
}

#[tokio::test]
async fn a_token_that_proves_nothing_connects_nothing() {
    let world = World::new().await;
    for network in ["foursquare", "google", "github"] {
        world.acme.deposit(network).await;
    }
    let networks = &world.networks;
    for network in ["facebook", "google", "github"] {
        networks.application(network, "another-application", "s");
    }
    let made = |network: &str, more: serde_json::Value| networks.account(network, more);
    let of_another = json!({"name": "Eve", "client_id": "another-application"});
    let expired = made("facebook", json!({"name": "Eve"}));
    networks.expire("facebook", &expired.id);
    let revoked = made("google", json!({"name": "Eve"}));
    networks.revoke("google", &revoked.id);
    let twitter = made("twitter", json!({"name": "Eve"}));
    let wrong_half = [("secret", "wrong")];
    for (network, account, more) in [
        ("facebook", made("facebook", of_another.clone()), &[][..]),
        ("google", made("google", of_another.clone()), &[]),
        ("github", made("github", of_another), &[]),
        ("facebook", expired, &[]),
        ("google", revoked, &[]),
        ("twitter", twitter.clone(), &wrong_half),
        ("twitter", twitter, &[]),
        ("foursquare", made("foursquare", json!({"name": "Eve"})), &[]),
    ] {
        let token = [("token", account.access_token.as_str())];
        let pairs = [
            &[("network", network), ("network_id", account.id.as_str())][..],
            &token,
            more,
        ]
        .concat();
        let refused = world.acme.post("/users/connect.json", &pairs).await.expect(400);
        let words = refused.text();
        let told = ["the token proves nothing: ", "secret "];
        assert!(
            told.iter().any(|beginning| words.starts_with(beginning)),
            "{network}: {words}"
        );
    }
    assert_eq!(world.events().await, 0);
    assert_eq!(world.acme.get("/users.json", &[]).await.expect(200).json()["total"], 0);
}

#[tokio::test]
async fn sec_lnk_14_without_a_token_nothing_is_written() {
    let world = World::new().await;
    let account = world.account("facebook", "Rosa");
    let user = world.acme.connected(&account, &[]).await;
    let id = text(&user["id"]);
    let (kept, bag, tokens) = (world.kept(id).await, world.bag(id).await, world.sealed(id).await);
    let events = world.events().await;
    world.server.advance(std::time::Duration::from_secs(60));
    let more = [
        ("user_id", id),
        ("do_index", "1"),
        ("notifications.first_index_complete.q1", "x"),
        ("secret", "s"),
        ("refresh_token", "r"),
        ("expires_in", "1"),
    ];
    for more in [&more[..0], &more[..1], &more] {
        let pairs = [&account.named()[..], more].concat();
        let found = world.acme.post("/users/connect.json", &pairs).await.expect(200).json();
        assert_eq!(found["id"], user["id"]);
    }
    assert_eq!((world.kept(id).await, world.bag(id).await), (kept, bag));
    assert!(world.sealed(id).await == tokens, "byte for byte");
    assert_eq!(world.events().await, events);
}

#[tokio::test]
async fn sec_lnk_14_without_a_token_only_the_customer_itself_and_only_if_it_lets_itself() {
    let world = World::new().await;
    let account = world.account("facebook", "Rosa");
    world.acme.connected(&account, &[]).await;
    let body = encode(&[&world.acme.credentials()[..], &account.named()].concat());
    let page = [("origin", "https://acme.example")];
    let refused = world
        .acme
        .client
        .request("POST", "/users/connect.json", &page, (FORM, body))
        .await
        .expect(403);
    assert_eq!(refused.text(), "token is required from a page");
    // To another customer it is nobody's.
    let other = Customer::new(&world.server, "other").await;
    other.deposit("facebook").await;
    other.post("/users/connect.json", &account.named()).await.expect(400);
    world.set("tokenless_connect", "false").await;
    let refused = world
        .acme
        .post("/users/connect.json", &account.named())
        .await
        .expect(403);
    assert_eq!(refused.text(), "token is required by this customer");
    world.acme.connected(&account, &[]).await;
}

#[tokio::test]
async fn sec_api_06_secrets_in_an_address_are_warned_of_or_refused() {
    let world = World::new().await;
    let acme = &world.acme;
    let warned = acme.get("/customers.json", &[]).await.expect(200);
    assert!(warned.header("warning").starts_with("299 - "), "{:?}", warned.headers);
    let body = acme
        .client
        .post("/users/notify_active.json", (FORM, encode(&acme.credentials())))
        .await
        .expect(400);
    assert!(!body.headers.contains_key("warning"));
    world.set("query_secrets", "false").await;
    let refused = acme.get("/customers.json", &[]).await.expect(400);
    assert_eq!(
        refused.text(),
        "secrets are not taken from the address here: send them in the body or by HTTP Basic"
    );
    let account = world.account("facebook", "Rosa");
    for name in ["token", "secret", "refresh_token", "customer%5Fsecret"] {
        let path = format!("/users/connect.json?{name}=x");
        let pairs = [&acme.credentials()[..], &account.named(), &[("token", "x")]].concat();
        acme.client.post(&path, (FORM, encode(&pairs))).await.expect(400);
    }
    // Whoever has not got the secret is told that, and nothing of the setting.
    let wrong = [("customer_id", acme.id.as_str()), ("customer_secret", "x")];
    acme.client
        .get(&format!("/customers.json?{}", encode(&wrong)))
        .await
        .expect(401);
    assert_eq!(
        acme.connected(&account, &[]).await["first_login"],
        true,
        "bodies are read as before"
    );
}

#[tokio::test]
async fn check_16_no_answer_holds_a_token_or_a_secret() {
    let world = World::new().await;
    let acme = &world.acme;
    acme.deposit("google").await;
    let (google, twitter) = (world.account("google", "Rosa"), world.account("twitter", "Rosa"));
    let mut answers = Vec::new();
    let more = [
        ("refresh_token", "canary-refresh"),
        ("notifications.first_index_complete.context.k", "canary-context"),
    ];
    let user = acme.connect(&google, &more).await.expect(200);
    let id = text(&user.json()["id"]).to_owned();
    let own = [("user_id", id.as_str())];
    answers.push(user);
    answers.push(acme.connect(&twitter, &own).await.expect(200));
    answers.push(acme.connect(&twitter, &own).await.expect(200));
    let app = [("network", "linkedin"), ("id", "7"), ("secret", "canary-app")];
    answers.push(acme.post("/customers//connect.json", &app).await.expect(200));
    answers.push(acme.get("/customers.json", &[]).await.expect(200));
    answers.push(acme.get("/users.json", &[]).await.expect(200));
    answers.push(acme.get(&format!("/users/{id}.json"), &[]).await.expect(200));
    // Refused, wherever they stand.
    for (name, value) in [
        ("network", "canary-1"),
        ("network_id", "canary-1"),
        ("user_id", "canary-1"),
        ("created", "canary-1"),
        ("token", "canary-1"),
        ("notifications.first_index_begin.url_callback", "canary-1"),
    ] {
        let mut pairs = google.named();
        pairs.push(("token", &google.token));
        pairs.retain(|(known, _)| *known != name);
        pairs.push((name, value));
        let refused = acme.post("/users/connect.json", &pairs).await;
        assert!(refused.status >= 400, "{name}: {}", refused.text());
        answers.push(refused);
    }
    answers.push(
        acme.client
            .get("/users.json?customer_secret=canary-1&customer_id=canary-1")
            .await
            .expect(401),
    );
    answers.push(
        acme.client
            .post("/users/connect.json", json!({"customer_secret": ["canary-1"]}))
            .await
            .expect(400),
    );
    answers.push(
        acme.post("/users/disconnect.json", &[&twitter.named()[..], &own].concat())
            .await
            .expect(200),
    );
    let mut secrets = vec![
        acme.secret.as_str(),
        "canary",
        "our-secret",
        google.token.as_str(),
        twitter.token.as_str(),
    ];
    secrets.extend(twitter.secret.as_deref());
    for answer in answers {
        let whole = format!("{:?} {}", answer.headers, answer.text());
        for secret in &secrets {
            assert!(!whole.contains(secret), "{secret} in {whole}");
        }
    }
}

#[tokio::test]
async fn sec_api_06_secrets_in_an_address_are_listed_as_exposed() {
    let world = World::new().await;
    let reader = world.acme.tenant.client().await;
    let listed = async || {
        let logs = reader
            .get("/api/v2/logs?q=type:depnote&sort=date:1")
            .await
            .expect(200)
            .json();
        let logs = logs.as_array().unwrap().clone();
        assert!(!format!("{logs:?}").contains(&world.acme.secret));
        let told = |log: &serde_json::Value| (log["details"]["exposed"].clone(), log["date"].clone());
        logs.iter().map(told).collect::<Vec<_>>()
    };
    let began = world.server.app.now();
    world.acme.post("/users/do_index.json", &[]).await;
    let stranger = format!("/users.json?customer_id={}&customer_secret=wrong", world.acme.id);
    world.acme.client.get(&stranger).await.expect(401);
    assert_eq!(listed().await, [], "in a form, and of somebody else");
    for _ in 0..3 {
        world.acme.get("/users.json", &[]).await.expect(200);
    }
    world.set("query_secrets", "false").await;
    world.acme.get("/users.json", &[("token", "t")]).await.expect(400);
    world.server.advance(std::time::Duration::from_secs(3_600));
    world.acme.get("/users.json", &[]).await.expect(400);
    let told = listed().await;
    let kinds: Vec<_> = told.iter().map(|(names, _)| names.clone()).collect();
    let secret = json!(["customer_secret"]);
    assert_eq!(kinds, [secret.clone(), json!(["token"]), secret]);
    let first: jiff::Timestamp = told[0].1.as_str().unwrap().parse().unwrap();
    assert_eq!(first.as_second(), began.as_second());
}
