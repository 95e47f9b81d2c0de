//! `workflow list`: lists all workflow files, including invalid ones.

use std::io::{self, Write};
use std::path::PathBuf;

use autoproc_workflow::{Listed, Severity};
use clap::Args;
use comfy_table::{Table, presets};
use serde::Serialize;

use super::choice::{WorkflowFolderArgs, count, from_base};
use crate::context::Context;
use crate::error::CliError;
use crate::escape::{Printable, Shown};
use crate::view::View;
use crate::view::screen::Screen;
use crate::wiring::find_error;

/// The arguments of `workflow list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc workflow list
  autoproc workflow list --workflow-dir ~/workflows --json")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    folder: WorkflowFolderArgs,
}

pub(super) fn list(args: &ListArgs, context: &Context) -> Result<(), CliError> {
    let workflows = args.folder.catalogue(context).list().map_err(|error| find_error(&error))?;
    if workflows.is_empty() {
        context.remark("there are no workflows in core/workflows and engine/workflows; see --workflow-dir");
    }
    context.show(&WorkflowsListed { base: context.cwd.clone(), workflows })
}

struct WorkflowsListed {
    /// Paths below this folder are shown relative to it.
    base: PathBuf,
    workflows: Vec<Listed>,
}

impl View for WorkflowsListed {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if self.workflows.is_empty() {
            return Ok(());
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(["ID", "PHASES", "STEPS", "STATE", "FILE", "NAME"]);
        for listed in &self.workflows {
            let workflow = listed.file.workflow.as_ref();
            let phases = workflow.map_or(0, |workflow| workflow.phases.len());
            let steps = workflow.map_or(0, |workflow| workflow.phases.iter().map(|phase| phase.steps.len()).sum());
            let name = workflow.and_then(|workflow| workflow.name.as_deref()).unwrap_or_default();
            table.add_row([
                Printable(&listed.id).to_string(),
                phases.to_string(),
                steps.to_string(),
                state(listed),
                Shown(from_base(&self.base, &listed.file.path)).to_string(),
                Printable(name).to_string(),
            ]);
        }
        writeln!(out, "{}", table.trim_fmt())
    }

    fn document(&self) -> impl Serialize {
        ListedJson { workflows: self.workflows.iter().map(WorkflowJson::from).collect() }
    }
}

fn state(listed: &Listed) -> String {
    let of = |severity: Severity| match count(&listed.file, severity) {
        0 => None,
        1 => Some(format!("1 {}", severity.word())),
        many => Some(format!("{many} {}s", severity.word())),
    };
    let hidden = listed.is_hidden.then(|| "an earlier file has this id; name this one by its path".to_owned());
    let states: Vec<_> = hidden.into_iter().chain(of(Severity::Error)).chain(of(Severity::Warning)).collect();
    if states.is_empty() { "good".to_owned() } else { states.join(", ") }
}

#[derive(Serialize)]
struct ListedJson<'a> {
    workflows: Vec<WorkflowJson<'a>>,
}

#[derive(Serialize)]
struct WorkflowJson<'a> {
    errors: usize,
    hidden: bool,
    id: &'a str,
    name: Option<&'a str>,
    path: String,
    phases: Option<usize>,
    steps: Option<usize>,
    warnings: usize,
}

impl<'a> From<&'a Listed> for WorkflowJson<'a> {
    fn from(listed: &'a Listed) -> Self {
        let workflow = listed.file.workflow.as_ref();
        Self {
            errors: count(&listed.file, Severity::Error),
            hidden: listed.is_hidden,
            id: &listed.id,
            name: workflow.and_then(|workflow| workflow.name.as_deref()),
            path: listed.file.path.to_string_lossy().into_owned(),
            phases: workflow.map(|workflow| workflow.phases.len()),
            steps: workflow.map(|workflow| workflow.phases.iter().map(|phase| phase.steps.len()).sum()),
            warnings: count(&listed.file, Severity::Warning),
        }
    }
}
