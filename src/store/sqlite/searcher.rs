//! Where and when searches run: on threads that may block, few at once.
//!
//! What would surprise: other reads run in place, on the threads that answer requests; a search can
//! read everything that a tenant has, and would hold up everybody. The turns of one tenant are
//! fewer than all, so that no tenant takes them from the others.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use super::open::Database;
use super::readers::Readers;
use super::search::{self, Halt};
use crate::domain::search::SortBy;
use crate::id::TenantId;
use crate::store::{Search, Searched, StoreError, StoreResult};

/// How many searches run at once, and how many of them may be of one tenant.
const AT_ONCE: usize = 3;
const AT_ONCE_OF_TENANT: usize = 2;

/// From how many tenants on those that search nothing are forgotten.
const TENANTS: usize = 1_000;

/// Where searches run.
pub(super) struct Searcher {
    readers: Arc<Readers>,
    running: Arc<Semaphore>,
    of_tenants: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
}

impl Searcher {
    pub fn new(database: Database) -> Self {
        Self {
            readers: Arc::new(Readers::new(database)),
            running: Arc::new(Semaphore::new(AT_ONCE)),
            of_tenants: Mutex::default(),
        }
    }

    /// Searches for as long as that. The time spent in the queue counts.
    pub async fn search(&self, tenant: TenantId, search: Search, patience: Duration) -> StoreResult<Searched> {
        let ends = Instant::now().checked_add(patience);
        if is_brief(&search) {
            return look(&self.readers, tenant, &search, ends);
        }
        let Ok(turn) = tokio::time::timeout(patience, self.turn(tenant)).await else {
            return Ok(Searched::GaveUp);
        };
        let (turn, readers) = (turn?, self.readers.clone());
        let work = move || {
            let found = look(&readers, tenant, &search, ends);
            drop(turn);
            found
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| StoreError::Unavailable(error.to_string()))?
    }

    /// The right to run, among those of the same tenant first and then among all, so that nobody
    /// takes all turns.
    async fn turn(&self, tenant: TenantId) -> StoreResult<[OwnedSemaphorePermit; 2]> {
        let of_tenant = {
            let mut of_tenants = self.of_tenants.lock();
            if of_tenants.len() >= TENANTS {
                of_tenants.retain(|_, turns| Arc::strong_count(turns) > 1);
            }
            let turns = of_tenants.entry(tenant);
            turns
                .or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE_OF_TENANT)))
                .clone()
        };
        let closed = |error: AcquireError| StoreError::Unavailable(error.to_string());
        let own = of_tenant.acquire_owned().await.map_err(closed)?;
        let common = self.running.clone().acquire_owned().await.map_err(closed)?;
        Ok([own, common])
    }
}

fn look(readers: &Readers, tenant: TenantId, search: &Search, ends: Option<Instant>) -> StoreResult<Searched> {
    readers.read(|sql| match search::run(sql, tenant, search, ends) {
        Ok(found) => Ok(found),
        Err(Halt::TooLong) => Ok(Searched::GaveUp),
        Err(Halt::Failed(error)) => Err(error),
    })
}

/// Whether a search is only a page of everybody along an index, which is read in place.
fn is_brief(search: &Search) -> bool {
    let along_an_index = matches!(search.sort.by, SortBy::Creation | SortBy::Created);
    search.query.nodes().is_empty() && along_an_index && !search.count
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::store::sqlite::SqliteOptions;

    #[tokio::test]
    async fn sec_api_13_a_tenant_that_searches_long_leaves_a_turn_to_others() {
        let searcher = Searcher::new(Database::data(Path::new("unused"), &SqliteOptions::default()));
        let (one, other) = (TenantId::from_number(1), TenantId::from_number(2));
        let now = async |tenant| tokio::time::timeout(Duration::ZERO, searcher.turn(tenant)).await;
        let held = [now(one).await, now(one).await];
        assert!(held.iter().all(Result::is_ok));
        assert!(now(one).await.is_err(), "a third of the same tenant waits");
        let of_other = now(other).await;
        assert!(of_other.is_ok());
        assert!(now(other).await.is_err(), "and a fourth of all");
        drop(held);
        assert!(now(one).await.is_ok() && now(other).await.is_ok());
    }
}
