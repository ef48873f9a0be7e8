//! Running jobs and sending their files: when a server stops, when the store fails, and when
//! somebody meddles with what is kept.

use oneself::api::auth0::jobs::runner;
use serde_json::{Value, json};

use super::jobs::{EXPORTS, fetch, follow, path_of, run, run_all};
use super::jobs_exports::crowd;
use super::jobs_uploads::upload;
use super::{DATABASE, World};
use crate::support::http::raw;

#[tokio::test]
async fn a_runner_that_stops_leaves_its_job_to_others() {
    let (w, store) = World::faulty().await;
    w.connection(json!({"name": "email", "strategy": "email"})).await;
    let ids = crowd(&w, 60).await;
    let asked = w
        .client
        .post(EXPORTS, json!({"format": "json"}))
        .await
        .expect(200)
        .json();
    let ending = || {
        let mut steps = store.steps();
        async move {
            steps.wait_for(|steps| *steps > 0).await.expect("the store is there");
        }
    };
    runner::run(w.server.app.clone(), ending).await;
    let pending = w.client.get(&path_of(&asked)).await.expect(200).json();
    assert_eq!(pending["status"], "pending");
    let mut job = w.server.app.take_job().await.unwrap().expect("nobody has it");
    assert_eq!(job.turn, 2);
    assert!(0 < job.progress.done && job.progress.done < 60, "{:?}", job.progress);
    run(&w.server, &mut job).await;
    assert_eq!(fetch(&w, &asked).await.text().lines().count(), ids.len());
}

/// An export that is done, and the bytes of a request for its file.
async fn ready(w: &World) -> (Value, String) {
    let asked = w
        .client
        .post(EXPORTS, json!({"format": "json"}))
        .await
        .expect(200)
        .json();
    run_all(&w.server).await;
    let job = w.client.get(&path_of(&asked)).await.expect(200).json();
    let (_, path) = job["location"].as_str().unwrap().split_once("/u/").unwrap();
    let request = format!(
        "GET /u/{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        w.server.address
    );
    (job, request)
}

/// How many bytes an answer announces and how many it has.
async fn announced_and_sent(w: &World, request: &str) -> (usize, usize) {
    let answer = raw(w.server.address, request.as_bytes()).await;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    (length.parse().unwrap(), body.len())
}

#[tokio::test]
async fn a_file_that_the_store_breaks_off_is_seen_to_be_short() {
    let (w, faulty) = World::faulty().await;
    w.connection(json!({"name": "email", "strategy": "email"})).await;
    crowd(&w, 60).await;
    let (_, request) = ready(&w).await;
    let (length, whole) = announced_and_sent(&w, &request).await;
    assert!(length == whole && length > 600_000, "{length} {whole}");
    let mut short = 0;
    for n in 1.. {
        faulty.fail_at(n);
        let (announced, sent) = announced_and_sent(&w, &request).await;
        if !faulty.heal() {
            break;
        }
        if announced == length {
            assert!(sent < length, "broken off at {n}");
            short += 1;
        }
    }
    assert!(short >= 2, "{short}");
}

#[tokio::test]
async fn sec_vlt_02_a_part_of_another_job_is_not_sent() {
    let w = World::new().await;
    w.user("p").await;
    let (first, _) = ready(&w).await;
    w.user("canary").await;
    let (second, request) = ready(&w).await;
    let number = |job: &Value| i64::from_str_radix(&job["id"].as_str().unwrap()[4..], 16).unwrap();
    let (from, to) = (number(&first), number(&second));
    let copy =
        format!("UPDATE job_parts SET sealed = (SELECT sealed FROM job_parts WHERE job = {from}) WHERE job = {to}");
    assert_eq!(w.server.directory.execute(&copy).await, 1);
    let (announced, sent) = announced_and_sent(&w, &request).await;
    assert!(announced > 0 && sent == 0, "{announced} {sent}");
    let (_, path) = first["location"].as_str().unwrap().split_once("/u/").unwrap();
    let untouched = follow(&w.server.client(), &format!("/u/{path}")).await.expect(200);
    assert!(untouched.text().contains("auth0|p"));
}

#[tokio::test]
async fn what_is_uploaded_is_nowhere_in_the_store_as_it_came() {
    let w = World::new().await;
    let id = w.connection_named(DATABASE).await;
    let canary = "canary-of-a-password-hash";
    let rows = json!([{"email": "a@x.example", "password_hash": canary}, {"email": "b@x.example"}]);
    let kept = &w.server.directory;
    let job = upload(&w, &id, rows.to_string().as_bytes(), &[])
        .await
        .expect(202)
        .json();
    assert!(!kept.holds(canary).await, "while it waits");
    run_all(&w.server).await;
    assert!(!kept.holds(canary).await, "and when it was refused");
    let errors = w
        .client
        .get(&format!("{}/errors", path_of(&job)))
        .await
        .expect(200)
        .text();
    assert!(!errors.contains(canary) && errors.contains("*****"), "{errors}");
}
