//! `oneself sandbox`: the simulated networks alone. It has no data and takes none.

use std::net::SocketAddr;

use clap::Args;
use serde_json::json;

use super::serve::Ends;
use super::{Failure, Place, open, print};
use crate::sandbox;

/// Serve simulated networks to play with and to test against; docs/sandbox.md says how
#[derive(Debug, Args)]
pub struct Sandbox {
    /// Where to serve
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8401")]
    listen: SocketAddr,
}

impl Sandbox {
    /// Serves until a signal.
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        let config = place.settings(&json!({}))?;
        open::runtime(&config)?.block_on(async {
            let failed = |error: std::io::Error| Failure::failed(error.to_string());
            let mut ends = Ends::new().map_err(failed)?;
            let networks = sandbox::Sandbox::start(self.listen).map_err(failed)?;
            print(&format!(
                "oneself {version} sandbox ready: {url} (accounts, faults and log: {url}/_control)",
                version = env!("CARGO_PKG_VERSION"),
                url = networks.url()
            ))?;
            ends.first().await;
            Ok(())
        })
    }
}
