//! Look-ups of accounts and of keys, as many as have gathered in one statement.
//!
//! What would surprise: a look-up of an account that comes alone is sent by itself with the
//! statement that every store uses, which the server runs faster than a batch of one. And keys are
//! looked up one by one within their statement: while a database has no statistics, a list of owners may
//! be looked for among all keys of a tenant.

use tokio::sync::oneshot;

use super::act::{self, Around, Moment};
use super::gather::Together;
use super::lanes::Lane;
use super::session::Conn;
use crate::domain::{KeyOwner, UserWithIdentities, WrappedKey};
use crate::id::{ConnectionId, TenantId};
use crate::store::sql::identities::identity_columns;
use crate::store::sql::rows::{Row, ToValue as _, Value, corrupt};
use crate::store::sql::users::{self, Gathering, user_columns};
use crate::store::{StoreError, StoreResult};

/// A question, and who waits for the answer.
pub(super) struct Asked<Q, A> {
    pub question: Q,
    pub reply: oneshot::Sender<StoreResult<A>>,
}

/// Somebody asks whose account this is.
pub(super) type LookUp = Asked<Account, Option<UserWithIdentities>>;

/// An account, by what is unique about it.
pub(super) struct Account {
    pub connection: ConnectionId,
    pub issuer: String,
    pub subject: String,
}

/// Somebody asks for a key.
pub(super) type KeyLookUp = Asked<KeyOwner, Option<WrappedKey>>;

impl<Q, A> Together for Asked<Q, A> {
    fn fits(&self, _: &[Self]) -> bool {
        true
    }

    fn refuse(self, why: StoreError) {
        let _ = self.reply.send(Err(why));
    }
}

/// Each row has the key of one look-up, if there is one.
pub(super) const KEYS: &str = "
    SELECT asked.n, (SELECT keys.wrapped FROM keys WHERE keys.tenant = ?1 AND keys.owner = asked.owner)
    FROM unnest(?2::bigint[], ?3::bytea[]) AS asked (n, owner)";

/// Each row has the user's columns, those of one identity, and which look-up it answers.
pub(super) const HOLDERS: &str = concat!(
    "SELECT ",
    user_columns!(),
    ", ",
    identity_columns!(),
    ", found.n FROM (SELECT asked.n, held.user_id AS holder
        FROM unnest(?2::bigint[], ?3::bigint[], ?4::text[], ?5::text[]) AS asked (n, connection, issuer, subject)
        JOIN identities AS held ON held.tenant = ?1 AND held.connection = asked.connection
            AND held.issuer = asked.issuer AND held.subject = asked.subject) AS found
     JOIN users ON users.tenant = ?1 AND users.id = found.holder
     JOIN identities ON identities.tenant = ?1 AND identities.user_id = users.id
     ORDER BY found.n, identities.position"
);

/// Answers who asks whose accounts these are.
pub(super) fn serve(lane: &mut Lane, around: &Around, tenant: TenantId, batch: Vec<LookUp>) {
    answer(lane, around, batch, |conn, accounts| read(conn, tenant, accounts));
}

/// Answers who asks for keys.
pub(super) fn serve_keys(lane: &mut Lane, around: &Around, tenant: TenantId, batch: Vec<KeyLookUp>) {
    answer(lane, around, batch, |conn, owners| read_keys(conn, tenant, owners));
}

/// Reads the answers to all questions at once, and sends each its own, or why there is none.
fn answer<Q, A>(
    lane: &mut Lane,
    around: &Around,
    batch: Vec<Asked<Q, A>>,
    read: impl Fn(&Conn<'_>, &[Q]) -> StoreResult<Vec<A>>,
) {
    let asked = batch.into_iter().map(|asked| (asked.question, asked.reply));
    let (questions, replies): (Vec<Q>, Vec<_>) = asked.unzip();
    // Whoever asked may have gone away.
    match act::read(lane, around, Moment::Each, &|conn| read(conn, &questions)) {
        Ok(found) => replies.into_iter().zip(found).for_each(|(reply, found)| {
            let _ = reply.send(Ok(found));
        }),
        Err(error) => replies.into_iter().for_each(|reply| {
            let _ = reply.send(Err(error.clone()));
        }),
    }
}

fn read(conn: &Conn<'_>, tenant: TenantId, batch: &[Account]) -> StoreResult<Vec<Option<UserWithIdentities>>> {
    if let [one] = batch {
        let found = users::find_holder(conn, tenant, one.connection, &one.issuer, &one.subject)?;
        return Ok(vec![found]);
    }
    let numbers: Vec<i64> = (0..).take(batch.len()).collect();
    let connections: Vec<i64> = batch.iter().map(|asked| asked.connection.number()).collect();
    let issuers: Vec<&str> = batch.iter().map(|asked| asked.issuer.as_str()).collect();
    let subjects: Vec<&str> = batch.iter().map(|asked| asked.subject.as_str()).collect();
    let rows = conn.query(
        HOLDERS,
        &[&tenant.number(), &numbers, &connections, &issuers, &subjects],
    )?;
    let mut found: Vec<Gathering> = batch.iter().map(|_| Gathering::default()).collect();
    for row in &rows {
        let row = Row(row);
        let gathering = row.get::<usize>("n").map(|n| found.get_mut(n))?;
        gathering
            .ok_or_else(|| corrupt("a row answers no look-up"))?
            .take(&row)?;
    }
    Ok(found.into_iter().map(|gathering| gathering.0).collect())
}

fn bytes(owner: &KeyOwner) -> StoreResult<Vec<u8>> {
    match owner.to_value()? {
        Value::Bytes(bytes) => Ok(bytes.into_owned()),
        _ => Err(corrupt("the owner of a key is no bytes")),
    }
}

fn read_keys(conn: &Conn<'_>, tenant: TenantId, batch: &[KeyOwner]) -> StoreResult<Vec<Option<WrappedKey>>> {
    let numbers: Vec<i64> = (0..).take(batch.len()).collect();
    let owners: Vec<Vec<u8>> = batch.iter().map(bytes).collect::<StoreResult<_>>()?;
    let mut found = vec![None; batch.len()];
    for row in &conn.query(KEYS, &[&tenant.number(), &numbers, &owners])? {
        let row = Row(row);
        let n: usize = row.get(0_usize)?;
        *found.get_mut(n).ok_or_else(|| corrupt("a key answers no look-up"))? = row.get(1_usize)?;
    }
    Ok(found)
}
