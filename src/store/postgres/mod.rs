//! The store on a PostgreSQL server, or what speaks its protocol, for any number of servers of
//! ours at once.
//!
//! Acts and reads are those of `store/sql/`. Each runs on one of a few threads that own a
//! connection (`lanes.rs`), an act in a transaction of its own that is tried again when others
//! were in the way (`act.rs`). The two operations that there are most of have statements of their
//! own, for as many as have gathered: links (`links.rs`) and look-ups (`look_ups.rs`), of keys too.
//!
//! What would surprise: nothing is kept in this process that others could not change, but for
//! rows that are believed for a second ([`KNOWN_FOR`]); and the order of events is made when they
//! are read (`events.rs`).

mod act;
pub mod citus;
mod connect;
mod destination;
mod events;
mod gather;
mod inspect;
mod isolation;
mod lanes;
mod links;
mod look_ups;
mod migrate;
mod refusal;
mod session;
mod trouble;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::oneshot;

use self::act::{Around, Moment};
pub use self::connect::{Address, BadAddress};
pub use self::destination::PostgresDestination;
use self::gather::Gathered;
pub use self::inspect::{check_schema, inspect, look_at_backend};
use self::lanes::Lanes;
use self::links::{Linking, Unsupported};
use self::look_ups::{Account, KeyLookUp, LookUp};
use self::migrate::Older;
pub use self::migrate::steps;
pub use self::refusal::OpenError;
use crate::clock::{Clock, Random};
use crate::domain::{Connection, KeyOwner, UserWithIdentities, WrappedKey};
use crate::id::TenantId;
use crate::store::sql::keys::KeyRow;
use crate::store::sql::known::Known;
use crate::store::sql::rows::params;
use crate::store::sql::turns::{Turns, is_brief};
use crate::store::sql::{Engine, NewKeys, Sql, SqlStore, Tx, Verdict, search};
use crate::store::{Link, Linked, Search, Searched, StoreError, StoreResult};

/// For how long a client's standing, a tenant's settings or a connection is believed after it was
/// read: so late at most does a server see what another one changed.
pub const KNOWN_FOR: Duration = Duration::from_secs(1);

/// For how long acts are kept that nobody asked about any more.
const ACTS_KEPT_MS: i64 = 3_600_000;

/// How many connections a server has by default.
pub const CONNECTIONS: usize = 12;

/// The store on a server.
pub type PostgresStore = SqlStore<Postgres>;

/// A server, and the connections to it.
pub struct Postgres {
    lanes: Lanes,
    links: Arc<Gathered<Linking>>,
    look_ups: Arc<Gathered<LookUp>>,
    keys: Arc<Gathered<KeyLookUp>>,
    turns: Turns,
    known: Arc<Known>,
    around: Around,
}

impl SqlStore<Postgres> {
    /// Opens the store in a database, and makes its tables if there are none of ours.
    ///
    /// # Errors
    /// [`OpenError`]; a schema that is newer than this binary is left as it was.
    pub async fn open(
        address: &Address,
        connections: usize,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, OpenError> {
        let client = migrate::prepare(address, Older::Refuse).await?;
        migrate::check_rights(address, &client).await?;
        let around = Around::new(clock, random);
        let known = Arc::new(Known::new(Some(KNOWN_FOR)));
        let lanes = Lanes::start(address, connections).map_err(|error| OpenError::Refused(error.to_string()))?;
        let links = {
            let (around, known, unsupported) = (around.clone(), known.clone(), Unsupported::default());
            Gathered::new(lanes.putter(), move |lane, tenant, batch| {
                links::serve(lane, &around, &known, &unsupported, tenant, batch);
            })
        };
        let look_ups = {
            let around = around.clone();
            Gathered::new(lanes.putter(), move |lane, tenant, batch| {
                look_ups::serve(lane, &around, tenant, batch);
            })
        };
        let keys = {
            let around = around.clone();
            Gathered::new(lanes.putter(), move |lane, tenant, batch| {
                look_ups::serve_keys(lane, &around, tenant, batch);
            })
        };
        let engine = Postgres {
            lanes,
            links,
            look_ups,
            keys,
            turns: Turns::new(),
            known,
            around,
        };
        Ok(Self { engine })
    }

    /// Brings the database to the schema of this binary, step by step. Servers of that schema may
    /// be at work meanwhile.
    ///
    /// # Errors
    /// [`OpenError`]; what was done before it stays, and it is safe to run again.
    pub async fn migrate(address: &Address) -> Result<(), OpenError> {
        migrate::prepare(address, Older::Migrate).await.map(drop)
    }
}

impl Postgres {
    async fn read_as<T: Send + 'static>(
        &self,
        moment: Moment,
        read: impl Fn(&dyn Sql) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let around = self.around.clone();
        self.lanes
            .run(move |lane| act::read(lane, &around, moment, &|conn| read(conn)))
            .await
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}

impl Engine for Postgres {
    fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&dyn Sql) -> StoreResult<T> + Send + 'static,
    ) -> impl Future<Output = StoreResult<T>> + Send {
        self.read_as(Moment::One, read)
    }

    fn read_one<T: Send + 'static>(
        &self,
        read: impl Fn(&dyn Sql) -> StoreResult<T> + Send + 'static,
    ) -> impl Future<Output = StoreResult<T>> + Send {
        self.read_as(Moment::Each, read)
    }

    fn read_keys<T: Send + 'static>(
        &self,
        read: impl Fn(&dyn Sql) -> StoreResult<T> + Send + 'static,
    ) -> impl Future<Output = StoreResult<T>> + Send {
        self.read_as(Moment::Each, read)
    }

    async fn act<T: Send + 'static>(
        &self,
        keys: Vec<KeyRow>,
        act: impl Fn(&mut dyn Tx, NewKeys) -> Verdict<T> + Send + 'static,
    ) -> StoreResult<T> {
        let (around, known) = (self.around.clone(), self.known.clone());
        self.lanes
            .run(move |lane| {
                let ran = act::act(lane, &around, act::ACT_PATIENCE, &keys, &act)?;
                if ran.outdated {
                    known.forget();
                }
                Ok(ran.outcome)
            })
            .await
    }

    async fn link(&self, tenant: TenantId, link: Link) -> StoreResult<Linked> {
        let (reply, answer) = oneshot::channel();
        self.links.add(tenant, Linking { link, reply })?;
        answer.await.map_err(|_| closed())?
    }

    async fn find_holder(
        &self,
        tenant: TenantId,
        connection: Arc<Connection>,
        subject: String,
    ) -> StoreResult<Option<UserWithIdentities>> {
        let question = Account {
            connection: connection.id,
            issuer: connection.issuer.clone(),
            subject,
        };
        let (reply, answer) = oneshot::channel();
        self.look_ups.add(tenant, LookUp { question, reply })?;
        answer.await.map_err(|_| closed())?
    }

    async fn find_key(&self, tenant: TenantId, owner: KeyOwner) -> StoreResult<Option<WrappedKey>> {
        let (reply, answer) = oneshot::channel();
        self.keys.add(tenant, KeyLookUp { question: owner, reply })?;
        answer.await.map_err(|_| closed())?
    }

    async fn place_events(&self, tenant: TenantId) -> StoreResult<()> {
        while self.read_one(move |sql| events::are_waiting(sql, tenant)).await? {
            let around = self.around.clone();
            let more = self
                .act(vec![], move |tx, _| events::place(tx, &around, tenant))
                .await?;
            if !more {
                break;
            }
        }
        Ok(())
    }

    async fn search(&self, tenant: TenantId, search: Search, ends: Option<Instant>) -> StoreResult<Searched> {
        let turn = match is_brief(&search) {
            true => None,
            false => match self.turns.next(tenant, ends).await? {
                Some(turn) => Some(turn),
                None => return Ok(Searched::GaveUp),
            },
        };
        self.read(move |sql| {
            // It lasts as long as the search, even when whoever asked has gone away meanwhile.
            let _held = &turn;
            search::search(sql, tenant, &search, ends)
        })
        .await
    }

    async fn keep_up(&self, now: Timestamp) -> StoreResult<()> {
        let before = now.as_millisecond().saturating_sub(ACTS_KEPT_MS);
        self.act(vec![], move |tx, _| {
            tx.sql().run("DELETE FROM acts WHERE at < ?1", params![before])?;
            Ok(())
        })
        .await
    }

    fn known(&self) -> &Known {
        &self.known
    }
}
