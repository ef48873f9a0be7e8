//! Imports: what rows do, and what is said of those that are refused.

use serde_json::{Value, json};

use super::jobs::{path_of, run_all};
use super::jobs_uploads::{Part, upload};
use super::{DATABASE, World, user_path};

/// Imports these rows; the job in the end.
pub async fn imported(w: &World, rows: &Value, more: &[Part<'_>]) -> Value {
    let id = w.connection_named(DATABASE).await;
    let job = upload(w, &id, rows.to_string().as_bytes(), more)
        .await
        .expect(202)
        .json();
    run_all(&w.server).await;
    w.client.get(&path_of(&job)).await.expect(200).json()
}

pub async fn errors_of(w: &World, job: &Value) -> Value {
    let reply = w.client.get(&format!("{}/errors", path_of(job))).await;
    match reply.status {
        204 => json!([]),
        _ => reply.expect(200).json(),
    }
}

pub const UPSERT: [Part<'static>; 1] = [("upsert", None, b"true")];

pub fn summary(inserted: u64, updated: u64, failed: u64) -> Value {
    let total = inserted + updated + failed;
    json!({"failed": failed, "updated": updated, "inserted": inserted, "total": total})
}

#[tokio::test]
async fn rows_become_users_who_log_in_with_their_old_passwords() {
    let w = World::new().await;
    let hash = bcrypt::hash(super::PASSWORD, 10).unwrap();
    let digest = json!({"algorithm": "sha256", "hash": {"value": hex::encode(
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, super::PASSWORD.as_bytes())), "encoding": "hex"}});
    let rows = json!([
        {"email": "P@x.example", "user_id": "p", "email_verified": true, "given_name": "Ines", "family_name": "Roth",
            "name": "Ines Roth", "nickname": "ines", "picture": "https://x.example/p.png", "blocked": false,
            "password_hash": hash, "user_metadata": {"a": 1}, "app_metadata": {"b": [2]}},
        {"email": "q@x.example", "custom_password_hash": digest},
    ]);
    let job = imported(&w, &rows, &[]).await;
    assert_eq!(
        (&job["status"], &job["summary"]),
        (&json!("completed"), &summary(2, 0, 0)),
        "{job}"
    );
    let user = w.get("auth0|p").await.expect(200).json();
    for (name, value) in [
        ("email", json!("p@x.example")),
        ("email_verified", json!(true)),
        ("given_name", json!("Ines")),
        ("user_metadata", json!({"a": 1})),
        ("app_metadata", json!({"b": [2]})),
    ] {
        assert_eq!(user[name], value, "{name}");
    }
    let web = w.web().await;
    web.log_in("p").await;
    web.log_in("q").await;
    let q = w
        .client
        .get("/api/v2/users-by-email?email=q@x.example")
        .await
        .expect(200)
        .json();
    assert_eq!(q[0]["email_verified"], false, "unless a row says so");
}

#[tokio::test]
async fn every_member_of_a_row_is_checked_and_the_others_are_imported() {
    let w = World::new().await;
    w.user("there").await;
    let long = |n| "x".repeat(n);
    let eleven: Vec<Value> = (0..11).map(|_| json!({"totp": {"secret": "x"}})).collect();
    let hash = "$2b$10$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzABCDE";
    let cases = [
        (json!("a"), "INVALID_TYPE", ""),
        (json!(null), "INVALID_TYPE", ""),
        (json!([]), "INVALID_TYPE", ""),
        (json!({}), "OBJECT_REQUIRED", "email"),
        (json!({"email": null}), "INVALID_TYPE", "email"),
        (json!({"email": 1}), "INVALID_TYPE", "email"),
        (json!({"email": "x"}), "FORMAT", "email"),
        (json!({"email": "a@x.example\r\nBcc: b@y.example"}), "FORMAT", "email"),
        (json!({"email": format!("{}@x.example", long(300))}), "FORMAT", "email"),
        (
            json!({"email": "a@x.example", "email_verified": "yes"}),
            "INVALID_TYPE",
            "email_verified",
        ),
        (
            json!({"email": "a@x.example", "phone_number": "12"}),
            "PATTERN",
            "phone_number",
        ),
        (
            json!({"email": "a@x.example", "phone_verified": 1}),
            "INVALID_TYPE",
            "phone_verified",
        ),
        (json!({"email": "a@x.example", "user_id": "a b"}), "PATTERN", "user_id"),
        (
            json!({"email": "a@x.example", "user_id": long(256)}),
            "MAX_LENGTH",
            "user_id",
        ),
        (
            json!({"email": "a@x.example", "username": ""}),
            "MIN_LENGTH",
            "username",
        ),
        (
            json!({"email": "n@x.example", "username": "ines"}),
            "NOT_PASSED",
            "username",
        ),
        (
            json!({"email": "a@x.example", "given_name": long(151)}),
            "MAX_LENGTH",
            "given_name",
        ),
        (
            json!({"email": "a@x.example", "family_name": ""}),
            "MIN_LENGTH",
            "family_name",
        ),
        (json!({"email": "a@x.example", "name": "\u{202e}x"}), "FORMAT", "name"),
        (
            json!({"email": "a@x.example", "nickname": {}}),
            "INVALID_TYPE",
            "nickname",
        ),
        (
            json!({"email": "a@x.example", "picture": "javascript:1"}),
            "FORMAT",
            "picture",
        ),
        (
            json!({"email": "a@x.example", "blocked": "no"}),
            "INVALID_TYPE",
            "blocked",
        ),
        (
            json!({"email": "a@x.example", "password": "x"}),
            "NOT_PASSED",
            "password",
        ),
        (
            json!({"email": "a@x.example", "identities": []}),
            "NOT_PASSED",
            "identities",
        ),
        (
            json!({"email": "a@x.example", "password_hash": "x"}),
            "PATTERN",
            "password_hash",
        ),
        (
            json!({"email": "a@x.example", "password_hash": hash.replace("$10$", "$12$")}),
            "PATTERN",
            "password_hash",
        ),
        (
            json!({"email": "a@x.example", "password_hash": hash, "custom_password_hash": {}}),
            "NOT_PASSED",
            "custom_password_hash",
        ),
        (
            json!({"email": "a@x.example", "custom_password_hash": {"algorithm": "rot13", "hash": {"value": "x"}}}),
            "NOT_PASSED",
            "custom_password_hash.algorithm",
        ),
        (
            json!({"email": "a@x.example", "custom_password_hash": "x"}),
            "INVALID_TYPE",
            "custom_password_hash",
        ),
        (
            json!({"email": "a@x.example", "user_metadata": []}),
            "INVALID_TYPE",
            "user_metadata",
        ),
        (
            json!({"email": "a@x.example", "user_metadata": {"a.b": 1}}),
            "NOT_PASSED",
            "user_metadata",
        ),
        (
            json!({"email": "a@x.example", "app_metadata": {"user_id": 1}}),
            "NOT_PASSED",
            "app_metadata.user_id",
        ),
        (
            json!({"email": "a@x.example", "mfa_factors": {}}),
            "INVALID_TYPE",
            "mfa_factors",
        ),
        (
            json!({"email": "a@x.example", "mfa_factors": []}),
            "ARRAY_LENGTH_SHORT",
            "mfa_factors",
        ),
        (
            json!({"email": "a@x.example", "mfa_factors": eleven}),
            "ARRAY_LENGTH_LONG",
            "mfa_factors",
        ),
        (
            json!({"email": "a@x.example", "mfa_factors": [{}]}),
            "ANY_OF_MISSING",
            "mfa_factors",
        ),
        (
            json!({"email": "a@x.example", "mfa_factors": [{"totp": {"secret": "x"}, "email": {"value": "x"}}]}),
            "ANY_OF_MISSING",
            "mfa_factors",
        ),
        (
            json!({"email": "a@x.example", "mfa_factors": [{"totp": {"value": "x"}}]}),
            "OBJECT_REQUIRED",
            "mfa_factors[0].totp.secret",
        ),
        (
            json!({"email": "a@x.example", "mfa_factors": [{"totp": {"secret": "SEED"}}]}),
            "MFA_FACTORS_FAILED",
            "mfa_factors",
        ),
        (json!({"email": "THERE@x.example"}), "DUPLICATED_USER", ""),
        (
            json!({"email": "new@x.example", "user_id": "there"}),
            "DUPLICATED_USER",
            "",
        ),
    ];
    let mut rows: Vec<Value> = cases.iter().map(|(row, ..)| row.clone()).collect();
    rows.push(json!({"email": "a@x.example"}));
    let job = imported(&w, &json!(rows), &[]).await;
    assert_eq!(job["status"], "completed");
    assert_eq!(job["summary"], summary(1, 0, cases.len() as u64), "{job}");
    let errors = errors_of(&w, &job).await;
    for ((row, code, path), told) in cases.iter().zip(errors.as_array().unwrap()) {
        let error = &told["errors"][0];
        assert_eq!(
            (error["code"].as_str(), error["path"].as_str()),
            (Some(*code), Some(*path)),
            "{row}: {told}"
        );
        assert!(!error["message"].as_str().unwrap().is_empty());
        let mut shown = row.clone();
        for (name, value) in shown.as_object_mut().into_iter().flatten() {
            if ["password", "password_hash", "custom_password_hash", "mfa_factors"].contains(&name.as_str()) {
                *value = json!("*****");
            }
        }
        assert_eq!(told["user"], shown, "secrets are blanked");
    }
    assert!(!errors.to_string().contains("SEED"));
    let found = w
        .client
        .get("/api/v2/users-by-email?email=a@x.example")
        .await
        .expect(200)
        .json();
    assert_eq!(found.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_serde_would_let_through_is_a_row_that_is_refused() {
    let w = World::new().await;
    let deep = format!(
        r#"{{"email":"c@x.example","user_metadata":{{"a":{}1{}}}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    let rows = format!(
        r#"[{{"email":"a@x.example","email":"b@x.example"}},{{"email":"a\u0000@x.example"}},{deep},{{"email":"d@x.example"}}]"#
    );
    let id = w.connection_named(DATABASE).await;
    let job = upload(&w, &id, rows.as_bytes(), &[]).await.expect(202).json();
    run_all(&w.server).await;
    let job = w.client.get(&path_of(&job)).await.expect(200).json();
    assert_eq!(job["summary"], summary(1, 0, 3), "{job}");
    let codes: Vec<Value> = errors_of(&w, &job)
        .await
        .as_array()
        .unwrap()
        .iter()
        .map(|told| told["errors"][0]["code"].clone())
        .collect();
    assert_eq!(codes, ["NOT_PASSED", "FORMAT", "NOT_PASSED"]);
}

#[tokio::test]
async fn two_rows_of_one_user_are_an_error_with_and_without_upsert() {
    for more in [&[][..], &UPSERT[..]] {
        let w = World::new().await;
        let rows = json!([
            {"email": "a@x.example", "user_id": "a", "name": "first"},
            {"email": "A@x.example", "name": "second"},
            {"email": "b@x.example", "user_id": "a"},
            {"email": "broken"},
            {"email": "c@x.example"},
        ]);
        let job = imported(&w, &rows, more).await;
        assert_eq!(job["summary"], summary(2, 0, 3), "{job}");
        let errors = errors_of(&w, &job).await;
        let codes: Vec<&Value> = errors
            .as_array()
            .unwrap()
            .iter()
            .map(|told| &told["errors"][0]["code"])
            .collect();
        assert_eq!(codes, ["DUPLICATED_USER", "DUPLICATED_USER", "FORMAT"]);
        assert_eq!(w.get("auth0|a").await.expect(200).json()["name"], "first");
    }
}

#[tokio::test]
async fn upsert_changes_who_is_there_and_replaces_metadata() {
    let w = World::new().await;
    w.user("p").await;
    w.user("q").await;
    let before = json!({"user_metadata": {"old": 1, "keep": {"x": 1}}, "app_metadata": {"old": 1}, "nickname": "n"});
    w.client.patch(&user_path("auth0|p"), before).await.expect(200);
    let rows = json!([
        {"email": "P@x.example", "user_id": "other", "name": "New", "email_verified": true,
            "user_metadata": {"keep": {"y": 2}}},
        {"email": "new@x.example", "user_id": "q"},
        {"email": "fresh@x.example"},
    ]);
    let job = imported(&w, &rows, &UPSERT).await;
    assert_eq!(job["summary"], summary(1, 1, 1), "{job}");
    assert_eq!(errors_of(&w, &job).await[0]["errors"][0]["code"], "DUPLICATED_USER");
    let user = w.get("auth0|p").await.expect(200).json();
    assert_eq!(user["user_metadata"], json!({"keep": {"y": 2}}), "replaced whole");
    assert_eq!(user["app_metadata"], json!({"old": 1}), "not in the row");
    let shown = (&user["name"], &user["nickname"], &user["email_verified"]);
    assert_eq!(shown, (&json!("New"), &json!("n"), &json!(true)));
    w.web().await.log_in("p").await;
}

#[tokio::test]
async fn upsert_reaches_an_account_that_was_linked() {
    let w = World::new().await;
    w.user("p").await;
    w.user("s").await;
    w.link("auth0|p", json!({"provider": "auth0", "user_id": "s"}))
        .await
        .expect(201);
    let job = imported(
        &w,
        &json!([{"email": "s@x.example", "user_metadata": {"n": 1}}]),
        &UPSERT,
    )
    .await;
    assert_eq!(job["summary"], summary(0, 1, 0), "{job}");
    let user = w.get("auth0|p").await.expect(200).json();
    assert_eq!(
        (&user["user_metadata"], &user["email"]),
        (&json!({"n": 1}), &json!("p@x.example"))
    );
    assert_eq!(
        user["identities"].as_array().unwrap().len(),
        2,
        "an import links and unlinks nothing"
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_parsed_is_a_job_that_failed() {
    let w = World::new().await;
    let id = w.connection_named(DATABASE).await;
    for file in [
        b"{".as_slice(),
        b"{}",
        b"\"x\"",
        b"null",
        b"[{}",
        b"[{}]x",
        b"[,]",
        b"not json",
        b"\xff\xfe[]",
        b"\xef\xbb\xbf[]",
        b"{\"email\":\"a@x.example\"}\n{\"email\":\"b@x.example\"}",
    ] {
        let job = upload(&w, &id, file, &[]).await.expect(202).json();
        run_all(&w.server).await;
        let job = w.client.get(&path_of(&job)).await.expect(200).json();
        assert_eq!(job["status"], "failed", "{job}");
        assert!(
            job["status_details"]
                .as_str()
                .unwrap()
                .starts_with("The users file is not"),
            "{job}"
        );
        assert!(job.get("summary").is_none());
        assert_eq!(errors_of(&w, &job).await, job);
    }
    assert_eq!(w.client.get("/api/v2/users").await.expect(200).json(), json!([]));
}

#[tokio::test]
async fn an_import_whose_connection_goes_has_failed() {
    let w = World::new().await;
    let id = w.connection(json!({"name": "Other", "strategy": "auth0"})).await;
    let job = upload(&w, &id, br#"[{"email":"a@x.example"}]"#, &[])
        .await
        .expect(202)
        .json();
    w.client.delete(&format!("/api/v2/connections/{id}")).await;
    run_all(&w.server).await;
    let job = w.client.get(&path_of(&job)).await.expect(200).json();
    assert_eq!(
        (&job["status"], &job["status_details"]),
        (&json!("failed"), &json!("The connection does not exist."))
    );
}
