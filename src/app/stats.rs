//! How much happens in a tenant.

use crate::app::App;
use crate::domain::{Caller, Scope};
use crate::error::Result;
pub use crate::store::DayCount;

/// For how many days somebody counts as active.
const ACTIVE_FOR_DAYS: i64 = 30;

impl App {
    /// How many users logged in within the last 30 days, today included.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`](crate::error::Error::InsufficientScope).
    pub async fn count_active_users(&self, caller: &Caller) -> Result<u64> {
        caller.needs(&[Scope::ReadStats])?;
        let since = self.today().saturating_sub(ACTIVE_FOR_DAYS - 1);
        Ok(self.store.count_active_users(caller.tenant, since).await?)
    }

    /// What happened on each of these days, both included.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`](crate::error::Error::InsufficientScope).
    pub async fn list_days(&self, caller: &Caller, from: i64, to: i64) -> Result<Vec<DayCount>> {
        caller.needs(&[Scope::ReadStats])?;
        let mut found = self
            .store
            .list_days(caller.tenant, from, to)
            .await?
            .into_iter()
            .peekable();
        let days = (from..=to).map(|day| {
            found.next_if(|count| count.day == day).unwrap_or(DayCount {
                day,
                logins: 0,
                signups: 0,
            })
        });
        Ok(days.collect())
    }

    /// The day that it is.
    pub fn today(&self) -> i64 {
        DayCount::day_of(self.clock.now())
    }
}
