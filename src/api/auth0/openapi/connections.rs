//! Connections, described.

use serde_json::{Value, json};

use super::Area;
use super::parts::{
    Operation, any_text, by_number, by_position, closed, flag, list, needed, nullable, open, page, query, schema,
    selection, stretch, text, time, with,
};
use crate::api::auth0::connection_bodies::{NAME_PATTERN, POLICIES};
use crate::api::auth0::paging::ANY_FIELDS_PATTERN;
use crate::api::auth0::wire;
use crate::domain::Object;

/// The area.
pub const AREA: Area = Area {
    tag: "connections",
    operations,
    schemas,
};

fn operations() -> Vec<Operation> {
    const GONE: &str = "there is no such connection";
    vec![
        Operation::new(
            "GET",
            "/api/v2/connections",
            "list_connections",
            "The connections of the tenant",
        )
        .takes([
            query("strategy", list(schema("Provider")), "only those of these providers"),
            query("name", any_text(), "only the one of this name"),
        ])
        .takes(by_number(1, 100))
        .takes(by_position(100))
        .takes(selection(ANY_FIELDS_PATTERN))
        .gives(
            200,
            "a page",
            page("connections", &schema("ConnectionPart")),
            json!([directory()]),
        )
        .refuses(400, "a parameter cannot be understood"),
        Operation::new("POST", "/api/v2/connections", "create_connection", "Makes a connection")
            .reads(
                schema("NewConnection"),
                json!({ "name": "github", "strategy": "github" }),
            )
            .gives(201, "the connection", schema("Connection"), directory())
            .refuses(400, "the body cannot be understood")
            .refuses(409, "the name is taken, or its former owner is still being deleted"),
        Operation::new("GET", "/api/v2/connections/{id}", "find_connection", "One connection")
            .takes(selection(ANY_FIELDS_PATTERN))
            .gives(200, "the connection", schema("ConnectionPart"), directory())
            .refuses(400, "the id or a parameter cannot be understood")
            .refuses(404, GONE),
        Operation::new(
            "PATCH",
            "/api/v2/connections/{id}",
            "update_connection",
            "Changes a connection",
        )
        .reads(schema("ConnectionChanges"), json!({ "display_name": "GitHub" }))
        .gives(200, "the connection as it is now", schema("Connection"), directory())
        .refuses(400, "the body cannot be understood")
        .refuses(404, GONE)
        .refuses(409, "its `client_id` stays while users are known by it"),
        Operation::new(
            "DELETE",
            "/api/v2/connections/{id}",
            "delete_connection",
            "Deletes a connection with all that hangs on it",
        )
        .gives(
            202,
            "it is being deleted",
            closed(wire::object(json!({ "deleted_at": time() })), &["deleted_at"]),
            json!({ "deleted_at": "2026-02-01T10:30:00.000Z" }),
        )
        .ends(204, "there was none")
        .refuses(400, "the id cannot be understood, or it is the one that stays"),
        Operation::new(
            "GET",
            "/api/v2/connections/{id}/clients",
            "list_connection_clients",
            "The clients that a connection is enabled for",
        )
        .takes(by_position(1000))
        .gives(
            200,
            "a page",
            stretch(
                "clients",
                &closed(wire::object(json!({ "client_id": any_text() })), &["client_id"]),
            ),
            json!({ "clients": [{ "client_id": "0000000000000001893f6a5b7c8d9e0f" }] }),
        )
        .refuses(400, "the id or a parameter cannot be understood")
        .refuses(404, GONE),
        Operation::new(
            "PATCH",
            "/api/v2/connections/{id}/clients",
            "update_connection_clients",
            "Enables a connection for clients, or no longer",
        )
        .reads(
            schema("ClientStates"),
            json!([{ "client_id": "0000000000000001893f6a5b7c8d9e0f", "status": true }]),
        )
        .ends(204, "done")
        .refuses(400, "the body cannot be understood")
        .refuses(404, "there is no such connection, or no such client"),
        Operation::new(
            "DELETE",
            "/api/v2/connections/{id}/users",
            "delete_connection_user",
            "Deletes whom a database knows by an address",
        )
        .takes([needed(
            "email",
            json!({ "type": "string", "format": "email" }),
            "her address there",
        )])
        .ends(204, "she is gone, or was not there")
        .refuses(
            400,
            "the id or the address cannot be understood, or the connection is no database",
        )
        .refuses(404, GONE),
        Operation::new(
            "GET",
            "/api/v2/connections/{id}/status",
            "find_connection_status",
            "Whether people can come by a connection",
        )
        .gives(200, "they can", closed(Object::new(), &[]), json!({}))
        .refuses(400, "the id cannot be understood")
        .refuses(404, "they cannot, or there is no such connection"),
    ]
}

fn schemas() -> Vec<(&'static str, Value)> {
    let mut new = written();
    new.insert(
        "name".to_owned(),
        json!({ "type": "string", "pattern": NAME_PATTERN, "maxLength": 128 }),
    );
    new.insert("strategy".to_owned(), schema("Provider"));
    let mut changes = written();
    if let Some(clients) = changes.get_mut("enabled_clients") {
        *clients = nullable(clients.take());
    }
    let mut changes = closed(changes, &[]);
    if let Some(members) = changes.as_object_mut() {
        members.insert("minProperties".to_owned(), 1.into());
    }
    let state = wire::object(json!({ "client_id": any_text(), "status": flag() }));
    vec![
        ("NewConnection", closed(new, &["name", "strategy"])),
        ("ConnectionChanges", changes),
        ("ConnectionPart", with(shown(), &[])),
        (
            "Connection",
            with(
                shown(),
                &["id", "name", "strategy", "options", "enabled_clients", "realms"],
            ),
        ),
        (
            "ClientStates",
            json!({
                "type": "array", "minItems": 1, "maxItems": 50,
                "items": closed(state, &["client_id", "status"]),
            }),
        ),
    ]
}

fn pairs() -> Value {
    json!({
        "type": "object", "maxProperties": 10,
        "propertyNames": { "maxLength": 255 }, "additionalProperties": text(0..=255),
    })
}

fn purpose() -> Value {
    closed(
        wire::object(json!({ "active": flag(), "cross_app_access": flag() })),
        &["active"],
    )
}

fn written() -> Object {
    wire::object(json!({
        "display_name": text(0..=128),
        "is_domain_connection": flag(),
        "show_as_button": flag(),
        "enabled_clients": list(any_text()),
        "realms": list(any_text()),
        "metadata": pairs(),
        "authentication": purpose(),
        "connected_accounts": purpose(),
        "options": {
            "type": "object",
            "properties": {
                "client_id": any_text(),
                "client_secret": any_text(),
                "issuer": text(1..=255),
                "requires_username": { "description": "of a database: true or false" },
                "passwordPolicy": { "description": format!("of a database: {}", POLICIES.join(", ")) },
            },
            "description": "open; whatever else looks like a secret is refused, because only client_secret is sealed",
        },
    }))
}

fn shown() -> Value {
    json!({
        "id": schema("ConnectionId"),
        "name": any_text(),
        "strategy": schema("Provider"),
        "display_name": any_text(),
        "options": { "type": "object", "not": { "required": ["client_secret"] } },
        "enabled_clients": list(any_text()),
        "is_domain_connection": flag(),
        "show_as_button": flag(),
        "realms": list(any_text()),
        "metadata": open(),
        "authentication": purpose(),
        "connected_accounts": purpose(),
    })
}

fn directory() -> Value {
    json!({
        "id": "con_0123456789abcdef", "name": "Username-Password-Authentication", "strategy": "auth0",
        "options": { "passwordPolicy": "good", "requires_username": false },
        "enabled_clients": [], "is_domain_connection": false, "realms": ["Username-Password-Authentication"],
        "authentication": { "active": true }, "connected_accounts": { "active": false },
    })
}
