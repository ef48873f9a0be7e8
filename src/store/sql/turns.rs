//! Whose turn it is to search: few at once, because a search can read everything that a tenant
//! has.
//!
//! What would surprise: the turns of one tenant are fewer than all, so that no tenant takes them
//! from the others.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::domain::search::SortBy;
use crate::id::TenantId;
use crate::store::{Search, StoreError, StoreResult};

/// How many searches run at once, and how many of them may be of one tenant.
const AT_ONCE: usize = 3;
const AT_ONCE_OF_TENANT: usize = 2;

/// From how many tenants on those that search nothing are forgotten.
const TENANTS: usize = 1_000;

/// The right to search, for as long as it is held.
pub type Turn = [OwnedSemaphorePermit; 2];

/// Who searches.
pub struct Turns {
    running: Arc<Semaphore>,
    of_tenants: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
}

impl Turns {
    /// Nobody yet.
    pub fn new() -> Self {
        Self {
            running: Arc::new(Semaphore::new(AT_ONCE)),
            of_tenants: Mutex::default(),
        }
    }

    /// A turn, or nothing when none comes before this moment.
    pub async fn next(&self, tenant: TenantId, ends: Option<Instant>) -> StoreResult<Option<Turn>> {
        let turn = self.turn(tenant);
        match ends {
            None => turn.await.map(Some),
            Some(ends) => match tokio::time::timeout_at(ends.into(), turn).await {
                Ok(turn) => turn.map(Some),
                Err(_) => Ok(None),
            },
        }
    }

    /// The right to run, among those of the same tenant first and then among all, so that nobody
    /// takes all turns.
    async fn turn(&self, tenant: TenantId) -> StoreResult<Turn> {
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

/// Whether a search is only a page of everybody along an index, which takes no turn.
pub fn is_brief(search: &Search) -> bool {
    let along_an_index = matches!(search.sort.by, SortBy::Creation | SortBy::Created);
    search.query.nodes().is_empty() && along_an_index && !search.count
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn sec_api_13_a_tenant_that_searches_long_leaves_a_turn_to_others() {
        let turns = Turns::new();
        let (one, other) = (TenantId::from_number(1), TenantId::from_number(2));
        let now = async |tenant| tokio::time::timeout(Duration::ZERO, turns.turn(tenant)).await;
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
