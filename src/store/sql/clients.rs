//! Clients: the applications of tenants.
//!
//! What would surprise: a client is found without naming its tenant, because its id begins
//! with the tenant's; and the origins of all clients are looked through at once when a
//! browser asks before it says whose it is.

use super::rows::{Json, Millis, Row, corrupt, params};
use super::{Lock, Sql, Stop, Tx, Verdict};
use crate::domain::{Client, Grant, Scopes};
use crate::id::{ClientId, TenantId};
use crate::secret::Digest;
use crate::store::ledger::Loss;
use crate::store::{Replaced, Standing, StoreResult};

const CLIENT: &str = "SELECT id, name, secret, grants, scopes, auth0, epoch, created_at FROM clients";

/// Keeps a client.
pub fn create(sql: &dyn Sql, client: &Client) -> StoreResult<()> {
    sql.run(
        "INSERT INTO clients (tenant, id, name, secret, grants, scopes, auth0, epoch, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            client.id.tenant(),
            client.id,
            client.name,
            client.secret,
            grants(client),
            client.scopes.map(|scopes| scopes.to_string()),
            Json(&client.auth0),
            client.epoch,
            Millis(client.created_at),
        ],
    )?;
    put_origins(sql, client)
}

fn grants(client: &Client) -> String {
    let names: Vec<&str> = client.grants.iter().map(|grant| grant.name()).collect();
    names.join(" ")
}

fn put_origins(sql: &dyn Sql, client: &Client) -> StoreResult<()> {
    for origin in client.web_origins() {
        sql.run(
            "INSERT INTO web_origins (tenant, client, origin) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            params![client.id.tenant(), client.id, origin],
        )?;
    }
    Ok(())
}

fn delete_origins(sql: &dyn Sql, id: ClientId) -> StoreResult<()> {
    sql.run(
        "DELETE FROM web_origins WHERE tenant = ?1 AND client = ?2",
        params![id.tenant(), id],
    )?;
    Ok(())
}

/// The client of this id.
pub fn find(sql: &dyn Sql, id: ClientId) -> StoreResult<Option<Client>> {
    sql.first(
        &format!("{CLIENT} WHERE tenant = ?1 AND id = ?2"),
        params![id.tenant(), id],
        read,
    )?
    .transpose()
}

/// How the client of this id stands.
pub fn find_standing(sql: &dyn Sql, id: ClientId) -> StoreResult<Option<Standing>> {
    sql.first(
        "SELECT epoch, scopes FROM clients WHERE tenant = ?1 AND id = ?2",
        params![id.tenant(), id],
        |row| {
            let scopes: Option<String> = row.get(1)?;
            Ok(Standing {
                epoch: row.get(0)?,
                scopes: scopes.map(|scopes| Scopes::parse(&scopes)),
            })
        },
    )
}

/// Every client of the tenant, oldest first.
pub fn list(sql: &dyn Sql, tenant: TenantId) -> StoreResult<Vec<Client>> {
    sql.all(
        &format!("{CLIENT} WHERE tenant = ?1 ORDER BY created_at, id"),
        params![tenant],
        read,
    )?
    .into_iter()
    .collect()
}

fn read(row: &Row<'_>) -> StoreResult<StoreResult<Client>> {
    let grants: String = row.get("grants")?;
    let grants: Result<Vec<Grant>, String> = grants.split_whitespace().map(str::parse).collect();
    let scopes: Option<String> = row.get("scopes")?;
    let Millis(created_at) = row.get("created_at")?;
    let Json(auth0) = row.get("auth0")?;
    let id = row.get("id")?;
    let grants = match grants {
        Ok(grants) => grants,
        Err(why) => return Ok(Err(corrupt(format!("clients.grants of {id}: {why}")))),
    };
    Ok(Ok(Client {
        id,
        name: row.get("name")?,
        secret: row.get("secret")?,
        grants,
        scopes: scopes.map(|scopes| Scopes::parse(&scopes)),
        auth0,
        epoch: row.get("epoch")?,
        created_at,
    }))
}

/// Whether browsers may call from this origin for this client, or for any.
pub fn has_web_origin(sql: &dyn Sql, client: Option<ClientId>, origin: &str) -> StoreResult<bool> {
    match client {
        Some(id) => sql.any(
            "SELECT 1 FROM web_origins WHERE tenant = ?1 AND client = ?2 AND origin = ?3",
            params![id.tenant(), id, origin],
        ),
        None => sql.any("SELECT 1 FROM web_origins WHERE origin = ?1 LIMIT 1", params![origin]),
    }
}

/// Replaces a client that was read before.
pub fn update(tx: &mut dyn Tx, was: &Client, is: &Client) -> Verdict<Replaced> {
    tx.lock(Lock::Client(was.id))?;
    match find(tx.sql(), was.id)? {
        None => return Err(Stop::refused(Replaced::Gone)),
        Some(found) if found != *was => return Err(Stop::refused(Replaced::Changed)),
        Some(_) => {}
    }
    tx.outdate_known();
    tx.sql().run(
        "UPDATE clients SET name = ?3, secret = ?4, grants = ?5, scopes = ?6, auth0 = ?7, epoch = ?8
         WHERE tenant = ?1 AND id = ?2",
        params![
            was.id.tenant(),
            was.id,
            is.name,
            is.secret,
            grants(is),
            is.scopes.map(|scopes| scopes.to_string()),
            Json(&is.auth0),
            is.epoch,
        ],
    )?;
    delete_origins(tx.sql(), was.id)?;
    put_origins(tx.sql(), is)?;
    if (was.secret, was.epoch) != (is.secret, is.epoch) {
        tx.lose(Loss::Client {
            client: was.id,
            secret: is.secret,
            epoch: is.epoch,
        });
    }
    Ok(Replaced::Done)
}

/// Gives the client a new secret.
pub fn rotate(tx: &mut dyn Tx, id: ClientId, secret: Digest) -> Verdict<bool> {
    tx.outdate_known();
    let rows = tx.sql().run(
        "UPDATE clients SET secret = ?3, epoch = epoch + 1 WHERE tenant = ?1 AND id = ?2",
        params![id.tenant(), id, secret],
    )?;
    if let Some(Standing { epoch, .. }) = find_standing(tx.sql(), id)? {
        tx.lose(Loss::Client {
            client: id,
            secret: Some(secret),
            epoch,
        });
    }
    Ok(rows > 0)
}

/// Removes a client.
pub fn delete(tx: &mut dyn Tx, id: ClientId) -> Verdict<bool> {
    tx.outdate_known();
    let removed = remove(tx.sql(), id)?;
    if removed {
        tx.lose(Loss::ClientGone { client: id });
    }
    Ok(removed)
}

/// Removes the rows of a client, if there are any.
pub fn remove(sql: &dyn Sql, id: ClientId) -> StoreResult<bool> {
    delete_origins(sql, id)?;
    let rows = sql.run(
        "DELETE FROM clients WHERE tenant = ?1 AND id = ?2",
        params![id.tenant(), id],
    )?;
    Ok(rows > 0)
}
