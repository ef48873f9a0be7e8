//! A network that fails on order, between a client and a PostgreSQL server.
//!
//! It understands the protocol as far as its faults need it: they strike requests, and not bytes
//! in their middle. It answers nothing by itself: where it makes a transaction fail, it sends the
//! server something that fails there instead of the request, so the server's state and the order of
//! answers are those of a real failure. What would surprise: it runs on a thread of its own, so
//! tests that block may use it, and its delays take real time.

mod chance;
mod frames;
mod injected;
mod opening;
mod outages;
mod relay;
mod requests;
mod statements;
mod untouched;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::database;

/// What goes wrong, and how often: probabilities from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub struct Faults {
    /// That the connection is closed before a request reaches the server.
    pub cut: f64,
    /// That a request which commits is carried out, and the connection closed without an answer.
    pub swallow_commit_answer: f64,
    /// That the server refuses to go on with a transaction because of others (40001).
    pub serialization_failure: f64,
    /// What of a transaction then fails.
    pub failing: Failing,
    /// That the server has no room for what a request writes (53100).
    pub disk_full: f64,
    /// Cuts, swallowed answers and failures altogether, from now on.
    pub at_most: u64,
    /// What reaches the server later.
    pub delay: Option<Delay>,
}

/// Which requests a serialization failure can strike. A statement outside of a transaction is
/// one by itself.
#[derive(Debug, Clone, Copy)]
pub enum Failing {
    /// Each by chance, as often as there are requests.
    EachRequest,
    /// The first of a transaction, which is chosen once.
    FirstStatement,
    /// The last of a transaction, which is chosen once.
    Commit,
    /// The first or the last of a transaction, which is chosen once.
    Either,
}

/// What is held back for so long.
#[derive(Debug, Clone, Copy)]
pub enum Delay {
    Requests(Duration),
    Commits(Duration),
}

/// What has happened since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that clients have opened, refused ones too.
    pub connections: u64,
    pub refused: u64,
    /// Requests that reached the server or met a fault.
    pub requests: u64,
    pub delayed: u64,
    pub cut: u64,
    pub swallowed: u64,
    pub serialization_failures: u64,
    pub full: u64,
}

/// The proxy, for as long as it is held.
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    orders: Option<watch::Sender<Orders>>,
    thread: Option<JoinHandle<()>>,
}

/// What all connections write.
#[derive(Default)]
struct Shared {
    counts: Mutex<Counts>,
    /// How many faults may still strike.
    left: Mutex<u64>,
}

/// What all connections watch.
#[derive(Clone, Copy)]
struct Orders {
    faults: Faults,
    mode: Mode,
    /// How often all connections were closed.
    cuts: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    Refusing,
    Stalled,
}

impl Default for Faults {
    /// None.
    fn default() -> Self {
        Self {
            cut: 0.0,
            swallow_commit_answer: 0.0,
            serialization_failure: 0.0,
            failing: Failing::EachRequest,
            disk_full: 0.0,
            at_most: u64::MAX,
            delay: None,
        }
    }
}

impl FaultProxy {
    /// A proxy before this server, with no faults so far. Its n-th connection meets the same
    /// chance for the same seed.
    pub fn start(upstream: SocketAddr, seed: u64) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let (orders, watched) = watch::channel(Orders {
            faults: Faults::default(),
            mode: Mode::Open,
            cuts: 0,
        });
        let accepting = opening::accept(listener, upstream, seed, shared.clone(), watched);
        let thread = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(accepting);
        });
        Self {
            address,
            shared,
            orders: Some(orders),
            thread: Some(thread),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a database of its server, by way of it.
    pub fn url(&self, database_url: &str) -> String {
        let (before, _, after) = database::parts(database_url);
        format!("{before}{}{after}", self.address())
    }

    /// From now on these faults, and no others.
    pub fn set(&self, faults: Faults) {
        *self.shared.left.lock() = faults.at_most;
        self.order(|orders| orders.faults = faults);
    }

    pub fn counts(&self) -> Counts {
        *self.shared.counts.lock()
    }

    /// Closes all connections.
    pub fn cut_all(&self) {
        self.order(|orders| orders.cuts += 1);
    }

    /// Closes new connections at once; those that are open stay.
    pub fn refuse(&self) {
        self.order(|orders| orders.mode = Mode::Refusing);
    }

    /// Passes nothing on, in either direction. What comes meanwhile goes on its way afterwards,
    /// even if who sent it is gone by then.
    pub fn stall(&self) {
        self.order(|orders| orders.mode = Mode::Stalled);
    }

    /// Ends what `refuse` or `stall` began.
    pub fn resume(&self) {
        self.order(|orders| orders.mode = Mode::Open);
    }

    fn order(&self, change: impl FnOnce(&mut Orders)) {
        self.orders.as_ref().unwrap().send_modify(change);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
