//! Connections as they change and go, with all that hangs on them.

use std::time::Duration;

use oneself::domain::{Actor, ConnectionRef, Scope};
use oneself::id::ConnectionId;
use serde_json::{Value, json};

use super::{DATABASE, PASSWORD, World, escaped, ids, refused, refused_with, user_path};
use crate::support::invariants::check_invariants;

impl World {
    /// Waits until no identity is left of any connection that was deleted.
    async fn until_swept(&self) {
        let swept = async {
            while !self
                .server
                .store
                .list_retired_connections(self.tenant.id())
                .await
                .unwrap()
                .is_empty()
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), swept).await.unwrap();
    }

    async fn patch_connection(&self, id: &str, body: Value) -> Value {
        let path = format!("/api/v2/connections/{id}");
        self.client.patch(&path, body).await.expect(200).json()
    }

    async fn sound(&self) {
        let page = oneself::store::Page {
            after: None,
            limit: 10_000,
        };
        let users = self.server.store.list_users(self.tenant.id(), page).await.unwrap();
        check_invariants(&*self.server.store, &self.server.vault, self.tenant.id(), &users).await;
    }
}

#[tokio::test]
async fn options_are_replaced_whole_and_the_display_name_falls_back() {
    let w = World::new().await;
    let id = w
        .connection(json!({
            "name": "google", "strategy": "google-oauth2", "display_name": "Google", "show_as_button": true,
            "metadata": {"a": "b"}, "options": {"client_id": "app", "client_secret": "canary", "scope": ["email"]},
        }))
        .await;
    let path = format!("/api/v2/connections/{id}");
    let now = w
        .patch_connection(&id, json!({"options": {"client_id": "app", "allowed_audiences": []}}))
        .await;
    assert_eq!(now["options"], json!({"client_id": "app", "allowed_audiences": []}));
    assert_eq!(now["display_name"], "google", "left out, it is the name again");
    assert_eq!(
        (&now["show_as_button"], &now["metadata"]),
        (&json!(true), &json!({"a": "b"}))
    );
    assert_eq!(w.client.get(&path).await.expect(200).json(), now);
    let kept = async || {
        let which = ConnectionRef::Name("google".to_owned());
        w.server
            .store
            .find_connection(w.tenant.id(), &which)
            .await
            .unwrap()
            .unwrap()
    };
    let secret = kept().await.client_secret;
    assert!(secret.is_some(), "it stays with its application");

    let now = w
        .patch_connection(
            &id,
            json!({"display_name": "G", "metadata": {}, "is_domain_connection": true}),
        )
        .await;
    assert_eq!((&now["display_name"], &now["metadata"]), (&json!("G"), &json!({})));
    assert_eq!(
        now["options"],
        json!({"client_id": "app", "allowed_audiences": []}),
        "not sent, not replaced"
    );
    assert_eq!(kept().await.client_secret, secret);
    w.patch_connection(&id, json!({"options": {"client_id": "app", "client_secret": "other"}}))
        .await;
    assert!(kept().await.client_secret != secret);
    let now = w.patch_connection(&id, json!({"options": {}})).await;
    assert_eq!(now["options"], json!({}));
    assert_eq!(kept().await.client_secret, None, "it goes with its application");
    let clients = json!([w.tenant.credentials.client_id.to_string()]);
    let now = w.patch_connection(&id, json!({"enabled_clients": clients})).await;
    assert_eq!(now["enabled_clients"], clients);
    let now = w.patch_connection(&id, json!({"enabled_clients": null})).await;
    assert_eq!(now["enabled_clients"], json!([]));
}

#[tokio::test]
async fn sec_lnk_08_issuer_and_application_stay_while_people_are_known_by_them() {
    let w = World::new().await;
    let body =
        json!({"name": "corp", "strategy": "oidc", "options": {"client_id": "app", "issuer": "https://i.example"}});
    let id = w.connection(body).await;
    let path = format!("/api/v2/connections/{id}");
    let body = json!({"options": {"client_id": "app", "issuer": "https://other.example"}});
    refused(&w.client.patch(&path, body).await, 400, "invalid_body");
    w.patch_connection(
        &id,
        json!({"options": {"client_id": "second", "issuer": "https://i.example"}}),
    )
    .await;
    let body = json!({"identity": {"connection": "corp", "subject": "1"}});
    w.client.post("/link/v1/users", body).await.expect(201);
    let body = json!({"options": {"client_id": "third", "issuer": "https://i.example"}});
    let before = w.client.get(&path).await.json();
    refused(&w.client.patch(&path, body).await, 409, "connection_in_use");
    let body = json!({"options": {"client_id": "second", "issuer": "https://other.example"}});
    refused(&w.client.patch(&path, body).await, 400, "invalid_body");
    assert_eq!(w.client.get(&path).await.json(), before);
    let body = json!({"options": {"client_id": "second", "client_secret": "new"}});
    w.client.patch(&path, body).await.expect(200);
}

#[tokio::test]
async fn parallel_changes_of_a_connection_are_all_kept() {
    let w = World::new().await;
    let id = w.connection(json!({"name": "c", "strategy": "github"})).await;
    let path = format!("/api/v2/connections/{id}/clients");
    let mut clients = Vec::new();
    for n in 0..6 {
        let (client, _) = w
            .server
            .app
            .add_client("acme", &format!("c{n}"), &[], None)
            .await
            .unwrap();
        clients.push(client.id.to_string());
    }
    let all = clients.iter().map(|client| {
        let (client, path) = (json!([{"client_id": client, "status": true}]), path.clone());
        let caller = w.tenant.client();
        async move { caller.await.patch(&path, client).await }
    });
    let replies = join(all.collect()).await;
    assert!(
        replies.iter().all(|reply| reply.status == 204 || reply.status == 503),
        "{replies:?}"
    );
    let done: Vec<_> = clients
        .iter()
        .zip(&replies)
        .filter(|(_, reply)| reply.status == 204)
        .collect();
    let shown = w.client.get(&path).await.expect(200).json();
    assert_eq!(shown["clients"].as_array().unwrap().len(), done.len());
}

async fn join<T: Send + 'static>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut pinned: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<T>> = pinned.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (future, done) in pinned.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(cx)
            {
                *done = Some(value);
            }
        }
        match done.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn a_connection_is_enabled_for_clients_one_by_one() {
    let w = World::new().await;
    let id = w.connection(json!({"name": "c", "strategy": "github"})).await;
    let path = format!("/api/v2/connections/{id}/clients");
    let mut clients = Vec::new();
    for n in 0..5 {
        let (client, _) = w
            .server
            .app
            .add_client("acme", &format!("c{n}"), &[], None)
            .await
            .unwrap();
        clients.push(client.id.to_string());
    }
    let body: Value = clients
        .iter()
        .map(|id| json!({"client_id": id, "status": true}))
        .collect();
    w.client.patch(&path, body).await.expect(204);
    let shown = w.client.get(&format!("/api/v2/connections/{id}")).await.json();
    assert_eq!(shown["enabled_clients"], json!(clients));
    let (mut seen, mut query) = (Vec::new(), "take=2".to_owned());
    loop {
        let page = w.client.get(&format!("{path}?{query}")).await.expect(200).json();
        seen.extend(page["clients"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        query = format!("take=2&from={next}");
    }
    let mut seen: Vec<_> = seen
        .iter()
        .map(|one| one["client_id"].as_str().unwrap().to_owned())
        .collect();
    seen.sort();
    clients.sort();
    assert_eq!(seen, clients);

    // A client that is removed is gone from everywhere at once.
    let removed = clients.remove(0);
    w.client.delete(&format!("/api/v2/clients/{removed}")).await.expect(204);
    for shown in [
        format!("/api/v2/connections/{id}"),
        "/api/v2/connections".to_owned(),
        path.clone(),
    ] {
        let shown = w.client.get(&shown).await.expect(200);
        assert!(!shown.text().contains(&removed) && shown.text().contains(&clients[0]));
    }
    let body = json!([{"client_id": clients[0], "status": false}, {"client_id": "gone", "status": false}]);
    w.client.patch(&path, body).await.expect(204);
    let shown = w.client.get(&path).await.expect(200).json();
    assert_eq!(shown["clients"].as_array().unwrap().len(), 3);
    assert!(shown["next"].is_null());

    let foreign = w.server.tenant("other").await.credentials.client_id.to_string();
    for unknown in [foreign.as_str(), "x", "00000000000000010000000000000000"] {
        let body = json!([{"client_id": unknown, "status": true}]);
        refused(&w.client.patch(&path, body).await, 404, "inexistent_client");
    }
    for (body, name) in [
        (json!([]), "too short"),
        (json!({}), "array"),
        (json!([1]), "[0]"),
        (json!([{"status": true}]), "client_id"),
        (json!([{"client_id": null, "status": true}]), "client_id"),
        (json!([{"client_id": 1, "status": true}]), "client_id"),
        (json!([{"client_id": clients[0]}]), "status"),
        (json!([{"client_id": clients[0], "status": "yes"}]), "status"),
        (json!([{"client_id": clients[0], "status": true, "x": 1}]), "x"),
        (
            vec![json!({"client_id": clients[0], "status": false}); 51].into(),
            "too long",
        ),
    ] {
        let reply = w.client.patch(&path, body.clone()).await;
        refused(&reply, 400, "invalid_body");
        assert!(reply.text().contains(name), "{body}: {}", reply.text());
    }
    for query in ["take=0", "take=1001", "from=x", "x=1", "page=1"] {
        let reply = w.client.get(&format!("{path}?{query}")).await;
        refused(&reply, 400, "invalid_query_string");
    }
    assert_eq!(w.client.get(&path).await.json(), shown, "nothing was written");
}

/// Somebody of the connection, somebody with an account at it, and somebody with neither.
async fn three(w: &World) -> String {
    let id = w.connection(json!({"name": "Doomed", "strategy": "auth0"})).await;
    w.user_at("Doomed", "born").await;
    w.user_at("Doomed", "second").await;
    w.user_at("Doomed", "other").await;
    w.user("owner").await;
    for local in ["second", "other"] {
        let body = json!({"provider": "auth0", "user_id": local, "connection_id": id});
        w.link("auth0|owner", body).await.expect(201);
    }
    w.user("bystander").await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_connection_takes_along_what_hangs_on_it() {
    let w = World::new().await;
    let id = three(&w).await;
    for n in 0..70 {
        w.client
            .post(
                "/link/v1/users",
                json!({"identity": {"connection": "Doomed", "subject": format!("s{n}")}}),
            )
            .await
            .expect(201);
    }
    let path = format!("/api/v2/connections/{id}");
    let answer = w.client.delete(&path).await.expect(202).json();
    assert_eq!(answer, json!({"deleted_at": "2026-01-02T03:04:05.000Z"}));
    refused(&w.client.get(&path).await, 404, "inexistent_connection");
    w.client.delete(&path).await.expect(204);
    w.until_swept().await;
    refused(&w.get("auth0|born").await, 404, "inexistent_user");
    let owner = w.get("auth0|owner").await.expect(200).json();
    assert_eq!(ids(&owner["identities"]), ["owner"]);
    w.get("auth0|bystander").await.expect(200);
    let total = w
        .client
        .get("/api/v2/users?include_totals=true&per_page=0")
        .await
        .json();
    assert_eq!(
        total["total"], 72,
        "those of /link/v1 are born in the built-in connection"
    );
    let events = w.server.store.list_events(w.tenant.id(), None, 1000).await.unwrap();
    let count = |name| events.iter().filter(|event| event.what.kind.name() == name).count();
    assert_eq!((count("user.deleted"), count("identity.freed")), (1, 72));
    let by = Actor::Client(w.tenant.credentials.client_id);
    assert!(events.iter().rev().take(73).all(|event| event.what.actor == by));
    w.sound().await;
    // The name is free, and so are the addresses.
    w.connection(json!({"name": "Doomed", "strategy": "auth0"})).await;
    w.user_at("Doomed", "born").await;
}

#[tokio::test]
async fn a_deletion_that_was_broken_off_shows_no_live_connection_and_is_finished() {
    let w = World::new().await;
    let id = three(&w).await;
    let number: ConnectionId = id.parse().unwrap();
    let now = w.server.app.now();
    // As a crash leaves it that came right after the first act.
    assert!(
        w.server
            .store
            .retire_connection(w.tenant.id(), number, now, Actor::Operator)
            .await
            .unwrap()
    );
    assert!(
        !w.server
            .store
            .retire_connection(w.tenant.id(), number, now, Actor::Operator)
            .await
            .unwrap()
    );
    for (method, path) in [
        ("GET", format!("/api/v2/connections/{id}")),
        ("GET", format!("/api/v2/connections/{id}/status")),
        ("GET", format!("/api/v2/connections/{id}/clients")),
        ("DELETE", format!("/api/v2/connections/{id}/users?email=a@x.example")),
    ] {
        refused(
            &w.client.request(method, &path, &[], ()).await,
            404,
            "inexistent_connection",
        );
    }
    assert_eq!(w.client.get("/api/v2/connections?name=Doomed").await.json(), json!([]));
    let again = json!({"name": "Doomed", "strategy": "auth0"});
    refused(
        &w.client.post("/api/v2/connections", again).await,
        409,
        "connection_conflict",
    );
    let user = json!({"connection": "Doomed", "email": "new@x.example", "password": PASSWORD});
    refused(
        &w.client.post("/api/v2/users", user).await,
        400,
        "inexistent_connection",
    );
    let link = json!({"provider": "auth0", "user_id": "born", "connection_id": id});
    refused(&w.link("auth0|owner", link).await, 400, "inexistent_connection");
    let web = w.web().await;
    let mut request = web.request("born");
    request["realm"] = json!("Doomed");
    w.server.client().post("/oauth/token", request).await.expect(403);
    // She who has an account at it is shown all the same.
    w.get("auth0|owner").await.expect(200);
    w.client.get("/api/v2/users").await.expect(200);
    w.client.get("/link/v1/users").await.expect(200);

    assert_eq!(w.server.app.finish_deletions().await.unwrap(), 1);
    assert_eq!(w.server.app.finish_deletions().await.unwrap(), 0);
    assert_eq!(ids(&w.get("auth0|owner").await.json()["identities"]), ["owner"]);
    refused(&w.get("auth0|born").await, 404, "inexistent_user");
    w.sound().await;
}

#[tokio::test]
async fn the_built_in_connection_stays_and_foreign_ones_are_not_there() {
    let w = World::new().await;
    let built_in = w.connection_named("oneself").await;
    let path = format!("/api/v2/connections/{built_in}");
    refused(&w.client.delete(&path).await, 400, "operation_not_supported");
    w.client.get(&path).await.expect(200);
    let mine = w.connection(json!({"name": "c", "strategy": "github"})).await;
    let stranger = w.server.tenant("other").await.client().await;
    for id in [mine.as_str(), "con_0000000000000001", "con_ABCDEFGHIJKLMNOP"] {
        let path = format!("/api/v2/connections/{id}");
        let clients = format!("{path}/clients");
        refused(
            &stranger.patch(&path, json!({"metadata": {}})).await,
            404,
            "inexistent_connection",
        );
        refused(&stranger.get(&clients).await, 404, "inexistent_connection");
        let body = json!([{"client_id": "any", "status": false}]);
        refused(&stranger.patch(&clients, body).await, 404, "inexistent_connection");
        refused(
            &stranger.get(&format!("{path}/status")).await,
            404,
            "inexistent_connection",
        );
        let users = format!("{path}/users?email=a@x.example");
        refused(&stranger.delete(&users).await, 404, "inexistent_connection");
        stranger.delete(&path).await.expect(204);
    }
    w.client.get(&format!("/api/v2/connections/{mine}")).await.expect(200);
    for (method, tail) in [
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/clients"),
        ("PATCH", "/clients"),
        ("GET", "/status"),
    ] {
        let path = format!("/api/v2/connections/x{tail}");
        let body = if tail.is_empty() {
            json!({"metadata": {}})
        } else {
            json!([{"client_id": "x", "status": false}])
        };
        let reply = match method {
            "PATCH" => w.client.patch(&path, body).await,
            _ => w.client.request(method, &path, &[], ()).await,
        };
        refused(&reply, 400, "invalid_uri");
    }
}

#[tokio::test]
async fn people_are_deleted_by_their_address_at_a_database() {
    let w = World::new().await;
    let id = three(&w).await;
    let delete = async |email: &str| {
        let path = format!("/api/v2/connections/{id}/users?email={}", escaped(email));
        w.client.delete(&path).await
    };
    delete("nobody@x.example").await.expect(204);
    delete("owner@x.example").await.expect(204);
    w.get("auth0|owner").await.expect(200);
    delete("second@x.example").await.expect(204);
    let owner = w.get("auth0|owner").await.expect(200).json();
    assert_eq!(
        ids(&owner["identities"]),
        ["owner", "other"],
        "only that account of hers"
    );
    delete("BORN@x.example").await.expect(204);
    refused(&w.get("auth0|born").await, 404, "inexistent_user");
    for bad in ["", "?email=", "?email=nobody", "?email=a@x.example&x=1"] {
        let reply = w.client.delete(&format!("/api/v2/connections/{id}/users{bad}")).await;
        refused(&reply, 400, "invalid_query_string");
    }
    let github = w.connection(json!({"name": "gh", "strategy": "github"})).await;
    let path = format!("/api/v2/connections/{github}/users?email=a@x.example");
    refused(&w.client.delete(&path).await, 400, "operation_not_supported");
    let only = w.only(&[Scope::DeleteConnections]).await;
    let path = format!("/api/v2/connections/{id}/users?email=other@x.example");
    refused(&only.delete(&path).await, 403, "insufficient_scope");
    w.sound().await;
    assert_eq!(w.client.get(&user_path("auth0|bystander")).await.status, 200);
}

#[tokio::test]
async fn a_connection_is_online_when_it_needs_no_connector() {
    let w = World::new().await;
    let database = w.connection_named(DATABASE).await;
    w.client
        .get(&format!("/api/v2/connections/{database}/status"))
        .await
        .expect(200);
    let directory = w.connection(json!({"name": "corp", "strategy": "ad"})).await;
    let reply = w.client.get(&format!("/api/v2/connections/{directory}/status")).await;
    refused_with(&reply, 404, "connection_offline", "The connection is not online.");
    let misspelled = w.client.get("/api/v2/connections/corp/status").await;
    refused(&misspelled, 400, "invalid_uri");
}
