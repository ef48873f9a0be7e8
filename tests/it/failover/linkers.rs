//! Clients that link accounts until they are told to end, each at the server that answers, and
//! know which links were acknowledged.
//!
//! A link that is answered with 503 or not at all is asked for again, elsewhere, until it is
//! acknowledged or refused. Of every eight accounts one is wanted by two clients for different
//! users. What would surprise: with 200 the server says that the account is hers already. That
//! acknowledges the link as well; an earlier try has made it without being heard.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::json;

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
    /// Answers that no fault of the database explains.
    odd: Mutex<Vec<Answer>>,
    /// How many links an earlier try had made already.
    unheard: Mutex<usize>,
    ended: AtomicBool,
}

impl Linkers {
    /// Starts so many of them, who share these users.
    pub fn start(doors: &[Door], users: &[String], count: usize) -> Self {
        let told = Arc::new(Told::default());
        let start = |number| {
            let linker = Linker {
                number,
                doors: doors.to_vec(),
                users: users.to_vec(),
                told: told.clone(),
            };
            std::thread::spawn(move || linker.link())
        };
        Self {
            threads: (0..count).map(start).collect(),
            told,
        }
    }

    /// Waits for a link that was begun and acknowledged after this moment; how long that took.
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
            "{} links acknowledged, {} of them by a try that was not heard; answered otherwise: {:?}",
            links.len(),
            self.told.unheard.lock(),
            self.told.otherwise.lock()
        );
        let odd = self.told.odd.lock();
        assert!(odd.is_empty(), "{} odd answers, such as {:?}", odd.len(), odd.first());
        links
    }
}

/// One of them.
struct Linker {
    number: usize,
    doors: Vec<Door>,
    users: Vec<String>,
    told: Arc<Told>,
}

impl Linker {
    fn link(self) {
        let (chance, mut at) = (RandomState::new(), self.number);
        let mut client = None;
        for n in 0.. {
            let subject = match n % 8 {
                0 => format!("both-{}-{n}", self.number / 2),
                _ => format!("link-{}-{n}", self.number),
            };
            let user = &self.users[chance.hash_one(&subject) as usize % self.users.len()];
            let begun = Instant::now();
            loop {
                if self.told.ended.load(Ordering::Relaxed) {
                    return;
                }
                match self.ask(&mut client, at, user, &subject) {
                    Some(answer) if answer.status < 300 => {
                        self.acknowledged(answer, subject, user, begun);
                        break;
                    }
                    // The other client was first, which only a contended account allows.
                    Some(answer) if answer.status == 409 && n % 8 == 0 => break,
                    Some(answer) if answer.status != 503 => {
                        self.told.odd.lock().push(answer);
                        break;
                    }
                    Some(_) => std::thread::sleep(Duration::from_millis(20)),
                    None => std::thread::sleep(Duration::from_millis(100)),
                }
                client = None;
                at += 1;
            }
        }
    }

    /// Asks for it once.
    fn ask(&self, client: &mut Option<Client>, at: usize, user: &str, subject: &str) -> Option<Answer> {
        let body = json!({"connection": "twitter", "subject": subject, "tokens": {"access_token": subject}});
        let path = format!("/link/v1/users/{user}/identities");
        let mut ask = || {
            if client.is_none() {
                *client = Some(self.doors[at % self.doors.len()].open()?);
            }
            client.as_mut().unwrap().post(&path, &body)
        };
        let answer = ask().ok();
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        if status != 201 {
            *self.told.otherwise.lock().entry(status).or_default() += 1;
        }
        answer
    }

    fn acknowledged(&self, answer: Answer, subject: String, user: &str, begun: Instant) {
        if answer.status == 200 {
            *self.told.unheard.lock() += 1;
        }
        self.told.links.lock().push(Link {
            subject,
            user: user.to_owned(),
            identity: answer.text("id").to_owned(),
            begun,
            acknowledged: Instant::now(),
        });
    }
}
