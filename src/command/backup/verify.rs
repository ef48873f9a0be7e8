//! Whether a backup can be restored: manifests, digests, schema, soundness, invariants, and
//! that what is sealed opens, as far as the keys and the root key are at hand.
//!
//! Nothing is written anywhere.

use std::path::Path;

use super::manifest::{Manifest, length_and_digest};
use crate::command::examine::{self, Subject};
use crate::command::report::Report;
use crate::store::sqlite::copy::{self, Part};
use crate::store::sqlite::inspect;
use crate::vault::Vault;

/// What a backup was found to be.
pub struct Verified {
    /// Every check.
    pub report: Report,
    /// What the data says of itself, when that can be read.
    pub data: Option<Manifest>,
    /// What the keys say of themselves, likewise.
    pub keys: Option<Manifest>,
}

/// Looks through a backup.
pub fn verify(data: &Path, keys: Option<&Path>, vault: Option<&Vault>) -> Verified {
    let mut report = Report::default();
    let of_data = file(&mut report, Part::Data, data, vault);
    let of_keys = keys.and_then(|keys| file(&mut report, Part::Keys, keys, vault));
    if let (Some(data), Some(keys)) = (&of_data, &of_keys) {
        belong_together(&mut report, data, keys);
    }
    if keys.is_none() {
        report.note("keys", "not looked at: name them with --keys");
    } else if vault.is_none() {
        report.note("root key", "not looked at: name its file with --root-key-file");
    }
    let is_older = |manifest: &Option<Manifest>, part| {
        let older = |manifest: &Manifest| !copy::is_current(part, manifest.schema);
        manifest.as_ref().is_some_and(older)
    };
    if is_older(&of_data, Part::Data) || is_older(&of_keys, Part::Keys) {
        report.note(
            "contents",
            "not looked at: the schema is an older one, which `restore` brings up to date",
        );
    } else if report.first_fault().is_none() {
        let opened = inspect(data, keys);
        examine::say(&mut report, "contents", opened, |report, files| {
            if let Some(manifest) = &of_data
                && files.counts().is_ok_and(|counts| Some(counts) != manifest.counts)
            {
                report.fault("contents", "the data does not hold as much as its manifest says");
            }
            examine::contents(report, &files, Subject::Backup);
            if let (Some(vault), Some(_)) = (vault, keys) {
                examine::sealed(report, &files, vault);
            }
        });
    }
    Verified {
        report,
        data: of_data,
        keys: of_keys,
    }
}

/// One of the two files; its manifest, when nothing is wrong with it.
fn file(report: &mut Report, part: Part, dir: &Path, vault: Option<&Vault>) -> Option<Manifest> {
    let name = part.file();
    let manifest = match Manifest::read(part, dir) {
        Ok(manifest) => manifest,
        Err(why) => {
            report.fault(name, why);
            return None;
        }
    };
    let path = dir.join(name);
    let shown = path.display();
    let found = match length_and_digest(&path) {
        Ok(found) => found,
        Err(error) => {
            report.fault(name, format!("{shown} cannot be read: {error}"));
            return None;
        }
    };
    if found.0 != manifest.bytes {
        report.fault(
            name,
            format!(
                "{shown} has {} bytes, and {} were written: use another copy of this backup",
                found.0, manifest.bytes
            ),
        );
        return None;
    }
    if found.1 != manifest.sha256 {
        report.fault(
            name,
            format!("{shown} was altered, its SHA-256 is another: use another copy of this backup"),
        );
        return None;
    }
    if let Some(vault) = vault {
        if manifest.key_check != hex::encode(vault.check_value()) {
            let whose = match part {
                Part::Data => "",
                Part::Keys => ", or its keys are of another installation than the data",
            };
            report.fault(
                name,
                format!(
                    "{} was made under another root key{whose}: name that key's file with --root-key-file, or the keys \
                     that were made with the data",
                    dir.display()
                ),
            );
            return None;
        }
        if !manifest.is_sealed_by(vault) {
            report.fault(
                name,
                format!(
                    "{} was altered by somebody without the root key: use another copy",
                    dir.display()
                ),
            );
            return None;
        }
    }
    match copy::schema(part, dir) {
        Ok(schema) if schema == manifest.schema => {}
        Ok(schema) => {
            report.fault(
                name,
                format!(
                    "{shown} has schema version {schema}, and its manifest says {}",
                    manifest.schema
                ),
            );
            return None;
        }
        Err(error) => {
            report.fault(name, error.to_string());
            return None;
        }
    }
    match copy::unsound(part, dir) {
        Ok(said) if said.is_empty() => report.ok(
            name,
            format!(
                "{} bytes of {}, as they were written; a sound database of schema version {}",
                manifest.bytes, manifest.began_at, manifest.schema
            ),
        ),
        Ok(said) => report.fault(name, format!("{shown} is not sound: {}", said.join("; "))),
        Err(error) => report.fault(name, error.to_string()),
    }
    Some(manifest)
}

/// That the keys open this data.
fn belong_together(report: &mut Report, data: &Manifest, keys: &Manifest) {
    if data.key_check != keys.key_check {
        report.fault(
            "keys",
            "the keys are of another installation: name those that were made with the data, or later ones of the same",
        );
    } else if keys.began_at < data.began_at {
        report.fault(
            "keys",
            format!(
                "the keys are of {}, and the data of {}: what was linked in between would not open; name keys that were \
                 made with the data or later",
                keys.began_at, data.began_at
            ),
        );
    } else if data.backup == keys.backup {
        report.ok("keys", "made with the data");
    } else {
        report.ok(
            "keys",
            "made later than the data: users who were erased in between stay erased",
        );
    }
}
