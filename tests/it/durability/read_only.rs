//! A data directory that may not be written to: refused at start, saying what and where.
//!
//! Root may write everywhere, so as root the server is started as somebody else, to whom
//! the root key is given, so that it is the directory alone that is at fault.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::blackbox::server::Installation;

/// Nobody.
const SOMEBODY_ELSE: u32 = 65_534;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// An installation that was used before, and whether we are root.
fn installation() -> (Installation, bool) {
    let installation = Installation::new();
    let is_root = fs::metadata(installation.folder()).unwrap().uid() == 0;
    if is_root {
        set_mode(installation.folder(), 0o711);
        set_mode(&installation.data(), 0o755);
        for file in fs::read_dir(installation.data()).unwrap() {
            set_mode(&file.unwrap().path(), 0o644);
        }
        chown(installation.folder().join("data.root.key"), Some(SOMEBODY_ELSE), None).unwrap();
    }
    (installation, is_root)
}

/// That the server does not start, and says why.
#[track_caller]
fn is_refused(mut command: Command, is_root: bool, naming: &Path) {
    if is_root {
        command.uid(SOMEBODY_ELSE);
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for _ in 0..100 {
        if child.try_wait().unwrap().is_some() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    // Does nothing unless it was started after all.
    let _ = child.kill();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        matches!(output.status.code(), Some(1 | 78)),
        "{:?}: {errors}",
        output.status
    );
    assert!(output.stdout.is_empty());
    assert!(errors.contains(naming.to_str().unwrap()), "{errors}");
    let why = ["ermission denied", "cannot be written"];
    assert!(why.iter().any(|why| errors.contains(why)), "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");
}

#[test]
fn a_directory_that_may_not_be_written_to_is_refused_at_start() {
    let (installation, is_root) = installation();
    if !is_root {
        set_mode(&installation.data(), 0o500);
        set_mode(&installation.data().join("lock"), 0o400);
    }
    is_refused(installation.serve_command(), is_root, &installation.data());
    set_mode(&installation.data(), 0o700);
    installation.serve().kill();
}

#[test]
fn files_that_may_not_be_written_to_are_refused_at_start() {
    for name in ["data.db", "keys.db"] {
        let (installation, is_root) = installation();
        let file = installation.data().join(name);
        if is_root {
            chown(installation.data(), Some(SOMEBODY_ELSE), None).unwrap();
            for other in fs::read_dir(installation.data()).unwrap() {
                chown(other.unwrap().path(), Some(SOMEBODY_ELSE), None).unwrap();
            }
            chown(&file, Some(0), None).unwrap();
        } else {
            set_mode(&file, 0o400);
        }
        is_refused(installation.serve_command(), is_root, &file);
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_refused_at_start() {
    let (installation, is_root) = installation();
    if !is_root {
        set_mode(installation.folder(), 0o500);
    }
    let data = installation.folder().join("elsewhere");
    let mut command = Command::new(env!("CARGO_BIN_EXE_oneself"));
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "", "--data"])
        .arg(&data);
    is_refused(command, is_root, &data);
    set_mode(installation.folder(), 0o700);
    assert!(!data.exists());
}
