//! How the log is read: by whom, page by page, by searches, and for how long.

use std::time::Duration;

use oneself::app::logs::{Happened, LogOrder, LogSearch, Told};
use oneself::domain::{Object, Scope};
use oneself::error::Error;
use oneself::store::{About, NewLog};
use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn pages_go_by_number_up_to_the_wall_and_from_an_entry_without_end() {
    let w = World::new().await;
    for n in 0..7 {
        w.user(&format!("u{n}")).await;
    }
    let all = w.logs("sort=date:1&per_page=100").await;
    assert_eq!(all.len(), 14);
    let page = w
        .client
        .get(&format!("{LOGS}?per_page=5&page=2&include_totals=true&sort=date:1"))
        .await;
    let page = page.expect(200).json();
    assert_eq!(
        [&page["start"], &page["limit"], &page["length"], &page["total"]],
        [10, 5, 4, 14]
    );
    assert_eq!(page["logs"].as_array().unwrap(), &all[10..]);
    assert_eq!(w.logs("page=9&per_page=100").await, [] as [Value; 0]);
    refused(
        &w.client.get(&format!("{LOGS}?page=10&per_page=100")).await,
        400,
        "invalid_paging",
    );
    let shown = w.logs("fields=type,log_id&per_page=1").await;
    assert_eq!(shown[0].as_object().unwrap().len(), 2);
    let shown = w.logs("fields=details&include_fields=false&per_page=1").await;
    assert!(shown[0].get("details").is_none() && shown[0].get("type").is_some());

    // From an entry on; what else is asked is ignored.
    let mut address = format!("{LOGS}?take=5&page=99999&sort=nothing");
    let mut found = Vec::new();
    for expected in [5, 5, 4, 0] {
        let reply = w.client.get(&address).await.expect(200);
        let page = reply.json().as_array().unwrap().clone();
        assert_eq!(page.len(), expected);
        found.extend(page);
        let link = reply.header("link");
        let next = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
        let next = next.strip_prefix(w.server.issuer().trim_end_matches('/')).unwrap();
        if expected == 0 {
            assert_eq!(next, address, "nothing is newer");
        }
        address = next.to_owned();
    }
    assert_eq!(found, all);
    w.user("later").await;
    assert_eq!(
        w.client
            .get(&address)
            .await
            .expect(200)
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    for (query, field) in [
        ("take=0", "take"),
        ("take=101", "take"),
        ("take=x", "take"),
        ("from=x", "from"),
        ("from=evt_000000000000000000000000", "from"),
        ("per_page=0", "per_page"),
        ("per_page=101", "per_page"),
        ("page=-1", "page"),
        ("sort=type:1", "sort"),
        ("sort=date", "sort"),
        ("include_totals=yes", "include_totals"),
        ("fields=a,,b", "fields"),
        ("include_fields=1", "include_fields"),
        ("q=details.x:1", "q"),
        ("q=date:soon", "q"),
        ("search=type:(s", "search"),
        ("nothing=1", "nothing"),
    ] {
        let reply = w.client.get(&format!("{LOGS}?{query}")).await;
        refused(&reply, 400, "invalid_query_string");
        assert!(
            reply.json()["message"].as_str().unwrap().contains(field),
            "{query}: {}",
            reply.text()
        );
    }
}

#[tokio::test]
async fn entries_are_searched_by_what_is_documented() {
    let w = World::new().await;
    w.user("p").await;
    let web = w.web().await;
    web.log_in("p").await;
    w.server.advance(Duration::from_secs(86_400));
    w.client.delete(&user_path("auth0|nobody")).await.expect(204);
    for (query, expected) in [
        ("type:s", 1),
        ("type:(s OR sapi)", 3),
        ("NOT type:sapi", 2),
        ("type:s*", 4),
        ("user_id:\"auth0|p\"", 3),
        ("user_name:\"P@x.example\"", 3),
        ("description:*USER*", 2),
        ("client_name:web", 1),
        ("connection:*Password*", 2),
        ("ip:127.0.0.1 AND type:s", 1),
        ("date:2026-01-02", 3),
        ("date:[2026-01-03 TO *]", 1),
        ("date:{2026-01-03 TO *]", 0),
        ("date:[* TO 2026-01-02} OR type:s", 1),
        ("_exists_:connection_id", 1),
        ("web", 1),
        ("nothing-like-it", 0),
    ] {
        let found = w
            .client
            .get(&format!("{LOGS}?include_totals=true&q={}", escaped(query)))
            .await;
        let found = found.expect(200).json();
        assert_eq!(found["total"], expected, "{query}: {found}");
        assert_eq!(found["length"], expected, "{query}");
    }
    let one = w.logs(&format!("q={}&per_page=1&page=1", escaped("type:s*"))).await;
    assert_eq!(types(&one), ["s"]);
    let id = one[0]["log_id"].as_str().unwrap();
    assert_eq!(w.logs(&format!("search=log_id:{id}")).await, one);
}

#[tokio::test]
async fn only_those_with_a_scope_for_logs_read_them_and_only_their_tenants() {
    let w = World::new().await;
    w.user("p").await;
    let id = w.logs("").await[0]["log_id"].as_str().unwrap().to_owned();
    let other = w.server.tenant("other").await.client().await;
    assert_eq!(other.get(LOGS).await.expect(200).json(), json!([]));
    assert_eq!(
        other
            .get(&format!("{}/logs", user_path("auth0|p")))
            .await
            .expect(200)
            .json(),
        json!([])
    );
    refused(&other.get(&format!("{LOGS}/{id}")).await, 404, "inexistent_log");
    assert_eq!(
        other.get(&format!("{LOGS}?from={id}")).await.expect(200).json(),
        json!([])
    );
    for scope in [Scope::ReadLogs, Scope::ReadLogsUsers] {
        let client = w.only(&[scope]).await;
        client.get(LOGS).await.expect(200);
        client.get(&format!("{LOGS}/{id}")).await.expect(200);
        client.get(&format!("{}/logs", user_path("auth0|p"))).await.expect(200);
    }
}

#[tokio::test]
async fn entries_are_forgotten_when_their_tenant_says() {
    let mut w = World::new().await;
    w.user("p").await;
    let week = [("log_retention_days".to_owned(), "7".to_owned())];
    w.server.app.set_settings("acme", &week).await.unwrap();
    assert_eq!(w.logs("").await.len(), 2);
    w.server.advance(Duration::from_secs(6 * 86_400));
    w.client = w.tenant.client().await;
    w.user("q").await;
    w.server.app.write_logs().await;
    assert_eq!(w.server.app.forget_logs().await.unwrap(), 0);
    w.server.advance(Duration::from_secs(86_400 + 1));
    w.client = w.tenant.client().await;
    assert_eq!(w.server.app.forget_logs().await.unwrap(), 2);
    assert_eq!(w.logs("").await.len(), 2);
    for wrong in ["0", "x", "-1", "3651"] {
        let wrong = [("log_retention_days".to_owned(), wrong.to_owned())];
        assert!(w.server.app.set_settings("acme", &wrong).await.is_err());
    }
}

#[tokio::test]
async fn a_search_of_logs_that_takes_too_long_is_given_up() {
    let w = World::new().await;
    let told = |n: u64| NewLog {
        tenant: w.tenant.id(),
        client: w.tenant.credentials.client_id,
        about: About::Nobody,
        at: w.server.app.now(),
        entry: json!({"type": "sapi", "n": n}).as_object().unwrap().clone(),
        personal: Object::new(),
    };
    w.server.store.append_logs((0..300).map(told).collect()).await.unwrap();
    let caller = w
        .server
        .app
        .authenticate(&w.tenant.token(Scopes::for_machines()).await)
        .await
        .unwrap();
    let search = |kind: &'static str, patience| {
        let search = LogSearch {
            user: None,
            fits: Some(Box::new(move |log| log.entry["type"] == kind)),
            order: LogOrder::Newest,
            after: None,
            skip: 0,
            limit: 100,
            count: false,
            within: None,
            patience,
        };
        w.server.app.list_logs(&caller, search)
    };
    let (found, _) = search("sapi", Duration::ZERO).await.unwrap();
    assert_eq!(found.len(), 100, "what is found at once is shown");
    assert!(matches!(search("s", Duration::ZERO).await, Err(Error::SearchTooLong)));
    assert!(search("s", Duration::from_secs(600)).await.unwrap().0.is_empty());
}

struct Nothing;

impl Happened for Nothing {
    fn spell(self: Box<Self>) -> Vec<Told> {
        Vec::new()
    }
}

#[tokio::test]
async fn what_is_too_much_is_left_out_and_counted() {
    let w = World::new().await;
    w.server.app.write_logs().await;
    // On the one thread of this test nothing is taken out meanwhile.
    for _ in 0..5_000 {
        w.server.app.tell(Box::new(Nothing));
    }
    assert_eq!(w.server.app.dropped_logs().get(), 5_000 - 4_096);
    w.server.app.write_logs().await;
    w.server.app.tell(Box::new(Nothing));
    assert_eq!(w.server.app.dropped_logs().get(), 5_000 - 4_096);
}
