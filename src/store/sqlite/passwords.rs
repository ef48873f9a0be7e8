//! Passwords in another form, and a hash to compare with when there is none.

use async_trait::async_trait;
use rusqlite::{Connection as Sqlite, params};

use super::rows::Sql as _;
use super::writer::Stop;
use super::{SqliteStore, logins};
use crate::id::{ConnectionId, TenantId};
use crate::store::{LoginKind, Passwords, ReplacedHash, StoreResult};

#[async_trait]
impl Passwords for SqliteStore {
    async fn replace_hash(&self, tenant: TenantId, hash: ReplacedHash) -> StoreResult<bool> {
        self.writer
            .act(vec![], move |tx, _| match replace(tx.sql, tenant, &hash)? {
                true => Ok(true),
                false => Err(Stop::refused(false)),
            })
            .await
    }

    async fn find_next_hash(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        after: &str,
    ) -> StoreResult<Option<String>> {
        self.data.read(|sql| next(sql, tenant, connection, after))
    }
}

fn replace(sql: &Sqlite, tenant: TenantId, hash: &ReplacedHash) -> StoreResult<bool> {
    let rows = sql.run(
        "UPDATE identities SET password = ?5 WHERE tenant = ?1 AND user_id = ?2 AND id = ?3 AND password = ?4",
        params![tenant, hash.user, hash.identity, hash.was, hash.is],
    )?;
    Ok(rows == 1)
}

fn next(sql: &Sqlite, tenant: TenantId, connection: ConnectionId, after: &str) -> StoreResult<Option<String>> {
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
