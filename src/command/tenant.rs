//! `oneself tenant`: who owns users here.

use clap::Subcommand;

use super::orders::{self, Order};
use super::{Failure, Place};

/// Create, list, show and change tenants
#[derive(Debug, Subcommand)]
pub enum Tenant {
    /// Make a tenant and print its credentials, once
    Create {
        /// Letters, digits and dashes
        name: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// List tenants by name
    List {
        /// Print one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show ids and settings of a tenant
    Show {
        /// The tenant
        name: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Change settings of a tenant
    Set {
        /// The tenant
        name: String,
        /// What to change; `show` lists the settings, and docs/running.md says what they do
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = key_and_value)]
        settings: Vec<(String, String)>,
    },
    /// Replace secrets, ending all tokens that they bought
    RotateSecret {
        /// The tenant
        name: String,
        /// Only this client's; without it, those of the first client, Kii and Knodes
        #[arg(long, value_name = "CLIENT_ID")]
        client: Option<String>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

impl Tenant {
    /// Gives the order and prints the answer.
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        let (order, json) = match self {
            Self::Create { name, json } => (Order::CreateTenant { name }, json),
            Self::List { json } => (Order::ListTenants, json),
            Self::Show { name, json } => (Order::ShowTenant { name }, json),
            Self::Set { name, settings } => (Order::SetTenant { name, settings }, false),
            Self::RotateSecret { name, client, json } => (Order::RotateSecret { name, client }, json),
        };
        orders::give(place, &order, json)
    }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err("it is not of the form KEY=VALUE".to_owned()),
    }
}
