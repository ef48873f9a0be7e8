//! The preloaded library of `tests/shim/shim.c`, which makes `kill -9` a loss of power.
//!
//! A process started under a [`Shim`] works on its data directory as always; what would be
//! left of it if the power went is in the shadow directory. What one would get wrong:
//! the shadow must begin as a copy of the data, so make the shim before the process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fs, io};

/// How the preloaded library is to behave.
pub struct Shim {
    data: PathBuf,
    shadow: PathBuf,
    control: PathBuf,
    counter: PathBuf,
    swallow: bool,
    sync_delay: Duration,
}

/// What the disk does from its next operations on.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// The n-th write and all later ones find no space.
    Full(u64),
    /// The n-th write or sync and all later ones fail.
    Broken(u64),
    /// The process is killed at the n-th point: before a write, before or after a sync.
    Kill(u64),
    /// None; the points are counted.
    Count,
}

impl Shim {
    /// Watches `data`; shadow and orders are kept in the folder `beside`.
    pub fn new(data: &Path, beside: &Path) -> Self {
        let shim = Self {
            data: data.to_owned(),
            shadow: beside.join("shadow"),
            control: beside.join("fault"),
            counter: beside.join("points"),
            swallow: false,
            sync_delay: Duration::ZERO,
        };
        fs::create_dir_all(beside).unwrap();
        shim.heal();
        copy_files(data, &shim.shadow);
        shim
    }

    /// The same disk, which lies: its syncs do nothing.
    pub fn swallowing(mut self) -> Self {
        self.swallow = true;
        self
    }

    /// The same disk, which takes so much longer for each sync.
    pub const fn slow(mut self, sync_delay: Duration) -> Self {
        self.sync_delay = sync_delay;
        self
    }

    /// Has the process run under the library.
    pub fn preload(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", library())
            .env("SHIM_DATA", &self.data)
            .env("SHIM_SHADOW", &self.shadow)
            .env("SHIM_CONTROL", &self.control)
            .env("SHIM_COUNT", &self.counter)
            .env("SHIM_SYNC_DELAY_US", self.sync_delay.as_micros().to_string())
            .env("SHIM_SWALLOW", if self.swallow { "1" } else { "0" });
    }

    /// Orders a fault, counted from now, in place of any other.
    pub fn order(&self, fault: Fault) {
        static ROUND: AtomicU64 = AtomicU64::new(0);
        let round = ROUND.fetch_add(1, Ordering::Relaxed);
        let text = match fault {
            Fault::Full(n) => format!("enospc {n} {round}"),
            Fault::Broken(n) => format!("eio {n} {round}"),
            Fault::Kill(n) => format!("kill {n} {round}"),
            Fault::Count => format!("count 0 {round}"),
        };
        let new = self.control.with_extension("new");
        fs::write(&new, text).unwrap();
        let _ = fs::remove_file(&self.counter);
        fs::rename(&new, &self.control).unwrap();
    }

    /// Ends every fault.
    pub fn heal(&self) {
        let _ = fs::remove_file(&self.control);
    }

    /// How many points were passed since the last order.
    pub fn points(&self) -> u64 {
        match fs::read_to_string(&self.counter) {
            Ok(text) => text.trim().parse().unwrap(),
            Err(_) => 0,
        }
    }

    /// After the process is dead: what the loss of power left takes the place of the data.
    pub fn lose_power(self) {
        fs::remove_dir_all(&self.data).unwrap();
        copy_files(&self.shadow, &self.data);
        fs::remove_dir_all(&self.shadow).unwrap();
    }
}

/// The library, compiled once.
pub fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let made = folder.join(format!("shim-{}.so", std::process::id()));
        let path = folder.join("shim.so");
        let status = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-U_FORTIFY_SOURCE", "-o"])
            .arg(&made)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/shim/shim.c"))
            .status()
            .expect("the tests of durability need a C compiler called cc");
        assert!(status.success(), "cc could not compile tests/shim/shim.c");
        fs::rename(&made, &path).unwrap();
        path
    })
}

/// Copies regular files, and their modes; sockets are of no use to anybody else.
pub fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap().map(io::Result::unwrap) {
        let (kind, path) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy_files(&entry.path(), &path);
        } else if kind.is_file() {
            fs::copy(entry.path(), path).unwrap();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::fs::{File, OpenOptions};
    use std::os::unix::fs::FileExt;

    use super::*;

    const SCRIPT: &str = "ONESELF_TEST_SHIM_SCRIPT";

    /// Plays a script of file operations under the shim until it is killed or done: what
    /// each operation answered, and what is left of the files.
    fn play(script: &str, prepare: impl FnOnce(Shim) -> Shim) -> (Vec<String>, HashMap<String, String>) {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::write(data.join("old"), "0123456789").unwrap();
        let shim = prepare(Shim::new(&data, folder.path()));
        let log = folder.path().join("log");
        let mut child = Command::new(std::env::current_exe().unwrap());
        child
            .args(["--exact", "blackbox::shim::tests::child", "-q"])
            .env(SCRIPT, script)
            .env("SHIM_TEST_LOG", &log)
            .current_dir(&data)
            .stdout(std::process::Stdio::null());
        shim.preload(&mut child);
        child.status().unwrap();
        shim.lose_power();
        let left = fs::read_dir(&data).unwrap().map(|entry| {
            let entry = entry.unwrap();
            let text = fs::read(entry.path()).unwrap();
            (
                entry.file_name().into_string().unwrap(),
                String::from_utf8_lossy(&text).replace('\0', "."),
            )
        });
        let answers = fs::read_to_string(log).unwrap();
        (answers.lines().map(str::to_owned).collect(), left.collect())
    }

    fn left(files: &[(&str, &str)]) -> HashMap<String, String> {
        files.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect()
    }

    /// Tests nothing by itself: it is the process that the tests below start under the shim.
    #[test]
    fn child() {
        let (Ok(script), Ok(log)) = (std::env::var(SCRIPT), std::env::var("SHIM_TEST_LOG")) else {
            return;
        };
        let mut log = OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut files: HashMap<String, File> = HashMap::new();
        for line in script.split(';') {
            let words: Vec<&str> = line.split_whitespace().collect();
            let answer = match words.as_slice() {
                ["open", name] => OpenOptions::new()
                    .read(true)
                    .write(true)
                    .create(true)
                    .truncate(false)
                    .open(name)
                    .map(|file| drop(files.insert((*name).into(), file))),
                ["create", name] => File::create(name).map(|file| drop(files.insert((*name).into(), file))),
                ["write", name, at, text] => files[*name].write_all_at(text.as_bytes(), at.parse().unwrap()),
                ["append", name, text] => io::Write::write_all(&mut &files[*name], text.as_bytes()),
                ["sync", name] => files[*name].sync_all(),
                ["datasync", name] => files[*name].sync_data(),
                ["truncate", name, length] => files[*name].set_len(length.parse().unwrap()),
                ["unlink", name] => fs::remove_file(name),
                ["rename", from, to] => fs::rename(from, to),
                ["heal"] => fs::remove_file("../fault"),
                ["die"] => std::process::abort(),
                other => panic!("{other:?}"),
            };
            let answer = answer.map_or_else(|error| format!("{:?}", error.kind()), |()| "ok".to_owned());
            io::Write::write_all(&mut log, format!("{answer}\n").as_bytes()).unwrap();
        }
    }

    #[test]
    fn what_was_not_synced_is_gone() {
        let (_, after) = play(
            "open old; write old 0 ab; sync old; write old 8 yz; write old 12 end; \
             open new; write new 4 x; datasync new; write new 0 abcd; open unseen; write unseen 0 x; die",
            |shim| shim,
        );
        assert_eq!(after, left(&[("old", "ab23456789"), ("new", "....x")]));
        let (_, after) = play("create log; append log one; sync log; append log two; die", |shim| shim);
        assert_eq!(after, left(&[("old", "0123456789"), ("log", "one")]));
    }

    #[test]
    fn names_and_lengths_are_followed() {
        let (_, after) = play("open old; write old 0 ab; truncate old 4; write old 8 z; die", |shim| {
            shim
        });
        assert_eq!(after, left(&[("old", "0123")]));
        let (_, after) = play("create old; append old x; die", |shim| shim);
        assert_eq!(after, left(&[("old", "")]));
        let (_, after) = play("open old; unlink old; write old 0 ab; sync old; die", |shim| shim);
        assert_eq!(after, left(&[]), "a file without a name does not come back");
        let (_, after) = play(
            "open a; write a 0 a; sync a; rename a old; write a 1 b; sync a; write a 2 c; die",
            |shim| shim,
        );
        assert_eq!(after, left(&[("old", "ab")]));
        let (_, after) = play("open a; write a 0 a; rename a old; die", |shim| shim);
        assert_eq!(after, left(&[("old", "")]), "renamed before it was synced");
        let (_, after) = play(
            "open a; write a 0 aa; sync a; unlink a; open a; write a 1 b; sync a; die",
            |shim| shim,
        );
        assert_eq!(after, left(&[("old", "0123456789"), ("a", ".b")]));
    }

    #[test]
    fn a_disk_that_swallows_syncs_keeps_nothing() {
        let (answers, after) = play("open old; write old 0 ab; sync old; die", Shim::swallowing);
        assert_eq!(answers, ["ok", "ok", "ok"]);
        assert_eq!(after, left(&[("old", "0123456789")]));
    }

    #[test]
    fn a_fault_begins_where_it_was_ordered_and_ends_when_it_is_healed() {
        let (answers, after) = play(
            "open old; write old 0 a; write old 1 b; write old 2 c; sync old; heal; write old 3 d; sync old; die",
            |shim| {
                shim.order(Fault::Full(2));
                shim
            },
        );
        assert_eq!(
            answers,
            ["ok", "ok", "StorageFull", "StorageFull", "ok", "ok", "ok", "ok"]
        );
        assert_eq!(after, left(&[("old", "a12d456789")]));
        let (answers, after) = play(
            "open old; write old 0 a; sync old; heal; write old 1 b; sync old; die",
            |shim| {
                shim.order(Fault::Broken(2));
                shim
            },
        );
        assert_eq!(answers[2], "Uncategorized", "EIO");
        assert_eq!(
            after,
            left(&[("old", "0b23456789")]),
            "what a failed sync forgot stays forgotten"
        );
    }

    #[test]
    fn it_kills_at_every_point() {
        let script = "open old; write old 0 a; sync old; write old 1 b; sync old";
        let ends = [
            "0123456789",
            "0123456789",
            "a123456789",
            "a123456789",
            "a123456789",
            "ab23456789",
        ];
        for (n, end) in (1..).zip(ends) {
            let (answers, after) = play(script, |shim| {
                shim.order(Fault::Kill(n));
                shim
            });
            assert!(answers.len() < 5, "killed at {n}");
            assert_eq!(after, left(&[("old", end)]), "killed at {n}");
        }
        let (answers, _) = play(script, |shim| {
            shim.order(Fault::Kill(7));
            shim
        });
        assert_eq!(answers.len(), 5, "there are six points");
    }
}
