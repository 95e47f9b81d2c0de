//! The commands, one per file: from a request over the ports to a view.

mod add;
mod doctor;
pub(crate) mod documents;
mod export;
mod log;
mod prioritise;
mod recover;
mod remove;
mod repair;
mod retry_failed;
mod run;
mod show;
mod status;
mod stop;
mod workflow;

use crate::args::{Command, QueueCommand};
use crate::context::Context;
use crate::error::{self, CliError};
use crate::exit_code::ExitCode;
use crate::request::{self, AddRequest, ItemWord, LogRequest, RunRequest};
use crate::torture;

/// Carries out a command, and leaves the queue's files in order.
///
/// # Errors
/// [`CliError`] with the exit code.
pub(crate) async fn dispatch(command: Command, context: &Context) -> Result<ExitCode, CliError> {
    let outcome = carry_out(command, context).await;
    // The reply is durable without this; a disk that is full by now must not turn a finished run
    // into an error.
    if let Err(error) = context.wiring.close().await {
        context.console.warn(format_args!("the queue keeps its journal: {}", error::in_one_line(&error)));
    }
    outcome
}

async fn carry_out(command: Command, context: &Context) -> Result<ExitCode, CliError> {
    let cwd = &context.cwd;
    match command {
        Command::Queue(QueueCommand::Repair(args)) => {
            return repair::repair(args.apply.map(request::repair_method), context);
        }
        Command::Queue(QueueCommand::Recover(args)) => return recover::recover(&args, context).await,
        Command::Queue(command) => queue(command, context).await?,
        Command::Doctor(args) => return doctor::doctor(args.torture.then_some(args.seconds), context).await,
        Command::TortureWriter(args) => torture::write(&args.prefix, args.afresh, context).await?,
        // Boxed, because the future of every command would otherwise be as large as these.
        Command::Run(args) => {
            let request = RunRequest::new(*args, context.wiring.new_run())?;
            return Box::pin(run::run(request, context)).await;
        }
        Command::Workflow(command) => return Box::pin(workflow::workflow(command, context)).await,
        Command::Stop(args) => stop::stop(&args, context).await?,
        Command::Status => status::status(context).await?,
        Command::RetryFailed(args) => {
            retry_failed::retry_failed(request::failed_files(cwd, &args.files)?, context).await?;
        }
        Command::Log(args) => Box::pin(log::log(&LogRequest::new(&args, cwd)?, context)).await?,
        Command::Completions(_) | Command::Man(_) => {
            return Err(CliError::internal("a command that needs no project was given one"));
        }
    }
    Ok(ExitCode::Success)
}

async fn queue(command: QueueCommand, context: &Context) -> Result<(), CliError> {
    let cwd = &context.cwd;
    match command {
        QueueCommand::Add(args) => add::add(&AddRequest::new(args, cwd)?, context).await,
        QueueCommand::List(args) => show::list(args.statuses, args.limit, context).await,
        QueueCommand::Clear(args) => remove::clear(args.statuses, context).await,
        QueueCommand::Size => show::size(context).await,
        QueueCommand::Peek => show::peek(context).await,
        QueueCommand::Show(args) => show::show(&ItemWord::parse(&args.item, cwd)?, context).await,
        QueueCommand::Remove(args) => remove::remove(request::selectors(cwd, &args.files)?, context).await,
        QueueCommand::Prioritise(args) => {
            prioritise::prioritise(request::file(cwd, &args.file)?, args.priority, context).await
        }
        QueueCommand::Export => export::export(context),
        QueueCommand::Repair(_) | QueueCommand::Recover(_) => {
            Err(CliError::internal("a command that returns its own exit code reached the wrong handler"))
        }
    }
}
