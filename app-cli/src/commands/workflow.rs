//! The `autoproc workflow` commands.

mod check;
pub(super) mod choice;
mod expected;
mod init;
mod list;
pub(super) mod progress;
mod run;
mod show;
mod tree;

use clap::Subcommand;

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;

/// The commands on workflows.
#[derive(Debug, Subcommand)]
pub(crate) enum WorkflowCommand {
    /// List the workflows that can be named by their id
    List(list::ListArgs),
    /// Show the phases and steps of a workflow
    Show(show::ShowArgs),
    /// Check workflow files and report every problem
    Check(check::CheckArgs),
    /// Write a stand-in for the runners that a workflow lacks
    Init(init::InitArgs),
    /// Execute a workflow on one file, without the queue
    Run(run::RunArgs),
    /// Show the progress of executions
    Progress(progress::ProgressArgs),
}

pub(super) async fn workflow(command: WorkflowCommand, context: &Context) -> Result<ExitCode, CliError> {
    match command {
        WorkflowCommand::List(args) => list::list(&args, context)?,
        WorkflowCommand::Show(args) => show::show(&args, context)?,
        WorkflowCommand::Init(args) => init::init(&args, context)?,
        WorkflowCommand::Check(args) => return check::check(&args, context),
        WorkflowCommand::Run(args) => return Box::pin(run::run(args, context)).await,
        WorkflowCommand::Progress(args) => progress::progress(&args, context).await?,
    }
    Ok(ExitCode::Success)
}
