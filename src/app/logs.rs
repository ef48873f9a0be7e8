//! What tenants are told of what happened: noted by whoever answers a request, spelled and written
//! behind it, and read.
//!
//! To note something is to put it into a queue; one task takes it out, has it spelled and writes it
//! with what came shortly before and after, in one act. So a request never waits for it, and when
//! more comes than can be written, some is left out and counted. What would surprise: whoever reads
//! waits until what was noted before is written, and so sees his own calls.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use prometheus::IntCounter;
use quick_cache::sync::Cache;
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::app::App;
use crate::domain::{Caller, Object, Scope, UserRef};
use crate::error::{Error, Noun, Result};
use crate::id::{ClientId, LogId, TenantId, UserId};
pub use crate::store::{About, LogOrder};
use crate::store::{Log, LogPage, NewLog, Store};

/// How many notes wait to be written; each holds some kilobytes at most.
const QUEUE: usize = 4_096;

/// How many are written in one act, and for how long the first waits for more. A crash takes
/// what waits.
const BATCH: usize = 512;
const GATHERS_FOR: Duration = Duration::from_secs(1);

/// How many entries are read at a time by a search, how many searches run at once, and for how
/// many clients it is known when something was told of them last.
const READ_AT_ONCE: u32 = 256;
const SEARCHES: usize = 2;
const CLIENTS: usize = 1_000;

/// Who may read logs.
const READERS: &[Scope] = &[Scope::ReadLogs, Scope::ReadLogsUsers];

/// Something that happened, as it was noted.
pub trait Happened: Send {
    /// Spells it: the entries that tell of it.
    fn spell(self: Box<Self>) -> Vec<Told>;
}

/// An entry to be written.
#[derive(Debug, Clone)]
pub struct Told {
    /// The client in whose tenant it happened.
    pub client: ClientId,
    /// Whom it is about.
    pub about: About,
    /// When.
    pub at: Timestamp,
    /// What.
    pub entry: Object,
    /// What of it is personal, and goes with whom it is about.
    pub personal: Object,
}

/// What there is to be written, and the way to it.
pub(super) struct Writing {
    queue: mpsc::Sender<Note>,
    dropped: IntCounter,
    searches: Semaphore,
    told: Cache<(ClientId, &'static str), Timestamp>,
}

enum Note {
    Happened(Box<dyn Happened>),
    /// Somebody waits until what came before is written.
    Awaited(oneshot::Sender<()>),
}

impl Writing {
    /// Begins to write. It ends with the system, and holds no store open that nobody else does.
    pub(super) fn start(store: &Arc<dyn Store>) -> Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let help = "Entries of tenants' logs that were left out: too many came, or the store did not write.";
        let dropped = IntCounter::new("log_entries_dropped_total", help).map_err(Error::internal)?;
        tokio::spawn(write(Arc::downgrade(store), waiting, dropped.clone()));
        Ok(Self {
            queue,
            dropped,
            searches: Semaphore::new(SEARCHES),
            told: Cache::new(CLIENTS),
        })
    }
}

async fn write(store: Weak<dyn Store>, mut waiting: mpsc::Receiver<Note>, dropped: IntCounter) {
    let mut notes = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut notes, BATCH).await > 0 {
        let until = Instant::now() + GATHERS_FOR;
        while notes.len() < BATCH && !notes.iter().any(|note| matches!(note, Note::Awaited(_))) {
            let room = BATCH.saturating_sub(notes.len());
            match timeout_at(until, waiting.recv_many(&mut notes, room)).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        let (mut new, mut awaiting) = (Vec::new(), Vec::new());
        for note in notes.drain(..) {
            match note {
                Note::Happened(happened) => new.extend(happened.spell().into_iter().map(kept)),
                Note::Awaited(answer) => awaiting.push(answer),
            }
        }
        let count = new.len() as u64;
        let written = match (count, store.upgrade()) {
            (0, _) => Ok(()),
            (_, Some(store)) => store.append_logs(new).await.map_err(Error::from),
            (_, None) => Err(Error::internal("the store is closed")),
        };
        if let Err(error) = written {
            tracing::warn!(%error, count, "entries of tenants' logs could not be written");
            dropped.inc_by(count);
        }
        for answer in awaiting {
            let _ = answer.send(());
        }
    }
}

fn kept(told: Told) -> NewLog {
    NewLog {
        tenant: told.client.tenant(),
        client: told.client,
        about: told.about,
        at: told.at,
        entry: told.entry,
        personal: told.personal,
    }
}

/// An entry, as it is read: all of it that is still there, and the names of tenant and client.
#[derive(Debug)]
pub struct ReadLog {
    /// Its id.
    pub id: LogId,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub entry: Object,
}

/// What an entry must be like to be shown.
pub type Fits = Box<dyn Fn(&ReadLog) -> bool + Send + Sync>;

/// Which entries are asked for.
pub struct LogSearch {
    /// Only those about her.
    pub user: Option<UserId>,
    /// Only those that are like this.
    pub fits: Option<Fits>,
    /// In which order.
    pub order: LogOrder,
    /// Only those after this one in that order.
    pub after: Option<LogId>,
    /// How many to pass over.
    pub skip: u32,
    /// How many to show at most.
    pub limit: u32,
    /// Whether to count all of them.
    pub count: bool,
    /// How many entries may be held against `fits`; those that come later are not found.
    pub within: Option<u32>,
    /// How long a search for what they must be like may take.
    pub patience: Duration,
}

impl App {
    /// Notes that something happened, to be told of in the log of its tenant; at once, and without
    /// a promise.
    pub fn tell(&self, happened: Box<dyn Happened>) {
        if self.logs.queue.try_send(Note::Happened(happened)).is_err() {
            self.logs.dropped.inc();
        }
    }

    /// Whether something of this kind is to be told of a client, because the last time is so long
    /// ago; for what anybody can make happen as often as he likes.
    pub fn is_news(&self, client: ClientId, kind: &'static str, after: SignedDuration) -> bool {
        let now = self.clock.now();
        let last = self.logs.told.get(&(client, kind));
        let is_news = last.is_none_or(|last| now.duration_since(last).abs() >= after);
        if is_news {
            self.logs.told.insert((client, kind), now);
        }
        is_news
    }

    /// Counts the entries that were left out.
    pub fn dropped_logs(&self) -> IntCounter {
        self.logs.dropped.clone()
    }

    /// Returns when everything that was noted before is written, or left out.
    pub async fn write_logs(&self) {
        let (answer, written) = oneshot::channel();
        if self.logs.queue.send(Note::Awaited(answer)).await.is_ok() {
            let _ = written.await;
        }
    }

    /// Some of the entries of the caller's tenant, and how many there are in all, if that was asked.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::SearchTooLong`].
    pub async fn list_logs(&self, caller: &Caller, search: LogSearch) -> Result<(Vec<ReadLog>, Option<u64>)> {
        caller.needs(READERS)?;
        self.write_logs().await;
        let names = self.log_names(caller.tenant).await?;
        if search.fits.is_some() {
            return self.sift_logs(caller.tenant, &names, &search).await;
        }
        let page = LogPage {
            user: search.user,
            order: search.order,
            after: search.after,
            skip: search.skip,
            limit: search.limit,
        };
        let found = self.store.list_logs(caller.tenant, page).await?;
        let total = match search.count {
            true => Some(self.store.count_logs(caller.tenant, search.user).await?),
            false => None,
        };
        Ok((found.into_iter().map(|log| names.read(log)).collect(), total))
    }

    /// Reads on until enough entries are found that are asked for, or for too long.
    async fn sift_logs(
        &self,
        tenant: TenantId,
        names: &Names,
        search: &LogSearch,
    ) -> Result<(Vec<ReadLog>, Option<u64>)> {
        let until = Instant::now() + search.patience;
        let turn = timeout_at(until, self.logs.searches.acquire()).await;
        let _turn = turn.map_err(|_| Error::SearchTooLong)?.map_err(Error::internal)?;
        let (mut shown, mut seen, mut looked, mut after) = (Vec::new(), 0_u64, 0_u32, search.after);
        let enough = u64::from(search.skip).saturating_add(search.limit.into());
        loop {
            let page = LogPage {
                user: search.user,
                order: search.order,
                after,
                skip: 0,
                limit: READ_AT_ONCE,
            };
            let found = self.store.list_logs(tenant, page).await?;
            let is_last = found.len() < READ_AT_ONCE as usize;
            after = found.last().map(|log| log.id);
            for log in found {
                let log = names.read(log);
                if search.fits.as_ref().is_none_or(|fits| fits(&log)) {
                    seen = seen.saturating_add(1);
                    if seen > u64::from(search.skip) && seen <= enough {
                        shown.push(log);
                    }
                }
            }
            looked = looked.saturating_add(READ_AT_ONCE);
            let is_last = is_last || search.within.is_some_and(|within| looked >= within);
            if is_last || (seen >= enough && !search.count) {
                return Ok((shown, search.count.then_some(seen)));
            }
            if Instant::now() >= until {
                return Err(Error::SearchTooLong);
            }
            tokio::task::yield_now().await;
        }
    }

    /// One entry.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::NotFound`].
    pub async fn find_log(&self, caller: &Caller, id: LogId) -> Result<ReadLog> {
        caller.needs(READERS)?;
        self.write_logs().await;
        let found = self.store.find_log(caller.tenant, id).await?;
        let names = self.log_names(caller.tenant).await?;
        found.map(|log| names.read(log)).ok_or(Error::NotFound(Noun::Log))
    }

    /// The core id of the user of the caller's tenant whose entries are asked for; `None` when
    /// nobody is called so any more.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`].
    pub async fn find_user_of_logs(&self, caller: &Caller, which: &UserRef) -> Result<Option<UserId>> {
        caller.needs(READERS)?;
        Ok(self.store.find_user_id(caller.tenant, which).await?)
    }

    /// Forgets the entries that are older than their tenants keep them; returns how many.
    ///
    /// # Errors
    /// Those of the store; what was forgotten before it stays so.
    pub async fn forget_logs(&self) -> Result<u64> {
        let mut all: u64 = 0;
        for tenant in self.store.list_tenants().await? {
            let kept_for = SignedDuration::from_hours(i64::from(tenant.settings.log_retention_days).saturating_mul(24));
            let before = self.clock.now().checked_sub(kept_for).unwrap_or(Timestamp::UNIX_EPOCH);
            loop {
                match self.store.forget_logs(tenant.id, before).await? {
                    0 => break,
                    some => all = all.saturating_add(some),
                }
            }
        }
        Ok(all)
    }

    /// The names that entries are shown with.
    async fn log_names(&self, tenant: TenantId) -> Result<Names> {
        let found = self.store.find_tenant(tenant).await?;
        let clients = self.store.list_clients(tenant).await?;
        Ok(Names {
            tenant: found.map(|tenant| tenant.name),
            clients: clients
                .into_iter()
                .map(|client| (client.id.to_string(), client.name))
                .collect(),
        })
    }
}

/// What tenant and clients are called now.
struct Names {
    tenant: Option<String>,
    clients: HashMap<String, String>,
}

impl Names {
    fn read(&self, log: Log) -> ReadLog {
        let mut entry = log.entry;
        merge(&mut entry, log.personal);
        let client = entry.get("client_id").and_then(Value::as_str);
        let name = client.and_then(|client| self.clients.get(client)).cloned();
        if let Some(name) = name {
            entry.entry("client_name").or_insert(name.into());
        }
        if let Some(tenant) = &self.tenant {
            entry.insert("tenant_name".to_owned(), tenant.as_str().into());
        }
        ReadLog {
            id: log.id,
            at: log.at,
            entry,
        }
    }
}

/// Puts members where they belong, down to the last object. It goes as deep as entries are made,
/// which is a few steps.
fn merge(into: &mut Object, from: Object) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (Some(Value::Object(into)), Value::Object(from)) => merge(into, from),
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
}
