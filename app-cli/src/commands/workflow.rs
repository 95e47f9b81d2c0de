//! `workflow`: lists, shows, checks and executes workflows.

mod check;
mod execution;
mod list;
mod show;

use crate::args::WorkflowCommand;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::request::SingleExecution;

pub(super) use execution::preview;

pub(super) async fn workflow(command: WorkflowCommand, context: &Context) -> Result<ExitCode, CliError> {
    match command {
        WorkflowCommand::List(args) => list::list(&args.folder, context)?,
        WorkflowCommand::Show(args) => show::show(&args.workflow, &args.folder, context)?,
        WorkflowCommand::Run(args) => return execution::run(SingleExecution::new(args, &context.cwd)?, context).await,
        WorkflowCommand::Progress(args) => execution::progress(args, context).await?,
        WorkflowCommand::Check(args) => return check::check(&args.files, &args.folder, context),
    }
    Ok(ExitCode::Success)
}
