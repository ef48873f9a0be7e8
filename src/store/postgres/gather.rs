//! Asking for many in one statement: what comes while a batch is under way goes into the next.
//!
//! Nobody waits for others on purpose. What comes when nothing is under way is sent at once, by
//! itself; under load batches grow by themselves. What would surprise: a batch is of one tenant,
//! so that a database that spreads tenants over machines sends it to one of them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::lanes::{Lane, Putter};
use crate::id::TenantId;
use crate::store::{GIVEN_UP_AFTER, LONGEST_WAIT, StoreError, StoreResult};

/// How many batches of one tenant are under way at once.
const UNDER_WAY: usize = 2;

/// How many are in a batch at most.
pub(super) const BATCH: usize = 64;

/// What waits, and how a batch of it is served.
pub(super) struct Gathered<T> {
    of_tenants: Mutex<HashMap<TenantId, Pending<T>>>,
    serve: Serve<T>,
    putter: Putter,
}

type Serve<T> = Box<dyn Fn(&mut Lane, TenantId, Vec<T>) + Send + Sync>;

struct Pending<T> {
    waiting: VecDeque<(Instant, T)>,
    under_way: usize,
}

/// What can share a statement.
pub(super) trait Together {
    /// Whether it may be in a batch with these.
    fn fits(&self, batch: &[Self]) -> bool
    where
        Self: Sized;
    /// Says that nothing is done of it.
    fn refuse(self, why: StoreError);
}

impl<T: Together + Send + 'static> Gathered<T> {
    pub fn new(putter: Putter, serve: impl Fn(&mut Lane, TenantId, Vec<T>) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            of_tenants: Mutex::default(),
            serve: Box::new(serve),
            putter,
        })
    }

    /// Has it served with others, or by itself.
    pub fn add(self: &Arc<Self>, tenant: TenantId, new: T) -> StoreResult<()> {
        {
            let mut of_tenants = self.of_tenants.lock();
            let pending = of_tenants.entry(tenant).or_insert_with(|| Pending {
                waiting: VecDeque::new(),
                under_way: 0,
            });
            let first = pending.waiting.front();
            if first.is_some_and(|(came, _)| came.elapsed() > LONGEST_WAIT) {
                return Err(StoreError::Busy);
            }
            pending.waiting.push_back((Instant::now(), new));
            if pending.under_way >= UNDER_WAY {
                return Ok(());
            }
            pending.under_way += 1;
        }
        self.put(tenant);
        Ok(())
    }

    fn put(self: &Arc<Self>, tenant: TenantId) {
        let gathered = self.clone();
        self.putter.put(Box::new(move |lane| gathered.work(lane, tenant)));
    }

    /// Serves a batch, and has the next one served in its turn.
    fn work(self: &Arc<Self>, lane: &mut Lane, tenant: TenantId) {
        let batch = self.take(tenant);
        if !batch.is_empty() {
            (self.serve)(lane, tenant, batch);
        }
        let more = {
            let mut of_tenants = self.of_tenants.lock();
            match of_tenants.get_mut(&tenant) {
                Some(pending) if !pending.waiting.is_empty() => true,
                Some(pending) if pending.under_way > 1 => {
                    pending.under_way -= 1;
                    false
                }
                _ => {
                    of_tenants.remove(&tenant);
                    false
                }
            }
        };
        if more {
            self.put(tenant);
        }
    }

    fn take(&self, tenant: TenantId) -> Vec<T> {
        let mut of_tenants = self.of_tenants.lock();
        let Some(pending) = of_tenants.get_mut(&tenant) else {
            return Vec::new();
        };
        let mut batch = Vec::new();
        let mut left = VecDeque::new();
        while batch.len() < BATCH
            && let Some(next) = pending.waiting.pop_front()
        {
            match next.1.fits(&batch) {
                true => batch.push(next.1),
                false => left.push_back(next),
            }
        }
        left.append(&mut pending.waiting);
        while let Some((_, late)) = left.pop_front_if(|(came, _)| came.elapsed() > GIVEN_UP_AFTER) {
            late.refuse(StoreError::Busy);
        }
        pending.waiting = left;
        batch
    }
}
