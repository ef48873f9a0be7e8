//! Threads that each own one connection, and the queue of work that they share.
//!
//! Acts and reads are plain functions that wait for each statement, so they run on threads of
//! their own rather than on those that answer requests; how many there are is how many
//! connections the database sees. What would surprise: when the work that is next has waited long,
//! new work is refused at once, so that what was accepted stays quick; and what came in a crowd
//! and has waited too long is refused in its turn.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::connect::{Address, Haste};
use super::session::Session;
use super::trouble::{self, Fault};
use crate::store::{GIVEN_UP_AFTER, LONGEST_WAIT, StoreError, StoreResult};

/// How long a statement may be silent.
const PATIENCE: Duration = Duration::from_secs(8);

type Work = Box<dyn FnOnce(&mut Lane) + Send>;

/// All of them.
pub(super) struct Lanes {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    came: Condvar,
}

#[derive(Default)]
struct Waiting {
    work: VecDeque<(Instant, Work)>,
    closed: bool,
}

/// One thread with its connection, if it has one at the moment.
pub(super) struct Lane {
    pub runtime: tokio::runtime::Runtime,
    address: Address,
    haste: Haste,
    patience: Duration,
    session: Option<Session>,
}

impl Lanes {
    /// Starts so many threads. None of them connects before there is work.
    pub fn start(address: &Address, count: usize) -> StoreResult<Self> {
        let queue = Arc::new(Queue::default());
        let failed = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        let mut threads = Vec::with_capacity(count);
        for _ in 0..count {
            let mut lane = Lane::new(address, Haste::Requests, PATIENCE).map_err(failed)?;
            let queue = queue.clone();
            let thread = std::thread::Builder::new()
                .name("store-lane".into())
                .spawn(move || {
                    while let Some(work) = queue.next() {
                        work(&mut lane);
                    }
                })
                .map_err(failed)?;
            threads.push(thread);
        }
        Ok(Self { queue, threads })
    }

    /// Has work done, unless too much waits already.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Lane) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let (reply, answer) = oneshot::channel();
        let came = Instant::now();
        self.queue.put(Box::new(move |lane| {
            let done = match came.elapsed() > GIVEN_UP_AFTER {
                true => Err(StoreError::Busy),
                false => work(lane),
            };
            // Whoever asked may have gone away.
            let _ = reply.send(done);
        }))?;
        answer
            .await
            .map_err(|_| StoreError::Unavailable("the store is closed".into()))?
    }

    /// A way to put work into the queue that work can take along.
    pub fn putter(&self) -> Putter {
        Putter(self.queue.clone())
    }
}

impl Drop for Lanes {
    /// What is queued is still done.
    fn drop(&mut self) {
        self.queue.waiting.lock().closed = true;
        self.queue.came.notify_all();
        for thread in self.threads.drain(..) {
            // Work that holds the last handle of the store drops it on a lane.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

/// Puts more work into a queue.
#[derive(Clone)]
pub(super) struct Putter(Arc<Queue>);

impl Putter {
    /// Puts work at the end of the queue, however long it is: it belongs to work that was accepted.
    pub fn put(&self, work: Work) {
        self.0.waiting.lock().work.push_back((Instant::now(), work));
        self.0.came.notify_one();
    }
}

impl Queue {
    fn put(&self, work: Work) -> StoreResult<()> {
        {
            let mut waiting = self.waiting.lock();
            if waiting.closed {
                return Err(StoreError::Unavailable("the store is closed".into()));
            }
            let first = waiting.work.front();
            if first.is_some_and(|(came, _)| came.elapsed() > LONGEST_WAIT) {
                return Err(StoreError::Busy);
            }
            waiting.work.push_back((Instant::now(), work));
        }
        self.came.notify_one();
        Ok(())
    }

    fn next(&self) -> Option<Work> {
        let mut waiting = self.waiting.lock();
        loop {
            if let Some((_, work)) = waiting.work.pop_front() {
                return Some(work);
            }
            if waiting.closed {
                return None;
            }
            self.came.wait(&mut waiting);
        }
    }
}

impl Lane {
    /// One without a connection.
    pub fn new(address: &Address, haste: Haste, patience: Duration) -> std::io::Result<Self> {
        Ok(Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            address: address.clone(),
            haste,
            patience,
            session: None,
        })
    }

    /// The connection, made if there is none.
    pub fn session(&mut self) -> Result<(&tokio::runtime::Runtime, &mut Session), Fault> {
        let (held, trust) = (self.session.take(), self.address.trust());
        let session = match held.filter(|session| session.trust == trust && session.is_open(&self.runtime)) {
            Some(session) => session,
            None => {
                let client = self.runtime.block_on(self.address.connect(self.haste))?;
                Session::new(client, self.address.trust(), self.patience)
            }
        };
        let session = self.session.insert(session);
        session.plan_anew(&self.runtime);
        Ok((&self.runtime, session))
    }

    /// Has the next work connect anew.
    pub fn give_up(&mut self) {
        let trust = self.address.trust();
        let silent = |session: Session| session.silent.get() && session.trust == trust;
        if self.session.take().is_some_and(silent) {
            self.address.distrust();
        }
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        trouble::to_store(&fault)
    }
}
