//! Attempts: how many at a time, how often, how far apart.

use std::collections::BTreeMap;
use std::time::Duration;

use autoproc_domain::ports::RunEventKind;

use super::super::world::World;
use super::holds;
use crate::AttemptRecord;

pub(super) fn check(world: &World) -> Result<(), String> {
    let records = world.orchestrator.records();
    for record in &records {
        let most = world.plan.retry.max_attempts();
        holds(record.number.get() <= most, || format!("more than {most} attempts: {record:?}"))?;
    }
    no_item_overlaps_itself(&records)?;
    no_run_exceeds_its_jobs(&records, world.plan.jobs.get())?;
    backoffs_double(world)?;
    backoffs_are_waited_for(world, &records)
}

fn end_of(record: &AttemptRecord) -> Duration {
    record.over.as_ref().map_or(Duration::MAX, |(at, _)| *at)
}

/// Attempts that touch at one moment do not overlap: the one ended and the other began in it.
fn no_item_overlaps_itself(records: &[AttemptRecord]) -> Result<(), String> {
    let mut latest: BTreeMap<_, &AttemptRecord> = BTreeMap::new();
    for record in records {
        if let Some(earlier) = latest.insert(record.token.item, record) {
            let is_apart = end_of(earlier) <= record.began;
            holds(is_apart, || format!("two attempts of one item at once: {earlier:?} and {record:?}"))?;
        }
    }
    Ok(())
}

fn no_run_exceeds_its_jobs(records: &[AttemptRecord], jobs: usize) -> Result<(), String> {
    for record in records {
        let is_beside = |other: &&AttemptRecord| {
            other.run == record.run && other.began <= record.began && record.began < end_of(other)
        };
        let at_once = records.iter().filter(is_beside).count();
        holds(at_once <= jobs, || format!("{at_once} attempts at once, where {jobs} may be: {record:?}"))?;
    }
    Ok(())
}

/// 2, 4, 8 s and so on, up to the cap.
fn backoffs_double(world: &World) -> Result<(), String> {
    for heard in &world.witness.seen().heard {
        if let RunEventKind::FileRequeued { of, backoff, .. } = &heard.event.kind {
            let wanted = Duration::from_secs(1 << of.attempt.get()).min(world.plan.retry.max_backoff);
            holds(*backoff == wanted, || format!("a backoff of {backoff:?}, where {wanted:?} is due: {heard:?}"))?;
        }
    }
    Ok(())
}

/// Time elapsed is the measure, so this says nothing where the wall was set, by which a backoff is timed.
fn backoffs_are_waited_for(world: &World, records: &[AttemptRecord]) -> Result<(), String> {
    let seen = world.witness.seen();
    for heard in seen.heard.iter().filter(|_| !seen.clock_was_set) {
        if let RunEventKind::FileRequeued { of, backoff, .. } = &heard.event.kind {
            let next = records.iter().find(|record| record.token.item == of.id && record.number > of.attempt);
            let is_late_enough = next.is_none_or(|next| next.began >= heard.at + *backoff);
            holds(is_late_enough, || format!("{next:?} began before the backoff was over: {heard:?}"))?;
        }
    }
    Ok(())
}
