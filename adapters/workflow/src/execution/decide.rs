//! Decides the next event or step of an execution, without side effects.
//!
//! Before the next call, the caller records the event or runs the step. Every attempt ends, because
//! each phase is entered at most once.

use super::event::{EventKind, Failure, PhaseEnd, StepName};
use super::needs::Need;
use super::plan::Plan;
use super::state::{ExecutionState, Stage};
use crate::definition::{Phase, ROLLBACK, Step, Transition};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Question<'p> {
    Phase(&'p Phase),
    Step(&'p Step),
    Transition {
        transition: &'p Transition,
        is_checkpoint_passed: bool,
    },
    /// Asks whether a required name or condition of a checkpoint holds.
    Returned {
        phase: &'p str,
        name: &'p str,
    },
    /// Asks whether the phase returned any value for the name.
    HasValue {
        phase: &'p str,
        name: &'p str,
    },
}

pub(crate) trait Answers {
    /// Answers a question.
    ///
    /// # Errors
    /// The reason why the condition cannot be evaluated.
    fn holds(&self, question: Question<'_>) -> Result<bool, String>;
}

#[derive(Debug)]
#[must_use]
pub(crate) enum Decision<'p> {
    Record(EventKind),
    Run {
        phase: &'p Phase,
        step: &'p Step,
    },
    /// The execution can never continue. `place` is the phase or step at fault.
    Stuck {
        place: String,
        error: String,
    },
    Finish,
    RolledBack(Failure),
}

pub(crate) fn decide<'p>(plan: &'p Plan, state: &ExecutionState, answers: &dyn Answers) -> Decision<'p> {
    if let Some(name) = state.rerun.front() {
        return run_again(plan, name);
    }
    match &state.stage {
        Stage::Entering(id) => with_phase(plan, id, |phase| enter(phase, state, answers)),
        Stage::Within { phase, next } => with_phase(plan, phase, |phase| next_step(plan, phase, *next, answers)),
        Stage::Leaving { phase, end, is_checkpoint_passed } => {
            with_phase(plan, phase, |phase| leave(plan, phase, *end, *is_checkpoint_passed, answers))
        }
        Stage::RollingBack { next, .. } => next_rollback_step(plan, *next, answers),
        Stage::RolledBack { failure } => Decision::RolledBack(failure.clone()),
        Stage::Finished => Decision::Finish,
    }
}

/// Calls `then` with the phase `id`. The phase is missing only if a user has edited the journal.
fn with_phase<'p>(plan: &'p Plan, id: &str, then: impl FnOnce(&'p Phase) -> Decision<'p>) -> Decision<'p> {
    plan.phase(id).map_or_else(|| stuck(id, "the workflow has no such phase".to_owned()), then)
}

fn run_again<'p>(plan: &'p Plan, name: &StepName) -> Decision<'p> {
    match plan.step(name) {
        Some((phase, step)) => Decision::Run { phase, step },
        None => stuck(name, "the workflow has no such step".to_owned()),
    }
}

fn stuck<'p>(place: &(impl ToString + ?Sized), error: String) -> Decision<'p> {
    Decision::Stuck { place: place.to_string(), error }
}

fn enter<'p>(phase: &'p Phase, state: &ExecutionState, answers: &dyn Answers) -> Decision<'p> {
    if state.entered.contains(&phase.id) {
        return stuck(&phase.id, "the transitions lead back to this phase".to_owned());
    }
    let holds = phase.condition.as_ref().map_or(Ok(true), |_| answers.holds(Question::Phase(phase)));
    match holds {
        Ok(true) => Decision::Record(EventKind::PhaseStarted { phase: phase.id.clone() }),
        Ok(false) => Decision::Record(EventKind::PhaseSkipped { phase: phase.id.clone(), steps: phase.steps.len() }),
        Err(error) => stuck(&phase.id, format!("its condition: {error}")),
    }
}

fn next_step<'p>(plan: &'p Plan, phase: &'p Phase, next: usize, answers: &dyn Answers) -> Decision<'p> {
    let Some(step) = phase.steps.get(next) else { return check(plan, phase, answers) };
    run_or_skip(phase, step, answers)
}

fn next_rollback_step<'p>(plan: &'p Plan, next: usize, answers: &dyn Answers) -> Decision<'p> {
    let Some(phase) = plan.rollback() else { return stuck(ROLLBACK, "the workflow has no rollback".to_owned()) };
    match phase.steps.get(next) {
        Some(step) => run_or_skip(phase, step, answers),
        None => Decision::Record(EventKind::RollbackCompleted),
    }
}

fn run_or_skip<'p>(phase: &'p Phase, step: &'p Step, answers: &dyn Answers) -> Decision<'p> {
    let holds = step.condition.as_ref().map_or(Ok(true), |_| answers.holds(Question::Step(step)));
    let name = StepName::of(phase, step);
    match holds {
        Ok(true) => Decision::Run { phase, step },
        Ok(false) => Decision::Record(EventKind::StepSkipped { name }),
        Err(error) => stuck(&name, format!("its condition: {error}")),
    }
}

fn check<'p>(plan: &'p Plan, phase: &'p Phase, answers: &dyn Answers) -> Decision<'p> {
    let Some(checkpoint) = &phase.checkpoint else { return leave(plan, phase, PhaseEnd::Passed, true, answers) };
    let missing = |name: &str| match answers.holds(Question::Returned { phase: &phase.id, name }) {
        Ok(true) => None,
        Ok(false) => Some(name.to_owned()),
        Err(error) => Some(format!("{name}: {error}")),
    };
    let missing: Vec<_> = checkpoint.validation.iter().filter_map(|name| missing(&name.value)).collect();
    let (phase_id, id) = (phase.id.clone(), checkpoint.id.clone());
    Decision::Record(if missing.is_empty() {
        EventKind::CheckpointPassed { phase: phase_id, checkpoint: id }
    } else {
        let then = phase.after_failed_checkpoint();
        EventKind::CheckpointFailed { phase: phase_id, checkpoint: id, missing, blocking: checkpoint.blocking, then }
    })
}

/// Decides what follows a phase. If no transition is taken, the next phase in the file follows.
/// However, the attempt fails if the phase and its checkpoint passed, and the phase has transitions
/// to other phases and takes none. The attempt also fails if a passed phase did not return a value
/// that a later step needs.
fn leave<'p>(
    plan: &'p Plan,
    phase: &'p Phase,
    end: PhaseEnd,
    is_checkpoint_passed: bool,
    answers: &dyn Answers,
) -> Decision<'p> {
    let has_passed = end == PhaseEnd::Passed && is_checkpoint_passed;
    if end == PhaseEnd::Passed
        && let Some(error) = missing_values(plan, phase, answers)
    {
        return Decision::Record(EventKind::ValuesMissing { phase: phase.id.clone(), error });
    }
    let completed = |next: Option<&str>| {
        Decision::Record(EventKind::PhaseCompleted { phase: phase.id.clone(), end, next: next.map(str::to_owned) })
    };
    let follow = |to: &str, condition: Option<&str>| {
        if plan.workflow().is_rollback(to) { begin_rollback(phase, condition) } else { completed(Some(to)) }
    };
    let mut refused = Vec::new();
    for transition in plan.workflow().transitions_from(&phase.id) {
        let to = &transition.to.value;
        let Some(condition) = &transition.condition else { return follow(to, None) };
        match answers.holds(Question::Transition { transition, is_checkpoint_passed }) {
            Ok(true) => return follow(to, Some(&condition.value)),
            Ok(false) if plan.workflow().is_rollback(to) => {}
            // Whether the work must be undone is unknown, so no later transition may be taken.
            Err(error) if plan.workflow().is_rollback(to) => {
                return transition_failed(phase, format!("to {to}: {error}"));
            }
            Ok(false) => refused.push(format!("to {to}: `{}` does not hold", condition.value)),
            Err(error) => refused.push(format!("to {to}: {error}")),
        }
    }
    if refused.is_empty() || !has_passed {
        return completed(plan.after(&phase.id).map(|next| next.id.as_str()));
    }
    transition_failed(phase, refused.join("; "))
}

fn transition_failed<'p>(phase: &Phase, error: String) -> Decision<'p> {
    Decision::Record(EventKind::TransitionFailed { phase: phase.id.clone(), error })
}

fn missing_values(plan: &Plan, phase: &Phase, answers: &dyn Answers) -> Option<String> {
    let is_missing =
        |need: &&Need| answers.holds(Question::HasValue { phase: &phase.id, name: &need.name }) == Ok(false);
    let missing = plan.needs().of_phase(&phase.id).iter().filter(is_missing);
    let missing: Vec<_> = missing.map(|need| format!("`{}`, which {} needs", need.name, need.reader)).collect();
    (!missing.is_empty()).then(|| format!("its steps did not return {}", missing.join(", ")))
}

fn begin_rollback<'p>(phase: &Phase, condition: Option<&str>) -> Decision<'p> {
    let error = match condition {
        Some(condition) => format!("{}: `{condition}` holds", phase.id),
        None => format!("{}: its transition leads to the rollback", phase.id),
    };
    Decision::Record(EventKind::RollbackStarted { failure: Failure::of(&phase.id, error) })
}
