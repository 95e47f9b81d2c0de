//! What can be typed after `workflow`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ProgressArgs, WorkflowRunArgs};

/// `workflow`
#[derive(Debug, Subcommand)]
pub(crate) enum WorkflowCommand {
    /// List the workflows that can be named by their id
    List(WorkflowListArgs),
    /// Show the phases and steps of a workflow
    Show(WorkflowShowArgs),
    /// Say all that is wrong with workflow files
    Check(WorkflowCheckArgs),
    /// Execute a workflow on one file, without the queue
    Run(WorkflowRunArgs),
    /// Show how far executions are
    Progress(ProgressArgs),
}

/// Where workflows are looked for.
#[derive(Debug, Args)]
pub(crate) struct WorkflowFolderArgs {
    /// Folder to look for workflows in, after core/workflows and engine/workflows
    #[arg(long, value_name = "FOLDER")]
    pub(crate) workflow_dir: Option<PathBuf>,
}

/// `workflow list`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc workflow list
  autoproc workflow list --workflow-dir ~/workflows --json")]
pub(crate) struct WorkflowListArgs {
    #[command(flatten)]
    pub(crate) folder: WorkflowFolderArgs,
}

/// `workflow show`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc workflow show wf-ingest
  autoproc workflow show ./my-workflow.yaml")]
pub(crate) struct WorkflowShowArgs {
    /// The workflow: its id or its path
    #[arg(value_name = "ID|PATH")]
    pub(crate) workflow: String,
    #[command(flatten)]
    pub(crate) folder: WorkflowFolderArgs,
}

/// `workflow check`
#[derive(Debug, Args)]
#[command(
    after_help = "Warnings and notes are no failure: a runner or a task file may be there when the workflow is executed.

Exit status:
  0   no errors
  78  errors, or a file that cannot be read

Examples:
  autoproc workflow check my-workflow.yaml
  autoproc workflow check core/workflows/*.yaml --json"
)]
pub(crate) struct WorkflowCheckArgs {
    /// Workflow files, or ids
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<String>,
    #[command(flatten)]
    pub(crate) folder: WorkflowFolderArgs,
}
