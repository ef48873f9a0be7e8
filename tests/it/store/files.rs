//! The embedded store's two files: opened again, refused, finished after a crash.

use std::path::Path;
use std::sync::Arc;

use super::world::World;
use oneself::clock::{ManualClock, SeededRandom};
use oneself::domain::*;
use oneself::store::sqlite::{OpenError, SqliteOptions, SqliteStore};
use oneself::store::*;
use rusqlite::Connection as Sqlite;

fn open(dir: &Path) -> Result<SqliteStore, OpenError> {
    let clock = Arc::new(ManualClock::at("2027-01-15T08:00:00Z".parse().unwrap()));
    SqliteStore::open(dir, clock, Arc::new(SeededRandom::new(1)), &SqliteOptions::default())
}

fn refusal(dir: &Path) -> OpenError {
    match open(dir) {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn every_table_is_strict_and_each_file_has_a_log_until_it_is_closed() {
    let w = World::new().await;
    let logs = ["data.db-wal", "keys.db-wal"].map(|log| w.kept.path().join(log));
    assert!(logs[0].exists());
    for file in ["data.db", "keys.db"] {
        let file = Sqlite::open(w.kept.path().join(file)).unwrap();
        let number = |sql: &str| file.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        let tables = "FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        assert!(number(&format!("SELECT count(*) {tables}")) > 3);
        assert_eq!(number(&format!("SELECT count(*) {tables} AND strict = 0")), 0);
        let mode: String = file.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal");
    }
    let kept = w.kept.clone();
    drop(w);
    assert!(!logs.iter().any(|log| log.exists()), "closing leaves no log behind");
    drop(kept);
}

#[test]
fn sec_ops_10_a_newer_schema_is_refused_and_left_alone() {
    for (file, known) in [("data.db", 5), ("keys.db", 1)] {
        let dir = tempfile::tempdir().unwrap();
        drop(open(dir.path()).unwrap());
        let path = dir.path().join(file);
        Sqlite::open(&path)
            .unwrap()
            .pragma_update(None, "user_version", known + 1)
            .unwrap();
        let before = std::fs::read(&path).unwrap();
        let error = refusal(dir.path());
        assert!(
            matches!(error, OpenError::NewerSchema { found, known: newest, .. } if (found, newest) == (known + 1, known)),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(
            text.contains(file) && text.contains(&known.to_string()) && text.contains(&(known + 1).to_string()),
            "{text}"
        );
        assert!(SqliteStore::migrate(dir.path(), &SqliteOptions::default()).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}

#[test]
fn an_older_schema_waits_for_migrate() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    let file = Sqlite::open(dir.path().join("data.db")).unwrap();
    file.pragma_update(None, "user_version", 0).unwrap();
    drop(file);
    assert!(matches!(
        refusal(dir.path()),
        OpenError::NeedsMigration { found: 0, known: 5, .. }
    ));
    let dir = tempfile::tempdir().unwrap();
    SqliteStore::migrate(dir.path(), &SqliteOptions::default()).unwrap();
    SqliteStore::migrate(dir.path(), &SqliteOptions::default()).unwrap();
    open(dir.path()).unwrap();
}

#[tokio::test]
async fn sec_ops_10_what_was_counted_by_the_day_is_there_after_a_migration() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    let file = Sqlite::open(dir.path().join("data.db")).unwrap();
    file.execute_batch(
        "DROP TABLE user_bags; DROP TABLE opaque_tokens; DROP TABLE erased_identities;
         DROP TABLE day_counts;
         CREATE TABLE day_counts (tenant INTEGER NOT NULL, day INTEGER NOT NULL, logins INTEGER NOT NULL,
            signups INTEGER NOT NULL, PRIMARY KEY (tenant, day)) STRICT, WITHOUT ROWID;
         INSERT INTO day_counts VALUES (7, 20000, 3, 2);
         PRAGMA user_version = 1",
    )
    .unwrap();
    drop(file);
    assert!(matches!(
        refusal(dir.path()),
        OpenError::NeedsMigration { found: 1, .. }
    ));
    SqliteStore::migrate(dir.path(), &SqliteOptions::default()).unwrap();
    let store = open(dir.path()).unwrap();
    let days = store
        .list_days(oneself::id::TenantId::from_number(7), 0, 30_000)
        .await
        .unwrap();
    let counted = DayCount {
        day: 20_000,
        logins: 3,
        signups: 2,
    };
    assert_eq!(days, [counted]);
}

#[test]
fn what_is_not_ours_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("keys.db"), vec![b'x'; 8192]).unwrap();
    assert!(matches!(refusal(dir.path()), OpenError::Corrupt { .. }));

    let dir = tempfile::tempdir().unwrap();
    let other = Sqlite::open(dir.path().join("data.db")).unwrap();
    other
        .execute_batch("PRAGMA application_id = 7; CREATE TABLE users (id)")
        .unwrap();
    drop(other);
    std::fs::write(dir.path().join("keys.db"), b"").unwrap();
    assert!(matches!(refusal(dir.path()), OpenError::Corrupt { .. }));

    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    std::fs::remove_file(dir.path().join("keys.db")).unwrap();
    let error = refusal(dir.path());
    assert!(
        matches!(&error, OpenError::Corrupt { file, .. } if file.ends_with("keys.db")),
        "{error}"
    );
    assert!(!dir.path().join("keys.db").exists(), "no empty one is put in its place");

    let error = refusal(&dir.path().join("nowhere"));
    assert!(matches!(error, OpenError::NotWritable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_key_deletion_that_a_crash_cut_short_is_finished_at_open() {
    let w = World::new().await;
    let mut new = w.new_user();
    new.key = Some(w.new_key(new.user.id, 3));
    let (tenant, user) = (w.tenant, w.make(new).await);
    let (dir, clock, random) = (w.kept.clone(), w.clock.clone(), w.random.clone());
    drop(w);
    // The state between the commit of the data and that of the keys.
    let data = Sqlite::open(dir.path().join("data.db")).unwrap();
    data.execute(
        "INSERT INTO key_deletions (tenant, user_id) VALUES (?1, ?2)",
        rusqlite::params![tenant.number(), user.as_bytes().as_slice()],
    )
    .unwrap();
    let store = dir.open(clock, random).await;
    let key = store.find_key(tenant, KeyOwner::User(user)).await.unwrap();
    assert_eq!(key, None);
    store.check().await.unwrap();
    let left: i64 = data
        .query_row("SELECT count(*) FROM key_deletions", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0, "the note goes with the next act");
}

#[tokio::test]
async fn a_batch_that_fails_is_undone_whole_and_the_writer_goes_on() {
    let w = World::new().await;
    let user = w.make_user().await;
    // Somebody else holds the file, which must never happen; the disk does not answer either way.
    let full = Sqlite::open(w.kept.path().join("data.db")).unwrap();
    full.execute_batch("BEGIN IMMEDIATE").unwrap();
    let link = w.link(user, w.with_tokens(&w.twitter, "1"));
    let error = w.store.link(w.tenant, link).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(!error.to_string().is_empty());
    assert_eq!(w.get(user).await.identities.len(), 1, "reads go on");
    full.execute_batch("ROLLBACK").unwrap();
    w.attach(user, w.with_tokens(&w.twitter, "1")).await;
}

#[tokio::test]
async fn every_job_and_token_of_a_copy_is_dropped() {
    let w = World::new().await;
    let job = super::jobs::job(&w, job::JobKind::UsersImport);
    let input = vec![super::jobs::part(job::JobFile::Input, 0)];
    assert!(w.store.create_job(&job, input).await.unwrap());
    let user = w.make_user().await;
    let token = NewTokens {
        bearer: Bearer::User(user),
        access: oneself::secret::Digest::of(b"token"),
        ends_at: jiff::Timestamp::MAX,
        refresh: None,
    };
    let (access, now) = (token.access, w.now());
    let issued = w.store.issue_tokens(w.tenant, token, AllowedBy::Epoch(1)).await;
    assert_eq!(issued.unwrap(), Issued::Done);
    let (kept, tenant) = (w.kept.clone(), w.tenant);
    drop(w);
    let store = open(kept.path()).unwrap();
    store.drop_passing().await.unwrap();
    assert_eq!(store.find_token(tenant, access, now).await.unwrap(), None);
    assert_eq!(store.find_job(tenant, job.id).await.unwrap(), None);
    let part = store.find_job_part(tenant, job.id, job::JobFile::Input, 0).await;
    assert_eq!(part.unwrap(), None);
    store.check().await.unwrap();
}

#[tokio::test]
async fn sec_vlt_05_what_is_deleted_is_overwritten() {
    let w = World::new().await;
    let user = w.make_user().await;
    let mut identity = w.identity(&w.twitter, "1");
    identity.tokens = Some(oneself::secret::Sealed::from_bytes(vec![0xA5; 400]));
    let identity = w.attach(user, identity).await;
    let canary = [0xA5; 64];
    let seen = |dir: &std::path::Path| {
        let bytes = std::fs::read(dir.join("data.db")).unwrap();
        bytes.windows(canary.len()).any(|window| window == canary)
    };
    let w = w.reopened().await;
    assert!(seen(w.kept.path()), "the test can see it while it is there");
    let unlink = oneself::store::Unlink {
        force: true,
        ..w.unlink_of(&identity).await
    };
    w.store.unlink(w.tenant, unlink).await.unwrap();
    let w = w.reopened().await;
    assert!(!seen(w.kept.path()));
}
