//! A search for users, and how it ends.

use crate::domain::UserWithIdentities;
use crate::domain::search::{Query, Sort};

/// A search for users.
#[derive(Debug, Clone, Default)]
pub struct Search {
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

/// How a search ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Searched {
    /// Done: those who are shown, and how many there are in all, if that was asked.
    Found(Vec<UserWithIdentities>, Option<u64>),
    /// It would have taken longer.
    GaveUp,
}
