//! Spreading the tables over the nodes of a Citus cluster, by tenant.
//!
//! All rows of a tenant lie together on one node, whichever table they are in, so that what names
//! its tenant by equality is sent there as a whole. Tables that no tenant has a part of are small
//! and are copied to every node. What would surprise: a table is spread once it is there, so a
//! migration that makes another one is followed by this again; it passes over those that are
//! spread as they should be.

use tokio_postgres::Client;

use super::connect::Address;
use super::refusal::{OpenError, connect};

/// The table that the others lie beside.
const FIRST: &str = "oneself.users";

/// The others that have a tenant.
const BESIDE: [&str; 26] = [
    "oneself.clients",
    "oneself.web_origins",
    "oneself.connections",
    "oneself.day_counts",
    "oneself.last_login_days",
    "oneself.user_bags",
    "oneself.identities",
    "oneself.terms",
    "oneself.token_sets",
    "oneself.login_names",
    "oneself.aliases",
    "oneself.opaque_tokens",
    "oneself.spent_proofs",
    "oneself.erased_identities",
    "oneself.once_keys",
    "oneself.imports",
    "oneself.jobs",
    "oneself.job_parts",
    "oneself.events",
    "oneself.unplaced_events",
    "oneself.acts",
    "oneself.trail",
    "oneself.trail_heads",
    "oneself.logs",
    "oneself_keys.tenant_keys",
    "oneself_keys.keys",
];

/// Those that every node has.
const EVERYWHERE: [&str; 4] = [
    "oneself.meta",
    "oneself.tenants",
    "oneself_keys.key_check",
    "oneself_keys.signing_keys",
];

/// Every table with the statement that spreads it, in an order in which they may be run.
fn steps() -> Vec<(&'static str, String)> {
    let first = format!("SELECT create_distributed_table('{FIRST}', 'tenant', colocate_with => 'none')");
    let beside = BESIDE.iter().map(|table| {
        let statement = format!("SELECT create_distributed_table('{table}', 'tenant', colocate_with => '{FIRST}')");
        (*table, statement)
    });
    let everywhere = EVERYWHERE
        .iter()
        .map(|table| (*table, format!("SELECT create_reference_table('{table}')")));
    let first = std::iter::once((FIRST, first));
    first.chain(beside).chain(everywhere).collect()
}

/// The statements that spread the tables.
pub fn statements() -> Vec<String> {
    steps().into_iter().map(|(_, statement)| statement).collect()
}

/// Spreads the tables of a database that has the schema of this binary; those that are spread
/// already stay as they are.
///
/// # Errors
/// [`OpenError`], also when the database is no part of a Citus cluster or this is not its
/// coordinator. What was done before it stays, and it is safe to run again.
pub async fn distribute(address: &Address) -> Result<(), OpenError> {
    let client = connect(address).await?;
    let extension = client
        .query_opt("SELECT 1 FROM pg_extension WHERE extname = 'citus'", &[])
        .await?;
    if extension.is_none() {
        return Err(OpenError::Unfit(
            "the database has no extension citus: run CREATE EXTENSION citus in it, on every node of the cluster, \
             and then this again"
                .into(),
        ));
    }
    for (table, statement) in steps() {
        if !is_spread(&client, table).await? {
            client.batch_execute(&statement).await?;
        }
    }
    Ok(())
}

/// Whether a table lies where it should: beside the first one, or as a copy on every node. Of one
/// that is spread in another way, Citus itself says so when it is asked to.
async fn is_spread(client: &Client, table: &str) -> Result<bool, OpenError> {
    let found = client
        .query_opt(
            "SELECT 1 FROM pg_dist_partition AS own WHERE own.logicalrelid = CAST(CAST($1 AS text) AS regclass)
                AND ((own.partmethod = 'n' AND own.repmodel = 't')
                    OR (own.partmethod = 'h' AND own.colocationid = (SELECT first.colocationid
                        FROM pg_dist_partition AS first WHERE first.logicalrelid = CAST('oneself.users' AS regclass))))",
            &[&table],
        )
        .await?;
    Ok(found.is_some())
}
