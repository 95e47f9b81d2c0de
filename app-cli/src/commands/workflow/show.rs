//! `workflow show`: shows the phases and steps of a workflow.

use std::io;
use std::path::PathBuf;

use autoproc_workflow::definition::{Action, Input, Located, Phase, Step, StepInput, Transition, Workflow};
use autoproc_workflow::execution::Plan;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::choice::{WorkflowFolderArgs, from_base};
use super::expected::PhaseExpected;
use super::tree;
use crate::completion::Candidates;
use crate::context::Context;
use crate::error::CliError;
use crate::escape::Shown;
use crate::view::View;
use crate::view::quoting::quoted_path;
use crate::view::screen::Screen;
use crate::wiring::find_error;

/// The arguments of `workflow show`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc workflow show wf-ingest
  autoproc workflow show ./my-workflow.yaml")]
pub(crate) struct ShowArgs {
    /// The workflow: its id or its path
    #[arg(value_name = "ID|PATH", add = Candidates::Workflows, value_parser = NonEmptyStringValueParser::new())]
    workflow: String,
    #[command(flatten)]
    folder: WorkflowFolderArgs,
}

pub(super) fn show(args: &ShowArgs, context: &Context) -> Result<(), CliError> {
    let UsableWorkflow { path, plan } = usable(&args.workflow, &args.folder, context)?;
    context.show(&WorkflowShown { base: context.cwd.clone(), path, plan })
}

pub(super) struct UsableWorkflow {
    pub(super) path: PathBuf,
    pub(super) plan: Plan,
}

/// Finds a workflow without errors by its id or path.
///
/// # Errors
/// [`CliError`] if the workflow is missing, unreadable or invalid.
pub(super) fn usable(word: &str, folder: &WorkflowFolderArgs, context: &Context) -> Result<UsableWorkflow, CliError> {
    let file = folder.catalogue(context).find(word, &context.cwd).map_err(|error| find_error(&error))?;
    let has_errors = file.has_errors();
    match file.workflow {
        Some(workflow) if !has_errors => Ok(UsableWorkflow { path: file.path, plan: Plan::new(workflow) }),
        _ => {
            let path = from_base(&context.cwd, &file.path);
            Err(CliError::config(format!("{} has errors", Shown(path)))
                .with_hint(format!("`autoproc workflow check {}` lists them", quoted_path(path))))
        }
    }
}

struct WorkflowShown {
    /// Paths below this folder are shown relative to it.
    base: PathBuf,
    path: PathBuf,
    plan: Plan,
}

impl View for WorkflowShown {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        tree::print(&self.plan, from_base(&self.base, &self.path), out)
    }

    fn document(&self) -> impl Serialize {
        let Workflow { id, name, description, version, inputs, phases, transitions, .. } = self.plan.workflow();
        let Workflow { rollback, on_error, .. } = self.plan.workflow();
        let input = |input: &Input| {
            json!({
                "name": input.name,
                "type": input.kind.word(),
                "required": input.required,
                "default": input.default,
                "values": input.values,
                "description": input.description,
            })
        };
        let transition = |transition: &Transition| {
            json!({
                "from": transition.from.value,
                "to": transition.to.value,
                "condition": text(transition.condition.as_ref()),
            })
        };
        json!({
            "id": id,
            "name": name,
            "description": description,
            "version": version,
            "path": self.path.to_string_lossy(),
            "inputs": inputs.iter().map(input).collect::<Vec<_>>(),
            "phases": phases.iter().map(|one| phase(&self.plan, one)).collect::<Vec<_>>(),
            "transitions": transitions.iter().map(transition).collect::<Vec<_>>(),
            "rollback": rollback.as_ref().map_or_else(Vec::new, step_ids),
            "on_error": on_error.as_ref().map_or_else(Vec::new, step_ids),
        })
    }
}

fn phase(plan: &Plan, phase: &Phase) -> Value {
    let checkpoint = phase.checkpoint.as_ref().map(|checkpoint| {
        json!({
            "id": checkpoint.id,
            "blocking": checkpoint.blocking,
            "validation": checkpoint.validation.iter().map(|name| name.value.as_str()).collect::<Vec<_>>(),
        })
    });
    json!({
        "id": phase.id,
        "name": phase.name,
        "description": phase.description,
        "condition": text(phase.condition.as_ref()),
        "blocking": phase.blocking,
        "steps": phase.steps.iter().map(step).collect::<Vec<_>>(),
        "expected": PhaseExpected::of(plan, phase).into_json(),
        "checkpoint": checkpoint,
    })
}

fn step(step: &Step) -> Value {
    let (kind, action) = match &step.action {
        Action::Run(words) => ("run", json!(words.iter().map(|word| word.value.as_str()).collect::<Vec<_>>())),
        Action::Shell(line) => ("shell", json!(line.value)),
        Action::Command(name) => ("command", json!(name.value)),
        Action::Task(task) => ("task", json!(task.value)),
    };
    json!({
        "id": step.id,
        "condition": text(step.condition.as_ref()),
        kind: action,
        "description": step.description,
        "inputs": values(&step.inputs),
        "params": values(&step.params),
        "timeout_s": step.timeout.map(|timeout| timeout.as_secs_f64()),
        "retries": step.retries,
    })
}

fn step_ids(phase: &Phase) -> Vec<&str> {
    phase.steps.iter().map(|step| step.id.as_str()).collect()
}

fn values(values: &[StepInput]) -> Map<String, Value> {
    values.iter().map(|input| (input.name.clone(), input.value.clone())).collect()
}

fn text(text: Option<&Located<String>>) -> Option<&str> {
    text.map(|text| text.value.as_str())
}
