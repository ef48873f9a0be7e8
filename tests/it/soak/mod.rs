//! A long load, honest and hostile at once, on a server with either store: once it has found its
//! size, nothing of it grows, and honest requests are answered throughout.
//!
//! `./test --all` runs it for twenty minutes, by itself; otherwise it is short, and judges only what has
//! to be given back when the load ends. Queues are judged by who stands in them: every request and
//! every job of an honest client has to come to its end in time. What would surprise: both servers are
//! loaded at once, each with a small part of what it could do, because a leak shows by how often
//! something was done, and not by how fast.

mod honest;
mod hostile;
mod samples;
mod site;

use std::fs::File;
use std::thread;
use std::time::{Duration, Instant};

use self::honest::Honest;
use self::hostile::Hostile;
use self::samples::{Sample, Samples, Watched};
use self::site::{Ending, Site};
use crate::blackbox::rounds;
use crate::blackbox::server::{Installation, Server};
use crate::support::database::Database;
use crate::support::kept;

/// How long it takes, in seconds, where that is said.
const SECONDS: &str = "ONESELF_TEST_SOAK_SECONDS";

/// From which time on growth is judged, and what a busy machine may keep from happening in less.
const JUDGED_FROM: Duration = Duration::from_secs(240);

/// How many clients of a kind each server has.
const HONEST: usize = 3;
const HOSTILE: u64 = 2;

/// How long a server may need until connections that were left alone are closed: it waits for ten
/// seconds.
const AFTERMATH: Duration = Duration::from_secs(30);

/// How many files more than before the load may stay open: those of threads that have begun
/// to read, and sessions of the database.
const KEPT_OPEN: u64 = 40;

/// A server, and how it is watched.
struct Stand {
    name: &'static str,
    site: Site,
    watched: Watched,
    installation: Installation,
    _server: Server,
    _database: Option<Database>,
}

impl Stand {
    fn start(name: &'static str, database: Option<Database>) -> Self {
        let url = database.as_ref().map(Database::url);
        let installation = match &url {
            Some(url) => Installation::in_database(url),
            None => Installation::new(),
        };
        let mut command = installation.serve_command();
        // So much that nobody meets it, and every address is counted.
        command.env("ONESELF_RATE_LIMIT_PER_ADDRESS", "100000/100000");
        command.stderr(File::create(installation.folder().join("log")).unwrap());
        let server = Server::start(command, installation.credentials());
        Self {
            name,
            site: Site::of(&installation, &server),
            watched: Watched {
                process: server.process(),
                admin: server.admin_address(),
                database_url: url,
            },
            installation,
            _server: server,
            _database: database,
        }
    }

    /// Loads it for so long; what it held meanwhile.
    fn load(&self, time: Duration) -> Samples {
        let begun = Instant::now();
        let mut samples = Samples::default();
        let between = (time / 240).max(Duration::from_secs(1));
        thread::scope(|scope| {
            let _ending = Ending(&self.site);
            for number in 0..HONEST {
                scope.spawn(move || Honest::new(&self.site, number).live());
            }
            for number in 0..HOSTILE {
                scope.spawn(move || Hostile::new(&self.site, number).attack());
            }
            while begun.elapsed() < time && !self.site.has_ended() {
                thread::sleep(between);
                samples
                    .0
                    .push(self.watched.sample(begun.elapsed(), self.site.answered()));
            }
        });
        samples
    }

    /// What it holds once everybody is gone.
    fn at_rest(&self) -> Sample {
        let begun = Instant::now();
        loop {
            let sample = self.watched.sample(begun.elapsed(), self.site.answered());
            if sample.connections == 0 || begun.elapsed() > AFTERMATH {
                return sample;
            }
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// Everything that is wrong after a load of so long.
    fn soak(&self, time: Duration) -> Vec<String> {
        let before = self.watched.sample(Duration::ZERO, 0);
        let samples = self.load(time);
        let rest = self.at_rest();
        println!(
            "{}\n{samples}{}at rest, as before the load and after it:\n{}",
            self.name,
            self.site.told() + "\n",
            Samples(vec![before, rest])
        );
        let mut wrong = Vec::new();
        let mut never = |what: &str, is_so: bool| {
            if is_so {
                wrong.push(what.to_owned());
            }
        };
        never("connections are never closed", rest.connections > 0);
        never("files are never closed", rest.handles > before.handles + KEPT_OPEN);
        let panics = self.watched.metric("oneself_http_panics_total");
        never("a request panicked", panics > 0);
        if time >= JUDGED_FROM {
            let dropped = self.watched.metric("oneself_log_entries_dropped_total");
            never("entries of logs were left out", dropped > 0);
            never("no limit was reached", !self.site.has_answered(429));
            wrong.extend(samples.growth());
        }
        let doctor = self.installation.run(&["doctor"]);
        if !doctor.status.success() {
            wrong.push(String::from_utf8_lossy(&doctor.stdout).into_owned());
        }
        wrong
    }
}

#[test]
fn nothing_grows_under_a_load_of_honest_and_hostile_requests() {
    let time = match std::env::var(SECONDS) {
        Ok(seconds) => seconds.parse().unwrap(),
        Err(_) => rounds(8, 20 * 60),
    };
    let time = Duration::from_secs(time as u64);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let database = runtime.unwrap().block_on(kept::database(""));
    let stands = [
        Stand::start("the embedded store", None),
        Stand::start("PostgreSQL", Some(database)),
    ];
    let wrong: Vec<String> = thread::scope(|scope| {
        let soaking: Vec<_> = stands
            .iter()
            .map(|stand| (stand.name, scope.spawn(move || stand.soak(time))))
            .collect();
        let each = soaking
            .into_iter()
            .map(|(name, soaking)| (name, soaking.join().unwrap()));
        each.flat_map(|(name, wrong)| wrong.into_iter().map(move |wrong| format!("{name}: {wrong}")))
            .collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
