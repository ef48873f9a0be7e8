//! Keys, in the file of their own. All of them are wrapped.
//!
//! What would surprise: a key is inserted before the act that needs it has run, and kept
//! even when that act is refused, as long as its owner exists: the next act finds it.

use super::rows::{Millis, params};
use super::{NewKeys, Sql, Tx, Verdict};
use crate::domain::{KeyOwner, WrappedKey};
use crate::id::{TenantId, UserId};
use crate::store::{StoreResult, StoredSigningKey};

/// A row of `keys.db` that comes with an act.
#[derive(Debug, Clone)]
pub enum KeyRow {
    /// A tenant's key.
    Tenant(TenantId, WrappedKey),
    /// A key below a tenant's.
    Owned(TenantId, KeyOwner, WrappedKey),
    /// A signing key of our own tokens.
    Signing(StoredSigningKey),
    /// What a root key is recognised by.
    Check([u8; 32]),
}

/// Inserts all of the rows, or none when one of them is there already.
pub fn insert(keys: &dyn Sql, rows: &[KeyRow]) -> StoreResult<NewKeys> {
    for row in rows {
        if exists(keys, row)? {
            return Ok(NewKeys::Exist);
        }
    }
    for row in rows {
        match row {
            KeyRow::Tenant(tenant, wrapped) => keys.run(
                "INSERT INTO tenant_keys (tenant, wrapped) VALUES (?1, ?2)",
                params![tenant, wrapped],
            ),
            KeyRow::Owned(tenant, owner, wrapped) => keys.run(
                "INSERT INTO keys (tenant, owner, wrapped) VALUES (?1, ?2, ?3)",
                params![tenant, owner, wrapped],
            ),
            KeyRow::Signing(key) => keys.run(
                "INSERT INTO signing_keys (kid, wrapped, certificate, created_at) VALUES (?1, ?2, ?3, ?4)",
                params![key.kid, key.wrapped, key.certificate, Millis(key.created_at)],
            ),
            KeyRow::Check(value) => keys.run("INSERT INTO key_check (id, value) VALUES (1, ?1)", params![value]),
        }?;
    }
    Ok(NewKeys::Kept)
}

fn exists(keys: &dyn Sql, row: &KeyRow) -> StoreResult<bool> {
    match row {
        KeyRow::Tenant(tenant, _) => Ok(find_tenant(keys, *tenant)?.is_some()),
        KeyRow::Owned(tenant, owner, _) => Ok(find(keys, *tenant, *owner)?.is_some()),
        KeyRow::Signing(key) => keys.any("SELECT 1 FROM signing_keys WHERE kid = ?1", params![key.kid]),
        KeyRow::Check(_) => Ok(find_check(keys)?.is_some()),
    }
}

/// A tenant's key.
pub fn find_tenant(keys: &dyn Sql, tenant: TenantId) -> StoreResult<Option<WrappedKey>> {
    keys.first(
        "SELECT wrapped FROM tenant_keys WHERE tenant = ?1",
        params![tenant],
        |row| row.get(0),
    )
}

/// A key below a tenant's.
pub fn find(keys: &dyn Sql, tenant: TenantId, owner: KeyOwner) -> StoreResult<Option<WrappedKey>> {
    keys.first(
        "SELECT wrapped FROM keys WHERE tenant = ?1 AND owner = ?2",
        params![tenant, owner],
        |row| row.get(0),
    )
}

/// What a root key is recognised by.
pub fn find_check(keys: &dyn Sql) -> StoreResult<Option<[u8; 32]>> {
    keys.first("SELECT value FROM key_check WHERE id = 1", params![], |row| row.get(0))
}

/// The signing keys, newest first.
pub fn list_signing(keys: &dyn Sql) -> StoreResult<Vec<StoredSigningKey>> {
    keys.all(
        "SELECT kid, wrapped, certificate, created_at FROM signing_keys ORDER BY created_at DESC, kid",
        params![],
        |row| {
            let Millis(created_at) = row.get("created_at")?;
            Ok(StoredSigningKey {
                kid: row.get("kid")?,
                wrapped: row.get("wrapped")?,
                certificate: row.get("certificate")?,
                created_at,
            })
        },
    )
}

/// Deletes a key below a tenant's, if it is there.
pub fn delete(keys: &dyn Sql, tenant: TenantId, owner: KeyOwner) -> StoreResult<()> {
    keys.run(
        "DELETE FROM keys WHERE tenant = ?1 AND owner = ?2",
        params![tenant, owner],
    )?;
    Ok(())
}

/// Has the keys of these users deleted, but of none who is in the data.
pub fn sweep(tx: &mut dyn Tx, owners: &[(TenantId, UserId)]) -> Verdict<()> {
    for (tenant, user) in owners {
        tx.sweep_key(*tenant, *user)?;
    }
    Ok(())
}

/// Deletes a key whose owner is not in the data.
pub fn delete_unless_owned(keys: &dyn Sql, data: &dyn Sql, row: &KeyRow) -> StoreResult<()> {
    match row {
        KeyRow::Owned(tenant, owner @ KeyOwner::User(user), _) => {
            let owned = data.any(
                "SELECT 1 FROM users WHERE tenant = ?1 AND id = ?2",
                params![tenant, user],
            )?;
            if !owned {
                delete(keys, *tenant, *owner)?;
            }
        }
        KeyRow::Tenant(tenant, _) | KeyRow::Owned(tenant, KeyOwner::Service, _) => {
            if !data.any("SELECT 1 FROM tenants WHERE id = ?1", params![tenant])? {
                delete(keys, *tenant, KeyOwner::Service)?;
                keys.run("DELETE FROM tenant_keys WHERE tenant = ?1", params![tenant])?;
            }
        }
        KeyRow::Signing(_) | KeyRow::Check(_) => {}
    }
    Ok(())
}
