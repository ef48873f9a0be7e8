//! Tokens where they do not belong, spent twice, or of another tenant (JWT-04, -05, -09).

use std::time::Duration;

use serde_json::json;

use crate::support::http::Reply;
use crate::support::invariants;
use crate::support::people::Side;
use crate::support::server::TestServer;
use crate::support::tokens::Mint;

#[tokio::test]
async fn sec_jwt_04_a_token_opens_what_it_was_made_for_and_nothing_else() {
    let server = TestServer::start().await;
    let side = Side::new(&server, "acme").await;
    let (ines, other) = (side.person("ines").await, side.person("other").await);
    let (user, _) = side.log_in(&server, &ines).await;
    let (_, id) = side.log_in(&server, &other).await;
    let jwks = server.client().get("/.well-known/jwks.json").await.expect(200).json();
    let mint = Mint::of(&id, jwks["keys"][0].clone());
    let cursor = side.client.get("/link/v1/users?limit=1").await.expect(200).json();
    let kinds = [
        ("machine", side.token.clone()),
        ("user", user),
        ("id", id.clone()),
        ("id that says at+jwt", mint.token("access_typ")),
        ("logout", mint.token("logout_token")),
        ("client secret", side.web.1.clone()),
        ("cursor", cursor["next"].as_str().unwrap().to_owned()),
    ];
    let own = ines.path();
    let core = format!("/link/v1/users/{}", ines.core);
    // What each kind gets: the list, her own record, and the audit, in either interface.
    for (kind, token) in &kinds {
        let client = server.client().bearer(token);
        let wanted: [u16; 5] = match *kind {
            "machine" => [200; 5],
            "user" => [403, 200, 403, 200, 403],
            _ => [401; 5],
        };
        let mut got = [0; 5];
        for (got, path) in got
            .iter_mut()
            .zip(["/api/v2/users", &own, "/link/v1/users", &core, "/link/v1/events"])
        {
            *got = client.get(path).await.status;
        }
        assert_eq!(got, wanted, "{kind}");
    }
    // As a proof: the ID token alone.
    for (kind, token) in kinds.iter().rev() {
        let body = json!({"link_with": token});
        let reply = side.client.post(&format!("{own}/identities"), body).await;
        let wanted = if *kind == "id" { 201 } else { 400 };
        assert_eq!(reply.status, wanted, "{kind}: {}", reply.text());
    }
    invariants::check(&server, &side).await;
}

#[tokio::test]
async fn sec_jwt_05_a_proof_is_spent_once_and_not_for_ever() {
    let server = TestServer::start().await;
    let side = Side::new(&server, "acme").await;
    let (a, b, c) = (side.person("a").await, side.person("b").await, side.person("c").await);
    let link = async |to: &str, proof: &str| -> Reply {
        side.client
            .post(&format!("{to}/identities"), json!({"link_with": proof}))
            .await
    };
    let (_, proof) = side.log_in(&server, &b).await;
    link(&a.path(), &proof).await.expect(201);
    link(&a.path(), &proof).await.expect(409);
    link(&c.path(), &proof).await.expect(400);

    let (_, old) = side.log_in(&server, &c).await;
    server.advance(Duration::from_secs(3_601));
    let refused = link(&a.path(), &old).await.expect(400).json();
    assert_eq!(refused["errorCode"], "invalid_link_token", "an hour and a second old");
    invariants::check(&server, &side).await;
}

#[tokio::test]
async fn sec_jwt_09_a_client_that_is_gone_or_changed_has_no_token() {
    let server = TestServer::start().await;
    let side = Side::new(&server, "acme").await;
    side.client.get("/api/v2/users").await.expect(200);
    let client = side.web.0.parse().unwrap();
    let person = side.person("ines").await;
    let (user, _) = side.log_in(&server, &person).await;
    server.app.rotate_client("acme", client).await.unwrap();
    let dead = side.client.get("/api/v2/users").await.expect(401);
    let garbage = server.client().bearer("garbage").get("/api/v2/users").await.expect(401);
    assert_eq!(dead.body, garbage.body);
    server.client().bearer(&user).get(&person.path()).await.expect(401);
    let other = side.tenant.password_client(&server).await;
    server
        .app
        .remove_client("acme", other.0.parse().unwrap())
        .await
        .unwrap();
    let request = json!({"grant_type": "client_credentials", "client_id": other.0, "client_secret": other.1,
        "audience": format!("{}api/v2/", server.issuer())});
    server.client().post("/oauth/token", request).await.expect(401);
}
