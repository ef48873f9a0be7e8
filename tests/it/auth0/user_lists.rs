//! What a user could have and has not, and how her tokens end.

use oneself::domain::Scope;
use serde_json::json;

use super::{World, refused, refused_with, user_path};

#[tokio::test]
async fn what_nobody_has_is_an_empty_list() {
    let w = World::new().await;
    w.user("p").await;
    for (list, name) in [
        ("roles", "roles"),
        ("permissions", "permissions"),
        ("organizations", "organizations"),
        ("authentication-methods", "authenticators"),
    ] {
        let get = async |id: &str, query: &str| w.client.get(&format!("{}/{list}{query}", user_path(id))).await;
        assert_eq!(get("auth0|p", "").await.expect(200).json(), json!([]));
        let page = get("auth0|p", "?include_totals=true&per_page=10&page=1")
            .await
            .expect(200)
            .json();
        assert_eq!(
            page,
            json!({"start": 10, "limit": 10, "length": 0, "total": 0, name: []})
        );
        assert_eq!(get("auth0|p", "?take=10").await.expect(200).json(), json!({ name: [] }));
        refused(&get("auth0|nobody", "").await, 404, "inexistent_user");
        for query in ["?x=1", "?take=0", "?from=x", "?per_page=101", "?page=a"] {
            refused(&get("auth0|p", query).await, 400, "invalid_query_string");
        }
    }
    let path = format!("{}/enrollments", user_path("auth0|p"));
    assert_eq!(w.client.get(&path).await.expect(200).json(), json!([]));
    refused(&w.client.get(&format!("{path}?x=1")).await, 400, "invalid_query_string");
    let nobody = format!("{}/enrollments", user_path("auth0|nobody"));
    refused(&w.client.get(&nobody).await, 404, "inexistent_user");
    for (list, name) in [("sessions", "sessions"), ("refresh-tokens", "tokens")] {
        let path = format!("{}/{list}", user_path("auth0|p"));
        let empty = json!({ name: [] });
        assert_eq!(w.client.get(&path).await.expect(200).json(), empty);
        let asked = w.client.get(&format!("{path}?take=50&include_totals=true")).await;
        assert_eq!(asked.expect(200).json(), empty);
        refused(
            &w.client.get(&format!("{path}?take=101")).await,
            400,
            "invalid_query_string",
        );
        w.client.delete(&path).await.expect(202);
        let nobody = format!("{}/{list}", user_path("auth0|nobody"));
        refused(&w.client.get(&nobody).await, 404, "inexistent_user");
        refused(&w.client.delete(&nobody).await, 404, "inexistent_user");
    }
    let stranger = w.server.tenant("other").await.client().await;
    for list in ["roles", "sessions", "enrollments"] {
        let path = format!("{}/{list}", user_path("auth0|p"));
        refused(&stranger.get(&path).await, 404, "inexistent_user");
    }
}

#[tokio::test]
async fn nobody_is_blocked_for_failed_log_ins() {
    let w = World::new().await;
    w.user("p").await;
    let none = json!({"blocked_for": []});
    let path = "/api/v2/user-blocks/auth0%7Cp";
    assert_eq!(w.client.get(path).await.expect(200).json(), none);
    w.client.delete(path).await.expect(204);
    for method in ["GET", "DELETE"] {
        let reply = w.client.request(method, "/api/v2/user-blocks/auth0%7Cx", &[], ()).await;
        refused(&reply, 404, "inexistent_user");
        for query in ["", "?identifier=", "?identifier=a&x=1"] {
            let reply = w
                .client
                .request(method, &format!("/api/v2/user-blocks{query}"), &[], ())
                .await;
            refused(&reply, 400, "invalid_query_string");
        }
    }
    let path = "/api/v2/user-blocks?identifier=p@x.example";
    assert_eq!(w.client.get(path).await.expect(200).json(), none);
    w.client.delete(path).await.expect(204);
}

#[tokio::test]
async fn revoked_access_ends_her_tokens_and_nobody_elses() {
    let w = World::new().await;
    w.user("p").await;
    w.user("q").await;
    let web = w.web().await;
    let (p, q) = (web.client("p").await, web.client("q").await);
    let proof = web.id_token("p").await;
    let path = format!("{}/revoke-access", user_path("auth0|p"));
    for (body, name) in [
        (json!({"session_id": "x"}), "session_id"),
        (json!({"session_id": null}), "session_id"),
        (json!({"preserve_refresh_tokens": "yes"}), "preserve_refresh_tokens"),
        (json!({"x": 1}), "x"),
    ] {
        let reply = w.client.post(&path, body).await;
        refused(&reply, 400, "invalid_body");
        assert!(reply.text().contains(name), "{}", reply.text());
    }
    p.get(&user_path("auth0|p")).await.expect(200);
    refused(
        &w.only(&[Scope::UpdateUsers]).await.post(&path, ()).await,
        403,
        "insufficient_scope",
    );
    let only = w.only(&[Scope::DeleteRefreshTokens]).await;
    only.post(&path, json!({"preserve_refresh_tokens": false}))
        .await
        .expect(202);
    refused_with(&p.get(&user_path("auth0|p")).await, 401, "", "Invalid token");
    q.get(&user_path("auth0|q")).await.expect(200);
    let machine = web.machine().await;
    let path_of = super::identities_path("auth0|q");
    let late = machine.post(&path_of, json!({ "link_with": proof })).await;
    refused(&late, 400, "invalid_link_token");
    web.client("p").await.get(&user_path("auth0|p")).await.expect(200);
    w.client.post(&path, ()).await.expect(202);
    let nobody = format!("{}/revoke-access", user_path("auth0|nobody"));
    refused(&w.client.post(&nobody, ()).await, 404, "inexistent_user");
    let stranger = w.server.tenant("other").await.client().await;
    refused(&stranger.post(&path, ()).await, 404, "inexistent_user");
    let events = w.server.store.list_events(w.tenant.id(), None, 100).await.unwrap();
    let last = events.last().unwrap();
    assert_eq!(last.what.kind.name(), "user.updated");
}
