//! `oneself client`: the applications of a tenant.

use clap::{Args, Subcommand};

use super::orders::{self, Order};
use super::{Failure, Place};

/// Add, list and remove the applications of a tenant
#[derive(Debug, Subcommand)]
pub enum Client {
    /// Add a client and print its secret, once
    Add {
        #[command(flatten)]
        of: Of,
        /// What people call it
        #[arg(long, default_value = "client")]
        name: String,
        /// A further way to ask for tokens: password-realm
        #[arg(long, value_name = "GRANT")]
        grant: Vec<String>,
        /// The most that its tokens may carry; without it, every right over the tenant
        #[arg(long, value_name = "SCOPE", value_delimiter = ' ')]
        scope: Vec<String>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// List clients, oldest first
    List {
        #[command(flatten)]
        of: Of,
        /// Print one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Remove a client, ending its tokens
    Remove {
        #[command(flatten)]
        of: Of,
        /// The client
        #[arg(value_name = "CLIENT_ID")]
        client: String,
    },
}

/// Whose client or connection is meant.
#[derive(Debug, Args)]
pub struct Of {
    /// The tenant
    #[arg(long, value_name = "NAME")]
    pub tenant: String,
}

impl Client {
    /// Gives the order and prints the answer.
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        let (order, json) = match self {
            Self::Add {
                of: Of { tenant },
                name,
                grant: grants,
                scope: scopes,
                json,
            } => (
                Order::AddClient {
                    tenant,
                    name,
                    grants,
                    scopes,
                },
                json,
            ),
            Self::List {
                of: Of { tenant },
                json,
            } => (Order::ListClients { tenant }, json),
            Self::Remove {
                of: Of { tenant },
                client,
            } => (Order::RemoveClient { tenant, client }, false),
        };
        orders::give(place, &order, json)
    }
}
