//! `search_users`: users by a query, in an order, page by page.
//!
//! What would surprise: a search that cannot be answered in [`PATIENCE`] is given up, however few
//! it would have found; what an index answers is never near it.

use std::time::Duration;

use crate::app::App;
use crate::domain::{Caller, Scope, UserWithIdentities};
use crate::error::{Error, Result};
pub use crate::store::Search;
use crate::store::Searched;

/// How long a search may take (`api/auth0.md` 8.5).
pub const PATIENCE: Duration = Duration::from_secs(2);

impl App {
    /// The users of the caller's tenant that a search finds, and how many there are in all, if
    /// that was asked.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::SearchTooLong`].
    pub async fn search_users(
        &self,
        caller: &Caller,
        search: Search,
    ) -> Result<(Vec<UserWithIdentities>, Option<u64>)> {
        caller.needs(&[Scope::ReadUsers])?;
        match self.store.search_users(caller.tenant, search, PATIENCE).await? {
            Searched::Found(found, total) => Ok((found, total)),
            Searched::GaveUp => Err(Error::SearchTooLong),
        }
    }
}
