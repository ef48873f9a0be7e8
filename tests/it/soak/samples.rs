//! What a server holds, looked at again and again, and whether that grows.
//!
//! What would surprise: the first quarter of the time is not judged, in which caches fill. What comes
//! after is compared in three parts, by medians, so that a moment of many requests is no growth; and
//! growth is what goes on from each part to the next, because an allocator that once had to give more
//! keeps some of it.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use oneself::command::bench::account;

use crate::blackbox::http::Client;
use crate::support::database;

/// From which rise on, from one part to the next, memory grows, in bytes: some forty for each answer.
const MEMORY: u64 = 2_000_000;

/// The same of everything else, which comes and goes with connections.
const COUNT: u64 = 5;

/// What a server holds at a moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sample {
    pub at: Duration,
    /// How many answers it has given before.
    pub answers: u64,
    /// Bytes that are its own.
    pub memory: u64,
    /// Files and sockets that are open.
    pub handles: u64,
    pub threads: u64,
    /// Connections of clients.
    pub connections: u64,
    /// Its connections to its database.
    pub sessions: u64,
}

/// What is looked at.
pub struct Watched {
    pub process: u32,
    pub admin: SocketAddr,
    pub database_url: Option<String>,
}

impl Watched {
    /// What it holds now.
    pub fn sample(&self, at: Duration, answers: u64) -> Sample {
        let listed = |what: &str| {
            let entries = std::fs::read_dir(format!("/proc/{}/{what}", self.process)).unwrap();
            entries.count() as u64
        };
        Sample {
            at,
            answers,
            memory: account::private_memory(self.process).unwrap(),
            handles: listed("fd"),
            threads: listed("task"),
            connections: self.metric("oneself_http_connections_open"),
            sessions: self.database_url.as_deref().map_or(0, sessions),
        }
    }

    /// A number that it tells of itself.
    pub fn metric(&self, name: &str) -> u64 {
        let metrics = Client::connect(self.admin, "").unwrap().get("/metrics").unwrap();
        let text = String::from_utf8(metrics.expect(200).bytes).unwrap();
        let number = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        number.unwrap_or_else(|| panic!("no {name} in {text}"))
    }
}

fn sessions(url: &str) -> u64 {
    let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let count: i64 = runtime.unwrap().block_on(async {
        let client = database::connect(url).await;
        client.query_one(count, &[]).await.unwrap().get(0)
    });
    u64::try_from(count).unwrap()
}

/// The samples of one load, in order.
#[derive(Default)]
pub struct Samples(pub Vec<Sample>);

impl Samples {
    /// What goes on growing, or has doubled.
    pub fn growth(&self) -> Vec<String> {
        let quarter = self.0.len() / 4;
        let parts: Vec<&[Sample]> = self.0[quarter..].chunks_exact(quarter.max(1)).take(3).collect();
        let mut grown = Vec::new();
        let mut compare = |what: &str, rise: u64, of: fn(&Sample) -> u64| {
            let medians: Vec<u64> = parts.iter().map(|part| median(part, of)).collect();
            let goes_on = medians.windows(2).all(|pair| pair[1] > pair[0] + rise);
            if goes_on || medians[2] > medians[0] * 2 + rise {
                grown.push(format!("{what} grew: {medians:?}"));
            }
        };
        compare("memory", MEMORY, |sample| sample.memory);
        compare("handles", COUNT, |sample| sample.handles);
        compare("threads", COUNT, |sample| sample.threads);
        compare("connections", COUNT, |sample| sample.connections);
        compare("sessions", COUNT, |sample| sample.sessions);
        grown
    }
}

fn median(samples: &[Sample], of: fn(&Sample) -> u64) -> u64 {
    let mut all: Vec<u64> = samples.iter().map(of).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

impl fmt::Display for Samples {
    /// A table, of some eighty lines however many samples there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  seconds   answers  memory MB  handles  threads  connections  sessions"
        )?;
        for sample in self.0.iter().step_by(self.0.len().div_ceil(80).max(1)) {
            writeln!(
                f,
                "{:9.0} {:9} {:10.1} {:8} {:8} {:12} {:9}",
                sample.at.as_secs_f64(),
                sample.answers,
                sample.memory as f64 / 1e6,
                sample.handles,
                sample.threads,
                sample.connections,
                sample.sessions
            )?;
        }
        Ok(())
    }
}

/// Samples of twenty minutes, as this says.
#[cfg(test)]
fn played(sample: fn(u64) -> Sample) -> Vec<String> {
    Samples((0..240).map(sample).collect()).growth()
}

#[test]
fn what_grows_early_or_once_or_comes_and_goes_is_no_growth() {
    let grown = played(|n| Sample {
        memory: 40_000_000 + n.min(60) * 500_000 + (n % 3) * 5_000_000 + n / 120 * 10_000_000,
        handles: 60 + 40 * (n % 2),
        ..Sample::default()
    });
    assert_eq!(grown, [""; 0]);
}

#[test]
fn what_goes_on_growing_or_doubles_is_named() {
    let grown = played(|n| Sample {
        memory: 40_000_000 + n * 50_000,
        handles: 60 + n / 8,
        sessions: 12 + n / 140 * 40,
        ..Sample::default()
    });
    let named: Vec<&str> = grown.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(named, ["memory", "handles", "sessions"], "{grown:?}");
}
