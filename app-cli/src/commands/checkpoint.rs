//! The command `checkpoint`, for users of the Python program.

use std::io::{self, Write};

use autoproc_domain::request::Scope;
use autoproc_domain::view::Counts;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::status;
use crate::context::Context;
use crate::error::CliError;
use crate::escape::Shown;
use crate::view::View;
use crate::view::json::CountsJson;
use crate::view::screen::Screen;

/// The arguments of `checkpoint`.
#[derive(Debug, Args)]
pub(crate) struct CheckpointArgs {
    #[command(subcommand)]
    command: Option<CheckpointCommand>,
}

/// The subcommands of `checkpoint`, which the Python program also has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
enum CheckpointCommand {
    /// Show the counts of the queue, and the folder or database in which it is
    Show,
    /// Change nothing, and name the command that clears the queue
    Clear,
}

pub(super) async fn checkpoint(args: &CheckpointArgs, context: &Context) -> Result<(), CliError> {
    match args.command {
        Some(CheckpointCommand::Clear) => context.show_named(&NotCleared),
        Some(CheckpointCommand::Show) | None => {
            context.remark_on_missing_queue();
            let counts = context.storage().counts(Scope::Queue).await?;
            let place = match context.wiring.server() {
                Some(server) => server.place(),
                None => Shown(&context.project.state_dir()).to_string(),
            };
            context.show_named(&Checkpoint { counts, place })
        }
    }
}

struct Checkpoint {
    counts: Counts,
    /// The database or the folder that contains the queue.
    place: String,
}

impl View for Checkpoint {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        writeln!(out, "every change is a checkpoint: it is saved at once in {}", self.place)?;
        status::totals(self.counts, out)
    }

    fn document(&self) -> impl Serialize {
        CheckpointJson { counts: self.counts.into() }
    }
}

#[derive(Serialize)]
struct CheckpointJson {
    counts: CountsJson,
}

struct NotCleared;

impl View for NotCleared {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        writeln!(out, "nothing was cleared: every change is a checkpoint, and the next run continues from there")?;
        writeln!(out, "`autoproc queue clear` removes the files from the queue")
    }

    fn document(&self) -> impl Serialize {
        NotClearedJson {}
    }
}

#[derive(Serialize)]
struct NotClearedJson {}
