//! Tenants, clients, connections and keys.

use std::sync::Arc;
use std::time::Duration;

use super::world::World;
use oneself::domain::connection::BUILT_IN;
use oneself::domain::*;
use oneself::id::*;
use oneself::secret::{Digest, Sealed};
use oneself::store::*;

#[tokio::test]
async fn a_tenant_is_kept_with_all_that_it_is_born_with() {
    let w = World::new().await;
    let tenant = w.store.find_tenant(w.tenant).await.unwrap().unwrap();
    assert_eq!(tenant.name, "acme");
    assert_eq!(tenant.created_at, w.now());
    assert_eq!(tenant.credentials.kii_client_id, "kii first");
    assert_eq!(tenant.credentials.knodes_customer_secret, Digest::of(b"knodes first"));
    let named = w.store.find_tenant_named("acme").await.unwrap().unwrap();
    assert_eq!(named.id, w.tenant);
    assert!(w.store.find_tenant_named("Acme").await.unwrap().is_none());
    let unknown = TenantId::from_number(1);
    assert!(w.store.find_tenant(unknown).await.unwrap().is_none());
    assert_eq!(
        w.store.find_tenant_key(w.tenant).await.unwrap(),
        Some(WrappedKey(vec![1; 60]))
    );
    let service = w.store.find_key(w.tenant, KeyOwner::Service).await.unwrap();
    assert_eq!(service, Some(WrappedKey(vec![2; 60])));
    assert_eq!(w.store.list_clients(w.tenant).await.unwrap().len(), 1);
    assert_eq!(w.store.list_connections(w.tenant).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_tenant_whose_name_is_in_use_leaves_nothing_behind() {
    let w = World::new().await;
    let id = TenantId::new(w.random.as_ref());
    let mut again = w.new_tenant("acme");
    again.tenant.id = id;
    assert!(!w.store.create_tenant(again).await.unwrap());
    assert_eq!(w.store.find_tenant_key(id).await.unwrap(), None);
    assert_eq!(w.store.find_key(id, KeyOwner::Service).await.unwrap(), None);
    assert!(w.store.list_connections(id).await.unwrap().is_empty());
    assert!(
        !w.store.create_tenant(w.new_tenant("other")).await.unwrap(),
        "the id is in use"
    );
    assert_eq!(w.store.list_tenants().await.unwrap().len(), 1);
    assert!(w.store.find_tenant_key(w.tenant).await.unwrap().is_some());
}

#[tokio::test]
async fn tenants_are_listed_by_name_and_changed() {
    let w = World::new().await;
    w.foreign().await;
    let names: Vec<_> = w
        .store
        .list_tenants()
        .await
        .unwrap()
        .into_iter()
        .map(|t| t.name)
        .collect();
    assert_eq!(names, ["acme", "foreign"]);

    let mut settings = Settings::default();
    settings.set("link_unknown", "create").unwrap();
    assert!(w.store.update_settings(w.tenant, &settings).await.unwrap());
    assert!(
        w.store
            .update_credentials(w.tenant, &w.credentials("second"))
            .await
            .unwrap()
    );
    let tenant = w.store.find_tenant(w.tenant).await.unwrap().unwrap();
    assert_eq!(tenant.settings, settings);
    assert_eq!(tenant.credentials.kii_client_id, "kii second");
    assert_eq!(tenant.credentials.kii_app_key, Digest::of(b"app key second"));

    let nobody = TenantId::from_number(1);
    assert!(!w.store.update_settings(nobody, &settings).await.unwrap());
    assert!(!w.store.update_credentials(nobody, &w.credentials("x")).await.unwrap());
}

#[tokio::test]
async fn clients_come_change_and_go() {
    let w = World::new().await;
    w.clock.advance(std::time::Duration::from_secs(1));
    let client = w.client("second");
    w.store.create_client(&client).await.unwrap();
    let found = w.store.find_client(client.id).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.epoch), ("second", 1));
    assert_eq!(found.grants, client.grants);
    assert_eq!(found.scopes, client.scopes);
    let names: Vec<_> = w
        .store
        .list_clients(w.tenant)
        .await
        .unwrap()
        .into_iter()
        .map(|c| c.name)
        .collect();
    assert_eq!(names, ["first", "second"], "oldest first");

    assert!(w.store.rotate_client(client.id, Digest::of(b"new")).await.unwrap());
    let found = w.store.find_client(client.id).await.unwrap().unwrap();
    assert_eq!((found.secret, found.epoch), (Some(Digest::of(b"new")), 2));

    assert!(w.store.delete_client(client.id).await.unwrap());
    assert!(!w.store.delete_client(client.id).await.unwrap());
    assert!(!w.store.rotate_client(client.id, Digest::of(b"x")).await.unwrap());
    assert!(w.store.find_client(client.id).await.unwrap().is_none());
}

#[tokio::test]
async fn connections_come_and_go_but_not_from_under_identities() {
    let w = World::new().await;
    w.clock.advance(std::time::Duration::from_secs(1));
    let mut github = w.google.clone();
    github.id = ConnectionId::new(w.random.as_ref());
    github.name = "github".into();
    github.provider = "github".into();
    github.client_id = Some("app".into());
    github.client_secret = Some(Sealed::from_bytes(vec![9; 40]));
    github.auth0.insert("strategy".into(), "github".into());
    github.created_at = w.now();
    assert!(w.store.create_connection(w.tenant, &github).await.unwrap());
    assert!(
        !w.store.create_connection(w.tenant, &github).await.unwrap(),
        "name and id are in use"
    );
    let by_name = ConnectionRef::Name("github".into());
    let found = w.store.find_connection(w.tenant, &by_name).await.unwrap().unwrap();
    assert_eq!(found.id, github.id);
    assert_eq!(found.client_secret, github.client_secret);
    assert_eq!(found.client_id, github.client_id);
    assert_eq!(found.auth0, github.auth0);
    let by_id = ConnectionRef::Id(github.id);
    assert_eq!(
        w.store.find_connection(w.tenant, &by_id).await.unwrap().unwrap().name,
        "github"
    );
    let listed = w.store.list_connections(w.tenant).await.unwrap();
    assert_eq!(listed.last().unwrap().id, github.id, "oldest first");

    let user = w.make_user().await;
    let identity = w.attach(user, w.identity(&github, "1")).await;
    assert!(!w.store.delete_connection(w.tenant, github.id).await.unwrap());
    let unlink = w.unlink_of(&identity).await;
    let unlink = Unlink { force: true, ..unlink };
    assert_eq!(w.store.unlink(w.tenant, unlink).await.unwrap(), Acted::Done);
    assert!(w.store.delete_connection(w.tenant, github.id).await.unwrap());
    assert!(
        w.store.delete_connection(w.tenant, github.id).await.unwrap(),
        "gone counts as removed"
    );
    assert!(w.store.find_connection(w.tenant, &by_id).await.unwrap().is_none());

    let mut link = w.link(user, w.identity(&github, "2"));
    link.one_per_provider = true;
    assert_eq!(w.store.link(w.tenant, link).await.unwrap(), Linked::NoConnection);
    let new = w.born(w.identity(&github, "3"));
    assert!(
        w.store.create_user(w.tenant, new).await.is_err(),
        "nothing hangs on what is gone"
    );
}

#[tokio::test]
async fn signing_keys_and_the_check_value_are_kept_once() {
    let w = World::new().await;
    assert!(w.store.list_signing_keys().await.unwrap().is_empty());
    for kid in ["old", "new"] {
        w.clock.advance(std::time::Duration::from_secs(1));
        let key = StoredSigningKey {
            kid: kid.into(),
            wrapped: WrappedKey(kid.as_bytes().to_vec()),
            certificate: vec![1, 2, 3],
            created_at: w.now(),
        };
        w.store.create_signing_key(&key).await.unwrap();
        assert!(w.store.create_signing_key(&key).await.is_err(), "a kid is used once");
    }
    let keys = w.store.list_signing_keys().await.unwrap();
    assert_eq!(keys[0].kid, "new");
    assert_eq!(keys[1].wrapped, WrappedKey(b"old".to_vec()));
    assert_eq!(keys[1].certificate, [1, 2, 3]);

    assert_eq!(w.store.find_key_check().await.unwrap(), None);
    w.store.set_key_check([7; 32]).await.unwrap();
    assert!(w.store.set_key_check([8; 32]).await.is_err());
    assert_eq!(w.store.find_key_check().await.unwrap(), Some([7; 32]));
    w.store.check().await.unwrap();
    w.store.check().await.unwrap();
}

#[tokio::test]
async fn sec_api_05_foreign_tenants_see_nothing() {
    let w = World::new().await;
    let user = w.make_user().await;
    let identity = w.attach(user, w.with_tokens(&w.twitter, "1")).await;
    let other = w.foreign().await;
    let t = other.tenant;
    let s: &Arc<dyn Store> = &w.store;
    let id = UserRef::Id(user);
    let at = |at| UserRef::Born {
        at,
        subject: user.to_string(),
    };
    assert!(s.find_user(t, &id).await.unwrap().is_none());
    assert!(s.find_user_with_identities(t, &id).await.unwrap().is_none());
    let place = user::Birthplace::Provider("database".into());
    assert!(s.find_user(w.tenant, &at(place.clone())).await.unwrap().is_some());
    assert!(s.find_user(t, &at(place)).await.unwrap().is_none());
    assert!(
        s.find_user(t, &at(user::Birthplace::Connection(BUILT_IN.into())))
            .await
            .unwrap()
            .is_none()
    );
    for which in [ConnectionRef::Name("twitter".into()), ConnectionRef::Id(w.twitter.id)] {
        assert!(s.resolve(t, &which, "1").await.unwrap().is_none());
    }
    assert!(
        s.find_connection(t, &ConnectionRef::Id(w.twitter.id))
            .await
            .unwrap()
            .is_none()
    );
    assert!(s.find_identity(t, &identity.key).await.unwrap().is_none());
    assert!(s.find_tokens(t, identity.id).await.unwrap().is_none());
    assert!(
        s.list_users(t, Page { after: None, limit: 9 })
            .await
            .unwrap()
            .is_empty()
    );
    let all = Search {
        count: true,
        ..Search::default()
    };
    let found = s.search_users(t, all, Duration::from_secs(60)).await.unwrap();
    assert_eq!(found, Searched::Found(vec![], Some(0)));
    assert!(s.list_events(t, None, 9).await.unwrap().is_empty());

    let before = w.get(user).await;
    let deleted = other.event(user, EventKind::UserDeleted);
    assert!(!s.delete_user(t, user, deleted, None).await.unwrap());
    let link = other.link(user, other.identity(&other.twitter, "2"));
    assert_eq!(s.link(t, link).await.unwrap(), Linked::NoUser);
    let link = w.link(user, w.identity(&other.twitter, "2"));
    assert_eq!(s.link(w.tenant, link).await.unwrap(), Linked::NoConnection);
    let unlink = w.unlink_of(&identity).await;
    assert_eq!(s.unlink(t, unlink).await.unwrap(), Acted::NoUser);
    let refresh = w.refresh_of(&identity, Proof::CodeFlow);
    assert_eq!(s.refresh(t, refresh).await.unwrap(), Acted::NoUser);
    let stranger = other.make_user().await;
    let mut absorb = w.absorb_of(user, user).await;
    (absorb.survivor, absorb.survivor_version) = (stranger, 1);
    assert_eq!(s.absorb(t, absorb).await.unwrap(), Acted::NoUser);
    assert!(
        s.delete_connection(t, w.twitter.id).await.unwrap(),
        "absent for this tenant"
    );
    assert_eq!(w.get(user).await, before);
}
