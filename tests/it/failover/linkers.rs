//! Clients that link accounts until they are told to end, each at the server that answers, and
//! know which links were acknowledged.
//!
//! What is answered with 503, with 504 or not at all is asked for again, elsewhere, until it is
//! acknowledged or refused. Of every eight accounts one is wanted by two clients for different
//! users. What would surprise: with 200 the server says that the account is hers already. That
//! acknowledges the link as well: an earlier try has made it without being heard, which no try has
//! that was answered with 503.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::blackbox::http::{Answer, Client};
use crate::blackbox::server::Server;

/// Where a server is, and a token for everything there, which is good at no other.
#[derive(Clone)]
pub struct Door {
    address: SocketAddr,
    token: String,
}

impl Door {
    pub fn of(server: &Server) -> Self {
        Self {
            address: server.address(),
            token: server.token(),
        }
    }

    pub fn open(&self) -> std::io::Result<Client> {
        Client::connect(self.address, &self.token)
    }
}

/// Of this many links each user gets one after the other.
const OF_A_USER: usize = 16;

/// How long a client rests after a link, so that not all time goes into looking for them later.
const REST: Duration = Duration::from_millis(40);

/// A link that was acknowledged.
#[derive(Debug, Clone)]
pub struct Link {
    pub subject: String,
    pub user: String,
    pub identity: String,
    begun: Instant,
    acknowledged: Instant,
}

/// The clients, and what they were told.
pub struct Linkers {
    told: Arc<Told>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Told {
    links: Mutex<Vec<Link>>,
    /// What else was answered, and how often; 0 is no answer at all.
    otherwise: Mutex<BTreeMap<u16, usize>>,
    slowest: Mutex<Duration>,
    /// Answers that no fault of the database explains.
    odd: Mutex<Vec<Answer>>,
    /// How many links an earlier try had made already.
    unheard: Mutex<usize>,
    /// Those among them of which each earlier try was told that it was not done.
    denied: Mutex<Vec<String>>,
    ended: AtomicBool,
}

impl Linkers {
    /// Starts so many of them.
    pub fn start(doors: &[Door], count: usize) -> Self {
        let told = Arc::new(Told::default());
        let start = |number| {
            let linker = Linker {
                number,
                doors: doors.to_vec(),
                at: number,
                client: None,
                told: told.clone(),
            };
            std::thread::spawn(move || linker.link())
        };
        Self {
            threads: (0..count).map(start).collect(),
            told,
        }
    }

    /// Waits for a link of which a try was begun and acknowledged after this moment; how long that took.
    pub async fn first_after(&self, moment: Instant) -> Duration {
        let first = || {
            let links = self.told.links.lock();
            let later = links.iter().filter(|link| link.begun > moment);
            later.map(|link| link.acknowledged).min()
        };
        while moment.elapsed() < Duration::from_secs(120) {
            match first() {
                Some(first) => return first - moment,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        panic!(
            "no link was acknowledged for {:?}; answered was {:?}",
            moment.elapsed(),
            self.told.otherwise.lock()
        );
    }

    /// Ends them; the links that were acknowledged.
    ///
    /// # Panics
    /// When something was answered that should not have been.
    pub fn end(self) -> Vec<Link> {
        self.told.ended.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        let links = std::mem::take(&mut *self.told.links.lock());
        println!(
            "{} links acknowledged, {} of them by a try that was not heard; answered otherwise: {:?}; the slowest \
             answer took {:.1?}",
            links.len(),
            self.told.unheard.lock(),
            self.told.otherwise.lock(),
            self.told.slowest.lock()
        );
        let odd = self.told.odd.lock();
        assert!(odd.is_empty(), "{} odd answers, such as {:?}", odd.len(), odd.first());
        let denied = self.told.denied.lock();
        assert!(denied.is_empty(), "said not to be made, and made: {denied:?}");
        links
    }
}

/// What was answered in the end.
struct Insisted {
    answer: Answer,
    /// When the try began that was answered.
    begun: Instant,
    /// Whether nobody said what came of a try before.
    is_open: bool,
}

/// One of them.
struct Linker {
    number: usize,
    doors: Vec<Door>,
    /// Whose turn it is of the doors.
    at: usize,
    client: Option<Client>,
    told: Arc<Told>,
}

impl Linker {
    fn link(mut self) {
        let mut user = String::new();
        for n in 0.. {
            if n % OF_A_USER == 0 {
                match self.insist("/link/v1/users", &json!({})) {
                    Some(Insisted { answer, .. }) => user = answer.expect(201).text("id").to_owned(),
                    None => return,
                }
            }
            let contended = n % 8 == 0;
            let subject = match contended {
                true => format!("both-{}-{n}", self.number / 2),
                false => format!("link-{}-{n}", self.number),
            };
            let body = json!({"connection": "twitter", "subject": subject, "tokens": {"access_token": subject}});
            match self.insist(&format!("/link/v1/users/{user}/identities"), &body) {
                Some(insisted) if insisted.answer.status < 300 => self.acknowledged(&insisted, subject, &user),
                Some(insisted) if insisted.answer.status == 409 && contended => {}
                Some(insisted) => self.told.odd.lock().push(insisted.answer),
                None => return,
            }
            std::thread::sleep(REST);
        }
    }

    /// Asks until it is answered one way or the other. `None` at the end.
    fn insist(&mut self, path: &str, body: &Value) -> Option<Insisted> {
        let mut is_open = false;
        while !self.told.ended.load(Ordering::Relaxed) {
            let begun = Instant::now();
            let answer = self.ask(path, body).ok();
            let status = answer.as_ref().map_or(0, |answer| answer.status);
            let mut slowest = self.told.slowest.lock();
            *slowest = begun.elapsed().max(*slowest);
            drop(slowest);
            if status != 201 {
                *self.told.otherwise.lock().entry(status).or_default() += 1;
            }
            match answer {
                Some(answer) if !matches!(status, 503 | 504) => {
                    return Some(Insisted { answer, begun, is_open });
                }
                _ => std::thread::sleep(REST),
            }
            is_open |= status != 503;
            self.client = None;
            self.at += 1;
        }
        None
    }

    /// Asks once.
    fn ask(&mut self, path: &str, body: &Value) -> std::io::Result<Answer> {
        let client = match self.client.take() {
            Some(client) => client,
            None => self.doors[self.at % self.doors.len()].open()?,
        };
        self.client.insert(client).post(path, body)
    }

    fn acknowledged(&self, insisted: &Insisted, subject: String, user: &str) {
        let Insisted { answer, begun, is_open } = insisted;
        if answer.status == 200 {
            *self.told.unheard.lock() += 1;
            if !is_open {
                self.told.denied.lock().push(subject.clone());
            }
        }
        self.told.links.lock().push(Link {
            subject,
            user: user.to_owned(),
            identity: answer.text("id").to_owned(),
            begun: *begun,
            acknowledged: Instant::now(),
        });
    }
}
