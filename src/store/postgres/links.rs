//! Links, as many as have gathered in one statement, each with its token set, its event and what
//! it is found by.
//!
//! The statement locks the users and keeps the connections, puts in what nobody has, and says
//! what it put in. Whatever is missing from its answer was not simply attached: somebody has the
//! account, the user is gone, or another link took the place. What it is, the act that every
//! store has finds out, one after the other; it also takes what is rare, such as links with an
//! idempotency key. So the statement decides nothing but the ordinary case.
//!
//! Users are looked up one by one, in the order of their ids, and not joined: while a database has no statistics, a join may
//! begin with all users of a tenant.
//!
//! A lock shows the user as she is when it is got, everything else as it was when the statement
//! came. When her version differs between the two, somebody changed her meanwhile, and the link is
//! left to the act.
//!
//! What would surprise: when nobody says what came of the statement, its links are looked for by their ids.
//! One that is not there may come yet, so it becomes an act, which waits for whoever has its user and then
//! finds it, or makes it. Until the act has been run, which is tried for longer then, it is not known whether
//! there is a link.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::act::{self, Around, Moment, Tries};
use super::gather::Together;
use super::lanes::Lane;
use super::session::Conn;
use super::trouble::Trouble;
use crate::domain::Identity;
use crate::domain::search::attributes;
use crate::id::{EventId, IdentityId, TenantId};
use crate::store::sql::known::Known;
use crate::store::sql::rows::{Json, Row, ToValue as _, Value, corrupt};
use crate::store::sql::{NewKeys, identities, key_rows, keys, link};
use crate::store::{Link, Linked, StoreError, StoreResult, term_key};

/// Somebody links an account.
pub(super) struct Linking {
    pub link: Link,
    pub reply: oneshot::Sender<StoreResult<Linked>>,
}

impl Linking {
    fn key(&self) -> &crate::domain::IdentityKey {
        self.link.identity.external.key()
    }

    /// Whether the statement can do it.
    fn is_ordinary(&self) -> bool {
        self.link.once.is_none()
            && !self.link.one_per_provider
            && self.link.most.is_none()
            && self.link.bag.is_none()
            && self.link.unless_marked.is_none()
            && self.link.identity.login.names.is_empty()
            && self.link.identity.login.password.is_none()
            && self.link.identity.spend.is_none()
    }
}

impl Together for Linking {
    /// One link of a user in each statement, and one of an account: they would be in each
    /// other's way.
    fn fits(&self, batch: &[Self]) -> bool {
        batch
            .iter()
            .all(|other| other.link.user != self.link.user && other.key() != self.key())
    }

    fn refuse(self, why: StoreError) {
        let _ = self.reply.send(Err(why));
    }
}

/// How often a batch is tried before each of its links is an act.
const TOGETHER: usize = 6;

pub(super) const ATTACH: &str = "
    WITH asked AS (
        SELECT * FROM unnest(?2::bytea[], ?3::bytea[], ?4::bigint[], ?5::text[], ?6::text[], ?7::smallint[],
            ?8::bigint[], ?9::bytea[], ?10::text[], ?11::bytea[], ?12::bytea[], ?13::bytea[], ?14::bytea[],
            ?15::bytea[], ?16::bigint[], ?17::bytea[])
        AS asked (user_id, id, connection, issuer, subject, proof, at, proved_by, profile, sealed, old_key, new_key,
            event, actor, event_at, event_sealed)
    ),
    ready AS (
        SELECT asked.*,
            (SELECT owner.version FROM users AS owner WHERE owner.tenant = ?1 AND owner.id = asked.user_id FOR UPDATE)
                AS version,
            (SELECT seen.version FROM users AS seen WHERE seen.tenant = ?1 AND seen.id = asked.user_id)
                AS version_before,
            (SELECT keys.wrapped FROM keys WHERE keys.tenant = ?1 AND keys.owner = asked.user_id) AS key
        FROM asked
    ),
    place AS (
        SELECT connections.id FROM connections WHERE connections.tenant = ?1
            AND connections.id = ANY (?4::bigint[]) AND connections.deleted_at IS NULL
        ORDER BY connections.id FOR KEY SHARE
    ),
    kept AS (
        INSERT INTO keys (tenant, owner, wrapped)
        SELECT ?1, ready.user_id, ready.new_key FROM ready
        WHERE ready.new_key IS NOT NULL AND ready.version IS NOT NULL
        ON CONFLICT DO NOTHING RETURNING owner
    ),
    attached AS (
        INSERT INTO identities (tenant, user_id, position, id, connection, issuer, subject, proof, proved_at,
            proved_by, version, profile, has_tokens)
        SELECT ?1, ready.user_id,
            (SELECT last.position + 1 FROM identities AS last WHERE last.tenant = ?1 AND last.user_id = ready.user_id
             ORDER BY last.position DESC LIMIT 1),
            ready.id, ready.connection, ready.issuer, ready.subject, ready.proof, ready.at, ready.proved_by, 1,
            ready.profile, CASE WHEN ready.sealed IS NULL THEN 0 ELSE 1 END
        FROM ready JOIN place ON place.id = ready.connection
        WHERE (ready.new_key IS NULL OR ready.user_id IN (SELECT kept.owner FROM kept))
            AND (ready.old_key IS NULL OR ready.old_key = ready.key)
            AND ready.version = ready.version_before
        ON CONFLICT DO NOTHING RETURNING id, position
    ),
    tokens AS (
        INSERT INTO token_sets (tenant, identity, sealed)
        SELECT ?1, ready.id, ready.sealed FROM ready
        WHERE ready.sealed IS NOT NULL AND ready.id = ANY (ARRAY(SELECT attached.id FROM attached))
    ),
    told AS (
        INSERT INTO unplaced_events (tenant, written_at, id, kind, user_id, identity, connection, proof, actor, at,
            sealed)
        SELECT ?1, CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint), ready.event, 4, ready.user_id,
            ready.id, ready.connection, ready.proof, ready.actor, ready.event_at, ready.event_sealed
        FROM ready WHERE ready.id = ANY (ARRAY(SELECT attached.id FROM attached))
    ),
    found_by AS (
        INSERT INTO terms (tenant, path, value, user_id, identity)
        SELECT ?1, term.path, term.value, ready.user_id, ready.id
        FROM unnest(?18::bytea[], ?19::text[], ?20::bytea[]) AS term (id, path, value)
        JOIN ready ON ready.id = term.id
        WHERE term.id = ANY (ARRAY(SELECT attached.id FROM attached))
        ON CONFLICT DO NOTHING
    )
    SELECT attached.id, attached.position FROM attached";

/// At which places these identities are, as far as they are there. They are looked up by their accounts: by
/// user, all of a user's would be read for each.
const ATTACHED: &str = "
    SELECT asked.id, (SELECT there.position FROM identities AS there
        WHERE there.tenant = ?1 AND there.connection = asked.connection AND there.issuer = asked.issuer
        AND there.subject = asked.subject AND there.user_id = asked.user_id AND there.id = asked.id)
    FROM unnest(?2::bytea[], ?3::bytea[], ?4::bigint[], ?5::text[], ?6::text[])
    AS asked (user_id, id, connection, issuer, subject)";

/// Whether the server has said that it knows no such statement, as those that spread tenants over
/// machines may. Then every link is an act.
#[derive(Debug, Default)]
pub(super) struct Unsupported(AtomicBool);

/// Links them.
pub(super) fn serve(
    lane: &mut Lane,
    around: &Around,
    known: &Known,
    unsupported: &Unsupported,
    tenant: TenantId,
    batch: Vec<Linking>,
) {
    let at_once = |linking: &Linking| linking.is_ordinary() && !unsupported.0.load(Ordering::Relaxed);
    let (mut ordinary, rest): (Vec<_>, Vec<_>) = batch.into_iter().partition(at_once);
    // The order in which the statement locks their users.
    ordinary.sort_by_key(|linking| linking.link.user);
    let begun = Instant::now();
    let done = attach_or_look(lane, around, unsupported, tenant, &ordinary);
    for linking in ordinary {
        let position = match &done {
            Done::Attached(attached) | Done::Unknown(attached) => {
                attached.iter().find(|(id, _)| *id == linking.link.identity.id)
            }
            Done::Nothing(_) => None,
        };
        match (position, &done) {
            (Some((_, position)), _) => {
                let linked = Linked::Attached(as_attached(&linking.link, *position));
                let _ = linking.reply.send(Ok(linked));
            }
            (None, Done::Unknown(_)) => look_for(lane, around, known, tenant, linking, begun),
            (None, _) => by_itself(lane, around, known, tenant, linking),
        }
    }
    for linking in rest {
        by_itself(lane, around, known, tenant, linking);
    }
}

/// What came of the statement.
enum Done {
    /// It put in these identities, at these places.
    Attached(Vec<(IdentityId, u32)>),
    /// It did nothing, for this reason.
    Nothing(Option<Trouble>),
    /// Nobody says; these are there.
    Unknown(Vec<(IdentityId, u32)>),
}

/// The act that every store has.
fn by_itself(lane: &mut Lane, around: &Around, known: &Known, tenant: TenantId, Linking { link, reply }: Linking) {
    let linked = run_act(lane, around, known, act::ACT_PATIENCE, tenant, &link);
    let _ = reply.send(linked);
}

/// The same for a link that may be there already. What came of the links of a statement is looked
/// for until one moment for all of them.
fn look_for(
    lane: &mut Lane,
    around: &Around,
    known: &Known,
    tenant: TenantId,
    Linking { link, reply }: Linking,
    begun: Instant,
) {
    let left = act::COMMIT_PATIENCE.saturating_sub(begun.elapsed());
    let linked = match left.is_zero() {
        true => Err(StoreError::Unknown),
        false => run_act(lane, around, known, left, tenant, &link).map_err(|error| match error {
            StoreError::Unavailable(_) => StoreError::Unknown,
            error => error,
        }),
    };
    let _ = reply.send(linked);
}

fn run_act(
    lane: &mut Lane,
    around: &Around,
    known: &Known,
    patience: Duration,
    tenant: TenantId,
    link: &Link,
) -> StoreResult<Linked> {
    let ran = act::act(lane, around, patience, &[], &|tx, _| {
        let kept = match &link.key {
            // The statement may have kept it, or an act of which nobody said that it was done.
            Some(new) if new.is_new && keys::find(tx.keys(), tenant, new.owner)?.as_ref() == Some(&new.key) => {
                NewKeys::Kept
            }
            used => keys::insert(tx.keys(), &key_rows(tenant, used.as_ref()))?,
        };
        link::link(tx, tenant, link, kept)
    })?;
    if ran.outdated {
        known.forget();
    }
    Ok(match ran.outcome {
        // It is this link, of which nobody said that it was done.
        Linked::AlreadyYours(identity) if identity.id == link.identity.id => Linked::Attached(identity),
        other => other,
    })
}

fn as_attached(link: &Link, position: u32) -> Identity {
    identities::as_new(link.user, position, link.event.at, &link.identity)
}

/// Runs the statement, again while others are in its way; and looks for what it has done when nobody
/// says.
fn attach_or_look(
    lane: &mut Lane,
    around: &Around,
    unsupported: &Unsupported,
    tenant: TenantId,
    batch: &[Linking],
) -> Done {
    if batch.is_empty() {
        return Done::Nothing(None);
    }
    let mut tries = Tries::new(&*around.random, act::ACT_PATIENCE);
    for _ in 0..TOGETHER {
        match attach(lane, around, unsupported, tenant, batch) {
            Done::Nothing(Some(Trouble::Again)) if tries.next() => {}
            Done::Unknown(_) => return Done::Unknown(attached(lane, around, tenant, batch)),
            done => return done,
        }
    }
    Done::Nothing(None)
}

fn attach(lane: &mut Lane, around: &Around, unsupported: &Unsupported, tenant: TenantId, batch: &[Linking]) -> Done {
    let (attached, trouble) = match lane.session() {
        Ok((runtime, session)) => {
            let conn = Conn::plain(runtime, session);
            let attached = run(&conn, around, tenant, batch);
            (attached, conn.trouble())
        }
        Err(fault) => (Err(fault.into()), None),
    };
    if matches!(trouble, Some(Trouble::Lost | Trouble::Elsewhere)) {
        lane.give_up();
    }
    match attached {
        Ok(attached) => Done::Attached(attached),
        Err(error) => {
            tracing::debug!(%error, links = batch.len(), "a batch of links was not made");
            match trouble {
                Some(Trouble::Lost) => Done::Unknown(Vec::new()),
                Some(Trouble::Unsupported) => {
                    tracing::warn!(%error, "links are made one by one, which costs more");
                    unsupported.0.store(true, Ordering::Relaxed);
                    Done::Nothing(trouble)
                }
                trouble => Done::Nothing(trouble),
            }
        }
    }
}

/// Those of a batch that are there, though nobody said so. What is not, may come yet.
fn attached(lane: &mut Lane, around: &Around, tenant: TenantId, batch: &[Linking]) -> Vec<(IdentityId, u32)> {
    let places = act::read(lane, around, Moment::Each, &|conn| ask_places(conn, tenant, batch));
    places
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(id, place)| Some((id, place?)))
        .collect()
}

fn ask_places(conn: &Conn<'_>, tenant: TenantId, batch: &[Linking]) -> StoreResult<Vec<(IdentityId, Option<u32>)>> {
    let column = |of: fn(&Linking) -> [u8; 12]| batch.iter().map(of).collect::<Vec<_>>();
    let users = column(|linking| *linking.link.user.as_bytes());
    let ids = column(|linking| *linking.link.identity.id.as_bytes());
    let connections: Vec<_> = batch.iter().map(|linking| linking.key().connection.number()).collect();
    let issuers: Vec<_> = batch.iter().map(|linking| linking.key().issuer.as_str()).collect();
    let subjects: Vec<_> = batch.iter().map(|linking| linking.key().subject.as_str()).collect();
    let rows = conn.query(
        ATTACHED,
        &[
            &tenant.number(),
            &refs(&users),
            &refs(&ids),
            &connections,
            &issuers,
            &subjects,
        ],
    )?;
    rows.iter()
        .map(|row| {
            let row = Row(row);
            Ok((row.get(0_usize)?, row.get(1_usize)?))
        })
        .collect()
}

fn run(conn: &Conn<'_>, around: &Around, tenant: TenantId, batch: &[Linking]) -> StoreResult<Vec<(IdentityId, u32)>> {
    let mut columns = Columns::default();
    for (Linking { link, .. }, event) in batch.iter().zip(around.event_ids(batch.len())) {
        columns.add(link, event)?;
    }
    let (id, term_id) = (refs(&columns.id), refs(&columns.term_id));
    let rows = conn.query(
        ATTACH,
        &[
            &tenant.number(),
            &refs(&columns.user),
            &id,
            &columns.connection,
            &columns.issuer,
            &columns.subject,
            &columns.proof,
            &columns.at,
            &refs(&columns.proved_by),
            &columns.profile,
            &columns.sealed,
            &columns.old_key,
            &columns.new_key,
            &refs(&columns.event),
            &refs(&columns.actor),
            &columns.event_at,
            &columns.event_sealed,
            &term_id,
            &columns.term_path,
            &refs(&columns.term_value),
        ],
    )?;
    rows.iter()
        .map(|row| {
            let row = Row(row);
            Ok((row.get(0_usize)?, row.get(1_usize)?))
        })
        .collect()
}

fn refs<T: AsRef<[u8]>>(bytes: &[T]) -> Vec<&[u8]> {
    bytes.iter().map(AsRef::as_ref).collect()
}

/// What the statement is given, a list a column.
#[derive(Default)]
struct Columns<'l> {
    user: Vec<[u8; 12]>,
    id: Vec<[u8; 12]>,
    connection: Vec<i64>,
    issuer: Vec<&'l str>,
    subject: Vec<&'l str>,
    proof: Vec<i16>,
    at: Vec<i64>,
    proved_by: Vec<Vec<u8>>,
    profile: Vec<String>,
    sealed: Vec<Option<&'l [u8]>>,
    old_key: Vec<Option<&'l [u8]>>,
    new_key: Vec<Option<&'l [u8]>>,
    event: Vec<[u8; 12]>,
    actor: Vec<Vec<u8>>,
    event_at: Vec<i64>,
    event_sealed: Vec<Option<&'l [u8]>>,
    term_id: Vec<[u8; 12]>,
    term_path: Vec<String>,
    term_value: Vec<Vec<u8>>,
}

impl<'l> Columns<'l> {
    fn add(&mut self, link: &'l Link, event: EventId) -> StoreResult<()> {
        let new = &link.identity;
        let key = new.external.key();
        self.user.push(*link.user.as_bytes());
        self.id.push(*new.id.as_bytes());
        self.connection.push(key.connection.number());
        self.issuer.push(&key.issuer);
        self.subject.push(&key.subject);
        self.proof.push(number(new.external.proof().to_value()?)?);
        self.at.push(link.event.at.as_millisecond());
        self.proved_by.push(new.proved_by.to_bytes());
        self.profile.push(text(Json(new.external.profile()).to_value()?)?);
        self.sealed
            .push(new.tokens.as_ref().map(crate::secret::Sealed::as_bytes));
        let used = |new: bool| link.key.as_ref().filter(|used| used.is_new == new);
        self.old_key.push(used(false).map(|used| used.key.0.as_slice()));
        self.new_key.push(used(true).map(|used| used.key.0.as_slice()));
        self.event.push(*event.as_bytes());
        self.actor.push(link.event.actor.to_bytes());
        self.event_at.push(link.event.at.as_millisecond());
        self.event_sealed
            .push(link.event.sealed.as_ref().map(crate::secret::Sealed::as_bytes));
        for term in attributes::of_account(new.external.profile()) {
            self.term_id.push(*new.id.as_bytes());
            self.term_path.push(term.path);
            self.term_value.push(term_key::key(&term.value));
        }
        Ok(())
    }
}

fn number(value: Value<'_>) -> StoreResult<i16> {
    match value {
        Value::Number(number) => i16::try_from(number).map_err(corrupt),
        _ => Err(corrupt("a proof is no number")),
    }
}

fn text(value: Value<'_>) -> StoreResult<String> {
    match value {
        Value::Text(text) => Ok(text.into_owned()),
        _ => Err(corrupt("a profile is no text")),
    }
}
