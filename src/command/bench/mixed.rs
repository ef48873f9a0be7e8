//! A mix of requests that leave on schedule, whatever the answers do.
//!
//! Clients that wait for an answer before they ask again ask less of a slow server, and so
//! leave out of account what others would have waited. Here every request has a moment at which it
//! is due, and its latency counts from then. What would surprise: there is a most of connections,
//! as there is with every proxy; who finds none free waits for one, and that counts too.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use http::StatusCode;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::json;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::account::{self, Measured};
use super::client::{Ask, Connection, Seen, Site};
use super::load::{Cost, LONGEST_US, LOOK_EVERY, Latency, spent};
use super::people::{Attached, Draw, Person, Subjects, link, resolve};
use crate::clock::{Random as _, SeededRandom};

/// Kinds of requests, with how many of a hundred are of it and what a good answer is.
const MIX: [(&str, u64, StatusCode); 4] = [
    ("resolve", 70, StatusCode::OK),
    ("link", 15, StatusCode::CREATED),
    ("unlink", 10, StatusCode::NO_CONTENT),
    ("create", 5, StatusCode::CREATED),
];

/// How a server is loaded.
#[derive(Debug, Clone, Copy)]
pub struct Mixed {
    /// How many requests are due each second.
    pub rate: u32,
    /// How many connections there are at most.
    pub connections: usize,
    /// For how long requests are due before anything is counted.
    pub warm_up: Duration,
    /// For how long after that.
    pub time: Duration,
    /// The process of the server, when it is on this machine.
    pub server: Option<Measured>,
}

/// What is told of a mix beside its cost.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Mix {
    /// How many requests were due each second.
    pub rate: u32,
    /// How many waited for a connection.
    pub waited: usize,
    /// Good answers and latencies of each kind.
    pub kinds: BTreeMap<&'static str, Kind>,
}

/// One kind of requests.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Kind {
    /// Good answers.
    pub operations: u64,
    /// From the moment when the request was due to its answer.
    pub latency_us: Latency,
}

/// Draws requests, in an order that repeats.
struct Requests {
    draw: Draw,
    subjects: Subjects,
    attached: Attached,
    chance: SeededRandom,
}

impl Requests {
    /// The next request, and the number of its kind. There is a link in place of an unlink when
    /// nothing is there to be taken off.
    fn next(&self) -> Option<(usize, Ask)> {
        let mut bytes = [0; 8];
        self.chance.fill(&mut bytes);
        let mut of_hundred = u64::from_be_bytes(bytes) % 100;
        for ((name, part, _), kind) in MIX.iter().zip(0..) {
            if of_hundred >= *part {
                of_hundred -= part;
                continue;
            }
            return match *name {
                "resolve" => Some((kind, resolve(self.draw.next()?)?)),
                "unlink" => match self.attached.next_unlink() {
                    Some(unlink) => Some((kind, unlink)),
                    None => Some((1, link(self.draw.next()?, &self.subjects))),
                },
                "create" => Some((kind, Ask::post("/link/v1/users", &json!({})))),
                _ => Some((kind, link(self.draw.next()?, &self.subjects))),
            };
        }
        None
    }
}

/// What was seen so far.
struct Tally {
    all: Histogram<u64>,
    kinds: Vec<Histogram<u64>>,
    errors: BTreeMap<String, u64>,
}

impl Tally {
    fn new() -> io::Result<Self> {
        let histogram = || Histogram::new_with_bounds(1, LONGEST_US, 3).map_err(io::Error::other);
        Ok(Self {
            all: histogram()?,
            kinds: MIX.iter().map(|_| histogram()).collect::<io::Result<_>>()?,
            errors: BTreeMap::new(),
        })
    }

    fn count(&mut self, kind: usize, seen: &Seen) {
        let good = MIX.get(kind).map(|(_, _, good)| *good);
        match &seen.answer {
            Ok((status, _)) if Some(*status) == good => {
                let took = seen.ended.saturating_duration_since(seen.began).as_micros();
                let took = u64::try_from(took).unwrap_or(u64::MAX);
                self.all.saturating_record(took);
                if let Some(kind) = self.kinds.get_mut(kind) {
                    kind.saturating_record(took);
                }
            }
            Ok((status, _)) => *self.errors.entry(status.as_str().to_owned()).or_default() += 1,
            Err(_) => *self.errors.entry("connection".to_owned()).or_default() += 1,
        }
    }
}

/// Connections that are not in use.
struct Pool {
    site: Site,
    idle: Mutex<Vec<Connection>>,
    free: Semaphore,
    waited: AtomicUsize,
}

impl Pool {
    /// Asks over a connection of its own, as soon as there may be one.
    async fn ask(&self, due: Instant, ask: Ask) -> Seen {
        if self.free.available_permits() == 0 {
            self.waited.fetch_add(1, Ordering::Relaxed);
        }
        let answer = match self.free.acquire().await {
            Ok(_permit) => self.ask_now(ask).await,
            Err(closed) => Err(io::Error::other(closed)),
        };
        Seen {
            began: due,
            ended: Instant::now(),
            answer,
        }
    }

    async fn ask_now(&self, ask: Ask) -> io::Result<(StatusCode, bytes::Bytes)> {
        let idle = self.idle.lock().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.site.connect().await?,
        };
        let answer = self.site.send(&mut connection, ask).await?;
        self.idle.lock().push(connection);
        Ok(answer)
    }
}

impl Mixed {
    /// Loads the server until the last request that was due has its answer.
    ///
    /// # Errors
    /// When the server's process is gone.
    pub async fn put(self, site: &Site, people: Arc<[Person]>) -> io::Result<(Cost, Mix)> {
        let requests = Requests {
            draw: Draw::new(people),
            subjects: Subjects::new(),
            attached: Attached::default(),
            chance: SeededRandom::new(2),
        };
        let attached = requests.attached.clone();
        let pool = Arc::new(Pool {
            site: site.clone(),
            idle: Mutex::new(Vec::new()),
            free: Semaphore::new(self.connections),
            waited: AtomicUsize::new(0),
        });
        let tally = Arc::new(Mutex::new(Tally::new()?));
        let start = Instant::now();
        let begin = start + self.warm_up;
        let mut due = self.schedule(start, requests)?;
        let mut asking = JoinSet::new();
        let mut looks = tokio::time::interval(LOOK_EVERY);
        let mut memory = 0;
        let mut before = None;
        loop {
            tokio::select! {
                next = due.recv() => {
                    let Some((due, kind, ask)) = next else { break };
                    if before.is_none() && due >= begin {
                        before = Some(spent(self.server)?);
                    }
                    let (pool, tally, attached) = (pool.clone(), tally.clone(), attached.clone());
                    asking.spawn(async move {
                        let seen = pool.ask(due, ask).await;
                        attached.note(&seen);
                        if due >= begin {
                            tally.lock().count(kind, &seen);
                        }
                    });
                }
                Some(_) = asking.join_next() => {}
                _ = looks.tick() => {
                    if let Some(server) = self.server {
                        memory = memory.max(account::private_memory(server.server)?);
                    }
                }
            }
        }
        while asking.join_next().await.is_some() {}
        let (server, clients) = spent(self.server)?;
        let before = before.unwrap_or_default();
        let took = begin.elapsed().as_secs_f64();
        let tally = tally.lock();
        let operations = tally.all.len();
        let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / operations.max(1) as f64;
        let kinds = MIX.iter().zip(&tally.kinds).map(|((name, ..), seen)| {
            let kind = Kind {
                operations: seen.len(),
                latency_us: Latency::from(seen),
            };
            (*name, kind)
        });
        let cost = Cost {
            operations,
            errors: tally.errors.clone(),
            seconds: took,
            per_second: operations as f64 / took,
            latency_us: Latency::from(&tally.all),
            server_cpu_us: self.server.map(|_| each(server.saturating_sub(before.0))),
            client_cpu_us: each(clients.saturating_sub(before.1)),
            memory_bytes: self.server.map(|_| memory),
        };
        let mix = Mix {
            rate: self.rate,
            waited: pool.waited.load(Ordering::Relaxed),
            kinds: kinds.collect(),
        };
        Ok((cost, mix))
    }

    /// Requests, each handed out when it is due: by a thread of its own, because timers of the
    /// runtime tick in milliseconds.
    fn schedule(
        self,
        start: Instant,
        requests: Requests,
    ) -> io::Result<mpsc::UnboundedReceiver<(Instant, usize, Ask)>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let each = Duration::from_secs(1) / self.rate.max(1);
        let end = start + self.warm_up + self.time;
        std::thread::Builder::new().name("schedule".into()).spawn(move || {
            let mut due = start;
            while due < end {
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let Some((kind, ask)) = requests.next() else { break };
                if sender.send((due, kind, ask)).is_err() {
                    break;
                }
                due += each;
            }
        })?;
        Ok(receiver)
    }
}
