//! What the log tells of bodies that are no JSON, and of users who come by a file.

use oneself::domain::Scope;
use serde_json::{Value, json};

use super::super::jobs::run_all;
use super::super::jobs_imports::{imported, summary};
use super::super::jobs_uploads::{FORM, IMPORTS, form, upload};
use super::*;

/// What the newest entry of a call says that was sent.
fn sent(logs: &[Value]) -> &Value {
    let call = logs.iter().find(|log| log["type"] == "sapi" || log["type"] == "fapi");
    &call.unwrap()["details"]["request"]["body"]
}

#[tokio::test]
async fn sec_ops_11_a_form_is_told_of_like_json() {
    const FORM: &str = "application/x-www-form-urlencoded";
    let w = World::new().await;
    let denied = w.only(&[Scope::ReadUsers]).await;
    for (n, (json, form, status)) in [
        (
            json!({"connection": DATABASE, "email": "a@x.example", "password": PASSWORD, "email_verified": true,
                "user_metadata": {"email": "secret@x.example"}}),
            "connection=Username-Password-Authentication&email=a%40x.example&password=Correct-Horse-1&email_verified=true\
             &user_metadata[email]=secret%40x.example",
            201,
        ),
        (
            json!({"connection": DATABASE, "email": "secret@x.example", "secret": "x"}),
            "connection=Username-Password-Authentication&email=secret%40x.example&secret=x",
            400,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        w.client.post("/api/v2/users", json).await.expect(status);
        let by_json = w.logs("").await;
        let made = w.client.get("/api/v2/users").await.expect(200).json();
        for user in made.as_array().unwrap() {
            w.client.delete(&user_path(user["user_id"].as_str().unwrap())).await.expect(204);
        }
        w.client.post("/api/v2/users", (FORM, form)).await.expect(status);
        let by_form = w.logs("").await;
        assert!(sent(&by_json).is_object(), "{n}");
        assert_eq!(sent(&by_form), sent(&by_json));
        assert_eq!(by_form[0]["type"], by_json[0]["type"]);
    }
    w.user("p").await;
    let change = (
        FORM,
        "password=Correct-Horse-2&connection=Username-Password-Authentication",
    );
    w.client.patch(&user_path("auth0|p"), change).await.expect(200);
    assert_eq!(types(&w.logs("per_page=2").await), ["scp", "sapi"]);
    // What cannot be read, or is not read, is not told.
    let denied = denied.post("/api/v2/users", (FORM, "email=secret%40x.example")).await;
    refused(&denied, 403, "insufficient_scope");
    for wrong in ["email=secret%40x.example&a[b][c]=secret", "email=secret%f", "secret"] {
        w.client.post("/api/v2/users", (FORM, wrong)).await.expect(400);
    }
    let typed = ("text/plain", r#"{"email": "secret@x.example"}"#);
    w.client.post("/api/v2/users", typed).await.expect(415);
    let logs = w.logs("per_page=100").await;
    let text = format!("{logs:?}");
    for secret in ["secret@", "secret%", "Correct-Horse", PASSWORD] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn sec_ops_11_no_row_of_an_upload_is_in_a_log_and_its_users_are_not_told_one_by_one() {
    let w = World::new().await;
    let id = w.connection_named(DATABASE).await;
    let hash = bcrypt::hash(PASSWORD, 10).unwrap();
    let rows: Vec<Value> = (0..20)
        .map(|n| json!({"email": format!("canary-{n}@x.example"), "password_hash": hash}))
        .collect();
    let job = imported(&w, &json!(rows), &[]).await;
    assert_eq!(job["summary"], summary(20, 0, 0));
    let call = w.logs("").await;
    assert_eq!(types(&call), ["sapi"], "one call, and none of its twenty users");
    assert_eq!(call[0]["description"], "Create import users job");
    assert_eq!(call[0]["details"]["response"]["body"]["id"], job["id"]);

    let file = json!(rows).to_string();
    let parts = [
        ("users", None, file.as_bytes()),
        ("connection_id", None, b"canary".as_slice()),
    ];
    let whole = form(&parts);
    for (media_type, status) in [
        (FORM, 400),
        ("multipart/form-data; boundary=canary", 400),
        ("application/json", 415),
        ("application/x-www-form-urlencoded", 415),
    ] {
        w.client.post(IMPORTS, (media_type, whole.clone())).await.expect(status);
        w.client.post(IMPORTS, (media_type, file.clone())).await;
    }
    upload(&w, &id, file.as_bytes(), &[("external_id", None, b"canary\n")])
        .await
        .expect(400);
    let stranger = w.only(&[Scope::ReadUsers]).await;
    stranger.post(IMPORTS, (FORM, whole)).await.expect(403);
    run_all(&w.server).await;
    let logs = w.logs("per_page=100").await;
    assert_eq!(logs.len(), 1 + 8 + 1 + 1);
    assert!(logs.iter().take(10).all(|log| log["type"] == "fapi"), "{logs:?}");
    let text = format!("{logs:?}");
    for secret in ["canary", "$2b$", hash.as_str()] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_hash_that_is_made_anew_is_no_change_of_a_password() {
    let w = World::new().await;
    let row = json!([{"email": "p@x.example", "user_id": "p", "password_hash": bcrypt::hash(PASSWORD, 10).unwrap()}]);
    assert_eq!(imported(&w, &row, &[]).await["summary"], summary(1, 0, 0));
    let web = w.web().await;
    let before = w.logs("per_page=100").await.len();
    let is_ours = async || {
        let hash = "SELECT password FROM identities WHERE password IS NOT NULL";
        w.server.directory.texts(hash).await[0].starts_with("$argon2id$")
    };
    assert!(!is_ours().await);
    for _ in 0..2 {
        web.log_in("p").await;
        assert!(is_ours().await);
    }
    let logs = w.logs("per_page=100").await;
    assert_eq!(types(&logs[..logs.len() - before]), ["s", "s"]);
    assert_eq!(types(&w.logs_of("auth0|p").await), ["s", "s"]);
}
