//! Tenants and their connections: few rows, written by operators.
//!
//! What would surprise: a connection that was retired is not found here at all.

use super::rows::{Json, Millis, Row, params};
use super::{Lock, Sql, Stop, Tx, Verdict, clients, opaque};
use crate::domain::tenant::OpaqueCredentials;
use crate::domain::{Connection, ConnectionRef, Settings, Tenant};
use crate::id::{ConnectionId, TenantId};
use crate::store::ledger::Loss;
use crate::store::{NewTenant, StoreResult};

const TENANT: &str = "SELECT id, name, settings, kii_app_key, kii_client_id, kii_client_secret,
    knodes_customer_id, knodes_customer_secret, created_at FROM tenants";

/// Makes a tenant with all that it is born with.
pub fn create(tx: &mut dyn Tx, new: &NewTenant) -> Verdict<bool> {
    let NewTenant { tenant, .. } = new;
    let taken = tx.sql().any(
        "SELECT 1 FROM tenants WHERE name = ?1 OR id = ?2",
        params![tenant.name, tenant.id],
    )?;
    if taken {
        return Err(Stop::refused(false));
    }
    let credentials = &tenant.credentials;
    tx.sql().run(
        "INSERT INTO tenants (id, name, settings, kii_app_key, kii_client_id, kii_client_secret,
            knodes_customer_id, knodes_customer_secret, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            tenant.id,
            tenant.name,
            Json(&tenant.settings),
            credentials.kii_app_key,
            credentials.kii_client_id,
            credentials.kii_client_secret,
            credentials.knodes_customer_id,
            credentials.knodes_customer_secret,
            Millis(tenant.created_at),
        ],
    )?;
    for connection in &new.connections {
        create_connection(tx, tenant.id, connection)?;
    }
    clients::create(tx.sql(), &new.client)?;
    Ok(true)
}

/// The tenant of this id.
pub fn find(sql: &dyn Sql, id: TenantId) -> StoreResult<Option<Tenant>> {
    sql.first(&format!("{TENANT} WHERE id = ?1"), params![id], read_tenant)
}

/// The tenant of this name.
pub fn find_named(sql: &dyn Sql, name: &str) -> StoreResult<Option<Tenant>> {
    sql.first(&format!("{TENANT} WHERE name = ?1"), params![name], read_tenant)
}

/// Every tenant, by name.
pub fn list(sql: &dyn Sql) -> StoreResult<Vec<Tenant>> {
    sql.all(&format!("{TENANT} ORDER BY name"), params![], read_tenant)
}

fn read_tenant(row: &Row<'_>) -> StoreResult<Tenant> {
    let Json(settings) = row.get("settings")?;
    let Millis(created_at) = row.get("created_at")?;
    Ok(Tenant {
        id: row.get("id")?,
        name: row.get("name")?,
        settings,
        credentials: OpaqueCredentials {
            kii_app_key: row.get("kii_app_key")?,
            kii_client_id: row.get("kii_client_id")?,
            kii_client_secret: row.get("kii_client_secret")?,
            knodes_customer_id: row.get("knodes_customer_id")?,
            knodes_customer_secret: row.get("knodes_customer_secret")?,
        },
        created_at,
    })
}

/// Replaces settings.
pub fn update_settings(tx: &mut dyn Tx, id: TenantId, settings: &Settings) -> Verdict<bool> {
    tx.outdate_known();
    let rows = tx.sql().run(
        "UPDATE tenants SET settings = ?2 WHERE id = ?1",
        params![id, Json(settings)],
    )?;
    Ok(rows > 0)
}

/// Replaces the credentials of the opaque dialects.
pub fn update_credentials(tx: &mut dyn Tx, id: TenantId, credentials: &OpaqueCredentials) -> Verdict<bool> {
    tx.lock(Lock::Tenant(id))?;
    let rows = tx.sql().run(
        "UPDATE tenants SET kii_app_key = ?2, kii_client_id = ?3, kii_client_secret = ?4,
            knodes_customer_id = ?5, knodes_customer_secret = ?6 WHERE id = ?1",
        params![
            id,
            credentials.kii_app_key,
            credentials.kii_client_id,
            credentials.kii_client_secret,
            credentials.knodes_customer_id,
            credentials.knodes_customer_secret,
        ],
    )?;
    if rows > 0 {
        opaque::end_of_tenant(tx.sql(), id)?;
        tx.lose(Loss::Credentials {
            tenant: id,
            kii_app_key: credentials.kii_app_key,
            kii_client_secret: credentials.kii_client_secret,
            knodes_customer_secret: credentials.knodes_customer_secret,
        });
    }
    Ok(rows > 0)
}

/// What [`read_connection`] reads. Whoever asks decides about those that were retired.
pub const CONNECTION: &str = "SELECT id, name, provider, issuer, client_id, client_secret, auth0, created_at,
    deleted_at, deleted_by FROM connections";

/// Keeps a connection.
pub fn create_connection(tx: &mut dyn Tx, tenant: TenantId, connection: &Connection) -> Verdict<bool> {
    let taken = tx.sql().any(
        "SELECT 1 FROM connections WHERE tenant = ?1 AND (name = ?2 OR id = ?3)",
        params![tenant, connection.name, connection.id],
    )?;
    if taken {
        return Err(Stop::refused(false));
    }
    tx.sql().run(
        "INSERT INTO connections (tenant, id, name, provider, issuer, client_id, client_secret, auth0, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            tenant,
            connection.id,
            connection.name,
            connection.provider,
            connection.issuer,
            connection.client_id,
            connection.client_secret,
            Json(&connection.auth0),
            Millis(connection.created_at),
        ],
    )?;
    // It may be older than the one that is known as the oldest of its provider, by another server's clock.
    tx.outdate_known();
    Ok(true)
}

/// The live connection that is meant.
pub fn find_connection(sql: &dyn Sql, tenant: TenantId, which: &ConnectionRef) -> StoreResult<Option<Connection>> {
    match which {
        ConnectionRef::Id(id) => sql.first(
            &format!("{CONNECTION} WHERE tenant = ?1 AND id = ?2 AND deleted_at IS NULL"),
            params![tenant, id],
            read_connection,
        ),
        ConnectionRef::Name(name) => sql.first(
            &format!("{CONNECTION} WHERE tenant = ?1 AND name = ?2 AND deleted_at IS NULL"),
            params![tenant, name],
            read_connection,
        ),
        ConnectionRef::Oldest(provider) => sql.first(
            &format!(
                "{CONNECTION} WHERE tenant = ?1 AND provider = ?2 AND deleted_at IS NULL ORDER BY created_at, id LIMIT 1"
            ),
            params![tenant, provider],
            read_connection,
        ),
    }
}

/// Every live connection of the tenant, oldest first.
pub fn list_connections(sql: &dyn Sql, tenant: TenantId) -> StoreResult<Vec<Connection>> {
    sql.all(
        &format!("{CONNECTION} WHERE tenant = ?1 AND deleted_at IS NULL ORDER BY created_at, id"),
        params![tenant],
        read_connection,
    )
}

pub fn read_connection(row: &Row<'_>) -> StoreResult<Connection> {
    let Json(auth0) = row.get("auth0")?;
    let Millis(created_at) = row.get("created_at")?;
    Ok(Connection {
        id: row.get("id")?,
        name: row.get("name")?,
        provider: row.get("provider")?,
        issuer: row.get("issuer")?,
        client_id: row.get("client_id")?,
        client_secret: row.get("client_secret")?,
        auth0,
        created_at,
    })
}

/// Removes a connection unless identities hang on it.
pub fn delete_connection(tx: &mut dyn Tx, tenant: TenantId, id: ConnectionId) -> Verdict<bool> {
    tx.lock(Lock::Connection(tenant, id))?;
    let used = tx.sql().any(
        "SELECT 1 FROM identities WHERE tenant = ?1 AND connection = ?2 LIMIT 1",
        params![tenant, id],
    )?;
    if used {
        return Err(Stop::refused(false));
    }
    tx.outdate_known();
    tx.sql().run(
        "DELETE FROM connections WHERE tenant = ?1 AND id = ?2",
        params![tenant, id],
    )?;
    tx.lose(Loss::Connection { tenant, connection: id });
    Ok(true)
}

/// The provider of a live connection; `None` when there is no such connection.
pub fn provider_of(sql: &dyn Sql, tenant: TenantId, connection: ConnectionId) -> StoreResult<Option<String>> {
    sql.first(
        "SELECT provider FROM connections WHERE tenant = ?1 AND id = ?2 AND deleted_at IS NULL",
        params![tenant, connection],
        |row| row.get(0),
    )
}

/// The live connections of a provider, with the issuer of each.
pub fn of_provider(sql: &dyn Sql, tenant: TenantId, provider: &str) -> StoreResult<Vec<(ConnectionId, String)>> {
    sql.all(
        "SELECT id, issuer FROM connections WHERE tenant = ?1 AND provider = ?2 AND deleted_at IS NULL ORDER BY id",
        params![tenant, provider],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// The id and the issuer of the connection that is meant: all that a look-up needs.
pub fn key_part(sql: &dyn Sql, tenant: TenantId, which: &ConnectionRef) -> StoreResult<Option<(ConnectionId, String)>> {
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    match which {
        ConnectionRef::Id(id) => sql.first(
            "SELECT id, issuer FROM connections WHERE tenant = ?1 AND id = ?2 AND deleted_at IS NULL",
            params![tenant, id],
            read,
        ),
        ConnectionRef::Name(name) => sql.first(
            "SELECT id, issuer FROM connections WHERE tenant = ?1 AND name = ?2 AND deleted_at IS NULL",
            params![tenant, name],
            read,
        ),
        ConnectionRef::Oldest(provider) => sql.first(
            "SELECT id, issuer FROM connections WHERE tenant = ?1 AND provider = ?2 AND deleted_at IS NULL
             ORDER BY created_at, id LIMIT 1",
            params![tenant, provider],
            read,
        ),
    }
}
