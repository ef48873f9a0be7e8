//! Turns at accounts: those who were too slow to change one go on one after another.
//!
//! A verb is prepared from what it read, and its act is refused when that has changed meanwhile. Of many who show one
//! account at once each would so be refused by all before it. Here they wait for one another, once they have been
//! refused; who has nobody in the way waits for nothing. What would surprise: correctness does not rest on it, and
//! other servers know nothing of these turns.

use tokio::sync::{Mutex, MutexGuard};

use crate::domain::IdentityKey;

/// How many there are. Accounts that share one wait for one another without need.
const COUNT: usize = 256;

/// Turns at all accounts.
pub(super) struct Turns([Mutex<()>; COUNT]);

impl Turns {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }

    /// A turn at this account, as long as it is held; `None` when there is none to wait for.
    pub(super) async fn at(&self, key: &IdentityKey) -> Option<MutexGuard<'_, ()>> {
        let mixed = |sum: usize, byte: u8| sum.wrapping_mul(31).wrapping_add(byte.into());
        let sum = key.subject.bytes().fold(0, mixed);
        Some(self.0.get(sum % COUNT)?.lock().await)
    }
}
