//! The decision table of `users/connect`, row by row (`api/knodes.md` 7.3), and what becomes of what is
//! sent along.

use oneself::domain::UserRef;
use oneself::id::UserId;
use oneself::secret::ExposeSecret;
use serde_json::{Value, json};

use super::{Customer, World, text};

/// A row that ends in an error: its name, what is sent otherwise, its status and its words.
type Row = (&'static str, Vec<(&'static str, String)>, u16, &'static str);

#[tokio::test]
async fn what_the_table_refuses_is_refused_and_nothing_is_written() {
    let world = World::new().await;
    let acme = &world.acme;
    let (facebook, other) = (world.account("facebook", "U"), world.account("facebook", "V"));
    let twitter = world.account("twitter", "T");
    let u = acme.connected(&facebook, &[]).await;
    let v = acme.connected(&twitter, &[]).await;
    let (u, v) = (text(&u["id"]), text(&v["id"]));
    let nobody = "0".repeat(24);
    let foreign = Customer::new(&world.server, "other").await;
    foreign.deposit("facebook").await;
    let theirs = foreign.connected(&other, &[]).await;
    let at_facebook = [
        ("network", "facebook"),
        ("network_id", &*other.id),
        ("token", &*other.token),
    ];
    let with = |more: &[(&'static str, String)]| -> Vec<(String, String)> {
        let base = at_facebook
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let replaced: Vec<_> = more.collect();
        base.filter(|(name, _)| !replaced.iter().any(|(other, _)| other == name))
            .chain(replaced.clone())
            .filter(|(_, value)| value != "absent")
            .collect()
    };
    let say = |text: &str| text.to_owned();
    let rows: Vec<Row> = vec![
        (
            "6",
            vec![
                ("network", say("twitter")),
                ("network_id", twitter.id.clone()),
                ("token", twitter.token.clone()),
                ("secret", twitter.secret.clone().unwrap_or_default()),
                ("user_id", say(u)),
            ],
            400,
            "the account is connected to another user: disconnect it there first",
        ),
        (
            "6 without a token",
            vec![
                ("network", say("twitter")),
                ("network_id", twitter.id.clone()),
                ("token", say("absent")),
                ("user_id", say(u)),
            ],
            400,
            "the account is connected to another user: disconnect it there first",
        ),
        (
            "7",
            vec![("token", say("absent"))],
            400,
            "token is required for an account that nobody has connected",
        ),
        (
            "7 empty",
            vec![("token", say(""))],
            400,
            "token is required for an account that nobody has connected",
        ),
        (
            "7 with a user",
            vec![("token", say("absent")), ("user_id", say(v))],
            400,
            "token is required for an account that nobody has connected",
        ),
        ("8", vec![("user_id", nobody)], 404, "invalid user"),
        (
            "8 of another customer",
            vec![("user_id", say(text(&theirs["id"])))],
            404,
            "invalid user",
        ),
        ("8 malformed", vec![("user_id", say("yo"))], 404, "invalid action"),
        (
            "9",
            vec![("user_id", say(u))],
            400,
            "the user has another account of that network: disconnect it first",
        ),
        ("10 nonsense", vec![("token", say("nonsense"))], 400, ""),
        ("10 another's", vec![("network_id", facebook.id.clone())], 400, ""),
        ("10 nobody's", vec![("network_id", say("1"))], 400, ""),
        (
            "11",
            vec![("network", say("linkedin"))],
            400,
            "no application of this customer is connected to that network",
        ),
        (
            "11 unknown",
            vec![("network", say("friendster"))],
            400,
            "no application of this customer is connected to that network",
        ),
        (
            "11 folded",
            vec![("network", say("Facebook"))],
            400,
            "no application of this customer is connected to that network",
        ),
        (
            "11 no network",
            vec![
                ("network", say("database")),
                ("network_id", say(u)),
                ("token", say("absent")),
            ],
            400,
            "no application of this customer is connected to that network",
        ),
        (
            "no network",
            vec![("network", say("absent"))],
            400,
            "network is required",
        ),
        (
            "no account",
            vec![("network_id", say(""))],
            400,
            "network_id is required",
        ),
        (
            "a time",
            vec![("created", say("yesterday"))],
            400,
            "created must be a whole number",
        ),
        (
            "a life",
            vec![("expires_in", say("-1"))],
            400,
            "expires_in must not be negative",
        ),
        (
            "a callback",
            vec![("notifications.first_index_complete.url_callback", say("nowhere"))],
            400,
            "",
        ),
    ];
    let before = (world.kept(u).await, world.kept(v).await, world.events().await);
    for (row, more, status, words) in rows {
        let pairs = with(&more);
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
        let refused = acme.post("/users/connect.json", &pairs).await;
        assert_eq!(refused.status, status, "{row}: {}", refused.text());
        if !words.is_empty() {
            assert_eq!(refused.text(), words, "{row}");
        }
    }
    assert_eq!((world.kept(u).await, world.kept(v).await, world.events().await), before);
}

#[tokio::test]
async fn a_network_that_does_not_answer_is_no_fault_of_the_caller() {
    let world = World::new().await;
    let account = world.account("facebook", "Rosa");
    for (mode, statuses) in [
        ("down", [502, 502]),
        ("garbage", [502, 502]),
        ("rate_limited", [503, 502]),
    ] {
        world.networks.fault("facebook", json!({"mode": mode}));
        let refused = world.acme.connect(&account, &[]).await;
        assert!(
            statuses.contains(&refused.status),
            "{mode}: {} {}",
            refused.status,
            refused.text()
        );
        assert!(refused.text().starts_with("the network "), "{mode}: {}", refused.text());
        world.networks.fault("facebook", json!({"mode": "none"}));
    }
    assert_eq!(world.events().await, 0);
    assert_eq!(world.acme.connected(&account, &[]).await["first_login"], true);
}

#[tokio::test]
async fn row_12_who_is_disabled_is_refused() {
    let world = World::new().await;
    let (facebook, twitter) = (world.account("facebook", "U"), world.account("twitter", "U"));
    let user = world.acme.connected(&facebook, &[]).await;
    let id = text(&user["id"]);
    let admin = world.acme.tenant.client().await;
    admin
        .patch(&format!("/api/v2/users/auth0%7C{id}"), json!({"blocked": true}))
        .await
        .expect(200);
    let shown = world
        .acme
        .get(&format!("/users/{id}.json"), &[])
        .await
        .expect(200)
        .json();
    assert_eq!(shown["status"], "disabled");
    for reply in [
        world.acme.connect(&facebook, &[]).await,
        world.acme.connect(&facebook, &[("user_id", id)]).await,
        world.acme.connect(&twitter, &[("user_id", id)]).await,
        world.acme.post("/users/connect.json", &facebook.named()).await,
    ] {
        assert_eq!(reply.expect(403).text(), "the user is disabled");
    }
    assert_eq!(world.kept(id).await.identities.len(), 2);
}

#[tokio::test]
async fn what_comes_with_a_token_is_kept_with_it() {
    let world = World::new().await;
    world.acme.deposit("google").await;
    let account = world.account("google", "Rosa");
    let more = [
        ("refresh_token", "refresh-1"),
        ("created", "1767323000"),
        ("expires_in", "3600"),
    ];
    let user = world.acme.connected(&account, &more).await;
    let set = world.tokens(text(&user["id"])).await;
    let shown = |secret: Option<oneself::secret::SecretString>| secret.map(|secret| secret.expose_secret().to_owned());
    assert_eq!(shown(set.access_token), Some(account.token.clone()));
    assert_eq!(shown(set.refresh_token).as_deref(), Some("refresh-1"));
    assert!(set.expires_at.is_some());
    let twitter = world.account("twitter", "Rosa");
    let user = world.acme.connected(&twitter, &[]).await;
    let set = world.tokens(text(&user["id"])).await;
    assert_eq!(shown(set.token_secret), twitter.secret);
}

#[tokio::test]
async fn options_of_notifications_are_kept_and_the_last_value_wins() {
    let world = World::new().await;
    let account = world.account("facebook", "Rosa");
    let first = [
        ("notifications.first_index_complete.q1", "rust"),
        (
            "notifications.first_index_complete.context.targetUrl",
            "https://a.example/x?y=1",
        ),
        ("notifications.first_index_complete.context.a.b", "c"),
        ("notifications.first_index_begin.disable", "1"),
        ("notifications.unheard_of.template_id", "1"),
        ("notifications.first_index_begin.unheard_of", "1"),
    ];
    let user = world.acme.connected(&account, &first).await;
    let id = text(&user["id"]);
    world
        .acme
        .connected(&account, &[("notifications.first_index_complete.q1", "axum")])
        .await;
    let callback = (
        "notifications.first_index_complete.url_callback",
        "https://birdhouse.example/hooks",
    );
    world
        .acme
        .post(&format!("/users/{id}/do_index.json"), &[callback])
        .await
        .expect(200);
    let bag = Value::Object(world.bag(id).await);
    assert_eq!(
        bag["notices"],
        json!({
            "first_index_begin.disable": "1",
            "first_index_complete.context.a.b": "c",
            "first_index_complete.context.targetUrl": "https://a.example/x?y=1",
            "first_index_complete.q1": "axum",
            "first_index_complete.url_callback": "https://birdhouse.example/hooks",
        })
    );
    assert_eq!(bag["index_wanted_at"], 1_767_323_045);
}

#[tokio::test]
async fn an_address_book_is_the_users_own_and_takes_no_token() {
    let world = World::new().await;
    let account = world.account("facebook", "Rosa");
    let user = world.acme.connected(&account, &[]).await;
    let id = text(&user["id"]);
    let book = [("network", "contacts"), ("network_id", "phone-7")];
    let refused = world.acme.post("/users/connect.json", &book).await.expect(400);
    assert_eq!(refused.text(), "user_id is required for contacts");
    let with_book = [&book[..], &[("user_id", id)]].concat();
    let shown = world
        .acme
        .post("/users/connect.json", &with_book)
        .await
        .expect(200)
        .json();
    assert_eq!(
        shown["networks"],
        json!({"facebook": account.id, "contacts": "phone-7"})
    );
    let shown = world.acme.get("/customers.json", &[]).await.expect(200).json();
    assert_eq!(
        shown["network_apps"].as_object().unwrap().len(),
        2,
        "it has no application"
    );
    let second = [("network", "contacts"), ("network_id", "phone-8"), ("user_id", id)];
    world.acme.post("/users/connect.json", &second).await.expect(400);
    let left = world
        .acme
        .post("/users/disconnect.json", &with_book)
        .await
        .expect(200)
        .json();
    assert_eq!(left["networks"], json!({"facebook": account.id}));
}

#[tokio::test]
async fn racing_connects_of_a_new_account_end_in_one_user() {
    let world = World::new().await;
    let account = world.account("facebook", "Rosa");
    let connects: Vec<_> = (0..100)
        .map(|_| {
            let client = world.server.client();
            let pairs = [
                &world.acme.credentials()[..],
                &account.named(),
                &[("token", &account.token)],
            ]
            .concat();
            let body = super::encode(&pairs);
            tokio::spawn(async move { client.post("/users/connect.json", (super::FORM, body)).await })
        })
        .collect();
    let mut ids = std::collections::BTreeSet::new();
    let mut firsts = 0;
    for connect in connects {
        let user = connect.await.unwrap().expect(200).json();
        ids.insert(text(&user["id"]).to_owned());
        firsts += usize::from(user["first_login"] == true);
    }
    assert_eq!((ids.len(), firsts), (1, 1));
    let listed = world.acme.get("/users.json", &[]).await.expect(200).json();
    assert_eq!(listed["total"], 1);
}

#[tokio::test]
async fn the_account_that_a_user_was_born_with_stays() {
    let world = World::new().await;
    // A user of Auth0's who was born at a network: her account there is split off another user.
    let (facebook, twitter) = (world.account("facebook", "U"), world.account("twitter", "U"));
    let user = world.acme.connected(&facebook, &[]).await;
    let id = text(&user["id"]);
    world.acme.connected(&twitter, &[("user_id", id)]).await;
    let admin = world.acme.tenant.client().await;
    let path = format!("/api/v2/users/auth0%7C{id}/identities/twitter/{}", twitter.id);
    admin.delete(&path).await.expect(200);
    let found = world
        .acme
        .post("/users/connect.json", &twitter.named())
        .await
        .expect(200)
        .json();
    assert_ne!(found["id"], user["id"]);
    let pairs = [&twitter.named()[..], &[("user_id", text(&found["id"]))]].concat();
    let refused = world.acme.post("/users/disconnect.json", &pairs).await.expect(400);
    assert_eq!(
        refused.text(),
        "the account is the one that the user was made with: it stays"
    );
    let kept: UserId = text(&found["id"]).parse().unwrap();
    let which = UserRef::Id(kept);
    let there = world
        .server
        .store
        .find_user(world.acme.tenant.id(), &which)
        .await
        .unwrap();
    assert!(there.is_some());
}

#[tokio::test]
async fn sec_lnk_20_an_erased_account_comes_back_as_the_customer_says() {
    let world = World::new().await;
    let account = world.account("facebook", "Rosa");
    let admin = world.acme.tenant.client().await;
    let erase = async |id: &str| admin.delete(&format!("/api/v2/users/auth0%7C{id}")).await.expect(204);
    let told = async || {
        let events = admin.get("/link/v1/events?limit=100").await.expect(200).json();
        let all = events["events"].as_array().unwrap().clone();
        all.iter().filter(|event| event["type"] == "identity.recreated").count()
    };
    let first = world.acme.connected(&account, &[]).await;
    erase(text(&first["id"])).await;
    let second = world.acme.connected(&account, &[]).await;
    assert_ne!(second["id"], first["id"]);
    assert_eq!((&second["first_login"], told().await), (&true.into(), 1));

    world.set("recreated_accounts", "refused").await;
    let other = world.acme.connected(&world.account("twitter", "Ada"), &[]).await;
    erase(text(&second["id"])).await;
    let before = world.events().await;
    for more in [&[][..], &[("user_id", text(&other["id"]))]] {
        let refused = world.acme.connect(&account, more).await.expect(400);
        let wanted = "the account is of somebody who was erased: it cannot be connected yet";
        assert_eq!(refused.text(), wanted);
    }
    assert_eq!(world.events().await, before);
}
