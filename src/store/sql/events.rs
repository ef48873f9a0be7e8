//! Events: written in the act that they tell of, and read in commit order.
//!
//! Ids grow in the order in which readers come to see events, and no event comes later before one
//! that was seen. Where one thread writes, it makes the ids in commit order. Where many write,
//! events are written without a place, and whoever reads gives them one first
//! (`postgres/events.rs`). What would surprise: ids go on growing when the clock stands still or
//! was set back between two starts.

use super::Sql;
use super::rows::{Millis, Row, corrupt, params};
use crate::clock::{Clock, Random};
use crate::domain::{Actor, Event, EventKind, NewEvent, Proof};
use crate::id::{ConnectionId, EventId, IdentityId, TenantId, UserId};
use crate::secret::Sealed;
use crate::store::StoreResult;

/// Makes ids of events, each greater than all before.
pub struct EventIds(EventId);

impl EventIds {
    /// Goes on after the last event of every tenant.
    pub fn after_all(data: &dyn Sql) -> StoreResult<Self> {
        let mut last = EventId::from_bytes([0; 12]);
        for tenant in data.all("SELECT id FROM tenants", params![], |row| row.get::<TenantId>(0))? {
            last = last.max(last_of(data, tenant)?.unwrap_or(last));
        }
        Ok(Self(last))
    }

    /// Goes on after this one.
    pub const fn after(last: EventId) -> Self {
        Self(last)
    }

    /// The next id: of this moment, or the one after the last when that is not later.
    pub fn next(&mut self, clock: &dyn Clock, random: &dyn Random) -> EventId {
        self.0 = if clock.now().as_millisecond() > millis(self.0) {
            let mut fresh = *EventId::new(clock, random).as_bytes();
            // Room to count up within a millisecond.
            fresh[6] &= 0x7f;
            EventId::from_bytes(fresh)
        } else {
            successor(self.0)
        };
        self.0
    }
}

/// The last event of a tenant.
pub fn last_of(data: &dyn Sql, tenant: TenantId) -> StoreResult<Option<EventId>> {
    data.first(
        "SELECT id FROM events WHERE tenant = ?1 ORDER BY bucket DESC, id DESC LIMIT 1",
        params![tenant],
        |row| row.get(0),
    )
}

/// The id after this one.
pub fn successor(id: EventId) -> EventId {
    let mut bytes = *id.as_bytes();
    for byte in bytes.iter_mut().rev() {
        let (sum, carried) = byte.overflowing_add(1);
        *byte = sum;
        if !carried {
            break;
        }
    }
    EventId::from_bytes(bytes)
}

/// The millisecond in which the id was made.
fn millis(id: EventId) -> i64 {
    let time = id.as_bytes().iter().take(6);
    time.fold(0, |sum, byte| (sum << 8) | i64::from(*byte))
}

/// The second in which the id was made.
pub fn bucket(id: EventId) -> i64 {
    millis(id) / 1000
}

/// What a kind is kept as, for the space that its name would take.
const fn number(kind: &EventKind) -> i64 {
    match kind {
        EventKind::UserCreated { .. } => 1,
        EventKind::UserUpdated { .. } => 2,
        EventKind::UserDeleted => 3,
        EventKind::IdentityLinked { .. } => 4,
        EventKind::IdentityRefreshed { .. } => 5,
        EventKind::IdentityFreed { .. } => 6,
        EventKind::IdentitySplit { .. } => 7,
        EventKind::UserAbsorbed { .. } => 8,
        EventKind::IdentityRecreated { .. } => 9,
    }
}

/// An event as it is kept, but for its place.
pub struct Columns<'e> {
    pub kind: i64,
    pub user: UserId,
    pub identity: Option<IdentityId>,
    pub connection: Option<ConnectionId>,
    pub proof: Option<Proof>,
    pub other: Option<UserId>,
    pub fields: Option<&'e str>,
    pub actor: Actor,
    pub at: Millis,
    pub sealed: Option<&'e Sealed>,
}

impl<'e> Columns<'e> {
    /// Those of this event.
    pub fn of(event: &'e NewEvent) -> Self {
        let mut columns = Self {
            kind: number(&event.kind),
            user: event.user,
            identity: None,
            connection: None,
            proof: None,
            other: None,
            fields: None,
            actor: event.actor,
            at: Millis(event.at),
            sealed: event.sealed.as_ref(),
        };
        match &event.kind {
            EventKind::UserCreated {
                identity,
                connection,
                proof,
            }
            | EventKind::IdentityLinked {
                identity,
                connection,
                proof,
            }
            | EventKind::IdentityRefreshed {
                identity,
                connection,
                proof,
            } => {
                columns.identity = Some(*identity);
                columns.connection = Some(*connection);
                columns.proof = Some(*proof);
            }
            EventKind::IdentityFreed { identity, connection }
            | EventKind::IdentityRecreated { identity, connection } => {
                columns.identity = Some(*identity);
                columns.connection = Some(*connection);
            }
            EventKind::IdentitySplit {
                identity,
                connection,
                to,
            } => {
                columns.identity = Some(*identity);
                columns.connection = Some(*connection);
                columns.other = Some(*to);
            }
            EventKind::UserAbsorbed { absorbed, proof } => {
                columns.other = Some(*absorbed);
                columns.proof = Some(*proof);
            }
            EventKind::UserUpdated { fields } => columns.fields = Some(fields),
            EventKind::UserDeleted => {}
        }
        columns
    }
}

/// Writes an event down, after all others of its tenant.
pub fn insert(data: &dyn Sql, tenant: TenantId, id: EventId, event: &NewEvent) -> StoreResult<()> {
    let event = Columns::of(event);
    data.run(
        "INSERT INTO events (tenant, bucket, id, kind, user_id, identity, connection, proof, other, fields, actor, at, sealed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        params![
            tenant,
            bucket(id),
            id,
            event.kind,
            event.user,
            event.identity,
            event.connection,
            event.proof,
            event.other,
            event.fields,
            event.actor,
            event.at,
            event.sealed,
        ],
    )?;
    Ok(())
}

/// Events after this one, oldest first.
pub fn list(data: &dyn Sql, tenant: TenantId, after: Option<EventId>, limit: u32) -> StoreResult<Vec<Event>> {
    let after = after.unwrap_or(EventId::from_bytes([0; 12]));
    let found = data.all(
        "SELECT id, kind, user_id, identity, connection, proof, other, fields, actor, at, sealed FROM events
         WHERE tenant = ?1 AND (bucket, id) > (?2, ?3) ORDER BY bucket, id LIMIT ?4",
        params![tenant, bucket(after), after, limit],
        read,
    )?;
    known(found)
}

/// Events that have no place yet, in the order in which they will get one; only on a database.
pub fn without_place(data: &dyn Sql, tenant: TenantId) -> StoreResult<Vec<Event>> {
    let found = data.all(
        "SELECT id, kind, user_id, identity, connection, proof, other, fields, actor, at, sealed FROM unplaced_events
         WHERE tenant = ?1 ORDER BY written_at, id",
        params![tenant],
        read,
    )?;
    known(found)
}

fn known(found: Vec<Option<Event>>) -> StoreResult<Vec<Event>> {
    found
        .into_iter()
        .map(|event| event.ok_or_else(|| corrupt("an event of an unknown kind")))
        .collect()
}

/// An event; `None` when there is no such kind.
fn read(row: &Row<'_>) -> StoreResult<Option<Event>> {
    let kind = match row.get::<i64>("kind")? {
        1 => EventKind::UserCreated {
            identity: row.get("identity")?,
            connection: row.get("connection")?,
            proof: row.get("proof")?,
        },
        2 => EventKind::UserUpdated {
            fields: row.get("fields")?,
        },
        3 => EventKind::UserDeleted,
        4 => EventKind::IdentityLinked {
            identity: row.get("identity")?,
            connection: row.get("connection")?,
            proof: row.get("proof")?,
        },
        5 => EventKind::IdentityRefreshed {
            identity: row.get("identity")?,
            connection: row.get("connection")?,
            proof: row.get("proof")?,
        },
        6 => EventKind::IdentityFreed {
            identity: row.get("identity")?,
            connection: row.get("connection")?,
        },
        7 => EventKind::IdentitySplit {
            identity: row.get("identity")?,
            connection: row.get("connection")?,
            to: row.get("other")?,
        },
        8 => EventKind::UserAbsorbed {
            absorbed: row.get("other")?,
            proof: row.get("proof")?,
        },
        9 => EventKind::IdentityRecreated {
            identity: row.get("identity")?,
            connection: row.get("connection")?,
        },
        _ => return Ok(None),
    };
    let Millis(at): Millis = row.get("at")?;
    Ok(Some(Event {
        id: row.get("id")?,
        what: NewEvent {
            kind,
            user: row.get("user_id")?,
            actor: row.get("actor")?,
            at,
            sealed: row.get("sealed")?,
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{ManualClock, SeededRandom};
    use jiff::Timestamp;

    #[test]
    fn ids_grow_while_the_clock_stands_still_or_runs_backwards() {
        let random = SeededRandom::new(1);
        let later = ManualClock::at(Timestamp::from_millisecond(1_800_000_000_500).unwrap());
        let earlier = ManualClock::at(Timestamp::from_millisecond(1_700_000_000_000).unwrap());
        let mut ids = EventIds(EventId::from_bytes([0; 12]));
        let mut last = ids.next(&later, &random);
        assert_eq!(bucket(last), 1_800_000_000);
        for clock in [&later, &earlier, &later, &earlier] {
            let next = ids.next(clock, &random);
            assert!(next > last);
            last = next;
        }
        later.advance(std::time::Duration::from_secs(1));
        assert_eq!(bucket(ids.next(&later, &random)), 1_800_000_001);
    }

    #[test]
    fn counting_up_carries() {
        let mut bytes = [0xff; 12];
        bytes[0] = 0;
        let mut expected = [0; 12];
        expected[0] = 1;
        assert_eq!(successor(EventId::from_bytes(bytes)), EventId::from_bytes(expected));
    }
}
