//! `search_users`: users by a query, in an order, page by page.
//!
//! What would surprise: a search that cannot be answered in [`PATIENCE`] is given up, however few
//! it would have found; what an index answers is never near it.

use std::time::Duration;

use crate::app::App;
use crate::domain::search::{Query, Sort};
use crate::domain::{Caller, Scope, UserWithIdentities};
use crate::error::{Error, Result};
use crate::store::{Search, Searched};

/// How long a search may take (`api/auth0.md` 8.5).
pub const PATIENCE: Duration = Duration::from_secs(2);

/// A search for users.
#[derive(Debug, Default)]
pub struct SearchRequest {
    /// Who is meant.
    pub query: Query,
    /// In which order.
    pub sort: Sort,
    /// How many of them to pass over.
    pub skip: u32,
    /// How many to show at most.
    pub limit: u32,
    /// Whether to count all of them.
    pub count: bool,
}

impl App {
    /// The users of the caller's tenant that a search finds, and how many there are in all, if
    /// that was asked.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::SearchTooLong`].
    pub async fn search_users(
        &self,
        caller: &Caller,
        request: SearchRequest,
    ) -> Result<(Vec<UserWithIdentities>, Option<u64>)> {
        caller.needs(&[Scope::ReadUsers])?;
        let search = Search {
            query: request.query,
            sort: request.sort,
            skip: request.skip,
            limit: request.limit,
            count: request.count,
            give_up_after: PATIENCE,
        };
        match self.store.search_users(caller.tenant, search).await? {
            Searched::Found(found, total) => Ok((found, total)),
            Searched::GaveUp => Err(Error::SearchTooLong),
        }
    }
}
