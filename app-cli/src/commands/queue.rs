//! The `queue` commands.

pub(super) mod add;
pub(super) mod clear;
mod export;
mod hold;
pub(super) mod list;
mod peek;
mod prioritise;
mod recover;
pub(super) mod remove;
mod repair;
pub(super) mod show;
mod size;
mod status_word;

use clap::Subcommand;

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;

/// The command on the queue.
#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// Add files
    Add(add::AddArgs),
    /// List files in processing order
    #[command(alias = "ls")]
    List(list::ListArgs),
    /// Remove all files except those being processed
    Clear(clear::ClearArgs),
    /// Print the number of pending files
    #[command(after_help = "Example:
  test \"$(autoproc queue size)\" -eq 0 && echo nothing waits")]
    Size,
    /// Show the next file to be processed
    #[command(after_help = "Example:
  autoproc queue peek")]
    Peek,
    /// Show one file with its history
    Show(show::ShowArgs),
    /// Remove files from the queue
    #[command(alias = "rm")]
    Remove(remove::RemoveArgs),
    /// Change a file's priority
    #[command(visible_alias = "prioritize")]
    Prioritise(prioritise::PrioritiseArgs),
    /// Hold pending files: no run processes them
    Hold(hold::HoldArgs),
    /// Release held files
    #[command(after_help = "Example:
  autoproc queue unhold report.pdf")]
    Unhold(hold::HoldArgs),
    /// Print the current queue as one JSON document
    #[command(
        after_help = "The document has the format of QUEUE-STATE.json without its `store` section, and is itself \
a valid QUEUE-STATE.json.\nThe export never waits for other processes and is a consistent snapshot, even during a run.

Examples:
  autoproc queue export > queue.json
  autoproc queue export | jq '.items | length'"
    )]
    Export,
    /// End the leftover processes of dead runs, and return their files to pending
    Recover(recover::RecoverArgs),
    /// Report damage to the queue's files and the possible repairs, or repair them
    Repair(repair::RepairArgs),
}

pub(super) async fn queue(command: QueueCommand, context: &Context) -> Result<ExitCode, CliError> {
    match command {
        QueueCommand::Add(args) => add::add(args, context).await?,
        QueueCommand::List(args) => list::list(args, context).await?,
        QueueCommand::Clear(args) => clear::clear(args, context).await?,
        QueueCommand::Size => size::size(context).await?,
        QueueCommand::Peek => peek::peek(context).await?,
        QueueCommand::Show(args) => show::show(&args, context).await?,
        QueueCommand::Remove(args) => remove::remove(&args, context).await?,
        QueueCommand::Prioritise(args) => prioritise::prioritise(&args, context).await?,
        QueueCommand::Hold(args) => hold::hold(&args, true, context).await?,
        QueueCommand::Unhold(args) => hold::hold(&args, false, context).await?,
        QueueCommand::Export => {
            context.require_folder("queue export")?;
            export::export(context)?;
        }
        QueueCommand::Recover(args) => return recover::recover(&args, context).await,
        QueueCommand::Repair(args) => {
            context.require_folder("queue repair")?;
            return repair::repair(&args, context);
        }
    }
    Ok(ExitCode::Success)
}
