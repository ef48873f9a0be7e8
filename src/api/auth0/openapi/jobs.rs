//! Jobs, described. What a job's link leads to is a file, and no part of the interface.

use serde_json::{Value, json};

use super::Area;
use super::parts::{Operation, any_text, closed, flag, integer, list, one_of, schema, text, time, with};
use crate::api::auth0::wire;
use crate::domain::spelling::AUTH0_PROVIDERS;

/// The area.
pub const AREA: Area = Area {
    tag: "jobs",
    operations,
    schemas,
};

fn operations() -> Vec<Operation> {
    const GONE: &str = "there is no such job";
    let mut import = Operation::new(
        "POST",
        "/api/v2/jobs/users-imports",
        "import_users",
        "Begins an import of users",
    )
    .gives(202, "the job", schema("Job"), job("users_import"))
    .refuses(400, "a part cannot be understood, or the connection takes no users")
    .refuses(429, "too many requests, or two imports are under way");
    import.body = Some(json!({
        "required": true,
        "content": { "multipart/form-data": { "schema": schema("NewImport") } },
    }));
    vec![
        Operation::new("POST", "/api/v2/jobs/users-exports", "export_users", "Begins an export of users")
            .reads(schema("NewExport"), json!({ "format": "json", "fields": [{ "name": "email" }] }))
            .gives(200, "the job", schema("Job"), job("users_export"))
            .refuses(400, "the body cannot be understood, or there is no such connection")
            .refuses(429, "too many requests, or ten jobs are under way"),
        import,
        Operation::new(
            "POST",
            "/api/v2/jobs/verification-email",
            "send_verification_email",
            "Sends a mail by which an address is verified",
        )
        .reads(schema("NewVerification"), json!({ "user_id": "auth0|5f7c8ec7c33c6c004bbafe82" }))
        .gives(201, "the job", schema("Job"), job("verification_email"))
        .refuses(400, "the body cannot be understood, or the identity has no address or is none of a database")
        .refuses(404, "there is no such user")
        .refuses(429, "too many requests, or a hundred mails are under way"),
        Operation::new("GET", "/api/v2/jobs/{id}", "find_job", "How a job is getting on")
            .gives(200, "the job", schema("Job"), job("users_export"))
            .refuses(400, "the id cannot be understood")
            .refuses(404, GONE),
        Operation::new("GET", "/api/v2/jobs/{id}/errors", "list_job_errors", "What a job could not do")
            .gives(
                200,
                "the rows with their errors, or the job that failed as a whole",
                json!({ "anyOf": [list(schema("JobError")), schema("Job")] }),
                json!([{ "user": { "email": "x" }, "errors": [{ "code": "FORMAT", "message": "no address", "path": "email" }] }]),
            )
            .ends(204, "there was none")
            .refuses(400, "the id cannot be understood")
            .refuses(404, GONE),
    ]
}

fn schemas() -> Vec<(&'static str, Value)> {
    let column = closed(
        wire::object(json!({ "name": text(1..=100), "export_as": text(1..=100) })),
        &["name"],
    );
    let asked = wire::object(json!({
        "connection_id": schema("ConnectionId"),
        "format": one_of(&["json", "csv"]),
        "limit": integer(1..=i64::MAX),
        "fields": list(column.clone()),
    }));
    let parts = wire::object(json!({
        "users": { "type": "string", "contentMediaType": "application/json" },
        "connection_id": schema("ConnectionId"),
        "upsert": flag(), "external_id": any_text(), "send_completion_email": flag(),
    }));
    let identity = closed(
        wire::object(json!({
            "user_id": any_text(), "provider": one_of(AUTH0_PROVIDERS), "connection_id": schema("ConnectionId"),
        })),
        &["user_id", "provider"],
    );
    let count = json!({ "type": "integer", "minimum": 0 });
    let shown = json!({
        "id": any_text(), "type": any_text(), "status": one_of(&["pending", "completed", "failed"]),
        "created_at": time(), "connection_id": schema("ConnectionId"), "connection": any_text(),
        "format": any_text(), "limit": count, "fields": list(column), "external_id": any_text(),
        "location": any_text(), "percentage_done": count, "time_left_seconds": count, "status_details": any_text(),
        "summary": with(json!({ "failed": count, "updated": count, "inserted": count, "total": count }), &[]),
    });
    let error = json!({ "code": any_text(), "message": any_text(), "path": any_text() });
    vec![
        ("NewExport", closed(asked, &[])),
        (
            "NewVerification",
            closed(
                wire::object(json!({
                    "user_id": any_text(), "client_id": any_text(), "identity": identity, "organization_id": any_text(),
                })),
                &["user_id"],
            ),
        ),
        ("NewImport", closed(parts, &["users", "connection_id"])),
        ("Job", with(shown, &["id", "type", "status", "created_at"])),
        (
            "JobError",
            with(
                json!({ "user": { "type": "object" }, "errors": list(with(error, &["code"])) }),
                &["user", "errors"],
            ),
        ),
    ]
}

fn job(kind: &str) -> Value {
    json!({
        "id": "job_0123456789abcdef", "type": kind, "status": "pending", "created_at": "2026-02-01T10:30:00.000Z",
    })
}
