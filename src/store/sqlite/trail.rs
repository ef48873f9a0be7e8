//! The chain over events, as rows, and its examination.
//!
//! What would surprise: the bytes that are hashed are those of the columns, in the order of
//! the macro `events`, without a look into what they mean; so an event of a kind that this binary does not
//! know is chained like any other.

use async_trait::async_trait;
use rusqlite::types::ValueRef;
use rusqlite::{Connection as Sqlite, Row, Rows, params};

use super::SqliteStore;
use super::events::bucket;
use super::rows::{Millis, Sql as _, corrupt};
use super::writer::{Tx, Verdict};
use crate::id::{EventId, TenantId};
use crate::secret::Digest;
use crate::store::trail::{BEGINNING, Examined, Fault, Head, Kept, Link};
use crate::store::{StoreResult, Trail};

/// How many events are chained in one act: few, because others wait for it.
const AT_ONCE: u32 = 64;

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
impl Trail for SqliteStore {
    async fn chain_events(&self, tenant: TenantId) -> StoreResult<u64> {
        let due = self.data.read(|sql| {
            let after = head(sql, tenant)?.map_or(EventId::from_bytes([0; 12]), |head| head.event);
            sql.any(
                "SELECT 1 FROM events WHERE tenant = ?1 AND (bucket, id) > (?2, ?3)",
                params![tenant, bucket(after), after],
            )
        })?;
        match due {
            false => Ok(0),
            true => self.writer.act(vec![], move |tx, _| chain(tx, tenant)).await,
        }
    }

    async fn find_head(&self, tenant: TenantId) -> StoreResult<Option<Head>> {
        self.data.read_one(|sql| head(sql, tenant))
    }
}

/// Where a chain ends.
pub(super) fn head(sql: &Sqlite, tenant: TenantId) -> StoreResult<Option<Head>> {
    sql.first(
        "SELECT position, event, hash, at FROM trail_heads WHERE tenant = ?1",
        [tenant],
        |row| {
            let Millis(at) = row.get(3)?;
            Ok(Head {
                count: row.get::<_, i64>(0)?.unsigned_abs(),
                event: row.get(1)?,
                hash: row.get(2)?,
                at,
            })
        },
    )
}

fn chain(tx: &mut Tx<'_>, tenant: TenantId) -> Verdict<u64> {
    let head = head(tx.sql, tenant)?;
    let after = head.map_or(EventId::from_bytes([0; 12]), |head| head.event);
    let mut hash = head.map_or(BEGINNING, |head| head.hash);
    let new = tx.sql.all(
        events!("AND (bucket, id) > (?2, ?3) ORDER BY bucket, id LIMIT ?4"),
        params![tenant, bucket(after), after, AT_ONCE],
        |row| {
            hash = link(&hash, tenant, row)?;
            Ok((row.get::<_, EventId>(0)?, hash))
        },
    )?;
    let first = head.map_or(0, |head| head.count).saturating_add(1);
    let mut last = None;
    for ((event, hash), position) in new.iter().zip(first..) {
        let position = i64::try_from(position).map_err(|_| corrupt("a chain without end"))?;
        tx.sql.run(
            "INSERT INTO trail (tenant, position, event, hash) VALUES (?1, ?2, ?3, ?4)",
            params![tenant, position, event, hash],
        )?;
        last = Some((position, event, hash));
    }
    if let Some((position, event, hash)) = last {
        tx.sql.run(
            "INSERT INTO trail_heads (tenant, position, event, hash, at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (tenant) DO UPDATE SET position = ?2, event = ?3, hash = ?4, at = ?5",
            params![tenant, position, event, hash, Millis(tx.now())],
        )?;
    }
    Ok(new.len() as u64)
}

/// The hash of an event that follows another.
fn link(before: &Digest, tenant: TenantId, row: &Row<'_>) -> rusqlite::Result<Digest> {
    let mut link = Link::after(before, tenant);
    for column in 0..COLUMNS {
        link.add(match row.get_ref(column)? {
            ValueRef::Null => Kept::Nothing,
            ValueRef::Integer(number) => Kept::Number(number),
            // The tables are STRICT, so no column of an event holds one.
            ValueRef::Real(number) => Kept::Number(number.to_bits().cast_signed()),
            ValueRef::Text(text) => Kept::Text(text),
            ValueRef::Blob(bytes) => Kept::Bytes(bytes),
        });
    }
    Ok(link.close())
}

/// Goes through a whole chain and its events, which must be of one moment; `kept` is a head that
/// it is to have had.
pub(super) fn examine(sql: &Sqlite, tenant: TenantId, kept: Option<&Digest>) -> StoreResult<Examined> {
    let mut chained = sql.statement("SELECT position, event, hash FROM trail WHERE tenant = ?1 ORDER BY position")?;
    let mut chained = chained.query([tenant])?;
    let mut events = sql.statement(events!("ORDER BY bucket, id"))?;
    let mut events = events.query([tenant])?;
    let mut found = Examined {
        sound: 0,
        unchained: 0,
        head: None,
        fault: None,
        kept_at: None,
    };
    let fault = walk(tenant, &mut chained, &mut events, kept, &mut found)?;
    let noted = head(sql, tenant)?.map(|head| (head.count, head.hash));
    let walked = found.head.map(|hash| (found.sound, hash));
    found.fault = fault.or_else(|| (noted != walked).then_some(Fault::Moved));
    Ok(found)
}

/// Goes on until something is wrong, and says what.
fn walk(
    tenant: TenantId,
    chained: &mut Rows<'_>,
    events: &mut Rows<'_>,
    kept: Option<&Digest>,
    found: &mut Examined,
) -> StoreResult<Option<Fault>> {
    let mut before = BEGINNING;
    while let Some(row) = chained.next()? {
        let (position, event, hash): (i64, EventId, Digest) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let place = found.sound.saturating_add(1);
        if position.unsigned_abs() != place {
            return Ok(Some(Fault::Cut(place)));
        }
        let Some(row) = events.next()? else {
            return Ok(Some(Fault::Deleted(event)));
        };
        let there: EventId = row.get(0)?;
        match there.cmp(&event) {
            std::cmp::Ordering::Less => return Ok(Some(Fault::Inserted(there))),
            std::cmp::Ordering::Greater => return Ok(Some(Fault::Deleted(event))),
            std::cmp::Ordering::Equal if link(&before, tenant, row)? != hash => {
                return Ok(Some(Fault::Edited(event)));
            }
            std::cmp::Ordering::Equal => {}
        }
        if kept == Some(&hash) {
            found.kept_at = Some(place);
        }
        found.sound = place;
        before = hash;
        found.head = Some(hash);
    }
    while events.next()?.is_some() {
        found.unchained = found.unchained.saturating_add(1);
    }
    Ok(None)
}
