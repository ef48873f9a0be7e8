//! Users from files: an act expects the file to be where it was read.

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
