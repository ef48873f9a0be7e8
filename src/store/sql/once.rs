//! What may take effect once: requests with an idempotency key, and proofs.
//!
//! Both are checked and kept in the act that they guard. What would surprise: an
//! idempotency key that has ended is as good as unused, whether it was purged or not; a
//! spent proof stays spent until it is forgotten, for it has expired itself by then.

use super::{Sql, Stop, Tx, Verdict, opaque};
use jiff::Timestamp;

use super::rows::{Millis, params};
use crate::id::TenantId;
use crate::secret::Digest;
use crate::store::ledger::Loss;
use crate::store::{Once, Repeated, Spend, StoreResult};

/// What an idempotency key was used for, unless that has ended by `now`.
pub fn find(sql: &dyn Sql, tenant: TenantId, key: Digest, now: Timestamp) -> StoreResult<Option<Repeated>> {
    sql.first(
        "SELECT request, user_id, identity FROM once_keys WHERE tenant = ?1 AND id = ?2 AND ends_at > ?3",
        params![tenant, key, Millis(now)],
        |row| {
            Ok(Repeated {
                request: row.get(0)?,
                user: row.get(1)?,
                identity: row.get(2)?,
            })
        },
    )
}

/// Runs an act unless its idempotency key was used. When it is refused, the key is looked up once
/// more: where many write, the same request may have been done since the first look, which is why
/// it is refused now, and then the answer is that it was.
pub fn guarded<T>(
    tx: &mut dyn Tx,
    tenant: TenantId,
    once: Option<(&Once, Timestamp)>,
    repeated: fn(Repeated) -> T,
    act: impl FnOnce(&mut dyn Tx) -> Verdict<T>,
) -> Verdict<T> {
    let Some((once, now)) = once else { return act(tx) };
    if let Some(found) = find(tx.sql(), tenant, once.key, now)? {
        return Err(Stop::refused(repeated(found)));
    }
    match act(tx) {
        Err(Stop::Refused(outcome)) => Err(Stop::Refused(match find(tx.sql(), tenant, once.key, now)? {
            Some(found) => Box::new(repeated(found)),
            None => outcome,
        })),
        ended => ended,
    }
}

/// Marks a request as done. Its key must be unused, but for what has ended by `now`.
pub fn insert(sql: &dyn Sql, tenant: TenantId, once: Option<&Once>, now: Timestamp) -> StoreResult<()> {
    if let Some(once) = once {
        sql.run(
            "DELETE FROM once_keys WHERE tenant = ?1 AND id = ?2 AND ends_at <= ?3",
            params![tenant, once.key, Millis(now)],
        )?;
        sql.run(
            "INSERT INTO once_keys (tenant, id, request, user_id, identity, ends_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                tenant,
                once.key,
                once.request,
                once.user,
                once.identity,
                Millis(once.until)
            ],
        )?;
    }
    Ok(())
}

/// The pair that a proof was spent for.
pub fn find_spent(sql: &dyn Sql, tenant: TenantId, token: Digest) -> StoreResult<Option<Digest>> {
    sql.first(
        "SELECT pair FROM spent_proofs WHERE tenant = ?1 AND token = ?2",
        params![tenant, token],
        |row| row.get(0),
    )
}

/// Whether there is a proof to be spent that was spent before.
pub fn is_spent(sql: &dyn Sql, tenant: TenantId, spend: Option<&Spend>) -> StoreResult<bool> {
    match spend {
        Some(spend) => Ok(find_spent(sql, tenant, spend.token)?.is_some()),
        None => Ok(false),
    }
}

/// Spends a proof, for good.
pub fn spend(tx: &mut dyn Tx, tenant: TenantId, spend: Option<&Spend>) -> StoreResult<()> {
    let Some(spend) = spend else { return Ok(()) };
    tx.sql().run(
        "INSERT INTO spent_proofs (tenant, token, pair, ends_at) VALUES (?1, ?2, ?3, ?4)",
        params![tenant, spend.token, spend.pair, Millis(spend.until)],
    )?;
    lose(tx, tenant, spend);
    Ok(())
}

/// Spends a token that makes an account somebody's; `false` when it did so for another user.
pub fn spend_for(tx: &mut dyn Tx, tenant: TenantId, spend: Option<&Spend>) -> StoreResult<bool> {
    let Some(spend) = spend else { return Ok(true) };
    // Who shows one token at two connections shows it twice, perhaps at the same time.
    let is_first = tx.sql().run(
        "INSERT INTO spent_proofs (tenant, token, pair, ends_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        params![tenant, spend.token, spend.pair, Millis(spend.until)],
    )? == 1;
    if is_first {
        lose(tx, tenant, spend);
    }
    Ok(is_first || find_spent(tx.sql(), tenant, spend.token)? == Some(spend.pair))
}

fn lose(tx: &mut dyn Tx, tenant: TenantId, spend: &Spend) {
    tx.lose(Loss::Proof {
        tenant,
        token: spend.token,
        pair: spend.pair,
        until: spend.until,
    });
}

/// Forgets what has ended.
pub fn forget_ended(tx: &mut dyn Tx, now: Timestamp) -> Verdict<u64> {
    opaque::forget_ended(tx.sql(), now)?;
    let proofs = tx
        .sql()
        .run("DELETE FROM spent_proofs WHERE ends_at <= ?1", params![Millis(now)])?;
    let marks = tx.sql().run(
        "DELETE FROM erased_identities WHERE ends_at <= ?1",
        params![Millis(now)],
    )?;
    let requests = tx
        .sql()
        .run("DELETE FROM once_keys WHERE ends_at <= ?1", params![Millis(now)])?;
    Ok(u64::try_from(proofs + marks + requests).unwrap_or(u64::MAX))
}
