//! Clients: made, shown, changed, removed.

use oneself::domain::Scope;
use serde_json::{Value, json};

use super::{PASSWORD_REALM, World, claims, refused, refused_with};
use crate::support::http::Reply;

impl World {
    pub async fn new_client(&self, body: Value) -> Value {
        self.client.post("/api/v2/clients", body).await.expect(201).json()
    }

    pub async fn new_grant(&self, client: &Value, scope: &[&str]) -> Value {
        let body = json!({"client_id": client["client_id"], "audience": self.audience(), "scope": scope});
        self.client.post("/api/v2/client-grants", body).await.expect(201).json()
    }

    pub fn audience(&self) -> String {
        format!("{}api/v2/", self.server.issuer())
    }

    pub async fn ask(&self, client: &Value, secret: &Value, scope: Option<&str>) -> Reply {
        let mut request = json!({"grant_type": "client_credentials", "client_id": client["client_id"],
            "client_secret": secret, "audience": self.audience()});
        if let Some(scope) = scope {
            request["scope"] = json!(scope);
        }
        self.server.client().post("/oauth/token", request).await
    }
}

fn path_of(client: &Value) -> String {
    format!("/api/v2/clients/{}", client["client_id"].as_str().unwrap())
}

#[tokio::test]
async fn a_secret_is_shown_when_it_is_made_and_never_again() {
    let w = World::new().await;
    let body = json!({"name": "Backend", "app_type": "non_interactive"});
    let made = w.new_client(body).await;
    let secret = made["client_secret"].as_str().unwrap();
    assert_eq!((secret.len(), made["client_id"].as_str().unwrap().len()), (64, 32));
    assert_eq!((&made["tenant"], &made["global"]), (&json!("acme"), &json!(false)));
    assert_eq!(made["grant_types"], json!(["client_credentials"]));
    let keys = w.only(&[Scope::ReadClientKeys]).await;
    for reply in [
        w.client.get(&path_of(&made)).await.expect(200),
        keys.get(&path_of(&made)).await.expect(200),
        keys.get("/api/v2/clients").await.expect(200),
        w.client
            .patch(&path_of(&made), json!({"description": "x"}))
            .await
            .expect(200),
    ] {
        assert!(!reply.text().contains("client_secret\":"), "{}", reply.text());
        assert!(!reply.text().contains(secret));
    }
    w.new_grant(&made, &["read:users"]).await;
    w.ask(&made, &made["client_secret"], None).await.expect(200);
    let old = w.ask(&made, &made["client_secret"], None).await.json();
    let rotate = format!("{}/rotate-secret", path_of(&made));
    let rotated = w.client.post(&rotate, ()).await.expect(200).json();
    assert_ne!(rotated["client_secret"], made["client_secret"]);
    w.ask(&made, &made["client_secret"], None).await.expect(401);
    w.ask(&made, &rotated["client_secret"], None).await.expect(200);
    let old = w.server.client().bearer(old["access_token"].as_str().unwrap());
    refused_with(&old.get("/api/v2/users").await, 401, "", "Invalid token");

    let only = w.only(&[Scope::CreateClients]).await;
    let made = only
        .post("/api/v2/clients", json!({"name": "x"}))
        .await
        .expect(201)
        .json();
    assert!(made["client_secret"].is_null(), "who may not see secrets sees none");
    refused(
        &w.only(&[Scope::UpdateClients]).await.post(&rotate, ()).await,
        403,
        "insufficient_scope",
    );
}

#[tokio::test]
async fn what_runs_at_peoples_homes_has_no_secret() {
    let w = World::new().await;
    for kind in ["spa", "native"] {
        let made = w.new_client(json!({"name": "App", "app_type": kind})).await;
        assert!(made["client_secret"].is_null());
        assert_eq!(made["token_endpoint_auth_method"], "none");
        assert_eq!(made["grant_types"], json!([]));
        let rotate = format!("{}/rotate-secret", path_of(&made));
        refused(&w.client.post(&rotate, ()).await, 400, "operation_not_supported");
        for secret in ["", "x", "0000"] {
            let reply = w.ask(&made, &json!(secret), None).await;
            assert!([401, 403].contains(&reply.status), "{}", reply.text());
        }
        let id = made["client_id"].as_str().unwrap().parse().unwrap();
        assert!(
            w.server.app.rotate_client("acme", id).await.is_err(),
            "by the operator neither"
        );
    }
    let both = json!({"name": "App", "app_type": "spa", "grant_types": ["client_credentials"]});
    refused(&w.client.post("/api/v2/clients", both).await, 400, "invalid_body");

    let made = w.new_client(json!({"name": "Backend"})).await;
    w.new_grant(&made, &["read:users"]).await;
    let token = w.ask(&made, &made["client_secret"], None).await.expect(200).json();
    let public = json!({"token_endpoint_auth_method": "none"});
    refused(
        &w.client.patch(&path_of(&made), public.clone()).await,
        400,
        "invalid_body",
    );
    let mut without = public;
    without["grant_types"] = json!([PASSWORD_REALM]);
    w.client.patch(&path_of(&made), without).await.expect(200);
    w.ask(&made, &made["client_secret"], None).await.expect(401);
    let old = w.server.client().bearer(token["access_token"].as_str().unwrap());
    refused_with(&old.get("/api/v2/users").await, 401, "", "Invalid token");
}

#[tokio::test]
async fn documented_properties_are_kept_and_shown() {
    let w = World::new().await;
    let body = json!({
        "name": "Web", "description": "d", "app_type": "regular_web", "callbacks": ["https://a.example/cb"],
        "allowed_logout_urls": ["https://a.example"], "allowed_origins": ["https://a.example"],
        "web_origins": ["https://a.example"], "grant_types": ["authorization_code", "client_credentials"],
        "token_endpoint_auth_method": "client_secret_basic", "is_first_party": false, "oidc_conformant": true,
        "refresh_token": {"rotation_type": "rotating"}, "client_metadata": {"a": "b"}, "sso_disabled": true,
        "organization_usage": "deny", "cross_origin_authentication": false,
        "jwt_configuration": {"lifetime_in_seconds": 60, "alg": "RS256"},
    });
    let made = w.new_client(body.clone()).await;
    for (name, value) in body.as_object().unwrap() {
        if name != "jwt_configuration" {
            assert_eq!(&made[name], value, "{name}");
        }
    }
    assert_eq!(
        made["jwt_configuration"],
        json!({"alg": "RS256", "lifetime_in_seconds": 60, "secret_encoded": false})
    );
    let shown = w.client.get(&path_of(&made)).await.expect(200).json();
    let mut without = made.clone();
    without.as_object_mut().unwrap().shift_remove("client_secret");
    assert_eq!(shown, without);
    let some = w
        .client
        .get(&format!("{}?fields=name,app_type", path_of(&made)))
        .await
        .json();
    assert_eq!(some, json!({"name": "Web", "app_type": "regular_web"}));
    let changed = w
        .client
        .patch(&path_of(&made), json!({"name": "New", "callbacks": []}))
        .await
        .expect(200)
        .json();
    assert_eq!((&changed["name"], &changed["callbacks"]), (&json!("New"), &json!([])));
    assert_eq!(changed["client_metadata"], json!({"a": "b"}), "what is not sent stays");
    // The operator sees the same record.
    let listed = w.server.app.list_clients("acme").await.unwrap();
    assert!(listed.iter().any(|client| client.name == "New"));

    // It goes by how long ID tokens live.
    w.user("ines").await;
    let grants = json!({"grant_types": [PASSWORD_REALM]});
    w.client.patch(&path_of(&made), grants).await.expect(200);
    let web = w.web().await;
    let mut request = web.request("ines");
    (request["client_id"], request["client_secret"]) = (made["client_id"].clone(), made["client_secret"].clone());
    let given = w.server.client().post("/oauth/token", request).await.expect(200).json();
    let token = claims(given["id_token"].as_str().unwrap());
    assert_eq!(token["exp"].as_i64().unwrap() - token["iat"].as_i64().unwrap(), 60);
}

#[tokio::test]
async fn clients_are_listed_filtered_and_removed() {
    let w = World::new().await;
    for (name, kind) in [("a", "spa"), ("b", "native"), ("c", "regular_web")] {
        w.new_client(json!({"name": name, "app_type": kind, "is_first_party": name != "c"}))
            .await;
    }
    let names = async |query: &str| {
        let found = w
            .client
            .get(&format!("/api/v2/clients?{query}"))
            .await
            .expect(200)
            .json();
        let list = found.get("clients").unwrap_or(&found).as_array().unwrap().clone();
        let mut names: Vec<_> = list
            .iter()
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(names("").await, "a b c default");
    assert_eq!(names("app_type=spa,native").await, "a b");
    assert_eq!(names("is_first_party=false").await, "c");
    assert_eq!(names("is_global=true").await, "");
    assert_eq!(
        names("page=1&per_page=3&include_totals=true").await.split(' ').count(),
        1
    );
    let page = w
        .client
        .get("/api/v2/clients?per_page=2&include_totals=true")
        .await
        .json();
    assert_eq!(
        (&page["total"], &page["length"], &page["start"]),
        (&json!(4), &json!(2), &json!(0))
    );
    let first = w
        .client
        .get("/api/v2/clients?take=3&fields=name")
        .await
        .expect(200)
        .json();
    let next = first["next"].as_str().unwrap();
    let rest = w
        .client
        .get(&format!("/api/v2/clients?take=3&from={next}&fields=name"))
        .await
        .json();
    assert_eq!(rest["clients"].as_array().unwrap().len(), 1);
    assert!(rest["next"].is_null());
    for query in [
        "app_type=game",
        "is_global=1",
        "take=0",
        "take=101",
        "per_page=101",
        "x=1",
        "from=x",
    ] {
        let reply = w.client.get(&format!("/api/v2/clients?{query}")).await;
        refused(&reply, 400, "invalid_query_string");
    }
    refused(&w.client.get("/api/v2/clients?page=20").await, 400, "invalid_paging");

    let made = w.new_client(json!({"name": "gone"})).await;
    let stranger = w.server.tenant("other").await.client().await;
    let rotate = format!("{}/rotate-secret", path_of(&made));
    let foreign = [
        stranger.get(&path_of(&made)).await,
        stranger.patch(&path_of(&made), json!({"name": "x"})).await,
        stranger.post(&rotate, ()).await,
        stranger.get("/api/v2/clients/x").await,
        stranger.get("/api/v2/clients/00000000000000010000000000000000").await,
    ];
    for reply in foreign {
        refused_with(&reply, 404, "inexistent_client", "The client does not exist");
    }
    stranger.delete(&path_of(&made)).await.expect(204);
    w.client.get(&path_of(&made)).await.expect(200);
    w.client.delete(&path_of(&made)).await.expect(204);
    w.client.delete(&path_of(&made)).await.expect(204);
    w.client.delete("/api/v2/clients/x").await.expect(204);
    refused(&w.client.get(&path_of(&made)).await, 404, "inexistent_client");
}

#[tokio::test]
async fn every_member_of_a_client_is_checked() {
    let w = World::new().await;
    let made = w.new_client(json!({"name": "fine"})).await;
    let before = w.client.get("/api/v2/clients").await.json();
    let long = |n: usize| Value::from("x".repeat(n));
    let mut bad: Vec<(&str, Value)> = vec![
        ("name", long(256)),
        ("name", json!("")),
        ("name", json!("<b>")),
        ("name", json!("x\u{202e}")),
        ("description", long(141)),
        ("app_type", json!("game")),
        ("token_endpoint_auth_method", json!("private_key_jwt")),
        ("organization_usage", json!("maybe")),
        ("grant_types", json!(["magic"])),
        ("callbacks", json!([1])),
        ("callbacks", json!(["x".repeat(2049)])),
        ("callbacks", vec![json!("x"); 101].into()),
        ("web_origins", json!(["*"])),
        ("web_origins", json!(["null"])),
        ("web_origins", json!(["https://app.example/"])),
        ("web_origins", json!(["https://*.app.example"])),
        ("client_metadata", json!({"a": 1})),
        ("client_metadata", json!({"a": "x".repeat(256)})),
        (
            "client_metadata",
            (0..11)
                .map(|n| (n.to_string(), json!("x")))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        ),
        ("lifetime_in_seconds", json!(0)),
        ("jwt_configuration", json!({"alg": "HS256"})),
        ("jwt_configuration", json!({"lifetime_in_seconds": 0})),
        ("jwt_configuration", json!({"x": 1})),
        ("mobile", json!({"app_secret": "x"})),
    ];
    for name in [
        "client_id",
        "client_secret",
        "tenant",
        "global",
        "signing_keys",
        "scopes",
    ] {
        bad.push((name, json!("x")));
    }
    for name in [
        "name",
        "description",
        "app_type",
        "grant_types",
        "callbacks",
        "web_origins",
        "is_first_party",
        "oidc_conformant",
        "client_metadata",
        "jwt_configuration",
        "refresh_token",
        "token_endpoint_auth_method",
    ] {
        bad.push((name, Value::Null));
        bad.push((name, json!(7)));
    }
    for (name, value) in bad {
        for (method, path) in [("POST", "/api/v2/clients".to_owned()), ("PATCH", path_of(&made))] {
            let mut body = json!({"name": "fine"});
            body[name] = value.clone();
            let reply = w.client.request(method, &path, &[], body.clone()).await;
            refused(&reply, 400, "invalid_body");
            let shown: String = body.to_string().chars().take(99).collect();
            assert!(reply.text().contains(name), "{method} {shown}: {}", reply.text());
        }
    }
    refused(&w.client.post("/api/v2/clients", json!({})).await, 400, "invalid_body");
    refused(&w.client.patch(&path_of(&made), json!({})).await, 400, "invalid_body");
    assert_eq!(w.client.get("/api/v2/clients").await.json(), before);
    let settings = [("lenient_clients".to_owned(), "true".to_owned())];
    w.server.app.set_settings("acme", &settings).await.unwrap();
    let made = w
        .new_client(json!({"name": "fine", "addons": {"x": {}}, "client_id": "mine"}))
        .await;
    assert!(made["addons"].is_null() && made["client_id"] != "mine");
}
