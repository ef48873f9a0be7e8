//! Tokens and discovery, described. These routes take no bearer token.

use serde_json::{Value, json};

use super::Area;
use super::parts::{Operation, any_text, closed, integer, list, nullable, one_of, schema, with};
use crate::api::auth0::{oauth, wire};

/// The area.
pub const AREA: Area = Area {
    tag: "tokens",
    operations,
    schemas,
};

fn operations() -> Vec<Operation> {
    let refused = |why: &str| json!({ "description": why, "content": { "application/json": { "schema": schema("OAuthError") } } });
    let mut token = Operation::new(
        "POST",
        "/oauth/token",
        "create_token",
        "A token for a client or a person",
    )
    .reads(
        schema("TokenRequest"),
        json!({
            "grant_type": "client_credentials", "client_id": "0000000000000001893f6a5b7c8d9e0f",
            "client_secret": "shown when the client was made", "audience": "https://id.example.test/api/v2/",
        }),
    )
    .gives(
        200,
        "the token",
        schema("Token"),
        json!({ "access_token": "eyJ…", "scope": "read:users", "expires_in": 86400, "token_type": "Bearer" }),
    );
    for (status, why) in [
        (400, "the request cannot be understood"),
        (401, "the client has not proved who it is"),
        (403, "the client may not have this token, or the person not come in"),
        (413, "the body is too large"),
        (415, "the body is of another media type, or compressed"),
        (429, "too many requests"),
        (503, "the server is busy"),
        (504, "the store does not answer"),
    ] {
        token.answers.insert(status, refused(why));
    }
    vec![
        token,
        Operation::new(
            "GET",
            "/.well-known/jwks.json",
            "find_keys",
            "The keys that tokens are signed with",
        )
        .gives(
            200,
            "the keys (RFC 7517)",
            schema("Keys"),
            json!({ "keys": [{ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1", "n": "…", "e": "AQAB" }] }),
        ),
        Operation::new(
            "GET",
            "/.well-known/openid-configuration",
            "find_configuration",
            "What this server can do (OpenID Connect Discovery)",
        )
        .gives(
            200,
            "its endpoints and abilities",
            schema("Configuration"),
            json!({
                "issuer": "https://id.example.test/", "token_endpoint": "https://id.example.test/oauth/token",
                "jwks_uri": "https://id.example.test/.well-known/jwks.json",
            }),
        ),
    ]
}

fn schemas() -> Vec<(&'static str, Value)> {
    let mut asked = wire::object(json!({ "grant_type": one_of(&oauth::GRANT_TYPES) }));
    for name in ["client_id", "client_secret", "audience", "scope", "organization"] {
        asked.insert(name.to_owned(), nullable(any_text()));
    }
    // Whoever asks for a client's own token may send these as she likes: they are not read.
    for name in ["username", "password", "realm"] {
        asked.insert(
            name.to_owned(),
            json!({ "description": "a text; read when a person logs in" }),
        );
    }
    let given = wire::object(json!({
        "access_token": any_text(), "id_token": any_text(), "scope": any_text(),
        "expires_in": integer(1..=i64::MAX), "token_type": one_of(&["Bearer"]),
    }));
    let key = json!({
        "kty": one_of(&["RSA"]), "use": one_of(&["sig"]), "alg": one_of(&["RS256"]),
        "kid": any_text(), "n": any_text(), "e": any_text(),
    });
    let configuration = json!({ "issuer": any_text(), "token_endpoint": any_text(), "jwks_uri": any_text() });
    let error = wire::object(json!({ "error": any_text(), "error_description": any_text() }));
    vec![
        (
            "TokenRequest",
            json!({ "type": "object", "properties": asked, "required": ["grant_type"] }),
        ),
        (
            "Token",
            closed(given, &["access_token", "scope", "expires_in", "token_type"]),
        ),
        (
            "Keys",
            with(
                json!({ "keys": list(with(key, &["kty", "use", "alg", "kid", "n", "e"])) }),
                &["keys"],
            ),
        ),
        (
            "Configuration",
            with(configuration, &["issuer", "token_endpoint", "jwks_uri"]),
        ),
        ("OAuthError", closed(error, &["error", "error_description"])),
    ]
}
