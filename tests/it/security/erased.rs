//! What is kept of accounts whose users were erased, and what becomes of those who come back (LNK-20).
//!
//! Other interfaces have their own tests of the same name: `kii/social.rs` and `knodes/decisions.rs`.

use std::time::Duration;

use oneself::app::import::{ImportedIdentity, ImportedLines, ImportedUser};
use oneself::domain::{Object, Proof, TokenSet};
use oneself::secret::Digest;
use serde_json::{Value, json};

use crate::support::http::{Client, Reply};
use crate::support::invariants;
use crate::support::people::Side;
use crate::support::server::TestServer;

const DAY: Duration = Duration::from_secs(86_400);

/// A tenant whose people have accounts at GitHub and Twitter.
struct World {
    server: TestServer,
    side: Side,
}

impl World {
    async fn new(settings: &[(&str, &str)]) -> Self {
        let server = TestServer::start().await;
        let side = Side::new(&server, "acme").await;
        let world = Self { server, side };
        world.set(settings).await;
        world
    }

    async fn set(&self, settings: &[(&str, &str)]) {
        let settings = settings.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let settings: Vec<(String, String)> = settings.collect();
        self.server.app.set_settings("acme", &settings).await.unwrap();
    }

    /// Somebody comes by an account.
    async fn come(&self, subject: &str) -> Reply {
        come(&self.side.client, subject).await
    }

    /// Somebody came by an account, and was erased; her id.
    async fn erased(&self, subject: &str) -> String {
        let made = self.come(subject).await.expect(201).json();
        let core = made["id"].as_str().unwrap().to_owned();
        self.erase(&core).await;
        core
    }

    async fn erase(&self, core: &str) {
        let path = format!("/api/v2/users/auth0%7C{core}");
        self.side.client.delete(&path).await.expect(204);
    }

    async fn marks(&self) -> i64 {
        let count = "SELECT count(*) FROM erased_identities";
        self.server.directory.number(count).await
    }

    async fn events(&self) -> Vec<Value> {
        let page = self.side.client.get("/link/v1/events?limit=100").await.expect(200);
        page.json()["events"].as_array().unwrap().clone()
    }

    /// Who came back, with her identity, by the events.
    async fn returned(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let all = self.events().await;
        let told = all.iter().filter(|event| event["type"] == "identity.recreated");
        told.map(|event| (text(&event["user_id"]), text(&event["identity"])))
            .collect()
    }
}

async fn come(client: &Client, subject: &str) -> Reply {
    let body = json!({"identity": {"connection": "github", "subject": subject,
        "tokens": {"access_token": "t"}}});
    client.post("/link/v1/users", body).await
}

fn id(made: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&made["id"]), text(&made["identities"][1]["id"]))
}

#[track_caller]
fn erased(reply: Reply) {
    let said = reply.expect(409).json();
    assert_eq!(said["code"], "identity_erased", "{said}");
}

#[tokio::test]
async fn sec_lnk_20_who_comes_back_by_an_erased_account_is_told_of() {
    let w = World::new(&[]).await;
    let first = w.erased("1").await;
    assert_eq!((w.marks().await, w.returned().await.len()), (1, 0));
    let back = id(&w.come("1").await.expect(201).json());
    assert_ne!(back.0, first, "she is somebody else");
    assert_eq!(w.returned().await, std::slice::from_ref(&back));
    assert_eq!(w.marks().await, 0, "what was told is forgotten");
    let kinds: Vec<_> = w.events().await.iter().map(|event| event["type"].clone()).collect();
    let wanted = [
        "user.created",
        "identity.linked",
        "user.deleted",
        "user.created",
        "identity.linked",
        "identity.recreated",
    ];
    assert_eq!(kinds, wanted.map(Value::from));
    let told = w.events().await.pop().unwrap();
    let linked = w.events().await[4].clone();
    for same in ["user_id", "identity", "connection", "actor", "at"] {
        assert_eq!(told[same], linked[same], "{same}");
    }
    assert_eq!(told.get("proof"), None);

    // Erased again, she is told of again; whoever has another account is not.
    w.erase(&back.0).await;
    w.come("2").await.expect(201);
    let again = id(&w.come("1").await.expect(201).json());
    assert_eq!(w.returned().await, [back, again]);
    invariants::check(&w.server, &w.side).await;
}

#[tokio::test]
async fn sec_lnk_20_an_erased_account_is_refused_where_the_tenant_says_so() {
    let w = World::new(&[("recreated_accounts", "refused"), ("link_unknown", "create")]).await;
    let noah = w.side.person("noah").await;
    w.erased("1").await;
    let before = (w.events().await.len(), w.side.everybody(&w.server).await.len());
    erased(w.come("1").await);

    // Nobody who is there gets it either, however she is asked for.
    let link = json!({"connection": "github", "subject": "1", "tokens": {"access_token": "t"}});
    let path = format!("/link/v1/users/{}/identities", noah.core);
    erased(w.side.client.post(&path, link.clone()).await);
    erased(w.side.client.post(&format!("{path}?dry_run=true"), link.clone()).await);
    let keyed = [("idempotency-key", "one")];
    erased(w.side.client.request("POST", &path, &keyed, link.clone()).await);
    let body = json!({"provider": "github", "user_id": "1"});
    let said = w.side.client.post(&format!("{}/identities", noah.path()), body).await;
    let said = said.expect(409).json();
    assert_eq!(
        (&said["errorCode"], &said["statusCode"]),
        (&json!("identity_erased"), &json!(409))
    );
    let after = (w.events().await.len(), w.side.everybody(&w.server).await.len());
    assert_eq!(before, after, "nothing was written");
    assert_eq!(w.marks().await, 1);

    // It is this account, at this connection, of this tenant.
    w.come("2").await.expect(201);
    let elsewhere = json!({"connection": "twitter", "subject": "1"});
    w.side.client.post(&path, elsewhere).await.expect(201);
    let foreign = Side::new(&w.server, "other").await;
    come(&foreign.client, "1").await.expect(201);

    // A tenant that takes them back again is told.
    w.set(&[("recreated_accounts", "allowed")]).await;
    let back = id(&w.come("1").await.expect(201).json());
    assert_eq!(w.returned().await, [back]);
    invariants::check(&w.server, &w.side).await;
}

#[tokio::test]
async fn sec_lnk_20_who_is_there_takes_an_erased_account_silently_where_that_is_allowed() {
    let w = World::new(&[]).await;
    let noah = w.side.person("noah").await;
    w.erased("1").await;
    w.side.link(&noah.core, "github", "1").await;
    assert_eq!(w.returned().await, []);
}

#[tokio::test]
async fn sec_lnk_20_marks_end_when_the_tenant_says_so() {
    let w = World::new(&[("recreated_accounts", "refused"), ("erased_accounts_days", "2")]).await;
    w.erased("1").await;
    w.server.advance(2 * DAY - Duration::from_secs(1));
    let client = w.side.tenant.client().await;
    erased(come(&client, "1").await);
    w.server.app.forget_ended().await.unwrap();
    assert_eq!(w.marks().await, 1);
    w.server.advance(Duration::from_secs(1));
    come(&client, "1").await.expect(201);
    w.server.app.forget_ended().await.unwrap();
    assert_eq!(w.marks().await, 0);

    w.set(&[("erased_accounts_days", "0")]).await;
    let w = World {
        side: Side { client, ..w.side },
        ..w
    };
    w.erased("2").await;
    assert_eq!(w.marks().await, 0);
    w.come("2").await.expect(201);
}

#[tokio::test]
async fn sec_lnk_20_only_accounts_of_networks_of_the_erased_leave_a_mark() {
    let w = World::new(&[("recreated_accounts", "refused")]).await;
    let mira = w.side.person("mira").await;
    let link = w.side.link(&mira.core, "github", "1").await;
    w.side.link(&mira.core, "twitter", "2").await;
    let path = format!("/link/v1/users/{}/identities/{link}", mira.core);
    w.side.client.delete(&path).await.expect(204);
    assert_eq!(w.marks().await, 0, "what was unlinked is free");
    w.side.client.delete(&mira.path()).await.expect(204);
    assert_eq!(w.marks().await, 1);
    w.come("1").await.expect(201);
    w.side.person("mira").await;

    // Who goes with the connection where she was born leaves marks of what she had elsewhere.
    let request = json!({"name": "plain", "strategy": "auth0"});
    let made = w
        .side
        .client
        .post("/api/v2/connections", request)
        .await
        .expect(201)
        .json();
    let body = json!({"connection": "plain", "email": "ida@x.example", "password": crate::support::people::PASSWORD});
    let ida = w.side.client.post("/api/v2/users", body).await.expect(201).json();
    let core = ida["user_id"].as_str().unwrap().split_once('|').unwrap().1.to_owned();
    w.side.link(&core, "github", "3").await;
    let path = format!(
        "/api/v2/connections/{}/users?email=ida%40x.example",
        made["id"].as_str().unwrap()
    );
    w.side.client.delete(&path).await.expect(204);
    erased(w.come("3").await);
}

#[tokio::test]
async fn sec_lnk_20_a_mark_says_nothing_of_its_account() {
    let w = World::new(&[]).await;
    let subject = "an-account-that-nobody-could-mistake";
    w.erased(subject).await;
    assert_eq!(w.marks().await, 1);
    w.server.directory.checkpoint();
    assert!(!w.server.directory.holds(subject).await);
    let plain = Digest::of(subject.as_bytes());
    assert!(!w.server.directory.holds(plain.as_bytes()).await);
    let mark = w.server.directory.bytes("SELECT mark FROM erased_identities").await;
    assert!(w.server.directory.holds(&mark).await);

    // The same account has another mark in another tenant.
    let foreign = Side::new(&w.server, "other").await;
    let made = come(&foreign.client, subject).await.expect(201).json();
    let path = format!("/api/v2/users/auth0%7C{}", made["id"].as_str().unwrap());
    foreign.client.delete(&path).await.expect(204);
    let marks = w
        .server
        .directory
        .number("SELECT count(DISTINCT mark) FROM erased_identities");
    assert_eq!(marks.await, 2);
}

#[tokio::test]
async fn sec_lnk_20_an_import_is_held_to_the_same() {
    let w = World::new(&[("recreated_accounts", "refused")]).await;
    w.erased("1").await;
    let tenant = w.side.id();
    let lines = |subjects: &[&str]| {
        let identity = |connection: &str, subject: Option<&str>| ImportedIdentity {
            connection: connection.to_owned(),
            subject: subject.map(str::to_owned),
            proof: Proof::Asserted,
            claims: Object::new(),
            tokens: TokenSet::default(),
            password: None,
        };
        let user = |subject: &&str| ImportedUser {
            identities: vec![identity("oneself", None), identity("github", Some(subject))],
            ..ImportedUser::default()
        };
        ImportedLines {
            lines: subjects.len() as u64,
            users: (1..).zip(subjects.iter().map(user)).collect(),
            is_last: true,
            ..ImportedLines::default()
        }
    };
    let app = &w.server.app;
    let begun = app.begin_import("acme", Digest::of(b"one"), "one").await.unwrap();
    let checked = app
        .check_import(
            tenant,
            begun.import.clone(),
            lines(&["1", "2"]),
            &mut Default::default(),
        )
        .await
        .unwrap();
    let done = app
        .import_users(tenant, begun.import, lines(&["1", "2"]))
        .await
        .unwrap();
    for import in [checked, done] {
        assert_eq!((import.users, import.refused), (1, 1));
        let refused = &import.last_refused[0];
        assert_eq!((refused.line, refused.path.as_str()), (1, "identities[1]"));
        assert!(refused.reason.contains("was erased"), "{}", refused.reason);
    }
    w.set(&[("recreated_accounts", "allowed")]).await;
    let begun = app.begin_import("acme", Digest::of(b"two"), "two").await.unwrap();
    let done = app.import_users(tenant, begun.import, lines(&["1"])).await.unwrap();
    assert_eq!((done.users, done.refused), (1, 0));
    assert_eq!(w.returned().await.len(), 1);
    invariants::check(&w.server, &w.side).await;
}
