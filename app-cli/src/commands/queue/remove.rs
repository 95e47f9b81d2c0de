//! `queue remove`: removes files from the queue.

use std::io::{self, Write};
use std::path::PathBuf;

use autoproc_domain::Status;
use autoproc_domain::request::Remove;
use clap::Args;
use serde::Serialize;

use crate::completion::Candidates;
use crate::context::Context;
use crate::error::CliError;
use crate::queued_below;
use crate::view::screen::Screen;
use crate::view::{View, files};

const REMOVABLE: &[Status] = &[Status::Pending, Status::Completed, Status::Failed, Status::Timeout];

/// The arguments of `queue remove`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc queue remove report.pdf draft.pdf
  autoproc queue remove scans/")]
pub(crate) struct RemoveArgs {
    /// Files in the queue, or folders: all files of the queue below them. If a file is not in the
    /// queue or is being processed, nothing is removed
    #[arg(value_name = "FILE", required = true, add = Candidates::Files(REMOVABLE))]
    files: Vec<PathBuf>,
}

pub(super) async fn remove(args: &RemoveArgs, context: &Context) -> Result<(), CliError> {
    context.require_queue()?;
    let request = Remove(queued_below::selectors(&args.files, &Status::ALL, context).await?);
    context.show_change(&Removed { removed: context.storage().remove(request, context.now()).await? })
}

#[derive(Serialize)]
struct Removed {
    removed: usize,
}

impl View for Removed {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        writeln!(out, "{} removed", files(self.removed))
    }

    fn document(&self) -> impl Serialize {
        self
    }
}
