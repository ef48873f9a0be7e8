//! Lists of users, and what is said of one (`api/knodes.md` 7.1, 7.5, 8).

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::{World, text};

/// Users with an address book each, in the order in which they came.
async fn people(world: &World, how_many: usize) -> Vec<String> {
    let admin = world.acme.tenant.client().await;
    let mut ids = Vec::new();
    for n in 0..how_many {
        let made = admin
            .post("/link/v1/users", json!({"name": format!("Nr {n}")}))
            .await
            .expect(201)
            .json();
        ids.push(text(&made["id"]).to_owned());
        world.server.advance(Duration::from_secs(1));
    }
    ids
}

fn ids(page: &Value) -> Vec<String> {
    page["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| text(&user["id"]).to_owned())
        .collect()
}

#[tokio::test]
async fn users_are_listed_page_by_page_in_the_order_in_which_they_came() {
    let world = World::new().await;
    let wanted = people(&world, 25).await;
    let acme = &world.acme;
    let first = acme.get("/users.json", &[]).await.expect(200).json();
    assert_eq!((ids(&first), &first["total"]), (wanted[..20].to_vec(), &json!(25)));
    let at = world.server.issuer();
    assert_eq!(
        first["links"],
        json!([
            {"rel": "self", "href": format!("{at}users.json?num=20&page=1")},
            {"rel": "next", "href": format!("{at}users.json?num=20&page=2")},
        ])
    );
    let second = acme.get("/users.json", &[("page", "2")]).await.expect(200).json();
    assert_eq!(ids(&second), wanted[20..]);
    assert_eq!(
        second["links"].as_array().unwrap().len(),
        2,
        "itself and the one before"
    );
    let beyond = acme.get("/users.json", &[("page", "3")]).await.expect(200).json();
    assert_eq!((ids(&beyond).len(), &beyond["total"]), (0, &json!(25)));
    let mut seen = BTreeSet::new();
    for page in 1..=9 {
        let page = page.to_string();
        let shown = acme
            .get("/users.json", &[("num", "3"), ("page", &page)])
            .await
            .expect(200)
            .json();
        seen.extend(ids(&shown));
    }
    assert_eq!(seen.len(), 25);
}

#[tokio::test]
async fn numbers_are_clamped_or_refused() {
    let world = World::new().await;
    people(&world, 3).await;
    let count = async |pairs: &[(&str, &str)]| {
        let shown = world.acme.get("/users.json", pairs).await.expect(200).json();
        ids(&shown).len()
    };
    for (pairs, wanted) in [
        (&[("num", "2")][..], 2),
        (&[("num", "0")], 1),
        (&[("num", "-7")], 1),
        (&[("num", "99999999999999999999")], 3),
        (&[("num", "")], 3),
        (&[("page", "0")], 3),
        (&[("page", "-1")], 3),
        (&[("num", "002")], 2),
    ] {
        assert_eq!(count(pairs).await, wanted, "{pairs:?}");
    }
    for pairs in [
        &[("num", "x")][..],
        &[("num", "1.5")],
        &[("num", "1e3")],
        &[("page", "two")],
        &[("page", "99999999999999999999")],
        &[("num", "100"), ("page", "1001")],
        &[("status", "happy")],
        &[("num", "1"), ("num", "2")],
    ] {
        world.acme.get("/users.json", pairs).await.expect(400);
    }
    let last = [("num", "100"), ("page", "1000")];
    assert_eq!(count(&last).await, 0);
}

#[tokio::test]
async fn lists_show_one_status() {
    let world = World::new().await;
    let people = people(&world, 3).await;
    let admin = world.acme.tenant.client().await;
    let path = format!("/api/v2/users/auth0%7C{}", people[1]);
    admin.patch(&path, json!({"blocked": true})).await.expect(200);
    for (status, wanted) in [
        ("disabled", vec![people[1].clone()]),
        ("ok", vec![people[0].clone(), people[2].clone()]),
        ("applied", vec![]),
        ("admitted", vec![]),
        ("revoked", vec![]),
    ] {
        let shown = world
            .acme
            .get("/users.json", &[("status", status)])
            .await
            .expect(200)
            .json();
        assert_eq!(ids(&shown), wanted, "{status}");
        assert_eq!(shown["total"], wanted.len());
    }
}

#[tokio::test]
async fn who_was_never_verified_is_not_ready() {
    let world = World::new().await;
    let id = people(&world, 1).await.remove(0);
    let pairs = [("user_id", id.as_str())];
    assert_eq!(
        world.acme.get("/users/ready.json", &pairs).await.expect(200).text(),
        "indexing"
    );
    let refused = world.acme.post("/users/do_index.json", &pairs).await.expect(400);
    assert_eq!(refused.text(), "the user is connected to no network");
    let admin = world.acme.tenant.client().await;
    let account = json!({"connection": "facebook", "subject": "77"});
    admin
        .post(&format!("/link/v1/users/{id}/identities"), account)
        .await
        .expect(201);
    assert_eq!(
        world.acme.get("/users/ready.json", &pairs).await.expect(200).text(),
        "indexing"
    );
    world.acme.post("/users/do_index.json", &pairs).await.expect(200);
    let wanted = world.wanted_index(&id).await;
    world.server.advance(Duration::from_secs(60));
    world.acme.post("/users/do_index.json", &pairs).await.expect(200);
    assert_eq!(world.wanted_index(&id).await, wanted, "one covers both");
    assert!(wanted.is_some());
}

#[tokio::test]
async fn it_is_kept_when_a_user_was_there() {
    let world = World::new().await;
    let id = people(&world, 1).await.remove(0);
    let pairs = [("user_id", id.as_str())];
    world.acme.post("/users/notify_active.json", &pairs).await.expect(200);
    world.server.advance(Duration::from_secs(60));
    world.acme.post("/users/notify_inactive.json", &pairs).await.expect(200);
    let bag = world.bag(&id).await;
    let (active, inactive) = (bag["active_at"].as_i64().unwrap(), bag["inactive_at"].as_i64().unwrap());
    assert_eq!(inactive - active, 60);
    for path in ["/users/notify_active.json", "/users/notify_inactive.json"] {
        world.acme.post(path, &[]).await.expect(400);
        let nobody = "0".repeat(24);
        let refused = world.acme.post(path, &[("user_id", &nobody)]).await.expect(404);
        assert_eq!(refused.text(), "not found");
    }
}
