//! Tokens of networks are shown with one user, to whoever has the right to them, and in no other answer (VLT-07).

use oneself::domain::{Scope, Scopes};
use oneself::secret::ExposeSecret;
use serde_json::{Value, json};

use super::canary::hits;
use crate::auth0::{follow, path_of, run_all};
use crate::kii::doors::GUARDED;
use crate::knodes::requests::ROUTES;
use crate::knodes::{FORM, encode};
use crate::support::http::{Client, Content, Reply};
use crate::support::people::{Person, Side};
use crate::support::server::TestServer;

/// What each dialect says that it has.
const DESCRIBED: [&str; 2] = [
    include_str!("../../../openapi/auth0.json"),
    include_str!("../../../openapi/link-v1.json"),
];

/// The tokens that are looked for.
const TOKENS: [&str; 4] = ["canary+access/1", "canary+secret/1", "canary+refresh/1", "canary+id/1"];

/// A tenant with somebody whose account has all of them.
struct World {
    server: TestServer,
    side: Side,
    ines: Person,
    identity: String,
    connection: String,
    job: String,
    log: String,
}

/// A request, by the route that it goes to.
struct Asked {
    method: String,
    route: String,
    path: String,
    content: Content,
}

fn account() -> Value {
    let [access, secret, refresh, id] = TOKENS;
    json!({"connection": "twitter", "subject": "1", "tokens":
        {"access_token": access, "token_secret": secret, "refresh_token": refresh, "id_token": id}})
}

impl World {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let side = Side::new(&server, "acme").await;
        let ines = side.person("ines").await;
        let path = format!("/link/v1/users/{}/identities", ines.core);
        let linked = side.client.post(&path, account()).await.expect(201).json();
        let fields = json!([{"name": "user_id"}, {"name": "identities"}, {"name": "identities[1].access_token"}]);
        let export = json!({"format": "json", "fields": fields});
        let asked = side.client.post("/api/v2/jobs/users-exports", export).await.expect(200);
        let logs = side.client.get("/api/v2/logs").await.expect(200).json();
        let connections = server.store.list_connections(side.id()).await.unwrap();
        let twitter = connections.iter().find(|one| one.name == "twitter").unwrap();
        Self {
            ines,
            identity: text(&linked["id"]),
            connection: twitter.id.to_string(),
            job: text(&asked.json()["id"]),
            log: text(&logs[0]["_id"]),
            server,
            side,
        }
    }

    /// A request for each route that is described, what takes something away at the end.
    fn described(&self) -> Vec<Asked> {
        let mut all = Vec::new();
        for document in DESCRIBED {
            let document: Value = serde_json::from_str(document).unwrap();
            for (route, item) in document["paths"].as_object().unwrap() {
                for method in item.as_object().unwrap().keys() {
                    let method = method.to_uppercase();
                    let content = match method.as_str() {
                        "GET" | "DELETE" => Content::from(()),
                        _ => self.body(&method, route).into(),
                    };
                    all.push(Asked {
                        path: self.filled(route),
                        route: route.clone(),
                        method,
                        content,
                    });
                }
            }
        }
        let order = |asked: &Asked| {
            let kinds = ["GET", "POST", "PATCH", "DELETE"];
            let kind = kinds.iter().position(|kind| *kind == asked.method);
            (kind, std::cmp::Reverse(asked.route.len()))
        };
        all.sort_by_key(order);
        all
    }

    fn filled(&self, route: &str) -> String {
        let id = match route.split('/').nth(3) {
            Some("users") if route.starts_with("/link") => self.ines.core.clone(),
            Some("users" | "user-blocks") => self.ines.encoded(),
            Some("connections") => self.connection.clone(),
            Some("clients") => self.side.web.0.clone(),
            Some("jobs") => self.job.clone(),
            Some("logs") => self.log.clone(),
            _ => "cgr_0000000000000001".to_owned(),
        };
        let path = route
            .replace("{id}", &id)
            .replace("{identity}", &self.identity)
            .replace("{connection}", "twitter")
            .replace("{provider}", "twitter")
            .replace("{subject}", "1")
            .replace("{user_id}", "1");
        match route {
            "/api/v2/users" => format!("{path}?q=identities.connection:twitter&include_totals=true"),
            "/api/v2/users-by-email" => format!("{path}?email=ines%40x.example"),
            _ => path,
        }
    }

    fn body(&self, method: &str, route: &str) -> Value {
        match (method, route) {
            ("POST", "/link/v1/users/{id}/identities") => account(),
            ("POST", "/link/v1/identities:resolve") => {
                json!({"identities": [{"connection": "twitter", "subject": "1"}]})
            }
            ("POST", "/api/v2/users/{id}/identities") => json!({"provider": "twitter", "user_id": "1"}),
            ("POST", "/api/v2/jobs/verification-email") => json!({"user_id": self.ines.id}),
            ("PATCH", "/api/v2/users/{id}") => json!({"name": "Ines"}),
            _ => json!({}),
        }
    }

    /// What an export of everything holds.
    async fn exported(&self) -> Reply {
        run_all(&self.server).await;
        let path = path_of(&json!({ "id": self.job }));
        let done = self.side.client.get(&path).await.expect(200).json();
        follow(&self.server.client(), done["location"].as_str().unwrap()).await
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

/// Whether one of the tokens is in an answer, in its head or its body, in any form.
fn shows(reply: &Reply) -> bool {
    let head = format!("{:?}", reply.headers).into_bytes();
    let places = [("head".to_owned(), head), ("body".to_owned(), reply.body.to_vec())];
    !hits(&places, &TOKENS.map(str::to_owned)).is_empty()
}

#[tokio::test]
async fn sec_vlt_07_tokens_are_shown_with_one_user_and_to_those_who_may_see_them() {
    let without: Vec<Scope> = Scope::ALL
        .iter()
        .copied()
        .filter(|scope| *scope != Scope::ReadUserIdpTokens)
        .collect();
    for (who, may) in [
        ("all rights", true),
        ("that right alone", true),
        ("all others", false),
        ("herself", false),
        ("nobody", false),
    ] {
        let w = World::new().await;
        let tenant = &w.side.tenant;
        let client: Client = match who {
            "all rights" => tenant.client().await,
            "that right alone" => tenant.client_for(Scopes::from_iter([Scope::ReadUserIdpTokens])).await,
            "all others" => tenant.client_for(Scopes::from_iter(without.clone())).await,
            "herself" => w.server.client().bearer(&w.side.log_in(&w.server, &w.ines).await.0),
            _ => w.server.client(),
        };
        let (mut done, mut shown) = (0, Vec::new());
        for asked in w.described() {
            let reply = client.request(&asked.method, &asked.path, &[], asked.content).await;
            done += usize::from(reply.status < 300);
            if shows(&reply) {
                assert_eq!(reply.header("cache-control"), "no-store", "{}", asked.route);
                shown.push(format!("{} {}", asked.method, asked.route));
            }
        }
        let where_it_may: &[&str] = if may { &["GET /api/v2/users/{id}"] } else { &[] };
        assert_eq!(shown, where_it_may, "{who}");
        let least = match who {
            "all rights" | "all others" => 30,
            "herself" => 5,
            _ => 1,
        };
        assert!(done >= least, "{who} got {done} answers");
    }
}

#[tokio::test]
async fn sec_vlt_07_no_file_and_no_answer_of_the_older_interfaces_shows_a_token() {
    let w = World::new().await;
    let file = w.exported().await.expect(200);
    assert!(file.text().contains(&w.ines.id) && !shows(&file), "{}", file.text());

    let tenant = &w.side.tenant;
    let (mika, person, admin) = crate::kii::callers(&w.server, tenant).await;
    let path = format!("/link/v1/users/{mika}/identities");
    let mut hers = account();
    hers["subject"] = json!("2");
    w.side.client.post(&path, hers).await.expect(201);
    let mut routes = GUARDED.to_vec();
    routes.extend([
        ("POST", "users"),
        ("POST", "oauth2/token"),
        ("POST", "integration/twitter"),
    ]);
    routes.sort_by_key(|(method, _)| (*method == "DELETE", *method != "GET"));
    let mut done = 0;
    for token in [&person, &admin] {
        for (method, route) in &routes {
            let path = format!(
                "/api/apps/{}/{}",
                tenant.credentials.kii_app_id,
                route.replace('U', &mika)
            );
            if *method == "DELETE" && token == &person {
                continue;
            }
            let body = match *method {
                "GET" | "DELETE" => Content::from(()),
                _ if route.contains("twitter") => {
                    json!({"accessToken": TOKENS[0], "accessTokenSecret": TOKENS[1]}).into()
                }
                _ => json!({}).into(),
            };
            let reply = w.server.client().bearer(token).request(method, &path, &[], body).await;
            assert!(!shows(&reply), "{method} {path}: {}", reply.text());
            done += usize::from(reply.status < 300);
        }
    }
    assert!(done >= 6, "{done}");

    let own = [
        ("customer_id", tenant.credentials.knodes_customer_id.as_str()),
        (
            "customer_secret",
            tenant.credentials.knodes_customer_secret.expose_secret(),
        ),
    ];
    let account = [
        ("network", "twitter"),
        ("network_id", "1"),
        ("token", TOKENS[0]),
        ("secret", TOKENS[1]),
    ];
    done = 0;
    for (method, route) in ROUTES {
        let path = route.replace("{customer}", own[0].1).replace("{id}", &w.ines.core);
        let reply = match method {
            "GET" => w.server.client().get(&format!("{path}?{}", encode(&own))).await,
            _ => {
                let form = encode(&[own.as_slice(), account.as_slice()].concat());
                w.server.client().post(&path, (FORM, form)).await
            }
        };
        assert!(!shows(&reply), "{method} {path}: {}", reply.text());
        done += usize::from(reply.status < 300);
    }
    assert!(done >= 6, "{done}");
}
