//! Simulates executions with example values.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use autoproc_domain::Timestamp;

use super::samples;
use crate::definition::AfterFailure;
use crate::execution::{
    AttemptIds, Decision, Event, EventKind, ExecutionState, Plan, StepName, Subject, Values, decide, extend, file_scope,
};
use crate::expression::{Scope, render_value};

const FILE: &str = "/file";

pub(super) struct Examples {
    /// The example values of each phase, by phase id.
    pub(super) values: HashMap<String, Values>,
    pub(super) inputs: HashSet<String>,
}

/// Returns a score: the more events before a failure, the higher. Returns `usize::MAX` if the
/// execution completes.
pub(super) fn progress(plan: &Plan, examples: &Examples) -> usize {
    let (mut scope, begun) = (scope(plan, &examples.inputs), event(started(plan)));
    let Some(mut state) = ExecutionState::begin(&begun) else { return 0 };
    for count in 0.. {
        let kind = match decide(plan, &state, &scope) {
            Decision::Record(EventKind::RollbackStarted { .. }) => return 2 * count,
            Decision::Record(kind) if is_failure(&kind) => return 2 * count + 1,
            Decision::Record(kind) => kind,
            Decision::Run { phase, step } => EventKind::StepCompleted {
                name: StepName::of(phase, step),
                elapsed: Duration::ZERO,
                values: examples.values.get(&phase.id).cloned().unwrap_or_default(),
                stdout: plan.is_stdout_used(step).then(String::new),
            },
            Decision::Finish => return usize::MAX,
            Decision::Stuck { .. } | Decision::RolledBack(_) => return 2 * count + 1,
        };
        state.apply(&event(kind.clone()));
        extend(&mut scope, &kind);
    }
    usize::MAX
}

fn is_failure(kind: &EventKind) -> bool {
    match kind {
        EventKind::TransitionFailed { .. } | EventKind::ValuesMissing { .. } => true,
        EventKind::CheckpointFailed { blocking, then, .. } => *blocking && *then == AfterFailure::Fail,
        _ => false,
    }
}

fn scope(plan: &Plan, given: &HashSet<String>) -> Scope {
    let mut scope = file_scope(FILE);
    for input in &plan.workflow().inputs {
        let is_implicit = ["file", "files"].contains(&input.name.as_str());
        let default = input.default.as_ref().and_then(|default| render_value(default, &file_scope(FILE)).ok());
        let value = if given.contains(&input.name) { Some(samples::of_input(input)) } else { default };
        if !is_implicit {
            scope.set(&input.name, &value.unwrap_or_default());
        }
    }
    scope
}

fn event(kind: EventKind) -> Event {
    Event { at: Timestamp::from_micros(0), kind }
}

fn started(plan: &Plan) -> EventKind {
    let workflow = plan.workflow();
    let subject = Subject {
        version: String::new(),
        workflow_id: workflow.id.clone(),
        workflow_hash: String::new(),
        item_id: 0,
        file_path: FILE.to_owned(),
        file_path_bytes: None,
        inputs: Values::new(),
    };
    EventKind::WorkflowStarted {
        subject: Box::new(subject),
        attempt_ids: AttemptIds { run_id: String::new(), claim: 0, round: 1, attempt: 1 },
        steps_total: plan.steps_total(),
        abandoned: None,
        first: workflow.phases.first().map(|phase| phase.id.clone()),
    }
}
