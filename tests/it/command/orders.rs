//! Orders of the operator, given to a free directory and to a running server: the same
//! answers either way.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::Folder;

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The names of all members, in order, nested ones by path.
fn members(value: &Value) -> Vec<String> {
    let Value::Object(members_of) = value else {
        return Vec::new();
    };
    members_of
        .iter()
        .flat_map(|(name, value)| match members(value) {
            nested if nested.is_empty() => vec![name.clone()],
            nested => nested.into_iter().map(|inner| format!("{name}.{inner}")).collect(),
        })
        .collect()
}

/// A whole round of orders.
fn play(folder: &Folder) {
    let credentials = json_of(&folder.done(&["tenant", "create", "acme", "--json"]));
    assert_eq!(
        members(&credentials),
        [
            "tenant",
            "auth0.client_id",
            "auth0.client_secret",
            "auth0.audience",
            "kii.app_id",
            "kii.app_key",
            "kii.client_id",
            "kii.client_secret",
            "knodes.customer_id",
            "knodes.customer_secret",
        ]
    );
    let client_id = credentials["auth0"]["client_id"].as_str().unwrap();
    let taken = folder.run(&["tenant", "create", "acme"]);
    assert_eq!((taken.exit, taken.out.as_str()), (1, ""));
    assert!(taken.err.contains("in use"), "{}", taken.err);
    assert_eq!(folder.run(&["tenant", "create", "not a name"]).exit, 2);
    assert!(folder.done(&["tenant", "create", "beta"]).contains("shown this once"));
    let tenants = json_of(&folder.done(&["tenant", "list", "--json"]));
    assert_eq!(tenants[0]["tenant"], "acme");
    assert_eq!(tenants[1]["tenant"], "beta");

    folder.done(&["tenant", "set", "acme", "link_unknown=create", "link_with_max_age=60"]);
    let wrong = folder.run(&["tenant", "set", "acme", "query_secrets=false", "link_unknown=maybe"]);
    assert_eq!(wrong.exit, 2);
    assert!(wrong.err.contains("link_unknown"), "{}", wrong.err);
    let shown = json_of(&folder.done(&["tenant", "show", "acme", "--json"]));
    assert_eq!(
        shown["settings"],
        json!({"link_unknown": "create", "link_with_max_age": 60, "id_token_max_age": 600, "identities_per_user": 50, "query_secrets": true,
            "tokenless_connect": true, "rate_limit": "off", "client_rate_limit": "off", "lenient_clients": false, "log_retention_days": 30,
            "recreated_accounts": "allowed", "erased_accounts_days": 30,
            "kii_sign_up": true, "kii_email_verification": false, "kii_phone_verification": false, "kii_expose_users": false,
            "kii_refresh_tokens": false, "kii_token_seconds": 2_147_483_647, "kii_max_token_seconds": 2_147_483_647,
            "kii_password_length": 4}),
        "a refused change changed nothing"
    );
    assert_eq!(shown["clients"], json!([client_id]));
    assert_eq!(folder.run(&["tenant", "show", "nobody"]).exit, 1);

    let rotated = json_of(&folder.done(&["tenant", "rotate-secret", "acme", "--json"]));
    assert_eq!(members(&rotated), members(&credentials));
    for (dialect, id, secret) in [
        ("auth0", "client_id", "client_secret"),
        ("kii", "client_id", "client_secret"),
        ("knodes", "customer_id", "customer_secret"),
    ] {
        assert_eq!(rotated[dialect][id], credentials[dialect][id], "{dialect}");
        assert_ne!(rotated[dialect][secret], credentials[dialect][secret], "{dialect}");
    }

    let add = [
        "client",
        "add",
        "--tenant",
        "acme",
        "--name",
        "web",
        "--grant",
        "password-realm",
    ];
    let scopes = ["--scope", "read:users update:users", "--json"];
    let added = json_of(&folder.done(&[&add[..], &scopes].concat()));
    let added_id = added["client_id"].as_str().unwrap();
    let clients = json_of(&folder.done(&["client", "list", "--tenant", "acme", "--json"]));
    assert_eq!(clients[1]["client_id"], added_id);
    assert_eq!(clients[1]["grants"], json!(["client-credentials", "password-realm"]));
    assert_eq!(clients[1]["scopes"], "read:users update:users");
    for bad in [
        ["--scope", "read:everything"],
        ["--scope", "read:current_user"],
        ["--grant", "implicit"],
    ] {
        assert_eq!(folder.run(&[&add[..6], &bad].concat()).exit, 2, "{bad:?}");
    }
    let renewed = json_of(&folder.done(&["tenant", "rotate-secret", "acme", "--client", added_id, "--json"]));
    assert_eq!(renewed["client_id"], added_id);
    assert_ne!(renewed["client_secret"], added["client_secret"]);
    assert_eq!(
        folder.run(&["client", "remove", "--tenant", "beta", added_id]).exit,
        1,
        "another tenant's client is not there"
    );
    folder.done(&["client", "remove", "--tenant", "acme", added_id]);
    assert_eq!(folder.run(&["client", "remove", "--tenant", "acme", added_id]).exit, 1);

    std::fs::write(folder.join("secret"), "hush-hush\n").unwrap();
    let add = [
        "connection",
        "add",
        "--tenant",
        "acme",
        "github",
        "--provider",
        "github",
    ];
    let with_secret = ["--client-id", "abc", "--client-secret-file", "secret", "--json"];
    let connection = json_of(&folder.done(&[&add[..], &with_secret].concat()));
    assert_eq!(connection["client_id"], "abc");
    assert_eq!(folder.run(&add).exit, 1, "the name is in use");
    let listed = folder.done(&["connection", "list", "--tenant", "acme"]);
    assert!(
        listed.contains("github") && listed.contains("oneself") && !listed.contains("hush"),
        "{listed}"
    );
    folder.done(&["connection", "remove", "--tenant", "acme", "github"]);
    assert_eq!(
        folder
            .run(&["connection", "remove", "--tenant", "acme", "oneself"])
            .exit,
        2
    );
}

#[test]
fn orders_are_executed_in_a_free_directory() {
    play(&Folder::new());
}

#[test]
fn orders_are_executed_by_the_server_that_holds_the_directory() {
    let folder = Folder::new();
    let running = folder.serve();
    let socket = std::fs::metadata(folder.join("data/control.sock")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    play(&folder);
    let ended = running.signal("TERM");
    assert_eq!(ended.exit, 0);
    assert!(!ended.err.contains("hush"), "no order is logged: {}", ended.err);
}

#[test]
fn what_is_not_an_order_is_refused_and_the_server_goes_on() {
    use std::io::{Read, Write};
    let folder = Folder::new();
    let running = folder.serve();
    for line in [b"{}\n".to_vec(), b"\xff\n".to_vec(), vec![b'x'; 100_000]] {
        let mut stream = std::os::unix::net::UnixStream::connect(folder.join("data/control.sock")).unwrap();
        let _ = stream.write_all(&line);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut reply = String::new();
        let _ = stream.read_to_string(&mut reply);
        assert!(!reply.contains("Ok"), "{reply}");
    }
    folder.done(&["tenant", "create", "acme"]);
    assert_eq!(running.signal("TERM").exit, 0);
}
