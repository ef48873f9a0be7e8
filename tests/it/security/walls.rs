//! What one tenant or person learns of another: nothing (API-03, -05, JWT-09); and what can be
//! written by whoever may write (API-04).

use serde_json::{Value, json};

use super::ROUTES;
use crate::support::http::{Client, Reply};
use crate::support::invariants;
use crate::support::people::{DATABASE, OWN_SCOPES, PASSWORD, Person, Side};
use crate::support::server::TestServer;

/// Two tenants with the same people in them, and a word that stands everywhere in the second.
struct Mirrored {
    server: TestServer,
    acme: Side,
    other: Side,
    mine: Ids,
    theirs: Ids,
}

/// What things of a tenant are called.
#[derive(Debug, Clone)]
struct Ids {
    person: Person,
    identity: String,
    subject: String,
    connection: String,
    cursor: String,
}

const CANARY: &str = "canary-of-the-other";

impl Mirrored {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let (acme, other) = (Side::new(&server, "acme").await, Side::new(&server, "other").await);
        let mine = Ids::new(&server, &acme, "mine").await;
        let theirs = Ids::new(&server, &other, CANARY).await;
        Self {
            server,
            acme,
            other,
            mine,
            theirs,
        }
    }
}

impl Ids {
    async fn new(server: &TestServer, side: &Side, word: &str) -> Self {
        let person = side.person("ines").await;
        let body = json!({"name": word, "nickname": word, "user_metadata": {"a": word}, "app_metadata": {"b": word}});
        side.client.patch(&person.path(), body).await.expect(200);
        let identity = side.link(&person.core, "twitter", word).await;
        let connections = server.store.list_connections(side.id()).await.unwrap();
        let twitter = connections.iter().find(|one| one.name == "twitter").unwrap();
        let page = side.client.get("/link/v1/users?limit=1").await.expect(200).json();
        Self {
            person,
            identity,
            subject: word.to_owned(),
            connection: twitter.id.to_string(),
            cursor: page["next"].as_str().unwrap().to_owned(),
        }
    }

    /// The same form of names, and nobody's.
    fn nobodys() -> Self {
        Self {
            person: Person {
                core: "000000000000000000000000".to_owned(),
                id: "auth0|000000000000000000000000".to_owned(),
                email: "nobody@x.example".to_owned(),
            },
            identity: "idn_000000000000000000000000".to_owned(),
            subject: "nobodys".to_owned(),
            connection: "con_0000000000000001".to_owned(),
            cursor: "AAAA".to_owned(),
        }
    }
}

/// Every request in which ids of the one tenant can stand: all of `own`, but one of `foreign`.
fn crawl(own: &Ids, foreign: &Ids) -> Vec<(&'static str, String, Value)> {
    let mut requests = Vec::new();
    for (method, template) in ROUTES {
        for part in template.split('/').filter(|part| part.starts_with('{')) {
            let fill = |name: &str| {
                let ids = if name == part { foreign } else { own };
                match name {
                    "{id}" if template.contains("connections") => ids.connection.clone(),
                    "{id}" if template.starts_with("/api") => ids.person.encoded(),
                    "{id}" => ids.person.core.clone(),
                    "{identity}" => ids.identity.clone(),
                    "{connection}" => ids.connection.clone(),
                    "{provider}" => "twitter".to_owned(),
                    _ => ids.subject.clone(),
                }
            };
            let path: Vec<String> = template
                .split('/')
                .map(|part| {
                    if part.starts_with('{') {
                        fill(part)
                    } else {
                        part.to_owned()
                    }
                })
                .collect();
            requests.push((*method, path.join("/"), body(method, template, own)));
        }
    }
    let link = format!("/link/v1/users/{}/identities", own.person.core);
    let second = format!("{}/identities", own.person.path());
    requests.extend([
        ("GET", format!("/link/v1/users?after={}", foreign.cursor), Value::Null),
        ("GET", format!("/link/v1/events?after={}", foreign.cursor), Value::Null),
        (
            "GET",
            format!("/api/v2/connections?from={}", foreign.connection),
            Value::Null,
        ),
        (
            "POST",
            link,
            json!({"connection": foreign.connection, "subject": "new"}),
        ),
        (
            "POST",
            "/link/v1/users".to_owned(),
            json!({"identity": {"connection": foreign.connection, "subject": "new"}}),
        ),
        (
            "POST",
            "/link/v1/identities:resolve".to_owned(),
            json!({"identities": [{"connection": foreign.connection, "subject": foreign.subject}]}),
        ),
        (
            "POST",
            second.clone(),
            json!({"provider": "auth0", "user_id": foreign.person.id}),
        ),
        (
            "POST",
            second.clone(),
            json!({"provider": "twitter", "user_id": foreign.subject}),
        ),
        (
            "POST",
            second,
            json!({"provider": "twitter", "user_id": own.subject, "connection_id": foreign.connection}),
        ),
    ]);
    requests
}

fn body(method: &str, template: &str, own: &Ids) -> Value {
    match (method, template) {
        ("PATCH", _) => json!({"name": "Eve"}),
        ("POST", "/link/v1/users/{id}/identities") => json!({"connection": "twitter", "subject": "new"}),
        ("POST", _) => json!({"provider": "twitter", "user_id": own.subject}),
        _ => Value::Null,
    }
}

async fn send(client: &Client, (method, path, body): &(&str, String, Value)) -> Reply {
    match body {
        Value::Null => client.request(method, path, &[], ()).await,
        body => client.request(method, path, &[], body.clone()).await,
    }
}

/// An answer without what differs always.
fn compared(reply: &Reply) -> (u16, Vec<(String, String)>, String) {
    let mut headers: Vec<_> = reply
        .headers
        .iter()
        .filter(|(name, _)| !["x-request-id", "request-id", "date"].contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    (reply.status, headers, reply.text())
}

#[tokio::test]
async fn sec_api_05_ids_of_another_tenant_are_nobodys() {
    let m = Mirrored::new().await;
    let theirs = m.other.everybody(&m.server).await;
    let (foreign, nobodys) = (crawl(&m.mine, &m.theirs), crawl(&m.mine, &Ids::nobodys()));
    assert!(foreign.len() >= 20, "{}", foreign.len());
    let mut wrong = Vec::new();
    for (foreign, nobody) in foreign.iter().zip(&nobodys) {
        let (found, absent) = (send(&m.acme.client, foreign).await, send(&m.acme.client, nobody).await);
        if compared(&found) != compared(&absent) && !foreign.1.contains("resolve") {
            wrong.push(format!(
                "{foreign:?}\n  {:?}\n  {:?}",
                compared(&found),
                compared(&absent)
            ));
        }
        let told = match foreign.1.contains("resolve") {
            true => !found.text().ends_with("\"user\":null}]}"),
            false => found.text().contains(CANARY),
        };
        if told || ![200, 204, 400, 404].contains(&found.status) {
            wrong.push(format!("{foreign:?}: {} {}", found.status, found.text()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(m.other.everybody(&m.server).await == theirs, "nothing of theirs moved");
    let events = m.other.client.get("/link/v1/events").await.expect(200).text();
    assert!(!events.contains(&m.acme.web.0), "none of it is in their audit");
    invariants::check(&m.server, &m.acme).await;
    invariants::check(&m.server, &m.other).await;
}

#[tokio::test]
async fn sec_jwt_09_a_token_of_one_tenant_finds_nothing_in_another() {
    let m = Mirrored::new().await;
    let all_theirs = crawl(&m.theirs, &m.theirs);
    let all_nobodys = crawl(&Ids::nobodys(), &Ids::nobodys());
    for (foreign, nobody) in all_theirs.iter().zip(&all_nobodys) {
        if foreign.2.to_string().contains("\"twitter\"") || foreign.1.contains("resolve") {
            continue; // a name that both tenants have
        }
        let (found, absent) = (send(&m.acme.client, foreign).await, send(&m.acme.client, nobody).await);
        assert_eq!(compared(&found), compared(&absent), "{foreign:?}");
        assert!(!found.text().contains(CANARY), "{foreign:?}");
    }
}

#[tokio::test]
async fn sec_api_03_not_yours_and_not_there_are_one_answer() {
    let m = Mirrored::new().await;
    let side = &m.acme;
    let (me, them) = (side.person("me").await, side.person("them").await);
    let (mine, _) = side.log_in(&m.server, &me).await;
    let mine = m.server.client().bearer(&mine);
    let other_ids = Ids {
        person: them.clone(),
        ..m.mine.clone()
    };
    let nothing = m
        .server
        .client()
        .bearer(&side.tenant.token(oneself::domain::Scopes::NONE).await);
    // A person's own token on others, a token without rights, and none at all.
    for client in [&mine, &nothing, &m.server.client()] {
        for (there, absent) in crawl(&other_ids, &other_ids)
            .iter()
            .zip(&crawl(&Ids::nobodys(), &Ids::nobodys()))
            .filter(|((_, path, _), _)| !path.contains("after="))
        // a cursor says nothing of anybody
        {
            let (there, absent) = ((there, send(client, there).await), (absent, send(client, absent).await));
            assert!(
                [400, 401, 403].contains(&there.1.status),
                "{:?}: {}",
                there.0,
                there.1.status
            );
            assert_eq!(compared(&there.1), compared(&absent.1), "{:?}", there.0);
        }
    }
    // Logging in.
    let nobody = Ids::nobodys().person;
    let wrong = side.try_log_in(&m.server, &them, "Wrong-long-1").await.expect(403);
    let unknown = side.try_log_in(&m.server, &nobody, PASSWORD).await.expect(403);
    assert_eq!(compared(&wrong), compared(&unknown));
    let token = |id: &str, secret: &str| json!({"grant_type": "client_credentials", "client_id": id, "client_secret": secret, "audience": "x"});
    let post = async |body: Value| m.server.client().post("/oauth/token", body).await.expect(401);
    let wrong = post(token(&side.web.0, "0000")).await;
    let unknown = post(token("00000000000000010000000000000000", "0000")).await;
    let malformed = post(token("x", "0000")).await;
    assert_eq!(compared(&wrong), compared(&unknown));
    assert_eq!(compared(&wrong), compared(&malformed));
}

/// What a member of a shown user may become when it is sent back. A member that is not here has
/// not been thought about.
fn decided(member: &str) -> Option<(Value, u16)> {
    Some(match member {
        "name" | "nickname" | "given_name" | "family_name" => (json!("Eve"), 200),
        "picture" => (json!("https://x.example/eve.png"), 200),
        "email" => (json!("eve@x.example"), 200),
        "email_verified" | "blocked" | "phone_verified" => (json!(true), 200),
        "user_metadata" | "app_metadata" => (json!({"eve": 1}), 200),
        "user_id"
        | "identities"
        | "created_at"
        | "updated_at"
        | "last_login"
        | "last_ip"
        | "logins_count"
        | "last_password_reset" => (json!("eve"), 400),
        _ => return None,
    })
}

#[tokio::test]
async fn sec_api_04_only_what_may_change_changes() {
    let server = TestServer::start().await;
    let side = Side::new(&server, "acme").await;
    let mut person = side.person("ines").await;
    let fill = json!({"name": "a", "nickname": "b", "given_name": "c", "family_name": "d",
        "picture": "https://x.example/a.png", "user_metadata": {"a": 1}, "app_metadata": {"b": 1}, "blocked": false});
    side.client.patch(&person.path(), fill).await.expect(200);
    side.client
        .patch(&person.path(), json!({"password": PASSWORD}))
        .await
        .expect(200);
    side.log_in(&server, &person).await;
    let shown = side.client.get(&person.path()).await.expect(200).json();
    let shown = shown.as_object().unwrap().clone();
    assert!(shown.len() >= 15, "{shown:?}");

    // All of it at once, changed.
    let mut whole = shown.clone();
    for (member, value) in &mut whole {
        let (changed, _) = decided(member).unwrap_or_else(|| panic!("nobody decided about {member}"));
        *value = changed;
    }
    let before = side.everybody(&server).await;
    side.client
        .patch(&person.path(), Value::Object(whole))
        .await
        .expect(400);
    assert!(side.everybody(&server).await == before);

    // One after the other, by herself and by the tenant.
    for member in shown.keys() {
        let (value, status) = decided(member).unwrap();
        let (token, _) = side.log_in(&server, &person).await;
        let me = server.client().bearer(&token);
        let before = side.client.get(&person.path()).await.expect(200).json();
        let own = me.patch(&person.path(), json!({ member: value })).await;
        let may = member == "user_metadata";
        assert_eq!(own.status == 200, may, "{member} by herself: {}", own.text());
        let reply = side.client.patch(&person.path(), json!({ member: value })).await;
        assert_eq!(reply.status, status, "{member}: {}", reply.text());
        let after = side.client.get(&person.path()).await.expect(200).json();
        for (name, was) in before.as_object().unwrap() {
            let follows = name == "updated_at" || (member == "email" && name == "email_verified");
            if name != member && !follows {
                assert_eq!(after[name], *was, "{member} changed {name}");
            }
        }
        if member == "email" {
            assert_eq!(after["email_verified"], false, "a new address is not verified");
            "eve@x.example".clone_into(&mut person.email);
        }
        if member == "blocked" {
            side.client
                .patch(&person.path(), json!({"blocked": false}))
                .await
                .expect(200);
        }
        if status == 400 {
            assert_eq!(before, after, "{member}");
        }
    }
    invariants::check(&server, &side).await;
}

#[tokio::test]
async fn sec_api_04_what_is_shown_cannot_be_made() {
    let server = TestServer::start().await;
    let side = Side::new(&server, "acme").await;
    let person = side.person("ines").await;
    side.link(&person.core, "twitter", "1").await;
    let shown = side
        .client
        .get(&format!("/link/v1/users/{}", person.core))
        .await
        .expect(200)
        .json();
    let before = side.everybody(&server).await;
    for (member, value) in shown.as_object().unwrap() {
        let reply = side
            .client
            .post("/link/v1/users", json!({ member: value }))
            .await
            .expect(400)
            .json();
        assert_eq!(reply["code"], "unknown_member", "{member}");
        assert_eq!(reply["field"], member.as_str());
    }
    let path = format!("/link/v1/users/{}/identities", person.core);
    for (member, value) in shown["identities"][1].as_object().unwrap() {
        if ["connection", "subject", "profile"].contains(&member.as_str()) {
            continue;
        }
        let mut body = json!({"connection": "twitter", "subject": "2"});
        body[member] = value.clone();
        assert_eq!(
            side.client.post(&path, body).await.expect(400).json()["field"],
            member.as_str()
        );
    }
    // Making a user in Auth0's interface takes the members of its schema and no others.
    let shown = side.client.get(&person.path()).await.expect(200).json();
    for (member, value) in shown.as_object().unwrap() {
        let taken = ["email", "email_verified", "name", "nickname", "picture", "user_id"].contains(&member.as_str());
        let mut body = json!({"connection": DATABASE, "email": "eve@x.example", "password": PASSWORD});
        body[member] = value.clone();
        let reply = side.client.post("/api/v2/users", body).await;
        assert_eq!(reply.status == 400, !taken, "{member}: {}", reply.text());
        if reply.status == 201 {
            let made = reply.json()["user_id"].as_str().unwrap().replace('|', "%7C");
            side.client.delete(&format!("/api/v2/users/{made}")).await.expect(204);
        }
    }
    assert!(side.everybody(&server).await == before);
    // Nobody gets more rights than a person has.
    let request = json!({
        "grant_type": "http://auth0.com/oauth/grant-type/password-realm", "realm": DATABASE,
        "client_id": side.web.0, "client_secret": side.web.1, "username": person.email, "password": PASSWORD,
        "scope": format!("{OWN_SCOPES} update:users read:users delete:users read:user_idp_tokens"),
        "audience": format!("{}api/v2/", server.issuer()),
    });
    let given = server.client().post("/oauth/token", request).await.expect(200).json();
    assert!(!given["scope"].as_str().unwrap().contains(":users"), "{given}");
}

#[tokio::test]
async fn sec_api_04_two_small_rights_are_not_a_large_one() {
    use oneself::domain::{Scope, Scopes};
    let server = TestServer::start().await;
    let side = Side::new(&server, "acme").await;
    let person = side.person("ines").await;
    let both = [Scope::UpdateUsersAppMetadata, Scope::UpdateCurrentUserMetadata];
    let client = side.tenant.client_for(Scopes::from_iter(both)).await;
    let before = side.everybody(&server).await;
    for body in [
        json!({"user_metadata": {"a": 1}}),
        json!({"user_metadata": {"a": 1}, "app_metadata": {"a": 1}}),
    ] {
        client.patch(&person.path(), body).await.expect(403);
    }
    assert!(side.everybody(&server).await == before);
    client
        .patch(&person.path(), json!({"app_metadata": {"a": 1}}))
        .await
        .expect(200);
}
