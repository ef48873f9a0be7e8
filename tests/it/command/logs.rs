//! Logs of tenants across the end of a server.

use rusqlite::Connection;
use serde_json::{Value, json};

use super::Folder;
use crate::blackbox::http::Client;

#[test]
fn a_server_that_is_stopped_writes_what_it_noted() {
    let folder = Folder::new();
    let credentials: Value = serde_json::from_str(&folder.done(&["tenant", "create", "acme", "--json"])).unwrap();
    let running = folder.serve();
    let address = running.url().strip_prefix("http://").unwrap().to_owned();
    let mut client = Client::connect(address.parse().unwrap(), "").unwrap();
    let request = json!({
        "grant_type": "client_credentials",
        "client_id": credentials["auth0"]["client_id"],
        "client_secret": credentials["auth0"]["client_secret"],
        "audience": format!("http://{address}/api/v2/"),
    });
    client.post("/oauth/token", &request).unwrap().expect(200);
    assert_eq!(running.signal("TERM").exit, 0);
    let data = Connection::open(folder.join("data/data.db")).unwrap();
    let entries: Vec<String> = data
        .prepare("SELECT entry FROM logs")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert!(entries[0].contains("seccft"), "{entries:?}");
}
