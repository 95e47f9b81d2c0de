//! The names that expressions may use during an execution.

use autoproc_domain::ports::Attempt;
use serde_json::Value;

use super::decide::{Answers, Question};
use super::event::EventKind;
use super::state::ExecutionState;
use crate::definition::is_returnable;
use crate::expression::{Scope, holds, transition_holds};

/// Returns a scope with the names that every execution has: `file` and `files`.
pub(crate) fn file_scope(path: &str) -> Scope {
    let mut scope = Scope::default();
    scope.set("files", &Value::from(vec![path]));
    scope.set("file", &path.into());
    scope
}

pub(super) fn scope_of(state: &ExecutionState, attempt: &Attempt) -> Scope {
    let mut scope = file_scope(&attempt.file_path.text());
    state.subject.inputs.iter().for_each(|(name, value)| scope.set(name, value));
    state.entered.iter().for_each(|phase| scope.enter_phase(phase));
    for (name, outputs) in &state.step_outputs {
        scope.record_step(&name.phase, &name.step, &outputs.values, outputs.stdout.as_deref());
    }
    scope
}

pub(crate) fn extend(scope: &mut Scope, event: &EventKind) {
    match event {
        EventKind::PhaseStarted { phase } | EventKind::PhaseSkipped { phase, .. } => scope.enter_phase(phase),
        EventKind::StepCompleted { name, values, stdout, .. } => {
            scope.record_step(&name.phase, &name.step, values, stdout.as_deref());
        }
        _ => {}
    }
}

impl Answers for Scope {
    fn holds(&self, question: Question<'_>) -> Result<bool, String> {
        let answer = match question {
            Question::Phase(phase) => phase.condition.as_ref().map(|condition| holds(&condition.value, self)),
            Question::Step(step) => step.condition.as_ref().map(|condition| holds(&condition.value, self)),
            Question::Transition { transition, is_checkpoint_passed } => {
                let from = &transition.from.value;
                let condition = transition.condition.as_ref();
                condition.map(|condition| transition_holds(&condition.value, from, is_checkpoint_passed, self))
            }
            Question::Returned { phase, name } if is_returnable(name) => Some(Ok(self.has_returned(phase, name))),
            Question::HasValue { phase, name } => Some(Ok(self.has_value(phase, name))),
            Question::Returned { phase, name: condition } => Some(transition_holds(condition, phase, true, self)),
        };
        answer.unwrap_or(Ok(true)).map_err(|error| error.to_string())
    }
}
