//! The files of the ledger: `ledger`, and behind it the closed `ledger.1`, `ledger.2`, …
//!
//! A file that has grown long is closed and the next begun; a closed one goes when all in it
//! is older than [`KEPT_DAYS`]. What would surprise: an end that is no line is what a loss of power left of a
//! line that was never synced, so it is cut off; anything else that is no line is damage.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::contents::{LedgerFault, Segment, closed, sync_directory};
use super::{Entry, FILE, KEPT_DAYS, Loss, What};

/// From how many bytes on a file is closed.
const LONG_BYTES: u64 = 16 << 20;

/// The ledger of a store, open at its end.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: File,
    len: u64,
    number: u64,
    last_batch: u64,
    /// The commit that is under way.
    open: Option<u64>,
    /// Commits that failed, and whose void is not written yet.
    failed: Vec<u64>,
}

impl Ledger {
    /// Opens the ledger in this directory, or begins one; `committed` is the last number that the
    /// data knows.
    ///
    /// # Errors
    /// [`LedgerFault::DataOlder`] when more than the last commit is unknown to the data.
    pub fn open(dir: &Path, committed: u64, now: Timestamp) -> Result<Self, LedgerFault> {
        let path = dir.join(FILE);
        let fault = |error| LedgerFault::Io(path.display().to_string(), error);
        let next = path.with_added_extension("new");
        if !path.exists() && next.exists() {
            fs::rename(&next, &path).map_err(fault)?;
        }
        let segment = Segment::read(&path)?;
        let (number, begin) = segment.beginning().unwrap_or((1, 0));
        if begin > committed {
            return Err(LedgerFault::DataOlder(path.display().to_string()));
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(fault)?;
        let mut ledger = Self {
            file,
            len: segment.len,
            number,
            last_batch: segment
                .entries
                .iter()
                .map(|entry| entry.batch)
                .fold(committed, u64::max),
            open: None,
            failed: Vec::new(),
            path: path.clone(),
        };
        if segment.torn {
            ledger.file.set_len(segment.len).map_err(fault)?;
        }
        if segment.entries.is_empty() && segment.damaged.is_none() {
            let beginning = Entry {
                batch: committed,
                at: now,
                what: What::From(number),
            };
            ledger.write(&format!("{beginning}\n")).map_err(fault)?;
            sync_directory(dir).map_err(fault)?;
        }
        let unknown = segment.unknown_to(committed);
        if unknown.len() > 1 {
            return Err(LedgerFault::DataOlder(path.display().to_string()));
        }
        ledger.failed.extend(unknown);
        ledger.write_voids(now).map_err(fault)?;
        Ok(ledger)
    }

    /// Writes what the next commit loses, and returns its number when it is durable.
    ///
    /// # Errors
    /// Those of the disk; the number is not used again.
    pub fn append(&mut self, losses: &[Loss], at: Timestamp) -> io::Result<u64> {
        self.write_voids(at)?;
        self.last_batch += 1;
        let batch = self.last_batch;
        self.open = Some(batch);
        let mut text = String::new();
        for loss in losses {
            let entry = Entry {
                batch,
                at,
                what: What::Loss(loss.clone()),
            };
            text.push_str(&entry.to_string());
            text.push('\n');
        }
        self.write(&text)?;
        Ok(batch)
    }

    /// The commit that was written about came to be.
    pub fn committed(&mut self, now: Timestamp) {
        if self.open.take().is_some()
            && self.len > LONG_BYTES
            && let Err(error) = self.close_file(now)
        {
            tracing::warn!(%error, "the ledger is long and could not be closed; it grows on");
        }
    }

    /// The commit that was written about, if there was one, did not come to be.
    pub fn failed(&mut self, now: Timestamp) {
        self.failed.extend(self.open.take());
        if let Err(error) = self.write_voids(now) {
            tracing::error!(%error, "the ledger cannot be written to; it is tried again before the next entry");
        }
    }

    fn write_voids(&mut self, at: Timestamp) -> io::Result<()> {
        if self.failed.is_empty() {
            return Ok(());
        }
        let lines = self.failed.iter().map(|batch| {
            let entry = Entry {
                batch: *batch,
                at,
                what: What::Void,
            };
            format!("{entry}\n")
        });
        let text: String = lines.collect();
        self.write(&text)?;
        self.failed.clear();
        Ok(())
    }

    /// Writes at the end, durably or not at all as far as this process sees.
    fn write(&mut self, text: &str) -> io::Result<()> {
        let written = self
            .file
            .write_all_at(text.as_bytes(), self.len)
            .and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                self.len += text.len() as u64;
                Ok(())
            }
            Err(error) => {
                let _ = self.file.set_len(self.len);
                Err(error)
            }
        }
    }

    /// Closes the file and begins the next.
    fn close_file(&mut self, now: Timestamp) -> io::Result<()> {
        let next = self.path.with_added_extension("new");
        let beginning = Entry {
            batch: self.last_batch,
            at: now,
            what: What::From(self.number + 1),
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&next)?;
        let text = format!("{beginning}\n");
        file.write_all_at(text.as_bytes(), 0)?;
        file.sync_all()?;
        fs::rename(&self.path, closed(&self.path, self.number))?;
        fs::rename(&next, &self.path)?;
        if let Some(dir) = self.path.parent() {
            sync_directory(dir)?;
        }
        self.file = file;
        self.len = text.len() as u64;
        self.number += 1;
        self.forget_old(now);
        Ok(())
    }

    /// Removes closed files of which the next one had begun before what is to be kept.
    fn forget_old(&self, now: Timestamp) {
        let Ok(oldest) = now.checked_sub(SignedDuration::from_hours(24 * KEPT_DAYS)) else {
            return;
        };
        let mut number = self.number;
        let mut old = false;
        while number > 1 {
            let begun = Segment::begun_at(&if number == self.number {
                self.path.clone()
            } else {
                closed(&self.path, number)
            });
            old |= begun.is_some_and(|begun| begun < oldest);
            number -= 1;
            let file = closed(&self.path, number);
            if !file.exists() {
                return;
            }
            if old && let Err(error) = fs::remove_file(&file) {
                tracing::warn!(%error, "an old file of the ledger could not be removed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;
    use crate::id::{TenantId, UserId};

    fn loss(n: u8) -> Loss {
        Loss::User {
            tenant: TenantId::from_number(1),
            user: UserId::from_bytes([n; 12]),
        }
    }

    fn at(days: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + days * 86_400_000).unwrap()
    }

    fn lose(ledger: &mut Ledger, n: u8) {
        ledger.append(&[loss(n)], at(0)).unwrap();
        ledger.committed(at(0));
    }

    fn kept(dir: &Path) -> Vec<Loss> {
        let contents = read(&dir.join(FILE)).unwrap().unwrap();
        contents.losses.into_iter().map(|(_, loss)| loss).collect()
    }

    #[test]
    fn what_failed_is_void_and_what_is_torn_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(dir.path(), 0, at(0)).unwrap();
        lose(&mut ledger, 1);
        ledger.append(&[loss(2)], at(0)).unwrap();
        ledger.failed(at(0));
        lose(&mut ledger, 3);
        assert_eq!(kept(dir.path()), [loss(1), loss(3)]);
        // Killed between the line and the commit.
        ledger.append(&[loss(4), loss(5)], at(0)).unwrap();
        drop(ledger);
        let path = dir.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], b"abcdef12 5 18000", &[0; 300]].concat()).unwrap();
        drop(Ledger::open(dir.path(), 3, at(1)).unwrap());
        assert_eq!(kept(dir.path()), [loss(1), loss(3)]);
        assert!(fs::read(&path).unwrap().starts_with(&whole));
        let mut ledger = Ledger::open(dir.path(), 3, at(1)).unwrap();
        lose(&mut ledger, 6);
        assert_eq!(kept(dir.path()), [loss(1), loss(3), loss(6)]);
        assert_eq!(read(&path).unwrap().unwrap().last_batch, 5);
    }

    #[test]
    fn data_that_is_older_than_its_ledger_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(dir.path(), 0, at(0)).unwrap();
        for n in 1..=3 {
            lose(&mut ledger, n);
        }
        drop(ledger);
        let refused = Ledger::open(dir.path(), 1, at(1)).unwrap_err();
        assert!(matches!(refused, LedgerFault::DataOlder(_)), "{refused}");
        Ledger::open(dir.path(), 3, at(1)).unwrap();
    }

    #[test]
    fn a_damaged_line_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(dir.path(), 0, at(0)).unwrap();
        for n in 1..=3 {
            lose(&mut ledger, n);
        }
        let path = dir.path().join(FILE);
        let text = fs::read_to_string(&path).unwrap().replacen(" user ", " uses ", 1);
        fs::write(&path, text).unwrap();
        let refused = read(&path).unwrap_err();
        assert!(matches!(refused, LedgerFault::Damaged(_, 2)), "{refused}");
    }

    #[test]
    fn long_files_are_closed_and_old_ones_go() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(dir.path(), 0, at(0)).unwrap();
        for n in 1..=3 {
            lose(&mut ledger, n);
            ledger.close_file(at(i64::from(n))).unwrap();
        }
        assert_eq!(kept(dir.path()), [loss(1), loss(2), loss(3)]);
        lose(&mut ledger, 4);
        // Begun on the days 0, 1, 2 and 3: the first two ended by day 2.
        ledger.close_file(at(KEPT_DAYS + 3)).unwrap();
        assert_eq!(kept(dir.path()), [loss(3), loss(4)]);
        let contents = read(&dir.path().join(FILE)).unwrap().unwrap();
        assert_eq!(contents.since, at(2));
        drop(Ledger::open(dir.path(), 4, at(1)).unwrap());
        // Killed between the two renames.
        fs::rename(dir.path().join(FILE), dir.path().join("ledger.new")).unwrap();
        drop(Ledger::open(dir.path(), 4, at(1)).unwrap());
        assert_eq!(kept(dir.path()), [loss(3), loss(4)]);
    }
}
