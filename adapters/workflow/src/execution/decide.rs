//! What comes next in an execution: a pure function of the workflow, the state, and the answers to conditions.
//!
//! It changes nothing. What it decides is either an event, which the caller records and applies before it asks again, or
//! a step to run, whose end is such an event. Each answer moves the execution forward, and a phase is entered once at
//! most, so the questions come to an end for every workflow.

use super::event::{EventKind, PhaseEnd, StepName, Then};
use super::plan::Plan;
use super::state::{ExecutionState, Stage};
use crate::definition::{Phase, Step, Transition};

/// A question about the values of an execution.
#[derive(Debug, Clone, Copy)]
pub enum Question<'p> {
    /// Does the condition of the phase hold? A phase without one is not asked about.
    Phase(&'p Phase),
    /// Does the condition of the step hold? A step without one is not asked about.
    Step(&'p Step),
    /// Does the condition of the transition hold? One without is not asked about.
    Transition {
        /// The transition.
        transition: &'p Transition,
        /// Whether `checkpoint_passed` holds.
        is_checkpoint_passed: bool,
    },
    /// Has the phase returned the name with a value that counts as true?
    Returned {
        /// The phase.
        phase: &'p str,
        /// The name.
        name: &'p str,
    },
}

/// Answers questions; an error says in words why there is no answer.
pub trait Answers {
    /// The answer.
    ///
    /// # Errors
    /// Words, where a condition cannot be evaluated.
    fn holds(&self, question: Question<'_>) -> Result<bool, String>;
}

/// What comes next.
#[derive(Debug)]
#[must_use]
pub enum Decision<'p> {
    /// This has happened: record it, apply it, and ask again.
    Record(EventKind),
    /// Run this step, and record how it ended.
    Run {
        /// Its phase.
        phase: &'p Phase,
        /// The step.
        step: &'p Step,
    },
    /// The execution cannot go on, whatever is tried; nothing of it changes.
    Stuck {
        /// Where.
        place: String,
        /// Why.
        error: String,
    },
    /// All is done: what is left is to say so.
    Finish,
}

/// What comes next.
pub fn decide<'p>(plan: &'p Plan, state: &ExecutionState, answers: &dyn Answers) -> Decision<'p> {
    if let Some(name) = state.rerun.front() {
        return again(plan, name);
    }
    match &state.stage {
        Stage::Entering(id) => with_phase(plan, id, |phase| enter(phase, state, answers)),
        Stage::Within { phase, next } => with_phase(plan, phase, |phase| within(plan, phase, *next, answers)),
        Stage::Leaving { phase, end, is_checkpoint_passed } => {
            with_phase(plan, phase, |phase| leave(plan, phase, *end, *is_checkpoint_passed, answers))
        }
        Stage::Through => Decision::Finish,
    }
}

/// What follows when a step of a phase has failed for good.
#[must_use]
pub fn after_failed_step(phase: &Phase) -> Then {
    phase.after_failed_step().into()
}

/// A state is only ever walked with the workflow it was made with, which its hash says; this is for journals that a
/// person has changed.
fn with_phase<'p>(plan: &'p Plan, id: &str, then: impl FnOnce(&'p Phase) -> Decision<'p>) -> Decision<'p> {
    match plan.phase(id) {
        Some(phase) => then(phase),
        None => Decision::Stuck { place: id.to_owned(), error: "the workflow has no such phase".to_owned() },
    }
}

fn again<'p>(plan: &'p Plan, name: &StepName) -> Decision<'p> {
    match plan.step(name) {
        Some((phase, step)) => Decision::Run { phase, step },
        None => Decision::Stuck {
            place: format!("{}/{}", name.phase, name.step),
            error: "the workflow has no such step".to_owned(),
        },
    }
}

fn enter<'p>(phase: &'p Phase, state: &ExecutionState, answers: &dyn Answers) -> Decision<'p> {
    if state.entered.contains(&phase.id) {
        let error = "the transitions lead back to this phase".to_owned();
        return Decision::Stuck { place: phase.id.clone(), error };
    }
    let holds = phase.condition.as_ref().map_or(Ok(true), |_| answers.holds(Question::Phase(phase)));
    match holds {
        Ok(true) => Decision::Record(EventKind::PhaseStarted { phase: phase.id.clone() }),
        Ok(false) => Decision::Record(EventKind::PhaseSkipped { phase: phase.id.clone(), steps: phase.steps.len() }),
        Err(error) => Decision::Stuck { place: phase.id.clone(), error: format!("its condition: {error}") },
    }
}

fn within<'p>(plan: &'p Plan, phase: &'p Phase, next: usize, answers: &dyn Answers) -> Decision<'p> {
    let Some(step) = phase.steps.get(next) else { return check(plan, phase, answers) };
    let holds = step.condition.as_ref().map_or(Ok(true), |_| answers.holds(Question::Step(step)));
    let name = StepName { phase: phase.id.clone(), step: step.id.clone() };
    match holds {
        Ok(true) => Decision::Run { phase, step },
        Ok(false) => Decision::Record(EventKind::StepSkipped { name }),
        Err(error) => {
            Decision::Stuck { place: format!("{}/{}", name.phase, name.step), error: format!("its condition: {error}") }
        }
    }
}

fn check<'p>(plan: &'p Plan, phase: &'p Phase, answers: &dyn Answers) -> Decision<'p> {
    let Some(checkpoint) = &phase.checkpoint else { return leave(plan, phase, PhaseEnd::Passed, true, answers) };
    let is_missing = |name: &str| !answers.holds(Question::Returned { phase: &phase.id, name }).unwrap_or(false);
    let names = checkpoint.validation.iter().map(|name| name.value.as_str());
    let missing: Vec<_> = names.filter(|name| is_missing(name)).map(str::to_owned).collect();
    let (phase_id, id) = (phase.id.clone(), checkpoint.id.clone());
    Decision::Record(if missing.is_empty() {
        EventKind::CheckpointPassed { phase: phase_id, checkpoint: id }
    } else {
        let then = phase.after_failed_checkpoint().into();
        EventKind::CheckpointFailed { phase: phase_id, checkpoint: id, missing, blocking: checkpoint.blocking, then }
    })
}

/// The first transition that can be taken leads on. A phase that was passed and has transitions, none of which can be
/// taken, is as far as the workflow lets it go; one that was skipped, or that failed or missed its checkpoint without harm,
/// is followed by the next one.
fn leave<'p>(
    plan: &'p Plan,
    phase: &'p Phase,
    end: PhaseEnd,
    is_checkpoint_passed: bool,
    answers: &dyn Answers,
) -> Decision<'p> {
    let mut refused = Vec::new();
    for transition in plan.transitions_from(&phase.id) {
        let Some(condition) = &transition.condition else { return over(phase, end, Some(&transition.to.value)) };
        match answers.holds(Question::Transition { transition, is_checkpoint_passed }) {
            Ok(true) => return over(phase, end, Some(&transition.to.value)),
            Ok(false) => refused.push(format!("to {}: `{}` does not hold", transition.to.value, condition.value)),
            Err(error) => refused.push(format!("to {}: {error}", transition.to.value)),
        }
    }
    let is_let_through = end != PhaseEnd::Passed || !is_checkpoint_passed;
    if refused.is_empty() || is_let_through {
        return over(phase, end, plan.after(&phase.id).map(|next| next.id.as_str()));
    }
    Decision::Record(EventKind::TransitionFailed { phase: phase.id.clone(), error: refused.join("; ") })
}

fn over<'p>(phase: &Phase, end: PhaseEnd, next: Option<&str>) -> Decision<'p> {
    Decision::Record(EventKind::PhaseCompleted { phase: phase.id.clone(), end, next: next.map(str::to_owned) })
}
