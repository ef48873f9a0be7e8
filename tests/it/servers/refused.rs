//! Databases that are not opened: the real binary says why and what to do, ends as it should, and
//! leaves them as they were.
//!
//! What would surprise: roles belong to the whole server, so those that are made here are named
//! after a database, and go with the server.

use std::process::Output;

use super::wait;
use crate::blackbox::server::Installation;
use crate::support::database::{self, Database};
use crate::support::kept;

/// What must not be said of any URL.
const CANARY: &str = "canary-of-a-password";

/// How the binary ends on the database of this URL.
fn run(arguments: &[&str], url: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_oneself"));
    command.args(arguments).arg("--data").arg(folder.path().join("unused"));
    command.env("ONESELF_DATABASE_URL", url).output().unwrap()
}

/// That a server does not start on the database of this URL, and says these words.
#[track_caller]
fn refuses(url: &str, exit: i32, says: &[&str]) {
    let serve = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", ""];
    let ended = run(&serve, url);
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(exit), "{said}");
    for words in says {
        assert!(said.contains(words), "{said}: not {words}");
    }
    let (before, ..) = database::parts(url);
    let password = before.trim_end_matches('@').rsplit(':').next().unwrap();
    assert!(password.is_empty() || !said.contains(password), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

fn execute(database: &Database, statements: &[&str]) {
    wait(async {
        let client = database::connect(&database.url()).await;
        for statement in statements {
            client.batch_execute(statement).await.unwrap();
        }
    });
}

fn number(database: &Database, sql: &str) -> i64 {
    wait(async {
        let client = database::connect(&database.url()).await;
        client.query_one(sql, &[]).await.unwrap().get(0)
    })
}

/// The name of a database.
fn name(database: &Database) -> String {
    let url = database.url();
    let (_, _, after) = database::parts(&url);
    after.trim_start_matches('/').split('?').next().unwrap().to_owned()
}

/// The same database for this user, whose password is the canary.
fn url_as(database: &Database, user: &str) -> String {
    let url = database.url();
    let (_, address, after) = database::parts(&url);
    format!("postgres://{user}:{CANARY}@{address}{after}")
}

/// A role that may log in and nothing else; its name.
fn role(database: &Database) -> String {
    let role = format!("{}_role", name(database));
    execute(database, &[&format!("CREATE ROLE {role} LOGIN PASSWORD '{CANARY}'")]);
    role
}

#[test]
fn a_url_that_leads_nowhere_is_named_without_its_password() {
    let database = wait(database::fresh());
    let url = database.url();
    let (before, address, after) = database::parts(&url);
    let user = before.rsplit_once(':').unwrap().0;
    for (url, exit, says) in [
        (
            format!("mysql://u:{CANARY}@h/d"),
            78,
            ["postgres://USER@HOST", "database_url"],
        ),
        (
            format!("postgres://u:{CANARY}@h:port/d"),
            78,
            ["cannot be read", "database_url"],
        ),
        (
            format!("postgres://u:{CANARY}@nowhere.invalid/d?sslmode=disable"),
            1,
            ["no connection to nowhere.invalid:5432", "the database"],
        ),
        (
            format!("postgres://u:{CANARY}@127.0.0.1:1/d"),
            1,
            ["no connection to 127.0.0.1:1", "refused"],
        ),
        (
            url_as(&database, "oneself"),
            78,
            ["the user or the password of database_url", "28P01"],
        ),
        (
            format!("{user}@{address}{after}"),
            78,
            ["no connection to 127.0.0.1", "password missing"],
        ),
        (
            format!("{before}{address}/nothing_of_that_name"),
            78,
            ["no database of that name: create it first", "3D000"],
        ),
    ] {
        refuses(&url, exit, &says);
    }
}

#[test]
fn a_right_to_make_schemas_that_is_missing_is_named_with_what_gives_it() {
    let database = wait(database::fresh());
    let role = role(&database);
    let grant = format!("GRANT CREATE ON DATABASE \"{}\" TO \"{role}\"", name(&database));
    refuses(&url_as(&database, &role), 78, &["lacks a right", "42501", &grant]);
    execute(&database, &[&grant]);
    Installation::in_database(&url_as(&database, &role)).serve();
}

#[test]
fn a_right_to_use_tables_that_is_missing_is_named_with_what_gives_it() {
    let database = wait(kept::database(""));
    let role = role(&database);
    let url = url_as(&database, &role);
    let usage = format!("GRANT USAGE ON SCHEMA oneself, oneself_keys TO \"{role}\"");
    let tables = |rights: &str| format!("GRANT {rights} ON ALL TABLES IN SCHEMA oneself, oneself_keys TO \"{role}\"");
    let all = tables("SELECT, INSERT, UPDATE, DELETE");
    refuses(&url, 78, &["lacks a right", "42501", &usage, &all]);
    execute(&database, &[&usage, &tables("SELECT")]);
    refuses(
        &url,
        78,
        &["lacks a right", "permission denied for table", &usage, &all],
    );
    execute(&database, &[&all]);
    Installation::in_database(&url).serve();
}

#[test]
fn an_older_schema_waits_for_its_migration() {
    let database = wait(kept::database(""));
    let version = "SELECT value FROM oneself.meta WHERE name = 'schema_version'";
    let known = number(&database, version);
    execute(
        &database,
        &["UPDATE oneself.meta SET value = 0 WHERE name = 'schema_version'"],
    );
    refuses(&database.url(), 78, &["schema version 0", "run `oneself migrate`"]);
    assert_eq!(number(&database, version), 0);
    let migrated = run(&["migrate"], &database.url());
    assert!(migrated.status.success(), "{migrated:?}");
    assert_eq!(number(&database, version), known);
    Installation::in_database(&database.url()).serve();
}

#[test]
fn sec_ops_10_a_newer_schema_of_a_database_is_refused_and_left_alone() {
    let database = wait(kept::database(""));
    execute(
        &database,
        &[
            "UPDATE oneself.meta SET value = 9999 WHERE name = 'schema_version'",
            "ALTER TABLE oneself.users ADD COLUMN newer int",
        ],
    );
    refuses(&database.url(), 78, &["schema version 9999", "use a newer binary"]);
    let migrated = run(&["migrate"], &database.url());
    assert_eq!(migrated.status.code(), Some(78), "{migrated:?}");
    let rows = "SELECT count(*) FROM oneself.meta WHERE name <> 'schema_version' OR value = 9999";
    assert_eq!(number(&database, rows), 1);
    assert_eq!(number(&database, "SELECT count(newer) FROM oneself.users"), 0);
}

#[test]
fn a_schema_of_another_program_is_left_alone() {
    for table in [
        "CREATE TABLE oneself.meta (name text, content text)",
        "CREATE TABLE oneself.meta (name int, value int)",
        "CREATE TABLE oneself.meta (name text, value text)",
        "CREATE TABLE oneself.users (name text)",
    ] {
        let database = wait(database::fresh());
        execute(&database, &["CREATE SCHEMA oneself", table]);
        if table.ends_with("value text)") {
            execute(
                &database,
                &["INSERT INTO oneself.meta VALUES ('schema_version', 'one')"],
            );
        }
        refuses(&database.url(), 78, &["belongs to another program", "make a database"]);
        let others = "SELECT count(*) FROM information_schema.tables WHERE table_schema LIKE 'oneself%'";
        assert_eq!(number(&database, others), 1, "{table}");
    }
}

#[test]
fn sec_ops_08_a_database_of_an_isolation_that_is_not_tested_is_refused() {
    let database = wait(kept::database(""));
    let set = |level: &str| {
        let name = name(&database);
        execute(
            &database,
            &[&format!(
                "ALTER DATABASE {name} SET default_transaction_isolation = '{level}'"
            )],
        );
    };
    for level in ["repeatable read", "read uncommitted"] {
        set(level);
        refuses(&database.url(), 78, &[level, "SET default_transaction_isolation"]);
    }
    let serializable = "options=-c%20default_transaction_isolation%3Dserializable";
    let installation = Installation::in_database(&format!("{}?{serializable}", database.url()));
    installation.serve();
    for level in ["read committed", "serializable"] {
        set(level);
        installation.serve_by(&database.url());
    }
}
