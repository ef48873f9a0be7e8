//! How acts and reads run on a connection: in a transaction of their own, and again when others
//! were in the way.
//!
//! Before the commit an act writes its own id into `acts`. When nobody says whether the commit
//! came to be, that tells: the same id is written once more, which waits for a transaction that
//! is still on its way. If the id is there, the act is done; if it is not, it is there now, and
//! the old transaction cannot come to be any more, so the act is run again.
//!
//! What would surprise: the keys that come with an act are in the same transaction, so nothing
//! is left of them when it is refused.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};

use super::events;
use super::lanes::Lane;
use super::session::{Conn, Mode};
use super::trouble::{self, Trouble};
use crate::clock::{Clock, Random};
use crate::domain::{KeyOwner, NewEvent};
use crate::id::{EventId, TenantId, UserId};
use crate::store::ledger::Loss;
use crate::store::sql::events::EventIds;
use crate::store::sql::keys::{self, KeyRow};
use crate::store::sql::rows::params;
use crate::store::sql::{Lock, NewKeys, Sql, Stop, Tx, Verdict};
use crate::store::{StoreError, StoreResult};

/// For how long an act is tried again.
pub(super) const ACT_PATIENCE: Duration = Duration::from_secs(5);

/// For how long a read is.
const READ_PATIENCE: Duration = Duration::from_secs(2);

/// For how long it is asked what came of a commit.
pub(super) const COMMIT_PATIENCE: Duration = Duration::from_secs(20);

/// How long the first pause is at most; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(2);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// How often an act of this server is run beside others. Whoever meets others each time pauses for
/// longer and longer while new ones come, so the next run has this server to itself.
const RUNS_BESIDE_OTHERS: u32 = 4;

/// Time and chance of a store, and the ids that events are written under.
#[derive(Clone)]
pub(super) struct Around {
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    /// Shared by acts that run beside others.
    running: Arc<RwLock<()>>,
    event_ids: Arc<Mutex<EventIds>>,
}

impl Around {
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self {
            clock,
            random,
            running: Arc::default(),
            event_ids: Arc::new(Mutex::new(EventIds::after(EventId::from_bytes([0; 12])))),
        }
    }

    /// So many ids that come after all that this process has made, one after the other.
    pub fn event_ids(&self, count: usize) -> Vec<EventId> {
        let mut ids = self.event_ids.lock();
        (0..count).map(|_| ids.next(&*self.clock, &*self.random)).collect()
    }
}

/// What came of an act, and whether what is known in memory is still so.
pub(super) struct Ran<T> {
    pub outcome: T,
    pub outdated: bool,
}

/// Tries with pauses that grow, each by chance somewhat shorter, until the time is over.
pub(super) struct Tries<'a> {
    random: &'a dyn Random,
    ends: Instant,
    pause: Duration,
}

impl<'a> Tries<'a> {
    pub fn new(random: &'a dyn Random, patience: Duration) -> Self {
        let now = Instant::now();
        Self {
            random,
            ends: now.checked_add(patience).unwrap_or(now),
            pause: FIRST_PAUSE,
        }
    }

    /// Pauses before the next try; `false` when there is none.
    pub fn next(&mut self) -> bool {
        if Instant::now() >= self.ends {
            return false;
        }
        let mut chance = [0; 1];
        self.random.fill(&mut chance);
        let [chance] = chance;
        std::thread::sleep(self.pause.mul_f64(0.25 + 0.75 * f64::from(chance) / 255.0));
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}

/// Runs an act until it is kept, refused, or has failed for so long.
pub(super) fn act<T>(
    lane: &mut Lane,
    around: &Around,
    patience: Duration,
    keys: &[KeyRow],
    act: &dyn Fn(&mut dyn Tx, NewKeys) -> Verdict<T>,
) -> StoreResult<Ran<T>> {
    let mut tries = Tries::new(&*around.random, patience);
    let mut met_others = 0;
    loop {
        let ended = match met_others < RUNS_BESIDE_OTHERS {
            true => {
                let _beside_others = around.running.read();
                once(lane, around, keys, act)
            }
            false => {
                let _alone = around.running.write();
                once(lane, around, keys, act)
            }
        };
        let failed = match ended {
            Ended::Kept(ran) => return Ok(ran),
            Ended::Failed(error) => return Err(error),
            Ended::Again(error) => {
                met_others += 1;
                error
            }
            Ended::Elsewhere(error) => error,
            Ended::Unknown { ran, tenant, id } => match was_kept(lane, around, tenant, &id)? {
                true => return Ok(ran),
                false => StoreError::Unavailable("the database lost a commit".into()),
            },
        };
        if !tries.next() {
            return Err(failed);
        }
    }
}

/// How one run of an act ended.
enum Ended<T> {
    Kept(Ran<T>),
    Failed(StoreError),
    /// Others were in the way.
    Again(StoreError),
    /// The connection was of no use.
    Elsewhere(StoreError),
    /// The commit was sent, and nobody said what came of it.
    Unknown {
        ran: Ran<T>,
        tenant: TenantId,
        id: [u8; 16],
    },
}

fn once<T>(
    lane: &mut Lane,
    around: &Around,
    keys: &[KeyRow],
    act: &dyn Fn(&mut dyn Tx, NewKeys) -> Verdict<T>,
) -> Ended<T> {
    let (ended, left) = match lane
        .session()
        .and_then(|(runtime, session)| Conn::begin(runtime, session, Mode::Write))
    {
        Ok(conn) => in_transaction(conn, around, keys, act),
        Err(fault) if trouble::of(&fault) == Trouble::Ours => (Ended::Failed(fault.into()), Left::Unsound),
        Err(fault) => (Ended::Elsewhere(fault.into()), Left::Unsound),
    };
    if left == Left::Unsound {
        lane.give_up();
    }
    ended
}

/// How a connection was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// Ready for the next transaction.
    Sound,
    /// Of no use any more, or nobody knows.
    Unsound,
}

impl Left {
    fn after(done: Result<(), trouble::Fault>) -> Self {
        done.map_or(Self::Unsound, |()| Self::Sound)
    }
}

fn in_transaction<T>(
    conn: Conn<'_>,
    around: &Around,
    keys: &[KeyRow],
    act: &dyn Fn(&mut dyn Tx, NewKeys) -> Verdict<T>,
) -> (Ended<T>, Left) {
    let mut open = Open {
        conn,
        around,
        tenant: TenantId::from_number(0),
        events: Vec::new(),
        turns: 0,
        outdated: false,
    };
    let mut id = [0; 16];
    around.random.fill(&mut id);
    let done = run(&mut open, keys, act).and_then(|outcome| {
        events::write(&open.conn, around, &open.events)?;
        if open.conn.changes() > 0 || !open.events.is_empty() {
            write_id(&open.conn, open.tenant, &id, around.clock.now())?;
        }
        Ok(outcome)
    });
    let Open {
        conn, tenant, outdated, ..
    } = open;
    match (done, conn.trouble()) {
        (Ok(outcome), None) => {
            let ran = Ran { outcome, outdated };
            match conn.commit() {
                Ok(()) => (Ended::Kept(ran), Left::Sound),
                Err(fault) if trouble::of(&fault) == Trouble::Again => (Ended::Again(fault.into()), Left::Sound),
                Err(_) => (Ended::Unknown { ran, tenant, id }, Left::Unsound),
            }
        }
        (Err(Stop::Refused(outcome)), None) => {
            let ran = Ran {
                outcome: *outcome,
                outdated: false,
            };
            (Ended::Kept(ran), Left::after(conn.roll_back()))
        }
        (Err(Stop::Failed(error)), Some(Trouble::Lost | Trouble::Elsewhere)) => {
            (Ended::Elsewhere(error), Left::Unsound)
        }
        (Err(Stop::Failed(error)), Some(Trouble::Again)) => (Ended::Again(error), Left::after(conn.roll_back())),
        (Err(Stop::Failed(error)), _) => (Ended::Failed(error), Left::after(conn.roll_back())),
        (_, Some(_)) => {
            let error = StoreError::Corrupt("an act went on after an error".into());
            (Ended::Failed(error), Left::Unsound)
        }
    }
}

fn run<T>(open: &mut Open<'_>, keys: &[KeyRow], act: &dyn Fn(&mut dyn Tx, NewKeys) -> Verdict<T>) -> Verdict<T> {
    let kept = match keys.is_empty() {
        true => NewKeys::Kept,
        false => keys::insert(&open.conn, keys)?,
    };
    act(open, kept)
}

/// Waits for everybody who has this turn. It is written rather than looked at, so that whoever
/// comes next also sees what the one before wrote, at every isolation level.
fn take_turn(sql: &dyn Sql, tenant: TenantId, turn: &[u8; 16], now: Timestamp) -> StoreResult<bool> {
    let rows = sql.run(
        "INSERT INTO acts (tenant, id, at) VALUES (?1, ?2, ?3)
         ON CONFLICT (tenant, id) DO UPDATE SET at = ?3",
        params![tenant, turn, now.as_millisecond()],
    )?;
    Ok(rows == 1)
}

fn write_id(sql: &dyn Sql, tenant: TenantId, id: &[u8; 16], now: Timestamp) -> StoreResult<bool> {
    let rows = sql.run(
        "INSERT INTO acts (tenant, id, at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        params![tenant, id, now.as_millisecond()],
    )?;
    Ok(rows == 1)
}

/// Whether an act was kept; if it was not, it never will be.
fn was_kept(lane: &mut Lane, around: &Around, tenant: TenantId, id: &[u8; 16]) -> StoreResult<bool> {
    let mut tries = Tries::new(&*around.random, COMMIT_PATIENCE);
    loop {
        let looked = lane
            .session()
            .map_err(StoreError::from)
            .and_then(|(runtime, session)| write_id(&Conn::plain(runtime, session), tenant, id, around.clock.now()));
        match looked {
            Ok(written) => return Ok(!written),
            Err(error) => {
                lane.give_up();
                if !tries.next() {
                    tracing::error!(%error, "it is not known whether an act was kept");
                    return Err(StoreError::Unknown);
                }
            }
        }
    }
}

/// Reads with what all belongs to one moment, or with one statement; again when the connection
/// was of no use.
pub(super) fn read<T>(
    lane: &mut Lane,
    around: &Around,
    moment: Moment,
    read: &dyn Fn(&Conn<'_>) -> StoreResult<T>,
) -> StoreResult<T> {
    let mut tries = Tries::new(&*around.random, READ_PATIENCE);
    loop {
        let (answer, trouble) = read_once(lane, moment, read);
        let error = match (answer, trouble) {
            (Ok(answer), None) => return Ok(answer),
            (Err(error), Some(Trouble::Again | Trouble::Lost | Trouble::Elsewhere)) => error,
            (Err(error), _) => return Err(error),
            (Ok(_), Some(_)) => return Err(StoreError::Corrupt("a read went on after an error".into())),
        };
        if !tries.next() {
            return Err(error);
        }
    }
}

/// Whether what is read must be of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// All statements see the same.
    One,
    /// Each statement sees what there is when it comes.
    Each,
}

fn read_once<T>(
    lane: &mut Lane,
    moment: Moment,
    read: &dyn Fn(&Conn<'_>) -> StoreResult<T>,
) -> (StoreResult<T>, Option<Trouble>) {
    let (answer, trouble, left) = match lane.session().and_then(|(runtime, session)| match moment {
        Moment::One => Conn::begin(runtime, session, Mode::Read),
        Moment::Each => Ok(Conn::plain(runtime, session)),
    }) {
        Ok(conn) => {
            let (answer, trouble) = (read(&conn), conn.trouble());
            let left = match trouble {
                Some(Trouble::Lost | Trouble::Elsewhere) => Left::Unsound,
                _ => Left::after(conn.roll_back()),
            };
            (answer, trouble, left)
        }
        Err(fault) => {
            let trouble = trouble::of(&fault);
            (Err(fault.into()), Some(trouble), Left::Unsound)
        }
    };
    if left == Left::Unsound {
        lane.give_up();
    }
    (answer, trouble)
}

/// What an act works with: its transaction, and what must go with it.
struct Open<'s> {
    conn: Conn<'s>,
    around: &'s Around,
    /// Whose act it is, as far as it has said.
    tenant: TenantId,
    /// What happened: written at the end, all at once.
    events: Vec<(TenantId, NewEvent)>,
    /// How many turns it has waited for: each is a row that was written, and says nothing.
    turns: u64,
    outdated: bool,
}

impl Open<'_> {
    fn take_turn(&mut self, tenant: TenantId, turn: &[u8; 16]) -> StoreResult<bool> {
        self.tenant = tenant;
        self.turns += 1;
        take_turn(&self.conn, tenant, turn, self.around.clock.now())
    }
}

impl Tx for Open<'_> {
    fn sql(&self) -> &dyn Sql {
        &self.conn
    }

    fn keys(&self) -> &dyn Sql {
        &self.conn
    }

    fn lock(&mut self, lock: Lock) -> StoreResult<bool> {
        let sql: &dyn Sql = &self.conn;
        match lock {
            Lock::Tenant(id) => self.take_turn(id, &[0; 16]),
            Lock::Birth(tenant, birth) => {
                let (turn, _) = birth.as_bytes().split_first_chunk().unwrap_or((&[0; 16], &[]));
                self.take_turn(tenant, turn)
            }
            Lock::Client(id) => sql.any(
                "SELECT 1 FROM clients WHERE tenant = ?1 AND id = ?2 FOR UPDATE",
                params![id.tenant(), id],
            ),
            Lock::Connection(tenant, id) => sql.any(
                "SELECT 1 FROM connections WHERE tenant = ?1 AND id = ?2 FOR UPDATE",
                params![tenant, id],
            ),
            Lock::ConnectionStays(tenant, id) => sql.any(
                "SELECT 1 FROM connections WHERE tenant = ?1 AND id = ?2 FOR KEY SHARE",
                params![tenant, id],
            ),
            Lock::User(tenant, id) => {
                self.tenant = tenant;
                sql.any(
                    "SELECT 1 FROM users WHERE tenant = ?1 AND id = ?2 FOR UPDATE",
                    params![tenant, id],
                )
            }
        }
    }

    fn record(&mut self, tenant: TenantId, event: &NewEvent) -> StoreResult<()> {
        self.tenant = tenant;
        self.events.push((tenant, event.clone()));
        Ok(())
    }

    /// There is no ledger beside a server that keeps its own history.
    fn lose(&mut self, _: Loss) {}

    fn lost_before(&mut self) {}

    fn doom_key(&mut self, tenant: TenantId, user: UserId) -> StoreResult<()> {
        keys::delete(&self.conn, tenant, KeyOwner::User(user))
    }

    fn sweep_key(&mut self, tenant: TenantId, user: UserId) -> StoreResult<()> {
        let nothing = crate::domain::WrappedKey(Vec::new());
        let row = KeyRow::Owned(tenant, KeyOwner::User(user), nothing);
        keys::delete_unless_owned(&self.conn, &self.conn, &row)
    }

    fn outdate_known(&mut self) {
        self.outdated = true;
    }

    fn is_alone(&self) -> bool {
        false
    }

    fn changes(&self) -> u64 {
        self.conn.changes().saturating_sub(self.turns)
    }

    fn now(&self) -> Timestamp {
        self.around.clock.now()
    }

    fn random(&self) -> &dyn Random {
        &*self.around.random
    }
}
