//! Rows that every request asks for and that hardly ever change, kept in memory.
//!
//! Whoever changes such a row has everything forgotten after the commit of the change and before
//! the change is answered. Where other servers write too, a row is believed for a second at
//! most; where this process alone does, until it is forgotten.
//! What would surprise: a row that was read while that happened is not kept, for nobody
//! knows whether it shows the time before.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::RwLock;

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
    /// How often everything was forgotten.
    age: u64,
    /// For how long a row that was read is believed.
    lasts: Option<Duration>,
}

impl<K: Hash + Eq, V: Clone> Rows<K, V> {
    fn new(lasts: Option<Duration>) -> Self {
        Self(RwLock::new(Kept {
            rows: HashMap::new(),
            age: 0,
            lasts,
        }))
    }

    /// The row, read if it is not known. That there is none is not kept.
    pub async fn get(&self, key: K, read: impl Future<Output = StoreResult<Option<V>>>) -> StoreResult<Option<V>> {
        let age = {
            let kept = self.0.read();
            match kept.rows.get(&key) {
                Some((row, at)) if kept.lasts.is_none_or(|lasts| at.elapsed() < lasts) => return Ok(Some(row.clone())),
                _ => kept.age,
            }
        };
        let asked = Instant::now();
        let found = read.await?;
        if let Some(row) = &found {
            let mut kept = self.0.write();
            if kept.age == age {
                if kept.rows.len() >= KEPT {
                    kept.rows.clear();
                }
                kept.rows.insert(key, (row.clone(), asked));
            }
        }
        Ok(found)
    }

    fn forget(&self) {
        let mut kept = self.0.write();
        kept.rows.clear();
        kept.age += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    async fn a_row_is_believed_no_longer_than_it_lasts() {
        let rows = Rows::<i64, i64>::new(Some(Duration::ZERO));
        assert_eq!(rows.get(1, read(10)).await.unwrap(), Some(10));
        assert_eq!(rows.get(1, read(11)).await.unwrap(), Some(11));
    }
}
