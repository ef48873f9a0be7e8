//! Mails that ask whether an address is one's own, and the page that they lead to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use oneself::mail::Mailer;
use serde_json::{Value, json};

use super::jobs::{EXPORTS, follow, path_of, run, run_all};
use super::{DATABASE, World, refused, refused_with, user_path};
use crate::support::http::Reply;
use crate::support::server::TestServer;

pub const PATH: &str = "/api/v2/jobs/verification-email";
const PAGE: &str = "/u/email-verification";
const FORM: &str = "application/x-www-form-urlencoded";
const DAY: Duration = Duration::from_secs(86_400);

/// A tenant of a server that sends mail like this.
pub async fn mailing(mailer: Option<Mailer>) -> World {
    let server = TestServer::start_mailing(mailer).await;
    let tenant = server.tenant("acme").await;
    let client = tenant.client().await;
    World { server, tenant, client }
}

/// Asks for a mail; the job when all is done that can be.
pub async fn sent(w: &World, body: Value) -> Value {
    let job = w.client.post(PATH, body).await.expect(201).json();
    run_all(&w.server).await;
    w.client.get(&path_of(&job)).await.expect(200).json()
}

fn file_of(w: &World, job: &Value) -> PathBuf {
    let name = format!("mail/{}.eml", job["id"].as_str().unwrap());
    w.server.directory.path().join(name)
}

/// A mail as it reads without its encoding.
fn read(file: &Path) -> String {
    let mail = std::fs::read_to_string(file).unwrap();
    mail.replace("=\r\n", "").replace("=3D", "=")
}

/// The ticket in the mail of a job.
fn ticket_of(w: &World, job: &Value) -> String {
    let mail = read(&file_of(w, job));
    let (_, rest) = mail
        .split_once(&format!("{}u/email-verification?ticket=", w.server.issuer()))
        .unwrap();
    rest.split_once("\r\n").unwrap().0.to_owned()
}

/// Asks for a mail to `auth0|<id>`; its ticket.
async fn ticket_for(w: &World, id: &str) -> String {
    let job = sent(w, json!({"user_id": format!("auth0|{id}")})).await;
    assert_eq!(job["status"], "completed", "{job}");
    ticket_of(w, &job)
}

async fn open(w: &World, ticket: &str) -> Reply {
    w.server.client().get(&format!("{PAGE}?ticket={ticket}")).await
}

async fn press(w: &World, ticket: &str) -> Reply {
    let body = format!("ticket={ticket}");
    w.server.client().post(PAGE, (FORM, body)).await
}

/// That it is the page for every ticket that is none, opened and pressed.
async fn is_none(w: &World, ticket: &str, why: &str) {
    let known = w.server.client().get(PAGE).await.expect(404);
    assert!(known.text().contains("This link does not work"));
    for reply in [open(w, ticket).await, press(w, ticket).await] {
        assert_eq!((reply.status, reply.text()), (404, known.text()), "{why}");
        assert_eq!(
            reply.header("content-security-policy"),
            known.header("content-security-policy")
        );
    }
}

#[tokio::test]
async fn a_mail_is_asked_for_and_its_button_verifies_the_address() {
    let w = World::new().await;
    let before = w.user("p").await;
    let job = w
        .client
        .post(PATH, json!({"user_id": "auth0|p"}))
        .await
        .expect(201)
        .json();
    assert_eq!(
        job,
        json!({"id": job["id"], "type": "verification_email", "status": "pending", "created_at": "2026-01-02T03:04:05.000Z"})
    );
    run_all(&w.server).await;
    let done = w.client.get(&path_of(&job)).await.expect(200).json();
    assert_eq!(
        (&done["status"], done.get("status_details")),
        (&json!("completed"), None),
        "{done}"
    );

    let mail = read(&file_of(&w, &job));
    for part in [
        "From: Accounts <accounts@id.example>\r\n",
        "To: p@x.example\r\n",
        "text/plain",
        "text/html",
    ] {
        assert!(mail.contains(part), "{part} in {mail}");
    }
    let ticket = ticket_of(&w, &job);
    let page = open(&w, &ticket).await.expect(200);
    assert!(
        page.text().contains("p@x.example") && page.text().contains("<button"),
        "{}",
        page.text()
    );
    assert_eq!(
        w.get("auth0|p").await.json(),
        before,
        "opening the page changes nothing"
    );
    w.server.advance(Duration::from_secs(1));
    let thanks = press(&w, &ticket).await.expect(200);
    assert!(
        thanks.text().contains("<strong>p@x.example</strong> is confirmed"),
        "{}",
        thanks.text()
    );
    let after = w.get("auth0|p").await.json();
    assert_eq!(after["email_verified"], true);
    assert_ne!(after["updated_at"], before["updated_at"]);
    is_none(&w, &ticket, "it is spent").await;

    // Also when somebody takes it back meanwhile.
    w.client
        .patch(&user_path("auth0|p"), json!({"email_verified": false}))
        .await
        .expect(200);
    is_none(&w, &ticket, "it stays spent").await;
    assert_eq!(w.get("auth0|p").await.json()["email_verified"], false);
}

#[tokio::test]
async fn a_confirmation_is_an_event_and_an_entry_of_the_log() {
    let w = World::new().await;
    w.user("p").await;
    let ticket = ticket_for(&w, "p").await;
    press(&w, &ticket).await.expect(200);
    let logs = w.client.get("/api/v2/logs?sort=date:1").await.expect(200).json();
    let of = |kind: &str| {
        let found = logs.as_array().unwrap().iter().filter(|log| log["type"] == kind);
        found.cloned().collect::<Vec<Value>>()
    };
    let told = of("sv");
    assert_eq!(told.len(), 1, "{logs}");
    for (name, value) in [
        ("user_id", "auth0|p"),
        ("user_name", "p@x.example"),
        ("connection", DATABASE),
        ("ip", "127.0.0.1"),
    ] {
        assert_eq!(told[0][name], value, "{}", told[0]);
    }
    let asked = of("sapi")
        .into_iter()
        .find(|log| log["description"] == "Send an email address verification email");
    assert_eq!(asked.unwrap()["user_id"], "auth0|p");
    assert!(!logs.to_string().contains(&ticket), "{logs}");
    // What is personal goes with her.
    w.client.delete(&user_path("auth0|p")).await.expect(204);
    let logs = w.client.get("/api/v2/logs?q=type:sv").await.expect(200).json();
    assert!(!logs.to_string().contains("p@x.example"), "{logs}");
}

#[tokio::test]
async fn an_address_of_a_linked_account_is_verified_there() {
    let w = World::new().await;
    w.user("p").await;
    let other = w.connection(json!({"name": "second", "strategy": "auth0"})).await;
    w.user_at("second", "q").await;
    w.link(
        "auth0|p",
        json!({"provider": "auth0", "user_id": "q", "connection_id": other}),
    )
    .await
    .expect(201);
    let identity = json!({"user_id": "q", "provider": "auth0", "connection_id": other});
    let job = sent(&w, json!({"user_id": "auth0|p", "identity": identity})).await;
    assert!(read(&file_of(&w, &job)).contains("To: q@x.example\r\n"));
    press(&w, &ticket_of(&w, &job)).await.expect(200);
    let user = w.get("auth0|p").await.json();
    assert_eq!(user["email_verified"], false, "{user}");
    assert_eq!(user["identities"][1]["profileData"]["email_verified"], true, "{user}");
}

#[tokio::test]
async fn what_cannot_be_mailed_to_is_refused() {
    let w = World::new().await;
    w.user("p").await;
    let usernames = json!({"name": "named", "strategy": "auth0", "options": {"requires_username": true}});
    w.connection(usernames).await;
    let phones = w.connection(json!({"name": "sms", "strategy": "sms"})).await;
    let body = json!({"connection": "sms", "phone_number": "+4915112345678"});
    let caller = w.client.post("/api/v2/users", body).await.expect(201).json();
    w.link(
        "auth0|p",
        json!({"provider": "sms", "user_id": caller["identities"][0]["user_id"], "connection_id": phones}),
    )
    .await
    .expect(201);
    let linked = w.get("auth0|p").await.json()["identities"][1].clone();
    let of = |identity: Value| json!({"user_id": "auth0|p", "identity": identity});
    let other = w.connection_named("named").await;
    for (body, code, message) in [
        (
            of(json!({"user_id": linked["user_id"], "provider": "sms"})),
            "operation_not_supported",
            "Connection must be a database connection.",
        ),
        (
            of(json!({"user_id": "q", "provider": "auth0"})),
            "inexistent_identity",
            "The user exists, but does not contain the given identity.",
        ),
        (
            of(json!({"user_id": "p", "provider": "github"})),
            "inexistent_identity",
            "The user exists, but does not contain the given identity.",
        ),
        (
            of(json!({"user_id": "p", "provider": "auth0", "connection_id": other})),
            "inexistent_identity",
            "The user exists, but does not contain the given identity.",
        ),
        (
            json!({"user_id": "auth0|p", "organization_id": "org_0123456789abcdef"}),
            "operation_not_supported",
            "organization_id is not available on this server.",
        ),
        (
            json!({"user_id": "auth0|p", "client_id": "nobody"}),
            "inexistent_client",
            "The client does not exist",
        ),
        (
            json!({"user_id": "auth0|p", "client_id": w.server.tenant("other").await.credentials.client_id.to_string()}),
            "inexistent_client",
            "The client does not exist",
        ),
    ] {
        refused_with(&w.client.post(PATH, body).await, 400, code, message);
    }
    let nobody = w.client.post(PATH, json!({"user_id": "auth0|nobody"})).await;
    refused_with(&nobody, 404, "inexistent_user", "The user does not exist.");
    let stranger = w.server.tenant("third").await.client().await;
    let hers = stranger.post(PATH, json!({"user_id": "auth0|p"})).await;
    assert_eq!(
        (hers.status, hers.body),
        (404, nobody.body),
        "another tenant's user is nobody"
    );
    assert_eq!(super::jobs::rows(&w), [0, 0], "and no job was kept");
}

#[tokio::test]
async fn every_member_of_a_verification_is_checked() {
    let w = World::new().await;
    w.user("p").await;
    let long = "x".repeat(60_000);
    for (body, names) in [
        (json!({}), "user_id"),
        (json!({"user_id": null}), "user_id"),
        (json!({"user_id": 1}), "user_id"),
        (json!({"user_id": ["auth0|p"]}), "user_id"),
        (json!({"user_id": "auth0|p", "client_id": null}), "client_id"),
        (json!({"user_id": "auth0|p", "client_id": {}}), "client_id"),
        (json!({"user_id": "auth0|p", "identity": null}), "identity"),
        (json!({"user_id": "auth0|p", "identity": "auth0|p"}), "identity"),
        (json!({"user_id": "auth0|p", "identity": {}}), "user_id"),
        (json!({"user_id": "auth0|p", "identity": {"user_id": "p"}}), "provider"),
        (
            json!({"user_id": "auth0|p", "identity": {"user_id": 7, "provider": "auth0"}}),
            "user_id",
        ),
        (
            json!({"user_id": "auth0|p", "identity": {"user_id": "p", "provider": "nothing"}}),
            "provider",
        ),
        (
            json!({"user_id": "auth0|p", "identity": {"user_id": "p", "provider": "auth0", "x": 1}}),
            "x",
        ),
        (
            json!({"user_id": "auth0|p", "identity": {"user_id": "p", "provider": "auth0", "connection_id": "con_1"}}),
            "connection_id",
        ),
        (
            json!({"user_id": "auth0|p", "organization_id": null}),
            "organization_id",
        ),
        (json!({"user_id": "auth0|p", "organization_id": 1}), "organization_id"),
        (json!({"user_id": "auth0|p", "more": 1}), "more"),
    ] {
        let reply = w.client.post(PATH, body.clone()).await;
        refused(&reply, 400, "invalid_body");
        assert!(reply.text().contains(names), "{body}: {}", reply.text());
    }
    refused(
        &w.client.post(PATH, json!({"user_id": long})).await,
        404,
        "inexistent_user",
    );
    let client = json!({"user_id": "auth0|p", "client_id": long});
    refused(&w.client.post(PATH, client).await, 400, "inexistent_client");
    let identity = json!({"user_id": "auth0|p", "identity": {"user_id": long, "provider": "auth0"}});
    refused(&w.client.post(PATH, identity).await, 400, "inexistent_identity");
    assert_eq!(super::jobs::rows(&w), [0, 0], "no job was kept");
}

#[tokio::test]
async fn a_ticket_ends_with_what_it_is_bound_to() {
    let w = World::new().await;
    for id in ["p", "q", "r", "s", "t"] {
        w.user(id).await;
    }
    let other = w.tenant.client().await;
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
    drop(other);
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
    let name = "<img src=x> https://evil.example\r\nBcc: c@x.example";
    let app = w
        .client
        .post("/api/v2/clients", json!({"name": name.replace("\r\n", " ")}))
        .await
        .expect(201)
        .json();
    let job = sent(&w, json!({"user_id": "auth0|p", "client_id": app["client_id"]})).await;
    let mail = read(&file_of(&w, &job));
    assert!(
        mail.contains("an account at <img src=x> https://evil.example Bcc: c@x.example.\r\n"),
        "{mail}"
    );
    assert!(mail.contains("&lt;img src=x&gt;"), "{mail}");
    let (head, _) = mail.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("Bcc") && head.contains("To: a&b'c@x.example"), "{head}");

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
        use base64::Engine;
        let digest = base64::engine::general_purpose::STANDARD.encode(digest);
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

#[tokio::test]
async fn sec_api_13_a_hundred_mails_of_a_tenant_are_under_way() {
    let w = World::new().await;
    w.user("p").await;
    for _ in 0..100 {
        w.client.post(PATH, json!({"user_id": "auth0|p"})).await.expect(201);
    }
    refused(
        &w.client.post(PATH, json!({"user_id": "auth0|p"})).await,
        429,
        "too_many_jobs",
    );
}

#[tokio::test]
async fn without_a_way_to_send_mail_the_job_fails_and_says_so() {
    let w = mailing(None).await;
    w.user("p").await;
    let job = sent(&w, json!({"user_id": "auth0|p"})).await;
    assert_eq!(job["status"], "failed");
    assert_eq!(job["status_details"], "This server has no way to send mail.");
}

#[tokio::test]
async fn a_mail_whose_user_has_gone_is_not_sent() {
    let w = World::new().await;
    w.user("p").await;
    let job = w
        .client
        .post(PATH, json!({"user_id": "auth0|p"}))
        .await
        .expect(201)
        .json();
    w.client.delete(&user_path("auth0|p")).await.expect(204);
    run_all(&w.server).await;
    let job = w.client.get(&path_of(&job)).await.expect(200).json();
    assert_eq!(job["status"], "failed");
    assert_eq!(job["status_details"], "The user does not have that address any more.");
    assert!(!file_of(&w, &job).exists());
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

#[tokio::test]
async fn a_mail_that_cannot_be_sent_is_tried_again_for_half_an_hour() {
    let folder = tempfile::tempdir().unwrap();
    let occupied = folder.path().join("mail");
    std::fs::write(&occupied, "").unwrap();
    let mailer = || Some(Mailer::into_directory("a@x.example", &occupied).unwrap());
    let w = mailing(mailer()).await;
    w.user("p").await;
    w.user("q").await;
    let mut job = sent(&w, json!({"user_id": "auth0|p"})).await;
    for minutes in [1, 2, 4, 8, 16] {
        assert_eq!(job["status"], "pending", "{job}");
        assert_eq!(job["status_details"], "The mail could not be written to its directory.");
        w.server.advance(Duration::from_secs(60 * minutes - 1));
        assert!(w.server.app.take_job().await.unwrap().is_none(), "not before its time");
        w.server.advance(Duration::from_secs(1));
        run_all(&w.server).await;
        job = w.client.get(&path_of(&job)).await.expect(200).json();
    }
    assert_eq!(job["status"], "failed", "{job}");
    assert_eq!(job["status_details"], "The mail could not be written to its directory.");

    let waiting = sent(&w, json!({"user_id": "auth0|q"})).await;
    std::fs::remove_file(&occupied).unwrap();
    w.server.advance(Duration::from_secs(60));
    run_all(&w.server).await;
    let done = w.client.get(&path_of(&waiting)).await.expect(200).json();
    assert_eq!(
        (&done["status"], done.get("status_details")),
        (&json!("completed"), None),
        "{done}"
    );
    use std::os::unix::fs::PermissionsExt;
    let file = occupied.join(format!("{}.eml", done["id"].as_str().unwrap()));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        [mode(&file), mode(&occupied)],
        [0o600, 0o700],
        "links are for one reader"
    );
}
