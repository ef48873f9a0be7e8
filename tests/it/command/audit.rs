//! `audit verify` and `audit head`, with a server and without.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::blackbox::server::Installation;

/// What a command prints as JSON, and how it ends.
fn asked(installation: &Installation, arguments: &[&str]) -> (i32, Value, String) {
    let output = installation.command(arguments).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (
        output.status.code().unwrap(),
        serde_json::from_str(&said).unwrap_or_default(),
        errors,
    )
}

#[test]
fn sec_ops_11_heads_are_printed_and_the_first_changed_event_is_named() {
    let installation = Installation::new();
    let tenant = installation.credentials()["tenant"].as_str().unwrap().to_owned();
    let server = installation.serve();
    let mut client = server.client();
    let mut make = |n: usize| {
        let account = json!({"connection": "twitter", "subject": n.to_string()});
        client
            .post("/link/v1/users", &json!({"identity": account}))
            .unwrap()
            .expect(201);
    };
    (0..3).for_each(&mut make);
    let (exit, heads, _) = asked(&installation, &["audit", "head", "--json"]);
    assert_eq!((exit, &heads[0]["tenant"]), (0, &json!(tenant)));
    let count = heads[0]["count"].as_u64().unwrap();
    assert!(count >= 3);
    let head = heads[0]["head"].as_str().unwrap().to_owned();
    let verify = ["audit", "verify", "--json"];
    let with_head = ["audit", "verify", "--json", "--tenant", &tenant, "--head", &head];
    make(3);
    for arguments in [&verify[..], &with_head] {
        let (exit, said, errors) = asked(&installation, arguments);
        assert_eq!((exit, &said["sound"]), (0, &json!(true)), "{said} {errors}");
    }
    server.kill();

    let (exit, said, _) = asked(&installation, &with_head);
    assert_eq!(exit, 0, "without a server too: {said}");
    assert!(
        said["checks"][0]["says"]
            .as_str()
            .unwrap()
            .contains(&format!("that of {count}")),
        "{said}"
    );
    let (exit, later, _) = asked(&installation, &["audit", "head", "--json", "--tenant", &tenant]);
    assert_eq!(exit, 0);
    assert_ne!(later[0]["head"], heads[0]["head"]);
    for wrong in [
        &["audit", "verify", "--head", &head][..],
        &["audit", "verify", "--tenant", &tenant, "--head", "abc"],
    ] {
        assert_eq!(asked(&installation, wrong).0, 2, "{wrong:?}");
    }
    assert_eq!(asked(&installation, &["audit", "verify", "--tenant", "nobody"]).0, 1);
    let other = "00".repeat(32);
    let (exit, said, _) = asked(
        &installation,
        &["audit", "verify", "--json", "--tenant", &tenant, "--head", &other],
    );
    assert_eq!((exit, &said["sound"]), (1, &json!(false)));
    assert!(
        said["checks"][0]["says"].as_str().unwrap().contains("never ended"),
        "{said}"
    );

    let data = Connection::open(installation.data().join("data.db")).unwrap();
    let event: String = data
        .query_row("SELECT lower(hex(event)) FROM trail WHERE position = 2", [], |row| {
            row.get(0)
        })
        .unwrap();
    data.execute("UPDATE events SET at = at - 1 WHERE lower(hex(id)) = ?1", [&event])
        .unwrap();
    drop(data);
    for command in [&verify[..], &["doctor", "--json"]] {
        let (exit, said, _) = asked(&installation, command);
        assert_eq!((exit, &said["sound"]), (1, &json!(false)), "{said}");
        let named = format!("event evt_{event} was edited; the 1 before it");
        assert!(said.to_string().contains(&named), "{said}");
    }
}
