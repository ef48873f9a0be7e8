//! What tools ask of a tenant, and what is counted of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::{World, escaped, refused};

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn what_happens_is_counted_by_the_day() {
    let w = World::new().await;
    let active = async || w.client.get("/api/v2/stats/active-users").await.expect(200).json();
    assert_eq!(active().await, json!(0));
    for id in ["a", "b", "c"] {
        w.user(id).await;
    }
    let web = w.web().await;
    for id in ["a", "a", "b"] {
        web.log_in(id).await;
    }
    assert_eq!(active().await, json!(2));
    w.server.advance(DAY * 2);
    web.log_in("b").await;
    let client = w.tenant.client().await;
    let daily = async |query: &str| client.get(&format!("/api/v2/stats/daily{query}")).await;
    let days = daily("?from=20260101&to=20260104").await.expect(200).json();
    let row = |day: &str, logins, signups| {
        json!({"date": format!("2026-01-{day}T00:00:00.000Z"), "logins": logins, "signups": signups,
            "leaked_passwords": 0})
    };
    assert_eq!(
        days,
        json!([row("01", 0, 0), row("02", 3, 3), row("03", 0, 0), row("04", 1, 0)])
    );
    let usual = daily("").await.expect(200).json();
    assert_eq!(usual.as_array().unwrap().len(), 30);
    assert_eq!(usual[29], row("04", 1, 0));
    for query in [
        "?from=20260105&to=20260104",
        "?from=20240101&to=20260101",
        "?from=2026-01-01",
        "?from=20260132",
        "?from=20261301",
        "?to=2026010",
        "?to=+2026010",
        "?from=",
        "?x=1",
    ] {
        refused(&daily(query).await, 400, "invalid_query_string");
    }
    refused(
        &client.get("/api/v2/stats/active-users?x=1").await,
        400,
        "invalid_query_string",
    );
    // Who was here a month ago is not any more, and who is gone is not counted.
    w.server.advance(DAY * 28);
    let client = w.tenant.client().await;
    assert_eq!(client.get("/api/v2/stats/active-users").await.json(), json!(1));
    client.delete("/api/v2/users/auth0%7Cb").await.expect(204);
    assert_eq!(client.get("/api/v2/stats/active-users").await.json(), json!(0));
    let other = w.server.tenant("other").await.client().await;
    assert_eq!(other.get("/api/v2/stats/active-users").await.json(), json!(0));
}

#[tokio::test]
async fn tools_find_the_tenant_and_its_one_interface() {
    let w = World::new().await;
    let settings = w.client.get("/api/v2/tenants/settings").await.expect(200).json();
    assert_eq!(settings["friendly_name"], "acme");
    let some = w
        .client
        .get("/api/v2/tenants/settings?fields=friendly_name")
        .await
        .json();
    assert_eq!(some, json!({"friendly_name": "acme"}));
    refused(
        &w.client.get("/api/v2/tenants/settings?x=1").await,
        400,
        "invalid_query_string",
    );

    let audience = format!("{}api/v2/", w.server.issuer());
    let all = w.client.get("/api/v2/resource-servers").await.expect(200).json();
    assert_eq!(
        (&all[0]["identifier"], &all[0]["is_system"]),
        (&json!(audience), &json!(true))
    );
    let scopes: Vec<&str> = all[0]["scopes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["value"].as_str().unwrap())
        .collect();
    assert!(scopes.contains(&"read:users") && !scopes.contains(&"read:current_user"));
    let page = w
        .client
        .get("/api/v2/resource-servers?include_totals=true")
        .await
        .expect(200)
        .json();
    assert_eq!((&page["total"], &page["resource_servers"][0]), (&json!(1), &all[0]));
    let none = w
        .client
        .get("/api/v2/resource-servers?identifiers=https://x.example/")
        .await;
    assert_eq!(none.expect(200).json(), json!([]));
    let id = all[0]["id"].as_str().unwrap();
    for known in [id.to_owned(), escaped(&audience)] {
        let path = format!("/api/v2/resource-servers/{known}");
        assert_eq!(w.client.get(&path).await.expect(200).json(), all[0]);
    }
    let stranger = w.server.tenant("other").await.client().await;
    for (client, unknown) in [(&w.client, "x"), (&stranger, id)] {
        let reply = client.get(&format!("/api/v2/resource-servers/{unknown}")).await;
        refused(&reply, 404, "inexistent_resource_server");
    }
    assert_eq!(
        w.client.get("/api/v2/resource-servers").await.json()[0]["id"],
        Value::from(id)
    );
}
