//! Who is there before anything is measured, and what is asked about them.
//!
//! Each person has one account elsewhere, with a token set, unless first links are to be
//! measured. What would surprise: subjects look like those of a real network, eighteen
//! digits in no order, because an index that only grows at its end is cheaper than theirs.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufRead as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{Method, StatusCode};
use indicatif::ProgressBar;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::client::{Ask, Seen, Site};
use crate::clock::{Random, SeededRandom, SystemRandomness};
use crate::id::{IdentityId, UserId};

/// The connection that accounts are at.
pub const CONNECTION: &str = "bench";

/// How many clients make people at once.
const MAKERS: usize = 64;

/// An access token has so many bytes.
const TOKEN_BYTES: usize = 256;

/// Somebody, with an account unless she was made without.
#[derive(Debug, Clone)]
pub struct Person {
    user: UserId,
    account: Option<(IdentityId, String)>,
}

/// Whether people are made with an account, which makes their key.
#[derive(Debug, Clone, Copy)]
pub enum Accounts {
    One,
    None,
}

/// Subjects that nobody has yet.
pub(super) struct Subjects(AtomicU64);

impl Subjects {
    /// Subjects of a run of their own: those of two runs differ.
    pub(super) fn new() -> Self {
        let mut run = [0; 8];
        SystemRandomness::new().fill(&mut run);
        Self(AtomicU64::new(u64::from_be_bytes(run)))
    }

    fn next(&self) -> String {
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        let mut digits = [0; 8];
        SeededRandom::new(n).fill(&mut digits);
        format!("{:018}", u64::from_be_bytes(digits) % 1_000_000_000_000_000_000)
    }
}

/// An account as a caller sends it.
fn account(subject: &str) -> Value {
    json!({
        "connection": CONNECTION,
        "subject": subject,
        "tokens": { "access_token": format!("{subject:0>TOKEN_BYTES$}") },
    })
}

/// Makes so many people.
///
/// # Errors
/// When the server does not make one of them.
pub async fn make(site: &Site, count: usize, accounts: Accounts, progress: &ProgressBar) -> io::Result<Vec<Person>> {
    progress.set_length(count as u64);
    let subjects = Subjects::new();
    let begun = AtomicU64::new(0);
    let next = move || {
        if begun.fetch_add(1, Ordering::Relaxed) >= count as u64 {
            return None;
        }
        let body = match accounts {
            Accounts::One => json!({ "identity": account(&subjects.next()) }),
            Accounts::None => json!({}),
        };
        Some(Ask::post("/link/v1/users", &body))
    };
    let made = Arc::new(Mutex::new((Vec::with_capacity(count), None)));
    let (keep, advance) = (Arc::clone(&made), progress.clone());
    let seen = move |seen: Seen| {
        advance.inc(1);
        let mut kept = keep.lock();
        match seen.answer {
            Ok((StatusCode::CREATED, body)) => match read_person(&body) {
                Some(person) => kept.0.push(person),
                None => kept.1 = Some(io::Error::other("the server made a user that cannot be understood")),
            },
            Ok((status, body)) => kept.1 = Some(refusal("a user was not made", status, &body)),
            Err(error) => kept.1 = Some(error),
        }
    };
    site.clone().ask_all(MAKERS, next, seen).await?;
    progress.finish_and_clear();
    let mut made = made.lock();
    match made.1.take() {
        Some(error) => Err(error),
        None => Ok(std::mem::take(&mut made.0)),
    }
}

/// An answer that should not have been.
pub fn refusal(what: &str, status: StatusCode, body: &[u8]) -> io::Error {
    io::Error::other(format!("{what}: {status} {}", String::from_utf8_lossy(body)))
}

fn read_person(body: &[u8]) -> Option<Person> {
    let user: Value = serde_json::from_slice(body).ok()?;
    let second = user.get("identities")?.get(1);
    Some(Person {
        user: user.get("id")?.as_str()?.parse().ok()?,
        account: second.and_then(|identity| {
            let id = identity.get("id")?.as_str()?.parse().ok()?;
            Some((id, identity.get("subject")?.as_str()?.to_owned()))
        }),
    })
}

/// Writes people down, for a later run on the same data.
///
/// # Errors
/// Those of the file.
pub fn save(people: &[Person], path: &Path) -> io::Result<()> {
    let mut file = io::BufWriter::new(fs::File::create(path)?);
    for Person { user, account } in people {
        match account {
            Some((identity, subject)) => writeln!(file, "{user} {identity} {subject}")?,
            None => writeln!(file, "{user}")?,
        }
    }
    file.flush()
}

/// The people who were written down.
///
/// # Errors
/// Those of the file, or when it is not one of these.
pub fn load(path: &Path) -> io::Result<Vec<Person>> {
    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
    io::BufReader::new(fs::File::open(path)?)
        .lines()
        .map(|line| {
            let line = line?;
            let mut words = line.split(' ');
            let user = words.next().and_then(|id| id.parse().ok()).ok_or_else(malformed)?;
            let account = match (words.next(), words.next()) {
                (None, _) => None,
                (Some(id), Some(subject)) => Some((id.parse().map_err(|_| malformed())?, subject.to_owned())),
                (Some(_), None) => return Err(malformed()),
            };
            Ok(Person { user, account })
        })
        .collect()
}

/// Draws people evenly, in an order that repeats.
pub(super) struct Draw {
    people: Arc<[Person]>,
    chance: SeededRandom,
}

impl Draw {
    pub(super) fn new(people: Arc<[Person]>) -> Self {
        Self {
            people,
            chance: SeededRandom::new(1),
        }
    }

    pub(super) fn next(&self) -> Option<&Person> {
        let mut bytes = [0; 8];
        self.chance.fill(&mut bytes);
        let index = u64::from_be_bytes(bytes).checked_rem(self.people.len() as u64)?;
        self.people.get(usize::try_from(index).ok()?)
    }
}

/// Links of new accounts to people drawn evenly.
pub fn links(people: Arc<[Person]>) -> impl Fn() -> Option<Ask> + Send + Sync + 'static {
    let (draw, subjects) = (Draw::new(people), Subjects::new());
    move || Some(link(draw.next()?, &subjects))
}

/// One link to each, in turn.
pub fn first_links(people: Arc<[Person]>) -> impl Fn() -> Option<Ask> + Send + Sync + 'static {
    let (turn, subjects) = (AtomicU64::new(0), Subjects::new());
    move || {
        let turn = usize::try_from(turn.fetch_add(1, Ordering::Relaxed)).ok()?;
        Some(link(people.get(turn)?, &subjects))
    }
}

/// The link of a new account to her.
pub(super) fn link(person: &Person, subjects: &Subjects) -> Ask {
    let path = format!("/link/v1/users/{}/identities", person.user);
    Ask::post(path, &account(&subjects.next()))
}

/// Look-ups of accounts of people drawn evenly.
pub fn resolves(people: Arc<[Person]>) -> impl Fn() -> Option<Ask> + Send + Sync + 'static {
    let draw = Draw::new(people);
    move || resolve(draw.next()?)
}

/// The look-up of her account, if she was made with one.
pub(super) fn resolve(person: &Person) -> Option<Ask> {
    let (_, subject) = person.account.as_ref()?;
    Some(Ask::get(format!("/link/v1/identities/{CONNECTION}/{subject}")))
}

/// Identities that are attached, until each has been taken off.
#[derive(Clone, Default)]
pub struct Attached(Arc<Mutex<VecDeque<(String, String)>>>);

impl Attached {
    /// Takes down what an answer says was attached.
    pub fn note(&self, seen: &Seen) {
        let Ok((StatusCode::CREATED, body)) = &seen.answer else {
            return;
        };
        let identity: Value = serde_json::from_slice(body).unwrap_or_default();
        // A user who was made has an id of her own, and no `user_id`.
        let text = |name| identity.get(name).and_then(Value::as_str).map(str::to_owned);
        if let (Some(user), Some(id)) = (text("user_id"), text("id")) {
            self.0.lock().push_back((user, id));
        }
    }

    /// Their unlinks, oldest first.
    pub fn unlinks(self) -> impl Fn() -> Option<Ask> + Send + Sync + 'static {
        move || self.next_unlink()
    }

    /// The unlink of the one that was attached first.
    pub(super) fn next_unlink(&self) -> Option<Ask> {
        let (user, identity) = self.0.lock().pop_front()?;
        Some(Ask {
            method: Method::DELETE,
            path: format!("/link/v1/users/{user}/identities/{identity}"),
            body: None,
        })
    }
}
