//! Previews the steps of an execution.

use std::ffi::OsStr;
use std::time::Duration;

use autoproc_domain::{FilePath, QueueItem};

use super::build_error::BuildError;
use super::engine::WorkflowRun;
use super::inputs::InputError;
use super::rendering::{Rendering, Unknown};
use super::resumption::{EarlierExecution, NextAttempt};
use super::scope::file_scope;
use super::shared::Place;
use super::state::ExecutionState;
use crate::definition::{Action, Phase, Step};
use crate::expression::{Scope, holds_so_far};

/// The preview of a step. The previews have the order of the workflow file; transitions may run the
/// steps in another order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewedStep {
    /// The id of the phase.
    pub phase: String,
    /// The id of the step.
    pub step: String,
    /// The forecast for the step.
    pub forecast: Forecast,
    /// The program and its arguments; unknown values are kept as `${…}`.
    pub words: Vec<String>,
    /// The names and values of the variables to which a shell command refers; empty for other
    /// actions.
    pub variables: Vec<(String, String)>,
    /// The reason why the inputs, the parameters or the program of the step cannot be rendered;
    /// `None` if they can. `env` and `workdir` of the step are not checked.
    pub error: Option<String>,
    /// The timeout of the step; `None` if the workflow gives no timeout.
    pub timeout: Option<Duration>,
}

/// The forecast for a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forecast {
    /// The conditions of the step and its phase hold.
    Runs,
    /// The step is skipped, because this condition of the step or its phase does not hold.
    Skipped(String),
    /// It is unknown whether the step runs, because these conditions of the step or its phase
    /// cannot be evaluated yet.
    Depends(Vec<String>),
}

/// Previews an execution on a file.
///
/// # Errors
/// [`InputError`] if the inputs do not fit the file.
pub fn preview(run: &WorkflowRun, file: &FilePath) -> Result<Vec<PreviewedStep>, InputError> {
    let workflow = run.plan.workflow();
    let mut scope = file_scope(&file.text());
    for (name, value) in &run.inputs.for_file(workflow, file)? {
        scope.set(name, value);
    }
    let (programs, scope, unknown) = (&run.programs, &scope, Unknown::Kept);
    let rendering = Rendering { workflow, programs, file, scope, unknown };
    let steps = workflow.phases.iter().flat_map(|phase| phase.steps.iter().map(move |step| (phase, step)));
    Ok(steps.map(|(phase, step)| previewed(&rendering, phase, step)).collect())
}

/// An execution that an earlier attempt has recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredExecution {
    /// The state of the execution.
    pub state: ExecutionState,
    /// The machine and project folder of the latest attempt, if they differ from those of this
    /// process.
    pub elsewhere: Option<Place>,
}

/// Returns the state of `stored` if this process would resume that execution in the next attempt on
/// `item`; `None` if the attempt would begin a new execution.
#[must_use]
pub fn resumable(run: &WorkflowRun, stored: StoredExecution, item: &QueueItem) -> Option<ExecutionState> {
    let StoredExecution { state, elsewhere } = stored;
    if !run.plan.is_resumable_from(elsewhere.as_ref()) {
        return None;
    }
    let file = &item.file_path;
    // If the inputs do not fit the file, nothing is executed.
    let inputs = run.inputs.for_file(run.plan.workflow(), file).ok()?;
    let subject = run.subject(run.workflow_hash(), item.id, file, inputs);
    let earlier = EarlierExecution { state: &state, is_completed: false, is_elsewhere: elsewhere.is_some() };
    NextAttempt::after(item).may_resume(run, &subject, &earlier).then_some(state)
}

fn previewed(rendering: &Rendering<'_>, phase: &Phase, step: &Step) -> PreviewedStep {
    let conditions = phase.condition.iter().chain(&step.condition).map(|condition| condition.value.as_str());
    let mut previewed = PreviewedStep {
        phase: phase.id.clone(),
        step: step.id.clone(),
        forecast: forecast(conditions, rendering.scope),
        words: Vec::new(),
        variables: Vec::new(),
        error: None,
        timeout: step.timeout,
    };
    let program = rendering.given(step).map_err(BuildError::from);
    match program.and_then(|given| rendering.program(phase, step, &given)) {
        Ok(program) => {
            if matches!(step.action, Action::Shell(_)) {
                let pairs = program.environment.iter();
                previewed.variables = pairs.map(|(name, value)| (shown(name), shown(value))).collect();
            }
            previewed.words = [&program.executable].into_iter().chain(&program.arguments).map(|it| shown(it)).collect();
        }
        Err(error) => previewed.error = Some(error.to_string()),
    }
    previewed
}

fn shown(word: &OsStr) -> String {
    word.to_string_lossy().into_owned()
}

fn forecast<'c>(conditions: impl Iterator<Item = &'c str>, scope: &Scope) -> Forecast {
    let mut open = Vec::new();
    for condition in conditions {
        match holds_so_far(condition, scope) {
            Ok(true) => {}
            Ok(false) => return Forecast::Skipped(condition.to_owned()),
            Err(_) => open.push(condition.to_owned()),
        }
    }
    if open.is_empty() { Forecast::Runs } else { Forecast::Depends(open) }
}
