//! Names to addresses, by whoever is handed in.
//!
//! What would surprise: the answers are not believed. Whoever asks checks each of them, and dials
//! what was checked instead of asking again.

use std::io;
use std::net::IpAddr;

use async_trait::async_trait;

/// What knows the addresses of names.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// All addresses of this name, the one to try first in front.
    ///
    /// # Errors
    /// When there are none, or nobody can be asked.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The machine's own resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0))
            .await?
            .map(|found| found.ip())
            .collect())
    }
}
