//! Processes found by the folder that they work in, and what is done to all of them at once.
//!
//! PostgreSQL leaves the process group and the session of whoever started it, each of its
//! backends once more, and overwrites its environment; what it keeps is the folder that it
//! works in. What would surprise: a signal is sent until nobody is found who has not got it,
//! because a process may make another while the first is being signalled.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// Who works in this folder or in one below it.
fn working_in(folder: &Path) -> BTreeSet<i32> {
    let works_there = |pid: &i32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|at| at.starts_with(folder));
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
        .filter(works_there)
        .collect()
}

/// Sends a signal to everybody who works in this folder; returns how many got it.
pub fn signal_all(folder: &Path, signal: Signal) -> usize {
    let mut signalled = BTreeSet::new();
    loop {
        let new: Vec<i32> = working_in(folder).difference(&signalled).copied().collect();
        if new.is_empty() {
            return signalled.len();
        }
        for pid in new {
            // Whoever has ended in between needs no signal.
            let _ = kill_process(Pid::from_raw(pid).unwrap(), signal);
            signalled.insert(pid);
        }
    }
}

/// Whether somebody who works in this folder holds the end `own` of the connection to `other`.
pub fn hold_connection(folder: &Path, own: SocketAddr, other: SocketAddr) -> bool {
    let (own, other) = (spelled(own), spelled(other));
    let connections = fs::read_to_string("/proc/net/tcp").unwrap();
    let inode = connections.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        (columns[1] == own && columns[2] == other).then(|| columns[9])
    });
    let Some(inode) = inode else { return false };
    let socket = PathBuf::from(format!("socket:[{inode}]"));
    let holds = |pid: &i32| {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
        files
            .flatten()
            .any(|file| fs::read_link(file.path()).is_ok_and(|to| to == socket))
    };
    working_in(folder).iter().any(holds)
}

/// As the kernel's table has it: the address as the processor keeps it, then the port.
fn spelled(address: SocketAddr) -> String {
    let SocketAddr::V4(address) = address else {
        panic!("{address} is not of IPv4");
    };
    format!(
        "{:08X}:{:04X}",
        u32::from_ne_bytes(address.ip().octets()),
        address.port()
    )
}

/// Kills everybody who works in a folder and deletes it, when this is dropped or when the
/// test itself is killed.
pub struct Sweeper(Child);

/// Waits for the end of its input, which comes with the end of the test, however that ends.
const SWEEP: &str = r#"
    trap '' INT TERM HUP
    cat > /dev/null
    found=1
    while [ "$found" ]; do
        found=
        for process in /proc/[0-9]*; do
            case $(readlink "$process/cwd") in
                "$1" | "$1"/*) kill -9 "${process#/proc/}" && found=1 ;;
            esac
        done
    done
    rm -rf "$1"
"#;

impl Sweeper {
    pub fn new(folder: &Path) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", SWEEP, "sweeper"]).arg(folder);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(shell.spawn().unwrap())
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
