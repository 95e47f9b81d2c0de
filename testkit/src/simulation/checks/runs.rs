//! Runs: each came to an end that it had a reason for, in time, and told the truth about it.

use std::time::Duration;

use autoproc_domain::RunId;
use autoproc_domain::ports::{RunEventKind, StopLevel, StorageError};
use autoproc_domain::processor::{Halt, ProcessingResult, ProcessorError, StoppedBy};

use super::super::witness::{Asked, Seen};
use super::super::world::{RunEnd, World};
use super::holds;
use crate::AttemptEnd;

/// Beyond what still runs, a stopping run may wait out a locked store.
const SLACK: Duration = Duration::from_secs(10);

pub(super) fn check(world: &World) -> Result<(), String> {
    let seen = world.witness.seen();
    for (run, (_, end)) in &world.ended {
        match end {
            RunEnd::Returned(Ok(result)) => {
                told_the_truth(&seen, run, result)?;
                told_every_result(world, &seen, run)?;
                halted_in_time(world.plan.halt, &seen, run, result)?;
            }
            RunEnd::Returned(Err(error)) => had_a_reason(&seen, error)?,
            RunEnd::Killed => {}
        }
    }
    for asked in &seen.asked {
        stopped_in_time(world, &seen, asked)?;
    }
    Ok(())
}

/// Errors that the world gave cause for.
fn had_a_reason(seen: &Seen, error: &ProcessorError) -> Result<(), String> {
    let is_expected = match error {
        ProcessorError::Storage(StorageError::Busy { .. }) | ProcessorError::Orchestrator(_) => true,
        ProcessorError::StillStopping { runs } => !runs.is_empty() && !seen.heard.is_empty(),
        _ => false,
    };
    holds(is_expected, || format!("a run failed without a cause: {error:?}"))
}

fn told_the_truth(seen: &Seen, run: &RunId, result: &ProcessingResult) -> Result<(), String> {
    let mut told = ProcessingResult { processed: 0, failed: 0, retried: 0, ..*result };
    let mut was_asked = false;
    for heard in seen.heard.iter().filter(|heard| heard.event.run == *run) {
        match &heard.event.kind {
            RunEventKind::FileCompleted { .. } => told.processed += 1,
            RunEventKind::FileFailed { .. }
            | RunEventKind::FileTimeout { .. }
            | RunEventKind::FileRecovered { requeued: false, .. } => told.failed += 1,
            RunEventKind::FileRequeued { .. } => told.retried += 1,
            RunEventKind::StopRequested { .. } => was_asked = true,
            _ => {}
        }
    }
    holds(told == *result, || format!("{run} returned {result:?} and told {told:?}"))?;
    let is_stopped = matches!(result.stopped_by, StoppedBy::Request(_));
    holds(is_stopped == was_asked, || format!("{run} was asked to stop: {was_asked}; it returned {result:?}"))
}

/// As many files failed as the run bears: then nothing more was started, and only then it gave that as its reason.
fn halted_in_time(halt: Option<Halt>, seen: &Seen, run: &RunId, result: &ProcessingResult) -> Result<(), String> {
    let (mut processed, mut failed, mut was_reached) = (0, 0, false);
    for heard in seen.heard.iter().filter(|heard| heard.event.run == *run) {
        match &heard.event.kind {
            RunEventKind::FileCompleted { .. } => processed += 1,
            RunEventKind::FileFailed { .. }
            | RunEventKind::FileTimeout { .. }
            | RunEventKind::FileRecovered { requeued: false, .. } => failed += 1,
            RunEventKind::FileStarted { .. } => {
                let is_reached = halt.is_some_and(|halt| halt.is_reached(processed, failed));
                holds(!is_reached, || format!("{run} started something after {failed} failures: {halt:?}, {heard:?}"))?;
            }
            _ => {}
        }
        was_reached |= halt.is_some_and(|halt| halt.is_reached(processed, failed));
    }
    let is_halted = result.stopped_by == StoppedBy::TooManyFailed;
    holds(was_reached || !is_halted, || format!("{run} gave up without a cause: {halt:?}, {result:?}"))?;
    let went_on = matches!(halt, Some(Halt::Files(limit)) if result.failed >= limit.get()) && !is_halted;
    let has_another_reason = matches!(result.stopped_by, StoppedBy::Request(_)) || result.remaining == 0;
    holds(!went_on || has_another_reason, || format!("{run} ended for another reason: {halt:?}, {result:?}"))
}

/// A run that ended well has told what became of each of its attempts.
fn told_every_result(world: &World, seen: &Seen, run: &RunId) -> Result<(), String> {
    for record in world.orchestrator.records().iter().filter(|record| record.run == *run) {
        let is_told = seen.heard.iter().any(|heard| match &heard.event.kind {
            RunEventKind::FileCompleted { of, .. }
            | RunEventKind::FileRequeued { of, .. }
            | RunEventKind::FileFailed { of, .. }
            | RunEventKind::FileTimeout { of, .. }
            | RunEventKind::FileReleased { of, .. } => {
                heard.event.run == *run && (of.id, of.attempt) == (record.token.item, record.number)
            }
            _ => false,
        });
        let is_over = matches!(record.over, Some((_, AttemptEnd::Reported(_))));
        holds(is_told && is_over, || format!("nothing was told of {record:?}"))?;
    }
    Ok(())
}

/// Draining waits for what runs, aborting for nothing; and neither starts anything later than the moment it was asked.
/// Where the clock was set, a pause that is timed by it may last.
fn stopped_in_time(world: &World, seen: &Seen, asked: &Asked) -> Result<(), String> {
    let started_later = |record: &&crate::AttemptRecord| record.run == asked.run && record.began > asked.at;
    if let Some(record) = world.orchestrator.records().iter().find(started_later) {
        return Err(format!("{record:?} began after its run was asked to stop: {asked:?}"));
    }
    let running = if asked.level == StopLevel::Draining { world.plan.timeout } else { Duration::ZERO };
    let ended = world.ended.get(&asked.run).map_or(Duration::MAX, |(at, _)| *at);
    let is_in_time = seen.clock_was_set || ended <= asked.at + running + SLACK;
    holds(is_in_time, || format!("asked to stop, and ended only at {ended:?}: {asked:?}"))
}
