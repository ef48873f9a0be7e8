//! Jobs and the parts of their files.
//!
//! What would surprise: the directory belongs to one process, so whoever had a job when this one
//! opens it is gone, and its leases end at once.

use std::collections::HashMap;

use async_trait::async_trait;
use jiff::Timestamp;

use super::rows::{Json, Millis, Row, params};
use super::{Engine, Lock, Sql, SqlStore, Step, Stop, Tx, Verdict};
use crate::domain::job::{Job, JobFile};
use crate::id::{JobId, TenantId};
use crate::secret::Sealed;
use crate::store::{AfterStep, JobPart, JobStep, Jobs, StoreResult};

/// How many parts are dropped in one act: others wait meanwhile.
const DROPPED_AT_ONCE: u32 = 32;

macro_rules! select_jobs {
    ($rest:literal) => {
        concat!(
            "SELECT tenant, id, client, kind, status, asked, progress, turn, created_at, ends_at FROM jobs ",
            $rest
        )
    };
}

/// Ends every lease.
pub fn release_all(sql: &dyn Sql) -> StoreResult<()> {
    sql.run("UPDATE jobs SET leased_until = 0 WHERE leased_until > 0", params![])?;
    Ok(())
}

/// Drops every job.
pub fn drop_all(sql: &dyn Sql) -> StoreResult<()> {
    sql.run("DELETE FROM job_parts", params![])?;
    sql.run("DELETE FROM jobs", params![])?;
    Ok(())
}

fn read(row: &Row<'_>) -> StoreResult<Job> {
    Ok(Job {
        tenant: row.get(0)?,
        id: row.get(1)?,
        client: row.get(2)?,
        kind: row.get(3)?,
        status: row.get(4)?,
        asked: row.get::<Json<_>>(5)?.0,
        progress: row.get::<Json<_>>(6)?.0,
        turn: row.get(7)?,
        created_at: row.get::<Millis>(8)?.0,
        ends_at: row.get::<Millis>(9)?.0,
    })
}

fn find(sql: &dyn Sql, tenant: TenantId, id: JobId) -> StoreResult<Option<Job>> {
    sql.first(select_jobs!("WHERE tenant = ?1 AND id = ?2"), params![tenant, id], read)
}

fn create(tx: &mut dyn Tx, job: &Job, input: &[JobPart]) -> Verdict<bool> {
    tx.lock(Lock::Tenant(job.tenant))?;
    let under_way = tx.sql().first(
        "SELECT count(*) FROM jobs WHERE tenant = ?1 AND kind = ?2 AND status = 'pending'",
        params![job.tenant, job.kind],
        |row| row.get::<i64>(0),
    )?;
    if under_way.unwrap_or(0) >= i64::from(job.kind.at_a_time()) {
        return Err(Stop::refused(false));
    }
    tx.sql().run(
        "INSERT INTO jobs (tenant, id, client, kind, status, asked, progress, turn, leased_until, created_at, ends_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9, ?10)",
        params![
            job.tenant,
            job.id,
            job.client,
            job.kind,
            job.status,
            Json(&job.asked),
            Json(&job.progress),
            job.turn,
            Millis(job.created_at),
            Millis(job.ends_at),
        ],
    )?;
    insert_parts(tx, job.tenant, job.id, input)?;
    Ok(true)
}

fn insert_parts(tx: &dyn Tx, tenant: TenantId, id: JobId, parts: &[JobPart]) -> StoreResult<()> {
    for part in parts {
        tx.sql().run(
            "INSERT INTO job_parts (tenant, job, file, n, sealed) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![tenant, id, part.file.name(), part.n, part.sealed],
        )?;
    }
    Ok(())
}

/// Takes the next job: of those whose tenants have the fewest under way, the oldest. It is chosen
/// here and not by the statement, because jobs of all tenants may lie on several machines, which
/// compare no tenant with another.
fn take(tx: &dyn Tx, now: Timestamp, until: Timestamp) -> Verdict<Option<Job>> {
    loop {
        let Some((tenant, id)) = next(tx.sql(), now)? else {
            return Err(Stop::refused(None));
        };
        let Some(mut job) = find(tx.sql(), tenant, id)? else {
            continue;
        };
        let before = job.turn;
        job.turn += 1;
        let taken = tx.sql().run(
            "UPDATE jobs SET turn = ?3, leased_until = ?4
             WHERE tenant = ?1 AND id = ?2 AND turn = ?5 AND status = 'pending' AND leased_until <= ?6",
            params![tenant, id, job.turn, Millis(until), before, Millis(now)],
        )?;
        // Otherwise somebody else took it meanwhile.
        if taken == 1 {
            return Ok(Some(job));
        }
    }
}

fn next(sql: &dyn Sql, now: Timestamp) -> StoreResult<Option<(TenantId, JobId)>> {
    let mut under_way: HashMap<TenantId, u32> = HashMap::new();
    let mut waiting = Vec::new();
    sql.each(
        "SELECT tenant, id, leased_until, created_at FROM jobs WHERE status = 'pending'",
        params![],
        &mut |row| {
            let (tenant, id) = (row.get(0)?, row.get(1)?);
            match row.get::<i64>(2)? > now.as_millisecond() {
                true => *under_way.entry(tenant).or_default() += 1,
                false => waiting.push((row.get::<i64>(3)?, id, tenant)),
            }
            Ok(Step::Next)
        },
    )?;
    let next = waiting
        .into_iter()
        .min_by_key(|(created_at, id, tenant)| (under_way.get(tenant).copied().unwrap_or(0), *created_at, *id));
    Ok(next.map(|(_, id, tenant)| (tenant, id)))
}

fn step(tx: &dyn Tx, tenant: TenantId, step: &JobStep) -> Verdict<bool> {
    let is_ours = tx.sql().run(
        "UPDATE jobs SET progress = ?3 WHERE tenant = ?1 AND id = ?2 AND turn = ?4 AND status = 'pending'",
        params![tenant, step.id, Json(&step.progress), step.turn],
    )?;
    if is_ours == 0 {
        return Err(Stop::refused(false));
    }
    insert_parts(tx, tenant, step.id, &step.parts)?;
    match step.then {
        AfterStep::Keep(until) => tx.sql().run(
            "UPDATE jobs SET leased_until = ?3 WHERE tenant = ?1 AND id = ?2",
            params![tenant, step.id, Millis(until)],
        )?,
        AfterStep::Release => tx.sql().run(
            "UPDATE jobs SET leased_until = 0 WHERE tenant = ?1 AND id = ?2",
            params![tenant, step.id],
        )?,
        AfterStep::End(status, at) => {
            tx.sql().run(
                "DELETE FROM job_parts WHERE tenant = ?1 AND job = ?2 AND file = 'input'",
                params![tenant, step.id],
            )?;
            tx.sql().run(
                "UPDATE jobs SET status = ?3, leased_until = 0, ends_at = ?4 WHERE tenant = ?1 AND id = ?2",
                params![tenant, step.id, status, Millis(at)],
            )?;
            end_oldest(tx, tenant, step.id)?
        }
    };
    Ok(true)
}

/// Has the oldest jobs of the kind of the one that has just ended be dropped now, if there are more than are
/// kept.
fn end_oldest(tx: &dyn Tx, tenant: TenantId, ended: JobId) -> StoreResult<usize> {
    let Some(job) = find(tx.sql(), tenant, ended)? else {
        return Ok(0);
    };
    tx.sql().run(
        "UPDATE jobs SET ends_at = ?3 WHERE tenant = ?1 AND kind = ?2 AND status <> 'pending' AND ends_at > ?3
           AND id NOT IN (SELECT id FROM jobs WHERE tenant = ?1 AND kind = ?2 AND status <> 'pending'
                          ORDER BY CASE WHEN id = ?5 THEN 1 ELSE 0 END DESC, ends_at DESC, id LIMIT ?4)",
        params![tenant, job.kind, Millis(tx.now()), job.kind.kept(), ended],
    )
}

/// One job at a time, its parts first.
fn drop_ended(tx: &dyn Tx, now: Timestamp) -> Verdict<bool> {
    let ended = tx.sql().first(
        "SELECT tenant, id FROM jobs WHERE status IN ('completed', 'failed') AND ends_at <= ?1 LIMIT 1",
        params![Millis(now)],
        |row| Ok((row.get::<TenantId>(0)?, row.get::<JobId>(1)?)),
    )?;
    let Some((tenant, id)) = ended else {
        return Err(Stop::refused(false));
    };
    let parts = tx.sql().all(
        "SELECT file, n FROM job_parts WHERE tenant = ?1 AND job = ?2 LIMIT ?3",
        params![tenant, id, DROPPED_AT_ONCE],
        |row| Ok((row.get::<String>(0)?, row.get::<u32>(1)?)),
    )?;
    if parts.is_empty() {
        tx.sql()
            .run("DELETE FROM jobs WHERE tenant = ?1 AND id = ?2", params![tenant, id])?;
    }
    for (file, n) in parts {
        tx.sql().run(
            "DELETE FROM job_parts WHERE tenant = ?1 AND job = ?2 AND file = ?3 AND n = ?4",
            params![tenant, id, file, n],
        )?;
    }
    Ok(true)
}

#[async_trait]
impl<E: Engine> Jobs for SqlStore<E> {
    async fn create_job(&self, job: &Job, input: Vec<JobPart>) -> StoreResult<bool> {
        let job = job.clone();
        self.engine.act(vec![], move |tx, _| create(tx, &job, &input)).await
    }

    async fn find_job(&self, tenant: TenantId, id: JobId) -> StoreResult<Option<Job>> {
        self.engine.read_one(move |sql| find(sql, tenant, id)).await
    }

    async fn take_job(&self, now: Timestamp, until: Timestamp) -> StoreResult<Option<Job>> {
        self.engine.act(vec![], move |tx, _| take(tx, now, until)).await
    }

    async fn step_job(&self, tenant: TenantId, new: JobStep) -> StoreResult<bool> {
        self.engine.act(vec![], move |tx, _| step(tx, tenant, &new)).await
    }

    async fn find_job_part(&self, tenant: TenantId, id: JobId, file: JobFile, n: u32) -> StoreResult<Option<Sealed>> {
        self.engine
            .read_one(move |sql| {
                sql.first(
                    "SELECT sealed FROM job_parts WHERE tenant = ?1 AND job = ?2 AND file = ?3 AND n = ?4",
                    params![tenant, id, file.name(), n],
                    |row| row.get(0),
                )
            })
            .await
    }

    async fn drop_jobs(&self, now: Timestamp) -> StoreResult<bool> {
        self.engine.act(vec![], move |tx, _| drop_ended(tx, now)).await
    }
}
