//! Where searches run: on threads that may block.
//!
//! What would surprise: other reads run in place, on the threads that answer requests; a search can
//! read everything that a tenant has, and would hold up everybody.

use std::sync::Arc;
use std::time::Instant;

use super::open::Database;
use super::readers::Readers;
use crate::id::TenantId;
use crate::store::sql::search;
use crate::store::sql::turns::{Turns, is_brief};
use crate::store::{Search, Searched, StoreError, StoreResult};

/// Where searches run.
pub(super) struct Searcher {
    readers: Arc<Readers>,
    turns: Turns,
}

impl Searcher {
    pub fn new(database: Database) -> Self {
        Self {
            readers: Arc::new(Readers::new(database)),
            turns: Turns::new(),
        }
    }

    /// Searches until this moment. The time spent in the queue counts.
    pub async fn search(&self, tenant: TenantId, search: Search, ends: Option<Instant>) -> StoreResult<Searched> {
        if is_brief(&search) {
            return self.readers.read(|sql| search::search(sql, tenant, &search, ends));
        }
        let Some(turn) = self.turns.next(tenant, ends).await? else {
            return Ok(Searched::GaveUp);
        };
        let readers = self.readers.clone();
        let work = move || {
            let found = readers.read(|sql| search::search(sql, tenant, &search, ends));
            drop(turn);
            found
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| StoreError::Unavailable(error.to_string()))?
    }
}
