//! Rows that every request asks for and that hardly ever change, kept in memory.
//!
//! This process alone writes the files, so what it has not changed is as it was. The writer
//! has everything forgotten after the commit of a change and before the change is answered.
//! What would surprise: a row that was read while that happened is not kept, for nobody
//! knows whether it shows the time before.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::domain::{Connection, ConnectionRef, Settings};
use crate::id::{ClientId, TenantId};
use crate::store::{Standing, StoreResult};

/// How many rows of a kind are kept; when there are more, all are forgotten.
const KEPT: usize = 10_000;

/// What is known.
#[derive(Default)]
pub(super) struct Known {
    /// How clients stand.
    pub standings: Rows<ClientId, Standing>,
    /// Settings of tenants.
    pub settings: Rows<TenantId, Settings>,
    /// Connections, by what they were asked for by.
    pub connections: Rows<(TenantId, ConnectionRef), Arc<Connection>>,
}

impl Known {
    /// Forgets everything.
    pub fn forget(&self) {
        self.standings.forget();
        self.settings.forget();
        self.connections.forget();
    }
}

/// Rows of one kind.
pub(super) struct Rows<K, V>(RwLock<Kept<K, V>>);

struct Kept<K, V> {
    rows: HashMap<K, V>,
    /// How often everything was forgotten.
    age: u64,
}

impl<K, V> Default for Rows<K, V> {
    fn default() -> Self {
        Self(RwLock::new(Kept {
            rows: HashMap::new(),
            age: 0,
        }))
    }
}

impl<K: Hash + Eq, V: Clone> Rows<K, V> {
    /// The row, read if it is not known. That there is none is not kept.
    pub fn get(&self, key: K, read: impl FnOnce(&K) -> StoreResult<Option<V>>) -> StoreResult<Option<V>> {
        let age = {
            let kept = self.0.read();
            if let Some(row) = kept.rows.get(&key) {
                return Ok(Some(row.clone()));
            }
            kept.age
        };
        let found = read(&key)?;
        if let Some(row) = &found {
            let mut kept = self.0.write();
            if kept.age == age {
                if kept.rows.len() >= KEPT {
                    kept.rows.clear();
                }
                kept.rows.insert(key, row.clone());
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

    #[test]
    fn a_row_that_was_read_before_a_change_is_not_kept_after_it() {
        let rows = Rows::<i64, i64>::default();
        assert_eq!(rows.get(1, |_| Ok(None)).unwrap(), None);
        let read = rows.get(1, |_| {
            rows.forget();
            Ok(Some(10))
        });
        assert_eq!(read.unwrap(), Some(10));
        assert_eq!(rows.get(1, |_| Ok(Some(11))).unwrap(), Some(11), "10 was not kept");
        assert_eq!(rows.get(1, |_| Ok(Some(12))).unwrap(), Some(11), "11 was");
        rows.forget();
        assert_eq!(rows.get(1, |_| Ok(Some(12))).unwrap(), Some(12));
    }
}
