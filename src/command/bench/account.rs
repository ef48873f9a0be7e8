//! What the operating system accounts to a process, and how fast the machine is just now.
//!
//! Everything is read from `/proc`, so it works on Linux only. What would surprise: times
//! of a process are counted in hundredths of a second there, on every architecture, so a
//! measurement should take seconds.

use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use crate::secret::Digest;

/// The unit of times in `/proc/PID/stat`.
const TICK: Duration = Duration::from_millis(10);

/// How many digests the fixed loop makes, each of the one before.
const FIXED_LOOP: u32 = 500_000;

/// What is measured: a server, and the database that works for it.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// The server's process.
    pub server: u32,
    /// The process that the database's other ones were begun by.
    pub database: Option<u32>,
}

impl Measured {
    /// The time that the processors have worked for all of it.
    ///
    /// # Errors
    /// When the server or the database is gone.
    pub fn cpu(self) -> io::Result<Duration> {
        let database = self.database.map_or(Ok(Duration::ZERO), cpu_of_family)?;
        Ok(cpu(self.server)? + database)
    }
}

/// The time that the processors have worked for a process, its threads together.
///
/// # Errors
/// When there is no such process.
pub fn cpu(process: u32) -> io::Result<Duration> {
    // Spent in the program, and in the system for it.
    ticks(process, 11, 2)
}

/// The same for a process with all that it began, be they there or not.
fn cpu_of_family(process: u32) -> io::Result<Duration> {
    // The same of those that have ended stand behind its own.
    let mut sum = ticks(process, 11, 4)?;
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        if let Some(child) = name.to_str().and_then(|name| name.parse().ok())
            && parent(child).is_ok_and(|parent| parent == process)
        {
            sum += ticks(child, 11, 4).unwrap_or_default();
        }
    }
    Ok(sum)
}

/// The process that began this one.
///
/// # Errors
/// When there is no such process.
pub fn parent(process: u32) -> io::Result<u32> {
    let parent = field(process, 1)?.first().copied();
    parent.ok_or(io::ErrorKind::InvalidData.into())
}

fn ticks(process: u32, first: usize, count: usize) -> io::Result<Duration> {
    let ticks = field(process, first)?;
    Ok(TICK * ticks.iter().take(count).sum::<u32>())
}

/// The numbers in `/proc/PID/stat` from this field on, counted from the one after the name.
fn field(process: u32, first: usize) -> io::Result<Vec<u32>> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is the program's name in parentheses, which may hold anything.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let numbers = after_name.split_whitespace().skip(first);
    Ok(numbers.map_while(|field| field.parse().ok()).collect())
}

/// The bytes of memory that are the process's own.
///
/// # Errors
/// When there is no such process.
pub fn private_memory(process: u32) -> io::Result<u64> {
    memory(process, "RssAnon:")
}

/// The most bytes of memory that the process ever had, files that are mapped included.
///
/// # Errors
/// When there is no such process.
pub fn peak_memory(process: u32) -> io::Result<u64> {
    memory(process, "VmHWM:")
}

fn memory(process: u32, line: &str) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    status
        .lines()
        .find_map(|found| found.strip_prefix(line)?.trim().strip_suffix(" kB")?.parse().ok())
        .map(|kilobytes: u64| kilobytes * 1024)
        .ok_or(io::ErrorKind::InvalidData.into())
}

/// The bytes of the files in a folder.
///
/// # Errors
/// When it cannot be read.
pub fn disk(folder: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        sum += entry?.metadata()?.len();
    }
    Ok(sum)
}

/// How long this thread works for a fixed amount of SHA-256: when two runs differ in it, the
/// machine does.
///
/// # Errors
/// When the time of a thread is not told here.
pub fn fixed_loop() -> io::Result<Duration> {
    let before = worked()?;
    let mut digest = Digest::of(b"");
    for _ in 0..FIXED_LOOP {
        digest = Digest::of(std::hint::black_box(digest.as_bytes()));
    }
    std::hint::black_box(digest);
    Ok(worked()?.saturating_sub(before))
}

/// The time that a processor has worked for this thread.
fn worked() -> io::Result<Duration> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = stat.split_whitespace().next().and_then(|field| field.parse().ok());
    nanos.map(Duration::from_nanos).ok_or(io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_accounted() {
        let own = std::process::id();
        let before = cpu(own).unwrap();
        let mut loops = Duration::ZERO;
        while loops < Duration::from_millis(50) {
            loops += fixed_loop().unwrap();
        }
        assert!(cpu(own).unwrap() - before >= Duration::from_millis(40));
        assert!(private_memory(own).unwrap() > 100_000);
        assert!(disk(Path::new("src")).unwrap() > 1_000);
    }
}
