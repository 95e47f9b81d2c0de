//! What an execution would do, as far as that can be known before anything has run.

use std::ffi::OsStr;
use std::time::Duration;

use autoproc_domain::{FilePath, QueueItem};

use super::engine::{WorkflowRun, hash_of};
use super::error::ExecutionError;
use super::event::Subject;
use super::folder::Executions;
use super::inputs::InputError;
use super::rendering::{Rendering, Unknown};
use super::scope::file_scope;
use super::state::{ExecutionState, ExecutionStatus};
use crate::definition::{Action, Phase, Step};
use crate::expression::{Scope, holds};

/// One step of what would be done, in the order of the file. Transitions may lead another way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewedStep {
    /// Its phase.
    pub phase: String,
    /// Itself.
    pub step: String,
    /// Whether it would run.
    pub foresight: Foresight,
    /// The program and its arguments; `${…}` stands where a value is not known yet.
    pub words: Vec<String>,
    /// What its environment would hold of the string for the shell.
    pub variables: Vec<(String, String)>,
    /// Why there would be no process.
    pub error: Option<String>,
    /// Its own time limit.
    pub timeout: Option<Duration>,
}

/// Whether a step would run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Foresight {
    /// It would.
    Runs,
    /// It would not, for this condition does not hold.
    Skipped(String),
    /// It would if these conditions held.
    Depends(Vec<String>),
}

/// Looks ahead at what would be done with a file.
///
/// # Errors
/// [`InputError`] where it could not begin.
pub fn preview(run: &WorkflowRun, file: &FilePath) -> Result<Vec<PreviewedStep>, InputError> {
    let workflow = run.plan.workflow();
    let mut scope = file_scope(&file.text());
    for (name, value) in &run.inputs.for_file(workflow, file)? {
        scope.set(name, value);
    }
    let mut steps = Vec::new();
    for phase in &workflow.phases {
        let of_phase = condition(phase.condition.as_ref().map(|condition| condition.value.as_str()), &scope);
        let ahead = Ahead { run, file, scope: &scope, phase };
        steps.extend(phase.steps.iter().map(|step| ahead.step(step, &of_phase)));
    }
    Ok(steps)
}

/// What an earlier attempt has left of a file's execution, where a run would take that up and not begin anew.
///
/// # Errors
/// [`ExecutionError`] where it cannot be read, by which an attempt would fail.
pub fn taken_up(
    run: &WorkflowRun,
    executions: &Executions,
    item: &QueueItem,
) -> Result<Option<ExecutionState>, ExecutionError> {
    if run.from_start {
        return Ok(None);
    }
    let file = &item.file_path;
    let Some(state) = executions.of(item.id)? else { return Ok(None) };
    // Where inputs do not fit this file, nothing of it is executed.
    let Ok(inputs) = run.inputs.for_file(run.plan.workflow(), file) else { return Ok(None) };
    let subject = Subject {
        workflow_id: run.plan.workflow().id.clone(),
        workflow_hash: hash_of(&run.source),
        file_path: file.text().into_owned(),
        file_path_bytes: file.exact_hex(),
        inputs,
        ..state.subject.clone()
    };
    let is_same = state.subject == subject && !state.is_file_changed(run.look_at(file.as_path()));
    let is_continued = state.carrier.is_continued_in(item.round, item.follows_completion);
    Ok((is_same && is_continued && state.status != ExecutionStatus::Completed).then_some(state))
}

/// A look at one phase.
struct Ahead<'a> {
    run: &'a WorkflowRun,
    file: &'a FilePath,
    scope: &'a Scope,
    phase: &'a Phase,
}

impl Ahead<'_> {
    fn step(&self, step: &Step, of_phase: &Foresight) -> PreviewedStep {
        let own = condition(step.condition.as_ref().map(|condition| condition.value.as_str()), self.scope);
        let mut seen = PreviewedStep {
            phase: self.phase.id.clone(),
            step: step.id.clone(),
            foresight: both(of_phase.clone(), own),
            words: Vec::new(),
            variables: Vec::new(),
            error: None,
            timeout: step.timeout,
        };
        self.fill(step, &mut seen);
        seen
    }

    fn fill(&self, step: &Step, seen: &mut PreviewedStep) {
        let rendering = Rendering {
            workflow: self.run.plan.workflow(),
            programs: &self.run.programs,
            file: self.file,
            scope: self.scope,
            unknown: Unknown::StaysAsWritten,
        };
        let inputs = rendering.step_inputs(step);
        match inputs.and_then(|inputs| rendering.program(self.phase, step, &inputs)) {
            Ok(program) => {
                if matches!(step.action, Action::Shell(_)) {
                    let pairs = program.environment.iter();
                    seen.variables = pairs.map(|(name, value)| (shown(name), shown(value))).collect();
                }
                seen.words = [&program.executable].into_iter().chain(&program.arguments).map(|it| shown(it)).collect();
            }
            Err(error) => seen.error = Some(error),
        }
    }
}

fn shown(word: &OsStr) -> String {
    word.to_string_lossy().into_owned()
}

fn condition(condition: Option<&str>, scope: &Scope) -> Foresight {
    match condition.map(|condition| (condition, holds(condition, scope))) {
        None | Some((_, Ok(true))) => Foresight::Runs,
        Some((condition, Ok(false))) => Foresight::Skipped(condition.to_owned()),
        Some((condition, Err(_))) => Foresight::Depends(vec![condition.to_owned()]),
    }
}

fn both(of_phase: Foresight, own: Foresight) -> Foresight {
    match (of_phase, own) {
        (Foresight::Skipped(condition), _) | (_, Foresight::Skipped(condition)) => Foresight::Skipped(condition),
        (Foresight::Depends(mut first), Foresight::Depends(second)) => {
            first.extend(second);
            Foresight::Depends(first)
        }
        (Foresight::Depends(one), Foresight::Runs) | (Foresight::Runs, Foresight::Depends(one)) => {
            Foresight::Depends(one)
        }
        (Foresight::Runs, Foresight::Runs) => Foresight::Runs,
    }
}
