//! The beginning of an attempt: a new execution, or one that an earlier attempt left unfinished.

use std::fmt;
use std::io;
use std::time::Duration;

use autoproc_domain::ports::{Attempt, AttemptOutcome, StopSignal};

use super::engine::Engine;
use super::error::ExecutionError;
use super::event::{Carrier, Event, EventKind, Subject};
use super::executor::Executor;
use super::folder::Found;
use super::journal::{Journal, VERSION};
use super::scope::scope_of;
use super::scratch::Scratch;
use super::state::{ExecutionState, ExecutionStatus};

/// Begins or resumes the execution of an attempt.
///
/// # Errors
/// The outcome of the attempt, if neither is possible.
pub(crate) fn begin<'e>(
    engine: &'e Engine,
    attempt: Attempt,
    stop: &'e dyn StopSignal,
) -> Result<Executor<'e>, AttemptOutcome> {
    let subject = subject(engine, &attempt)?;
    let item = attempt.token.item;
    let found =
        find(engine, &attempt, &subject).map_err(|error| unmet(&error, !matches!(error, ExecutionError::Io { .. })))?;
    let mut journal = journal(engine, &attempt, found.as_ref()).map_err(|error| unmet(&error, false))?;
    let (state, event) = match found {
        Some(Found { mut state, .. }) => {
            let event = resumed(engine, &attempt, &state);
            state.apply(&event);
            (state, event)
        }
        None => started(engine, &attempt, subject),
    };
    journal.as_mut().map_or(Ok(()), |journal| journal.append(&event)).map_err(|error| unmet(&error, false))?;
    engine.report(&state, &event);
    let (scope, scratch) = (scope_of(&state, &attempt), Scratch::new(engine.scratch_of(item)));
    let deadline = engine.clock.now().saturating_add(attempt.timeout);
    let (spent, stderr_tail) = (Duration::ZERO, Box::default());
    Ok(Executor { engine, stop, attempt, deadline, state, scope, journal, scratch, spent, usage: None, stderr_tail })
}

fn subject(engine: &Engine, attempt: &Attempt) -> Result<Subject, AttemptOutcome> {
    let file = &attempt.file_path;
    let workflow = engine.run.plan.workflow();
    let inputs = engine.run.inputs.for_file(workflow, file).map_err(|error| unmet(&error, true))?;
    Ok(Subject {
        version: VERSION.to_owned(),
        workflow_id: workflow.id.clone(),
        workflow_hash: engine.workflow_hash.clone(),
        item_id: attempt.token.item.get(),
        file_path: file.text().into_owned(),
        file_path_bytes: file.exact_hex(),
        inputs,
    })
}

/// The execution that an earlier attempt left, if it has the same subject and may be resumed: the
/// file was not completed since. A claim number that is not smaller belongs to another queue, which
/// gave the same numbers to other files. A finished execution is resumed by a later attempt of its round only, which exists only
/// if the queue does not know the end.
fn find(engine: &Engine, attempt: &Attempt, subject: &Subject) -> Result<Option<Found>, ExecutionError> {
    let Some(executions) = &engine.executions else { return Ok(None) };
    let found = match executions.find(attempt.token.item) {
        // A new start does not need the old journal.
        Err(_) if engine.run.from_start => None,
        found => found?,
    };
    let file = engine.run.look_at(attempt.file_path.as_path());
    Ok(found.filter(|Found { state, is_put_away, .. }| {
        let carrier = &state.carrier;
        let is_same = Subject { version: state.subject.version.clone(), ..subject.clone() } == state.subject
            && !state.is_file_changed(file);
        let is_of_this_run = carrier.run_id == attempt.run.as_str();
        let is_earlier = carrier.claim < attempt.token.number.get();
        let is_continued = carrier.is_continued_in(attempt.round, attempt.follows_completion);
        let is_over = *is_put_away || state.status == ExecutionStatus::Completed;
        let is_later_attempt = carrier.round == attempt.round && carrier.attempt < attempt.number.get();
        is_same
            && is_earlier
            && is_continued
            && (!is_over || is_later_attempt)
            && (is_of_this_run || !engine.run.from_start)
    }))
}

fn journal(engine: &Engine, attempt: &Attempt, found: Option<&Found>) -> io::Result<Option<Journal>> {
    let Some(executions) = &engine.executions else { return Ok(None) };
    let item = attempt.token.item;
    found.map_or_else(|| executions.create(item), |found| executions.take_up(item, found)).map(Some)
}

fn started(engine: &Engine, attempt: &Attempt, subject: Subject) -> (ExecutionState, Event) {
    let kind = EventKind::WorkflowStarted {
        subject: Box::new(subject),
        carrier: carrier(attempt),
        steps_total: engine.run.plan.steps_total(),
        first: engine.run.plan.first().map(|phase| phase.id.clone()),
    };
    let event = Event { at: engine.clock.now(), kind };
    let state = ExecutionState::begin(&event).expect("the event is a beginning");
    (state, event)
}

fn resumed(engine: &Engine, attempt: &Attempt, state: &ExecutionState) -> Event {
    let rerun = engine.run.plan.to_rerun(state);
    Event { at: engine.clock.now(), kind: EventKind::WorkflowResumed { carrier: carrier(attempt), rerun } }
}

fn carrier(attempt: &Attempt) -> Carrier {
    Carrier {
        run_id: attempt.run.to_string(),
        claim: attempt.token.number.get(),
        round: attempt.round,
        attempt: attempt.number.get(),
    }
}

fn unmet(error: &dyn fmt::Display, permanent: bool) -> AttemptOutcome {
    AttemptOutcome::Unmet { reason: error.to_string().into(), permanent }
}
