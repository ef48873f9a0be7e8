//! Looking through the two files of a store or of a backup, for what must not be.
//!
//! Everything is read over connections of its own that cannot write, beside whatever a server
//! does. It blocks: call it from a thread that may. What would surprise: the files are read one after the other,
//! so what one says of the other is asked a second time before it counts.

mod told;
mod trail;

use std::path::Path;
use std::time::Duration;

use rusqlite::OpenFlags;

use super::copy::Part;
use super::replay;
use crate::domain::{Connection, Identity, KeyOwner, WrappedKey};
use crate::id::{IdentityId, TenantId, UserId};
use crate::secret::Sealed;
use crate::store::sql::rows::params;
use crate::store::sql::{Sql, Step, identities, keys, tenants, users};
use crate::store::{StoreError, StoreResult, StoredSigningKey};

/// How many identities are compared with the events at a time, which bounds the memory.
const COMPARED_AT_ONCE: u64 = 250_000;

/// Something that must not be, and how often it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What, in the plural; with the number of the invariant where it is one.
    pub what: String,
    /// How often.
    pub count: u64,
    /// The id of one of them.
    pub example: String,
}

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "what is counted is named after itself")]
pub struct Counts {
    pub tenants: u64,
    pub users: u64,
    pub identities: u64,
    pub token_sets: u64,
    pub events: u64,
}

/// A sealed token set with all that opens it but the root key.
#[derive(Debug)]
pub struct Sample {
    /// Whose data.
    pub tenant: TenantId,
    /// The tenant's key.
    pub tenant_key: Option<WrappedKey>,
    /// The user's key.
    pub key: Option<WrappedKey>,
    /// Where it lies.
    pub identity: Identity,
    /// It.
    pub sealed: Sealed,
}

/// The keys of a tenant and what it keeps under them.
#[derive(Debug)]
pub struct TenantKeys {
    /// The tenant.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// Its key.
    pub key: Option<WrappedKey>,
    /// Its service key.
    pub service_key: Option<WrappedKey>,
    /// How many users it has.
    pub users: u64,
    /// How many of them have a key.
    pub user_keys: u64,
    /// Its connections, with their sealed client secrets.
    pub connections: Vec<Connection>,
}

/// What is asked of `data.db` alone: what it is called, and which rows show it.
const OF_DATA: [(&str, &str); 18] = [
    (
        "I1: accounts that belong to two users",
        "SELECT subject FROM identities GROUP BY tenant, connection, issuer, subject HAVING count(*) > 1",
    ),
    (
        "I1: ids that two identities have",
        "SELECT lower(hex(id)) FROM identities GROUP BY tenant, id HAVING count(*) > 1",
    ),
    (
        "I1: identities of users who are not there",
        "SELECT lower(hex(id)) FROM identities AS i
         WHERE NOT EXISTS (SELECT 1 FROM users AS u WHERE u.tenant = i.tenant AND u.id = i.user_id)",
    ),
    (
        "I1: identities of connections that are not there",
        "SELECT lower(hex(id)) FROM identities AS i
         WHERE NOT EXISTS (SELECT 1 FROM connections AS c WHERE c.tenant = i.tenant AND c.id = i.connection)",
    ),
    (
        "I1: identities whose issuer is not that of their connection",
        "SELECT lower(hex(i.id)) FROM identities AS i JOIN connections AS c ON c.tenant = i.tenant AND c.id = i.connection
         WHERE c.issuer <> i.issuer",
    ),
    (
        "I1: accounts that two users were born with, at connections of one provider",
        "SELECT min(i.subject) FROM identities AS i JOIN connections AS c ON c.tenant = i.tenant AND c.id = i.connection
         WHERE i.position = 0 GROUP BY i.tenant, c.provider, i.issuer, i.subject HAVING count(*) > 1",
    ),
    (
        "users of tenants that are not there",
        "SELECT lower(hex(id)) FROM users AS u WHERE NOT EXISTS (SELECT 1 FROM tenants AS t WHERE t.id = u.tenant)",
    ),
    (
        "clients of tenants that are not there",
        "SELECT lower(hex(id)) FROM clients AS u WHERE NOT EXISTS (SELECT 1 FROM tenants AS t WHERE t.id = u.tenant)",
    ),
    (
        "connections of tenants that are not there",
        "SELECT name FROM connections AS u WHERE NOT EXISTS (SELECT 1 FROM tenants AS t WHERE t.id = u.tenant)",
    ),
    (
        "users without the identity that they were born with",
        "SELECT lower(hex(id)) FROM users AS u
         WHERE NOT EXISTS (SELECT 1 FROM identities AS i WHERE i.tenant = u.tenant AND i.user_id = u.id AND i.position = 0)",
    ),
    (
        "I2: identities without a known proof, time or actor",
        "SELECT lower(hex(id)) FROM identities
         WHERE proof NOT BETWEEN 1 AND 5 OR proved_at <= 0 OR NOT (
            (length(proved_by) = 1 AND substr(proved_by, 1, 1) = x'00') OR
            (length(proved_by) = 17 AND substr(proved_by, 1, 1) = x'01') OR
            (length(proved_by) = 13 AND substr(proved_by, 1, 1) = x'02'))",
    ),
    (
        "I4: identities that should have tokens and have none",
        "SELECT lower(hex(id)) FROM identities AS i WHERE has_tokens = 1
         AND NOT EXISTS (SELECT 1 FROM token_sets AS s WHERE s.tenant = i.tenant AND s.identity = i.id)",
    ),
    (
        "I4: token sets of identities that are not there, or should have none",
        "SELECT tenant || ' ' || lower(hex(identity)) FROM token_sets EXCEPT
         SELECT tenant || ' ' || lower(hex(id)) FROM identities WHERE has_tokens = 1",
    ),
    (
        "aliases of users who are there themselves",
        "SELECT lower(hex(id)) FROM aliases AS a
         WHERE EXISTS (SELECT 1 FROM users AS u WHERE u.tenant = a.tenant AND u.id = a.id)",
    ),
    (
        "aliases that lead to nobody",
        "SELECT lower(hex(id)) FROM aliases AS a
         WHERE NOT EXISTS (SELECT 1 FROM users AS u WHERE u.tenant = a.tenant AND u.id = a.survivor)",
    ),
    (
        "terms of search of users who are not there",
        "SELECT DISTINCT lower(hex(user_id)) FROM terms AS x
         WHERE NOT EXISTS (SELECT 1 FROM users AS u WHERE u.tenant = x.tenant AND u.id = x.user_id)",
    ),
    (
        "parts of files of jobs that are not there",
        "SELECT tenant || ' ' || job FROM job_parts EXCEPT SELECT tenant || ' ' || id FROM jobs",
    ),
    (
        "names to log in by that lead to nobody",
        "SELECT kind FROM login_names AS n WHERE NOT EXISTS (SELECT 1 FROM connections AS c
            JOIN identities AS i ON i.tenant = c.tenant AND i.connection = c.id AND i.issuer = c.issuer
            WHERE c.tenant = n.tenant AND c.id = n.connection AND i.subject = n.subject)",
    ),
];

/// The files, open to be looked through.
pub struct Inspection {
    data: Box<dyn Sql>,
    keys: Option<Box<dyn Sql>>,
}

impl Inspection {
    /// Opens `data.db` in one directory and, if that is given, `keys.db` in the other.
    ///
    /// # Errors
    /// When a file cannot be opened.
    pub fn open(data: &Path, keys: Option<&Path>) -> StoreResult<Self> {
        Ok(Self {
            data: open(Part::Data, data)?,
            keys: keys.map(|dir| open(Part::Keys, dir)).transpose()?,
        })
    }

    /// How much there is.
    ///
    /// # Errors
    /// Those of the files.
    pub fn counts(&self) -> StoreResult<Counts> {
        let count = |table: &str| number(&*self.data, &format!("SELECT count(*) FROM {table}"));
        Ok(Counts {
            tenants: count("tenants")?,
            users: count("users")?,
            identities: count("identities")?,
            token_sets: count("token_sets")?,
            events: count("events")?,
        })
    }

    /// What `data.db` alone shows to be wrong, but for what the events say.
    ///
    /// # Errors
    /// Those of the file.
    pub fn contradictions(&self) -> StoreResult<Vec<Finding>> {
        let mut found = Vec::new();
        for (what, sql) in OF_DATA {
            let sql = format!("WITH found (example) AS ({sql}) SELECT count(*), min(example) FROM found");
            let row = self.data.first(&sql, params![], |row| {
                Ok((row.get::<i64>(0)?, row.get::<Option<String>>(1)?))
            })?;
            if let Some((count, example)) = row
                && count > 0
            {
                found.push(Finding {
                    what: what.to_owned(),
                    count: count.unsigned_abs(),
                    example: example.unwrap_or_default(),
                });
            }
        }
        Ok(found)
    }

    /// What differs between the identities and what the events alone make of them: owners and
    /// proofs (I7).
    ///
    /// # Errors
    /// Those of the file; corrupt when an event cannot be read.
    pub fn contradicting_events(&self) -> StoreResult<Vec<Finding>> {
        let differing = self.at_one_moment(|data| {
            let parts = number(data, "SELECT count(*) FROM identities")? / COMPARED_AT_ONCE + 1;
            let mut differing = Vec::new();
            for tenant in tenant_ids(data)? {
                for part in 0..parts {
                    differing.extend(told::differing(data, tenant, parts, part)?);
                }
            }
            Ok(differing)
        })?;
        Ok(finding(
            "I7: identities whose owner or proof is not what the events say",
            &differing,
        ))
    }

    /// Reads what must be of one moment.
    fn at_one_moment<T>(&self, read: impl FnOnce(&dyn Sql) -> StoreResult<T>) -> StoreResult<T> {
        self.data.run("BEGIN", params![])?;
        let answer = read(&*self.data);
        self.data.run("COMMIT", params![])?;
        answer
    }

    /// Users who have tokens and no key. With keys that are newer than the data, they were
    /// erased in between.
    ///
    /// # Errors
    /// Those of the files.
    pub fn without_key(&self) -> StoreResult<Vec<Finding>> {
        let Some(keys) = self.keys.as_deref() else {
            return Ok(Vec::new());
        };
        let mut missing = Vec::new();
        for (tenant, user) in pairs(
            &*self.data,
            "SELECT DISTINCT tenant, user_id FROM identities WHERE has_tokens = 1",
        )? {
            let gone = || Ok::<_, StoreError>(keys::find(keys, tenant, KeyOwner::User(user))?.is_none());
            if gone()?
                && self.data.any(
                    "SELECT 1 FROM identities WHERE tenant = ?1 AND user_id = ?2 AND has_tokens = 1",
                    params![tenant, user],
                )?
                && gone()?
            {
                missing.push(user.to_string());
            }
        }
        Ok(finding("I4: users who have tokens and no key", &missing))
    }

    /// Users who have a key and are not there: looked for twice, so far apart, because a key
    /// comes before its user.
    ///
    /// # Errors
    /// Those of the files.
    pub fn unused_keys(&self, apart: Duration) -> StoreResult<Vec<(TenantId, UserId)>> {
        let Some(keys) = self.keys.as_deref() else {
            return Ok(Vec::new());
        };
        let unused = |(tenant, user): &(TenantId, UserId)| -> StoreResult<bool> {
            let owned = self.data.any(
                "SELECT 1 FROM users WHERE tenant = ?1 AND id = ?2",
                params![tenant, user],
            )?;
            Ok(!owned && keys::find(keys, *tenant, KeyOwner::User(*user))?.is_some())
        };
        let mut found = pairs(keys, "SELECT tenant, owner FROM keys WHERE length(owner) = 12")?;
        let mut only_unused = || -> StoreResult<()> {
            let mut kept = Vec::new();
            for owner in found.drain(..) {
                if unused(&owner)? {
                    kept.push(owner);
                }
            }
            found = kept;
            Ok(())
        };
        only_unused()?;
        if !apart.is_zero() {
            std::thread::sleep(apart);
            only_unused()?;
        }
        Ok(found)
    }

    /// At most so many token sets, evenly spread over all.
    ///
    /// # Errors
    /// Those of the files.
    pub fn samples(&self, at_most: u64) -> StoreResult<Vec<Sample>> {
        let Some(keys) = self.keys.as_deref() else {
            return Ok(Vec::new());
        };
        let all = number(&*self.data, "SELECT count(*) FROM identities WHERE has_tokens = 1")?;
        let step = all.div_ceil(at_most.max(1)).max(1);
        let mut chosen: Vec<(TenantId, UserId, IdentityId)> = Vec::new();
        {
            let all = "SELECT tenant, user_id, id FROM identities WHERE has_tokens = 1";
            let mut n = 0_u64;
            self.data.walk(all, params![], &mut |row| {
                if n.is_multiple_of(step) {
                    chosen.push((row.get(0)?, row.get(1)?, row.get(2)?));
                }
                n += 1;
                Ok(Step::Next)
            })?;
        }
        let mut samples = Vec::with_capacity(chosen.len());
        for (tenant, user, id) in chosen {
            let (identity, sealed) = self.at_one_moment(|data| {
                let identity = identities::of(data, tenant, user, id)?;
                Ok((identity, identities::find_tokens(data, tenant, id)?))
            })?;
            if let (Some(identity), Some(sealed)) = (identity, sealed) {
                samples.push(Sample {
                    tenant,
                    tenant_key: keys::find_tenant(keys, tenant)?,
                    key: keys::find(keys, tenant, KeyOwner::User(user))?,
                    identity,
                    sealed,
                });
            }
        }
        Ok(samples)
    }

    /// Whether a sample is still as it was read: what does not open may have moved on.
    ///
    /// # Errors
    /// Those of the file.
    pub fn is_as_read(&self, sample: &Sample) -> StoreResult<bool> {
        let (tenant, identity) = (sample.tenant, &sample.identity);
        let now = identities::of(&*self.data, tenant, identity.user, identity.id)?;
        Ok(now.as_ref() == Some(identity)
            && identities::find_tokens(&*self.data, tenant, identity.id)?.as_ref() == Some(&sample.sealed))
    }

    /// The keys of every tenant, by its name.
    ///
    /// # Errors
    /// Those of the files.
    pub fn tenants(&self) -> StoreResult<Vec<TenantKeys>> {
        let Some(keys) = self.keys.as_deref() else {
            return Ok(Vec::new());
        };
        let mut all = Vec::new();
        for tenant in tenants::list(&*self.data)? {
            let id = tenant.id;
            let user_keys = keys.first(
                "SELECT count(*) FROM keys WHERE tenant = ?1 AND length(owner) = 12",
                params![id],
                |row| row.get::<i64>(0),
            )?;
            all.push(TenantKeys {
                tenant: id,
                name: tenant.name,
                users: users::count(&*self.data, id)?,
                key: keys::find_tenant(keys, id)?,
                service_key: keys::find(keys, id, KeyOwner::Service)?,
                user_keys: user_keys.unwrap_or(0).unsigned_abs(),
                connections: tenants::list_connections(&*self.data, id)?,
            });
        }
        Ok(all)
    }

    /// The last commit that the ledger told of, as far as the data knows.
    ///
    /// # Errors
    /// Those of the file.
    pub fn ledger_batch(&self) -> StoreResult<u64> {
        replay::ledger_batch(&*self.data)
    }

    /// The value by which the root key is recognised; `None` while no key was ever used.
    ///
    /// # Errors
    /// Those of the file.
    pub fn key_check(&self) -> StoreResult<Option<[u8; 32]>> {
        self.keys.as_deref().map_or(Ok(None), keys::find_check)
    }

    /// The signing keys, newest first.
    ///
    /// # Errors
    /// Those of the file.
    pub fn signing_keys(&self) -> StoreResult<Vec<StoredSigningKey>> {
        self.keys.as_deref().map_or(Ok(Vec::new()), keys::list_signing)
    }
}

fn open(part: Part, dir: &Path) -> StoreResult<Box<dyn Sql>> {
    let file = rusqlite::Connection::open_with_flags(
        dir.join(part.file()),
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    file.busy_timeout(Duration::from_secs(5))?;
    file.pragma_update(None, "query_only", "ON")?;
    Ok(Box::new(file))
}

fn number(sql: &dyn Sql, query: &str) -> StoreResult<u64> {
    let number = sql.first(query, params![], |row| row.get::<i64>(0))?;
    Ok(number.unwrap_or(0).unsigned_abs())
}

fn pairs(sql: &dyn Sql, query: &str) -> StoreResult<Vec<(TenantId, UserId)>> {
    sql.all(query, params![], |row| Ok((row.get(0)?, row.get(1)?)))
}

fn tenant_ids(sql: &dyn Sql) -> StoreResult<Vec<TenantId>> {
    sql.all("SELECT id FROM tenants", params![], |row| row.get(0))
}

fn finding(what: &str, examples: &[String]) -> Vec<Finding> {
    let found = examples.first().map(|example| Finding {
        what: what.to_owned(),
        count: examples.len() as u64,
        example: example.clone(),
    });
    found.into_iter().collect()
}
