//! Reading a ledger: one file of it, or all its files together.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Entry, FILE, Loss, What};

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerFault {
    /// It cannot be read or written.
    #[error("{0} cannot be used: {1}")]
    Io(String, io::Error),
    /// A line in the midst of it is none.
    #[error("{0} is damaged at line {1}")]
    Damaged(String, u64),
    /// The data is older than what stands in the ledger.
    #[error(
        "the data is older than {0}, and what was deleted since would be back: put back data that is as new, or use \
         `oneself backup restore`, which erases it again; or accept it by moving that file away"
    )]
    DataOlder(String),
}

/// What the so many-eth file of a ledger is called once it is closed.
pub(super) fn closed(path: &Path, number: u64) -> PathBuf {
    path.with_added_extension(number.to_string())
}

pub(super) fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// What is in a ledger, all its files together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Since when it is complete.
    pub since: Timestamp,
    /// When something was written last.
    pub last_at: Timestamp,
    /// The last number of a commit.
    pub last_batch: u64,
    /// What is gone, oldest first, with the number of the commit; without what was voided.
    pub losses: Vec<(u64, Loss)>,
    /// The numbers of its closed files.
    files: std::ops::Range<u64>,
    /// How long the open one was.
    len: u64,
}

/// Reads a ledger, with the closed files beside it; `None` when there is none.
///
/// # Errors
/// When it cannot be read, or a line in its midst is damaged.
pub fn read(path: &Path) -> Result<Option<Contents>, LedgerFault> {
    let mut segment = Segment::read(path)?;
    let mut entries = Vec::new();
    let mut name = path.to_owned();
    let (mut oldest, mut newest) = (0, 0);
    let len = segment.len;
    loop {
        if let Some(line) = segment.damaged {
            return Err(LedgerFault::Damaged(name.display().to_string(), line));
        }
        let Some((number, _)) = segment.beginning() else { break };
        oldest = number;
        newest = newest.max(number);
        segment.entries.append(&mut entries);
        entries = segment.entries;
        name = closed(path, number.saturating_sub(1));
        segment = Segment::read(&name)?;
    }
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
        return Ok(None);
    };
    let void = voided(&entries);
    Ok(Some(Contents {
        since: first.at,
        last_at: last.at,
        last_batch: entries.iter().map(|entry| entry.batch).max().unwrap_or(0),
        losses: entries
            .iter()
            .filter_map(|entry| match &entry.what {
                What::Loss(loss) if !void.contains(&entry.batch) => Some((entry.batch, loss.clone())),
                _ => None,
            })
            .collect(),
        files: oldest..newest,
        len,
    }))
}

/// Makes a ledger that was read from `path` the ledger of this directory, durably.
///
/// # Errors
/// Those of the files.
pub fn adopt(path: &Path, dir: &Path, contents: &Contents) -> io::Result<()> {
    let own = dir.join(FILE);
    for number in contents.files.clone() {
        fs::copy(closed(path, number), closed(&own, number))?;
    }
    fs::copy(path, &own)?;
    OpenOptions::new().write(true).open(&own)?.set_len(contents.len)?;
    if read(&own).ok().flatten().as_ref() != Some(contents) {
        return Err(io::Error::other(format!(
            "{} was written to meanwhile: try again",
            path.display()
        )));
    }
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(FILE) {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o600))?;
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_directory(dir)
}

fn voided(entries: &[Entry]) -> BTreeSet<u64> {
    let void = entries.iter().filter(|entry| entry.what == What::Void);
    void.map(|entry| entry.batch).collect()
}

/// One file.
pub(super) struct Segment {
    pub entries: Vec<Entry>,
    /// Up to where there are lines.
    pub len: u64,
    /// What comes after that is no line.
    pub torn: bool,
    /// The first line that is none, though others follow.
    pub damaged: Option<u64>,
}

impl Segment {
    pub fn read(path: &Path) -> Result<Self, LedgerFault> {
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            read => read.map_err(|error| LedgerFault::Io(path.display().to_string(), error))?,
        };
        let mut segment = Self {
            entries: Vec::new(),
            len: 0,
            torn: false,
            damaged: None,
        };
        let (mut at, mut bad) = (0, None);
        for (line, number) in bytes.split_inclusive(|byte| *byte == b'\n').zip(1_u64..) {
            at += line.len() as u64;
            let text = line.strip_suffix(b"\n").and_then(|line| str::from_utf8(line).ok());
            match text.and_then(Entry::parse) {
                Some(entry) => {
                    segment.damaged = segment.damaged.or(bad);
                    segment.entries.push(entry);
                    segment.len = at;
                }
                None => bad = bad.or(Some(number)),
            }
        }
        segment.torn = at > segment.len;
        Ok(segment)
    }

    /// The number of the file, and the last commit before it.
    pub fn beginning(&self) -> Option<(u64, u64)> {
        match self.entries.first()? {
            Entry {
                batch,
                what: What::From(number),
                ..
            } => Some((*number, *batch)),
            _ => None,
        }
    }

    pub fn begun_at(path: &Path) -> Option<Timestamp> {
        Some(Self::read(path).ok()?.entries.first()?.at)
    }

    /// Commits that lost something, after that one, and were not voided.
    pub fn unknown_to(&self, committed: u64) -> BTreeSet<u64> {
        let void = voided(&self.entries);
        let later = self.entries.iter().filter(|entry| entry.batch > committed);
        later
            .map(|entry| entry.batch)
            .filter(|batch| !void.contains(batch))
            .collect()
    }
}
