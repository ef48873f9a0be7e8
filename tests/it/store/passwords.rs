//! Passwords that change their form, and whom a name that nobody has is compared with.

use oneself::store::*;

use super::world::{World, name};

#[tokio::test]
async fn a_password_is_kept_in_another_form_only_from_the_form_that_was_read() {
    let w = World::new().await;
    let mut born = w.identity(&w.built_in, "s");
    born.login = Login {
        names: vec![name(LoginKind::Email, "m@x")],
        password: Some("old".into()),
    };
    let identity = born.id;
    let user = w.make(w.born(born)).await;
    let before = w.get(user).await;
    let hash = |was: &str, is: &str| ReplacedHash {
        user,
        identity,
        was: was.into(),
        is: is.into(),
    };
    let email = name(LoginKind::Email, "m@x");
    let kept = async || {
        let found = w.store.find_login(w.tenant, w.built_in.id, &email).await.unwrap();
        found.unwrap().1
    };
    assert!(!w.store.replace_hash(w.tenant, hash("other", "new")).await.unwrap());
    let foreign = w.foreign().await;
    assert!(!w.store.replace_hash(foreign.tenant, hash("old", "new")).await.unwrap());
    assert_eq!(kept().await.as_deref(), Some("old"));
    assert!(w.store.replace_hash(w.tenant, hash("old", "new")).await.unwrap());
    assert!(!w.store.replace_hash(w.tenant, hash("old", "newer")).await.unwrap());
    assert_eq!(kept().await.as_deref(), Some("new"));
    assert_eq!(w.get(user).await, before, "it is the same password");

    let next = async |after: &str| w.store.find_next_hash(w.tenant, w.built_in.id, after).await.unwrap();
    for after in ["a", "m@x", "z"] {
        assert_eq!(next(after).await.as_deref(), Some("new"), "{after}");
    }
    let elsewhere = w.store.find_next_hash(w.tenant, w.google.id, "a").await.unwrap();
    assert_eq!(elsewhere, None);
    let stranger = w
        .store
        .find_next_hash(foreign.tenant, w.built_in.id, "a")
        .await
        .unwrap();
    assert_eq!(stranger, None);
}
