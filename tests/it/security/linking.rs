//! Who is whose, and what ends a person's credentials (LNK-01, -02, -03, -16).

use serde_json::{Value, json};

use crate::support::http::Client;
use crate::support::invariants;
use crate::support::people::{PASSWORD, Person, Side};
use crate::support::server::TestServer;

#[tokio::test]
async fn sec_lnk_01_an_address_joins_nobody() {
    let server = TestServer::start().await;
    let side = Side::new(&server, "acme").await;
    let squatter = side.person("victim").await;
    let arrives = json!({"identity": {"connection": "github", "subject": "1",
        "profile": {"email": squatter.email, "email_verified": true}}});
    let victim = side.client.post("/link/v1/users", arrives).await.expect(201).json();
    assert_ne!(victim["id"], squatter.core.as_str());
    let before = side.kept(&server, &squatter.core).await.unwrap();
    assert_eq!(before.identities.len(), 1);

    side.client
        .patch(&squatter.path(), json!({"email_verified": true}))
        .await
        .expect(200);
    let again = json!({"identity": {"connection": "github", "subject": "2",
        "profile": {"email": squatter.email, "email_verified": "true"}}});
    side.client.post("/link/v1/users", again).await.expect(201);
    side.try_log_in(&server, &squatter, PASSWORD).await.expect(200);

    let everybody = side.everybody(&server).await;
    assert_eq!(everybody.len(), 3, "one for each arrival");
    let after = side.kept(&server, &squatter.core).await.unwrap();
    assert_eq!(before.identities, after.identities);
    let events = side.client.get("/link/v1/events").await.expect(200).json();
    let joined = |event: &&Value| event["type"] == "user.absorbed";
    assert_eq!(events["events"].as_array().unwrap().iter().filter(joined).count(), 0);
    invariants::check(&server, &side).await;
}

#[tokio::test]
async fn sec_lnk_02_an_address_is_verified_by_two_words_only() {
    let server = TestServer::start().await;
    let side = Side::new(&server, "acme").await;
    let person = side.person("ines").await;
    let path = format!("/link/v1/users/{}/identities", person.core);
    for (n, (sent, kept)) in [
        (json!({"email_verified": true}), json!(true)),
        (json!({"email_verified": "true"}), json!(true)),
        (json!({"email_verified": false}), json!(false)),
        (json!({"email_verified": "false"}), json!(false)),
        (json!({"email_verified": 1}), Value::Null),
        (json!({"email_verified": 0}), Value::Null),
        (json!({"email_verified": null}), Value::Null),
        (json!({"email_verified": []}), Value::Null),
        (json!({"email_verified": {}}), Value::Null),
        (json!({"email_verified": "True"}), Value::Null),
        (json!({}), Value::Null),
    ]
    .into_iter()
    .enumerate()
    {
        let mut profile = sent.clone();
        profile["email"] = json!("ines@x.example");
        let body = json!({"connection": "github", "subject": n.to_string(), "profile": profile});
        let made = side.client.post(&path, body).await.expect(201).json();
        assert_eq!(made["profile"]["email_verified"], kept, "{sent}");
    }
    invariants::check(&server, &side).await;
}

/// The type by which an account comes in has one constructor, and nothing else makes one.
#[test]
fn sec_lnk_02_an_external_identity_is_made_in_one_place() {
    let source = include_str!("../../../src/domain/identity.rs");
    let file = syn::parse_file(source).unwrap();
    let (mut makers, mut seen) = (Vec::new(), false);
    for item in &file.items {
        match item {
            syn::Item::Struct(item) if item.ident == "ExternalIdentity" => {
                seen = true;
                let private = |field: &syn::Field| matches!(field.vis, syn::Visibility::Inherited);
                assert!(item.fields.iter().all(private), "its fields are nobody else's");
                let derives = quoted(&item.attrs);
                for maker in ["Default", "Deserialize", "From", "Builder"] {
                    assert!(!derives.contains(maker), "{derives}");
                }
            }
            syn::Item::Impl(item) if names(&item.self_ty, "ExternalIdentity") => {
                assert!(item.trait_.is_none(), "no trait makes one");
                for member in &item.items {
                    let syn::ImplItem::Fn(function) = member else { continue };
                    if function.sig.receiver().is_none() {
                        makers.push(function.sig.ident.to_string());
                    }
                    assert!(!function.sig.inputs.iter().any(is_mutable), "nothing changes one");
                }
            }
            _ => {}
        }
    }
    assert!(seen);
    assert_eq!(makers, ["from_claims"]);
}

fn quoted(attributes: &[syn::Attribute]) -> String {
    let lists = attributes
        .iter()
        .filter_map(|attribute| attribute.meta.require_list().ok());
    lists.map(|list| list.tokens.to_string()).collect()
}

fn names(found: &syn::Type, name: &str) -> bool {
    matches!(found, syn::Type::Path(path) if path.path.is_ident(name))
}

fn is_mutable(input: &syn::FnArg) -> bool {
    matches!(input, syn::FnArg::Receiver(receiver) if receiver.mutability.is_some())
}

/// Whether a credential of a person still opens her own record.
async fn is_alive(server: &TestServer, person: &Person, token: &str) -> bool {
    let reply = server.client().bearer(token).get(&person.path()).await;
    assert!([200, 401].contains(&reply.status), "{}", reply.text());
    reply.status == 200
}

#[tokio::test]
async fn sec_lnk_03_each_of_seven_events_ends_her_credentials_at_once() {
    let server = TestServer::start().await;
    let side = Side::new(&server, "acme").await;
    let keeper = side.person("keeper").await;
    for (n, event) in [
        "free",
        "split",
        "absorbing",
        "absorbed",
        "password",
        "email",
        "block",
        "delete",
    ]
    .into_iter()
    .enumerate()
    {
        let person = side.person(&format!("p{n}")).await;
        let (token, proof) = side.log_in(&server, &person).await;
        let identity = side.link(&person.core, "twitter", &format!("s{n}")).await;
        assert!(is_alive(&server, &person, &token).await, "a link ends nothing");
        let (client, path) = (&side.client, person.path());
        match event {
            "free" => client
                .delete(&format!("/link/v1/users/{}/identities/{identity}", person.core))
                .await
                .expect(204),
            "split" => client
                .delete(&format!("{path}/identities/twitter/s{n}"))
                .await
                .expect(200),
            "absorbing" => {
                let other = side.person("goes").await;
                let body = json!({"provider": "auth0", "user_id": other.id});
                client.post(&format!("{path}/identities"), body).await.expect(201)
            }
            "absorbed" => {
                let body = json!({"provider": "auth0", "user_id": person.id});
                client
                    .post(&format!("{}/identities", keeper.path()), body)
                    .await
                    .expect(201)
            }
            "password" => client
                .patch(&path, json!({"password": "Another-long-1"}))
                .await
                .expect(200),
            "email" => client
                .patch(&path, json!({"email": "moved@x.example"}))
                .await
                .expect(200),
            "block" => client.patch(&path, json!({"blocked": true})).await.expect(200),
            _ => client.delete(&path).await.expect(204),
        };
        assert!(!is_alive(&server, &person, &token).await, "{event}");
        let link_path = format!("{}/identities", keeper.path());
        let ticket = side.client.post(&link_path, json!({"link_with": proof})).await;
        assert_eq!(ticket.status, 400, "{event}: a proof of before: {}", ticket.text());
    }
    invariants::check(&server, &side).await;
}

#[tokio::test]
async fn sec_lnk_03_her_own_act_ends_all_credentials_but_the_one_that_did_it() {
    let server = TestServer::start().await;
    let side = Side::new(&server, "acme").await;
    let person = side.person("ines").await;
    let (mine, _) = side.log_in(&server, &person).await;
    let (stolen, _) = side.log_in(&server, &person).await;
    side.link(&person.core, "twitter", "1").await;
    side.link(&person.core, "twitter", "2").await;
    let me = server.client().bearer(&mine);
    for subject in ["1", "2"] {
        me.delete(&format!("{}/identities/twitter/{subject}", person.path()))
            .await
            .expect(200);
        assert!(is_alive(&server, &person, &mine).await);
        assert!(!is_alive(&server, &person, &stolen).await);
    }
    let body = json!({"password": "Another-long-1"});
    side.client.patch(&person.path(), body).await.expect(200);
    assert!(!is_alive(&server, &person, &mine).await, "somebody else's act ends it");
    invariants::check(&server, &side).await;
}

#[tokio::test]
async fn sec_lnk_16_the_last_way_in_takes_a_right_over_all_to_remove() {
    let server = TestServer::start().await;
    let side = Side::new(&server, "acme").await;
    let (user, identity) = side.passwordless("twitter", "1").await;
    let path = format!("/link/v1/users/{user}/identities/{identity}");
    let refused = side.client.delete(&path).await.expect(409).json();
    assert_eq!(refused["code"], "last_credential");
    let person = side.person("ines").await;
    let (token, _) = side.log_in(&server, &person).await;
    let me: Client = server.client().bearer(&token);
    let own = side.link(&person.core, "twitter", "2").await;
    let forced = format!("/link/v1/users/{}/identities/{own}?force=true", person.core);
    assert_eq!(
        me.delete(&forced).await.expect(403).json()["code"],
        "insufficient_scope"
    );
    let of_others = me.delete(&path).await.expect(403);
    let of_nobody = me
        .delete(&path.replace(&user, "000000000000000000000000"))
        .await
        .expect(403);
    assert_eq!(of_others.body, of_nobody.body);
    side.client.delete(&format!("{path}?force=true")).await.expect(204);
    invariants::check(&server, &side).await;
}

#[tokio::test]
async fn sec_lnk_03_who_comes_back_after_an_absorption_has_no_old_credential() {
    let server = TestServer::start().await;
    let side = Side::new(&server, "acme").await;
    let (keeper, person) = (side.person("keeper").await, side.person("ines").await);
    let mut old = Vec::new();
    for _ in 0..3 {
        old.push(side.log_in(&server, &person).await);
        let body = json!({"provider": "auth0", "user_id": person.id});
        let path = format!("{}/identities", keeper.path());
        side.client.post(&path, body).await.expect(201);
        side.client
            .delete(&format!("{path}/auth0/{}", person.core))
            .await
            .expect(200);
        assert_eq!(
            side.kept(&server, &person.core).await.unwrap().identities.len(),
            1,
            "she is back"
        );
        for (token, proof) in &old {
            assert!(!is_alive(&server, &person, token).await);
            side.client.post(&path, json!({"link_with": proof})).await.expect(400);
        }
    }
    invariants::check(&server, &side).await;
}

#[tokio::test]
async fn tokens_follow_an_account_through_absorptions_and_back() {
    let server = TestServer::start().await;
    let side = Side::new(&server, "acme").await;
    let keeper = side.person("keeper").await;
    let first = side.person("first").await;
    side.link(&first.core, "twitter", "1").await;
    let split = format!("{}/identities/twitter/1", first.path());
    side.client.delete(&split).await.expect(200);
    let path = format!("{}/identities", keeper.path());
    let mut cores = Vec::new();
    for _ in 0..3 {
        let hers = side
            .client
            .get("/link/v1/identities/twitter/1")
            .await
            .expect(200)
            .json();
        cores.push(hers["id"].as_str().unwrap().to_owned());
        let body = json!({"provider": "twitter", "user_id": "1"});
        side.client.post(&path, body).await.expect(201);
        invariants::check(&server, &side).await;
        side.client.delete(&format!("{path}/twitter/1")).await.expect(200);
        invariants::check(&server, &side).await;
        let shown = side.client.get("/api/v2/users/twitter%7C1").await.expect(200).json();
        assert_eq!(shown["identities"][0]["access_token"], "canary-1");
    }
    cores.dedup();
    assert_eq!(cores.len(), 1, "she is herself again each time");
}
