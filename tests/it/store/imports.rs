//! Users from files: an act expects the file to be where it was read.

use oneself::domain::Connection;
use oneself::id::ConnectionId;
use oneself::secret::Digest;
use oneself::store::*;

use super::world::World;

#[tokio::test]
async fn two_importers_of_one_file_make_nobody_twice() {
    let w = World::new().await;
    let file = Digest::of(b"file");
    let batch = |from: &Import, lines: u64, new: NewUser| ImportBatch {
        from: from.clone(),
        lines,
        offset: lines * 100,
        users: vec![(lines, new)],
        refused: Vec::new(),
        ended_at: (lines == 2).then(|| w.now()),
    };
    let begun = Import::new(file, "users".into(), w.now());
    let Imported::Done(one) = w
        .store
        .import_users(w.tenant, batch(&begun, 1, w.new_user()))
        .await
        .unwrap()
    else {
        panic!("the first act is done");
    };
    assert_eq!((one.lines, one.users, one.refused), (1, 1, 0));
    let late = w
        .store
        .import_users(w.tenant, batch(&begun, 1, w.new_user()))
        .await
        .unwrap();
    assert_eq!(late, Imported::Elsewhere);
    assert_eq!(
        w.store.list_unfinished_imports(w.tenant).await.unwrap(),
        std::slice::from_ref(&one)
    );
    let Imported::Done(two) = w
        .store
        .import_users(w.tenant, batch(&one, 2, w.new_user()))
        .await
        .unwrap()
    else {
        panic!("the second act is done");
    };
    assert_eq!(w.store.find_import(w.tenant, file).await.unwrap(), Some(two.clone()));
    assert_eq!(w.store.list_unfinished_imports(w.tenant).await.unwrap(), []);
    let after = w
        .store
        .import_users(w.tenant, batch(&two, 3, w.new_user()))
        .await
        .unwrap();
    assert_eq!(after, Imported::Elsewhere, "it came to its end");
    let page = Page { after: None, limit: 10 };
    assert_eq!(w.store.list_users(w.tenant, page).await.unwrap().len(), 2);
    let foreign = w.foreign().await;
    assert_eq!(w.store.find_import(foreign.tenant, file).await.unwrap(), None);
}

#[tokio::test]
async fn a_line_is_refused_alone_whose_birth_had_to_wait_for_its_turn() {
    let w = World::new().await;
    // A second connection of the provider: one subject must not be born at both.
    let second = Connection {
        id: ConnectionId::new(w.random.as_ref()),
        name: "second".into(),
        ..w.twitter.clone()
    };
    assert!(w.store.create_connection(w.tenant, &second).await.unwrap());
    w.make(w.born(w.identity(&w.twitter, "1"))).await;
    let batch = ImportBatch {
        from: Import::new(Digest::of(b"file"), "users".into(), w.now()),
        lines: 3,
        offset: 300,
        users: vec![
            (1, w.born(w.identity(&w.twitter, "1"))),
            (2, w.born(w.identity(&second, "1"))),
            (3, w.born(w.identity(&w.twitter, "2"))),
        ],
        refused: Vec::new(),
        ended_at: Some(w.now()),
    };
    let Imported::Done(done) = w.store.import_users(w.tenant, batch).await.unwrap() else {
        panic!("the act is done");
    };
    let lines: Vec<_> = done.last_refused.iter().map(|refusal| refusal.line).collect();
    assert_eq!((done.users, lines), (1, vec![1, 2]));
}
