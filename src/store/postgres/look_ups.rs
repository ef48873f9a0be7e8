//! Look-ups of accounts, as many as have gathered in one statement.
//!
//! What would surprise: a look-up that comes alone is sent by itself with the statement that
//! every store uses, which the server runs faster than a batch of one.

use tokio::sync::oneshot;

use super::act::{self, Around, Moment};
use super::gather::Together;
use super::lanes::Lane;
use super::session::Conn;
use crate::domain::UserWithIdentities;
use crate::id::{ConnectionId, TenantId};
use crate::store::sql::identities::identity_columns;
use crate::store::sql::rows::{Row, corrupt};
use crate::store::sql::users::{self, Gathering, user_columns};
use crate::store::{StoreError, StoreResult};

/// Somebody asks whose account this is.
pub(super) struct LookUp {
    pub connection: ConnectionId,
    pub issuer: String,
    pub subject: String,
    pub reply: oneshot::Sender<StoreResult<Option<UserWithIdentities>>>,
}

impl Together for LookUp {
    fn fits(&self, _: &[Self]) -> bool {
        true
    }

    fn refuse(self, why: StoreError) {
        let _ = self.reply.send(Err(why));
    }
}

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

/// Answers them.
pub(super) fn serve(lane: &mut Lane, around: &Around, tenant: TenantId, batch: Vec<LookUp>) {
    match act::read(lane, around, Moment::Each, &|conn| read(conn, tenant, &batch)) {
        Ok(found) => {
            for (asked, found) in batch.into_iter().zip(found) {
                let _ = asked.reply.send(Ok(found));
            }
        }
        Err(error) => {
            for asked in batch {
                let _ = asked.reply.send(Err(error.clone()));
            }
        }
    }
}

fn read(conn: &Conn<'_>, tenant: TenantId, batch: &[LookUp]) -> StoreResult<Vec<Option<UserWithIdentities>>> {
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
