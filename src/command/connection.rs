//! `oneself connection`: providers as a tenant configured them.
//!
//! A client secret is read from a file or from standard input and never from the command
//! line, where every process of the machine could see it.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::client::Of;
use super::orders::{self, Order};
use super::{Failure, Place};

/// Add, list and remove the connections of a tenant
#[derive(Debug, Subcommand)]
pub enum Connection {
    /// Add a connection to a provider
    Add {
        #[command(flatten)]
        of: Of,
        /// Letters, digits and dashes
        name: String,
        /// Which network: twitter, google, github, oidc…
        #[arg(long)]
        provider: String,
        /// Who vouches for its accounts, when that is not the provider as such
        #[arg(long, value_name = "URL")]
        issuer: Option<String>,
        /// The id of your application at the provider
        #[arg(long, value_name = "ID")]
        client_id: Option<String>,
        /// Where its secret is; - for standard input
        #[arg(long, value_name = "FILE")]
        client_secret_file: Option<PathBuf>,
        /// What the provider is like, for oidc, oauth2 and oauth1: discovery_url, jwks_uri,
        /// introspection_endpoint, userinfo_endpoint, profile_endpoint or subject_claim; may be
        /// given several times
        #[arg(long = "option", value_name = "NAME=VALUE", value_parser = option)]
        options: Vec<(String, String)>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// List connections, oldest first
    List {
        #[command(flatten)]
        of: Of,
        /// Print one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Remove a connection on which no identity hangs
    Remove {
        #[command(flatten)]
        of: Of,
        /// Its name or id
        connection: String,
    },
}

impl Connection {
    /// Gives the order and prints the answer.
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        let (order, json) = match self {
            Self::Add {
                of: Of { tenant },
                name,
                provider,
                issuer,
                client_id,
                client_secret_file,
                options,
                json,
            } => {
                let client_secret = client_secret_file.as_deref().map(read_secret).transpose()?;
                let order = Order::AddConnection {
                    tenant,
                    name,
                    provider,
                    issuer,
                    client_id,
                    client_secret,
                    options: options.into_iter().collect(),
                };
                (order, json)
            }
            Self::List {
                of: Of { tenant },
                json,
            } => (Order::ListConnections { tenant }, json),
            Self::Remove {
                of: Of { tenant },
                connection,
            } => (Order::RemoveConnection { tenant, connection }, false),
        };
        orders::give(place, &order, json)
    }
}

/// An option that describes a provider.
fn option(text: &str) -> Result<(String, String), String> {
    const NAMES: [&str; 6] = [
        "discovery_url",
        "jwks_uri",
        "introspection_endpoint",
        "userinfo_endpoint",
        "profile_endpoint",
        "subject_claim",
    ];
    match text.split_once('=') {
        Some((name, value)) if NAMES.contains(&name) && !value.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("takes NAME=VALUE with one of {}", NAMES.join(", "))),
    }
}

/// The text of the file without the line feed that editors leave at its end.
fn read_secret(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|error| Failure::failed(format!("cannot read the secret from {}: {error}", path.display())))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(Failure::Usage(format!("there is no secret in {}", path.display())));
    }
    Ok(secret.to_owned())
}
