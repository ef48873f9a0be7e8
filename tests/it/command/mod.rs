//! The command line, as whoever types it sees it: the real binary, in a folder of its own.

mod audit;
mod backup;
mod bench;
mod demo;
mod doctor;
mod import;
mod lock;
mod logs;
mod orders;
mod sandbox;
mod start_matrix;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder in which the binary is run; the data directory is `data`.
struct Folder(TempDir);

/// How a command ended.
struct Ended {
    exit: i32,
    out: String,
    err: String,
}

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn command(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oneself"));
        command
            .current_dir(self.path())
            .env_clear()
            .env("ONESELF_DATA", "data")
            .envs(environment.iter().copied())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    fn run(&self, arguments: &[&str]) -> Ended {
        let output = self.command(arguments, &[]).output().unwrap();
        Ended {
            exit: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a command that must be done well, and returns what it printed.
    #[track_caller]
    fn done(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.exit, 0, "{arguments:?}: {}", ended.err);
        ended.out
    }

    /// Starts a server on any port, and returns when it is ready.
    #[track_caller]
    fn serve(&self) -> Running {
        let any_port = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        match Running::start(self.command(&any_port, &[])) {
            Ok(running) => running,
            Err(ended) => panic!("exit {}: {}", ended.exit, ended.err),
        }
    }
}

/// A server that said that it is ready. It is killed when this is dropped.
struct Running {
    child: Child,
    /// What it printed until then; the last line says that it is ready.
    said: String,
}

impl Running {
    /// Starts it; the error is how it ended instead of getting ready.
    fn start(mut command: Command) -> Result<Self, Ended> {
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        while !said.contains(" ready: ") {
            if out.read_line(&mut said).unwrap() == 0 {
                let exit = child.wait().unwrap().code().unwrap();
                let mut err = String::new();
                child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
                return Err(Ended { exit, out: said, err });
            }
        }
        Ok(Self { child, said })
    }

    /// The address of the interfaces, as the ready line has it.
    fn url(&self) -> &str {
        self.said.split(" ready: ").nth(1).unwrap().split(' ').next().unwrap()
    }

    /// Sends a signal and waits for the end.
    fn signal(mut self, signal: &str) -> Ended {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let mut err = String::new();
                self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
                return Ended {
                    exit: status.code().unwrap_or(-1),
                    out: std::mem::take(&mut self.said),
                    err,
                };
            }
            assert!(began.elapsed() < PATIENCE, "it did not end after SIG{signal}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
