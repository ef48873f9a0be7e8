//! A database as the destination of a copy.
//!
//! While a copy is under way the database says so (`copying` in `meta`), and no server opens it.
//! What would surprise: a database with anything in it that no copy brought is refused.

use std::pin::pin;

use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

use super::connect::{Address, Haste};
use super::lanes::Lane;
use super::migrate::{self, Older};
use super::refusal::OpenError;
use super::session::{Conn, Mode};
use super::trouble::Fault;
use crate::store::sql::Sql;
use crate::store::sql::rows::{Value, corrupt, params};
use crate::store::transfer::{Destination, Origin, Owned, Part, Table, owned};
use crate::store::{StoreError, StoreResult};

/// A database that takes a copy.
pub struct PostgresDestination {
    lane: std::cell::RefCell<Lane>,
}

impl PostgresDestination {
    /// Opens an empty database, or one in which a copy was begun.
    ///
    /// # Errors
    /// [`OpenError`]; unfit when there is something else in it.
    pub fn open(address: &Address) -> Result<Self, OpenError> {
        let refused = |error: &dyn std::fmt::Display| OpenError::Refused(error.to_string());
        let mut lane = Lane::new(address, Haste::None, super::inspect::PATIENCE).map_err(|error| refused(&error))?;
        lane.runtime
            .block_on(migrate::prepare_for_copy(address, Older::Migrate))?;
        let (runtime, session) = lane.session()?;
        let conn = Conn::plain(runtime, session);
        let sql: &dyn Sql = &conn;
        let begun = sql
            .any("SELECT 1 FROM meta WHERE name = 'copying'", params![])
            .map_err(|error| refused(&error))?;
        if !begun {
            let in_use = sql
                .any(
                    "SELECT 1 FROM tenants UNION ALL SELECT 1 FROM key_check LIMIT 1",
                    params![],
                )
                .map_err(|error| refused(&error))?;
            if in_use {
                return Err(OpenError::Unfit(
                    "the database is in use already: a copy goes into an empty one".into(),
                ));
            }
            sql.run("INSERT INTO meta (name, value) VALUES ('copying', 1)", params![])
                .map_err(|error| refused(&error))?;
        }
        drop(conn);
        Ok(Self {
            lane: std::cell::RefCell::new(lane),
        })
    }

    /// Says that the copy has ended: servers may open the database.
    ///
    /// # Errors
    /// Those of the store.
    pub fn finish(&self) -> StoreResult<()> {
        self.with(|sql| sql.run("DELETE FROM meta WHERE name = 'copying'", params![]).map(drop))
    }

    fn with<T>(&self, act: impl FnOnce(&Conn<'_>) -> StoreResult<T>) -> StoreResult<T> {
        let mut lane = self.lane.borrow_mut();
        let (runtime, session) = lane.session()?;
        act(&Conn::plain(runtime, session))
    }
}

impl Origin for PostgresDestination {
    fn read(&self, _: Part, read: &mut dyn FnMut(&dyn Sql) -> StoreResult<()>) -> StoreResult<()> {
        let mut lane = self.lane.borrow_mut();
        let (runtime, session) = lane.session()?;
        let conn = Conn::begin(runtime, session, Mode::Read)?;
        let done = read(&conn);
        conn.roll_back()?;
        done
    }

    fn columns(&self, table: &Table) -> StoreResult<Vec<String>> {
        self.with(|conn| {
            let sql: &dyn Sql = conn;
            sql.all(
                "SELECT CAST(column_name AS text) FROM information_schema.columns
                 WHERE table_schema IN ('oneself', 'oneself_keys') AND table_name = ?1 ORDER BY ordinal_position",
                params![table.name],
                |row| row.get(0),
            )
        })
    }
}

impl Destination for PostgresDestination {
    fn last_key(&mut self, table: &Table) -> StoreResult<Option<Vec<Owned>>> {
        self.with(|conn| {
            let sql: &dyn Sql = conn;
            sql.first(&table.select_last(), &[], |row| {
                (0..table.key.len())
                    .map(|column| row.cell(&column).map(owned))
                    .collect()
            })
        })
    }

    fn write(&mut self, table: &Table, columns: &[String], rows: &[Vec<Owned>]) -> StoreResult<()> {
        let mut lane = self.lane.borrow_mut();
        let written = {
            let (runtime, session) = lane.session()?;
            let client = &session.client;
            runtime.block_on(async {
                let kinds = client.prepare(&table.select_none(columns)).await?;
                let kinds: Vec<Type> = kinds.columns().iter().map(|column| column.type_().clone()).collect();
                let copied = client.copy_in(&table.copy_in(columns)).await?;
                let writer = BinaryCopyInWriter::new(copied, &kinds);
                let mut writer = pin!(writer);
                for row in rows {
                    let values = row.iter().map(|value: &Value<'_>| value as &(dyn ToSql + Sync));
                    writer.as_mut().write_raw(values).await?;
                }
                writer.finish().await
            })
        };
        match written {
            Ok(count) if count == rows.len() as u64 => Ok(()),
            Ok(count) => Err(corrupt(format!("{} took {count} of {} rows", table.name, rows.len()))),
            Err(error) => {
                lane.give_up();
                let why = super::trouble::told(&Fault::Said(error));
                Err(StoreError::Unavailable(format!("{} takes no rows: {why}", table.name)))
            }
        }
    }
}
