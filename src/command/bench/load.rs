//! A load for a while, and what it cost.
//!
//! Requests are counted from the end of the warm-up on. What would surprise: processor
//! time is divided by good answers, so errors make the figure worse rather than better.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use http::StatusCode;
use parking_lot::Mutex;
use serde::Serialize;

use super::account::{self, Measured};
use super::client::{Ask, Seen, Site};

/// How often the memory of the server is looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The longest latency that is told from longer ones, in microseconds.
pub(super) const LONGEST_US: u64 = 60_000_000;

/// How a server is loaded.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// How many clients ask at once.
    pub clients: usize,
    /// How long they ask before anything is counted.
    pub warm_up: Duration,
    /// For how long after that.
    pub time: Duration,
    /// The status of a good answer.
    pub good: StatusCode,
    /// The processes of the server, when they are on this machine.
    pub server: Option<Measured>,
}

/// What it cost.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Cost {
    /// Good answers.
    pub operations: u64,
    /// Other answers, by status; `connection` where there was none.
    pub errors: BTreeMap<String, u64>,
    /// How long it took.
    pub seconds: f64,
    /// Good answers a second.
    pub per_second: f64,
    /// From the request to its answer.
    pub latency_us: Latency,
    /// Processor time of the server for one good answer, that of its database included.
    pub server_cpu_us: Option<f64>,
    /// Processor time of the clients for one good answer.
    pub client_cpu_us: f64,
    /// The most private memory that the server was seen with.
    pub memory_bytes: Option<u64>,
}

/// Latencies, in microseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[expect(missing_docs, reason = "percentiles are named after themselves")]
pub struct Latency {
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub max: u64,
}

impl From<&Histogram<u64>> for Latency {
    fn from(seen: &Histogram<u64>) -> Self {
        Self {
            p50: seen.value_at_quantile(0.5),
            p90: seen.value_at_quantile(0.9),
            p99: seen.value_at_quantile(0.99),
            max: seen.max(),
        }
    }
}

/// What was seen so far.
struct Tally {
    operations: u64,
    errors: BTreeMap<String, u64>,
    latency: Histogram<u64>,
}

impl Tally {
    fn count(&mut self, good: StatusCode, seen: &Seen) {
        match &seen.answer {
            Ok((status, _)) if *status == good => {
                let took = seen.ended.saturating_duration_since(seen.began).as_micros();
                self.operations += 1;
                self.latency.saturating_record(u64::try_from(took).unwrap_or(u64::MAX));
            }
            Ok((status, _)) => *self.errors.entry(status.as_str().to_owned()).or_default() += 1,
            Err(_) => *self.errors.entry("connection".to_owned()).or_default() += 1,
        }
    }
}

impl Load {
    /// Loads the server until the time is over or there is nothing more to be asked, and
    /// shows every answer.
    ///
    /// # Errors
    /// When a client cannot connect, or the server's process is gone.
    pub async fn put<N, S>(self, site: &Site, next: N, shown: S) -> io::Result<Cost>
    where
        N: Fn() -> Option<Ask> + Send + Sync + 'static,
        S: Fn(&Seen) + Send + Sync + 'static,
    {
        let begin = Instant::now() + self.warm_up;
        let end = begin + self.time;
        let latency = Histogram::new_with_bounds(1, LONGEST_US, 3).map_err(io::Error::other)?;
        let tally = Arc::new(Mutex::new(Tally {
            operations: 0,
            errors: BTreeMap::new(),
            latency,
        }));
        let counted = Arc::clone(&tally);
        let mut asking = tokio::spawn(site.clone().ask_all(
            self.clients,
            move || if Instant::now() < end { next() } else { None },
            move |seen| {
                if seen.ended >= begin {
                    counted.lock().count(self.good, &seen);
                }
                shown(&seen);
            },
        ));
        tokio::time::sleep(self.warm_up).await;
        let before = spent(self.server)?;
        let mut memory = 0;
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                ended = &mut asking => {
                    ended.map_err(io::Error::other)??;
                    break;
                }
                _ = looks.tick() => {
                    if let Some(server) = self.server {
                        memory = memory.max(account::private_memory(server.server)?);
                    }
                }
            }
        }
        let (server, clients) = spent(self.server)?;
        let took = begin.elapsed().as_secs_f64();
        let tally = tally.lock();
        let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / tally.operations.max(1) as f64;
        Ok(Cost {
            operations: tally.operations,
            errors: tally.errors.clone(),
            seconds: took,
            per_second: tally.operations as f64 / took,
            latency_us: Latency::from(&tally.latency),
            server_cpu_us: self.server.map(|_| each(server.saturating_sub(before.0))),
            client_cpu_us: each(clients.saturating_sub(before.1)),
            memory_bytes: self.server.map(|_| memory),
        })
    }
}

/// What the server and this process have spent so far.
pub(super) fn spent(server: Option<Measured>) -> io::Result<(Duration, Duration)> {
    let server = server.map_or(Ok(Duration::ZERO), Measured::cpu)?;
    Ok((server, account::cpu(std::process::id())?))
}
