//! One connection to the server, as acts and reads see it: statements one after the other.
//!
//! It belongs to one thread, which waits for every answer, on a small runtime of its own. What
//! would surprise: statements are prepared once for each connection, under their text, in which
//! parameters are written `?1` as everywhere in the store; and the first error is kept, because
//! it decides whether what was begun is tried again.

use std::cell::{Cell as StdCell, RefCell};
use std::collections::HashMap;
use std::error::Error as StdError;
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};
use tokio_postgres::{Client, Row as PgRow, Statement, Transaction};

use super::trouble::{self, Fault, Trouble};
use crate::store::sql::rows::{Cell, Cells, Row, ToValue, Value, corrupt};
use crate::store::sql::{Sql, Step};
use crate::store::{StoreError, StoreResult};

/// So many rows that nobody wanted are a statement without its limit.
const FETCHED_IN_VAIN: usize = 64;

/// How many rows of very many are fetched at a time.
const FETCHED: i32 = 500;

/// A connection with what was prepared on it.
pub(super) struct Session {
    pub client: Client,
    /// The trust in it when it was made.
    pub trust: u64,
    /// When work was begun on it last.
    used_at: StdCell<Instant>,
    /// Whether the server was silent for longer than it may be.
    pub silent: StdCell<bool>,
    /// How long a statement may take before the connection is given up. The server is told to give
    /// up earlier itself; this is for one that does not answer at all.
    patience: Duration,
    statements: RefCell<HashMap<String, Statement>>,
    planned: Planned,
}

/// When statements are planned anew. The server plans each once, by what there is then; in a
/// database that was just made that is nothing, and every key looks as good as another. So plans
/// are thrown away after some statements, and again after twice as many.
struct Planned {
    left: StdCell<u32>,
    next: u32,
}

/// After how many statements plans are thrown away first, and how many there are between two times
/// at most.
const FIRST_PLANS: u32 = 256;
const LAST_PLANS: u32 = 1 << 18;

/// A connection that was not used for so long is looked at before it is.
const LOOKED_AT_AFTER: Duration = Duration::from_millis(20);

impl Session {
    pub fn new(client: Client, trust: u64, patience: Duration) -> Self {
        Self {
            client,
            trust,
            used_at: StdCell::new(Instant::now()),
            silent: StdCell::new(false),
            patience,
            statements: RefCell::default(),
            planned: Planned {
                left: StdCell::new(FIRST_PLANS),
                next: FIRST_PLANS,
            },
        }
    }

    /// Whether the connection is there, as far as it is known on this side. What came while nobody
    /// used it, such as its end, is looked at first: otherwise it would be found out by a statement
    /// of which it is not known then whether the server ran it.
    pub fn is_open(&self, runtime: &tokio::runtime::Runtime) -> bool {
        if self.used_at.get().elapsed() > LOOKED_AT_AFTER {
            runtime.block_on(async {
                // The first lets what came be read, the second the connection's own half see it.
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
            });
        }
        self.used_at.set(Instant::now());
        !self.client.is_closed()
    }

    /// Has statements planned anew if it is time; to be called between two of them.
    pub fn plan_anew(&mut self, runtime: &tokio::runtime::Runtime) {
        if self.planned.left.get() > 0 {
            return;
        }
        self.planned.next = self.planned.next.saturating_mul(2).min(LAST_PLANS);
        self.planned.left.set(self.planned.next);
        // A server that does not know this has no such plans.
        let waits = Waits {
            runtime,
            patience: self.patience,
            silent: &self.silent,
        };
        let _ = waits.until(self.client.batch_execute("DISCARD PLANS"));
    }
}

/// What statements go to.
pub(super) enum Through<'s> {
    /// Each is a transaction of its own.
    Itself(&'s Client),
    /// All are one.
    Transaction(Transaction<'s>),
}

/// A connection at work.
pub(super) struct Conn<'s> {
    waits: Waits<'s>,
    statements: &'s RefCell<HashMap<String, Statement>>,
    through: Through<'s>,
    plans_left: &'s StdCell<u32>,
    trouble: StdCell<Option<Trouble>>,
    changes: StdCell<u64>,
}

impl<'s> Conn<'s> {
    /// Each statement by itself.
    pub fn plain(runtime: &'s tokio::runtime::Runtime, session: &'s Session) -> Self {
        Self {
            waits: Waits {
                runtime,
                patience: session.patience,
                silent: &session.silent,
            },
            statements: &session.statements,
            through: Through::Itself(&session.client),
            plans_left: &session.planned.left,
            trouble: StdCell::new(None),
            changes: StdCell::new(0),
        }
    }

    /// All statements until the end in one transaction, of one moment if they only read.
    pub fn begin(runtime: &'s tokio::runtime::Runtime, session: &'s mut Session, mode: Mode) -> Result<Self, Fault> {
        let Session {
            client,
            silent,
            patience,
            statements,
            planned,
            ..
        } = session;
        let waits = Waits {
            runtime,
            patience: *patience,
            silent,
        };
        let transaction = waits.until(async {
            match mode {
                Mode::Write => client.transaction().await,
                Mode::Read => {
                    client
                        .build_transaction()
                        .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
                        .read_only(true)
                        .start()
                        .await
                }
            }
        })?;
        Ok(Self {
            waits,
            statements,
            through: Through::Transaction(transaction),
            plans_left: &planned.left,
            trouble: StdCell::new(None),
            changes: StdCell::new(0),
        })
    }

    /// Ends the transaction for good.
    pub fn commit(self) -> Result<(), Fault> {
        match self.through {
            Through::Itself(_) => Ok(()),
            Through::Transaction(transaction) => self.waits.until(transaction.commit()),
        }
    }

    /// Ends the transaction without a trace.
    pub fn roll_back(self) -> Result<(), Fault> {
        match self.through {
            Through::Itself(_) => Ok(()),
            Through::Transaction(transaction) => self.waits.until(transaction.rollback()),
        }
    }

    /// What can be done about the first error, if there was one.
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble.get()
    }

    /// How many rows were written.
    pub fn changes(&self) -> u64 {
        self.changes.get()
    }

    fn note(&self, error: &Fault) -> StoreError {
        if self.trouble.get().is_none() {
            self.trouble.set(Some(trouble::of(error)));
        }
        trouble::to_store(error)
    }

    fn wait<T>(&self, work: impl Future<Output = Result<T, tokio_postgres::Error>>) -> StoreResult<T> {
        self.waits.until(work).map_err(|error| self.note(&error))
    }

    fn prepared(&self, text: &str) -> StoreResult<Statement> {
        self.plans_left.set(self.plans_left.get().saturating_sub(1));
        if let Some(statement) = self.statements.borrow().get(text) {
            return Ok(statement.clone());
        }
        let numbered = text.replace('?', "$");
        let statement = self.wait(async {
            match &self.through {
                Through::Itself(client) => client.prepare(&numbered).await,
                Through::Transaction(transaction) => transaction.prepare(&numbered).await,
            }
        })?;
        self.statements.borrow_mut().insert(text.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Runs a statement with values of its own kinds and hands over its rows.
    pub fn query(&self, text: &str, params: &[&(dyn ToSql + Sync)]) -> StoreResult<Vec<PgRow>> {
        let statement = self.prepared(text)?;
        self.wait(async {
            match &self.through {
                Through::Itself(client) => client.query(&statement, params).await,
                Through::Transaction(transaction) => transaction.query(&statement, params).await,
            }
        })
    }
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// To write.
    Write,
    /// To read what is of one moment.
    Read,
}

/// How an answer is waited for.
#[derive(Clone, Copy)]
struct Waits<'s> {
    runtime: &'s tokio::runtime::Runtime,
    patience: Duration,
    silent: &'s StdCell<bool>,
}

impl Waits<'_> {
    /// Waits for an answer, but not for ever.
    fn until<T>(self, work: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Fault> {
        self.runtime.block_on(async {
            match tokio::time::timeout(self.patience, work).await {
                Ok(done) => done.map_err(Fault::Said),
                Err(_) => {
                    self.silent.set(true);
                    Err(Fault::Silence)
                }
            }
        })
    }
}

impl Sql for Conn<'_> {
    fn run(&self, statement: &str, params: &[&dyn ToValue]) -> StoreResult<usize> {
        let statement = self.prepared(statement)?;
        let values = Values::of(params)?;
        let rows = self.wait(async {
            match &self.through {
                Through::Itself(client) => client.execute_raw(&statement, values.iter()).await,
                Through::Transaction(transaction) => transaction.execute_raw(&statement, values.iter()).await,
            }
        })?;
        self.changes.set(self.changes.get().saturating_add(rows));
        usize::try_from(rows).map_err(corrupt)
    }

    fn each(
        &self,
        statement: &str,
        params: &[&dyn ToValue],
        take: &mut dyn FnMut(&Row<'_>) -> StoreResult<Step>,
    ) -> StoreResult<()> {
        let values = Values::of(params)?;
        let mut rows = self.query(statement, &values.refs())?.into_iter();
        for row in rows.by_ref() {
            if take(&Row(&row))? == Step::Enough {
                break;
            }
        }
        debug_assert!(rows.len() < FETCHED_IN_VAIN, "say LIMIT: {statement}");
        Ok(())
    }

    fn walk(
        &self,
        statement: &str,
        params: &[&dyn ToValue],
        take: &mut dyn FnMut(&Row<'_>) -> StoreResult<Step>,
    ) -> StoreResult<()> {
        let Through::Transaction(transaction) = &self.through else {
            return self.each(statement, params, take);
        };
        let statement = self.prepared(statement)?;
        let values = Values::of(params)?;
        let portal = self.wait(transaction.bind(&statement, &values.refs()))?;
        loop {
            let rows = self.wait(transaction.query_portal(&portal, FETCHED))?;
            for row in &rows {
                if take(&Row(row))? == Step::Enough {
                    return Ok(());
                }
            }
            if i32::try_from(rows.len()).is_ok_and(|count| count < FETCHED) {
                return Ok(());
            }
        }
    }
}

/// Values on their way to the server.
struct Values<'v>(Vec<Value<'v>>);

impl<'v> Values<'v> {
    fn of(params: &'v [&dyn ToValue]) -> StoreResult<Self> {
        params
            .iter()
            .map(|param| param.to_value())
            .collect::<StoreResult<_>>()
            .map(Self)
    }

    fn refs(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.0.iter().map(|value| value as _).collect()
    }

    fn iter(&self) -> impl ExactSizeIterator<Item = &Value<'v>> {
        self.0.iter()
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Value::Null => return Ok(IsNull::Yes),
            Value::Number(number) => match *kind {
                Type::INT2 => out.put_i16(i16::try_from(*number)?),
                Type::INT4 => out.put_i32(i32::try_from(*number)?),
                Type::BOOL => out.put_u8(u8::from(*number != 0)),
                _ => out.put_i64(*number),
            },
            Value::Text(text) => out.put_slice(text.as_bytes()),
            Value::Bytes(bytes) => out.put_slice(bytes),
            Value::Numbers(numbers) => return numbers.to_sql(kind, out),
            Value::Blobs(blobs) => return blobs.to_sql(kind, out),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

/// A column in the server's own form.
struct Raw<'r> {
    kind: Type,
    bytes: Option<&'r [u8]>,
}

impl<'r> FromSql<'r> for Raw<'r> {
    fn from_sql(kind: &Type, bytes: &'r [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self {
            kind: kind.clone(),
            bytes: Some(bytes),
        })
    }

    fn from_sql_null(kind: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self {
            kind: kind.clone(),
            bytes: None,
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl Cells for PgRow {
    fn cell(&self, column: usize) -> StoreResult<Cell<'_>> {
        let raw: Raw<'_> = self.try_get(column).map_err(corrupt)?;
        let Some(bytes) = raw.bytes else {
            return Ok(Cell::Null);
        };
        let odd = || corrupt(format!("column {column} is of the kind {}", raw.kind));
        Ok(match raw.kind {
            Type::BYTEA => Cell::Bytes(bytes),
            Type::TEXT | Type::VARCHAR => Cell::Text(std::str::from_utf8(bytes).map_err(corrupt)?),
            Type::INT8 => Cell::Number(i64::from_be_bytes(bytes.try_into().map_err(|_| odd())?)),
            Type::INT4 => Cell::Number(i32::from_be_bytes(bytes.try_into().map_err(|_| odd())?).into()),
            Type::INT2 => Cell::Number(i16::from_be_bytes(bytes.try_into().map_err(|_| odd())?).into()),
            Type::BOOL => Cell::Number(i64::from(bytes.first() == Some(&1))),
            _ => return Err(odd()),
        })
    }

    fn place_of(&self, name: &str) -> Option<usize> {
        self.columns().iter().position(|column| column.name() == name)
    }
}
