//! The checks of the contract, by their numbers (`api/knodes.md` 12). Check 13 stands here too, check
//! 16 in `secrets.rs`.

use serde_json::{Value, json};

use super::{Customer, World, text};

#[tokio::test]
async fn check_01_a_customer_sees_itself_and_nobody_without_its_secret() {
    let world = World::new().await;
    let shown = world.acme.get("/customers.json", &[]).await.expect(200).json();
    let id = &world.acme.id;
    assert_eq!(
        shown,
        json!({
            "id": id, "name": "acme", "admission_policy": "open",
            "network_apps": {"facebook": "our-application", "twitter": "our-application"},
            "links": [{"rel": "self", "href": format!("{}customers/{id}.json", world.server.issuer())}],
        })
    );
    let wrong = super::encode(&[("customer_id", id), ("customer_secret", &"0".repeat(64))]);
    let refused = world
        .acme
        .client
        .get(&format!("/customers.json?{wrong}"))
        .await
        .expect(401);
    assert_eq!(refused.header("content-type"), "text/plain; charset=utf-8");
}

#[tokio::test]
async fn check_02_an_account_is_connected_by_its_token() {
    let world = World::new().await;
    let account = world.account("facebook", "Rosa Quill");
    let user = world.acme.connected(&account, &[]).await;
    let id = text(&user["id"]);
    let at = world.server.issuer();
    assert_eq!(
        user,
        json!({
            "id": id, "ready": "ok", "status": "ok", "role": "member",
            "networks": {"facebook": account.id}, "created": 1_767_323_045, "name": "Rosa Quill", "first_login": true,
            "links": [
                {"rel": "self", "href": format!("{at}users/{id}.json")},
                {"rel": "ready", "href": format!("{at}users/{id}/ready.json")},
            ],
        })
    );
    let kept = world.kept(id).await;
    assert_eq!(kept.identities[1].proof.name(), "audience_checked");
    assert!(kept.identities[1].has_tokens && kept.identities[0].is_primary());
}

#[tokio::test]
async fn check_03_the_same_again_renews_its_token() {
    let world = World::new().await;
    let account = world.account("facebook", "Rosa");
    let first = world.acme.connected(&account, &[]).await;
    let before = world.kept(text(&first["id"])).await.identities[1].clone();
    let again = world.acme.connected(&account, &[]).await;
    assert_eq!(again["id"], first["id"]);
    assert_eq!(again["first_login"], false);
    let after = world.kept(text(&first["id"])).await.identities[1].clone();
    assert_eq!((after.id, after.version), (before.id, before.version + 1));
}

#[tokio::test]
async fn check_04_without_a_token_what_is_known_is_found_and_what_is_not_is_refused() {
    let world = World::new().await;
    let account = world.account("facebook", "Rosa");
    let user = world.acme.connected(&account, &[]).await;
    let found = world
        .acme
        .post("/users/connect.json", &account.named())
        .await
        .expect(200)
        .json();
    assert_eq!(found["id"], user["id"]);
    assert_eq!(found["first_login"], false);
    let unknown = [("network", "facebook"), ("network_id", "700100299")];
    world.acme.post("/users/connect.json", &unknown).await.expect(400);
}

#[tokio::test]
async fn check_05_a_second_network_is_another_user_unless_the_first_is_named() {
    let world = World::new().await;
    let (facebook, twitter) = (world.account("facebook", "Rosa"), world.account("twitter", "Rosa"));
    let rosa = world.acme.connected(&facebook, &[]).await;
    let other = world.acme.connected(&twitter, &[]).await;
    assert_ne!(rosa["id"], other["id"]);
    let second = world.account("twitter", "Rosa again");
    let both = world.acme.connected(&second, &[("user_id", text(&rosa["id"]))]).await;
    assert_eq!(both["id"], rosa["id"]);
    assert_eq!(both["networks"], json!({"facebook": facebook.id, "twitter": second.id}));
    assert_eq!(both["first_login"], false);
}

#[tokio::test]
async fn check_06_what_somebody_has_is_refused_to_others_until_it_is_disconnected() {
    let world = World::new().await;
    let (facebook, twitter) = (world.account("facebook", "V"), world.account("twitter", "U"));
    let v = world.acme.connected(&facebook, &[]).await;
    let u = world.acme.connected(&twitter, &[]).await;
    let (before, events) = (world.kept(text(&v["id"])).await, world.events().await);
    let to_u = [("user_id", text(&u["id"]))];
    let refused = world.acme.connect(&facebook, &to_u).await.expect(400);
    assert_eq!(
        refused.text(),
        "the account is connected to another user: disconnect it there first"
    );
    assert_eq!(world.kept(text(&v["id"])).await, before);
    assert_eq!(world.events().await, events);
    let from_v = [&facebook.named()[..], &[("user_id", text(&v["id"]))]].concat();
    let left = world
        .acme
        .post("/users/disconnect.json", &from_v)
        .await
        .expect(200)
        .json();
    assert_eq!(left["networks"], json!({}));
    let moved = world.acme.connected(&facebook, &to_u).await;
    assert_eq!(
        moved["networks"],
        json!({"twitter": twitter.id, "facebook": facebook.id})
    );
}

#[tokio::test]
async fn check_07_what_is_disconnected_is_gone() {
    let world = World::new().await;
    let account = world.account("facebook", "Rosa");
    let user = world.acme.connected(&account, &[]).await;
    let id = text(&user["id"]);
    let pairs = [&account.named()[..], &[("user_id", id)]].concat();
    let left = world
        .acme
        .post("/users/disconnect.json", &pairs)
        .await
        .expect(200)
        .json();
    assert_eq!(left["id"], user["id"]);
    assert_eq!(left["networks"], json!({}));
    assert_eq!(left["ready"], "ok", "the first index is over");
    let again = world.acme.post("/users/disconnect.json", &pairs).await.expect(400);
    assert_eq!(again.text(), "the account is not connected to that user");
    // She can be connected again, without the account's id being said when it goes.
    let back = world.acme.connected(&account, &[("user_id", id)]).await;
    assert_eq!(back["networks"], json!({"facebook": account.id}));
    let wrong = [("user_id", id), ("network", "facebook"), ("network_id", "another")];
    world.acme.post("/users/disconnect.json", &wrong).await.expect(400);
    let pairs = [("user_id", id), ("network", "facebook")];
    let left = world
        .acme
        .post("/users/disconnect.json", &pairs)
        .await
        .expect(200)
        .json();
    assert_eq!(left["networks"], json!({}));
}

#[tokio::test]
async fn check_08_what_is_no_id_is_an_invalid_action() {
    let world = World::new().await;
    let refused = world.acme.get("/users/yo.json", &[]).await.expect(404);
    assert_eq!(refused.text(), "invalid action");
    assert_eq!(refused.header("content-type"), "text/plain; charset=utf-8");
    let nobody = world
        .acme
        .get(&format!("/users/{}.json", "0".repeat(24)), &[])
        .await
        .expect(404);
    assert_eq!(nobody.text(), "not found");
}

#[tokio::test]
async fn check_09_only_the_address_can_be_set() {
    let world = World::new().await;
    let account = world.account("facebook", "Rosa");
    let user = world.acme.connected(&account, &[]).await;
    let path = format!("/users/{}.json", text(&user["id"]));
    let pairs = [
        ("email", "rosa@example.org"),
        ("role", "admin"),
        ("status", "disabled"),
        ("name", "Eve"),
    ];
    let changed = world.acme.post(&path, &pairs).await.expect(200).json();
    let mut wanted = user.clone();
    wanted["email"] = json!("rosa@example.org");
    wanted["first_login"] = json!(false);
    assert_eq!(changed, wanted);
    assert_eq!(world.acme.get(&path, &[]).await.expect(200).json(), wanted);
    world.acme.post(&path, &[("email", "not an address")]).await.expect(400);
    assert_eq!(world.acme.post(&path, &[]).await.expect(200).json(), wanted);
    let cleared = world.acme.post(&path, &[("email", "")]).await.expect(200).json();
    assert_eq!(cleared["email"], Value::Null);
}

#[tokio::test]
async fn check_10_who_is_there_and_whether_she_is_ready() {
    let world = World::new().await;
    let account = world.account("facebook", "Rosa");
    let user = world.acme.connected(&account, &[]).await;
    let id = text(&user["id"]);
    let pairs = [("user_id", id)];
    let active = world
        .acme
        .post("/users/notify_active.json", &pairs)
        .await
        .expect(200)
        .json();
    assert_eq!((&active["id"], &active["ready"]), (&user["id"], &json!("ok")));
    let inactive = world.acme.post("/users/notify_inactive.json", &pairs).await.expect(200);
    assert_eq!(inactive.text(), "");
    for (path, pairs) in [
        (format!("/users/{id}/ready.json"), &[][..]),
        ("/users/ready.json".to_owned(), &pairs[..]),
        (format!("/users/{id}/ready"), &pairs[..]),
    ] {
        let ready = world.acme.get(&path, pairs).await.expect(200);
        assert_eq!(ready.text(), "ok", "{path}");
        assert!(ready.header("content-type").starts_with("text/plain"));
    }
}

/// The life of one user, by paths that begin and end like this.
async fn live(world: &World, beginning: &str, end: &str) {
    let path = |path: &str| format!("{beginning}{path}{end}");
    let acme = &world.acme;
    let shown = acme.get(&path("/customers"), &[]).await.expect(200).json();
    assert_eq!(shown["id"], acme.id.as_str());
    let named = acme
        .get(&path(&format!("/customers/{}", acme.id)), &[("customer_id", &acme.id)])
        .await;
    assert_eq!(named.expect(200).json(), shown);
    let app = [
        ("network", "facebook"),
        ("id", "our-application"),
        ("secret", "our-secret"),
    ];
    for at in [
        "/customers/connect",
        "/customers//connect",
        &format!("/customers/{}/connect", acme.id),
    ] {
        let shown = acme.post(&path(at), &app).await.expect(200).json();
        assert_eq!(shown["network_apps"]["facebook"], "our-application", "{at}");
    }
    let account = world.account("facebook", "Rosa");
    let token = [&account.named()[..], &[("token", account.token.as_str())]].concat();
    let user = acme.post(&path("/users/connect"), &token).await.expect(200).json();
    let id = text(&user["id"]).to_owned();
    let pairs = [("user_id", id.as_str())];
    let own = path(&format!("/users/{id}"));
    assert_eq!(acme.get(&own, &pairs).await.expect(200).json()["id"], user["id"]);
    let mail = [("email", "rosa@example.org"), pairs[0]];
    assert_eq!(
        acme.post(&own, &mail).await.expect(200).json()["email"],
        "rosa@example.org"
    );
    let listed = acme.get(&path("/users"), &[("num", "100")]).await.expect(200).json();
    assert!(
        listed["results"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["id"] == user["id"])
    );
    assert_eq!(
        acme.get(&path(&format!("/users/{id}/ready")), &[])
            .await
            .expect(200)
            .text(),
        "ok"
    );
    assert_eq!(acme.get(&path("/users/ready"), &pairs).await.expect(200).text(), "ok");
    assert_eq!(
        acme.post(&path(&format!("/users/{id}/do_index")), &[])
            .await
            .expect(200)
            .text(),
        ""
    );
    assert_eq!(acme.post(&path("/users/do_index"), &pairs).await.expect(200).text(), "");
    acme.post(&path("/users/notify_active"), &pairs).await.expect(200);
    acme.post(&path("/users/notify_inactive"), &pairs).await.expect(200);
    let off = [&account.named()[..], &pairs].concat();
    let left = acme.post(&path("/users/disconnect"), &off).await.expect(200).json();
    assert_eq!(left["networks"], json!({}));
    for wrong in [
        "/users/yo",
        "/users/yo/ready",
        "/users/connect/now",
        "/people/search",
        "/search",
    ] {
        assert_eq!(
            acme.get(&path(wrong), &[]).await.expect(404).text(),
            "invalid action",
            "{wrong}"
        );
    }
    acme.get(&path("/users/connect"), &[]).await.expect(405);
    // The last application that nobody is connected by can be taken back.
    let shown = acme
        .post(&path("/customers//disconnect"), &[("network", "facebook")])
        .await
        .expect(200)
        .json();
    assert_eq!(shown["network_apps"], json!({"twitter": "our-application"}));
}

#[tokio::test]
async fn check_12_every_path_has_its_spellings() {
    let world = World::new().await;
    for beginning in ["", "/v1"] {
        for end in ["", ".json"] {
            live(&world, beginning, end).await;
        }
    }
}

#[tokio::test]
async fn check_13_two_tenants_connect_one_account_for_themselves() {
    let world = World::new().await;
    let other = Customer::new(&world.server, "other").await;
    other.deposit("facebook").await;
    let account = world.account("facebook", "Rosa");
    let here = world.acme.connected(&account, &[]).await;
    // Without a token it is not known there, though it is here.
    other.post("/users/connect.json", &account.named()).await.expect(400);
    let there = other.connected(&account, &[]).await;
    assert_ne!(here["id"], there["id"]);
    assert_eq!(there["first_login"], true);
    let foreign = other
        .get(&format!("/users/{}.json", text(&here["id"])), &[])
        .await
        .expect(404);
    assert_eq!(foreign.text(), "not found");
    let off = [&account.named()[..], &[("user_id", text(&there["id"]))]].concat();
    other.post("/users/disconnect.json", &off).await.expect(200);
    assert_eq!(world.kept(text(&here["id"])).await.identities.len(), 2);
}

#[tokio::test]
async fn check_14_no_index_is_wanted_of_what_is_connected_already() {
    let world = World::new().await;
    let account = world.account("facebook", "Rosa");
    let user = world.acme.connected(&account, &[]).await;
    let id = text(&user["id"]);
    assert_eq!(world.wanted_index(id).await, None);
    world.acme.connected(&account, &[("do_index", "1")]).await;
    world
        .acme
        .connected(&account, &[("do_index", "1"), ("user_id", id)])
        .await;
    assert_eq!(world.wanted_index(id).await, None);
    // Of one that is new it is, by anything that is not empty.
    let twitter = world.account("twitter", "Rosa");
    world
        .acme
        .connected(&twitter, &[("do_index", "0"), ("user_id", id)])
        .await;
    assert_eq!(world.wanted_index(id).await, Some(1_767_323_045));
    let second = world.account("twitter", "Somebody");
    let made = world.acme.connected(&second, &[("do_index", "")]).await;
    assert_eq!(world.wanted_index(text(&made["id"])).await, None);
}
