//! The chain over events, as rows, and its examination.
//!
//! What would surprise: the bytes that are hashed are those of the columns, in the order of
//! the macro `events`, without a look into what they mean; so an event of a kind that this binary does not
//! know is chained like any other.

use super::{Engine, Sql, SqlStore, Step, Tx, Verdict};
use std::cmp::Ordering;
use std::collections::VecDeque;

use async_trait::async_trait;

use super::events::bucket;
use super::rows::{Cell, Millis, Row, Value, corrupt, params};
use crate::id::{EventId, TenantId};
use crate::secret::Digest;
use crate::store::trail::{BEGINNING, Examined, Fault, Head, Kept, Link};
use crate::store::{StoreResult, Trail};

/// How many events are chained in one act: few, because others wait for it.
const AT_ONCE: u32 = 64;

/// How many are where acts do not wait for one another.
const AT_ONCE_BESIDE: u32 = 500;

/// How many links are read at a time when a chain is examined.
const EXAMINED_AT_ONCE: u32 = 1_000;

/// How many columns of an event are hashed.
const COLUMNS: usize = 12;

/// Events, the id first. `bucket` follows from it.
macro_rules! events {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, user_id, identity, connection, proof, other, fields, actor, at, sealed, bucket
             FROM events WHERE tenant = ?1 ",
            $rest
        )
    };
}

#[async_trait]
impl<E: Engine> Trail for SqlStore<E> {
    async fn chain_events(&self, tenant: TenantId) -> StoreResult<u64> {
        self.engine.place_events(tenant).await?;
        let due = self
            .engine
            .read(move |sql| {
                let after = head(sql, tenant)?.map_or(EventId::from_bytes([0; 12]), |head| head.event);
                sql.any(
                    "SELECT 1 FROM events WHERE tenant = ?1 AND (bucket, id) > (?2, ?3) LIMIT 1",
                    params![tenant, bucket(after), after],
                )
            })
            .await?;
        match due {
            false => Ok(0),
            true => self.engine.act(vec![], move |tx, _| chain(tx, tenant)).await,
        }
    }

    async fn find_head(&self, tenant: TenantId) -> StoreResult<Option<Head>> {
        self.engine.read_one(move |sql| head(sql, tenant)).await
    }
}

/// Where a chain ends.
pub fn head(sql: &dyn Sql, tenant: TenantId) -> StoreResult<Option<Head>> {
    sql.first(
        "SELECT position, event, hash, at FROM trail_heads WHERE tenant = ?1",
        params![tenant],
        |row| {
            let Millis(at) = row.get(3)?;
            Ok(Head {
                count: row.get::<i64>(0)?.unsigned_abs(),
                event: row.get(1)?,
                hash: row.get(2)?,
                at,
            })
        },
    )
}

fn chain(tx: &mut dyn Tx, tenant: TenantId) -> Verdict<u64> {
    let head = head(tx.sql(), tenant)?;
    let after = head.map_or(EventId::from_bytes([0; 12]), |head| head.event);
    let mut hash = head.map_or(BEGINNING, |head| head.hash);
    let new = tx.sql().all(
        events!("AND (bucket, id) > (?2, ?3) ORDER BY bucket, id LIMIT ?4"),
        params![
            tenant,
            bucket(after),
            after,
            if tx.is_alone() { AT_ONCE } else { AT_ONCE_BESIDE }
        ],
        |row| {
            hash = link(&hash, tenant, row)?;
            Ok((row.get::<EventId>(0)?, hash))
        },
    )?;
    let first = head.map_or(0, |head| head.count).saturating_add(1);
    let first = i64::try_from(first).map_err(|_| corrupt("a chain without end"))?;
    let links: Vec<_> = new
        .iter()
        .zip(first..)
        .map(|((event, hash), position)| (position, event, hash))
        .collect();
    append(tx, tenant, &links)?;
    let last = links.last().copied();
    if let Some((position, event, hash)) = last {
        tx.sql().run(
            "INSERT INTO trail_heads (tenant, position, event, hash, at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (tenant) DO UPDATE SET position = ?2, event = ?3, hash = ?4, at = ?5",
            params![tenant, position, event, hash, Millis(tx.now())],
        )?;
    }
    Ok(new.len() as u64)
}

/// Writes links at the end of a chain.
fn append(tx: &dyn Tx, tenant: TenantId, links: &[(i64, &EventId, &Digest)]) -> StoreResult<()> {
    if tx.is_alone() {
        for (position, event, hash) in links {
            tx.sql().run(
                "INSERT INTO trail (tenant, position, event, hash) VALUES (?1, ?2, ?3, ?4)",
                params![tenant, position, event, hash],
            )?;
        }
        return Ok(());
    }
    tx.sql().run(
        "INSERT INTO trail (tenant, position, event, hash)
         SELECT ?1, link.position, link.event, link.hash
         FROM unnest(?2::bigint[], ?3::bytea[], ?4::bytea[]) AS link (position, event, hash)",
        params![
            tenant,
            Value::Numbers(links.iter().map(|(position, ..)| *position).collect()),
            Value::Blobs(links.iter().map(|(_, event, _)| event.as_bytes().to_vec()).collect()),
            Value::Blobs(links.iter().map(|(_, _, hash)| hash.as_bytes().to_vec()).collect()),
        ],
    )?;
    Ok(())
}

/// The hash of an event that follows another.
fn link(before: &Digest, tenant: TenantId, row: &Row<'_>) -> StoreResult<Digest> {
    let mut link = Link::after(before, tenant);
    for column in 0..COLUMNS {
        link.add(match row.cell(&column)? {
            Cell::Null => Kept::Nothing,
            Cell::Number(number) => Kept::Number(number),
            Cell::Text(text) => Kept::Text(text.as_bytes()),
            Cell::Bytes(bytes) => Kept::Bytes(bytes),
        });
    }
    Ok(link.close())
}

/// Goes through a whole chain and its events, which must be of one moment; `kept` is a head that
/// it is to have had.
pub fn examine(sql: &dyn Sql, tenant: TenantId, kept: Option<&Digest>) -> StoreResult<Examined> {
    let mut walk = Walk {
        sql,
        tenant,
        before: BEGINNING,
        chained: VecDeque::new(),
        position: 0,
        is_read: false,
        found: Examined {
            sound: 0,
            unchained: 0,
            head: None,
            fault: None,
            kept_at: None,
        },
    };
    let mut fault = None;
    sql.walk(events!("ORDER BY bucket, id"), params![tenant], &mut |row| {
        fault = walk.take(row, kept)?;
        Ok(if fault.is_some() { Step::Enough } else { Step::Next })
    })?;
    if fault.is_none()
        && let Some(link) = walk.next()?
    {
        fault = Some(
            match link.position.unsigned_abs() == walk.found.sound.saturating_add(1) {
                true => Fault::Deleted(link.event),
                false => Fault::Cut(walk.found.sound.saturating_add(1)),
            },
        );
    }
    let mut found = walk.found;
    let noted = head(sql, tenant)?.map(|head| (head.count, head.hash));
    let walked = found.head.map(|hash| (found.sound, hash));
    found.fault = fault.or_else(|| (noted != walked).then_some(Fault::Moved));
    Ok(found)
}

/// A link as it is kept.
struct Chained {
    position: i64,
    event: EventId,
    hash: Digest,
}

/// How far a chain was examined.
struct Walk<'a> {
    sql: &'a dyn Sql,
    tenant: TenantId,
    before: Digest,
    /// Links that were read and not looked at, the next one first.
    chained: VecDeque<Chained>,
    /// That of the last link that was read.
    position: i64,
    /// Whether that was the last one. It is asked once: to find that nothing follows can take long on a
    /// database, which has to look through what was chained since this moment.
    is_read: bool,
    found: Examined,
}

impl Walk<'_> {
    /// The next link; `None` at the end of the chain.
    fn next(&mut self) -> StoreResult<Option<Chained>> {
        if self.chained.is_empty() && !self.is_read {
            let read = self.sql.all(
                "SELECT position, event, hash FROM trail WHERE tenant = ?1 AND position > ?2 ORDER BY position LIMIT ?3",
                params![self.tenant, self.position, EXAMINED_AT_ONCE],
                |row| {
                    Ok(Chained {
                        position: row.get(0)?,
                        event: row.get(1)?,
                        hash: row.get(2)?,
                    })
                },
            )?;
            self.position = read.last().map_or(self.position, |last| last.position);
            self.is_read = read.is_empty();
            self.chained = read.into();
        }
        Ok(self.chained.pop_front())
    }

    /// Compares an event with the next link; what is wrong, if anything is.
    fn take(&mut self, row: &Row<'_>, kept: Option<&Digest>) -> StoreResult<Option<Fault>> {
        let there: EventId = row.get(0)?;
        let Some(chained) = self.next()? else {
            self.found.unchained = self.found.unchained.saturating_add(1);
            return Ok(None);
        };
        let place = self.found.sound.saturating_add(1);
        if chained.position.unsigned_abs() != place {
            return Ok(Some(Fault::Cut(place)));
        }
        match there.cmp(&chained.event) {
            Ordering::Less => return Ok(Some(Fault::Inserted(there))),
            Ordering::Greater => return Ok(Some(Fault::Deleted(chained.event))),
            Ordering::Equal if link(&self.before, self.tenant, row)? != chained.hash => {
                return Ok(Some(Fault::Edited(chained.event)));
            }
            Ordering::Equal => {}
        }
        if kept == Some(&chained.hash) {
            self.found.kept_at = Some(place);
        }
        self.found.sound = place;
        self.found.head = Some(chained.hash);
        self.before = chained.hash;
        Ok(None)
    }
}
