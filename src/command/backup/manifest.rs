//! What a backup says of itself, in `manifest.json` beside its file.
//!
//! Two things vouch for it: a digest that anybody can check, against accidents, and one that
//! takes the root key, against whoever may write where backups lie. What would surprise: it
//! is written last, so a directory without it is no backup.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::secret::Digest;
use crate::store::inspect::Counts;
use crate::store::sqlite::copy::Part;
use crate::vault::Vault;

const FILE: &str = "manifest.json";

/// The version of this form.
const FORMAT: u32 = 1;

/// What a backup of one of the two files says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: u32,
    /// `data` or `keys`.
    pub part: String,
    /// One for the data and the keys that were made together.
    pub backup: String,
    /// The version that made it.
    pub program: String,
    /// Of which directory.
    pub source: PathBuf,
    /// All that was answered as done before this is in it.
    pub began_at: Timestamp,
    /// When it was complete.
    pub ended_at: Timestamp,
    /// What the root key is recognised by.
    pub key_check: String,
    /// The schema version of the file.
    pub schema: u32,
    /// The length of the file.
    pub bytes: u64,
    /// The SHA-256 of the file.
    pub sha256: String,
    /// How much is in the data.
    pub counts: Option<Counts>,
    /// The SHA-256 of all the above.
    sum: String,
    /// What a holder of the root key says of it.
    seal: String,
}

/// What all manifests of one backup have in common.
#[derive(Debug, Clone)]
pub struct Origin {
    pub backup: String,
    pub source: PathBuf,
    pub began_at: Timestamp,
}

impl Manifest {
    /// Describes the file in this directory.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(part: Part, dir: &Path, origin: &Origin, ended_at: Timestamp, vault: &Vault) -> io::Result<Self> {
        let (bytes, sha256) = length_and_digest(&dir.join(part.file()))?;
        Ok(Self {
            format: FORMAT,
            part: name(part).to_owned(),
            backup: origin.backup.clone(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            source: origin.source.clone(),
            began_at: origin.began_at,
            ended_at,
            key_check: hex::encode(vault.check_value()),
            schema: 0,
            bytes,
            sha256,
            counts: None,
            sum: String::new(),
            seal: String::new(),
        })
    }

    /// Writes it durably, vouched for.
    ///
    /// # Errors
    /// Those of the file.
    pub fn write(mut self, dir: &Path, vault: &Vault) -> io::Result<()> {
        let text = self.vouched_text();
        self.sum = hex::encode(Digest::of(&text).as_bytes());
        self.seal = hex::encode(vault.vouch_for(&text));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(dir.join(FILE))?;
        serde_json::to_writer_pretty(&mut file, &self)?;
        file.write_all(b"\n")?;
        file.sync_all()
    }

    /// Reads the manifest of this part in the directory.
    ///
    /// # Errors
    /// A sentence: it is missing, of another part or version, or was altered.
    pub fn read(part: Part, dir: &Path) -> Result<Self, String> {
        let path = dir.join(FILE);
        let shown = path.display();
        let text = fs::read(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => format!(
                "{} is no backup: it has no {FILE}, which is written last; name a directory that `oneself backup \
                 create` has finished",
                dir.display()
            ),
            _ => format!("cannot read {shown}: {error}"),
        })?;
        let altered = |why: &str| format!("{shown} was altered or cut ({why}): use another copy of this backup");
        let form: serde_json::Value = serde_json::from_slice(&text).map_err(|error| altered(&error.to_string()))?;
        let format = form.get("format").and_then(serde_json::Value::as_u64);
        if format.is_some_and(|format| format > u64::from(FORMAT)) {
            return Err(format!("{shown} was made by a newer version: use that version"));
        }
        let manifest: Self = serde_json::from_value(form).map_err(|error| altered(&error.to_string()))?;
        if manifest.sum != hex::encode(Digest::of(&manifest.vouched_text()).as_bytes()) {
            return Err(altered("its digest does not fit"));
        }
        if manifest.part != name(part) {
            return Err(format!(
                "{} is a backup of the {}, and one of the {} is wanted: name the other directory",
                dir.display(),
                manifest.part,
                name(part)
            ));
        }
        Ok(manifest)
    }

    /// Whether a holder of the root key wrote it so.
    pub fn is_sealed_by(&self, vault: &Vault) -> bool {
        hex::decode(&self.seal).is_ok_and(|seal| vault.vouched_for(&self.vouched_text(), &seal))
    }

    fn vouched_text(&self) -> Vec<u8> {
        let bare = Self {
            sum: String::new(),
            seal: String::new(),
            ..self.clone()
        };
        // Fields in their order, numbers and texts: it cannot fail, and an empty text fits nothing.
        serde_json::to_vec(&bare).unwrap_or_default()
    }
}

const fn name(part: Part) -> &'static str {
    match part {
        Part::Data => "data",
        Part::Keys => "keys",
    }
}

/// How long a file is, and its SHA-256 in hex.
///
/// # Errors
/// When it cannot be read.
pub fn length_and_digest(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut context = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 1 << 18];
    let mut length = 0;
    loop {
        let read = file.read(&mut buffer)?;
        let Some(read @ [_, ..]) = buffer.get(..read) else {
            break;
        };
        context.update(read);
        length += read.len() as u64;
    }
    Ok((length, hex::encode(context.finish())))
}
