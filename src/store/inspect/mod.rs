//! Looking through a store or a backup, for what must not be.
//!
//! Everything is read over connections of its own that do not write, beside whatever a server
//! does. It blocks: call it from a thread that may. What would surprise: data and keys are read one after the
//! other, so what one says of the other is asked a second time before it counts.

mod found;
mod told;
mod trail;

use std::time::Duration;

pub use self::found::{Counts, Finding, Sample, TenantKeys};
use crate::domain::{Identity, KeyOwner};
use crate::id::{IdentityId, TenantId, UserId};
use crate::secret::Sealed;
use crate::store::sql::rows::{Cell, ToValue, params};
use crate::store::sql::{Sql, Step, events, identities, keys, meta, tenants, users};
use crate::store::{StoreError, StoreResult, StoredSigningKey};

/// How many identities are compared with the events at a time, which bounds the memory.
const COMPARED_AT_ONCE: u64 = 250_000;

/// What is asked of the data alone: what it is called, and which rows show it.
const OF_DATA: [(&str, &str); 19] = [
    (
        "I1: accounts that belong to two users",
        "SELECT subject FROM identities GROUP BY tenant, connection, issuer, subject HAVING count(*) > 1",
    ),
    (
        "I1: ids that two identities have",
        "SELECT id FROM identities GROUP BY tenant, id HAVING count(*) > 1",
    ),
    (
        "I1: identities of users who are not there",
        "SELECT id FROM identities AS i
         WHERE NOT EXISTS (SELECT 1 FROM users AS u WHERE u.tenant = i.tenant AND u.id = i.user_id)",
    ),
    (
        "I1: identities of connections that are not there",
        "SELECT id FROM identities AS i
         WHERE NOT EXISTS (SELECT 1 FROM connections AS c WHERE c.tenant = i.tenant AND c.id = i.connection)",
    ),
    (
        "I1: identities whose issuer is not that of their connection",
        "SELECT i.id FROM identities AS i JOIN connections AS c ON c.tenant = i.tenant AND c.id = i.connection
         WHERE c.issuer <> i.issuer",
    ),
    (
        "I1: accounts that two users were born with, at connections of one provider",
        "SELECT min(i.subject) FROM identities AS i JOIN connections AS c ON c.tenant = i.tenant AND c.id = i.connection
         WHERE i.position = 0 GROUP BY i.tenant, c.provider, i.issuer, i.subject HAVING count(*) > 1",
    ),
    (
        "users of tenants that are not there",
        "SELECT id FROM users AS u WHERE NOT EXISTS (SELECT 1 FROM tenants AS t WHERE t.id = u.tenant)",
    ),
    (
        "clients of tenants that are not there",
        "SELECT id FROM clients AS u WHERE NOT EXISTS (SELECT 1 FROM tenants AS t WHERE t.id = u.tenant)",
    ),
    (
        "connections of tenants that are not there",
        "SELECT name FROM connections AS u WHERE NOT EXISTS (SELECT 1 FROM tenants AS t WHERE t.id = u.tenant)",
    ),
    (
        "users without the identity that they were born with",
        "SELECT id FROM users AS u
         WHERE NOT EXISTS (SELECT 1 FROM identities AS i WHERE i.tenant = u.tenant AND i.user_id = u.id AND i.position = 0)",
    ),
    (
        "I4: identities that should have tokens and have none",
        "SELECT id FROM identities AS i WHERE has_tokens = 1
         AND NOT EXISTS (SELECT 1 FROM token_sets AS s WHERE s.tenant = i.tenant AND s.identity = i.id)",
    ),
    (
        "I4: token sets of identities that are not there, or should have none",
        "SELECT odd.identity FROM (SELECT tenant, identity FROM token_sets EXCEPT
            SELECT tenant, id FROM identities WHERE has_tokens = 1) AS odd",
    ),
    (
        "aliases of users who are there themselves",
        "SELECT id FROM aliases AS a
         WHERE EXISTS (SELECT 1 FROM users AS u WHERE u.tenant = a.tenant AND u.id = a.id)",
    ),
    (
        "aliases that lead to nobody",
        "SELECT id FROM aliases AS a
         WHERE NOT EXISTS (SELECT 1 FROM users AS u WHERE u.tenant = a.tenant AND u.id = a.survivor)",
    ),
    (
        "terms of search of users who are not there",
        "SELECT DISTINCT user_id FROM terms AS x
         WHERE NOT EXISTS (SELECT 1 FROM users AS u WHERE u.tenant = x.tenant AND u.id = x.user_id)",
    ),
    (
        "what dialects keep with users who are not there",
        "SELECT user_id FROM user_bags AS b
         WHERE NOT EXISTS (SELECT 1 FROM users AS u WHERE u.tenant = b.tenant AND u.id = b.user_id)",
    ),
    (
        "tokens of users who are not there",
        "SELECT user_id FROM opaque_tokens AS b WHERE user_id IS NOT NULL
         AND NOT EXISTS (SELECT 1 FROM users AS u WHERE u.tenant = b.tenant AND u.id = b.user_id)",
    ),
    (
        "parts of files of jobs that are not there",
        "SELECT odd.job FROM (SELECT tenant, job FROM job_parts EXCEPT SELECT tenant, id FROM jobs) AS odd",
    ),
    (
        "names to log in by that lead to nobody",
        "SELECT kind FROM login_names AS n WHERE NOT EXISTS (SELECT 1 FROM connections AS c
            JOIN identities AS i ON i.tenant = c.tenant AND i.connection = c.id AND i.issuer = c.issuer
            WHERE c.tenant = n.tenant AND c.id = n.connection AND i.subject = n.subject)",
    ),
];

/// Likewise, by what the actors of each kind begin with.
const OF_ACTORS: (&str, &str) = (
    "I2: identities without a known proof, time or actor",
    "SELECT id FROM identities WHERE proof NOT BETWEEN 1 AND 5 OR proved_at <= 0 OR NOT (
        (octet_length(proved_by) = 1 AND substr(proved_by, 1, 1) = ?1) OR
        (octet_length(proved_by) = 17 AND substr(proved_by, 1, 1) = ?2) OR
        (octet_length(proved_by) = 13 AND substr(proved_by, 1, 1) = ?3))",
);

/// Where something is read from that may be in use.
pub(super) trait Source: Send {
    /// Reads what must be of one moment.
    fn read(&self, read: &mut dyn FnMut(&dyn Sql) -> StoreResult<()>) -> StoreResult<()>;
    /// Whether events may wait for their place.
    fn places_events(&self) -> bool {
        false
    }
}

/// Data and keys, open to be looked through.
pub struct Inspection {
    data: Box<dyn Source>,
    keys: Option<Box<dyn Source>>,
}

/// Reads what must be of one moment.
fn read<T>(source: &dyn Source, read: impl Fn(&dyn Sql) -> StoreResult<T>) -> StoreResult<T> {
    let mut answer = None;
    source.read(&mut |sql| {
        answer = Some(read(sql)?);
        Ok(())
    })?;
    answer.ok_or_else(|| StoreError::Unavailable("nothing was read".into()))
}

impl Inspection {
    /// Over these.
    pub(super) fn of(data: Box<dyn Source>, keys: Option<Box<dyn Source>>) -> Self {
        Self { data, keys }
    }

    /// How much there is.
    ///
    /// # Errors
    /// Those of data and keys.
    pub fn counts(&self) -> StoreResult<Counts> {
        read(&*self.data, |sql| {
            let count = |table: &str| number(sql, &format!("SELECT count(*) FROM {table}"));
            Ok(Counts {
                tenants: count("tenants")?,
                users: count("users")?,
                identities: count("identities")?,
                token_sets: count("token_sets")?,
                events: count("events")?,
            })
        })
    }

    /// What the data alone shows to be wrong, but for what the events say.
    ///
    /// # Errors
    /// Those of the data.
    pub fn contradictions(&self) -> StoreResult<Vec<Finding>> {
        read(&*self.data, |sql| {
            let mut found = Vec::new();
            for (what, statement) in OF_DATA {
                found.extend(wrong(sql, what, statement, params![])?);
            }
            let (what, statement) = OF_ACTORS;
            found.extend(wrong(sql, what, statement, params![[0_u8], [1_u8], [2_u8]])?);
            Ok(found)
        })
    }

    /// What differs between the identities and what the events alone make of them: owners and
    /// proofs (I7).
    ///
    /// # Errors
    /// Those of the data; corrupt when an event cannot be read.
    pub fn contradicting_events(&self) -> StoreResult<Vec<Finding>> {
        let differing = read(&*self.data, |data| {
            let parts = number(data, "SELECT count(*) FROM identities")? / COMPARED_AT_ONCE + 1;
            let mut differing = Vec::new();
            for tenant in tenant_ids(data)? {
                for part in 0..parts {
                    let waiting = match self.data.places_events() {
                        true => events::without_place(data, tenant)?,
                        false => Vec::new(),
                    };
                    differing.extend(told::differing(data, tenant, waiting, parts, part)?);
                }
            }
            Ok(differing)
        })?;
        Ok(finding(
            "I7: identities whose owner or proof is not what the events say",
            &differing,
        ))
    }

    /// Users who have tokens and no key. With keys that are newer than the data, they were
    /// erased in between.
    ///
    /// # Errors
    /// Those of data and keys.
    pub fn without_key(&self) -> StoreResult<Vec<Finding>> {
        let Some(keys) = self.keys.as_deref() else {
            return Ok(Vec::new());
        };
        let owners = read(&*self.data, |data| {
            pairs(
                data,
                "SELECT DISTINCT tenant, user_id FROM identities WHERE has_tokens = 1",
            )
        })?;
        let suspects = without_key(keys, &owners)?;
        let still_there = read(&*self.data, |data| {
            let mut there = Vec::new();
            for (tenant, user) in &suspects {
                if data.any(
                    "SELECT 1 FROM identities WHERE tenant = ?1 AND user_id = ?2 AND has_tokens = 1",
                    params![tenant, user],
                )? {
                    there.push((*tenant, *user));
                }
            }
            Ok(there)
        })?;
        let missing = without_key(keys, &still_there)?;
        let missing: Vec<String> = missing.iter().map(|(_, user)| user.to_string()).collect();
        Ok(finding("I4: users who have tokens and no key", &missing))
    }

    /// Users who have a key and are not there: looked for twice, so far apart, because a key
    /// comes before its user.
    ///
    /// # Errors
    /// Those of data and keys.
    pub fn unused_keys(&self, apart: Duration) -> StoreResult<Vec<(TenantId, UserId)>> {
        let Some(keys) = self.keys.as_deref() else {
            return Ok(Vec::new());
        };
        let unused = |owners: Vec<(TenantId, UserId)>| {
            let unowned = read(&*self.data, |data| {
                let mut unowned = Vec::new();
                for (tenant, user) in &owners {
                    let statement = "SELECT 1 FROM users WHERE tenant = ?1 AND id = ?2";
                    if !data.any(statement, params![tenant, user])? {
                        unowned.push((*tenant, *user));
                    }
                }
                Ok(unowned)
            })?;
            let gone = without_key(keys, &unowned)?;
            let kept = unowned.into_iter().filter(|owner| !gone.contains(owner));
            Ok::<_, StoreError>(kept.collect::<Vec<_>>())
        };
        let all = read(keys, |keys| {
            pairs(keys, "SELECT tenant, owner FROM keys WHERE octet_length(owner) = 12")
        })?;
        let found = unused(all)?;
        if apart.is_zero() || found.is_empty() {
            return Ok(found);
        }
        std::thread::sleep(apart);
        unused(found)
    }

    /// At most so many token sets, evenly spread over all.
    ///
    /// # Errors
    /// Those of data and keys.
    pub fn samples(&self, at_most: u64) -> StoreResult<Vec<Sample>> {
        let Some(keys) = self.keys.as_deref() else {
            return Ok(Vec::new());
        };
        let chosen = read(&*self.data, |data| choose(data, at_most))?;
        read(keys, |keys| {
            let mut samples = Vec::with_capacity(chosen.len());
            for (tenant, identity, sealed) in &chosen {
                samples.push(Sample {
                    tenant: *tenant,
                    tenant_key: keys::find_tenant(keys, *tenant)?,
                    key: keys::find(keys, *tenant, KeyOwner::User(identity.user))?,
                    identity: identity.clone(),
                    sealed: sealed.clone(),
                });
            }
            Ok(samples)
        })
    }

    /// Whether a sample is still as it was read: what does not open may have moved on.
    ///
    /// # Errors
    /// Those of the data.
    pub fn is_as_read(&self, sample: &Sample) -> StoreResult<bool> {
        let (tenant, identity) = (sample.tenant, &sample.identity);
        read(&*self.data, |data| {
            let now = identities::of(data, tenant, identity.user, identity.id)?;
            Ok(now.as_ref() == Some(identity)
                && identities::find_tokens(data, tenant, identity.id)?.as_ref() == Some(&sample.sealed))
        })
    }

    /// The keys of every tenant, by its name.
    ///
    /// # Errors
    /// Those of data and keys.
    pub fn tenants(&self) -> StoreResult<Vec<TenantKeys>> {
        let Some(keys) = self.keys.as_deref() else {
            return Ok(Vec::new());
        };
        let known = read(&*self.data, |data| {
            let mut known = Vec::new();
            for tenant in tenants::list(data)? {
                let users = users::count(data, tenant.id)?;
                let connections = tenants::list_connections(data, tenant.id)?;
                known.push((tenant, users, connections));
            }
            Ok(known)
        })?;
        read(keys, |keys| {
            let mut all = Vec::new();
            for (tenant, users, connections) in &known {
                let id = tenant.id;
                let user_keys = keys.first(
                    "SELECT count(*) FROM keys WHERE tenant = ?1 AND octet_length(owner) = 12",
                    params![id],
                    |row| row.get::<i64>(0),
                )?;
                all.push(TenantKeys {
                    tenant: id,
                    name: tenant.name.clone(),
                    users: *users,
                    key: keys::find_tenant(keys, id)?,
                    service_key: keys::find(keys, id, KeyOwner::Service)?,
                    user_keys: user_keys.unwrap_or(0).unsigned_abs(),
                    connections: connections.clone(),
                });
            }
            Ok(all)
        })
    }

    /// The last commit that the ledger told of, as far as the data knows.
    ///
    /// # Errors
    /// Those of the data.
    pub fn ledger_batch(&self) -> StoreResult<u64> {
        read(&*self.data, meta::ledger_batch)
    }

    /// The value by which the root key is recognised; `None` while no key was ever used.
    ///
    /// # Errors
    /// Those of the data.
    pub fn key_check(&self) -> StoreResult<Option<[u8; 32]>> {
        self.keys
            .as_deref()
            .map_or(Ok(None), |keys| read(keys, keys::find_check))
    }

    /// The signing keys, newest first.
    ///
    /// # Errors
    /// Those of the data.
    pub fn signing_keys(&self) -> StoreResult<Vec<StoredSigningKey>> {
        self.keys
            .as_deref()
            .map_or(Ok(Vec::new()), |keys| read(keys, keys::list_signing))
    }
}

/// Which of these users have no key.
fn without_key(keys: &dyn Source, owners: &[(TenantId, UserId)]) -> StoreResult<Vec<(TenantId, UserId)>> {
    read(keys, |keys| {
        let mut without = Vec::new();
        for (tenant, user) in owners {
            if keys::find(keys, *tenant, KeyOwner::User(*user))?.is_none() {
                without.push((*tenant, *user));
            }
        }
        Ok(without)
    })
}

/// At most so many identities with their token sets, evenly spread over all.
fn choose(data: &dyn Sql, at_most: u64) -> StoreResult<Vec<(TenantId, Identity, Sealed)>> {
    let all = number(data, "SELECT count(*) FROM identities WHERE has_tokens = 1")?;
    let step = all.div_ceil(at_most.max(1)).max(1);
    let mut chosen: Vec<(TenantId, UserId, IdentityId)> = Vec::new();
    let mut n = 0_u64;
    let every = "SELECT tenant, user_id, id FROM identities WHERE has_tokens = 1";
    data.walk(every, params![], &mut |row| {
        if n.is_multiple_of(step) {
            chosen.push((row.get(0)?, row.get(1)?, row.get(2)?));
        }
        n += 1;
        Ok(Step::Next)
    })?;
    let mut found = Vec::with_capacity(chosen.len());
    for (tenant, user, id) in chosen {
        let identity = identities::of(data, tenant, user, id)?;
        if let Some((identity, sealed)) = identity.zip(identities::find_tokens(data, tenant, id)?) {
            found.push((tenant, identity, sealed));
        }
    }
    Ok(found)
}

/// What one question finds wrong.
fn wrong(sql: &dyn Sql, what: &str, statement: &str, params: &[&dyn ToValue]) -> StoreResult<Option<Finding>> {
    let counted = format!(
        "WITH found (example) AS ({statement}) SELECT (SELECT count(*) FROM found), example FROM found LIMIT 1"
    );
    sql.first(&counted, params, |row| {
        Ok(Finding {
            what: what.to_owned(),
            count: row.get::<i64>(0)?.unsigned_abs(),
            example: match row.cell(&1)? {
                Cell::Text(text) => text.to_owned(),
                Cell::Number(number) => number.to_string(),
                Cell::Bytes(bytes) => hex::encode(bytes),
                Cell::Null => String::new(),
            },
        })
    })
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
