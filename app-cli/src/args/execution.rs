//! What says which workflow is executed, and with what; and the commands about executions.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

/// The heading of these options.
const HEADING: &str = "Workflow options";

/// Which workflow, and with what.
#[derive(Debug, Args)]
pub(crate) struct WorkflowOptions {
    /// Folder to look for workflows in, after core/workflows and engine/workflows
    #[arg(long, value_name = "FOLDER", help_heading = HEADING)]
    pub(crate) workflow_dir: Option<PathBuf>,
    /// An input of the workflow; may be repeated. `${file}` in TEXT is the file
    #[arg(long = "input", value_name = "NAME=TEXT", value_parser = input, help_heading = HEADING)]
    pub(crate) inputs: Vec<(String, String)>,
}

/// A workflow in place of a command.
#[derive(Debug, Args)]
pub(crate) struct WorkflowChoiceArgs {
    /// Workflow to execute on each file if there is no COMMAND: its id or its path [default:
    /// wf-pipeline-full]
    #[arg(long, value_name = "ID|PATH", conflicts_with_all = ["command", "shell"], help_heading = HEADING)]
    pub(crate) workflow: Option<String>,
    #[command(flatten)]
    pub(crate) options: WorkflowOptions,
    /// Begin workflows anew that an earlier run has left unfinished
    #[arg(long, conflicts_with_all = ["command", "shell"], help_heading = HEADING)]
    pub(crate) from_start: bool,
}

/// `workflow run`
#[derive(Debug, Args)]
#[command(
    after_help = "Nothing is put on the queue, and nothing is taken up later: a workflow that fails here begins anew.

Examples:
  autoproc workflow run wf-ingest --file talk.mp4 --input source_code=AB
  autoproc workflow run ./my-workflow.yaml --file notes.txt --timeout 1h"
)]
pub(crate) struct WorkflowRunArgs {
    /// The workflow: its id or its path
    #[arg(value_name = "ID|PATH")]
    pub(crate) workflow: String,
    /// The file
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) options: WorkflowOptions,
    /// Time it may take
    #[arg(long, value_name = "TIME", default_value = "300", value_parser = autoproc_time_text::parse_positive)]
    pub(crate) timeout: Duration,
    /// Time between asking a step to end and killing it
    #[arg(long, value_name = "TIME", default_value = "10", value_parser = autoproc_time_text::parse)]
    pub(crate) grace: Duration,
}

/// `workflow progress`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc workflow progress
  autoproc workflow progress talk.mp4 --json")]
pub(crate) struct ProgressArgs {
    /// File, or number of an item [default: all that are under way]
    #[arg(value_name = "FILE")]
    pub(crate) item: Option<OsString>,
}

fn input(word: &str) -> Result<(String, String), String> {
    match word.split_once('=') {
        Some((name, text)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), text.to_owned())),
        _ => Err("an input is NAME=TEXT".to_owned()),
    }
}
