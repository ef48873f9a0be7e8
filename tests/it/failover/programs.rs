//! What fail-over is shown with: Patroni, etcd and PostgreSQL, as they are installed.
//!
//! Nothing is installed here; `./test --all` does that, and says by `ONESELF_TEST_PATRONI` and
//! `ONESELF_TEST_ETCD` where they are. What would surprise: PostgreSQL refuses to run as root,
//! so for root everything is started as the user that Debian made for it.

use std::fs::File;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The programs and the user that they run as.
#[derive(Clone)]
pub struct Programs {
    pub patroni: PathBuf,
    pub etcd: PathBuf,
    /// The folder with PostgreSQL's own.
    pub postgres: PathBuf,
    /// Nobody else than who runs the test, if that may be.
    user: Option<(u32, u32)>,
}

impl Programs {
    /// Finds them; `None` where not everything is to be tested.
    ///
    /// # Panics
    /// When everything is to be tested and one of them is missing.
    pub fn find() -> Option<Self> {
        if std::env::var_os("ONESELF_TEST_ALL").is_none() {
            println!("skipped: fail-over is tested by ./test --all");
            return None;
        }
        let named = |variable: &str| match std::env::var_os(variable) {
            Some(path) => PathBuf::from(path),
            None => panic!("{variable} names no program; ./test --all installs and names it"),
        };
        Some(Self {
            patroni: named("ONESELF_TEST_PATRONI"),
            etcd: named("ONESELF_TEST_ETCD"),
            postgres: postgres_programs(),
            user: rustix::process::geteuid().is_root().then(postgres_user),
        })
    }

    /// Makes a folder in which what is started may write.
    pub fn make_folder(&self, folder: &Path) {
        std::fs::create_dir_all(folder).unwrap();
        if let Some((user, group)) = self.user {
            chown(folder, Some(user), Some(group)).unwrap();
        }
    }

    /// Starts one in a folder, which tells who belongs to what; it writes into the file `log`.
    pub fn start(&self, program: &Path, arguments: &[&str], folder: &Path) -> Child {
        let log = File::options().create(true).append(true).open(log_of(folder)).unwrap();
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).env_clear();
        command
            .env("LC_ALL", "C.UTF-8")
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command.spawn().unwrap()
    }
}

/// Where whoever was started in a folder writes what it does.
pub fn log_of(folder: &Path) -> PathBuf {
    folder.join("log")
}

/// The folder that every test with PostgreSQL uses.
fn postgres_programs() -> PathBuf {
    let find = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/with-postgres");
    let found = Command::new(find).arg("--find").output().unwrap();
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    PathBuf::from(String::from_utf8(found.stdout).unwrap().trim())
}

fn postgres_user() -> (u32, u32) {
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let columns = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let user = columns.into_iter().find(|columns| columns[0] == "postgres");
    let user = user.expect("the package postgresql has made its user");
    (user[2].parse().unwrap(), user[3].parse().unwrap())
}
