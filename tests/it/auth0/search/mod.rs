//! `GET /api/v2/users` with `q` and `sort` (`api/auth0.md` 8.5, 9): what is found, in which order,
//! and what is refused.

mod oracle;
mod reading;
mod written;

use std::time::Duration;

use serde_json::{Value, json};

use super::{DATABASE, PASSWORD, World, escaped, refused, refused_with, user_path};
use crate::support::http::Reply;

impl World {
    async fn search(&self, q: &str, more: &str) -> Reply {
        self.client.get(&format!("/api/v2/users?q={}{more}", escaped(q))).await
    }

    /// The names at the end of the ids of those who are found.
    async fn found(&self, q: &str, more: &str) -> Vec<String> {
        let found = self
            .search(q, &format!("{more}&fields=user_id"))
            .await
            .expect(200)
            .json();
        let name = |user: &Value| user["user_id"].as_str().unwrap().rsplit('|').next().unwrap().to_owned();
        found.as_array().unwrap().iter().map(name).collect()
    }

    async fn person(&self, id: &str, more: Value) {
        let mut body =
            json!({"connection": DATABASE, "user_id": id, "email": format!("{id}@x.example"), "password": PASSWORD});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.client.post("/api/v2/users", body).await.expect(201);
        self.server.advance(Duration::from_millis(10));
    }
}

/// Four people, of whom `jan` has a linked account.
async fn people() -> World {
    let w = World::new().await;
    w.connection(json!({"name": "google-oauth2", "strategy": "google-oauth2"}))
        .await;
    w.person(
        "jan",
        json!({"email": "Jan@X.example", "name": "Jan van Dijk", "app_metadata": {"roles": ["admin", "dev"], "plan": {"name": "pro"}, "seats": 12},
               "user_metadata": {"a": {"b": "x"}}, "blocked": true}),
    )
    .await;
    w.person(
        "mia",
        json!({"name": "Mia Januszewski", "given_name": "Mia", "app_metadata": {"roles": ["dev"], "seats": 7}}),
    )
    .await;
    w.person(
        "bob",
        json!({"email": "bob@other.example", "app_metadata": {"roles": [], "word": "jan"}, "blocked": false}),
    )
    .await;
    w.person(
        "eve",
        json!({"user_metadata": {"word": "jan", "a": {"b": "y"}}, "email_verified": true}),
    )
    .await;
    let account =
        json!({"connection": "google-oauth2", "subject": "g1", "profile": {"email": "x@y.z", "email_verified": true}});
    let path = format!("/link/v1/users/{}/identities", escaped("auth0|jan"));
    w.client.post(&path, account).await.expect(201);
    w
}

#[tokio::test]
async fn the_samples_of_the_contract_find_whom_they_should() {
    let w = people().await;
    let web = w.web().await;
    w.server.advance(
        "2026-03-01T00:00:00Z"
            .parse::<jiff::Timestamp>()
            .unwrap()
            .duration_since(w.server.app.now())
            .unsigned_abs(),
    );
    web.log_in("mia").await;
    web.log_in("mia").await;
    w.server.advance(Duration::from_secs(86_400));
    web.log_in("eve").await;
    let w = World {
        client: w.tenant.client().await,
        ..w
    };
    for (q, expected) in [
        ("email:\"jan@x.example\"", vec!["jan"]),
        ("email:\"JAN@x.example\"", vec!["jan"]),
        ("email:m*", vec!["mia"]),
        ("email:*other*", vec!["bob"]),
        ("email.domain:\"x.example\"", vec!["jan", "mia", "eve"]),
        ("name:*jan*", vec!["jan", "mia"]),
        ("name:jan", vec!["jan"]),
        ("name:\"van dijk\"", vec!["jan"]),
        ("name:\"jan dijk\"", vec![]),
        ("name:\"bob@other.example\"", vec!["bob"]),
        ("nickname:eve", vec!["eve"]),
        ("identities.connection:\"google-oauth2\"", vec!["jan"]),
        (
            "identities.provider:\"google-oauth2\" AND identities.user_id:g1",
            vec!["jan"],
        ),
        ("identities.provider:auth0", vec!["jan", "mia", "bob", "eve"]),
        ("identities.isSocial:true", vec!["jan"]),
        ("identities.profileData.email:\"x@y.z\"", vec!["jan"]),
        ("identities.profileData.email_verified:true", vec!["jan"]),
        ("email:\"x@y.z\"", vec![]),
        ("logins_count:[1 TO 2}", vec!["eve"]),
        ("logins_count:[1 TO 2]", vec!["mia", "eve"]),
        ("logins_count:2", vec!["mia"]),
        ("last_login:[* TO 2026-03-01]", vec!["mia"]),
        ("last_login:{2026-03-01 TO *]", vec!["eve"]),
        ("last_login:2026-03-02", vec!["eve"]),
        ("NOT _exists_:logins_count OR logins_count:0", vec!["jan", "bob"]),
        ("created_at:[2026-01-01 TO 2026-01-31] AND blocked:false", vec!["bob"]),
        ("updated_at:[2026-03-02 TO *]", vec!["eve"]),
        ("user_metadata.a.b:\"x\"", vec!["jan"]),
        ("user_metadata.a.b:X", vec![]),
        ("_exists_:user_metadata.a", vec!["jan", "eve"]),
        ("app_metadata.roles:\"admin\" AND blocked:true", vec!["jan"]),
        ("app_metadata.roles:dev", vec!["jan", "mia"]),
        ("app_metadata.plan.name:pr*", vec!["jan"]),
        ("app_metadata.seats:[10 TO *]", vec!["jan"]),
        ("app_metadata.seats:{7 TO 12}", vec![]),
        ("NOT _exists_:app_metadata.roles", vec!["bob", "eve"]),
        ("jan", vec!["jan", "bob"]),
        ("ad*", vec!["jan"]),
        ("email:(jan@x.example OR mia@x.example)", vec!["jan", "mia"]),
        ("user_id:\"auth0|bob\"", vec!["bob"]),
        ("user_id:auth0|*", vec!["jan", "mia", "bob", "eve"]),
        ("user_id:*0|e*", vec!["eve"]),
        ("user_id:*th0|e*", vec!["eve"]),
        ("-blocked:true -email_verified:true", vec!["mia", "bob"]),
        ("email_verified:true", vec!["eve"]),
        ("last_ip:127.0.0.1", vec!["mia", "eve"]),
        ("", vec!["jan", "mia", "bob", "eve"]),
        ("   ", vec!["jan", "mia", "bob", "eve"]),
    ] {
        assert_eq!(w.found(q, "").await, expected, "{q}");
    }
}

#[tokio::test]
async fn a_search_follows_what_changes() {
    let w = people().await;
    let patch = json!({"name": "Robert", "app_metadata": {"word": null, "plan": "free"}, "email": "rob@other.example"});
    w.client.patch(&user_path("auth0|bob"), patch).await.expect(200);
    assert_eq!(w.found("jan", "").await, ["jan"]);
    assert_eq!(
        w.found("app_metadata.plan:free AND name:robert AND email:rob*", "")
            .await,
        ["bob"]
    );
    w.link("auth0|jan", json!({"provider": "auth0", "user_id": "bob"}))
        .await
        .expect(201);
    assert_eq!(w.found("name:robert", "").await, [""; 0]);
    assert_eq!(
        w.found("identities.profileData.email:\"rob@other.example\"", "").await,
        ["jan"]
    );
    assert_eq!(w.found("identities.user_id:bob", "").await, ["jan"]);
    assert_eq!(w.found("user_id:\"auth0|bob\"", "").await, [""; 0]);
    w.unlink("auth0|jan", "auth0", "bob").await.expect(200);
    assert_eq!(
        w.found("identities.profileData.email:\"rob@other.example\"", "").await,
        [""; 0]
    );
    assert_eq!(
        w.found("email:\"rob@other.example\" AND name:robert", "").await,
        ["bob"]
    );
    assert_eq!(
        w.found("app_metadata.plan:free", "").await,
        [""; 0],
        "metadata does not come back"
    );
    w.client.delete(&user_path("auth0|bob")).await.expect(204);
    assert_eq!(w.found("robert OR email:rob*", "").await, [""; 0]);
}

#[tokio::test]
async fn orders_pages_and_totals() {
    let w = people().await;
    for (sort, expected) in [
        ("created_at:1", ["jan", "mia", "bob", "eve"]),
        ("created_at:-1", ["eve", "bob", "mia", "jan"]),
        ("email:1", ["bob", "eve", "jan", "mia"]),
        ("email:-1", ["mia", "jan", "eve", "bob"]),
        ("user_id:1", ["bob", "eve", "jan", "mia"]),
        ("name:1", ["bob", "eve", "jan", "mia"]),
        ("blocked:1", ["bob", "jan", "mia", "eve"]),
        ("blocked:-1", ["jan", "bob", "mia", "eve"]),
        ("given_name:1", ["mia", "jan", "bob", "eve"]),
        ("updated_at:-1", ["jan", "eve", "bob", "mia"]),
        ("logins_count:1", ["jan", "mia", "bob", "eve"]),
    ] {
        for q in ["", "email.domain:*xam*"] {
            if q.is_empty() || sort != "none" {
                assert_eq!(w.found(q, &format!("&sort={sort}")).await, expected, "{sort} {q}");
            }
        }
        let page = w.found("", &format!("&sort={sort}&per_page=2&page=1")).await;
        assert_eq!(page, expected[2..], "{sort}");
    }
    let page = w
        .search(
            "email.domain:x.example",
            "&include_totals=true&per_page=1&page=2&fields=email&primary_order=false",
        )
        .await;
    assert_eq!(
        page.expect(200).json(),
        json!({"start": 2, "limit": 1, "length": 1, "total": 3, "users": [{"email": "eve@x.example"}]})
    );
    let totals = w
        .search("NOT blocked:true", "&include_totals=true&per_page=0")
        .await
        .expect(200)
        .json();
    assert_eq!(
        totals,
        json!({"start": 0, "limit": 0, "length": 0, "total": 3, "users": []})
    );
    let past = w.search("jan", "&page=9&per_page=100").await;
    assert_eq!(past.expect(200).json(), json!([]));
    refused(&w.search("jan", "&page=20&per_page=50").await, 400, "invalid_paging");
    refused(&w.search("jan", "&page=10&per_page=100").await, 400, "invalid_paging");
}

#[tokio::test]
async fn refusals_name_what_and_why() {
    let w = people().await;
    for (q, why) in [
        ("*", "at least 3 characters"),
        (
            "identities.access_token:*abc",
            "not searched by identities.access_token",
        ),
        (
            "identities.profileData.name:x",
            "not searched by identities.profileData.name",
        ),
        ("_exists_:access_token", "not searched by access_token"),
        ("tenant:t2", "not searched by tenant"),
        ("picture:x", "not searched by picture"),
        ("multifactor:x", "not searched by multifactor"),
        ("last_password_reset:x", "not searched by last_password_reset"),
        ("user_metadata.a:x*", "user_metadata is not searched with wildcards"),
        ("user_metadata.a:[a TO b]", "user_metadata is not searched for ranges"),
        ("user_metadata:x", "user_metadata.x"),
        ("identities:x", "identities.x"),
        ("blocked:yes", "blocked is searched by true or false"),
        ("logins_count:many", "logins_count is searched by numbers"),
        ("logins_count:1*", "logins_count is searched by numbers"),
        ("created_at:yesterday", "created_at is searched by moments"),
        ("last_login:[2024-13-01 TO *]", "last_login is searched by moments"),
        ("updated_at:2024*", "updated_at is not searched with wildcards"),
        ("x:a~", "Fuzzy"),
        ("'; DROP TABLE users;--", "quotation marks"),
    ] {
        let reply = w.search(q, "").await;
        refused(&reply, 400, "invalid_query_string");
        let message = reply.json()["message"].as_str().unwrap().to_owned();
        assert!(
            message.contains(why) && message.contains("on property q"),
            "{q}: {message}"
        );
    }
    for sort in [
        "email",
        "email:2",
        "email:1,name:1",
        "email:+1",
        ":1",
        "app_metadata.x:1",
        "user_metadata:1",
        "identities:1",
        "picture:1",
        "password_hash:1",
        "epoch:1",
    ] {
        let reply = w.search("", &format!("&sort={}", escaped(sort))).await;
        refused(&reply, 400, "invalid_query_string");
        assert!(reply.json()["message"].as_str().unwrap().contains("sort"), "{sort}");
    }
    refused_with(
        &w.search("jan", "&search_engine=v2").await,
        400,
        "invalid_query_string",
        "You are not allowed to use search_engine=v2. Use search_engine=v3 instead.",
    );
    refused(
        &w.search("jan", "&connection=google-oauth2").await,
        400,
        "invalid_query_string",
    );
    let without = w.only(&[oneself::domain::Scope::CreateUsers]).await;
    refused(&without.get("/api/v2/users?q=*").await, 403, "insufficient_scope");
}

#[tokio::test]
async fn sec_api_01_hostile_queries_reach_nothing_that_is_hidden() {
    let w = people().await;
    let other = w.server.tenant("other").await;
    let stranger = json!({"connection": DATABASE, "user_id": "stranger", "email": "stranger@secret.example", "password": PASSWORD,
        "app_metadata": {"plan": "stranger"}});
    other.client().await.post("/api/v2/users", stranger).await.expect(201);
    for hidden in [
        "tenant",
        "epoch",
        "version",
        "kept_credential",
        "password",
        "password_hash",
        "token",
        "access_token",
        "refresh_token",
        "id_token",
        "client_secret",
        "sealed",
        "identities.access_token",
        "identities.refresh_token",
        "identities.password",
        "identities.subject",
        "identities.proof",
        "identities.profileData.access_token",
        "_id",
        "__tenant",
        "rowid.token",
        "profile",
    ] {
        for q in [
            format!("{hidden}:x"),
            format!("{hidden}:*abc*"),
            format!("_exists_:{hidden}"),
            format!("{hidden}:[a TO *]"),
            format!("NOT {hidden}:(a OR b)"),
        ] {
            refused(&w.search(&q, "").await, 400, "invalid_query_string");
        }
    }
    for text in [
        "' OR 1=1 --",
        "\" OR \"\"=\"",
        "1); DROP TABLE users; --",
        "x' UNION SELECT * FROM tenants --",
        "%' OR '%'='",
        "$argon2id",
        "\\u0000",
        "?1",
        "@tenant",
        ":tenant",
        "stranger",
        "stranger@secret.example",
        "auth0|stranger",
        "NULL",
        "0 OR 1",
        "SELECT",
    ] {
        let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        for field in [
            "email",
            "name",
            "user_id",
            "username",
            "app_metadata.plan",
            "user_metadata.a.b",
            "app_metadata.x'--",
            "identities.user_id",
            "identities.connection",
            "identities.profileData.email",
            "locale",
        ] {
            let q = format!("{}:{quoted}", field.replace('\'', "\\'").replace('-', "\\-"));
            assert_eq!(w.found(&q, "").await, [""; 0], "{q}");
            assert_eq!(w.found(&format!("NOT {q}"), "&sort=name:-1").await.len(), 4, "{q}");
        }
        assert_eq!(w.found(&quoted, "").await, [""; 0], "{quoted}");
    }
    let all = w
        .search("_exists_:email OR NOT _exists_:email", "&include_totals=true")
        .await
        .expect(200)
        .json();
    assert_eq!(all["total"], 4);
}

#[tokio::test]
async fn sec_api_02_hostile_queries_are_refused_and_the_server_lives() {
    let w = people().await;
    let wide: String = (0..64).map(|n| format!("a{n} ")).collect();
    for (q, fine) in [
        ("(".repeat(1_000), false),
        ("NOT ".repeat(249), false),
        ("a OR ".repeat(199) + "a", false),
        ("a ".repeat(499), false),
        ("*a*b*c*".to_owned(), false),
        ("/(a+)+$/".to_owned(), false),
        ("a".repeat(1_001), false),
        (wide, true),
        (format!("{}a{}", "(".repeat(16), ")".repeat(16)), true),
        ("*aaa*aaa*aaa*aaa*aaa*".to_owned(), true),
    ] {
        let reply = w.search(&q, "").await;
        match fine {
            true => drop(reply.expect(200)),
            false => refused(&reply, 400, "invalid_query_string"),
        }
    }
    assert_eq!(w.found("email:jan*", "").await, ["jan"]);
}

#[tokio::test]
async fn sec_api_02_a_search_that_takes_too_long_is_503() {
    let (w, faulty) = World::faulty().await;
    faulty.give_up(true);
    refused(&w.search("name:*jan*", "").await, 503, "search_timeout");
    refused(&w.search("*", "").await, 400, "invalid_query_string");
    faulty.give_up(false);
    assert_eq!(w.found("name:*jan*", "").await, [""; 0]);
}
