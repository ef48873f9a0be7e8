//! Names to log in by, unique in their connection.
//!
//! What would surprise: a name leads to a subject, not to a user, so names stay as they
//! are when an identity moves to another user.

use super::Sql;
use super::identities;
use super::rows::params;
use super::tenants;
use crate::domain::{ConnectionRef, Identity, IdentityKey};
use crate::id::{ConnectionId, TenantId};
use crate::store::{LoginKind, LoginName, StoreResult};

/// Who logs in by this name, with what is kept of the password.
pub fn find(
    sql: &dyn Sql,
    tenant: TenantId,
    connection: ConnectionId,
    name: &LoginName,
) -> StoreResult<Option<(Identity, Option<String>)>> {
    let Some(subject) = subject_of(sql, tenant, connection, name)? else {
        return Ok(None);
    };
    of_subject(sql, tenant, connection, subject)
}

/// The identity of this subject at a live connection, with what is kept of its password.
pub fn of_subject(
    sql: &dyn Sql,
    tenant: TenantId,
    connection: ConnectionId,
    subject: String,
) -> StoreResult<Option<(Identity, Option<String>)>> {
    let Some((connection, issuer)) = tenants::key_part(sql, tenant, &ConnectionRef::Id(connection))? else {
        return Ok(None);
    };
    identities::find_with_password(
        sql,
        tenant,
        &IdentityKey {
            connection,
            issuer,
            subject,
        },
    )
}

fn subject_of(
    sql: &dyn Sql,
    tenant: TenantId,
    connection: ConnectionId,
    name: &LoginName,
) -> StoreResult<Option<String>> {
    sql.first(
        "SELECT subject FROM login_names WHERE tenant = ?1 AND connection = ?2 AND kind = ?3 AND value = ?4",
        params![tenant, connection, name.kind, name.value],
        |row| row.get(0),
    )
}

/// The kind of the first name that leads to another subject.
pub fn taken(
    sql: &dyn Sql,
    tenant: TenantId,
    key: &IdentityKey,
    names: &[LoginName],
) -> StoreResult<Option<LoginKind>> {
    for name in names {
        if subject_of(sql, tenant, key.connection, name)?.is_some_and(|subject| subject != key.subject) {
            return Ok(Some(name.kind));
        }
    }
    Ok(None)
}

/// Keeps names of an identity.
pub fn insert(sql: &dyn Sql, tenant: TenantId, key: &IdentityKey, names: &[LoginName]) -> StoreResult<()> {
    for name in names {
        sql.run(
            "INSERT INTO login_names (tenant, connection, kind, value, subject) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![tenant, key.connection, name.kind, name.value, key.subject],
        )?;
    }
    Ok(())
}

/// Removes all names of an identity.
pub fn delete(sql: &dyn Sql, tenant: TenantId, key: &IdentityKey) -> StoreResult<()> {
    sql.run(
        "DELETE FROM login_names WHERE tenant = ?1 AND connection = ?2 AND subject = ?3",
        params![tenant, key.connection, key.subject],
    )?;
    Ok(())
}
