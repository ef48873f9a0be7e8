//! Applications of a customer (`api/knodes.md` 6).

use serde_json::json;

use super::{Customer, World, text};

#[tokio::test]
async fn an_application_may_get_another_secret_and_no_other_id_while_users_are_connected() {
    let world = World::new().await;
    let acme = &world.acme;
    let deposit = async |id: &str, secret: &str| {
        let pairs = [("network", "facebook"), ("id", id), ("secret", secret)];
        acme.post("/customers//connect.json", &pairs).await
    };
    deposit("another", "s").await.expect(200);
    deposit("our-application", "our-secret").await.expect(200);
    let account = world.account("facebook", "Rosa");
    acme.connected(&account, &[]).await;
    let refused = deposit("another", "s").await.expect(400);
    assert_eq!(
        refused.text(),
        "users are connected by the application that is there: its id cannot change"
    );
    let same = deposit("our-application", "a-new-secret").await.expect(200);
    assert!(!same.text().contains("a-new-secret"));
    let shown = acme.get("/customers.json", &[]).await.expect(200).json();
    assert_eq!(shown["network_apps"]["facebook"], "our-application");
}

#[tokio::test]
async fn many_deposits_of_one_application_make_one_connection() {
    let world = World::new().await;
    let pairs = [("network", "google"), ("id", "7"), ("secret", "s")];
    let body = super::encode(&[&world.acme.credentials()[..], &pairs].concat());
    let deposits = (0..8).map(|_| {
        let (client, body) = (world.server.client(), body.clone());
        tokio::spawn(async move { client.post("/customers//connect.json", (super::FORM, body)).await })
    });
    for deposit in deposits.collect::<Vec<_>>() {
        let shown = deposit.await.unwrap().expect(200).json();
        assert_eq!(shown["network_apps"]["google"], "7");
    }
}

#[tokio::test]
async fn without_its_application_nobody_is_connected_until_it_is_back() {
    let world = World::new().await;
    let acme = &world.acme;
    let account = world.account("facebook", "Rosa");
    let user = acme.connected(&account, &[]).await;
    let network = [("network", "facebook")];
    let shown = acme
        .post("/customers//disconnect.json", &network)
        .await
        .expect(200)
        .json();
    assert_eq!(shown["network_apps"], json!({"twitter": "our-application"}));
    acme.post("/customers//disconnect.json", &network).await.expect(400);
    // Her account stays with her, and cannot be used.
    let path = format!("/users/{}.json", text(&user["id"]));
    assert_eq!(
        acme.get(&path, &[]).await.expect(200).json()["networks"],
        user["networks"]
    );
    let refused = acme.connect(&account, &[]).await.expect(400);
    assert_eq!(
        refused.text(),
        "no application of this customer is connected to that network"
    );
    acme.post("/users/connect.json", &account.named()).await.expect(400);
    let other = [("network", "facebook"), ("id", "another")];
    acme.post("/customers//connect.json", &other).await.expect(400);
    // No other interface shows more of it than that its secret is gone.
    let admin = acme.tenant.client().await;
    let all = admin.get("/api/v2/connections").await.expect(200).text();
    assert!(!all.contains("withdrawn") && all.contains("facebook"), "{all}");
    acme.deposit("facebook").await;
    assert_eq!(acme.connected(&account, &[]).await["id"], user["id"]);
}

#[tokio::test]
async fn only_networks_that_are_known_are_connected_and_only_ones_own() {
    let world = World::new().await;
    let acme = &world.acme;
    for network in [
        "friendster",
        "Facebook",
        "contacts",
        "database",
        "microsoft",
        "oidc",
        "oauth2",
        "../x",
        "a b",
    ] {
        let pairs = [("network", network), ("id", "1")];
        let refused = acme.post("/customers//connect.json", &pairs).await.expect(400);
        assert_eq!(
            refused.text(),
            "network is not a network that is known here",
            "{network}"
        );
    }
    for pairs in [
        &[("network", "google")][..],
        &[("id", "1")],
        &[("network", "google"), ("id", "a\u{1}")],
    ] {
        acme.post("/customers//connect.json", pairs).await.expect(400);
    }
    let other = Customer::new(&world.server, "other").await;
    let pairs = [("network", "google"), ("id", "1")];
    for (method, path) in [("GET", ""), ("POST", "/connect"), ("POST", "/disconnect")] {
        let path = format!("/customers/{}{path}.json", other.id);
        let reply = match method {
            "GET" => acme.get(&path, &[]).await,
            _ => acme.post(&path, &pairs).await,
        };
        assert_eq!(reply.expect(403).text(), "that is another customer");
        let unknown = path.replace(&other.id, &"0".repeat(24));
        let reply = match method {
            "GET" => acme.get(&unknown, &[]).await,
            _ => acme.post(&unknown, &pairs).await,
        };
        assert_eq!(
            reply.expect(403).text(),
            "that is another customer",
            "nobody learns who there is"
        );
    }
    assert_eq!(
        acme.get("/customers/yo.json", &[]).await.expect(404).text(),
        "invalid action"
    );
    let shown = other.get("/customers.json", &[]).await.expect(200).json();
    assert_eq!(shown["network_apps"], json!({}));
}
