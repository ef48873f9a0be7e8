//! `oneself keys`: which keys there are, and nothing of what is in them.

use clap::Subcommand;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::orders::{self, Answer, Order};
use super::{Failure, Place, examine};
use crate::config::Config;
use crate::store::StoreError;

/// Show the keys of an installation
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Say by which root key the data was sealed, who has keys, and how old the signing keys are
    Status {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

impl Keys {
    /// Shows them.
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        let Self::Status { json } = self;
        orders::give(place, &Order::ShowKeys, json)
    }
}

/// The keys of this installation, as of now.
///
/// # Errors
/// When the files cannot be read.
pub fn show(config: &Config, now: Timestamp) -> Result<Answer, Failure> {
    let failed = |error: StoreError| Failure::failed(error.to_string());
    let files = examine::open(config)?;
    let check = files.key_check().map_err(failed)?.map(hex::encode);
    let tenants = files.tenants().map_err(failed)?;
    let signing = files.signing_keys().map_err(failed)?;
    let days = |since: Timestamp| (now.as_second() - since.as_second()) / 86_400;

    let mut text = format!("root key check value  {}", check.as_deref().unwrap_or("-"));
    for tenant in &tenants {
        text.push_str(&format!(
            "\ntenant {}: key {}, service key {}, {} of {} users have a key",
            tenant.name,
            there(tenant.key.is_some()),
            there(tenant.service_key.is_some()),
            tenant.user_keys,
            tenant.users
        ));
    }
    for (key, place) in signing.iter().zip(0..) {
        text.push_str(&format!(
            "\nsigning key {}: {}, made {}, {} days ago",
            key.kid,
            if place == 0 { "signs" } else { "verifies" },
            key.created_at,
            days(key.created_at)
        ));
    }
    let data = json!({
        "root_key_check": check,
        "tenants": tenants.iter().map(|tenant| json!({
            "tenant": tenant.name,
            "key": tenant.key.is_some(),
            "service_key": tenant.service_key.is_some(),
            "users": tenant.users,
            "user_keys": tenant.user_keys,
        })).collect::<Vec<Value>>(),
        "signing_keys": signing.iter().zip(0..).map(|(key, place)| json!({
            "kid": key.kid,
            "signs": place == 0,
            "created_at": key.created_at,
            "age_days": days(key.created_at),
        })).collect::<Vec<Value>>(),
    });
    Ok(Answer { data, text })
}

const fn there(is_there: bool) -> &'static str {
    if is_there { "there" } else { "MISSING" }
}
