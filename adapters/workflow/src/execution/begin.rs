use std::fmt;
use std::time::Duration;

use autoproc_domain::ItemId;
use autoproc_domain::ports::{Attempt, AttemptOutcome, StopSignal};

use super::engine::Engine;
use super::error::ExecutionError;
use super::event::{AttemptIds, Event, EventKind, Subject};
use super::executor::{EarlyEnd, Executor, unrecorded};
use super::folder::Found;
use super::recording::{Recording, Shared, answer};
use super::resumption::{EarlierExecution, NextAttempt};
use super::scope::scope_of;
use super::scratch::Scratch;
use super::shared::{Place, SharedJournal, SharedJournals};
use super::state::ExecutionState;

/// Begins a new execution, or resumes the execution of an earlier attempt.
///
/// # Errors
/// The outcome of the attempt, if no execution can begin or resume.
pub(crate) async fn begin<'e>(
    engine: &'e Engine,
    attempt: Attempt,
    stop: &'e dyn StopSignal,
) -> Result<Executor<'e>, AttemptOutcome> {
    let inputs = engine.run.inputs.for_file(engine.run.plan.workflow(), &attempt.file_path);
    let inputs = inputs.map_err(|error| unmet(&error, true))?;
    let subject = engine.run.subject(engine.workflow_hash.clone(), attempt.token.item, &attempt.file_path, inputs);
    let former = former(engine, &attempt, &subject, stop).await?;
    let mut journal = journal(engine, &attempt, &former, stop).await?;
    let at = engine.equipment.clock.now();
    let (state, event) = match former {
        Former::Resumable { mut state, .. } => {
            let rerun = engine.run.plan.to_rerun(&state);
            let event = Event { at, kind: EventKind::WorkflowResumed { attempt_ids: attempt_ids(&attempt), rerun } };
            state.apply(&event);
            (*state, event)
        }
        Former::None { abandoned } => {
            let kind = EventKind::WorkflowStarted {
                subject: Box::new(subject),
                attempt_ids: attempt_ids(&attempt),
                steps_total: engine.run.plan.steps_total(),
                first: engine.run.plan.workflow().phases.first().map(|phase| phase.id.clone()),
                abandoned,
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

enum Former {
    Resumable {
        state: Box<ExecutionState>,
        stored: Stored,
    },
    /// No execution can be resumed here. `abandoned` is the place of an earlier execution.
    None {
        abandoned: Option<Place>,
    },
}

enum Stored {
    InFolder(Box<Found>),
    Shared(SharedJournal),
}

impl Stored {
    /// Returns the place of the latest attempt; `None` if it ran here.
    fn elsewhere(&self) -> Option<&Place> {
        match self {
            Self::InFolder(found) => found.elsewhere.as_ref(),
            Self::Shared(journal) => journal.elsewhere.as_ref(),
        }
    }

    fn is_completed(&self) -> bool {
        matches!(self, Self::InFolder(found) if found.is_completed)
    }
}

/// Finds an execution that this attempt can resume.
///
/// # Errors
/// The outcome of the attempt, if the execution cannot be read or the attempt is aborted.
async fn former(
    engine: &Engine,
    attempt: &Attempt,
    subject: &Subject,
    stop: &dyn StopSignal,
) -> Result<Former, AttemptOutcome> {
    let found = match &engine.equipment.shared_journals {
        Some(journals) => in_shared(&**journals, attempt.token.item, stop).await?,
        None => in_folder(engine, attempt.token.item),
    };
    let found = match found {
        // A new execution does not need the old journal, so an unreadable journal is no error.
        Err(_) if engine.run.from_start => None,
        found => found.map_err(|error| unmet(&error, !matches!(error, ExecutionError::Io { .. })))?,
    };
    let found = found.filter(|(state, stored)| {
        let (is_completed, is_elsewhere) = (stored.is_completed(), stored.elsewhere().is_some());
        let earlier = EarlierExecution { state, is_completed, is_elsewhere };
        NextAttempt::of(attempt).may_resume(&engine.run, subject, &earlier)
    });
    let Some((state, stored)) = found else { return Ok(Former::None { abandoned: None }) };
    let elsewhere = stored.elsewhere();
    match elsewhere {
        Some(place) if !engine.run.plan.is_resumable_from(elsewhere) => {
            report_abandoned(engine, attempt, place);
            Ok(Former::None { abandoned: Some(place.clone()) })
        }
        _ => Ok(Former::Resumable { state: Box::new(state), stored }),
    }
}

fn report_abandoned(engine: &Engine, attempt: &Attempt, place: &Place) {
    let Place { host, project_dir } = place;
    (engine.equipment.on_warning)(&format!(
        "{}: the workflow begins anew here: its earlier steps ran on {host} in {project_dir}, and the workflow \
         file does not say `resume: anywhere`",
        attempt.file_path.text()
    ));
}

type Lookup = Result<Option<(ExecutionState, Stored)>, ExecutionError>;

fn in_folder(engine: &Engine, item: ItemId) -> Lookup {
    let Some(executions) = &engine.equipment.executions else { return Ok(None) };
    Ok(executions.find(item)?.map(|found| (found.state.clone(), Stored::InFolder(Box::new(found)))))
}

/// Reads a shared journal. Waits while its store cannot be reached.
async fn in_shared(
    journals: &dyn SharedJournals,
    item: ItemId,
    stop: &dyn StopSignal,
) -> Result<Lookup, AttemptOutcome> {
    let journal = answer(|| journals.load(item), stop).await.map_err(ended)?;
    let Some(journal) = journal else { return Ok(Ok(None)) };
    Ok(journal.state().map(|state| state.map(|state| (state, Stored::Shared(journal)))))
}

/// Opens the journal for this attempt, if journals are kept.
///
/// # Errors
/// The outcome of the attempt, if the journal cannot be written or the attempt is aborted.
async fn journal(
    engine: &Engine,
    attempt: &Attempt,
    former: &Former,
    stop: &dyn StopSignal,
) -> Result<Option<Recording>, AttemptOutcome> {
    let Some(executions) = &engine.equipment.executions else { return Ok(None) };
    let kept: &[Box<str>] = match former {
        Former::Resumable { stored: Stored::Shared(journal), .. } => &journal.events,
        _ => &[],
    };
    let shared = match &engine.equipment.shared_journals {
        Some(journals) => Some(Shared::open(journals.clone(), attempt, kept.len(), stop).await.map_err(ended)?),
        None => None,
    };
    let item = attempt.token.item;
    let file = match former {
        Former::Resumable { stored: Stored::InFolder(found), .. } => executions.resume(item, found),
        _ => executions.create(item),
    };
    let copied = file.and_then(|mut file| {
        kept.iter().try_for_each(|event| file.append(event))?;
        Ok(file)
    });
    Ok(Some(match shared {
        Some(shared) => Recording::shared(shared, copied),
        None => Recording::in_file(copied.map_err(|error| unmet(&error, false))?),
    }))
}

fn ended(end: EarlyEnd) -> AttemptOutcome {
    match end {
        EarlyEnd::Aborted => AttemptOutcome::Aborted,
        EarlyEnd::Unrecorded(error) | EarlyEnd::Lost(error) => unrecorded(&error),
        EarlyEnd::Failed { cause, .. } | EarlyEnd::Shortage { cause, .. } => cause,
    }
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
