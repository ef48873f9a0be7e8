//! Passwords in another form, and a hash to compare with when there is none.

use super::{Engine, Sql, SqlStore, Stop};
use async_trait::async_trait;

use super::logins;
use super::rows::params;
use crate::id::{ConnectionId, IdentityId, TenantId, UserId};
use crate::store::{LoginKind, Passwords, ReplacedHash, StoreResult};

#[async_trait]
impl<E: Engine> Passwords for SqlStore<E> {
    async fn replace_hash(&self, tenant: TenantId, hash: ReplacedHash) -> StoreResult<bool> {
        self.engine
            .act(vec![], move |tx, _| match replace(tx.sql(), tenant, &hash)? {
                true => Ok(true),
                false => Err(Stop::refused(false)),
            })
            .await
    }

    async fn find_hash(&self, tenant: TenantId, user: UserId, identity: IdentityId) -> StoreResult<Option<String>> {
        self.engine
            .read_one(move |sql| {
                let found = sql.first(
                    "SELECT password FROM identities WHERE tenant = ?1 AND user_id = ?2 AND id = ?3",
                    params![tenant, user, identity],
                    |row| row.get::<Option<String>>(0),
                )?;
                Ok(found.flatten())
            })
            .await
    }

    async fn find_next_hash(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        after: &str,
    ) -> StoreResult<Option<String>> {
        let after = after.to_owned();
        self.engine.read(move |sql| next(sql, tenant, connection, &after)).await
    }
}

fn replace(sql: &dyn Sql, tenant: TenantId, hash: &ReplacedHash) -> StoreResult<bool> {
    let rows = sql.run(
        "UPDATE identities SET password = ?5 WHERE tenant = ?1 AND user_id = ?2 AND id = ?3 AND password = ?4",
        params![tenant, hash.user, hash.identity, hash.was, hash.is],
    )?;
    Ok(rows == 1)
}

fn next(sql: &dyn Sql, tenant: TenantId, connection: ConnectionId, after: &str) -> StoreResult<Option<String>> {
    let subject_from = |name: &str| -> StoreResult<Option<String>> {
        sql.first(
            "SELECT subject FROM login_names
             WHERE tenant = ?1 AND connection = ?2 AND (kind, value) >= (?3, ?4) ORDER BY kind, value LIMIT 1",
            params![tenant, connection, LoginKind::Email, name],
            |row| row.get(0),
        )
    };
    let subject = match subject_from(after)? {
        None => subject_from("")?,
        found => found,
    };
    let Some(subject) = subject else { return Ok(None) };
    Ok(logins::of_subject(sql, tenant, connection, subject)?.and_then(|(_, hash)| hash))
}
