//! That transactions are isolated as they were tested to be right.
//!
//! What would surprise: YugabyteDB says `read committed` and means `repeatable read`, unless it was
//! told otherwise, so it is asked what it means.

use tokio_postgres::Client;

use super::refusal::OpenError;

/// The levels at which the store is right.
const LEVELS: [&str; 2] = ["read committed", "serializable"];

/// Sees that a transaction of which nothing else is said has one of them.
///
/// # Errors
/// Unfit, with the setting to change.
pub(super) async fn check(client: &Client, server: &str) -> Result<(), OpenError> {
    let row = client.query_one("SHOW default_transaction_isolation", &[]).await?;
    let said: String = row.try_get(0)?;
    let meant = match server.contains("-YB-") {
        true => {
            let row = client
                .query_one("SHOW yb_effective_transaction_isolation_level", &[])
                .await?;
            row.try_get(0)?
        }
        false => said.clone(),
    };
    judge(&said, &meant)
}

fn judge(said: &str, meant: &str) -> Result<(), OpenError> {
    if !LEVELS.contains(&said) {
        return Err(OpenError::Unfit(format!(
            "transactions of the database are {said} unless they say otherwise, and must be read committed or \
             serializable: ALTER DATABASE … SET default_transaction_isolation = 'read committed', or likewise where \
             its server, or the role of database_url, has it otherwise"
        )));
    }
    if !LEVELS.contains(&meant) {
        return Err(OpenError::Unfit(format!(
            "the database says {said} and means {meant}: set yb_enable_read_committed_isolation=true on its servers, \
             or ask for serializable in database_url: options=-c%20default_transaction_isolation%3Dserializable"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_counts_as_much_as_what_is_said() {
        for level in LEVELS {
            judge(level, level).unwrap();
        }
        for (said, meant, setting) in [
            ("repeatable read", "repeatable read", "default_transaction_isolation = "),
            ("read uncommitted", "read committed", "default_transaction_isolation = "),
            (
                "read committed",
                "repeatable read",
                "yb_enable_read_committed_isolation=true",
            ),
        ] {
            let error = judge(said, meant).unwrap_err().to_string();
            assert!(error.contains(said) && error.contains(setting), "{error}");
        }
    }
}
