//! Clients that do what clients do, and take everything away again that they made.
//!
//! What would surprise: an answer of 503 is no failure to them, if it says when to come back; they
//! count it and ask again.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::site::{DATABASE, Ending, PASSWORD, Site};
use crate::blackbox::http::{Answer, Client};

/// How long a client waits before each request.
const REST: Duration = Duration::from_millis(20);

/// How many users an import brings, the same ones each time.
const ROWS: usize = 20;

/// How long a request or a job may take, from its beginning to its end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who that is; a subject, a name or an address of hers begins with it.
struct Person(String);

/// A client that lives other people's lives.
pub struct Honest<'s> {
    site: &'s Site,
    client: Client,
    number: usize,
    /// Where the events are read on.
    after: Option<String>,
}

impl<'s> Honest<'s> {
    pub fn new(site: &'s Site, number: usize) -> Self {
        Self {
            site,
            client: site.open(&site.token),
            number,
            after: None,
        }
    }

    /// Lives until the load ends, to the end of a life.
    pub fn live(mut self) {
        let _ending = Ending(self.site);
        for round in 0.. {
            if self.site.has_ended() {
                return;
            }
            let person = Person(format!("p{}-{round}", self.number));
            let user = self.arrive(&person);
            let second = self.link_and_look_up(&user, &person);
            self.change_and_search(&user, &person);
            self.follow();
            if round % 4 == 0 {
                self.log_in_and_merge(&user, &person);
            }
            if round % 16 == 0 {
                self.administer(&person);
            }
            if round % 32 == 0 && self.number == 0 {
                self.export();
                self.import();
            }
            self.leave(&user, &second);
        }
    }

    /// A request that must get this status.
    #[track_caller]
    fn ask(&mut self, method: &str, path: &str, body: Option<&Value>, status: u16) -> Answer {
        self.ask_with(method, path, &[], body, status)
    }

    #[track_caller]
    fn ask_with(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
        status: u16,
    ) -> Answer {
        let begun = Instant::now();
        loop {
            self.site.rest(REST);
            let answer = self.client.send(method, path, headers, body).unwrap();
            self.site.count("honest", answer.status);
            if answer.status != 503 || begun.elapsed() > PATIENCE {
                assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
                return answer;
            }
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    /// Makes a user, twice with one key, which makes one user.
    fn arrive(&mut self, person: &Person) -> String {
        let body = json!({"name": person.0, "identity": person.account("first")});
        let key = [("idempotency-key", person.0.as_str())];
        let made = self.ask_with("POST", "/link/v1/users", &key, Some(&body), 201);
        let again = self.ask_with("POST", "/link/v1/users", &key, Some(&body), 201);
        assert_eq!(made.body["id"], again.body["id"]);
        made.text("id").to_owned()
    }

    /// Links a second account, renews it, and finds it; its id.
    fn link_and_look_up(&mut self, user: &str, person: &Person) -> String {
        let path = format!("/link/v1/users/{user}/identities");
        let account = person.account("second");
        let linked = self.ask("POST", &path, Some(&account), 201);
        self.ask("POST", &path, Some(&account), 200);
        self.ask("GET", &path, None, 200);
        let owner = format!("/link/v1/identities/twitter/{}-second", person.0);
        assert_eq!(self.ask("GET", &owner, None, 200).body["id"], user);
        let many = json!({"identities": [
            {"connection": "twitter", "subject": format!("{}-first", person.0)},
            {"connection": "twitter", "subject": "nobody"},
        ]});
        self.ask("POST", "/link/v1/identities:resolve", Some(&many), 200);
        self.ask("GET", "/link/v1/users?limit=20", None, 200);
        linked.text("id").to_owned()
    }

    fn change_and_search(&mut self, user: &str, person: &Person) {
        let path = format!("/api/v2/users/auth0%7C{user}");
        let change = json!({"user_metadata": {"of": person.0, "list": [1, {"a": "b"}]}, "nickname": "changed"});
        self.ask("PATCH", &path, Some(&change), 200);
        let found = format!(
            "/api/v2/users?q=user_metadata.of:%22{}%22&include_totals=true",
            person.0
        );
        assert_eq!(self.ask("GET", &found, None, 200).body["total"], 1);
        self.ask("GET", "/api/v2/users?q=nickname:chan*&sort=updated_at:-1", None, 200);
        self.ask("GET", &path, None, 200);
        self.ask("GET", "/api/v2/logs?per_page=5", None, 200);
    }

    /// Reads the next page of events, if there is one.
    fn follow(&mut self) {
        let after = self.after.as_ref().map(|after| format!("&after={after}"));
        let path = format!("/link/v1/events?limit=100{}", after.unwrap_or_default());
        let page = self.ask("GET", &path, None, 200);
        if let Some(next) = page.body["next"].as_str() {
            self.after = Some(next.to_owned());
        }
    }

    /// Makes a user who logs in by a password, and who is part of the other one for a while.
    fn log_in_and_merge(&mut self, user: &str, person: &Person) {
        let email = format!("{}@people.example", person.0);
        let body = json!({"connection": DATABASE, "email": email, "password": PASSWORD});
        let made = self.ask("POST", "/api/v2/users", Some(&body), 201);
        let other = made.text("user_id").replace('|', "%7C");
        let (_, own) = made.text("user_id").split_once('|').unwrap();
        let token = self.site.give_token(&self.site.log_in(&email, PASSWORD));
        let mut herself = self.site.open(&token);
        let seen = herself.get(&format!("/api/v2/users/{other}")).unwrap();
        self.site.count("honest", seen.status);
        assert_eq!(seen.expect(200).text("email"), email);
        let identities = format!("/api/v2/users/auth0%7C{user}/identities");
        let merge = json!({"provider": "auth0", "user_id": own});
        self.ask("POST", &identities, Some(&merge), 201);
        self.ask("DELETE", &format!("{identities}/auth0/{own}"), None, 200);
        self.ask("DELETE", &format!("/api/v2/users/{other}"), None, 204);
    }

    /// Makes a client and a connection, and removes them.
    fn administer(&mut self, person: &Person) {
        let body = json!({"name": person.0, "app_type": "non_interactive"});
        let made = self.ask("POST", "/api/v2/clients", Some(&body), 201);
        let (id, secret) = (&made.body["client_id"], &made.body["client_secret"]);
        let grant = json!({
            "client_id": id,
            "audience": format!("http://{}/api/v2/", self.site.address),
            "scope": ["read:users"],
        });
        self.ask("POST", "/api/v2/client-grants", Some(&grant), 201);
        let token = self.site.give_token(&self.site.client_credentials(id, secret));
        let seen = self.site.open(&token).get("/api/v2/users?per_page=1");
        seen.unwrap().expect(200);
        self.ask(
            "DELETE",
            &format!("/api/v2/clients/{}", made.text("client_id")),
            None,
            204,
        );
        let connection = json!({"name": person.0, "strategy": "auth0"});
        let made = self.ask("POST", "/api/v2/connections", Some(&connection), 201);
        self.ask("DELETE", &format!("/api/v2/connections/{}", made.text("id")), None, 202);
    }

    fn export(&mut self) {
        let asked = self.ask(
            "POST",
            "/api/v2/jobs/users-exports",
            Some(&json!({"format": "json"})),
            200,
        );
        let job = self.done(asked.text("id"));
        let (_, path) = job.text("location").split_once("/u/").unwrap();
        self.ask("GET", &format!("/u/{path}"), None, 200);
    }

    fn import(&mut self) {
        let rows: Vec<Value> = (0..ROWS)
            .map(|row| json!({"email": format!("imported{row}@people.example"), "user_metadata": {"row": row}}))
            .collect();
        let part = |name: &str, of: &str, value: &str| {
            format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"{of}\r\n\r\n{value}\r\n")
        };
        let users = part("users", "; filename=\"users.json\"", &json!(rows).to_string());
        let body = users + &part("connection_id", "", &self.site.database) + &part("upsert", "", "true") + "--b--\r\n";
        let form = "multipart/form-data; boundary=b";
        let asked = self
            .client
            .upload("/api/v2/jobs/users-imports", form, body.as_bytes())
            .unwrap();
        let job = self.done(asked.expect(202).text("id"));
        assert_eq!(job.body["summary"]["failed"], 0, "{}", job.body);
    }

    /// Waits until a job is done.
    fn done(&mut self, job: &str) -> Answer {
        let begun = Instant::now();
        loop {
            let seen = self.ask("GET", &format!("/api/v2/jobs/{job}"), None, 200);
            match seen.text("status") {
                "completed" => return seen,
                status => assert_eq!(status, "pending", "{}", seen.body),
            }
            assert!(begun.elapsed() < PATIENCE, "it never ends: {}", seen.body);
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn leave(&mut self, user: &str, second: &str) {
        let path = format!("/link/v1/users/{user}/identities/{second}");
        self.ask("DELETE", &path, None, 204);
        self.ask("DELETE", &format!("/api/v2/users/auth0%7C{user}"), None, 204);
    }
}

impl Person {
    /// An account of hers, with tokens.
    fn account(&self, which: &str) -> Value {
        json!({
            "connection": "twitter",
            "subject": format!("{}-{which}", self.0),
            "profile": {"name": self.0},
            "tokens": {"access_token": "x".repeat(200), "refresh_token": "y".repeat(200)},
        })
    }
}
