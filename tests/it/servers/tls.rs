//! TLS to the database: whom a server of ours believes, and that it never goes on without.
//!
//! What would surprise: TLS is switched on at the server that all tests share. Whoever does not ask
//! for it goes on as before.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::LazyLock;
use std::time::Duration;

use tempfile::TempDir;

use super::{make_user, wait};
use crate::blackbox::server::Installation;
use crate::support::authority::throw_away_authority;
use crate::support::database::{self, Database};
use crate::support::kept;
use crate::support::proxy::FaultProxy;

/// The authority behind the certificate that the server shows, which is for `localhost` alone.
static AUTHORITY: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = TempDir::new().unwrap();
    throw_away_authority(folder.path(), &["localhost"]);
    wait(switch_on(folder.path()));
    folder
});

/// Has the server take TLS, with the certificate in this folder.
async fn switch_on(folder: &Path) {
    let database = database::fresh().await;
    let client = database::connect(&database.url()).await;
    let data: String = client.query_one("SHOW data_directory", &[]).await.unwrap().get(0);
    let owner = fs::metadata(&data).unwrap();
    for (setting, name) in [("ssl_cert_file", "cert.pem"), ("ssl_key_file", "key.pem")] {
        let path = Path::new(&data).join(name);
        fs::copy(folder.join(name), &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
        let set = format!("ALTER SYSTEM SET {setting} = '{name}'");
        client.batch_execute(&set).await.unwrap();
    }
    client.batch_execute("ALTER SYSTEM SET ssl = on").await.unwrap();
    client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    loop {
        let client = database::connect(&database.url()).await;
        let ssl: String = client.query_one("SHOW ssl", &[]).await.unwrap().get(0);
        if ssl == "on" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn authority() -> PathBuf {
    AUTHORITY.path().join("ca.pem")
}

/// The URL of the database at a host of this name, with these parameters.
fn url_at(database: &Database, host: &str, settings: &str) -> String {
    let url = database.url();
    let (before, address, after) = database::parts(&url);
    let (_, port) = address.rsplit_once(':').unwrap();
    format!("{before}{host}:{port}{after}?{settings}")
}

#[test]
fn a_server_that_is_believed_is_spoken_to_by_tls_alone() {
    let database = wait(kept::database(""));
    let settings = format!("sslmode=verify-full&sslrootcert={}", authority().display());
    let installation = Installation::in_database(&url_at(&database, "localhost", &settings));
    let server = installation.serve();
    make_user(&mut server.client());
    let (all, by_tls): (i64, i64) = wait(async {
        let client = database::connect(&database.url()).await;
        let sessions = "SELECT count(*), count(*) FILTER (WHERE ssl AND version LIKE 'TLSv1._') FROM pg_stat_ssl
                        JOIN pg_stat_activity USING (pid)
                        WHERE datname = current_database() AND application_name = 'oneself'";
        let row = client.query_one(sessions, &[]).await.unwrap();
        (row.get(0), row.get(1))
    });
    assert!(all > 0 && all == by_tls, "{by_tls} of {all}");
}

#[test]
fn whom_the_machine_trusts_is_trusted() {
    let database = wait(kept::database(""));
    let installation = Installation::in_database(&database.url());
    let list = |trusted: &Path| -> Output {
        let mut command = installation.command(&["tenant", "list"]);
        command.env(
            "ONESELF_DATABASE_URL",
            url_at(&database, "localhost", "sslmode=verify-full"),
        );
        command.env("SSL_CERT_FILE", trusted).output().unwrap()
    };
    let listed = list(&authority());
    assert!(listed.status.success(), "{listed:?}");
    let other = TempDir::new().unwrap();
    throw_away_authority(other.path(), &["localhost"]);
    assert_eq!(list(&other.path().join("ca.pem")).status.code(), Some(78));
}

#[test]
fn sec_ops_07_a_database_that_cannot_be_believed_gets_nothing() {
    let database = wait(kept::database(""));
    let installation = Installation::in_database(&database.url());
    let other = TempDir::new().unwrap();
    throw_away_authority(other.path(), &["localhost"]);
    let without_tls = FaultProxy::start(database::address(&database.url()), 1);
    let by_proxy = without_tls.url(&database.url());
    let (right, wrong) = (authority(), other.path().join("ca.pem"));
    let strict = |roots: &Path| format!("sslmode=verify-full&sslrootcert={}", roots.display());
    for (url, says) in [
        (url_at(&database, "localhost", &strict(&wrong)), "sslrootcert=FILE"),
        (
            url_at(&database, "localhost", "sslmode=require"),
            "UnknownIssuer. Say in database_url",
        ),
        (
            url_at(&database, "127.0.0.1", &strict(&right)),
            "certificate not valid for name",
        ),
        (url_at(&database, "127.0.0.1", &strict(&right)), "Use a name"),
        (format!("{by_proxy}?sslmode=require"), "does not support TLS"),
        (format!("{by_proxy}?{}", strict(&right)), "sslmode=disable"),
    ] {
        let mut command = installation.serve_command();
        let ended = command.env("ONESELF_DATABASE_URL", &url).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(78), "{said}");
        assert!(said.contains(says) && said.contains("no connection to "), "{said}");
        let (before, ..) = database::parts(&url);
        let password = before.trim_end_matches('@').rsplit(':').next().unwrap();
        assert!(!said.contains(password), "{said}");
    }
    let counts = without_tls.counts();
    assert!(counts.connections >= 2 && counts.requests == 0, "{counts:?}");
}
