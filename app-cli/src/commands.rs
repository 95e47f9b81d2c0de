//! The commands of autoproc.

mod cancel;
mod checkpoint;
pub(crate) mod completions;
mod doctor;
mod explain;
mod failures;
mod log;
pub(crate) mod man;
mod metrics;
mod migrate;
mod monitor;
mod pause;
mod queue;
mod report;
mod resume;
mod retry_failed;
mod run;
mod runs;
mod status;
mod stop;
mod store;
mod top;
mod workflow;

use std::time::Duration;

use clap::Subcommand;

use crate::context::Context;
use crate::error::{self, CliError};
use crate::exit_code::ExitCode;
use queue::QueueCommand;

/// The command to carry out.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add, list, change and repair the files on the queue
    #[command(
        subcommand,
        after_help = "Examples:
  autoproc queue add report.pdf 5
  autoproc queue list --status failed"
    )]
    Queue(QueueCommand),
    /// Process the queue: run a command on each file
    Run(Box<run::RunArgs>),
    /// List, show, check and execute workflows
    #[command(
        subcommand,
        after_help = "Examples:
  autoproc workflow list
  autoproc workflow show wf-ingest
  autoproc workflow check my-workflow.yaml
  autoproc workflow init wf-ingest
  autoproc workflow progress"
    )]
    Workflow(workflow::WorkflowCommand),
    /// Ask every live run to stop after its current files
    Stop(stop::StopArgs),
    /// Suspend the live runs of this machine: commands and timeouts stand still
    Pause(pause::PauseArgs),
    /// Continue paused runs, or start the latest run again
    Resume(resume::ResumeArgs),
    /// Cancel files: they fail, and the run continues with the next ones
    Cancel(cancel::CancelArgs),
    /// Show live runs, file counts, failures, and why files are waiting
    #[command(after_help = "Examples:
  autoproc status
  autoproc status --json")]
    Status,
    /// Watch runs and files in the whole terminal, and act on them
    #[command(after_help = top::HELP)]
    Top,
    /// Show the progress of the current run: its file, counts, and error rate
    Monitor(monitor::MonitorArgs),
    /// Report what runs did: files, failures, the slowest files, and what to do next
    Report(report::ReportArgs),
    /// List runs: when they began, how they ended, and what they did
    #[command(visible_alias = "history")]
    Runs(runs::RunsArgs),
    /// Show why files failed: group them by reason, with the commands for each group
    Failures(failures::FailuresArgs),
    /// Explain one file: what happened to it, what happens next, and how to change that
    Explain(explain::ExplainArgs),
    /// Give failed files another round, with a full allowance of attempts
    #[command(visible_alias = "retry")]
    RetryFailed(retry_failed::RetryFailedArgs),
    /// Show the output of a file's latest attempt
    #[command(visible_alias = "logs")]
    Log(log::LogArgs),
    /// Print figures of the queue and its runs for Prometheus
    Metrics(metrics::MetricsArgs),
    /// Check the queue, its disk and its runs; suggest a fix for each problem
    Doctor(doctor::DoctorArgs),
    /// Create, update and check the database of a queue that many machines share
    #[command(
        subcommand,
        after_help = "Examples:
  autoproc store init --store postgres://anna@db.example.com/queue
  autoproc store check --store postgres://anna@db.example.com/queue"
    )]
    Store(store::StoreCommand),
    /// Copy a queue with its history between a folder and a database
    Migrate(migrate::MigrateArgs),
    /// Explain that each change is a checkpoint, for users of the Python program
    #[command(hide = true)]
    Checkpoint(checkpoint::CheckpointArgs),
    /// `queue add`
    #[command(hide = true)]
    Add(queue::add::AddArgs),
    /// `queue list`
    #[command(hide = true, alias = "ls")]
    List(queue::list::ListArgs),
    /// `queue remove`
    #[command(hide = true, alias = "rm")]
    Remove(queue::remove::RemoveArgs),
    /// `queue clear`
    #[command(hide = true)]
    Clear(queue::clear::ClearArgs),
    /// Print the version
    #[command(hide = true)]
    Version,
    /// Add files one after the other and report each one, until killed
    #[command(hide = true)]
    TortureWriter(doctor::crash_test::TortureWriterArgs),
    /// Print a script that completes commands in a shell
    Completions(completions::CompletionsArgs),
    /// Print the manual page of autoproc, or of one of its commands
    Man(man::ManArgs),
}

impl Command {
    /// Returns how long a run tolerates an unreachable database; `None` for other commands.
    pub(crate) fn unreachable_timeout(&self) -> Option<Duration> {
        match self {
            Self::Run(args) => Some(args.unreachable_timeout()),
            _ => None,
        }
    }
}

/// Carries out a command, then closes the store.
pub(crate) async fn dispatch(command: Command, context: &Context) -> Result<ExitCode, CliError> {
    let outcome = carry_out(command, context).await;
    // The command's changes are already durable, so a warning is enough if closing fails.
    if let Err(error) = context.wiring.close().await {
        let failed = match context.wiring.server() {
            Some(_) => "the history lacks the latest events (no result is lost)",
            None => "cannot merge the journal into QUEUE-STATE.json (no change is lost)",
        };
        context.console.warn(format_args!("{failed}: {}", error::in_one_line(&error)));
    }
    outcome.map_err(|error| match context.wiring.server() {
        Some(_) if error.exit_code() == ExitCode::Damaged => error.with_hint("restore the database from a backup"),
        _ => error,
    })
}

async fn carry_out(command: Command, context: &Context) -> Result<ExitCode, CliError> {
    if uses_queue(&command) {
        context.wiring.reach_store().await?;
    }
    match command {
        // Boxes large futures, because this function's future is as large as the largest one in it.
        Command::Run(args) => return Box::pin(run::run(*args, context)).await,
        Command::Workflow(command) => return Box::pin(workflow::workflow(command, context)).await,
        Command::Top => return Box::pin(top::top(context)).await,
        Command::Queue(command) => return queue::queue(command, context).await,
        Command::Add(args) => return queue::queue(QueueCommand::Add(args), context).await,
        Command::List(args) => return queue::queue(QueueCommand::List(args), context).await,
        Command::Remove(args) => return queue::queue(QueueCommand::Remove(args), context).await,
        Command::Clear(args) => return queue::queue(QueueCommand::Clear(args), context).await,
        Command::Doctor(args) => {
            context.require_folder("doctor")?;
            return doctor::doctor(&args, context).await;
        }
        Command::TortureWriter(args) => {
            context.require_folder("torture-writer")?;
            doctor::crash_test::write(&args, context).await?;
        }
        Command::Store(command) => return store::store(&command, context).await,
        Command::Migrate(args) => Box::pin(migrate::migrate(&args, context)).await?,
        Command::Stop(args) => stop::stop(&args, context).await?,
        Command::Pause(_) => pause::pause(context).await?,
        Command::Resume(args) => resume::resume(&args, context).await?,
        Command::Cancel(args) => cancel::cancel(&args, context).await?,
        Command::Status => status::status(context).await?,
        Command::Monitor(args) => monitor::monitor(&args, context).await?,
        Command::Checkpoint(args) => checkpoint::checkpoint(&args, context).await?,
        Command::Report(args) => Box::pin(report::report(&args, context)).await?,
        Command::Runs(args) => runs::runs(&args, context).await?,
        Command::Explain(args) => Box::pin(explain::explain(&args, context)).await?,
        Command::Metrics(args) => Box::pin(metrics::metrics(&args, context)).await?,
        Command::Failures(args) => failures::failures(&args, context).await?,
        Command::RetryFailed(args) => retry_failed::retry_failed(&args, context).await?,
        Command::Log(args) => Box::pin(log::log(&args, context)).await?,
        Command::Completions(_) | Command::Man(_) | Command::Version => {
            return Err(CliError::internal("a command that needs no project was given one"));
        }
    }
    Ok(ExitCode::Success)
}

/// True if the queue must be reachable before the command begins.
fn uses_queue(command: &Command) -> bool {
    match command {
        Command::Queue(command) => !matches!(command, QueueCommand::Export | QueueCommand::Repair(_)),
        Command::Workflow(_)
        | Command::Doctor(_)
        | Command::TortureWriter(_)
        | Command::Store(_)
        | Command::Migrate(_) => false,
        _ => true,
    }
}
