//! What tools ask of a tenant, and its statistics, described.

use serde_json::{Value, json};

use super::Area;
use super::parts::{
    Operation, any_text, by_number, by_position, closed, flag, integer, list, matching, open, page, query, schema,
    selection, time, with,
};
use crate::api::auth0::paging::ANY_FIELDS_PATTERN;
use crate::api::auth0::wire;

/// The area.
pub const AREA: Area = Area {
    tag: "tenant",
    operations,
    schemas,
};

fn operations() -> Vec<Operation> {
    let counted = json!({ "type": "integer", "minimum": 0 });
    vec![
        Operation::new("GET", "/api/v2/tenants/settings", "find_tenant_settings", "The tenant")
            .takes(selection(ANY_FIELDS_PATTERN))
            .gives(
                200,
                "what there is to know",
                schema("TenantSettings"),
                json!({
                    "friendly_name": "acme", "enabled_locales": ["en"], "flags": {}, "sandbox_versions_available": [],
                }),
            )
            .refuses(400, "a parameter cannot be understood"),
        Operation::new(
            "GET",
            "/api/v2/resource-servers",
            "list_resource_servers",
            "The interfaces that tokens are for: one",
        )
        .takes([
            query("identifiers", any_text(), "only these, separated by commas"),
            all_fields(),
        ])
        .takes(by_number(0, 50))
        .takes(by_position(100))
        .gives(
            200,
            "a page",
            page("resource_servers", &schema("ResourceServer")),
            json!([management()]),
        )
        .refuses(400, "a parameter cannot be understood"),
        Operation::new(
            "GET",
            "/api/v2/resource-servers/{id}",
            "find_resource_server",
            "One interface",
        )
        .takes([all_fields()])
        .gives(200, "the interface", schema("ResourceServer"), management())
        .refuses(400, "the id or a parameter cannot be understood")
        .refuses(404, "there is no such interface"),
        Operation::new(
            "GET",
            "/api/v2/stats/active-users",
            "count_active_users",
            "How many logged in of late",
        )
        .gives(200, "a number", counted, json!(4))
        .refuses(400, "a parameter cannot be understood"),
        Operation::new(
            "GET",
            "/api/v2/stats/daily",
            "list_daily_stats",
            "What happened, day by day",
        )
        .takes([
            query("from", day(), "the first day; a month back unless said"),
            query("to", day(), "the last day, at most a year after; today unless said"),
        ])
        .gives(
            200,
            "the days on which something did",
            list(schema("Day")),
            json!([{ "date": "2026-02-01T00:00:00.000Z", "logins": 4, "signups": 1, "leaked_passwords": 0 }]),
        )
        .refuses(400, "a parameter cannot be understood"),
    ]
}

fn all_fields() -> Value {
    query("include_fields", flag(), "without effect")
}

fn day() -> Value {
    matching("^[0-9]{8}$")
}

fn schemas() -> Vec<(&'static str, Value)> {
    let count = integer(0..=i64::MAX);
    let settings = json!({
        "friendly_name": any_text(), "enabled_locales": list(any_text()), "flags": open(),
        "sandbox_versions_available": list(any_text()),
    });
    let server = json!({
        "id": matching("^[0-9a-f]{24}$"), "name": any_text(), "identifier": any_text(), "is_system": flag(),
        "scopes": list(closed(wire::object(json!({ "value": any_text() })), &["value"])),
        "signing_alg": any_text(), "allow_offline_access": flag(),
        "skip_consent_for_verifiable_first_party_clients": flag(), "token_lifetime": count,
    });
    let day = json!({ "date": time(), "logins": count, "signups": count, "leaked_passwords": count });
    vec![
        ("TenantSettings", with(settings, &[])),
        ("ResourceServer", with(server, &["id", "name", "identifier", "scopes"])),
        (
            "Day",
            closed(wire::object(day), &["date", "logins", "signups", "leaked_passwords"]),
        ),
    ]
}

fn management() -> Value {
    json!({
        "id": "000000000000000000000001", "name": "Management API", "identifier": "https://id.example.test/api/v2/",
        "is_system": true, "scopes": [{ "value": "read:users" }], "signing_alg": "RS256",
        "allow_offline_access": false, "skip_consent_for_verifiable_first_party_clients": false,
        "token_lifetime": 86400,
    })
}
