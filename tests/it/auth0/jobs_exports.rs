//! Exports: what may be asked, and what is in the files.

use std::collections::BTreeSet;
use std::time::Duration;

use oneself::api::auth0::jobs::runner;
use serde_json::{Value, json};

use super::jobs::{EXPORTS, exported, fetch, path_of, rows, run, run_all};
use super::{DATABASE, PASSWORD, World, refused, refused_with, user_path};

/// The users of an export in JSON.
fn users(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ids_of(text: &str) -> Vec<String> {
    let id = |user: &Value| user["user_id"].as_str().unwrap().to_owned();
    users(text).iter().map(id).collect()
}

#[tokio::test]
async fn an_export_is_asked_for_shown_and_fetched() {
    let w = World::new().await;
    for id in ["p", "q", "r"] {
        w.user(id).await;
        // Ids sort by the time at which they were made.
        w.server.advance(Duration::from_millis(1));
    }
    let connection = w.connection_named(DATABASE).await;
    let fields = json!([{"name": "user_id"}, {"name": "identities[0].connection", "export_as": "provider"}]);
    let body = json!({"connection_id": connection, "format": "json", "limit": 2, "fields": fields});
    let job = w.client.post(EXPORTS, body).await.expect(200).json();
    assert!(job["id"].as_str().unwrap().starts_with("job_"), "{job}");
    let expected = json!({"id": job["id"], "type": "users_export", "status": "pending", "created_at": job["created_at"],
        "connection_id": connection, "connection": DATABASE, "format": "json", "limit": 2, "fields": fields});
    assert_eq!(job, expected);
    assert_eq!(w.client.get(&path_of(&job)).await.expect(200).json(), expected);
    run_all(&w.server).await;
    let reply = fetch(&w, &job).await.expect(200);
    assert_eq!(
        users(&reply.text()),
        [
            json!({"user_id": "auth0|p", "provider": DATABASE}),
            json!({"user_id": "auth0|q", "provider": DATABASE}),
        ]
    );
    assert_eq!(reply.header("content-type"), "application/x-ndjson; charset=utf-8");
    assert_eq!(
        reply.header("content-disposition"),
        "attachment; filename=\"users.ndjson\""
    );
    let done = w.client.get(&path_of(&job)).await.expect(200).json();
    assert_eq!(
        (&done["status"], &done["percentage_done"]),
        (&json!("completed"), &json!(100))
    );
}

#[tokio::test]
async fn whole_users_are_exported_as_they_are_shown() {
    let w = World::new().await;
    w.user("p").await;
    w.user("s").await;
    w.link("auth0|p", json!({"provider": "auth0", "user_id": "s"}))
        .await
        .expect(201);
    let patch = json!({"user_metadata": {"a": {"b": "x\ny\u{2028}"}}, "app_metadata": {"n": 1.5}});
    w.client.patch(&user_path("auth0|p"), patch).await.expect(200);
    let reply = exported(&w, json!({"format": "json"})).await.expect(200);
    assert_eq!(users(&reply.text()), [w.get("auth0|p").await.expect(200).json()]);
}

#[tokio::test]
async fn an_export_of_a_connection_has_those_who_have_an_account_there() {
    let w = World::new().await;
    let other = w.connection(json!({"name": "Other", "strategy": "auth0"})).await;
    w.user("p").await;
    w.user("q").await;
    w.user_at("Other", "s").await;
    w.user_at("Other", "t").await;
    w.link("auth0|p", json!({"provider": "auth0", "user_id": "s"}))
        .await
        .expect(201);
    let body = json!({"format": "json", "connection_id": other});
    let there: BTreeSet<String> = ids_of(&exported(&w, body).await.text()).into_iter().collect();
    assert_eq!(there.into_iter().collect::<Vec<_>>(), ["auth0|p", "auth0|t"]);
    let empty = w.connection(json!({"name": "Empty", "strategy": "auth0"})).await;
    let reply = exported(&w, json!({"format": "json", "connection_id": empty})).await;
    assert_eq!(reply.expect(200).text(), "");
}

#[tokio::test]
async fn sec_con_06_a_csv_file_is_inert_and_reads_back() {
    let w = World::new().await;
    for (id, name) in [
        ("p", "=HYPERLINK(\"http://x\",\"y\")"),
        ("q", "@SUM(A1), \"q\""),
        ("r", "-1+1"),
        ("s", "Ines"),
    ] {
        let body = json!({"connection": DATABASE, "user_id": id, "email": format!("{id}@x.example"),
            "password": PASSWORD, "name": name, "user_metadata": {"t": "\t=1\r\n=2", "n": -5, "o": {"a": 1}}});
        w.client.post("/api/v2/users", body).await.expect(201);
    }
    let fields = json!([{"name": "user_id"}, {"name": "name", "export_as": "=name"}, {"name": "email_verified"},
        {"name": "created_at"}, {"name": "user_metadata.t"}, {"name": "user_metadata.n"}, {"name": "user_metadata.o"},
        {"name": "user_metadata.none"}]);
    let reply = exported(&w, json!({"fields": fields})).await.expect(200);
    assert_eq!(reply.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(
        reply.header("content-disposition"),
        "attachment; filename=\"users.csv\""
    );
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    let mut reader = csv::Reader::from_reader(&reply.body[..]);
    let head: Vec<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(head[..2], ["user_id", "'=name"]);
    let mut rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    rows.sort_by_key(|row| row[0].to_owned());
    assert_eq!(rows.len(), 4);
    assert_eq!(&rows[0][1], "'=HYPERLINK(\"http://x\",\"y\")");
    assert_eq!(&rows[1][1], "'@SUM(A1), \"q\"");
    assert_eq!(&rows[2][1], "'-1+1");
    for row in &rows {
        let rest: Vec<&str> = row.iter().skip(2).collect();
        let shown = [
            "false",
            "2026-01-02T03:04:05.000Z",
            "'\t=1\r\n=2",
            "-5",
            "'{\"a\":1}",
            "",
        ];
        assert_eq!(rest, shown);
        assert!(row[0].starts_with("'auth0|") && row[1].starts_with('\''));
    }
    let dates = reply.text().matches(",2026-01-02T03:04:05.000Z,").count();
    assert_eq!(dates, 4, "dates stand bare");
}

#[tokio::test]
async fn a_csv_file_without_fields_has_the_usual_columns() {
    let w = World::new().await;
    w.user("p").await;
    let reply = exported(&w, json!({})).await.expect(200);
    let mut reader = csv::Reader::from_reader(&reply.body[..]);
    let head = reader.headers().unwrap().clone();
    assert_eq!(
        head.iter().take(3).collect::<Vec<_>>(),
        ["user_id", "email", "email_verified"]
    );
    let row = reader.records().next().unwrap().unwrap();
    assert_eq!((&row[0], &row[1], &row[2]), ("'auth0|p", "'p@x.example", "false"));
    let nobody = World::new().await;
    let empty = exported(&nobody, json!({})).await.expect(200);
    assert_eq!(empty.text().lines().count(), 1, "{}", empty.text());
}

#[tokio::test]
async fn sec_api_10_every_member_of_an_export_is_checked() {
    let w = World::new().await;
    let long = "x".repeat(101);
    let many: Vec<Value> = (0..31).map(|n| json!({"name": format!("f{n}")})).collect();
    for (body, named) in [
        (json!({"x": 1}), "x"),
        (json!({"connection_id": null}), "connection_id"),
        (json!({"connection_id": 1}), "connection_id"),
        (json!({"connection_id": "con_1"}), "connection_id"),
        (json!({"connection_id": "x".repeat(9_999)}), "connection_id"),
        (json!({"format": "xml"}), "format"),
        (json!({"format": null}), "format"),
        (json!({"format": ["csv"]}), "format"),
        (json!({"limit": 0}), "limit"),
        (json!({"limit": -1}), "limit"),
        (json!({"limit": "5"}), "limit"),
        (json!({"limit": 1.5}), "limit"),
        (json!({"limit": null}), "limit"),
        (json!({"limit": u64::MAX}), "limit"),
        (json!({"fields": null}), "fields"),
        (json!({"fields": "email"}), "fields"),
        (json!({"fields": []}), "fields"),
        (json!({"fields": ["email"]}), "fields[0]"),
        (json!({"fields": [{}]}), "fields[0].name"),
        (json!({"fields": [{"name": null}]}), "fields[0].name"),
        (json!({"fields": [{"name": ""}]}), "fields[0].name"),
        (json!({"fields": [{"name": "a..b"}]}), "fields[0].name"),
        (json!({"fields": [{"name": "a[x]"}]}), "fields[0].name"),
        (json!({"fields": [{"name": long}]}), "fields[0].name"),
        (
            json!({"fields": [{"name": "a", "export_as": long}]}),
            "fields[0].export_as",
        ),
        (
            json!({"fields": [{"name": "a", "export_as": ""}]}),
            "fields[0].export_as",
        ),
        (
            json!({"fields": [{"name": "a", "export_as": 1}]}),
            "fields[0].export_as",
        ),
        (json!({"fields": [{"name": "a", "x": 1}]}), "fields[0].x"),
        (json!({"fields": many}), "fields"),
    ] {
        let reply = w.client.post(EXPORTS, body.clone()).await;
        refused(&reply, 400, "invalid_body");
        let message = reply.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(named), "{body}: {message}");
    }
    let unknown = json!({"connection_id": "con_00000000000000aa"});
    let reply = w.client.post(EXPORTS, unknown).await;
    refused_with(&reply, 400, "inexistent_connection", "The connection does not exist.");
    let other = w.server.tenant("other").await.client().await;
    let theirs = other.get("/api/v2/connections").await.expect(200).json();
    let reply = w.client.post(EXPORTS, json!({"connection_id": theirs[0]["id"]})).await;
    refused(&reply, 400, "inexistent_connection");
    for (media_type, body) in [
        ("application/json", "[]"),
        ("application/json", "{"),
        ("application/json", ""),
    ] {
        refused(&w.client.post(EXPORTS, (media_type, body)).await, 400, "invalid_body");
    }
    let deep = format!("{{\"fields\":{}1{}}}", "[".repeat(40), "]".repeat(40));
    refused(
        &w.client.post(EXPORTS, ("application/json", deep)).await,
        400,
        "invalid_body",
    );
    w.client.post(EXPORTS, ("text/plain", "{}")).await.expect(415);
    let large = json!({"x": "x".repeat(70_000)});
    w.client.post(EXPORTS, large).await.expect(413);
    assert_eq!(rows(&w).await, [0, 0], "a refusal leaves nothing");
    let json31 = json!({"format": "json", "fields": many});
    w.client.post(EXPORTS, json31).await.expect(200);
}

/// Makes many users whose metadata is long; their ids.
pub async fn crowd(w: &World, count: usize) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for n in 0..count {
        let body = json!({"connection": "email", "email": format!("u{n}@x.example"),
            "user_metadata": {"text": "x".repeat(10_000)}});
        let made = w.client.post("/api/v2/users", body).await.expect(201).json();
        ids.insert(made["user_id"].as_str().unwrap().to_owned());
    }
    ids
}

#[tokio::test]
async fn sec_api_13_an_export_holds_a_bounded_part_at_a_time() {
    let w = World::new().await;
    w.connection(json!({"name": "email", "strategy": "email"})).await;
    let ids = crowd(&w, 150).await;
    let asked = w
        .client
        .post(EXPORTS, json!({"format": "json"}))
        .await
        .expect(200)
        .json();
    let mut job = w.server.app.take_job().await.unwrap().unwrap();
    let mut before = 0;
    let mut steps = 0;
    loop {
        let more = runner::step(&w.server.app, &mut job).await.unwrap();
        let pages = job.progress.done - before;
        assert!(pages <= 50, "a step wrote {pages} users of ten kilobytes");
        before = job.progress.done;
        steps += 1;
        if !more {
            break;
        }
    }
    assert!(steps >= 3, "{steps}");
    let longest = "SELECT max(length(sealed)) FROM job_parts";
    let longest = w.server.directory.number(longest).await;
    assert!(longest < 257 * 1024, "{longest}");
    let text = fetch(&w, &asked).await.expect(200).text();
    assert!(text.len() > 1_500_000);
    assert_eq!(ids_of(&text).into_iter().collect::<BTreeSet<_>>(), ids);
    assert_eq!(ids_of(&text).len(), ids.len());
}

#[tokio::test]
async fn whoever_is_there_throughout_is_exported_once_while_others_write() {
    let w = World::new().await;
    w.connection(json!({"name": "email", "strategy": "email"})).await;
    let ids: Vec<String> = crowd(&w, 120).await.into_iter().collect();
    let asked = w
        .client
        .post(EXPORTS, json!({"format": "json"}))
        .await
        .expect(200)
        .json();
    let mut job = w.server.app.take_job().await.unwrap().unwrap();
    assert!(runner::step(&w.server.app, &mut job).await.unwrap());
    for id in [&ids[0], &ids[119]] {
        w.client.delete(&user_path(id)).await.expect(204);
    }
    for id in [&ids[1], &ids[118]] {
        w.client
            .patch(&user_path(id), json!({"user_metadata": {"text": "y"}}))
            .await
            .expect(200);
    }
    w.server.advance(Duration::from_secs(1));
    let body = json!({"connection": "email", "email": "late@x.example"});
    w.client.post("/api/v2/users", body).await.expect(201);
    run(&w.server, &mut job).await;
    let exported = ids_of(&fetch(&w, &asked).await.expect(200).text());
    let mut seen = BTreeSet::new();
    assert!(exported.iter().all(|id| seen.insert(id)), "nobody is there twice");
    assert!(ids[1..119].iter().all(|id| seen.contains(id)), "nobody is missing");
}

#[tokio::test]
async fn an_export_that_the_store_breaks_off_anywhere_is_whole_in_the_end() {
    let (w, faulty) = World::faulty().await;
    w.connection(json!({"name": "email", "strategy": "email"})).await;
    let ids = crowd(&w, 60).await;
    let mut broken = 0;
    for n in 1.. {
        let asked = w
            .client
            .post(EXPORTS, json!({"format": "json"}))
            .await
            .expect(200)
            .json();
        faulty.fail_at(n);
        let mut failed = false;
        while let Ok(Some(mut job)) = w.server.app.take_job().await {
            loop {
                match runner::step(&w.server.app, &mut job).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(_) => {
                        failed = true;
                        break;
                    }
                }
            }
            if failed {
                break;
            }
        }
        let reached = faulty.heal();
        w.server.advance(Duration::from_secs(60));
        run_all(&w.server).await;
        let exported = ids_of(&fetch(&w, &asked).await.expect(200).text());
        assert_eq!(exported.len(), ids.len(), "broken off at {n}");
        assert_eq!(exported.into_iter().collect::<BTreeSet<_>>(), ids, "broken off at {n}");
        broken += u32::from(failed);
        if !reached {
            break;
        }
    }
    assert!(broken >= 5, "{broken}");
}
