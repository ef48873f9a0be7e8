//! Uploads of imports: which are taken, and what is said of the others.

use std::time::Duration;

use oneself::app::jobs::UPLOADS_AT_ONCE;
use serde_json::{Value, json};

use super::jobs::{path_of, rows, run_all};
use super::{DATABASE, World, refused, refused_with};
use crate::support::http::{Reply, raw};

pub const IMPORTS: &str = "/api/v2/jobs/users-imports";

pub const FORM: &str = "multipart/form-data; boundary=------------------------d74496d66958873e";

/// A part: its name, the name of its file if it is one, and what it holds.
pub type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

/// The body with these parts.
pub fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, content) in parts {
        let file = file.map(|file| format!("; filename=\"{file}\"\r\nContent-Type: application/json"));
        let head = format!(
            "--------------------------d74496d66958873e\r\nContent-Disposition: form-data; name=\"{name}\"{}\r\n\r\n",
            file.unwrap_or_default()
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--------------------------d74496d66958873e--\r\n");
    body
}

/// Sends a file of these rows for a connection, with more parts.
pub async fn upload(w: &World, connection: &str, users: &[u8], more: &[Part<'_>]) -> Reply {
    let mut parts = vec![
        ("users", Some("users.json"), users),
        ("connection_id", None, connection.as_bytes()),
    ];
    parts.extend_from_slice(more);
    w.client.post(IMPORTS, (FORM, form(&parts))).await
}

#[tokio::test]
async fn an_import_is_asked_for_and_shown() {
    let w = World::new().await;
    let connection = w.connection_named(DATABASE).await;
    let more: [Part<'_>; 3] = [
        ("upsert", None, b"true"),
        ("external_id", None, b"batch 7"),
        ("send_completion_email", None, b"false"),
    ];
    let file = br#"[{"email":"a@x.example"}]"#;
    let job = upload(&w, &connection, file, &more).await.expect(202).json();
    let expected = json!({"id": job["id"], "type": "users_import", "status": "pending", "created_at": job["created_at"],
        "connection_id": connection, "connection": DATABASE, "external_id": "batch 7"});
    assert_eq!(job, expected);
    run_all(&w.server).await;
    let done = w.client.get(&path_of(&job)).await.expect(200).json();
    assert_eq!(done["status"], "completed");
    assert_eq!(
        done["summary"],
        json!({"failed": 0, "updated": 0, "inserted": 1, "total": 1})
    );
    assert_eq!(done["percentage_done"], 100);
    w.client.get(&format!("{}/errors", path_of(&job))).await.expect(204);
    assert_eq!(rows(&w).await, [1, 0], "what was uploaded is not kept");
}

#[tokio::test]
async fn uploads_are_refused_by_name_and_leave_nothing() {
    let w = World::new().await;
    let id = w.connection_named(DATABASE).await;
    let social = w.connection(json!({"name": "github", "strategy": "github"})).await;
    let off = json!({"name": "Off", "strategy": "auth0", "authentication": {"active": false}});
    let off = w.connection(off).await;
    let custom = json!({"name": "Custom", "strategy": "auth0", "options": {"enabledDatabaseCustomization": true}});
    let custom = w.connection(custom).await;
    let other = w.server.tenant("other").await.client().await;
    let theirs = other.get("/api/v2/connections").await.expect(200).json();
    let theirs = theirs[0]["id"].as_str().unwrap();
    let users: Part<'_> = ("users", Some("u.json"), b"[]");
    let at = |id| -> Part<'_> { ("connection_id", None, str::as_bytes(id)) };
    let long = "x".repeat(301);
    for (parts, message) in [
        (vec![], "Must provide 'users' file as multipart part."),
        (vec![at(&id)], "Must provide 'users' file as multipart part."),
        (
            vec![("users", Some("u.json"), b"".as_slice()), at(&id)],
            "Users file must not be empty.",
        ),
        (vec![users], "Must provide 'connection_id' as multipart part."),
        (vec![users, at(&social)], "Connection must be a database connection."),
        (vec![users, at(&off)], "Connection must be enabled."),
        (
            vec![users, at(&custom)],
            "Custom Database Connections without import mode are not allowed.",
        ),
        (
            vec![users, at("con_00000000000000aa")],
            "The connection does not exist.",
        ),
        (
            vec![users, at("con_AAAAAAAAAAAAAAAA")],
            "The connection does not exist.",
        ),
        (vec![users, at(theirs)], "The connection does not exist."),
        (vec![users, at("con_1")], "connection_id"),
        (vec![users, at("")], "connection_id"),
        (vec![users, at(&long)], "connection_id"),
        (vec![users, at(&id), at(&id)], "connection_id"),
        (vec![users, users, at(&id)], "users"),
        (vec![users, at(&id), ("upsert", None, b"1")], "upsert"),
        (vec![users, at(&id), ("upsert", None, b"null")], "upsert"),
        (
            vec![users, at(&id), ("send_completion_email", None, b"yes")],
            "send_completion_email",
        ),
        (
            vec![users, at(&id), ("external_id", None, long.as_bytes())],
            "external_id",
        ),
        (vec![users, at(&id), ("external_id", None, b"a\0b")], "external_id"),
        (vec![users, at(&id), ("external_id", None, b"\xff\xfe")], "external_id"),
        (vec![users, at(&id), ("x", None, b"1")], "x"),
        (vec![users, at(&id), ("", None, b"1")], "Additional properties"),
        (vec![users, at(&id), ("../../etc/passwd", None, b"1")], "passwd"),
    ] {
        let reply = w.client.post(IMPORTS, (FORM, form(&parts))).await;
        let body = reply.clone().expect(400).json();
        assert_eq!(body["statusCode"], 400, "{body}");
        assert!(body["errorCode"].is_string(), "{body}");
        assert!(body["message"].as_str().unwrap().contains(message), "{message}: {body}");
    }
    assert_eq!(rows(&w).await, [0, 0]);
}

#[tokio::test]
async fn sec_api_10_what_is_no_form_is_refused() {
    let w = World::new().await;
    let id = w.connection_named(DATABASE).await;
    let fine = form(&[("users", Some("u.json"), b"[]"), ("connection_id", None, id.as_bytes())]);
    for media_type in [
        "application/json",
        "text/plain",
        "multipart/form-data",
        "multipart/mixed; boundary=x",
        "",
    ] {
        let content = (media_type, fine.clone());
        w.client.post(IMPORTS, content).await.expect(415);
    }
    let end = fine.len() - 30;
    let broken: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"nothing of the kind".to_vec(),
        fine[..end].to_vec(),
        fine[..40].to_vec(),
        String::from_utf8_lossy(&fine)
            .replace("name=\"users\"", "")
            .into_bytes(),
        String::from_utf8_lossy(&fine)
            .replace("Content-Disposition", "X")
            .into_bytes(),
        String::from_utf8_lossy(&fine).replace("\r\n\r\n", "\r\n").into_bytes(),
    ];
    for body in broken {
        let reply = w.client.post(IMPORTS, (FORM, body.clone())).await;
        refused(&reply, 400, "invalid_body");
    }
    assert_eq!(rows(&w).await, [0, 0]);
    // Where a file says that it was is nobody's business.
    let paths = ["../../../etc/passwd", "/etc/passwd", "C:\\u.json", "a\u{202e}b"];
    for name in paths {
        let parts: [Part<'_>; 2] = [("users", Some(name), b"[]"), ("connection_id", None, id.as_bytes())];
        w.client.post(IMPORTS, (FORM, form(&parts))).await.expect(202);
        run_all(&w.server).await;
    }
    let mut names = std::fs::read_dir(w.server.directory.path()).unwrap();
    assert!(!names.any(|name| name.unwrap().file_name().to_string_lossy().contains("passwd")));
}

#[tokio::test]
async fn sec_api_10_a_file_that_is_too_large_is_refused_before_it_is_read() {
    let w = World::new().await;
    let id = w.connection_named(DATABASE).await;
    let message = "Payload content length greater than maximum allowed: 512000";
    let large = vec![b' '; 600_000];
    let reply = upload(&w, &id, &large, &[]).await;
    refused_with(&reply, 413, "payload_too_large", message);
    let bare = form(&[
        ("users", Some("users.json"), b""),
        ("connection_id", None, id.as_bytes()),
    ])
    .len();
    let mut file = b"[]".to_vec();
    file.resize(512_000 - bare + 1, b' ');
    refused_with(&upload(&w, &id, &file, &[]).await, 413, "payload_too_large", message);
    file.pop();
    upload(&w, &id, &file, &[]).await.expect(202);
    run_all(&w.server).await;

    // One that announces too much is answered while nothing of it has come.
    let token = w.tenant.token(oneself::domain::Scopes::for_machines()).await;
    let head = format!(
        "POST {IMPORTS} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nContent-Type: {FORM}\r\n\
         Content-Length: 600000\r\n\r\n",
        w.server.address
    );
    let answer = String::from_utf8_lossy(&raw(w.server.address, head.as_bytes()).await).into_owned();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    // And one that does not announce it, when it has come so far.
    let mut chunked = head
        .replace("Content-Length: 600000", "Transfer-Encoding: chunked")
        .into_bytes();
    for _ in 0..70 {
        chunked.extend_from_slice(b"2000\r\n");
        chunked.extend_from_slice(&[b'x'; 0x2000]);
        chunked.extend_from_slice(b"\r\n");
    }
    let answer = String::from_utf8_lossy(&raw(w.server.address, &chunked).await).into_owned();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_eq!(rows(&w).await, [1, 0], "only the one that was taken");
}

#[tokio::test]
async fn an_upload_that_stops_leaves_nothing() {
    let w = World::new().await;
    let id = w.connection_named(DATABASE).await;
    let token = w.tenant.token(oneself::domain::Scopes::for_machines()).await;
    let body = form(&[("users", Some("u.json"), b"[]"), ("connection_id", None, id.as_bytes())]);
    let mut bytes = format!(
        "POST {IMPORTS} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nContent-Type: {FORM}\r\n\
         Content-Length: {}\r\n\r\n",
        w.server.address,
        body.len() + 1
    )
    .into_bytes();
    bytes.extend_from_slice(&body);
    let mut stream = std::net::TcpStream::connect(w.server.address).unwrap();
    std::io::Write::write_all(&mut stream, &bytes).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    tokio::task::spawn_blocking(move || {
        let _ = std::io::Read::read_to_end(&mut stream, &mut answer);
    })
    .await
    .unwrap();
    assert_eq!(rows(&w).await, [0, 0]);
    w.client.get("/api/v2/users").await.expect(200);
}

#[tokio::test]
async fn sec_api_13_two_imports_of_a_tenant_are_under_way() {
    let w = World::new().await;
    let id = w.connection_named(DATABASE).await;
    for _ in 0..2 {
        upload(&w, &id, b"[]", &[]).await.expect(202);
    }
    refused(&upload(&w, &id, b"[]", &[]).await, 429, "too_many_jobs");
    let other = w.server.tenant("other").await;
    let client = other.client().await;
    let theirs = client.get("/api/v2/connections").await.expect(200).json();
    let theirs: &Value = theirs
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == DATABASE)
        .unwrap();
    let parts: [Part<'_>; 2] = [
        ("users", None, b"[]"),
        ("connection_id", None, theirs["id"].as_str().unwrap().as_bytes()),
    ];
    client.post(IMPORTS, (FORM, form(&parts))).await.expect(202);
    run_all(&w.server).await;
    let job = upload(&w, &id, b"[]", &[]).await.expect(202).json();
    w.server.advance(Duration::from_secs(2 * 3600));
    run_all(&w.server).await;
    let given_up = w.client.get(&path_of(&job)).await.expect(200).json();
    assert_eq!(given_up["status"], "failed");
    assert_eq!(given_up["status_details"], "The job was given up after 2 hours.");
}

#[tokio::test]
async fn sec_api_13_so_many_uploads_are_in_memory_at_once() {
    let w = World::new().await;
    let id = w.connection_named(DATABASE).await;
    let mut others: Vec<_> = (0..UPLOADS_AT_ONCE)
        .map(|_| w.server.app.room_for_upload().unwrap())
        .collect();
    let refusal = upload(&w, &id, b"[]", &[]).await;
    refused(&refusal, 503, "busy");
    assert_eq!(refusal.header("retry-after"), "5");
    assert_eq!(rows(&w).await, [0, 0]);
    others.pop();
    // Whoever was taken or refused has left her room to the next.
    for (users, status) in [(&b"[]"[..], 202), (b"", 400), (b"[]", 202), (b"[]", 429)] {
        upload(&w, &id, users, &[]).await.expect(status);
    }
}
