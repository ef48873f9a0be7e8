//! Clients that write numbered rows, each in a commit of its own, and know which of them were
//! acknowledged.
//!
//! What would surprise: a row that was not acknowledged may be there all the same, and no
//! number is tried twice. Whoever tried it again would be told that it is there by a server
//! that has not replicated it yet.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::config::LoadBalanceHosts;
use tokio_postgres::{Client, Config, NoTls};

/// Longer than a healthy server takes, and shorter than a fail-over.
const PATIENCE: Duration = Duration::from_secs(2);

/// Longer than a fail-over takes and the return of the struck node.
const GREAT_PATIENCE: Duration = Duration::from_secs(60);

const TABLE: &str = "CREATE TABLE rows (number bigint PRIMARY KEY)";
const INSERT: &str = "INSERT INTO rows (number) VALUES ($1)";
const STANDBYS: &str = "SELECT FROM pg_stat_replication";

/// Writers of one kind, and what was acknowledged to them.
#[derive(Clone)]
pub struct Writers {
    config: Config,
    patience: Duration,
    numbers: Arc<AtomicI64>,
    rows: Arc<Mutex<Vec<Row>>>,
    ended: Arc<AtomicBool>,
    tasks: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

/// A row that was acknowledged.
struct Row {
    number: i64,
    begun: Instant,
    acknowledged: Instant,
}

impl Writers {
    /// Makes the table and starts so many of them, who soon give up a server that is silent.
    pub async fn start(url: &str, count: usize) -> Self {
        let writers = Self::new(url, PATIENCE, Arc::default());
        writers.client().await.batch_execute(TABLE).await.unwrap();
        writers.start_all(count);
        writers
    }

    /// Another one for the same rows, who dials something else and waits until it answers.
    pub fn start_another(&self, url: &str) -> Self {
        let another = Self::new(url, GREAT_PATIENCE, self.numbers.clone());
        another.start_all(1);
        another
    }

    fn new(url: &str, patience: Duration, numbers: Arc<AtomicI64>) -> Self {
        let mut config: Config = url.parse().unwrap();
        // The first of the hosts may be one that never answers.
        config.load_balance_hosts(LoadBalanceHosts::Random);
        Self {
            config,
            patience,
            numbers,
            rows: Arc::default(),
            ended: Arc::default(),
            tasks: Arc::default(),
        }
    }

    fn start_all(&self, count: usize) {
        let tasks = (0..count).map(|_| tokio::spawn(self.clone().write()));
        self.tasks.lock().extend(tasks);
    }

    /// Waits until the primary sends to a standby.
    pub async fn replicated(&self) {
        let client = self.client().await;
        while client.query(STANDBYS, &[]).await.unwrap().is_empty() {
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// How many rows were acknowledged after this moment, and how many of those begun after it.
    pub fn acknowledged_after(&self, moment: Instant) -> (usize, usize) {
        let rows = self.rows.lock();
        let after = |of: fn(&Row) -> Instant| rows.iter().filter(|row| of(row) > moment).count();
        (after(|row| row.acknowledged), after(|row| row.begun))
    }

    /// Ends them.
    pub async fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in tasks {
            task.await.unwrap();
        }
    }

    async fn write(self) {
        let mut kept = None;
        while !self.ended.load(Ordering::Relaxed) {
            let Some(client) = kept.take() else {
                kept = self.connect().await;
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            let number = self.numbers.fetch_add(1, Ordering::Relaxed);
            let begun = Instant::now();
            let inserted = timeout(self.patience, client.execute(INSERT, &[&number])).await;
            if let Ok(Ok(_)) = inserted {
                let acknowledged = Instant::now();
                self.rows.lock().push(Row {
                    number,
                    begun,
                    acknowledged,
                });
                kept = Some(client);
            }
        }
    }

    async fn connect(&self) -> Option<Client> {
        let (client, connection) = timeout(self.patience, self.config.connect(NoTls)).await.ok()?.ok()?;
        tokio::spawn(connection);
        Some(client)
    }

    /// A connection, as soon as one is to be had.
    async fn client(&self) -> Client {
        loop {
            match self.connect().await {
                Some(client) => return client,
                None => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Waits for a row that was begun and acknowledged after this moment; how long that took.
    pub async fn first_after(&self, moment: Instant) -> Duration {
        let first = || {
            let rows = self.rows.lock();
            let later = rows.iter().filter(|row| row.begun > moment);
            later.map(|row| row.acknowledged).min()
        };
        while moment.elapsed() < Duration::from_secs(120) {
            match first() {
                Some(first) => return first - moment,
                None => sleep(Duration::from_millis(20)).await,
            }
        }
        panic!("no row was acknowledged for {:?}", moment.elapsed());
    }

    /// Which of their acknowledged rows are not there, asked by way of somebody who finds the
    /// primary.
    pub async fn lost(&self, by: &Self) -> Vec<i64> {
        let there = by.client().await.query("SELECT number FROM rows", &[]).await.unwrap();
        let there: BTreeSet<i64> = there.iter().map(|row| row.get(0)).collect();
        let rows = self.rows.lock();
        println!(
            "{} rows were acknowledged; there are {} in all",
            rows.len(),
            there.len()
        );
        rows.iter()
            .map(|row| row.number)
            .filter(|number| !there.contains(number))
            .collect()
    }
}
