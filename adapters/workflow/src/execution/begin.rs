//! Begins an attempt: starts a new execution, or resumes the execution of an earlier attempt.

use std::fmt;
use std::io;
use std::time::Duration;

use autoproc_domain::ports::{Attempt, AttemptOutcome, StopSignal};

use super::engine::Engine;
use super::error::ExecutionError;
use super::event::{AttemptIds, Event, EventKind, Subject};
use super::executor::Executor;
use super::folder::Found;
use super::journal::Journal;
use super::scope::scope_of;
use super::scratch::Scratch;
use super::state::ExecutionState;

/// Begins a new execution for an attempt, or resumes the execution of an earlier attempt.
///
/// # Errors
/// The outcome of the attempt, if no execution can begin or resume.
pub(crate) fn begin<'e>(
    engine: &'e Engine,
    attempt: Attempt,
    stop: &'e dyn StopSignal,
) -> Result<Executor<'e>, AttemptOutcome> {
    let inputs = engine.run.inputs.for_file(engine.run.plan.workflow(), &attempt.file_path);
    let inputs = inputs.map_err(|error| unmet(&error, true))?;
    let subject = engine.run.subject(engine.workflow_hash.clone(), attempt.token.item, &attempt.file_path, inputs);
    let found =
        find(engine, &attempt, &subject).map_err(|error| unmet(&error, !matches!(error, ExecutionError::Io { .. })))?;
    let mut journal = journal(engine, &attempt, found.as_ref()).map_err(|error| unmet(&error, false))?;
    let at = engine.equipment.clock.now();
    let (state, event) = match found {
        Some(Found { mut state, .. }) => {
            let rerun = engine.run.plan.to_rerun(&state);
            let event = Event { at, kind: EventKind::WorkflowResumed { attempt_ids: attempt_ids(&attempt), rerun } };
            state.apply(&event);
            (state, event)
        }
        None => {
            let kind = EventKind::WorkflowStarted {
                subject: Box::new(subject),
                attempt_ids: attempt_ids(&attempt),
                steps_total: engine.run.plan.steps_total(),
                first: engine.run.plan.workflow().phases.first().map(|phase| phase.id.clone()),
            };
            let event = Event { at, kind };
            (ExecutionState::begin(&event).expect("the event is a beginning"), event)
        }
    };
    journal.as_mut().map_or(Ok(()), |journal| journal.append(&event)).map_err(|error| unmet(&error, false))?;
    engine.report(&state, &event);
    let (scope, scratch) = (scope_of(&state, &attempt), Scratch::new(engine.scratch_of(attempt.token.item)));
    let deadline = at.saturating_add(attempt.timeout);
    let (spent, allowance, output_tail) = (Duration::ZERO, attempt.timeout, Box::default());
    Ok(Executor {
        engine,
        stop,
        attempt,
        deadline,
        state,
        scope,
        journal,
        scratch,
        spent,
        allowance,
        usage: None,
        output_tail,
    })
}

/// Returns the execution of an earlier attempt, if this attempt may resume it. The execution must
/// have the same subject. Since the earlier attempt, the file must not have changed and the item
/// must not have completed. If `from_start` is set, the execution must belong to this run.
///
/// The claim number of the execution must be smaller than the claim number of this attempt.
/// Otherwise the execution belongs to another queue with the same item ids.
///
/// An execution that was completed or rolled back is resumed only by a later attempt of the same
/// round. The queue starts such an attempt only if the end of the earlier attempt was not recorded.
fn find(engine: &Engine, attempt: &Attempt, subject: &Subject) -> Result<Option<Found>, ExecutionError> {
    let Some(executions) = &engine.equipment.executions else { return Ok(None) };
    let found = match executions.find(attempt.token.item) {
        // An execution that starts anew does not need the old journal, even if it is unreadable.
        Err(_) if engine.run.from_start => None,
        found => found?,
    };
    let file = engine.run.file_fingerprint(attempt.file_path.as_path());
    Ok(found.filter(|Found { state, is_completed, .. }| {
        let attempt_ids = &state.attempt_ids;
        let is_same = Subject { version: state.subject.version.clone(), ..subject.clone() } == state.subject
            && !state.is_file_changed(file);
        let is_of_this_run = attempt_ids.run_id == attempt.run.as_str();
        let is_earlier = attempt_ids.claim < attempt.token.number.get();
        let is_continued = attempt_ids.is_continued_in(attempt.round, attempt.follows_completion);
        let is_over = *is_completed || state.is_over();
        let is_later_attempt = attempt_ids.round == attempt.round && attempt_ids.attempt < attempt.number.get();
        is_same
            && is_earlier
            && is_continued
            && (!is_over || is_later_attempt)
            && (is_of_this_run || !engine.run.from_start)
    }))
}

fn journal(engine: &Engine, attempt: &Attempt, found: Option<&Found>) -> io::Result<Option<Journal>> {
    let Some(executions) = &engine.equipment.executions else { return Ok(None) };
    let item = attempt.token.item;
    found.map_or_else(|| executions.create(item), |found| executions.resume(item, found)).map(Some)
}

fn attempt_ids(attempt: &Attempt) -> AttemptIds {
    AttemptIds {
        run_id: attempt.run.to_string(),
        claim: attempt.token.number.get(),
        round: attempt.round,
        attempt: attempt.number.get(),
    }
}

fn unmet(error: &dyn fmt::Display, permanent: bool) -> AttemptOutcome {
    AttemptOutcome::Unmet { reason: error.to_string().into(), permanent }
}
