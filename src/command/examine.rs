//! Looking through the contents of a store or of a backup: what `doctor` and `backup verify`
//! have in common.

use std::time::Duration;

use super::installation::Database;
use super::report::Report;
use super::{Failure, audit};
use crate::app::inspect::{open_sample, open_signing_key, open_tenant};
use crate::config::Config;
use crate::store::inspect::Inspection;
use crate::store::{StoreResult, postgres, sqlite};
use crate::vault::Vault;

/// Opens the data of these settings to be looked through.
///
/// # Errors
/// When it cannot be read; unsafe when the settings cannot be used.
pub fn open(config: &Config) -> Result<Inspection, Failure> {
    let opened = match Database::of(config)? {
        Some(database) => postgres::inspect(&database.address),
        None => sqlite::inspect(&config.data, Some(&config.data)),
    };
    opened.map_err(|error| Failure::failed(error.to_string()))
}

/// How many sealed token sets are opened.
const SAMPLES: u64 = 1_000;

/// Whether somebody works on what is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A store, which may be in use.
    Store,
    /// A backup, whose keys may be newer than its data.
    Backup,
}

/// The invariants, as far as the data shows them.
pub fn contents(report: &mut Report, files: &Inspection, subject: Subject) {
    let counts = files.counts();
    say(report, "contents", counts, |report, counts| {
        report.ok(
            "contents",
            format!(
                "{} tenants, {} users, {} identities, {} token sets, {} events",
                counts.tenants, counts.users, counts.identities, counts.token_sets, counts.events
            ),
        );
    });
    say(report, "invariants", files.contradictions(), |report, found| {
        report.findings(
            "invariants",
            &found,
            "I1, I2, I4: every account has one owner, a proof, and its tokens if it has any",
        );
    });
    say(report, "events", files.contradicting_events(), |report, found| {
        report.findings("events", &found, "I7: owners and proofs are those that the events tell");
    });
    say(report, "audit", files.trails(None, None), |report, trails| {
        let faults: Vec<String> = trails
            .iter()
            .filter_map(|(name, found)| Some(format!("{name}: {}", audit::fault(found)?)))
            .collect();
        for fault in &faults {
            report.fault("audit", fault.as_str());
        }
        if faults.is_empty() {
            let chained: u64 = trails.iter().map(|(_, found)| found.sound).sum();
            report.ok("audit", format!("{chained} chained events are as they were written"));
        }
    });
    say(
        report,
        "users' keys",
        files.without_key(),
        |report, found| match subject {
            Subject::Backup if !found.is_empty() => {
                let count: u64 = found.iter().map(|finding| finding.count).sum();
                report.note(
                    "users' keys",
                    format!("{count} users have tokens and no key: they were erased before the keys were copied"),
                );
            }
            _ => report.findings("users' keys", &found, "I4: whoever has tokens has a key"),
        },
    );
}

/// Whether what is sealed opens.
pub fn sealed(report: &mut Report, files: &Inspection, vault: &Vault) {
    say(report, "tenants' keys", files.tenants(), |report, tenants| {
        let faults: Vec<String> = tenants
            .iter()
            .filter_map(|tenant| open_tenant(vault, tenant).err())
            .collect();
        for fault in &faults {
            report.fault("tenants' keys", fault.as_str());
        }
        if faults.is_empty() {
            report.ok(
                "tenants' keys",
                format!("those of {} tenants open, with their clients' secrets", tenants.len()),
            );
        }
    });
    say(report, "signing keys", files.signing_keys(), |report, keys| {
        let failed: Vec<&str> = keys
            .iter()
            .filter(|key| open_signing_key(vault, key).is_err())
            .map(|key| key.kid.as_str())
            .collect();
        match failed.as_slice() {
            [] => report.ok("signing keys", format!("{} open", keys.len())),
            failed => report.fault("signing keys", format!("{} do not open", failed.join(", "))),
        }
    });
    let opened = || -> StoreResult<(usize, Vec<String>)> {
        let samples = files.samples(SAMPLES)?;
        let mut failed = Vec::new();
        for sample in &samples {
            let lies = sample.key.is_some() && open_sample(vault, sample).is_err() && files.is_as_read(sample)?;
            if lies {
                failed.push(sample.identity.id.to_string());
            }
        }
        Ok((samples.len(), failed))
    };
    say(
        report,
        "sealed tokens",
        opened(),
        |report, (count, failed)| match failed.first() {
            None => report.ok("sealed tokens", format!("I4: {count} were opened where they lie")),
            Some(example) => report.fault(
                "sealed tokens",
                format!(
                    "I4: {} of {count} do not open (for one, {example}): they were altered or moved; linking the \
                     account again with new tokens heals it",
                    failed.len()
                ),
            ),
        },
    );
}

/// How long a key may be before its user is there.
pub const APART: Duration = Duration::from_secs(1);

/// Says what was read, or that it could not be.
pub fn say<T>(report: &mut Report, check: &str, read: StoreResult<T>, then: impl FnOnce(&mut Report, T)) {
    match read {
        Ok(read) => then(report, read),
        Err(error) => report.fault(check, format!("cannot be read: {error}")),
    }
}
