//! Imports under a store that fails, and under two who work on one: no row is done twice.

use std::time::Duration;

use oneself::api::auth0::jobs::runner;
use serde_json::{Value, json};

use super::jobs::{path_of, run, run_all};
use super::jobs_imports::{UPSERT, errors_of, summary};
use super::jobs_uploads::upload;
use super::{DATABASE, World};

#[tokio::test]
async fn an_import_that_the_store_breaks_off_anywhere_is_done_once_in_the_end() {
    let mut broken = 0;
    for n in 1.. {
        let (w, faulty) = World::faulty().await;
        w.user("there").await;
        let rows = json!([{"email": "a@x.example", "user_id": "a"}, {"email": "THERE@x.example", "name": "New"},
            {"email": "x"}, {"email": "b@x.example", "user_id": "b"}]);
        let id = w.connection_named(DATABASE).await;
        let job = upload(&w, &id, rows.to_string().as_bytes(), &UPSERT)
            .await
            .expect(202)
            .json();
        faulty.fail_at(n);
        let mut failed = false;
        if let Ok(Some(mut job)) = w.server.app.take_job().await {
            failed = runner::step(&w.server.app, &mut job).await.is_err();
        }
        let reached = faulty.heal();
        w.server.advance(Duration::from_secs(60));
        run_all(&w.server).await;
        let job = w.client.get(&path_of(&job)).await.expect(200).json();
        assert_eq!(job["summary"], summary(2, 1, 1), "broken off at {n}: {job}");
        assert_eq!(
            errors_of(&w, &job).await.as_array().unwrap().len(),
            1,
            "broken off at {n}"
        );
        let all = w.client.get("/api/v2/users").await.expect(200).json();
        assert_eq!(all.as_array().unwrap().len(), 3, "broken off at {n}");
        broken += u32::from(failed);
        if !reached {
            break;
        }
    }
    assert!(broken >= 8, "{broken}");
}

#[tokio::test]
async fn two_who_work_on_one_import_do_each_row_once() {
    let w = World::new().await;
    let id = w.connection_named(DATABASE).await;
    let rows: Vec<Value> = (0..120).map(|n| json!({"email": format!("u{n}@x.example")})).collect();
    let asked = upload(&w, &id, json!(rows).to_string().as_bytes(), &[])
        .await
        .expect(202)
        .json();
    let mut slow = w.server.app.take_job().await.unwrap().unwrap();
    w.server.advance(Duration::from_secs(60));
    let mut next = w.server.app.take_job().await.unwrap().unwrap();
    let app = &w.server.app;
    let (one, other) = tokio::join!(runner::step(app, &mut slow), runner::step(app, &mut next));
    assert!(!one.unwrap(), "it has lost the job");
    assert!(other.unwrap());
    run(&w.server, &mut next).await;
    let job = w.client.get(&path_of(&asked)).await.expect(200).json();
    assert_eq!(job["summary"], summary(120, 0, 0), "{job}");
    let all = w
        .client
        .get("/api/v2/users?per_page=0&include_totals=true")
        .await
        .expect(200)
        .json();
    assert_eq!(all["total"], 120);
}
