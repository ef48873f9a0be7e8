//! What was answered as done survives `kill -9`, power loss, a full and a broken disk; what
//! was answered as failed has left nothing behind.

mod backup;
mod connection_deletion;
mod crash_points;
mod disk_faults;
mod import;
mod jobs;
mod kill;
mod read_only;

use serde_json::{Value, json};

use crate::blackbox::http::Client;

/// A token of 256 bytes, told apart by the account that it belongs to.
fn token_of(subject: &str) -> String {
    format!("{subject}:{}", "x".repeat(255_usize.saturating_sub(subject.len())))
}

/// A request to link this account of Twitter, with such a token.
fn account(subject: &str) -> Value {
    json!({"connection": "twitter", "subject": subject, "tokens": {"access_token": token_of(subject)}})
}

/// Makes a user without a network; her core id.
#[track_caller]
fn new_user(client: &mut Client) -> String {
    let user = client.post("/link/v1/users", &json!({})).unwrap().expect(201);
    user.text("id").to_owned()
}

fn identities_of(user: &str) -> String {
    format!("/link/v1/users/{user}/identities")
}
