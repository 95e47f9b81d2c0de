//! What an execution would do, as far as that can be known before anything has run.

use std::time::Duration;

use autoproc_domain::FilePath;

use super::engine::WorkflowRun;
use super::event::Values;
use super::inputs::{InputError, file_scope};
use super::program::Place;
use crate::definition::{Action, Phase, Step};
use crate::expression::{Scope, holds, render_shell, render_text, render_value};

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
        match &step.action {
            Action::Run(words) => seen.words = words.iter().map(|word| self.text(&word.value)).collect(),
            Action::Shell(line) => {
                let shell = render_shell(&line.value, self.scope).ok();
                let (text, variables) =
                    shell.map_or_else(|| (line.value.clone(), Vec::new()), |shell| (shell.text, shell.environment));
                seen.words = vec!["/bin/sh".to_owned(), "-c".to_owned(), text];
                seen.variables = variables;
            }
            Action::Command(_) | Action::Task(_) => match self.runner(step) {
                Ok(words) => seen.words = words,
                Err(error) => seen.error = Some(error),
            },
        }
    }

    fn runner(&self, step: &Step) -> Result<Vec<String>, String> {
        let as_written = |value: &serde_json::Value| render_value(value, self.scope).unwrap_or_else(|_| value.clone());
        let inputs: Values = step.inputs.iter().map(|input| (input.name.clone(), as_written(&input.value))).collect();
        let file = self.file.text();
        let place = Place { file: &file, workflow: &self.run.plan.workflow().id, phase: &self.phase.id };
        self.run.programs.of(step, place, &inputs).map(|command| command.words)
    }

    /// What is not known yet stays as it is written.
    fn text(&self, template: &str) -> String {
        render_text(template, self.scope).unwrap_or_else(|_| template.to_owned())
    }
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
