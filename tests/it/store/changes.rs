//! Records that are replaced as they were read, connections that are retired, and what is
//! counted by the day.

use std::time::Duration;

use super::world::World;
use oneself::domain::*;
use oneself::secret::Sealed;
use oneself::store::*;
use serde_json::json;

#[tokio::test]
async fn a_connection_is_replaced_only_as_it_was_read() {
    let w = World::new().await;
    let act = async |was: &Connection, is: &Connection| w.store.update_connection(w.tenant, was, is).await.unwrap();
    let was = w.twitter.clone();
    let mut is = was.clone();
    // Accounts that hang on it already hang on no other application.
    let first = w.make_user().await;
    w.attach(first, w.identity(&w.twitter, "0")).await;
    is.auth0.insert("display_name".into(), "T".into());
    is.client_id = Some("app".into());
    is.client_secret = Some(Sealed::from_bytes(vec![7; 40]));
    assert_eq!(act(&was, &is).await, Replaced::Done);
    let by_id = ConnectionRef::Id(was.id);
    assert_eq!(
        w.store.find_connection(w.tenant, &by_id).await.unwrap(),
        Some(is.clone())
    );
    assert_eq!(act(&was, &was).await, Replaced::Changed, "somebody was faster");
    let user = w.make_user().await;
    w.attach(user, w.identity(&w.twitter, "1")).await;
    let mut other = is.clone();
    other.client_id = Some("another".into());
    assert_eq!(act(&is, &other).await, Replaced::InUse);
    other.client_id = is.client_id.clone();
    other.client_secret = None;
    assert_eq!(act(&is, &other).await, Replaced::Done);
    let foreign = w.foreign().await;
    let done = foreign
        .store
        .update_connection(foreign.tenant, &other, &is)
        .await
        .unwrap();
    assert_eq!(done, Replaced::Gone);
    assert_eq!(w.store.find_connection(w.tenant, &by_id).await.unwrap(), Some(other));
}

#[tokio::test]
async fn a_retired_connection_is_found_by_nothing_but_what_clears_it_away() {
    let w = World::new().await;
    let user = w.make_user().await;
    let born = w.make(w.born(w.identity(&w.twitter, "born"))).await;
    let identity = w.attach(user, w.with_tokens(&w.twitter, "1")).await;
    let id = w.twitter.id;
    let retire = async || {
        w.store
            .retire_connection(w.tenant, id, w.now(), Actor::Operator)
            .await
            .unwrap()
    };
    let foreign = w.foreign().await;
    assert!(
        !foreign
            .store
            .retire_connection(foreign.tenant, id, w.now(), Actor::Operator)
            .await
            .unwrap()
    );
    assert!(w.store.list_retired_connections(w.tenant).await.unwrap().is_empty());
    assert!(retire().await);
    assert!(!retire().await, "once");
    for which in [ConnectionRef::Id(id), ConnectionRef::Name("twitter".into())] {
        assert!(w.store.find_connection(w.tenant, &which).await.unwrap().is_none());
        assert!(w.store.resolve(w.tenant, &which, "1").await.unwrap().is_none());
    }
    assert!(
        w.store
            .list_connections(w.tenant)
            .await
            .unwrap()
            .iter()
            .all(|one| one.id != id)
    );
    let at = |at| UserRef::Born {
        at,
        subject: "born".into(),
    };
    for place in [
        user::Birthplace::Provider("twitter".into()),
        user::Birthplace::Connection("twitter".into()),
    ] {
        assert!(w.store.find_user(w.tenant, &at(place)).await.unwrap().is_none());
    }
    assert!(w.store.find_user(w.tenant, &UserRef::Id(born)).await.unwrap().is_some());
    let link = w.link(user, w.identity(&w.twitter, "2"));
    assert_eq!(w.store.link(w.tenant, link).await.unwrap(), Linked::NoConnection);
    assert!(
        w.store
            .create_user(w.tenant, w.born(w.identity(&w.twitter, "3")))
            .await
            .is_err()
    );
    let again = w.store.create_connection(w.tenant, &w.twitter).await.unwrap();
    assert!(!again, "its name is taken until it is gone");

    let retired = w.store.list_retired_connections(w.tenant).await.unwrap();
    assert_eq!((retired.len(), retired[0].connection.id), (1, id));
    assert_eq!((retired[0].at, retired[0].by), (w.now(), Actor::Operator));
    assert_eq!(retired[0].connection.client_secret, None);
    assert!(
        foreign
            .store
            .list_retired_connections(foreign.tenant)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        foreign
            .store
            .list_identities_at(foreign.tenant, id, 9)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(w.store.list_identities_at(w.tenant, id, 1).await.unwrap().len(), 1);
    let hanging = w.store.list_identities_at(w.tenant, id, 9).await.unwrap();
    assert_eq!(hanging.len(), 2);
    assert!(hanging.contains(&identity));
    assert!(!w.store.delete_connection(w.tenant, id).await.unwrap());
    drop(foreign);
    let w = w.reopened().await;
    let unlink = Unlink {
        force: true,
        ..w.unlink_of(&identity).await
    };
    assert_eq!(w.store.unlink(w.tenant, unlink).await.unwrap(), Acted::Done);
    let deleted = w.event(born, EventKind::UserDeleted);
    assert!(w.store.delete_user(w.tenant, born, deleted, None).await.unwrap());
    assert!(w.store.delete_connection(w.tenant, id).await.unwrap());
    assert!(w.store.list_retired_connections(w.tenant).await.unwrap().is_empty());
    assert!(w.store.create_connection(w.tenant, &w.twitter).await.unwrap());
}

#[tokio::test]
async fn a_client_is_replaced_with_its_origins_and_stands_as_it_is() {
    let w = World::new().await;
    let mut client = w.client("web");
    client
        .auth0
        .insert("web_origins".into(), json!(["https://a.example", "https://b.example"]));
    w.store.create_client(&client).await.unwrap();
    assert_eq!(w.store.find_client(client.id).await.unwrap(), Some(client.clone()));
    let has = async |id, origin: &str| w.store.has_web_origin(id, origin).await.unwrap();
    assert!(has(Some(client.id), "https://a.example").await && has(None, "https://b.example").await);
    assert!(!has(Some(client.id), "https://c.example").await && !has(None, "https://A.example").await);
    let other = w.client("other");
    w.store.create_client(&other).await.unwrap();
    assert!(!has(Some(other.id), "https://a.example").await);
    let standing = w.store.find_standing(client.id).await.unwrap().unwrap();
    assert_eq!((standing.epoch, standing.scopes), (1, client.scopes));

    let mut is = client.clone();
    is.auth0.insert("web_origins".into(), json!(["https://c.example"]));
    (is.secret, is.scopes, is.epoch) = (None, None, 5);
    assert_eq!(w.store.update_client(&client, &is).await.unwrap(), Replaced::Done);
    assert_eq!(w.store.find_client(client.id).await.unwrap(), Some(is.clone()));
    let standing = w.store.find_standing(client.id).await.unwrap().unwrap();
    assert_eq!((standing.epoch, standing.scopes), (5, None));
    assert!(has(None, "https://c.example").await && !has(None, "https://a.example").await);
    assert_eq!(w.store.update_client(&client, &is).await.unwrap(), Replaced::Changed);
    assert!(w.store.delete_client(client.id).await.unwrap());
    assert!(!has(None, "https://c.example").await, "they go with it");
    assert_eq!(w.store.update_client(&is, &is).await.unwrap(), Replaced::Gone);
    assert!(w.store.find_standing(client.id).await.unwrap().is_none());
}

#[tokio::test]
async fn settings_are_known_at_once_when_they_change() {
    let w = World::new().await;
    let find = async |w: &World| w.store.find_settings(w.tenant).await.unwrap();
    assert_eq!(find(&w).await, Some(Settings::default()));
    let mut settings = Settings::default();
    settings.set("rate_limit", "50/16").unwrap();
    w.store.update_settings(w.tenant, &settings).await.unwrap();
    assert_eq!(find(&w).await, Some(settings.clone()));
    let w = w.reopened().await;
    assert_eq!(find(&w).await, Some(settings));
    let nobody = oneself::id::TenantId::from_number(1);
    assert_eq!(w.store.find_settings(nobody).await.unwrap(), None);
}

#[tokio::test]
async fn days_are_counted_as_things_happen() {
    let w = World::new().await;
    let today = DayCount::day_of(w.now());
    let log_in = async |id| {
        let mut user = w.get(id).await.user;
        let expected_version = user.version;
        user.version += 1;
        user.logins.count += 1;
        user.logins.last_at = Some(w.now());
        let update = UserUpdate {
            user,
            expected_version,
            login: None,
            bag: None,
            spend: None,
            identity_profile: None,
            event: None,
        };
        assert_eq!(w.store.update_user(w.tenant, update).await.unwrap(), Acted::Done);
    };
    let (one, other) = (w.make_user().await, w.make_user().await);
    log_in(one).await;
    log_in(one).await;
    w.clock.advance(Duration::from_secs(86_400));
    log_in(other).await;
    let days = async |from, to| w.store.list_days(w.tenant, from, to).await.unwrap();
    let count = |day, logins, signups| DayCount { day, logins, signups };
    assert_eq!(
        days(today - 9, today + 9).await,
        [count(today, 2, 2), count(today + 1, 1, 0)]
    );
    assert_eq!(days(today + 1, today + 1).await, [count(today + 1, 1, 0)]);
    let active = async |since| w.store.count_active_users(w.tenant, since).await.unwrap();
    assert_eq!(
        (active(today).await, active(today + 1).await, active(today + 2).await),
        (2, 1, 0)
    );
    let deleted = w.event(one, EventKind::UserDeleted);
    w.store.delete_user(w.tenant, one, deleted, None).await.unwrap();
    assert_eq!(active(today).await, 1);
    let foreign = w.foreign().await;
    assert!(
        foreign
            .store
            .list_days(foreign.tenant, today, today + 1)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(foreign.store.count_active_users(foreign.tenant, 0).await.unwrap(), 0);
}
