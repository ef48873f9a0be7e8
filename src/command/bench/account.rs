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

/// The time that the processors have worked for a process, its threads together.
///
/// # Errors
/// When there is no such process.
pub fn cpu(process: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is the program's name in parentheses, which may hold anything; after
    // it the times spent in the program and in the system for it are the 12th and the 13th.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: Option<u32> = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u32>().ok())
        .sum();
    ticks.map(|ticks| TICK * ticks).ok_or(io::ErrorKind::InvalidData.into())
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
