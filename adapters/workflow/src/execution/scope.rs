//! The names that expressions may use in the course of an execution.

use autoproc_domain::ports::Attempt;
use serde_json::Value;

use super::event::EventKind;
use super::state::ExecutionState;
use crate::expression::Scope;

/// The names of every execution: `file` and `files`.
pub(crate) fn file_scope(path: &str) -> Scope {
    let mut scope = Scope::default();
    scope.set("files", &Value::from(vec![path]));
    scope.set("file", &path.into());
    scope
}

/// The names known in a state.
pub(super) fn scope_of(state: &ExecutionState, attempt: &Attempt) -> Scope {
    let mut scope = file_scope(&attempt.file_path.text());
    state.subject.inputs.iter().for_each(|(name, value)| scope.set(name, value));
    state.entered.iter().for_each(|phase| scope.enter_phase(phase));
    for (name, outputs) in &state.step_outputs {
        scope.record_step(&name.phase, &name.step, &outputs.values, outputs.stdout.as_deref());
    }
    scope
}

/// Adds the names that an event makes known.
pub(super) fn extend(scope: &mut Scope, event: &EventKind) {
    match event {
        EventKind::PhaseStarted { phase } | EventKind::PhaseSkipped { phase, .. } => scope.enter_phase(phase),
        EventKind::StepCompleted { name, values, stdout, .. } => {
            scope.record_step(&name.phase, &name.step, values, stdout.as_deref());
        }
        _ => {}
    }
}
