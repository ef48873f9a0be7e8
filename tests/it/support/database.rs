//! Databases of their own for tests, on the PostgreSQL server of `ONESELF_TEST_POSTGRES`.
//!
//! A test that needs tables copies a template, which is many times faster than making them. What
//! would surprise: the template stays on the server, for this run and for every later one, so its
//! name must change with what is in it.

use std::net::{SocketAddr, ToSocketAddrs};

use oneself::clock::{Random, SystemRandomness};
use tokio_postgres::{Client, NoTls};

/// The variable that names the server.
const SERVER: &str = "ONESELF_TEST_POSTGRES";

/// A database, for as long as it is held.
pub struct Database {
    server: String,
    name: String,
    settings: String,
}

/// An empty database.
///
/// # Panics
/// When there is no server.
pub async fn fresh() -> Database {
    let server = server();
    Database::create(&connect(&server).await, server, "template0").await
}

/// A database that begins as a copy of this template. Whoever needs the template first makes it,
/// by preparing an empty database at the URL that is handed in; others wait for that.
///
/// # Panics
/// When there is no server, or the template is not to be made.
pub async fn fresh_like(template: &str, prepare: impl AsyncFnOnce(String)) -> Database {
    let server = server();
    let client = connect(&server).await;
    if !is_template(&client, template).await {
        let lock = "SELECT pg_advisory_lock(hashtext($1))";
        client.execute(lock, &[&template]).await.unwrap();
        if !is_template(&client, template).await {
            let unfinished = format!("DROP DATABASE IF EXISTS {template} WITH (FORCE)");
            client.batch_execute(&unfinished).await.unwrap();
            create(&client, template, "template0").await;
            prepare(with_name(&server, template)).await;
            let finished = format!("ALTER DATABASE {template} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false");
            client.batch_execute(&finished).await.unwrap();
            let alone = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
            client.execute(alone, &[&template]).await.unwrap();
        }
        let unlock = "SELECT pg_advisory_unlock(hashtext($1))";
        client.execute(unlock, &[&template]).await.unwrap();
    }
    Database::create(&client, server, template).await
}

impl Database {
    async fn create(client: &Client, server: String, template: &str) -> Self {
        let mut random = [0; 8];
        SystemRandomness::new().fill(&mut random);
        let name = format!("oneself_test_{}", hex::encode(random));
        create(client, &name, template).await;
        Self {
            server,
            name,
            settings: String::new(),
        }
    }

    /// The same database, connected to with these parameters of a URL.
    pub fn with_settings(mut self, settings: &str) -> Self {
        self.settings = settings.to_owned();
        self
    }

    /// Where to connect to it.
    pub fn url(&self) -> String {
        let url = with_name(&self.server, &self.name);
        match self.settings.as_str() {
            "" => url,
            settings => format!("{url}{}{settings}", if url.contains('?') { '&' } else { '?' }),
        }
    }
}

impl Drop for Database {
    /// Whoever is still connected to it is thrown out. When that fails it stays; its server is
    /// deleted anyway, or its name tells what it was.
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let client = connect(&server).await;
                let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                client.batch_execute(&drop).await.unwrap();
            });
        });
        let _ = dropping.join();
    }
}

/// The URL of the server.
fn server() -> String {
    std::env::var(SERVER).unwrap_or_else(|_| panic!("{SERVER} names no server: run ./test, which starts one"))
}

/// A client of whatever the URL names.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the server answers");
    tokio::spawn(connection);
    client
}

/// Copying the files costs half of what the server would do by itself, which is to log each page.
async fn create(client: &Client, name: &str, template: &str) {
    let create = format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy");
    client.batch_execute(&create).await.unwrap();
}

async fn is_template(client: &Client, name: &str) -> bool {
    let found = "SELECT FROM pg_database WHERE datname = $1 AND datistemplate";
    client.query_opt(found, &[&name]).await.unwrap().is_some()
}

/// What stands before host and port in the URL of a server or database, those two, and what
/// stands after them.
pub fn parts(url: &str) -> (&str, &str, &str) {
    let from = url.find('@').or(url.find("//").map(|at| at + 1)).map_or(0, |at| at + 1);
    let to = url[from..].find(['/', '?']).map_or(url.len(), |at| from + at);
    (&url[..from], &url[from..to], &url[to..])
}

/// Where the server of this URL listens.
pub fn address(url: &str) -> SocketAddr {
    let (_, address, _) = parts(url);
    let found = address.to_socket_addrs().unwrap().next();
    found.unwrap_or_else(|| panic!("nothing is called {address}"))
}

/// The URL of a database with this name on a server.
fn with_name(server: &str, name: &str) -> String {
    let (before, address, after) = parts(server);
    let settings = after.find('?').map_or("", |at| &after[at..]);
    format!("{before}{address}/{name}{settings}")
}

#[test]
fn a_url_keeps_what_is_not_the_name() {
    let with = |server| with_name(server, "x");
    assert_eq!(with("postgres://a:b@[::1]:5/postgres"), "postgres://a:b@[::1]:5/x");
    assert_eq!(with("postgres://h:5/postgres?a=/b"), "postgres://h:5/x?a=/b");
    assert_eq!(with("postgres://a@h?a=b"), "postgres://a@h/x?a=b");
    assert_eq!(with("postgres://h"), "postgres://h/x");
}

#[tokio::test]
async fn a_database_is_there_for_as_long_as_it_is_held() {
    let (one, other) = (fresh().await, fresh().await);
    let client = connect(&one.url()).await;
    client.batch_execute("CREATE TABLE t ()").await.unwrap();
    let client_of_other = connect(&other.url()).await;
    client_of_other.batch_execute("SELECT FROM t").await.unwrap_err();
    let url = one.url();
    drop(one);
    assert!(tokio_postgres::connect(&url, NoTls).await.is_err());
    client_of_other.batch_execute("CREATE TABLE t ()").await.unwrap();
}

#[tokio::test]
async fn a_template_is_made_once_and_copied() {
    let mut random = [0; 8];
    SystemRandomness::new().fill(&mut random);
    let template = format!("oneself_test_template_{}", hex::encode(random));
    let copy = || {
        fresh_like(&template, async |url| {
            let made = "CREATE TABLE made (at timestamptz); INSERT INTO made VALUES (now())";
            connect(&url).await.batch_execute(made).await.unwrap();
        })
    };
    let (one, other, third) = tokio::join!(copy(), copy(), copy());
    let mut made = Vec::new();
    for database in [&one, &other, &third] {
        let client = connect(&database.url()).await;
        let row = client
            .query_one("SELECT at::text, count(*) OVER () FROM made", &[])
            .await
            .unwrap();
        made.push((row.get::<_, String>(0), row.get::<_, i64>(1)));
        client.batch_execute("DELETE FROM made").await.unwrap();
    }
    assert!(made.iter().all(|row| *row == made[0] && row.1 == 1), "{made:?}");
    let client = connect(&server()).await;
    let drop = format!("ALTER DATABASE {template} WITH IS_TEMPLATE false; DROP DATABASE {template}");
    for statement in drop.split(';') {
        client.batch_execute(statement).await.unwrap();
    }
}
