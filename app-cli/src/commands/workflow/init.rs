//! `workflow init`: writes placeholders for missing runners.

use std::io::{self, Write as _};
use std::path::PathBuf;

use autoproc_workflow::{StandInError, add_stand_ins};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde::Serialize;

use super::choice::{WorkflowFolderArgs, from_base};
use super::show::usable;
use crate::completion::Candidates;
use crate::context::Context;
use crate::error::{CliError, in_one_line};
use crate::escape::{Printable, Shown};
use crate::exit_code::ExitCode;
use crate::view::View;
use crate::view::quoting::quoted;
use crate::view::screen::Screen;
use crate::wiring::runners_error;

/// The arguments of `workflow init`.
#[derive(Debug, Args)]
#[command(
    after_help = "The stand-in prints what a runner is given, and returns an example of each value that the workflow
reads. `autoproc.toml` gets one line for each command that has no runner, and one line for all tasks together. Existing files and lines
stay as they are. Replace one line at a time by your own program.

Examples:
  autoproc workflow init wf-ingest
  autoproc workflow init ./my-workflow.yaml --json"
)]
pub(crate) struct InitArgs {
    /// The workflow: its id or its path
    #[arg(value_name = "ID|PATH", add = Candidates::Workflows, value_parser = NonEmptyStringValueParser::new())]
    workflow: String,
    #[command(flatten)]
    folder: WorkflowFolderArgs,
}

pub(super) fn init(args: &InitArgs, context: &Context) -> Result<(), CliError> {
    let plan = usable(&args.workflow, &args.folder, context)?.plan;
    let added = add_stand_ins(context.project.root(), &plan).map_err(|error| stand_in_error(&error))?;
    let command = run_command(args, &added.inputs, context);
    let root = context.project.root();
    let created = added.created.iter().map(|path| root.join(path)).collect();
    let workflow_id = plan.workflow().id.clone();
    context.show(&Initialised { base: context.cwd.clone(), workflow_id, created, lines: added.lines, command })
}

fn stand_in_error(error: &StandInError) -> CliError {
    match error {
        StandInError::NoPlace { lines, .. } => {
            CliError::config(in_one_line(error)).with_hint(format!("add these lines yourself: {}", lines.join(" / ")))
        }
        StandInError::Runners(runners) => runners_error(runners),
        _ => CliError::new(ExitCode::CannotWrite, in_one_line(error)),
    }
}

fn run_command(args: &InitArgs, inputs: &[(String, String)], context: &Context) -> String {
    let given = |(name, text): &(String, String)| ["--input".to_owned(), quoted(&format!("{name}={text}"))];
    let words: Vec<_> = ["FILE".to_owned()].into_iter().chain(inputs.iter().flat_map(given)).collect();
    let (project, folder, workflow) = (context.project_option(), args.folder.option(), quoted(&args.workflow));
    format!("autoproc{project} workflow run {workflow}{folder} --file {}", words.join(" "))
}

struct Initialised {
    /// Paths below this folder are shown relative to it.
    base: PathBuf,
    workflow_id: String,
    created: Vec<PathBuf>,
    /// The lines that were added to `autoproc.toml`, including the headers of their tables.
    lines: Vec<String>,
    command: String,
}

impl View for Initialised {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if self.created.is_empty() && self.lines.is_empty() {
            let id = Printable(&self.workflow_id);
            writeln!(out, "nothing to write: every command and task of {id} has a runner")?;
        }
        for path in &self.created {
            writeln!(out, "wrote {}", Shown(from_base(&self.base, path)))?;
        }
        if !self.lines.is_empty() {
            writeln!(out, "added to autoproc.toml, in these tables:")?;
        }
        self.lines.iter().try_for_each(|line| writeln!(out, "  {}", Printable(line)))?;
        writeln!(out, "next, execute the workflow on a file:\n  {}", Printable(&self.command))?;
        if self.lines.is_empty() {
            return Ok(());
        }
        writeln!(out, "then replace the stand-in in autoproc.toml, one line at a time")
    }

    fn document(&self) -> impl Serialize {
        InitialisedJson {
            workflow_id: &self.workflow_id,
            created: self.created.iter().map(|path| path.to_string_lossy().into_owned()).collect(),
            lines: &self.lines,
            command: &self.command,
        }
    }
}

#[derive(Serialize)]
struct InitialisedJson<'a> {
    workflow_id: &'a str,
    created: Vec<String>,
    lines: &'a [String],
    command: &'a str,
}
