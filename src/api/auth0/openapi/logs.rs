//! Logs, described.

use serde_json::{Value, json};

use super::Area;
use super::parts::{Operation, any_text, by_number, envelope, list, matching, query, schema, selection, time, with};
use crate::api::auth0::paging::ANY_FIELDS_PATTERN;

/// The area.
pub const AREA: Area = Area {
    tag: "logs",
    operations,
    schemas,
};

fn operations() -> Vec<Operation> {
    let page = || json!({ "oneOf": [list(schema("Log")), envelope("logs", &schema("Log"))] });
    let order = || {
        query(
            "sort",
            matching("^date:-?1$"),
            "`date:-1`, the newest first, unless said",
        )
    };
    vec![
        Operation::new(
            "GET",
            "/api/v2/users/{id}/logs",
            "list_user_logs",
            "What was logged about a user",
        )
        .takes([order()])
        .takes(by_number(1, 50))
        .gives(200, "a page", page(), json!([entry()]))
        .refuses(400, "the id or a parameter cannot be understood"),
        Operation::new("GET", "/api/v2/logs", "list_logs", "What was logged")
            .takes([
                query("q", any_text(), "what to look for, in Lucene's language"),
                query("search", any_text(), "the same, by its old name"),
                query(
                    "take",
                    any_text(),
                    "1 to 100: from an entry on, oldest first; all but `from` is ignored then",
                ),
                query(
                    "from",
                    any_text(),
                    "the id of the entry before; the `Link` header has the next",
                ),
                order(),
            ])
            .takes(by_number(1, 50))
            .takes(selection(ANY_FIELDS_PATTERN))
            .gives(200, "a page", page(), json!([entry()]))
            .refuses(400, "a parameter cannot be understood"),
        Operation::new("GET", "/api/v2/logs/{id}", "find_log", "One entry")
            .gives(200, "the entry", schema("Log"), entry())
            .refuses(400, "the id or a parameter cannot be understood")
            .refuses(404, "there is no such entry"),
    ]
}

fn schemas() -> Vec<(&'static str, Value)> {
    let members = json!({
        "log_id": any_text(), "_id": any_text(), "date": time(), "type": any_text(), "description": any_text(),
        "user_id": any_text(), "user_name": any_text(), "client_id": any_text(), "client_name": any_text(),
        "connection": any_text(), "connection_id": any_text(), "ip": any_text(), "details": { "type": "object" },
    });
    vec![("Log", with(members, &[]))]
}

fn entry() -> Value {
    json!({
        "log_id": "90020260201103000000000000000001", "_id": "90020260201103000000000000000001",
        "date": "2026-02-01T10:30:00.000Z", "type": "sapi", "description": "Update a user",
        "client_id": "0000000000000001893f6a5b7c8d9e0f", "ip": "203.0.113.9",
    })
}
