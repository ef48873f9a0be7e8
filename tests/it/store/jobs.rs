//! Jobs: as many as may be, one holder at a time, and steps that are kept whole or not at all.

use std::time::Duration;

use jiff::Timestamp;
use oneself::clock::Clock;
use oneself::domain::Job;
use oneself::domain::job::{JobFile, JobKind, JobStatus, Progress};
use oneself::id::{ClientId, JobId, UserId};
use oneself::secret::Sealed;
use oneself::store::{AfterStep, JobPart, JobStep};
use serde_json::json;

use super::world::World;

pub fn job(w: &World, kind: JobKind) -> Job {
    Job {
        tenant: w.tenant,
        id: JobId::new(w.random.as_ref()),
        client: ClientId::new(w.tenant, w.random.as_ref()),
        kind,
        status: JobStatus::Pending,
        asked: json!({"format": "csv", "n": [1, null]}).as_object().unwrap().clone(),
        progress: Progress::default(),
        turn: 0,
        created_at: w.clock.now(),
        ends_at: later(w, 7_200),
    }
}

fn later(w: &World, seconds: u64) -> Timestamp {
    w.clock.now() + Duration::from_secs(seconds)
}

pub fn part(file: JobFile, n: u32) -> JobPart {
    JobPart {
        file,
        n,
        sealed: Sealed::from_bytes(vec![u8::try_from(n).unwrap(), 0xA5, 0]),
    }
}

fn step(job: &Job, parts: Vec<JobPart>, then: AfterStep) -> JobStep {
    JobStep {
        id: job.id,
        turn: job.turn,
        parts,
        progress: job.progress.clone(),
        then,
    }
}

async fn taken(w: &World) -> Option<Job> {
    w.store.take_job(w.clock.now(), later(w, 60)).await.unwrap()
}

async fn parts(w: &World, job: &Job, file: JobFile) -> usize {
    let mut n = 0;
    while let Some(found) = w.store.find_job_part(w.tenant, job.id, file, n).await.unwrap() {
        assert_eq!(found, part(file, n).sealed);
        n += 1;
    }
    n as usize
}

#[tokio::test]
async fn a_job_is_kept_as_it_was_made_and_as_it_came_along() {
    let w = World::new().await;
    let mut made = job(&w, JobKind::UsersImport);
    let input = vec![part(JobFile::Input, 0), part(JobFile::Input, 1)];
    assert!(w.store.create_job(&made, input).await.unwrap());
    assert_eq!(w.store.find_job(w.tenant, made.id).await.unwrap().as_ref(), Some(&made));
    let foreign = w.foreign().await;
    assert_eq!(w.store.find_job(foreign.tenant, made.id).await.unwrap(), None);
    let found = w.store.find_job_part(foreign.tenant, made.id, JobFile::Input, 0).await;
    assert_eq!(found.unwrap(), None);
    drop(foreign);
    assert_eq!(parts(&w, &made, JobFile::Input).await, 2);

    made.turn = 1;
    assert_eq!(taken(&w).await.as_ref(), Some(&made));
    made.progress = Progress {
        after: Some(UserId::from_bytes([7; 12])),
        done: 3,
        total: Some(u64::MAX >> 1),
        results: 1,
        errors: 1,
        result_bytes: 9,
        errors_bytes: 8,
        failed: 1,
        updated: 2,
        inserted: 4,
        tries: 5,
        details: Some("why".into()),
    };
    let kept = vec![part(JobFile::Result, 0), part(JobFile::Errors, 0)];
    let keep = step(&made, kept, AfterStep::Keep(later(&w, 60)));
    assert!(w.store.step_job(w.tenant, keep).await.unwrap());
    let w = w.reopened().await;
    assert_eq!(w.store.find_job(w.tenant, made.id).await.unwrap().as_ref(), Some(&made));

    let end = step(
        &made,
        vec![part(JobFile::Result, 1)],
        AfterStep::End(JobStatus::Completed, later(&w, 9)),
    );
    assert!(w.store.step_job(w.tenant, end.clone()).await.unwrap());
    assert!(!w.store.step_job(w.tenant, end).await.unwrap(), "it has ended");
    let found = w.store.find_job(w.tenant, made.id).await.unwrap().unwrap();
    assert_eq!((found.status, found.ends_at), (JobStatus::Completed, later(&w, 9)));
    assert_eq!(parts(&w, &made, JobFile::Input).await, 0);
    assert_eq!(parts(&w, &made, JobFile::Result).await, 2);
    assert_eq!(parts(&w, &made, JobFile::Errors).await, 1);
    assert_eq!(taken(&w).await, None);
}

#[tokio::test]
async fn as_many_of_a_kind_are_under_way_as_may_be_for_each_tenant() {
    let w = World::new().await;
    let foreign = w.foreign().await;
    for n in 0..3 {
        let kept = w
            .store
            .create_job(&job(&w, JobKind::UsersImport), vec![])
            .await
            .unwrap();
        assert_eq!(kept, n < 2);
    }
    assert!(
        w.store
            .create_job(&job(&w, JobKind::UsersExport), vec![])
            .await
            .unwrap()
    );
    assert!(
        w.store
            .create_job(&job(&foreign, JobKind::UsersImport), vec![])
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_lease_is_one_servers_until_it_lapses_is_given_back_or_the_store_is_opened() {
    let w = World::new().await;
    let made = job(&w, JobKind::UsersExport);
    assert!(w.store.create_job(&made, vec![]).await.unwrap());
    let first = taken(&w).await.unwrap();
    assert_eq!(taken(&w).await, None);
    w.clock.advance(Duration::from_secs(59));
    assert_eq!(taken(&w).await, None);
    let keep = step(&first, vec![], AfterStep::Keep(later(&w, 60)));
    assert!(w.store.step_job(w.tenant, keep.clone()).await.unwrap());
    w.clock.advance(Duration::from_secs(1));
    assert_eq!(taken(&w).await, None, "a step is a longer lease");
    w.clock.advance(Duration::from_secs(59));
    let second = taken(&w).await.unwrap();
    assert_eq!((first.turn, second.turn), (1, 2));
    for then in [
        keep.then,
        AfterStep::Release,
        AfterStep::End(JobStatus::Failed, later(&w, 1)),
    ] {
        let late = step(&first, vec![part(JobFile::Result, 0)], then);
        assert!(!w.store.step_job(w.tenant, late).await.unwrap());
    }
    assert_eq!(parts(&w, &made, JobFile::Result).await, 0);
    assert!(
        w.store
            .step_job(w.tenant, step(&second, vec![], AfterStep::Release))
            .await
            .unwrap()
    );
    let third = taken(&w).await.unwrap();
    assert_eq!(third.turn, 3);
    if w.kept.database().is_none() {
        let w = w.reopened().await;
        assert_eq!(taken(&w).await.unwrap().turn, 4, "whoever had it is gone");
    }
}

#[tokio::test]
async fn what_has_ended_is_dropped_in_small_acts() {
    let w = World::new().await;
    let (ended, waiting) = (job(&w, JobKind::UsersExport), job(&w, JobKind::UsersImport));
    assert!(w.store.create_job(&ended, vec![]).await.unwrap());
    w.clock.advance(Duration::from_millis(1));
    assert!(
        w.store
            .create_job(&waiting, vec![part(JobFile::Input, 0)])
            .await
            .unwrap()
    );
    let held = taken(&w).await.unwrap();
    assert_eq!(held.id, ended.id, "the oldest");
    let made = (0..70).map(|n| part(JobFile::Result, n)).collect();
    let end = step(&held, made, AfterStep::End(JobStatus::Completed, later(&w, 10)));
    assert!(w.store.step_job(w.tenant, end).await.unwrap());
    assert!(!w.store.drop_jobs(later(&w, 9)).await.unwrap());
    let mut acts = 0;
    while w.store.drop_jobs(later(&w, 100_000)).await.unwrap() {
        acts += 1;
    }
    assert_eq!(acts, 4, "three of parts, and one of the job");
    assert_eq!(w.store.find_job(w.tenant, ended.id).await.unwrap(), None);
    assert_eq!(parts(&w, &ended, JobFile::Result).await, 0);
    assert!(
        w.store.find_job(w.tenant, waiting.id).await.unwrap().is_some(),
        "it waits"
    );
}
