//! Users and their identities, described.

use serde_json::{Value, json};

use super::Area;
use super::parts::{
    Operation, any_text, by_number, closed, envelope, flag, integer, list, matching, needed, nullable, one_of, open,
    query, schema, selection, text, time, with,
};
use crate::api::auth0::identities::CONNECTION_ID_PATTERN;
use crate::api::auth0::paging::{ANY_FIELDS_PATTERN, USER_FIELDS_PATTERN};
use crate::api::auth0::user_bodies::{PHONE_PATTERN, RESERVED, USER_ID_PATTERN, USERNAME_PATTERN};
use crate::api::auth0::wire;
use crate::domain::Object;
use crate::domain::spelling::AUTH0_PROVIDERS;

/// The area.
pub const AREA: Area = Area {
    tag: "users",
    operations,
    schemas,
};

fn operations() -> Vec<Operation> {
    vec![
        Operation::new("GET", "/api/v2/users", "list_users", "Everybody, or who fits a query")
            .takes([
                query(
                    "q",
                    any_text(),
                    "what to look for, in Lucene's language as docs/auth0.md has it",
                ),
                query(
                    "sort",
                    matching("^[A-Za-z0-9_.]+:-?1$"),
                    "by which member, `:1` up or `:-1` down",
                ),
                query("search_engine", one_of(&["v3"]), "there is one"),
                query("primary_order", flag(), "without effect: there is one order"),
            ])
            .takes(by_number(0, 50))
            .takes(selection(ANY_FIELDS_PATTERN))
            .gives(
                200,
                "a page",
                json!({ "oneOf": [list(schema("UserPart")), envelope("users", &schema("UserPart"))] }),
                json!([ines()]),
            )
            .refuses(400, "a parameter, or the query, cannot be understood"),
        Operation::new(
            "POST",
            "/api/v2/users",
            "create_user",
            "Makes a user of a database or passwordless connection",
        )
        .reads(
            schema("NewUser"),
            json!({
                "connection": "Username-Password-Authentication", "email": "ines@example.test",
                "password": "correct horse Battery 9", "user_metadata": { "theme": "dark" },
            }),
        )
        .gives(201, "the user", schema("User"), ines())
        .refuses(
            400,
            "the body cannot be understood, or the connection does not take such a user",
        )
        .refuses(409, "an address, a name or an id of hers is taken"),
        Operation::new(
            "GET",
            "/api/v2/users-by-email",
            "list_users_by_email",
            "Whose own address this is",
        )
        .takes([needed("email", email(), "compared as it is written")])
        .takes(selection(USER_FIELDS_PATTERN))
        .gives(200, "those users, or none", list(schema("UserPart")), json!([ines()]))
        .refuses(400, "a parameter cannot be understood"),
        Operation::new("GET", "/api/v2/users/{id}", "find_user", "One user")
            .takes(selection(USER_FIELDS_PATTERN))
            .gives(200, "the user", schema("UserPart"), ines())
            .refuses(400, "the id or a parameter cannot be understood")
            .refuses(404, "there is no such user"),
        Operation::new("PATCH", "/api/v2/users/{id}", "update_user", "Changes a user")
            .reads(
                schema("UserChanges"),
                json!({ "nickname": "ines", "app_metadata": { "plan": "pro", "trial": null } }),
            )
            .gives(200, "the user as she is now", schema("User"), ines())
            .refuses(
                400,
                "the body cannot be understood, or this cannot be changed of such a user",
            )
            .refuses(404, "there is no such user")
            .refuses(409, "an address or a name is taken"),
        Operation::new(
            "DELETE",
            "/api/v2/users/{id}",
            "delete_user",
            "Deletes a user with all that is hers",
        )
        .ends(204, "she is gone, or was not there")
        .refuses(400, "the id cannot be understood"),
        Operation::new(
            "POST",
            "/api/v2/users/{id}/identities",
            "link_identity",
            "Links an account to a user",
        )
        .reads(
            schema("NewIdentity"),
            json!({ "provider": "auth0", "user_id": "66a1c0ffee0000000000beef" }),
        )
        .gives(
            201,
            "all identities of the user",
            list(schema("Identity")),
            identities(),
        )
        .refuses(400, "the body cannot be understood, or the account cannot be linked")
        .refuses(404, "there is no such user")
        .refuses(409, "the account is linked already, or the user may have no more"),
        Operation::new(
            "DELETE",
            "/api/v2/users/{id}/identities/{provider}/{user_id}",
            "unlink_identity",
            "Makes an account a user of its own",
        )
        .gives(
            200,
            "the identities that are left",
            list(schema("Identity")),
            identities(),
        )
        .refuses(
            400,
            "a part of the path cannot be understood, or it is the main identity",
        )
        .refuses(404, "there is no such user")
        .refuses(409, "it is the last way to log in"),
    ]
}

fn schemas() -> Vec<(&'static str, Value)> {
    let user = shown();
    vec![
        ("Provider", one_of(AUTH0_PROVIDERS)),
        ("ConnectionId", matching(CONNECTION_ID_PATTERN)),
        ("NewUser", new_user()),
        ("UserChanges", changes()),
        ("UserPart", with(user.clone(), &[])),
        (
            "User",
            with(user, &["user_id", "identities", "created_at", "updated_at"]),
        ),
        ("Identity", identity()),
        ("NewIdentity", new_identity()),
    ]
}

fn email() -> Value {
    json!({ "type": "string", "format": "email", "maxLength": 254 })
}

/// What a name in metadata must look like: a dot leads a level down in searches.
const KEY_PATTERN: &str = "^[^.$]*$";

fn bag(reserved: &[&str]) -> Value {
    let names = match reserved {
        [] => json!({ "pattern": KEY_PATTERN }),
        reserved => json!({ "pattern": KEY_PATTERN, "not": { "enum": reserved } }),
    };
    json!({ "type": "object", "propertyNames": names })
}

/// What a user may be given and a change may change.
fn written() -> Object {
    wire::object(json!({
        "email": email(),
        "email_verified": flag(),
        "phone_number": matching(PHONE_PATTERN),
        "phone_verified": flag(),
        "username": { "type": "string", "pattern": USERNAME_PATTERN, "maxLength": 128 },
        "password": text(1..=72),
        "name": text(1..=300),
        "nickname": text(1..=300),
        "given_name": text(1..=150),
        "family_name": text(1..=150),
        "picture": { "type": "string", "format": "uri", "pattern": "^https?://" },
        "blocked": flag(),
        "user_metadata": bag(&[]),
        "app_metadata": bag(RESERVED),
        "verify_email": flag(),
    }))
}

fn new_user() -> Value {
    let mut members = written();
    members.insert("connection".to_owned(), text(1..=128));
    let id = json!({ "type": "string", "pattern": USER_ID_PATTERN, "maxLength": 255 });
    members.insert("user_id".to_owned(), id);
    closed(members, &["connection"])
}

/// The published schema is open, but for what only the server writes.
fn changes() -> Value {
    let mut members = written();
    for name in [
        "email",
        "phone_number",
        "username",
        "password",
        "name",
        "nickname",
        "given_name",
        "family_name",
        "picture",
    ] {
        if let Some(schema) = members.get_mut(name) {
            *schema = nullable(schema.take());
        }
    }
    for name in ["connection", "client_id"] {
        members.insert(name.to_owned(), any_text());
    }
    members.insert("verify_phone_number".to_owned(), flag());
    json!({
        "type": "object",
        "properties": members,
        "propertyNames": { "not": { "enum": crate::api::auth0::user_bodies::SERVERS_OWN } },
    })
}

fn shown() -> Value {
    json!({
        "user_id": any_text(),
        "email": any_text(),
        "email_verified": flag(),
        "phone_number": any_text(),
        "phone_verified": flag(),
        "username": any_text(),
        "name": any_text(),
        "nickname": any_text(),
        "given_name": any_text(),
        "family_name": any_text(),
        "picture": any_text(),
        "created_at": time(),
        "updated_at": time(),
        "last_login": time(),
        "last_ip": any_text(),
        "logins_count": { "type": "integer", "minimum": 1 },
        "last_password_reset": time(),
        "blocked": flag(),
        "user_metadata": open(),
        "app_metadata": open(),
        "identities": { "type": "array", "items": schema("Identity"), "minItems": 1 },
    })
}

fn identity() -> Value {
    closed(
        wire::object(json!({
            "connection": any_text(),
            "user_id": { "type": ["string", "integer"] },
            "provider": any_text(),
            "isSocial": flag(),
            "profileData": open(),
            "access_token": any_text(),
            "access_token_secret": any_text(),
            "refresh_token": any_text(),
            "expires_in": { "type": "integer", "minimum": 0 },
        })),
        &["connection", "user_id", "provider", "isSocial"],
    )
}

fn new_identity() -> Value {
    let by_proof = wire::object(json!({ "link_with": any_text() }));
    let by_name = wire::object(json!({
        "provider": schema("Provider"),
        "user_id": { "anyOf": [{ "type": "string", "minLength": 1 }, integer(i64::MIN..=i64::MAX)] },
        "connection_id": schema("ConnectionId"),
    }));
    json!({ "oneOf": [closed(by_proof, &["link_with"]), closed(by_name, &["provider", "user_id"])] })
}

fn identities() -> Value {
    json!([
        { "connection": "Username-Password-Authentication", "user_id": "66a1c0ffee0000000000beef",
          "provider": "auth0", "isSocial": false },
        { "connection": "github", "user_id": 4242, "provider": "github", "isSocial": true,
          "profileData": { "email": "ines@code.example", "email_verified": true, "name": "ines-codes" } },
    ])
}

fn ines() -> Value {
    json!({
        "user_id": "auth0|66a1c0ffee0000000000beef", "email": "ines@example.test", "email_verified": true,
        "name": "Ines Roth", "nickname": "ines",
        "created_at": "2026-01-05T09:00:00.000Z", "updated_at": "2026-02-01T10:30:00.000Z",
        "last_login": "2026-02-01T10:30:00.000Z", "last_ip": "203.0.113.9", "logins_count": 4,
        "user_metadata": { "theme": "dark" }, "app_metadata": { "plan": "pro" },
        "identities": identities(),
    })
}
