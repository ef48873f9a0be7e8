//! The file of refused lines: a JSON object a line, in the order of the lines they tell of.
//!
//! What would surprise: an import that was cut off may have written a refusal of an act that was
//! not kept, or not have written one of an act that was. Whoever goes on puts both right.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::app::import::{Import, Refusal};

/// No refusal is longer.
const ENTRY_LIMIT_BYTES: u64 = 4096;

/// The file of refused lines.
pub struct ErrorFile(File);

impl ErrorFile {
    /// Begins the file, or has it say what was refused until an import was cut off.
    pub fn open(path: &Path, import: &Import) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        let kept = kept(&mut file, import.lines_before)?;
        file.set_len(kept)?;
        file.seek(SeekFrom::Start(kept))?;
        let mut errors = Self(file);
        errors.write(&import.last_refused)?;
        Ok(errors)
    }

    /// Writes what was refused.
    pub fn write(&mut self, refused: &[Refusal]) -> io::Result<()> {
        let mut text = Vec::new();
        for refusal in refused {
            serde_json::to_writer(&mut text, refusal)?;
            text.push(b'\n');
        }
        self.0.write_all(&text)
    }
}

/// How long the part of the file is that tells of these lines.
fn kept(file: &mut File, lines: u64) -> io::Result<u64> {
    let mut reader = BufReader::new(file);
    let mut kept = 0;
    loop {
        let mut entry = Vec::new();
        let length = (&mut reader).take(ENTRY_LIMIT_BYTES).read_until(b'\n', &mut entry)?;
        match serde_json::from_slice::<Refusal>(&entry) {
            Ok(refusal) if entry.ends_with(b"\n") && refusal.line <= lines => kept += length as u64,
            _ => return Ok(kept),
        }
    }
}
