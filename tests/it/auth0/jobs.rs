//! Jobs of whatever kind: who sees them, how links die, and what is dropped.

use std::time::Duration;

use oneself::api::auth0::jobs::runner;
use oneself::app::jobs::Job;
use serde_json::{Value, json};

use super::{World, refused, refused_with};
use crate::support::http::{Client, Reply};
use crate::support::server::TestServer;

pub const EXPORTS: &str = "/api/v2/jobs/users-exports";

/// Does all jobs that can be taken up, to their ends.
pub async fn run_all(server: &TestServer) {
    while let Some(mut job) = server.app.take_job().await.unwrap() {
        run(server, &mut job).await;
    }
}

/// Does a job to its end.
pub async fn run(server: &TestServer, job: &mut Job) {
    while runner::step(&server.app, job).await.unwrap() {}
}

/// Where a job is looked at.
pub fn path_of(job: &Value) -> String {
    format!("/api/v2/jobs/{}", job["id"].as_str().unwrap())
}

/// Asks for an export, has it done, and follows its link.
pub async fn exported(w: &World, body: Value) -> Reply {
    let job = w.client.post(EXPORTS, body).await.expect(200).json();
    run_all(&w.server).await;
    fetch(w, &job).await
}

/// What an export made.
pub async fn fetch(w: &World, job: &Value) -> Reply {
    let job = w.client.get(&path_of(job)).await.expect(200).json();
    assert_eq!(job["status"], "completed", "{job}");
    follow(&w.server.client(), job["location"].as_str().unwrap()).await
}

/// Follows a link of this server without a token.
pub async fn follow(client: &Client, location: &str) -> Reply {
    let (_, path) = location.split_once("/u/").unwrap();
    client.get(&format!("/u/{path}")).await
}

#[tokio::test]
async fn jobs_belong_to_their_tenant() {
    let w = World::new().await;
    let job = w.client.post(EXPORTS, json!({})).await.expect(200).json();
    run_all(&w.server).await;
    let stranger = w.server.tenant("other").await.client().await;
    for path in [path_of(&job), format!("{}/errors", path_of(&job))] {
        refused_with(&stranger.get(&path).await, 404, "inexistent_job", "Job not found.");
        let nobody = path.replace(job["id"].as_str().unwrap(), "job_0000000000000001");
        let none = w.client.get(&nobody).await;
        refused_with(&none, 404, "inexistent_job", "Job not found.");
        assert_eq!(stranger.get(&path).await.body, none.body, "API-03");
    }
    for bad in [
        "job_1",
        "con_0000000000000001",
        "job_000000000000000g0",
        "job_00000000000000%00",
    ] {
        refused(&w.client.get(&format!("/api/v2/jobs/{bad}")).await, 400, "invalid_uri");
    }
    refused(
        &w.client.get("/api/v2/jobs/job_zzzzzzzzzzzzzzzz").await,
        404,
        "inexistent_job",
    );
    refused(
        &w.client.get(&format!("{}?x=1", path_of(&job))).await,
        400,
        "invalid_query_string",
    );
    w.client.get(&format!("{}/errors", path_of(&job))).await.expect(204);
}

#[tokio::test]
async fn sec_api_13_a_link_opens_one_file_for_a_minute() {
    let w = World::new().await;
    w.user("p").await;
    let asked = w
        .client
        .post(EXPORTS, json!({"format": "json"}))
        .await
        .expect(200)
        .json();
    let pending = w.client.get(&path_of(&asked)).await.expect(200).json();
    assert!(pending.get("location").is_none(), "{pending}");
    run_all(&w.server).await;
    let job = w.client.get(&path_of(&asked)).await.expect(200).json();
    let location = job["location"].as_str().unwrap();
    assert!(location.starts_with(&w.server.issuer()), "{location}");
    let stranger = w.server.client();
    let whole = follow(&stranger, location).await.expect(200);
    assert!(whole.text().contains("auth0|p"));
    assert_eq!(whole.header("cache-control"), "no-store");
    assert_eq!(whole.header("x-content-type-options"), "nosniff");

    w.server.advance(Duration::from_secs(59));
    follow(&stranger, location).await.expect(200);
    let ticket = location.split_once("ticket=").unwrap().1;
    let mut others = vec![String::new(), "AAAA".to_owned(), "x".repeat(7_000), "%00".to_owned()];
    for n in [0, 5, 11, 40, ticket.len() - 1] {
        let mut edited = ticket.to_owned();
        let other = if &ticket[n..=n] == "A" { "B" } else { "A" };
        edited.replace_range(n..=n, other);
        others.push(edited);
    }
    for other in others {
        let reply = follow(&stranger, &format!("/u/users-export?ticket={other}")).await;
        assert!((400..500).contains(&reply.status), "{other}: {}", reply.text());
        assert!(!reply.text().contains("auth0|p"));
    }
    for odd in ["/u/users-export", "/u/users-export?ticket=a&ticket=b", "/u/nothing"] {
        let reply = stranger.get(odd).await;
        assert!((400..500).contains(&reply.status), "{odd}: {}", reply.text());
    }
    w.server.advance(Duration::from_secs(1));
    refused(&follow(&stranger, location).await, 404, "inexistent_job");
    let again = w.client.get(&path_of(&asked)).await.expect(200).json();
    let renewed = follow(&stranger, again["location"].as_str().unwrap()).await;
    assert_eq!(renewed.expect(200).body, whole.body);
}

#[tokio::test]
async fn sec_api_07_links_are_counted_by_the_address_that_follows_them() {
    let server = TestServer::start_limited("2/1").await;
    let path = "/u/users-export?ticket=guess";
    for status in [404, 404, 429, 429] {
        let headers = [("origin", "https://app.example"), ("x-forwarded-for", "198.51.100.7")];
        let reply = server.client().request("GET", path, &headers, ()).await.expect(status);
        assert_eq!(reply.header("access-control-allow-origin"), "");
    }
    server.client().from("127.0.0.2").get(path).await.expect(404);
}

#[tokio::test]
async fn what_a_job_made_is_dropped_after_a_day() {
    let w = World::new().await;
    w.user("p").await;
    let job = w.client.post(EXPORTS, json!({})).await.expect(200).json();
    w.server.advance(Duration::from_secs(3600));
    run_all(&w.server).await;
    w.server.advance(Duration::from_secs(86_399));
    w.server.app.forget_ended().await.unwrap();
    // Tokens live for a day too.
    let client = w.tenant.client().await;
    let shown = client.get(&path_of(&job)).await.expect(200).json();
    w.server.advance(Duration::from_secs(1));
    refused(&client.get(&path_of(&job)).await, 404, "inexistent_job");
    let late = follow(&w.server.client(), shown["location"].as_str().unwrap()).await;
    refused(&late, 404, "inexistent_job");
    assert_eq!(rows(&w).await, [1, 1]);
    w.server.app.forget_ended().await.unwrap();
    assert_eq!(rows(&w).await, [0, 0]);
}

/// How many jobs and how many parts are kept.
pub async fn rows(w: &World) -> [i64; 2] {
    let kept = &w.server.directory;
    [
        kept.number("SELECT count(*) FROM jobs").await,
        kept.number("SELECT count(*) FROM job_parts").await,
    ]
}

#[tokio::test]
async fn a_job_that_has_had_its_time_has_failed() {
    let w = World::new().await;
    let job = w.client.post(EXPORTS, json!({})).await.expect(200).json();
    w.server.advance(Duration::from_secs(24 * 3600));
    run_all(&w.server).await;
    let client = w.tenant.client().await;
    let shown = client.get(&path_of(&job)).await.expect(200).json();
    assert_eq!(shown["status"], "failed");
    assert_eq!(shown["status_details"], "The job was given up after 24 hours.");
    assert!(shown.get("location").is_none());
    let errors = client
        .get(&format!("{}/errors", path_of(&job)))
        .await
        .expect(200)
        .json();
    assert_eq!(errors, shown, "a general failure is told by the job");
}

#[tokio::test]
async fn a_job_is_done_by_one_at_a_time_and_goes_on_when_its_lease_has_lapsed() {
    let w = World::new().await;
    for id in ["p", "q"] {
        w.user(id).await;
    }
    let asked = w
        .client
        .post(EXPORTS, json!({"format": "json"}))
        .await
        .expect(200)
        .json();
    let mut slow = w.server.app.take_job().await.unwrap().unwrap();
    assert!(w.server.app.take_job().await.unwrap().is_none(), "somebody has it");
    w.server.advance(Duration::from_secs(60));
    let mut next = w.server.app.take_job().await.unwrap().expect("the lease has lapsed");
    assert_eq!(next.turn, slow.turn + 1);
    assert!(
        !runner::step(&w.server.app, &mut slow).await.unwrap(),
        "it has lost the job"
    );
    assert_eq!(rows(&w).await, [1, 0], "and kept nothing of its step");
    run(&w.server, &mut next).await;
    assert!(!w.server.app.release_job(&slow).await.unwrap());
    assert_eq!(fetch(&w, &asked).await.text().lines().count(), 2);
}

#[tokio::test]
async fn sec_api_13_so_many_jobs_are_under_way_and_no_tenant_takes_all_turns() {
    let w = World::new().await;
    for _ in 0..10 {
        w.client.post(EXPORTS, json!({})).await.expect(200);
    }
    let refusal = w.client.post(EXPORTS, json!({})).await;
    refused(&refusal, 429, "too_many_jobs");
    assert_eq!(refusal.header("retry-after"), "5");
    w.server.advance(Duration::from_secs(1));
    let other = w.server.tenant("other").await;
    other.client().await.post(EXPORTS, json!({})).await.expect(200);
    let first = w.server.app.take_job().await.unwrap().unwrap();
    let second = w.server.app.take_job().await.unwrap().unwrap();
    assert_eq!([first.tenant, second.tenant], [w.tenant.id(), other.id()]);
    run_all(&w.server).await;
    w.client.post(EXPORTS, json!({})).await.expect(200);
}

#[tokio::test]
async fn sec_api_13_the_oldest_files_go_when_a_tenant_has_too_many() {
    let w = World::new().await;
    w.user("p").await;
    let other = w.server.tenant("other").await;
    let client = other.client().await;
    let theirs = client.post(EXPORTS, json!({})).await.expect(200).json();
    run_all(&w.server).await;
    let mut asked = Vec::new();
    for n in 0..12 {
        asked.push(w.client.post(EXPORTS, json!({})).await.expect(200).json());
        run_all(&w.server).await;
        let kept = fetch(&w, asked.last().unwrap()).await;
        assert!(
            kept.expect(200).text().contains("auth0|p"),
            "the {n}th is there when it has ended"
        );
        // Several end in one moment, too.
        w.server.advance(Duration::from_secs(n % 2));
    }
    let mut kept = 0;
    for job in &asked {
        kept += u32::from(w.client.get(&path_of(job)).await.status == 200);
    }
    assert_eq!(kept, 10);
    refused(&w.client.get(&path_of(&asked[0])).await, 404, "inexistent_job");
    w.server.app.drop_jobs().await.unwrap();
    assert_eq!(rows(&w).await, [11, 11]);
    client.get(&path_of(&theirs)).await.expect(200);
}
