//! Rows that every request asks for and that hardly ever change, kept in memory.
//!
//! Whoever changes such a row has everything forgotten after the commit of the change and before
//! the change is answered. Where other servers write too, a row is believed for a second at
//! most; where this process alone does, until it is forgotten.
//! What would surprise: a row that was read while that happened is not kept, for nobody
//! knows whether it shows the time before. And a row that is not known is read once for all who
//! ask for it meanwhile, since a row that everybody uses ceases to be believed for everybody at once.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use tokio::sync::OnceCell;

use crate::domain::{Connection, ConnectionRef, Settings};
use crate::id::{ClientId, TenantId};
use crate::store::{Standing, StoreResult};

/// How many rows of a kind are kept; when there are more, all are forgotten.
const KEPT: usize = 10_000;

/// What is known.
pub struct Known {
    /// How clients stand.
    pub standings: Rows<ClientId, Standing>,
    /// Settings of tenants.
    pub settings: Rows<TenantId, Settings>,
    /// Connections, by what they were asked for by.
    pub connections: Rows<(TenantId, ConnectionRef), Arc<Connection>>,
}

impl Known {
    /// Nothing yet; rows last so long, or until they are forgotten.
    pub fn new(lasts: Option<Duration>) -> Self {
        Self {
            standings: Rows::new(lasts),
            settings: Rows::new(lasts),
            connections: Rows::new(lasts),
        }
    }

    /// Forgets everything.
    pub fn forget(&self) {
        self.standings.forget();
        self.settings.forget();
        self.connections.forget();
    }
}

/// Rows of one kind.
pub struct Rows<K, V>(RwLock<Kept<K, V>>);

struct Kept<K, V> {
    rows: HashMap<K, (V, Instant)>,
    /// Rows that are being read, and since when.
    reads: HashMap<K, (Arc<Read<V>>, Instant)>,
    /// For how long a row that was read is believed.
    lasts: Option<Duration>,
}

impl<K: Hash + Eq, V: Clone> Kept<K, V> {
    /// The row, if it is known.
    fn row(&self, key: &K) -> Option<V> {
        let (row, at) = self.rows.get(key)?;
        self.lasts(*at).then(|| row.clone())
    }

    /// Whether what was asked for at this moment is still believed.
    fn lasts(&self, asked: Instant) -> bool {
        self.lasts.is_none_or(|lasts| asked.elapsed() < lasts)
    }
}

/// A read under way: whoever comes while it is waits for it, and goes on with it when whoever began
/// it has gone away or failed.
type Read<V> = OnceCell<Option<V>>;

impl<K: Hash + Eq + Clone, V: Clone> Rows<K, V> {
    fn new(lasts: Option<Duration>) -> Self {
        Self(RwLock::new(Kept {
            rows: HashMap::new(),
            reads: HashMap::new(),
            lasts,
        }))
    }

    /// The row, read if it is not known. That there is none is not kept.
    pub async fn get(&self, key: K, read: impl Future<Output = StoreResult<Option<V>>>) -> StoreResult<Option<V>> {
        if let Some(row) = self.0.read().row(&key) {
            return Ok(Some(row));
        }
        let (shared, asked) = {
            let mut kept = self.0.write();
            match kept.reads.get(&key) {
                Some((shared, since)) if kept.lasts(*since) => (shared.clone(), *since),
                _ => {
                    // Reads that everybody has hung up on stay until somebody asks for their row.
                    if kept.reads.len() >= KEPT {
                        kept.reads.clear();
                    }
                    let begun = (Arc::default(), Instant::now());
                    kept.reads.insert(key.clone(), begun.clone());
                    begun
                }
            }
        };
        let found = shared.get_or_try_init(|| read).await.cloned();
        let mut kept = self.0.write();
        // Whoever forgot everything meanwhile, forgot this read too.
        if kept
            .reads
            .get(&key)
            .is_some_and(|(under_way, _)| Arc::ptr_eq(under_way, &shared))
        {
            kept.reads.remove(&key);
            if let Ok(Some(row)) = &found {
                if kept.rows.len() >= KEPT {
                    kept.rows.clear();
                }
                kept.rows.insert(key, (row.clone(), asked));
            }
        }
        found
    }

    fn forget(&self) {
        let mut kept = self.0.write();
        kept.rows.clear();
        kept.reads.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::store::StoreError;

    async fn read(row: i64) -> StoreResult<Option<i64>> {
        Ok(Some(row))
    }

    #[tokio::test]
    async fn a_row_that_was_read_before_a_change_is_not_kept_after_it() {
        let rows = Rows::<i64, i64>::new(None);
        assert_eq!(rows.get(1, async { Ok(None) }).await.unwrap(), None);
        let found = rows.get(1, async {
            rows.forget();
            Ok(Some(10))
        });
        assert_eq!(found.await.unwrap(), Some(10));
        assert_eq!(rows.get(1, read(11)).await.unwrap(), Some(11), "10 was not kept");
        assert_eq!(rows.get(1, read(12)).await.unwrap(), Some(11), "11 was");
        rows.forget();
        assert_eq!(rows.get(1, read(12)).await.unwrap(), Some(12));
    }

    #[tokio::test]
    async fn a_row_is_read_once_for_all_who_ask_at_once() {
        let rows = Rows::<i64, i64>::new(None);
        let reads = AtomicI64::new(0);
        let ask = || {
            rows.get(1, async {
                tokio::task::yield_now().await;
                Ok(Some(reads.fetch_add(1, Ordering::Relaxed)))
            })
        };
        assert_eq!(
            tokio::join!(ask(), ask(), ask()),
            (Ok(Some(0)), Ok(Some(0)), Ok(Some(0)))
        );
        rows.forget();
        let fails = rows.get(1, async {
            tokio::task::yield_now().await;
            Err(StoreError::Busy)
        });
        let (failed, read) = tokio::join!(fails, ask());
        assert_eq!(
            (failed, read),
            (Err(StoreError::Busy), Ok(Some(1))),
            "the next one goes on"
        );
    }

    #[tokio::test]
    async fn who_comes_after_a_change_does_not_wait_for_a_read_from_before() {
        let rows = Rows::<i64, i64>::new(None);
        let before = rows.get(1, async {
            tokio::task::yield_now().await;
            Ok(Some(10))
        });
        let after = async {
            rows.forget();
            rows.get(1, read(11)).await
        };
        assert_eq!(tokio::join!(before, after), (Ok(Some(10)), Ok(Some(11))));
        assert_eq!(rows.get(1, read(12)).await.unwrap(), Some(11));
    }

    #[tokio::test]
    async fn a_row_is_believed_no_longer_than_it_lasts() {
        let rows = Rows::<i64, i64>::new(Some(Duration::ZERO));
        assert_eq!(rows.get(1, read(10)).await.unwrap(), Some(10));
        assert_eq!(rows.get(1, read(11)).await.unwrap(), Some(11));
    }
}
