//! What users could have elsewhere and have not here, described.

use serde_json::{Value, json};

use super::Area;
use super::parts::{
    Operation, any_text, by_number, by_position, closed, flag, list, needed, open, page, query, schema, stretch,
};
use crate::api::auth0::wire;

/// The area.
pub const AREA: Area = Area {
    tag: "user lists",
    operations,
    schemas,
};

const GONE: &str = "there is no such user";
const UNREADABLE: &str = "the id or a parameter cannot be understood";

fn operations() -> Vec<Operation> {
    let by_both = |path, id, name, summary| {
        Operation::new("GET", path, id, summary)
            .takes(by_number(0, 50))
            .takes(by_position(100))
            .gives(200, "an empty page", page(name, &open()), json!([]))
    };
    let stretches = |path, id, name, summary| {
        Operation::new("GET", path, id, summary)
            .takes(by_position(100))
            .takes([query(
                "include_totals",
                flag(),
                "without effect: some clients send it to every list",
            )])
            .gives(200, "an empty page", stretch(name, &open()), json!({ name: [] }))
    };
    let deleted = |path, id, summary| Operation::new("DELETE", path, id, summary).ends(202, "there was none");
    let lists = [
        by_both(
            "/api/v2/users/{id}/roles",
            "list_user_roles",
            "roles",
            "Her roles: none",
        ),
        by_both(
            "/api/v2/users/{id}/permissions",
            "list_user_permissions",
            "permissions",
            "Her permissions: none",
        ),
        by_both(
            "/api/v2/users/{id}/organizations",
            "list_user_organizations",
            "organizations",
            "Her organizations: none",
        ),
        by_both(
            "/api/v2/users/{id}/authentication-methods",
            "list_user_authentication_methods",
            "authenticators",
            "Her authentication methods: none",
        ),
        Operation::new(
            "GET",
            "/api/v2/users/{id}/enrollments",
            "list_user_enrollments",
            "Her enrollments: none",
        )
        .gives(200, "an empty list", list(open()), json!([])),
        stretches(
            "/api/v2/users/{id}/sessions",
            "list_user_sessions",
            "sessions",
            "Her sessions: none",
        ),
        deleted(
            "/api/v2/users/{id}/sessions",
            "delete_user_sessions",
            "Ends her sessions: there are none",
        ),
        stretches(
            "/api/v2/users/{id}/refresh-tokens",
            "list_user_refresh_tokens",
            "tokens",
            "Her refresh tokens: none",
        ),
        deleted(
            "/api/v2/users/{id}/refresh-tokens",
            "delete_user_refresh_tokens",
            "Deletes her refresh tokens: there are none",
        ),
        Operation::new(
            "POST",
            "/api/v2/users/{id}/revoke-access",
            "revoke_user_access",
            "Ends all her tokens",
        )
        .may_read(schema("RevokeAccess"), json!({}))
        .ends(202, "they have ended"),
        Operation::new(
            "GET",
            "/api/v2/user-blocks/{id}",
            "list_user_blocks",
            "For what she is blocked: nothing",
        )
        .takes([brute_force()])
        .gives(200, "an empty list", schema("UserBlocks"), json!({ "blocked_for": [] })),
        Operation::new(
            "DELETE",
            "/api/v2/user-blocks/{id}",
            "delete_user_blocks",
            "Lifts her blocks: there are none",
        )
        .ends(204, "there was none"),
    ];
    let of_users = lists.map(|operation| operation.refuses(400, UNREADABLE).refuses(404, GONE));
    let by_identifier = [
        Operation::new(
            "GET",
            "/api/v2/user-blocks",
            "list_blocks_by_identifier",
            "For what a name is blocked: nothing",
        )
        .takes([identifier(), brute_force()])
        .gives(200, "an empty list", schema("UserBlocks"), json!({ "blocked_for": [] })),
        Operation::new(
            "DELETE",
            "/api/v2/user-blocks",
            "delete_blocks_by_identifier",
            "Lifts the blocks of a name: there are none",
        )
        .takes([identifier()])
        .ends(204, "there was none"),
    ]
    .map(|operation| operation.refuses(400, "a parameter cannot be understood"));
    of_users.into_iter().chain(by_identifier).collect()
}

fn identifier() -> Value {
    needed(
        "identifier",
        json!({ "type": "string", "minLength": 1 }),
        "a name that somebody logs in by",
    )
}

fn brute_force() -> Value {
    query("consider_brute_force_enablement", flag(), "without effect")
}

fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        (
            "RevokeAccess",
            closed(wire::object(json!({ "preserve_refresh_tokens": flag() })), &[]),
        ),
        (
            "UserBlocks",
            closed(
                wire::object(json!({ "blocked_for": list(any_text()) })),
                &["blocked_for"],
            ),
        ),
    ]
}
