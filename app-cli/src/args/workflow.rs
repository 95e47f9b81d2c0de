//! What can be typed after `workflow`.

use clap::Subcommand;

use super::{ProgressArgs, WorkflowRunArgs};

/// `workflow`
#[derive(Debug, Subcommand)]
pub(crate) enum WorkflowCommand {
    /// Execute a workflow on one file, without the queue
    Run(WorkflowRunArgs),
    /// Show how far executions are
    Progress(ProgressArgs),
}
