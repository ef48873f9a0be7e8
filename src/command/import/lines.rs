//! The lines of a file, read in bounded memory.
//!
//! What would surprise: a line that is too long is passed over without being kept, and a last
//! line without its end is a line if it can be read as one.

use std::fs::{File, Metadata};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use aws_lc_rs::digest;

use super::line;
use crate::app::import::{ImportedLines, Refusal};
use crate::secret::Digest;

/// The longest line, in bytes, without its end.
pub const LINE_LIMIT_BYTES: u64 = 256 * 1024;

/// How many lines are one act, if they are short.
const LINES_AT_ONCE: u64 = 256;

/// After how many bytes of lines an act is full.
const BYTES_AT_ONCE: u64 = 2 * 1024 * 1024;

/// How much is read at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// The lines of a file.
pub struct Lines {
    file: BufReader<File>,
    opened: Metadata,
    /// How many were read.
    read: u64,
    /// Where they end.
    offset: u64,
}

/// One line.
enum Line {
    Text(Vec<u8>),
    /// The file ends before the line does.
    CutOff(Vec<u8>),
    TooLong,
}

impl Lines {
    /// Opens a file, and reads it once for its digest.
    pub fn open(path: &Path) -> io::Result<(Self, Digest)> {
        let mut file = File::open(path)?;
        let opened = file.metadata()?;
        if !opened.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no ordinary file"));
        }
        let mut context = digest::Context::new(&digest::SHA256);
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                n => context.update(buffer.get(..n).unwrap_or_default()),
            }
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        file.rewind()?;
        let lines = Self {
            file: BufReader::with_capacity(BUFFER_BYTES, file),
            opened,
            read: 0,
            offset: 0,
        };
        Ok((lines, Digest::from_bytes(digest)))
    }

    /// How long the file is.
    pub fn length(&self) -> u64 {
        self.opened.len()
    }

    /// Goes on after so many lines, which end there.
    pub fn resume(&mut self, read: u64, offset: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        (self.read, self.offset) = (read, offset);
        Ok(())
    }

    /// The next lines, as many as are one act.
    pub fn batch(&mut self) -> io::Result<ImportedLines> {
        let mut batch = ImportedLines::default();
        let began = (self.read, self.offset);
        while self.read - began.0 < LINES_AT_ONCE && self.offset - began.1 < BYTES_AT_ONCE {
            let Some(text) = self.next()? else { break };
            let number = self.read;
            match read(text) {
                None => {}
                Some(Ok(user)) => batch.users.push((number, user)),
                Some(Err((path, reason))) => batch.refused.push(Refusal {
                    line: number,
                    path,
                    reason,
                }),
            }
        }
        let now = self.file.get_ref().metadata()?;
        if (now.len(), now.modified()?) != (self.opened.len(), self.opened.modified()?) {
            return Err(io::Error::other("it was changed while it was read"));
        }
        batch.lines = self.read;
        batch.offset = self.offset;
        batch.is_last = self.file.fill_buf()?.is_empty();
        Ok(batch)
    }

    fn next(&mut self) -> io::Result<Option<Line>> {
        let mut line = Vec::new();
        // Room for the end of a line that is as long as it may be.
        let room = LINE_LIMIT_BYTES + 2;
        let taken = (&mut self.file).take(room).read_until(b'\n', &mut line)?;
        if taken == 0 {
            return Ok(None);
        }
        let is_first = self.offset == 0;
        self.read += 1;
        self.offset += taken as u64;
        let ended = line.pop_if(|last| *last == b'\n').is_some();
        if ended {
            line.pop_if(|last| *last == b'\r');
        } else if taken as u64 == room {
            self.offset += self.pass_over()?;
            return Ok(Some(Line::TooLong));
        }
        if is_first && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        Ok(Some(match ended {
            _ if line.len() as u64 > LINE_LIMIT_BYTES => Line::TooLong,
            true => Line::Text(line),
            false => Line::CutOff(line),
        }))
    }

    /// Passes over the rest of a line; how long it was.
    fn pass_over(&mut self) -> io::Result<u64> {
        let mut passed = 0;
        loop {
            let buffer = self.file.fill_buf()?;
            let end = buffer.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let length = end.unwrap_or(buffer.len());
            self.file.consume(length);
            passed += length as u64;
            if end.is_some() || length == 0 {
                return Ok(passed);
            }
        }
    }
}

/// Who is in a line; `None` when it is empty.
fn read(line: Line) -> Option<line::Outcome> {
    let whole = |reason: String| Some(Err((String::new(), reason)));
    match line {
        Line::TooLong => whole(format!("the line is longer than {LINE_LIMIT_BYTES} bytes")),
        Line::Text(text) | Line::CutOff(text) if text.trim_ascii().is_empty() => None,
        Line::Text(text) => Some(line::read(&text)),
        Line::CutOff(text) => match line::read(&text) {
            Err(_) if serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_err() => {
                whole("the file ends inside of this line".into())
            }
            read => Some(read),
        },
    }
}
