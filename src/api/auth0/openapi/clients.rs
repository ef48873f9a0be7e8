//! Clients and what they are granted, described. What a client may hold is read off the tables by
//! which bodies are read.

use serde_json::{Value, json};

use super::Area;
use super::parts::{
    Operation, any_text, by_number, by_position, closed, flag, integer, list, matching, one_of, open, page, query,
    schema, selection, text, with,
};
use crate::api::auth0::client_json::{FLAGS, GRANT_TYPES, LISTS, NAME_PATTERN, OBJECTS, TEXTS, WORDS};
use crate::api::auth0::paging::ANY_FIELDS_PATTERN;
use crate::api::auth0::wire;
use crate::domain::{Object, Scope, Scopes};

/// The area.
pub const AREA: Area = Area {
    tag: "clients",
    operations,
    schemas,
};

const GONE: &str = "there is no such client";

fn operations() -> Vec<Operation> {
    let mut operations = vec![
        Operation::new("GET", "/api/v2/clients", "list_clients", "The clients of the tenant")
            .takes([
                query("is_global", flag(), "there are no global ones"),
                query("is_first_party", flag(), "only those that are, or are not"),
                query("app_type", any_text(), "only those of these kinds, separated by commas"),
            ])
            .takes(by_number(0, 50))
            .takes(by_position(100))
            .takes(selection(ANY_FIELDS_PATTERN))
            .gives(200, "a page", page("clients", &schema("ClientPart")), json!([app()]))
            .refuses(400, "a parameter cannot be understood"),
        Operation::new("POST", "/api/v2/clients", "create_client", "Makes a client")
            .reads(
                schema("NewClient"),
                json!({ "name": "importer", "grant_types": ["client_credentials"] }),
            )
            .gives(
                201,
                "the client, with its secret for who may see secrets",
                schema("Client"),
                app(),
            )
            .refuses(400, "the body cannot be understood"),
        Operation::new("GET", "/api/v2/clients/{id}", "find_client", "One client")
            .takes(selection(ANY_FIELDS_PATTERN))
            .gives(200, "the client, without its secret", schema("ClientPart"), app())
            .refuses(400, "the id or a parameter cannot be understood")
            .refuses(404, GONE),
        Operation::new("PATCH", "/api/v2/clients/{id}", "update_client", "Changes a client")
            .reads(schema("ClientChanges"), json!({ "description": "imports people" }))
            .gives(200, "the client as it is now", schema("Client"), app())
            .refuses(400, "the body cannot be understood")
            .refuses(404, GONE),
        Operation::new(
            "DELETE",
            "/api/v2/clients/{id}",
            "delete_client",
            "Removes a client and ends its tokens",
        )
        .ends(204, "it is gone, or was not there")
        .refuses(400, "the id cannot be understood"),
        Operation::new(
            "POST",
            "/api/v2/clients/{id}/rotate-secret",
            "rotate_client_secret",
            "Gives a client a new secret and ends its tokens",
        )
        .gives(200, "the client with its new secret", schema("Client"), app())
        .refuses(400, "the id cannot be understood, or a public client has no secret")
        .refuses(404, GONE),
    ];
    operations.extend(grants());
    operations
}

fn grants() -> Vec<Operation> {
    const NO_GRANT: &str = "there is no such grant";
    vec![
        Operation::new(
            "GET",
            "/api/v2/client-grants",
            "list_client_grants",
            "What clients are granted",
        )
        .takes([
            query("audience", any_text(), "only on this interface"),
            query("client_id", any_text(), "only of this client"),
            query("subject_type", one_of(&["client", "user"]), "only for these tokens"),
        ])
        .takes(by_number(0, 50))
        .takes(by_position(100))
        .gives(
            200,
            "a page",
            page("client_grants", &schema("ClientGrant")),
            json!([grant()]),
        )
        .refuses(400, "a parameter cannot be understood"),
        Operation::new(
            "POST",
            "/api/v2/client-grants",
            "create_client_grant",
            "Grants a client rights",
        )
        .reads(
            schema("NewClientGrant"),
            json!({
                "client_id": "0000000000000001893f6a5b7c8d9e0f", "audience": "https://id.example.test/api/v2/",
                "scope": ["read:users"],
            }),
        )
        .gives(201, "the grant", schema("ClientGrant"), grant())
        .refuses(400, "the body cannot be understood")
        .refuses(404, "there is no such client, or no such interface")
        .refuses(409, "the client has a grant"),
        Operation::new("GET", "/api/v2/client-grants/{id}", "find_client_grant", "One grant")
            .gives(200, "the grant", schema("ClientGrant"), grant())
            .refuses(400, "the id cannot be understood")
            .refuses(404, NO_GRANT),
        Operation::new(
            "PATCH",
            "/api/v2/client-grants/{id}",
            "update_client_grant",
            "Replaces what is granted",
        )
        .reads(
            schema("ClientGrantChanges"),
            json!({ "scope": ["read:users", "update:users"] }),
        )
        .gives(200, "the grant as it is now", schema("ClientGrant"), grant())
        .refuses(400, "the body cannot be understood")
        .refuses(404, NO_GRANT),
        Operation::new(
            "DELETE",
            "/api/v2/client-grants/{id}",
            "delete_client_grant",
            "Takes a grant back",
        )
        .ends(204, "it is gone, or was not there")
        .refuses(400, "the id cannot be understood"),
    ]
}

fn schemas() -> Vec<(&'static str, Value)> {
    let mut changes = closed(written(), &[]);
    if let Some(members) = changes.as_object_mut() {
        members.insert("minProperties".to_owned(), 1.into());
    }
    let scopes = list(one_of(
        &Scopes::for_machines().iter().map(Scope::name).collect::<Vec<_>>(),
    ));
    let grant = wire::object(json!({
        "client_id": any_text(), "audience": any_text(), "scope": scopes, "subject_type": one_of(&["client"]),
    }));
    let mut shown_grant = grant.clone();
    shown_grant.insert("id".to_owned(), matching("^cgr_[0-9a-f]{16}$"));
    vec![
        ("NewClient", closed(written(), &["name"])),
        ("ClientChanges", changes),
        ("ClientPart", with(shown(), &[])),
        (
            "Client",
            with(
                shown(),
                &["tenant", "client_id", "name", "grant_types", "jwt_configuration"],
            ),
        ),
        ("NewClientGrant", closed(grant, &["client_id", "audience", "scope"])),
        (
            "ClientGrantChanges",
            closed(wire::object(json!({ "scope": scopes })), &["scope"]),
        ),
        (
            "ClientGrant",
            closed(shown_grant, &["id", "client_id", "audience", "scope", "subject_type"]),
        ),
    ]
}

fn texts(max: usize) -> Value {
    json!({ "type": "array", "items": text(0..=max), "maxItems": 100 })
}

fn written() -> Object {
    let grant_types: Vec<&str> = GRANT_TYPES.iter().map(|(name, _)| *name).collect();
    let mut members = wire::object(json!({
        "name": { "type": "string", "pattern": NAME_PATTERN, "maxLength": 255 },
        "web_origins": texts(2048),
        "grant_types": { "type": "array", "items": one_of(&grant_types), "maxItems": 100 },
        "client_metadata": {
            "type": "object", "maxProperties": 10,
            "propertyNames": { "maxLength": 255 }, "additionalProperties": text(0..=255),
        },
        "jwt_configuration": closed(
            wire::object(json!({
                "lifetime_in_seconds": integer(1..=2_592_000),
                "alg": one_of(&["RS256"]),
                "secret_encoded": flag(),
                "scopes": open(),
            })),
            &[],
        ),
    }));
    let mut put = |name: &str, schema: Value| {
        members.insert(name.to_owned(), schema);
    };
    for (name, max) in TEXTS {
        put(name, text(0..=*max));
    }
    for name in FLAGS {
        put(name, flag());
    }
    for name in LISTS {
        put(name, texts(2048));
    }
    for name in OBJECTS {
        put(name, open());
    }
    for (name, words) in WORDS {
        put(name, one_of(words));
    }
    members
}

fn shown() -> Value {
    let mut members = written();
    members.extend(wire::object(json!({
        "tenant": any_text(),
        "global": flag(),
        "client_id": matching("^[0-9a-f]{32}$"),
        "client_secret": any_text(),
    })));
    Value::Object(members)
}

fn app() -> Value {
    json!({
        "tenant": "acme", "global": false, "client_id": "0000000000000001893f6a5b7c8d9e0f", "name": "importer",
        "is_first_party": true, "oidc_conformant": true, "callbacks": [], "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "client_secret_post",
        "jwt_configuration": { "alg": "RS256", "lifetime_in_seconds": 36000, "secret_encoded": false },
    })
}

fn grant() -> Value {
    json!({
        "id": "cgr_893f6a5b7c8d9e0f", "client_id": "0000000000000001893f6a5b7c8d9e0f",
        "audience": "https://id.example.test/api/v2/", "scope": ["read:users"], "subject_type": "client",
    })
}
