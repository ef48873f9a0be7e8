//! Searching: every act keeps what users are found by, and what is found is what a plain look at
//! every user finds.

use std::collections::BTreeSet;
use std::time::Duration;

use oneself::domain::search::attributes::{self, FallBack};
use oneself::domain::search::*;
use oneself::domain::user::Logins;
use oneself::domain::*;
use oneself::id::*;
use oneself::store::*;
use serde_json::{Value, json};

use super::world::World;
use crate::support::seeking;

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Those whom a search finds, and how many there are in all.
pub async fn search(w: &World, query: &Query, sort: &Sort, skip: u32, limit: u32) -> (Vec<UserWithIdentities>, u64) {
    let search = Search {
        query: query.clone(),
        sort: sort.clone(),
        skip,
        limit,
        count: true,
    };
    match w.store.search_users(w.tenant, search, PATIENCE).await.unwrap() {
        Searched::Found(found, Some(total)) => (found, total),
        other => panic!("{other:?}"),
    }
}

/// How many users there are.
pub async fn count(w: &World) -> u64 {
    search(w, &Query::default(), &Sort::default(), 0, 0).await.1
}

async fn ids(w: &World, query: &Query) -> Vec<UserId> {
    let (found, total) = search(w, query, &Sort::default(), 0, 1_000_000).await;
    assert_eq!(found.len() as u64, total);
    found.iter().map(|found| found.user.id).collect()
}

pub fn one(condition: Condition) -> Query {
    let mut query = Query::default();
    query.push(Node::Is(condition));
    query
}

fn attribute(path: &str, test: Test) -> Query {
    let path = path.to_owned();
    one(Condition::Attribute { path, test })
}

fn is(path: &str, text: &str) -> Query {
    attribute(path, Test::Is(Literal::of(text)))
}

async fn everybody(w: &World) -> Vec<UserWithIdentities> {
    let page = Page {
        after: None,
        limit: 1_000_000,
    };
    w.store.list_users(w.tenant, page).await.unwrap()
}

/// That users are found by what they are now, and by nothing that they were.
pub async fn check(w: &World) {
    let users = everybody(w).await;
    let connections = w.store.list_connections(w.tenant).await.unwrap();
    let known = seeking::look_at(&users, &connections);
    let mut asked = BTreeSet::new();
    let mut terms = 0;
    for found in &users {
        let born = connections
            .iter()
            .find(|c| c.id == found.identities[0].key.connection)
            .unwrap();
        let fall_back = match born.provider.as_str() {
            "database" | "email" => FallBack::Email,
            _ => FallBack::None,
        };
        terms += attributes::of_user(&found.user, fall_back).len();
        terms += found.identities[1..]
            .iter()
            .map(|i| attributes::of_account(&i.profile).len())
            .sum::<usize>();
        asked.extend(seeking::leaves(found, &connections).into_iter().map(|(path, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (path, text)
        }));
    }
    let of_tenant = format!("SELECT count(*) FROM terms WHERE tenant = {}", w.tenant.number());
    let kept = w.kept.number(&of_tenant).await;
    assert_eq!(
        usize::try_from(kept).unwrap(),
        terms,
        "a term of somebody who is gone, or none of somebody who is there"
    );
    for (path, text) in asked {
        let query = is(&path, &text);
        assert_eq!(
            ids(w, &query).await,
            seeking::seek(&query, &Sort::default(), &known),
            "{path}:{text}"
        );
    }
}

/// An identity with claims of its own.
pub fn with_claims(w: &World, connection: &Connection, subject: &str, claims: &Value) -> NewIdentity {
    let claims = claims.as_object().unwrap();
    NewIdentity {
        external: ExternalIdentity::from_claims(connection, subject, claims, Proof::Asserted).unwrap(),
        ..w.identity(connection, subject)
    }
}

fn account(email: &str) -> Value {
    json!({"email": email, "email_verified": true, "username": email.to_uppercase(), "name": "not searched"})
}

#[tokio::test]
async fn every_act_keeps_what_users_are_found_by() {
    let w = World::new().await;
    let mut new = w.new_user();
    new.user.profile = serde_json::from_value(json!({
        "email": "Ines@X.example", "email_verified": true, "given_name": "Ines Maria", "locale": "de",
        "address": {"city": "Köln", "geo": [50.94, 6.96]}, "access_token": "never",
    }))
    .unwrap();
    new.user.app_metadata = json!({"plan": {"name": "pro"}, "roles": ["admin", "dev"], "n": 0.1})
        .as_object()
        .cloned();
    new.user.user_metadata = json!({"theme": "dark", "none": null}).as_object().cloned();
    new.more = vec![with_claims(&w, &w.google, "g1", &account("ines@g.example"))];
    let ines = w.make(new).await;
    let other = w.make_user().await;
    check(&w).await;
    assert_eq!(ids(&w, &is("name", "INES@x.example")).await, [ines], "as she is shown");
    assert_eq!(ids(&w, &is("email.domain", "x.EXAMPLE")).await, [ines]);
    assert_eq!(ids(&w, &is("app_metadata.roles", "dev")).await, [ines]);

    let linked = w
        .attach(ines, with_claims(&w, &w.twitter, "t1", &account("ines@t.example")))
        .await;
    check(&w).await;
    assert_eq!(
        ids(&w, &is("identities.profileData.email", "ines@t.example")).await,
        [ines]
    );

    let mut refresh = w.refresh_of(&linked, Proof::CodeFlow);
    refresh.profile = Some(serde_json::from_value(account("new@t.example")).unwrap());
    assert_eq!(w.store.refresh(w.tenant, refresh).await.unwrap(), Acted::Done);
    check(&w).await;
    assert_eq!(ids(&w, &is("identities.profileData.email", "ines@t.example")).await, []);

    let update = |found: &UserWithIdentities, change: fn(&mut User)| {
        let mut user = found.user.clone();
        user.version += 1;
        change(&mut user);
        UserUpdate {
            user,
            expected_version: found.user.version,
            login: None,
            bag: None,
            spend: None,
            identity_profile: None,
            event: None,
        }
    };
    let now = w.get(ines).await;
    let mut change = update(&now, |user| {
        user.profile.email = Some("changed@y.example".into());
        user.profile.given_name = None;
        user.blocked = Some(false);
        user.app_metadata = json!({"plan": "free", "n": 0.30000000000000004}).as_object().cloned();
        user.user_metadata = None;
    });
    let account_of_hers = now.identities[2].clone();
    change.identity_profile = Some((account_of_hers.id, Profile::default()));
    assert_eq!(w.store.update_user(w.tenant, change).await.unwrap(), Acted::Done);
    check(&w).await;
    assert_eq!(ids(&w, &is("identities.profileData.email", "new@t.example")).await, []);
    assert_eq!(ids(&w, &attribute("user_metadata", Test::Exists)).await, []);

    w.clock.advance(Duration::from_secs(5));
    let at = w.now();
    let mut change = update(&w.get(ines).await, |_| {});
    change.user.logins = Logins {
        count: 3,
        last_at: Some(at),
        last_ip: Some("203.0.113.9".into()),
    };
    assert_eq!(w.store.update_user(w.tenant, change).await.unwrap(), Acted::Done);
    check(&w).await;
    assert_eq!(ids(&w, &is("logins_count", "3")).await, [ines]);

    let third = w
        .attach(ines, with_claims(&w, &w.twitter, "t3", &account("third@t.example")))
        .await;
    let mut unlink = w.unlink_of(&third).await;
    unlink.force = true;
    assert_eq!(w.store.unlink(w.tenant, unlink).await.unwrap(), Acted::Done);
    check(&w).await;

    let google = w.get(ines).await.identities[1].clone();
    let split = w.split_of(&google, w.user_id()).await;
    assert_eq!(w.store.unlink(w.tenant, split).await.unwrap(), Acted::Done);
    check(&w).await;
    let alone = ids(&w, &is("email", "ines@g.example")).await;
    assert_eq!(alone.len(), 1, "her own now, no linked account's");
    assert_eq!(ids(&w, &is("name", "not searched")).await, alone);

    w.attach(
        alone[0],
        with_claims(&w, &w.twitter, "t4", &account("fourth@t.example")),
    )
    .await;
    let absorb = w.absorb_of(ines, alone[0]).await;
    assert_eq!(w.store.absorb(w.tenant, absorb).await.unwrap(), Acted::Done);
    check(&w).await;
    for moved in ["ines@g.example", "fourth@t.example"] {
        assert_eq!(
            ids(&w, &is("identities.profileData.email", moved)).await,
            [ines],
            "{moved}"
        );
    }
    assert_eq!(ids(&w, &is("email", "ines@g.example")).await, []);

    let deleted = w
        .store
        .delete_user(w.tenant, ines, w.event(ines, EventKind::UserDeleted), None)
        .await;
    assert!(deleted.unwrap());
    check(&w).await;
    assert_eq!(ids(&w, &Query::default()).await, [other]);
}

#[tokio::test]
async fn a_user_of_a_retired_connection_leaves_no_term() {
    let w = World::new().await;
    let database = Connection {
        id: ConnectionId::new(w.random.as_ref()),
        name: "Users".into(),
        ..w.built_in.clone()
    };
    assert!(w.store.create_connection(w.tenant, &database).await.unwrap());
    let mut new = w.born(w.identity(&database, "1"));
    new.user.profile.email = Some("ines@x.example".into());
    let ines = w.make(new).await;
    assert_eq!(ids(&w, &is("name", "ines@x.example")).await, [ines]);
    let retired = w
        .store
        .retire_connection(w.tenant, database.id, w.now(), Actor::Operator);
    assert!(retired.await.unwrap());
    assert_eq!(
        ids(&w, &is("name", "ines@x.example")).await,
        [ines],
        "until she is erased"
    );
    let event = w.event(ines, EventKind::UserDeleted);
    assert!(w.store.delete_user(w.tenant, ines, event, None).await.unwrap());
    assert_eq!(ids(&w, &is("name", "ines@x.example")).await, []);
    check(&w).await;
}

#[tokio::test]
async fn a_link_without_claims_that_are_searched_writes_no_term() {
    let w = World::new().await;
    let user = w.make_user().await;
    w.attach(user, w.with_tokens(&w.twitter, "1")).await;
    assert_eq!(w.kept.number("SELECT count(*) FROM terms").await, 0);
    let at = vec![Place {
        connection: w.twitter.id,
        before: String::new(),
    }];
    let subject = Some(Test::Is(Literal::of("1")));
    let role = Role::Any;
    assert_eq!(ids(&w, &one(Condition::Identity { role, at, subject })).await, [user]);
}

#[tokio::test]
async fn sec_api_01_a_search_finds_nobody_of_another_tenant() {
    let w = World::new().await;
    let foreign = w.foreign().await;
    let mut new = foreign.new_user();
    new.user.profile.email = Some("secret@x.example".into());
    new.user.app_metadata = json!({"plan": "pro"}).as_object().cloned();
    let stranger = foreign.make(new).await;
    foreign
        .attach(
            stranger,
            with_claims(&foreign, &foreign.twitter, "1", &account("s@t.example")),
        )
        .await;
    let mine = w.make_user().await;
    let anywhere = |connection: ConnectionId| Condition::Identity {
        role: Role::Any,
        at: vec![Place {
            connection,
            before: String::new(),
        }],
        subject: None,
    };
    let mut nobody = Query::default();
    let all = nobody.push(Node::Any(vec![]));
    nobody.push(Node::Not(all));
    let conditions = [
        Condition::AnyAttribute(Test::Exists),
        Condition::AnyAttribute(Test::Is(Literal::of("pro"))),
        anywhere(foreign.twitter.id),
        anywhere(foreign.built_in.id),
        Condition::Attribute {
            path: "app_metadata.plan".into(),
            test: Test::Is(Literal::of("pro")),
        },
        Condition::Attribute {
            path: "identities.profileData.email".into(),
            test: Test::Exists,
        },
    ];
    for condition in conditions {
        let query = one(condition);
        assert_eq!(ids(&w, &query).await, [], "{query:?}");
        assert_eq!(ids(&foreign, &query).await, [stranger], "{query:?}");
        let mut others = query.clone();
        others.push(Node::Not(0));
        assert_eq!(ids(&w, &others).await, [mine], "{others:?}");
        assert_eq!(ids(&foreign, &others).await, [], "{others:?}");
    }
    for query in [
        Query::default(),
        nobody,
        one(Condition::Updated(Span::default())),
        one(Condition::Created(Span::default())),
    ] {
        assert_eq!(ids(&w, &query).await, [mine], "{query:?}");
    }
    for by in [
        SortBy::Created,
        SortBy::Updated,
        SortBy::Attribute("email".into()),
        SortBy::Primary(vec![]),
    ] {
        let sort = Sort {
            by,
            direction: Direction::Descending,
        };
        let (found, total) = search(&w, &Query::default(), &sort, 0, 10).await;
        assert_eq!((found.len(), total, found[0].user.id), (1, 1, mine), "{sort:?}");
    }
}

#[tokio::test]
async fn sec_api_02_a_search_gives_up_when_its_time_is_over() {
    let w = World::new().await;
    w.make_user().await;
    let search = async |patience| {
        let search = Search {
            limit: 10,
            count: true,
            ..Search::default()
        };
        w.store.search_users(w.tenant, search, patience).await.unwrap()
    };
    assert_eq!(search(Duration::ZERO).await, Searched::GaveUp);
    assert!(matches!(search(PATIENCE).await, Searched::Found(..)));
}

#[tokio::test]
async fn sec_api_02_a_query_of_any_depth_is_answered() {
    let w = World::new().await;
    let user = w.make_user().await;
    let mut query = one(Condition::Created(Span::default()));
    let mut root = 0;
    for n in 0..100_000 {
        root = query.push(match n % 3 {
            0 => Node::Not(root),
            1 => Node::All(vec![root]),
            _ => Node::Any(vec![root]),
        });
    }
    let (found, _) = search(&w, &query, &Sort::default(), 0, 10).await;
    let turned = (0..100_000).filter(|n| n % 3 == 0).count() % 2 == 1;
    assert_eq!(found.len(), usize::from(!turned));
    assert!(turned || found[0].user.id == user);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_sorted_and_counted_as_few_are() {
    let w = World::new().await;
    let mut made = Vec::new();
    for n in 0..1_300_u32 {
        let mut new = w.new_user();
        new.user.profile.email = (n % 5 != 0).then(|| format!("{}@x.example", n * 7919 % 1_300));
        new.user.blocked = (n % 3 != 0).then_some(n % 2 == 0);
        if n % 10 == 0 {
            w.clock.advance(Duration::from_millis(3));
        }
        made.push(new);
    }
    // Not more at once than a store takes in a moment.
    for some in made.chunks(100) {
        let acts = some.iter().cloned().map(|new| {
            let (store, tenant) = (w.store.clone(), w.tenant);
            tokio::spawn(async move { assert_eq!(store.create_user(tenant, new).await.unwrap(), Created::Done) })
        });
        for act in acts.collect::<Vec<_>>() {
            act.await.unwrap();
        }
    }
    let (users, connections) = (everybody(&w).await, w.store.list_connections(w.tenant).await.unwrap());
    let known = seeking::look_at(&users, &connections);
    let places: Vec<Place> = connections
        .iter()
        .map(|connection| Place {
            connection: connection.id,
            before: connection.name.clone(),
        })
        .collect();
    let mut unblocked = attribute("blocked", Test::Is(Literal::flag(true)));
    unblocked.push(Node::Not(0));
    for query in [
        Query::default(),
        unblocked,
        attribute("email", Test::Exists),
        is("email", "77@x.example"),
    ] {
        for by in [
            SortBy::Creation,
            SortBy::Created,
            SortBy::Updated,
            SortBy::Attribute("email".into()),
            SortBy::Attribute("blocked".into()),
            SortBy::Attribute("nobody_has_it".into()),
            SortBy::Primary(places.clone()),
        ] {
            for direction in [Direction::Ascending, Direction::Descending] {
                let sort = Sort {
                    by: by.clone(),
                    direction,
                };
                let expected = seeking::seek(&query, &sort, &known);
                for (skip, limit) in [(0, 7), (990, 10), (0, 1_000)] {
                    let (found, total) = search(&w, &query, &sort, skip, limit).await;
                    let found: Vec<_> = found.iter().map(|found| found.user.id).collect();
                    let page: Vec<_> = expected
                        .iter()
                        .skip(skip as usize)
                        .take(limit as usize)
                        .copied()
                        .collect();
                    assert_eq!(found, page, "{query:?} {sort:?} {skip} {limit}");
                    assert_eq!(total, expected.len() as u64);
                }
            }
        }
    }
}
