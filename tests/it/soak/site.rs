//! A server under load as its clients know it, and what they were answered.
//!
//! What would surprise: whoever fails ends the load for all, so that a failure is told at once and
//! not after twenty minutes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::blackbox::http::Client;
use crate::blackbox::server::{Installation, Server};

/// The database of people who log in with passwords.
pub const DATABASE: &str = "Username-Password-Authentication";

/// What everybody's password is.
pub const PASSWORD: &str = "Long-enough-1";

/// The limit of the tenant that is only there to reach it.
const LIMIT: &str = "rate_limit=1/1";

/// What clients know.
pub struct Site {
    pub address: SocketAddr,
    /// With every right over the tenant.
    pub token: String,
    /// The id of the database.
    pub database: String,
    /// A token of a tenant that may ask for little.
    pub limited: String,
    /// The client through which people log in.
    web: Value,
    answers: Mutex<BTreeMap<(String, u16), u64>>,
    ended: AtomicBool,
}

/// Ends the load when it is dropped.
pub struct Ending<'s>(pub &'s Site);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Relaxed);
    }
}

impl Site {
    /// What is to be known of this server, once everything is there that its clients use.
    pub fn of(installation: &Installation, server: &Server) -> Self {
        let web = installation.add_web_client();
        let limited = installation.answer(&["tenant", "create", "limited", "--json"]);
        installation.answer(&["tenant", "set", "limited", LIMIT]);
        let mut client = server.client();
        let found = client.get(&format!("/api/v2/connections?name={DATABASE}")).unwrap();
        let mut site = Self {
            address: server.address(),
            token: server.token(),
            database: found.expect(200).body[0]["id"].as_str().unwrap().to_owned(),
            limited: String::new(),
            web,
            answers: Mutex::default(),
            ended: AtomicBool::new(false),
        };
        let request = site.client_credentials(&limited["auth0"]["client_id"], &limited["auth0"]["client_secret"]);
        site.limited = site.give_token(&request);
        site
    }

    /// The token that such a request is given.
    #[track_caller]
    pub fn give_token(&self, request: &Value) -> String {
        let given = self.open("").post("/oauth/token", request).unwrap();
        self.count("honest", given.status);
        given.expect(200).text("access_token").to_owned()
    }

    /// A request for a token of a client's own.
    pub fn client_credentials(&self, id: &Value, secret: &Value) -> Value {
        json!({
            "grant_type": "client_credentials",
            "client_id": id,
            "client_secret": secret,
            "audience": format!("http://{}/api/v2/", self.address),
        })
    }

    /// A request for the tokens of a person.
    pub fn log_in(&self, name: &str, password: &str) -> Value {
        json!({
            "grant_type": "http://auth0.com/oauth/grant-type/password-realm",
            "client_id": self.web["client_id"],
            "client_secret": self.web["client_secret"],
            "realm": DATABASE,
            "username": name,
            "password": password,
            "audience": format!("http://{}/api/v2/", self.address),
            "scope": "openid read:current_user update:current_user_metadata update:current_user_identities",
        })
    }

    /// A connection that shows this token; empty for none.
    pub fn open(&self, token: &str) -> Client {
        Client::connect(self.address, token).unwrap()
    }

    /// Whether the load is over.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Waits, but not beyond the end of the load.
    pub fn rest(&self, time: Duration) {
        if !self.has_ended() {
            std::thread::sleep(time);
        }
    }

    /// Takes down an answer; status 0 is none.
    pub fn count(&self, what: &str, status: u16) {
        *self.answers.lock().entry((what.to_owned(), status)).or_default() += 1;
    }

    /// How many answers there were.
    pub fn answered(&self) -> u64 {
        self.answers.lock().values().sum()
    }

    /// Whether some were of this status.
    pub fn has_answered(&self, status: u16) -> bool {
        self.answers.lock().keys().any(|(_, answered)| *answered == status)
    }

    /// Everything that was answered, and how often; 0 is no answer.
    pub fn told(&self) -> String {
        let answers = self.answers.lock();
        let mut lines: BTreeMap<&str, String> = BTreeMap::new();
        for ((what, status), count) in &*answers {
            let line = lines.entry(what).or_insert_with(|| format!("{what:>18}"));
            *line += &format!("  {status}: {count}");
        }
        lines.into_values().collect::<Vec<_>>().join("\n")
    }
}
