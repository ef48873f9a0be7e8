//! Entries of logs: kept in order, for as long as they are to be, and without what is personal of
//! those who are gone.

use std::time::Duration;

use oneself::domain::*;
use oneself::id::*;
use oneself::store::*;
use serde_json::{Value, json};

use super::world::World;

fn object(value: Value) -> Object {
    value.as_object().unwrap().clone()
}

impl World {
    async fn client_id(&self) -> ClientId {
        self.store.list_clients(self.tenant).await.unwrap()[0].id
    }

    async fn told(&self, about: About, n: u64) -> NewLog {
        NewLog {
            tenant: self.tenant,
            client: self.client_id().await,
            about,
            at: self.now(),
            entry: object(json!({ "n": n })),
            personal: object(json!({"name": "Ann"})),
        }
    }

    async fn logs(&self, user: Option<UserId>, order: LogOrder) -> Vec<Log> {
        let page = LogPage {
            user,
            order,
            after: None,
            skip: 0,
            limit: 10_000,
        };
        self.store.list_logs(self.tenant, page).await.unwrap()
    }
}

fn numbers(logs: &[Log]) -> Vec<u64> {
    logs.iter().map(|log| log.entry["n"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn entries_are_listed_both_ways_page_by_page() {
    let w = World::new().await;
    let (user, other) = (w.make_user().await, w.make_user().await);
    for n in 0..10 {
        let about = if n % 2 == 0 { About::User(user) } else { About::Nobody };
        let new = vec![w.told(about, n * 2).await, w.told(About::User(other), n * 2 + 1).await];
        w.store.append_logs(new).await.unwrap();
        if n == 5 {
            w.clock.advance(Duration::from_millis(1));
        }
    }
    let all = w.logs(None, LogOrder::Oldest).await;
    assert_eq!(numbers(&all), (0..20).collect::<Vec<_>>());
    assert!(all.windows(2).all(|pair| pair[0].id < pair[1].id));
    let mut newest = w.logs(None, LogOrder::Newest).await;
    newest.reverse();
    assert_eq!(newest, all);
    assert_eq!(numbers(&w.logs(Some(user), LogOrder::Newest).await), [16, 12, 8, 4, 0]);
    assert_eq!(numbers(&w.logs(Some(other), LogOrder::Oldest).await).len(), 10);
    for (order, after, expected) in [(LogOrder::Oldest, 6, [9, 10]), (LogOrder::Newest, 6, [3, 2])] {
        let page = LogPage {
            user: None,
            order,
            after: Some(all[after].id),
            skip: 2,
            limit: 2,
        };
        assert_eq!(numbers(&w.store.list_logs(w.tenant, page).await.unwrap()), expected);
    }
    assert_eq!(w.store.count_logs(w.tenant, None).await.unwrap(), 20);
    assert_eq!(w.store.count_logs(w.tenant, Some(user)).await.unwrap(), 5);
    assert_eq!(
        w.store.find_log(w.tenant, all[3].id).await.unwrap().as_ref(),
        Some(&all[3])
    );
    let foreign = w.foreign().await;
    assert_eq!(foreign.logs(None, LogOrder::Oldest).await, []);
    assert_eq!(foreign.store.find_log(foreign.tenant, all[3].id).await.unwrap(), None);
    // Ids go on growing after a start, whatever the clock says.
    let w = w.reopened_beside(foreign).await;
    w.store
        .append_logs(vec![w.told(About::Nobody, 20).await])
        .await
        .unwrap();
    assert!(w.logs(None, LogOrder::Newest).await[0].id > all[19].id);
}

impl World {
    /// The same after the store was closed, which another world shared.
    async fn reopened_beside(self, other: Self) -> Self {
        drop(other);
        self.reopened().await
    }
}

#[tokio::test]
async fn nothing_is_written_for_clients_that_are_not_there() {
    let w = World::new().await;
    let foreign = w.foreign().await;
    let mut made_up = w.told(About::Nobody, 1).await;
    made_up.client = ClientId::new(w.tenant, w.random.as_ref());
    let mut crossed = w.told(About::Nobody, 2).await;
    crossed.client = foreign.client_id().await;
    w.store
        .append_logs(vec![made_up, crossed, w.told(About::Nobody, 3).await])
        .await
        .unwrap();
    assert_eq!(numbers(&w.logs(None, LogOrder::Oldest).await), [3]);
    assert_eq!(foreign.logs(None, LogOrder::Oldest).await, []);
}

#[tokio::test]
async fn sec_ops_11_what_is_personal_is_kept_for_nobody_who_is_gone() {
    let w = World::new().await;
    let (survivor, absorbed, other) = (w.make_user().await, w.make_user().await, w.make_user().await);
    let named = About::Named(UserRef::Id(survivor));
    let entries = async || {
        vec![
            w.told(About::User(survivor), 0).await,
            w.told(About::User(absorbed), 1).await,
            w.told(About::User(other), 2).await,
            w.told(named.clone(), 3).await,
            w.told(About::Nobody, 4).await,
        ]
    };
    w.store.append_logs(entries().await).await.unwrap();
    let absorb = w.absorb_of(survivor, absorbed).await;
    assert_eq!(w.store.absorb(w.tenant, absorb).await.unwrap(), Acted::Done);
    let born = About::Named(UserRef::Born {
        at: user::Birthplace::Provider("database".into()),
        subject: absorbed.to_string(),
    });
    w.store
        .append_logs(vec![w.told(About::User(absorbed), 5).await, w.told(born, 6).await])
        .await
        .unwrap();
    let personal = async || {
        let all = w.logs(None, LogOrder::Oldest).await;
        let kept = all.iter().filter(|log| !log.personal.is_empty());
        numbers(&kept.cloned().collect::<Vec<_>>())
    };
    assert_eq!(personal().await, [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(numbers(&w.logs(Some(absorbed), LogOrder::Oldest).await), [1, 5, 6]);
    let event = w.event(survivor, EventKind::UserDeleted);
    assert!(w.store.delete_user(w.tenant, survivor, event, None).await.unwrap());
    assert_eq!(personal().await, [2, 4]);
    // What was noted before and comes only now.
    w.store.append_logs(entries().await).await.unwrap();
    assert_eq!(personal().await, [2, 4, 2, 4]);
    assert_eq!(w.store.count_logs(w.tenant, None).await.unwrap(), 12);
}

#[tokio::test]
async fn old_entries_are_forgotten_some_at_a_time() {
    let w = World::new().await;
    let foreign = w.foreign().await;
    foreign
        .store
        .append_logs(vec![foreign.told(About::Nobody, 0).await])
        .await
        .unwrap();
    let mut new = Vec::new();
    for n in 0..2_500 {
        new.push(w.told(About::Nobody, n).await);
    }
    w.store.append_logs(new).await.unwrap();
    let before = w.now();
    assert_eq!(
        w.store.forget_logs(w.tenant, before).await.unwrap(),
        0,
        "not what is as old"
    );
    w.clock.advance(Duration::from_secs(1));
    w.store
        .append_logs(vec![w.told(About::Nobody, 9_999).await])
        .await
        .unwrap();
    let mut gone = Vec::new();
    loop {
        match w.store.forget_logs(w.tenant, w.now()).await.unwrap() {
            0 => break,
            some => gone.push(some),
        }
    }
    assert_eq!(gone, [1_000, 1_000, 500]);
    assert_eq!(numbers(&w.logs(None, LogOrder::Oldest).await), [9_999]);
    assert_eq!(foreign.store.count_logs(foreign.tenant, None).await.unwrap(), 1);
}
