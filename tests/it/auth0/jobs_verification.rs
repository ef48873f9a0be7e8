//! Mails that ask whether an address is one's own: what is asked, sent and confirmed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use oneself::mail::Mailer;
use serde_json::{Value, json};

use super::jobs::{path_of, run_all};
use super::{DATABASE, World, refused, refused_with, user_path};
use crate::support::http::Reply;
use crate::support::server::TestServer;

pub const PATH: &str = "/api/v2/jobs/verification-email";
pub const PAGE: &str = "/u/email-verification";
pub const FORM: &str = "application/x-www-form-urlencoded";

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

pub fn file_of(w: &World, job: &Value) -> PathBuf {
    let name = format!("mail/{}.eml", job["id"].as_str().unwrap());
    w.server.directory.path().join(name)
}

/// A mail as it reads without its encoding.
pub fn read(file: &Path) -> String {
    let mail = std::fs::read_to_string(file).unwrap();
    mail.replace("=\r\n", "").replace("=3D", "=")
}

/// The ticket in the mail of a job.
pub fn ticket_of(w: &World, job: &Value) -> String {
    let mail = read(&file_of(w, job));
    let (_, rest) = mail
        .split_once(&format!("{}u/email-verification?ticket=", w.server.issuer()))
        .unwrap();
    rest.split_once("\r\n").unwrap().0.to_owned()
}

/// Asks for a mail to `auth0|<id>`; its ticket.
pub async fn ticket_for(w: &World, id: &str) -> String {
    let job = sent(w, json!({"user_id": format!("auth0|{id}")})).await;
    assert_eq!(job["status"], "completed", "{job}");
    ticket_of(w, &job)
}

pub async fn open(w: &World, ticket: &str) -> Reply {
    w.server.client().get(&format!("{PAGE}?ticket={ticket}")).await
}

pub async fn press(w: &World, ticket: &str) -> Reply {
    let body = format!("ticket={ticket}");
    w.server.client().post(PAGE, (FORM, body)).await
}

/// That it is the page for every ticket that is none, opened and pressed.
pub async fn is_none(w: &World, ticket: &str, why: &str) {
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
    assert_eq!(super::jobs::rows(&w).await, [0, 0], "and no job was kept");
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
    assert_eq!(super::jobs::rows(&w).await, [0, 0], "no job was kept");
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
