//! The tickets in verification mails and the page that they open: what ends them, and what the page
//! may do.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::jobs::{EXPORTS, follow, path_of, run, run_all};
use super::jobs_verification::{FORM, PAGE, PATH, file_of, is_none, open, press, read, sent, ticket_for, ticket_of};
use super::{DATABASE, World, refused, user_path};
use crate::support::server::TestServer;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn a_ticket_ends_with_what_it_is_bound_to() {
    let w = World::new().await;
    for id in ["p", "q", "r", "s", "t"] {
        w.user(id).await;
    }
    let p = ticket_for(&w, "p").await;
    let changed = json!({"email": "p2@x.example"});
    w.client.patch(&user_path("auth0|p"), changed).await.expect(200);
    is_none(&w, &p, "the address has changed").await;

    let q = ticket_for(&w, "q").await;
    w.client.delete(&user_path("auth0|q")).await.expect(204);
    is_none(&w, &q, "she is gone").await;

    let r = ticket_for(&w, "r").await;
    w.link("auth0|s", json!({"provider": "auth0", "user_id": "r"}))
        .await
        .expect(201);
    is_none(&w, &r, "she is part of another").await;

    let t = ticket_for(&w, "t").await;
    w.server.advance(5 * DAY - Duration::from_secs(1));
    open(&w, &t).await.expect(200);
    w.server.advance(Duration::from_secs(1));
    is_none(&w, &t, "it is old").await;
}

#[tokio::test]
async fn sec_api_13_a_ticket_cannot_be_made_edited_or_taken_elsewhere() {
    let w = World::new().await;
    w.user("p").await;
    let ticket = ticket_for(&w, "p").await;
    for n in [0, 5, 11, 40, ticket.len() - 1] {
        let mut edited = ticket.clone();
        let other = if &ticket[n..=n] == "A" { "B" } else { "A" };
        edited.replace_range(n..=n, other);
        is_none(&w, &edited, &edited).await;
    }
    for odd in [
        "",
        "AAAA",
        "%00",
        "%ff",
        "a&ticket=b",
        &"x".repeat(7_000),
        &format!("{ticket}="),
    ] {
        is_none(&w, odd, odd).await;
    }
    let body = format!("ticket={ticket}&ticket={ticket}");
    let twice = w.server.client().post(PAGE, (FORM, body)).await;
    assert_eq!(twice.status, 404);
    // What opens a file verifies nothing, and the other way round.
    let export = w.client.post(EXPORTS, json!({})).await.expect(200).json();
    run_all(&w.server).await;
    let export = w.client.get(&path_of(&export)).await.expect(200).json();
    let location = export["location"].as_str().unwrap();
    is_none(&w, location.split_once("ticket=").unwrap().1, "it is for a file").await;
    let file = follow(&w.server.client(), &format!("/u/users-export?ticket={ticket}")).await;
    refused(&file, 404, "inexistent_job");
    press(&w, &ticket).await.expect(200);
}

#[tokio::test]
async fn sec_ntf_02_the_page_runs_nothing_and_escapes_what_is_not_ours() {
    let w = World::new().await;
    let body = json!({"connection": DATABASE, "user_id": "p", "email": "a&b'c@x.example", "password": super::PASSWORD});
    w.client.post("/api/v2/users", body).await.expect(201);
    let name = "\"A\" & 'B', https://evil.example";
    let app = w
        .client
        .post("/api/v2/clients", json!({"name": name}))
        .await
        .expect(201)
        .json();
    let job = sent(&w, json!({"user_id": "auth0|p", "client_id": app["client_id"]})).await;
    let mail = read(&file_of(&w, &job));
    assert!(mail.contains(&format!("an account at {name}.\r\n")), "{mail}");
    assert!(
        mail.contains("&quot;A&quot; &amp; &#39;B&#39;, https://evil.example"),
        "{mail}"
    );
    let (head, _) = mail.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("evil") && head.contains("To: a&b'c@x.example"), "{head}");

    let ticket = ticket_of(&w, &job);
    for page in [open(&w, &ticket).await, press(&w, &ticket).await, open(&w, "x").await] {
        let policy = page.header("content-security-policy").to_owned();
        for part in [
            "default-src 'none'",
            "style-src 'sha256-",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        for (name, value) in [
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("content-type", "text/html; charset=utf-8"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(page.header(name), value);
        }
        let html = page.text();
        assert!(
            html.contains("<html lang=\"en\">") && !html.contains("<script") && !html.contains("b'c"),
            "{html}"
        );
        let style = html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, style.as_bytes());
        let digest = STANDARD.encode(digest);
        assert!(policy.contains(&format!("'sha256-{digest}'")), "{policy}");
    }
}

#[tokio::test]
async fn sec_api_07_confirmations_are_counted_by_address() {
    let server = TestServer::start_limited("2/1").await;
    let path = "/u/email-verification?ticket=guess";
    for status in [404, 404, 429] {
        server.client().get(path).await.expect(status);
    }
    let reply = server.client().post(PAGE, (FORM, "ticket=guess")).await;
    assert_eq!(reply.status, 429);
}

/// A server that is killed between sending and writing that down.
#[tokio::test]
async fn a_mail_is_sent_again_rather_than_never() {
    let w = World::new().await;
    w.user("p").await;
    let job = w
        .client
        .post(PATH, json!({"user_id": "auth0|p"}))
        .await
        .expect(201)
        .json();
    let mut slow = w.server.app.take_job().await.unwrap().unwrap();
    w.server.advance(Duration::from_secs(60));
    let mut next = w.server.app.take_job().await.unwrap().unwrap();
    run(&w.server, &mut slow).await;
    let first = ticket_of(&w, &job);
    let pending = w.client.get(&path_of(&job)).await.expect(200).json();
    assert_eq!(pending["status"], "pending", "its step was not kept");
    let id = |mail: &str| {
        mail.lines()
            .find(|line| line.starts_with("Message-ID"))
            .unwrap()
            .to_owned()
    };
    let before = id(&read(&file_of(&w, &job)));
    run(&w.server, &mut next).await;
    assert_eq!(id(&read(&file_of(&w, &job))), before, "whoever gets both can tell");
    let second = ticket_of(&w, &job);
    assert_ne!(first, second);
    let done = w.client.get(&path_of(&job)).await.expect(200).json();
    assert_eq!(done["status"], "completed");
    for ticket in [second, first] {
        press(&w, &ticket).await.expect(200);
        is_none(&w, &ticket, "each once").await;
    }
}
