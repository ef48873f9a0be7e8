//! Users: made, shown, listed, changed.

use oneself::domain::Scope;
use serde_json::{Value, json};

use super::{DATABASE, PASSWORD, World, identities_path, refused, refused_with, user_path};

#[tokio::test]
async fn a_new_user_has_fall_backs() {
    let w = World::new().await;
    let body = json!({
        "connection": DATABASE, "user_id": "ines", "email": "Ines@Example.test", "password": PASSWORD,
        "blocked": false, "user_metadata": {"theme": "dark"},
    });
    let made = w.client.post("/api/v2/users", body).await.expect(201).json();
    let expected = json!({
      "user_id": "auth0|ines",
      "email": "ines@example.test",
      "email_verified": false,
      "name": "ines@example.test",
      "nickname": "ines",
      "picture": "https://s.gravatar.com/avatar/6ed8f983eedcbbbe7448908f53703925?s=480&r=pg&d=https%3A%2F%2Fcdn.auth0.com%2Favatars%2Fin.png",
      "created_at": "2026-01-02T03:04:05.000Z",
      "updated_at": "2026-01-02T03:04:05.000Z",
      "blocked": false,
      "user_metadata": {
        "theme": "dark"
      },
      "identities": [
        {
          "connection": "Username-Password-Authentication",
          "user_id": "ines",
          "provider": "auth0",
          "isSocial": false
        }
      ]
    });
    assert_eq!(made, expected);
    assert_eq!(w.get("auth0|ines").await.expect(200).json(), made);
    let plain = json!({"connection": DATABASE, "email": "x@x.example", "password": PASSWORD});
    let made = w.client.post("/api/v2/users", plain).await.expect(201).json();
    let id = made["user_id"].as_str().unwrap().strip_prefix("auth0|").unwrap();
    assert!(id.len() == 24 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
}

#[tokio::test]
async fn new_users_are_refused_where_they_do_not_fit() {
    let w = World::new().await;
    w.connection(json!({"name": "github", "strategy": "github"})).await;
    w.connection(json!({"name": "Names", "strategy": "auth0", "options": {"requires_username": true}}))
        .await;
    w.connection(json!({"name": "mail", "strategy": "email"})).await;
    w.connection(json!({"name": "sms", "strategy": "sms"})).await;
    let post = async |body| w.client.post("/api/v2/users", body).await;
    let user = |connection: &str| json!({"connection": connection, "email": "p@x.example", "password": PASSWORD});
    refused_with(
        &post(user("none")).await,
        400,
        "inexistent_connection",
        "Connection does not exist.",
    );
    refused_with(
        &post(user("github")).await,
        400,
        "operation_not_supported",
        "Connection does not support user creation through the API. It must either be a database or passwordless \
         connection.",
    );
    let mut named = user(DATABASE);
    named["username"] = json!("ines");
    refused_with(
        &post(named.clone()).await,
        400,
        "operation_not_supported",
        "Cannot set username for connection without requires_username.",
    );
    named["connection"] = json!("Names");
    named["username"] = json!("INES");
    let made = post(named.clone()).await.expect(201).json();
    assert_eq!(made["username"], "ines");
    named["email"] = json!("q@x.example");
    refused_with(&post(named).await, 409, "auth0_idp_error", "The user already exists.");
    let mut weak = user(DATABASE);
    weak["password"] = json!("password");
    refused_with(
        &post(weak).await,
        400,
        "invalid_password",
        "PasswordStrengthError: Password is too weak",
    );
    post(user(DATABASE)).await.expect(201);
    refused(&post(user(DATABASE)).await, 409, "auth0_idp_error");
    let mut folded = user(DATABASE);
    folded["email"] = json!("P@X.example");
    refused(&post(folded).await, 409, "auth0_idp_error");
    refused(&post(json!({"connection": "mail"})).await, 400, "invalid_body");
    refused(
        &post(json!({"connection": "sms", "email": "a@x.example"})).await,
        400,
        "invalid_body",
    );
    let made = post(json!({"connection": "mail", "email": "Kept@x.example"}))
        .await
        .expect(201)
        .json();
    assert_eq!(made["email"], "Kept@x.example");
    assert_eq!(made["identities"][0]["provider"], "email");
    post(json!({"connection": "sms", "phone_number": "+4912345"}))
        .await
        .expect(201);
    w.connection(json!({"name": "Second", "strategy": "auth0"})).await;
    w.user("chosen").await;
    let mut chosen = user("Second");
    chosen["user_id"] = json!("chosen");
    refused(&post(chosen).await, 409, "auth0_idp_error");
}

#[tokio::test]
async fn lists_have_envelopes_and_fields() {
    let w = World::new().await;
    for id in ["a", "b", "c"] {
        w.user(id).await;
        w.server.advance(std::time::Duration::from_millis(5));
    }
    let get = async |query: &str| w.client.get(&format!("/api/v2/users?{query}")).await;
    let page = get("per_page=2&page=1&include_totals=true&fields=user_id")
        .await
        .expect(200)
        .json();
    assert_eq!(
        page,
        json!({"start": 2, "limit": 2, "length": 1, "total": 3, "users": [{"user_id": "auth0|c"}]})
    );
    let totals = get("per_page=0&include_totals=true").await.expect(200).json();
    assert_eq!(
        totals,
        json!({"start": 0, "limit": 0, "length": 0, "total": 3, "users": []})
    );
    let bare = get("fields=email,nothing&sort=created_at:1&search_engine=v3&primary_order=false&q=").await;
    assert_eq!(
        bare.expect(200).json(),
        json!([{"email": "a@x.example"}, {"email": "b@x.example"}, {"email": "c@x.example"}])
    );
    let dropped = get("fields=identities&include_fields=false&per_page=1")
        .await
        .expect(200)
        .json();
    assert!(dropped[0].get("identities").is_none() && dropped[0].get("email").is_some());
    for (query, name) in [
        ("per_page=101", "per_page"),
        ("per_page=-1", "per_page"),
        ("per_page=1e9", "per_page"),
        ("per_page=10,000", "per_page"),
        ("per_page=05", "per_page"),
        ("page=-1", "page"),
        ("page=x", "page"),
        ("include_totals=yes", "include_totals"),
        ("include_fields=1", "include_fields"),
        ("fields=a%20b", "fields"),
        ("fields=", "fields"),
        ("sort=email:1,(select%201)", "sort"),
        ("sort=created_at:2", "sort"),
        ("q=email:*", "q"),
        ("search_engine=v9", "search_engine"),
        ("connection=x", "connection"),
        ("unknown=1", "unknown"),
        ("page=1&page=2", "page"),
        ("page=%00", "page"),
    ] {
        let reply = get(query).await;
        assert_eq!(reply.status, 400, "{query}");
        refused(&reply, 400, "invalid_query_string");
        assert!(
            reply.json()["message"].as_str().unwrap().contains(name),
            "{}",
            reply.text()
        );
    }
    refused_with(
        &get("search_engine=v1").await,
        400,
        "invalid_query_string",
        "You are not allowed to use search_engine=v1. Use search_engine=v3 instead.",
    );
}

#[tokio::test]
async fn users_are_found_by_their_own_address() {
    let w = World::new().await;
    let p = w.user("p").await;
    let get = async |query: &str| w.client.get(&format!("/api/v2/users-by-email?{query}")).await;
    assert_eq!(get("email=p@x.example").await.expect(200).json(), json!([p]));
    assert_eq!(
        get("email=p%40x.example&fields=user_id").await.json(),
        json!([{"user_id": "auth0|p"}])
    );
    assert_eq!(
        get("email=P@x.example").await.expect(200).json(),
        json!([]),
        "compared as it is"
    );
    assert_eq!(get("email=nobody@x.example").await.expect(200).json(), json!([]));
    for query in [
        "",
        "email=x",
        "email=",
        "email=p@x.example&fields=password_hash",
        "email=p@x.example&x=1",
    ] {
        refused(&get(query).await, 400, "invalid_query_string");
    }
    let one = w
        .client
        .get(&format!("{}?fields=password_hash", user_path("auth0|p")))
        .await;
    refused(&one, 400, "invalid_query_string");
    let one = w.client.get(&format!("{}?fields=email", user_path("auth0|p"))).await;
    assert_eq!(one.expect(200).json(), json!({"email": "p@x.example"}));
}

#[tokio::test]
async fn changes_follow_the_identity_that_they_are_about() {
    let w = World::new().await;
    let web = w.web().await;
    for id in ["p", "s"] {
        w.user(id).await;
    }
    w.connection(json!({"name": "Other", "strategy": "auth0"})).await;
    w.user_at("Other", "o").await;
    w.link("auth0|p", json!({"provider": "auth0", "user_id": "o"}))
        .await
        .expect(201);
    let patch = async |body| w.client.patch(&user_path("auth0|p"), body).await;
    let now = patch(json!({"email": "New@x.example", "email_verified": true}))
        .await
        .expect(200)
        .json();
    assert_eq!(now["email"], "new@x.example");
    assert_eq!(now["email_verified"], true);
    let now = patch(json!({"email": "newer@x.example"})).await.expect(200).json();
    assert_eq!(now["email_verified"], false);
    let now = patch(json!({"email": "O2@x.example", "connection": "Other"}))
        .await
        .expect(200)
        .json();
    assert_eq!(now["email"], "newer@x.example");
    assert_eq!(now["identities"][1]["profileData"]["email"], "o2@x.example");
    let now = patch(json!({"password": "Another-Horse-1", "connection": "Other"}))
        .await
        .expect(200)
        .json();
    assert!(now.get("last_password_reset").is_some(), "16a.6");
    let mut request = web.request("o2");
    request["realm"] = json!("Other");
    request["password"] = json!("Another-Horse-1");
    w.server.client().post("/oauth/token", request).await.expect(200);
    refused(&patch(json!({"email": "s@x.example"})).await, 409, "auth0_idp_error");
    refused_with(
        &patch(json!({"username": "ines"})).await,
        400,
        "operation_not_supported",
        "Cannot set username for connection without requires_username.",
    );
    refused(
        &patch(json!({"email": "x@x.example", "connection": "Nowhere"})).await,
        400,
        "invalid_body",
    );
    let now = patch(json!({"name": "Ines", "unknown": 1, "client_id": "x", "verify_email": false})).await;
    assert_eq!(now.expect(200).json()["name"], "Ines");
    let now = patch(json!({"name": null})).await.expect(200).json();
    assert_eq!(now["name"], "newer@x.example", "the fall-back is back");
    refused(
        &w.client.patch(&user_path("auth0|nobody"), json!({"name": "x"})).await,
        404,
        "inexistent_user",
    );
}

#[tokio::test]
async fn what_a_network_knows_is_the_networks_to_change() {
    let w = World::new().await;
    w.connection(json!({"name": "github", "strategy": "github"})).await;
    w.user("p").await;
    let account = json!({"connection": "github", "subject": "7", "profile": {"name": "Ines", "email": "i@x.example"}});
    w.client
        .post("/link/v1/users/auth0%7Cp/identities", account)
        .await
        .expect(201);
    w.unlink("auth0|p", "github", "7").await.expect(200);
    let shown = w.get("github|7").await.expect(200).json();
    assert_eq!(shown["name"], "Ines");
    assert_eq!(shown["identities"][0]["user_id"], 7);
    let patch = async |body: Value| w.client.patch(&user_path("github|7"), body).await;
    refused_with(
        &patch(json!({"email": "x@x.example"})).await,
        400,
        "operation_not_supported",
        "Cannot update email for non-database user.",
    );
    refused_with(
        &patch(json!({"name": "x"})).await,
        400,
        "operation_not_supported",
        "The following user attributes cannot be updated: name.",
    );
    patch(json!({"blocked": true, "app_metadata": {"a": 1}}))
        .await
        .expect(200);
}

#[tokio::test]
async fn smaller_rights_change_less() {
    let w = World::new().await;
    w.user("p").await;
    let path = user_path("auth0|p");
    let app = w.only(&[Scope::UpdateUsersAppMetadata]).await;
    app.patch(&path, json!({"app_metadata": {"a": 1}})).await.expect(200);
    for body in [
        json!({"user_metadata": {"a": 1}}),
        json!({"app_metadata": {"a": 2}, "blocked": true}),
        json!({"email_verified": true}),
    ] {
        refused(&app.patch(&path, body).await, 403, "insufficient_scope");
    }
    let web = w.web().await;
    let mut request = web.request("p");
    request["scope"] = json!("update:current_user_metadata delete:current_user");
    let given = w.server.client().post("/oauth/token", request).await.expect(200).json();
    let me = w.server.client().bearer(given["access_token"].as_str().unwrap());
    me.patch(&path, json!({"user_metadata": {"mine": 1}})).await.expect(200);
    w.user("q").await;
    let stranger = user_path("auth0|q");
    refused(
        &me.patch(&stranger, json!({"user_metadata": {"a": 1}})).await,
        403,
        "unowned_resource",
    );
    for body in [
        json!({"app_metadata": {"a": 1}}),
        json!({"email_verified": true}),
        json!({"blocked": false}),
        json!({"user_metadata": {}, "email_verified": true}),
    ] {
        refused(&me.patch(&path, body).await, 403, "insufficient_scope");
    }
    refused(&me.delete(&stranger).await, 403, "unowned_resource");
    me.delete(&path).await.expect(204);
    refused(&w.get("auth0|p").await, 404, "inexistent_user");
    w.client.delete(&path).await.expect(204);
}

#[tokio::test]
async fn what_is_written_may_be_a_form() {
    const FORM: &str = "application/x-www-form-urlencoded";
    let w = World::new().await;
    let form = "connection=Username-Password-Authentication&user_id=f&email=f%40x.example&password=Correct-Horse-1\
                &email_verified=true&user_metadata[theme]=dark&user_metadata%5Bblocked%5D=true";
    let made = w.client.post("/api/v2/users", (FORM, form)).await.expect(201).json();
    assert_eq!(made["email_verified"], true);
    assert_eq!(made["user_metadata"], json!({"theme": "dark", "blocked": "true"}));
    let path = user_path("auth0|f");
    let now = w.client.patch(&path, (FORM, "blocked=true&nickname=true")).await;
    let now = now.expect(200).json();
    assert_eq!((&now["blocked"], &now["nickname"]), (&json!(true), &json!("true")));
    w.user("s").await;
    let link = (FORM, "provider=auth0&user_id=s");
    w.client.post(&identities_path("auth0|f"), link).await.expect(201);

    let body = "name=importer&grant_types[]=client_credentials&jwt_configuration[lifetime_in_seconds]=60&sso=true";
    let client = w.client.post("/api/v2/clients", (FORM, body)).await.expect(201).json();
    assert_eq!(client["jwt_configuration"]["lifetime_in_seconds"], 60);
    assert_eq!(
        (&client["sso"], &client["grant_types"]),
        (&json!(true), &json!(["client_credentials"]))
    );
    for (wrong, named) in [
        ("connection=x&x=1", "x"),
        ("connection=x&blocked=yes", "blocked"),
        ("connection=x&connection=y", "connection"),
        ("connection=x&a[b][c]=1", "a"),
    ] {
        let reply = w.client.post("/api/v2/users", (FORM, wrong)).await;
        refused(&reply, 400, "invalid_body");
        assert!(reply.text().contains(named), "{}", reply.text());
    }
}
