//! The command `cancel`: cancels files of the queue.

use std::io::{self, Write};
use std::path::PathBuf;

use autoproc_domain::Status;
use autoproc_domain::request::Cancel;
use autoproc_domain::view::Cancelled;
use clap::Args;
use serde::Serialize;

use crate::completion::Candidates;
use crate::context::Context;
use crate::error::CliError;
use crate::queued_below;
use crate::view::screen::Screen;
use crate::view::{View, files};

const LIVE: &[Status] = &[Status::Pending, Status::Processing];

/// The arguments of `cancel`.
#[derive(Debug, Args)]
#[command(
    after_help = "Pending files fail at once, with the reason `cancelled`. If a file is being processed, its attempt is ended as after a timeout, and the run continues with the next file.

Example:
  autoproc cancel clip.mp4"
)]
pub(crate) struct CancelArgs {
    /// Pending or processing files, or folders: all such files below them. If a file has another
    /// status, nothing is cancelled
    #[arg(value_name = "FILE", required = true, add = Candidates::Files(LIVE))]
    files: Vec<PathBuf>,
}

pub(super) async fn cancel(args: &CancelArgs, context: &Context) -> Result<(), CliError> {
    context.require_queue()?;
    let request = Cancel(queued_below::selectors(&args.files, LIVE, context).await?);
    let Cancelled { ended, requested } = context.storage().cancel(request, context.now()).await?;
    context.show_change(&CancelledView { cancelled: ended, requested })
}

#[derive(Serialize)]
struct CancelledView {
    /// The number of pending files that were cancelled; their status is now failed.
    cancelled: usize,
    /// The number of processing files whose attempts will be ended.
    requested: usize,
}

impl View for CancelledView {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if self.cancelled > 0 || self.requested == 0 {
            writeln!(out, "{} cancelled", files(self.cancelled))?;
        }
        match self.requested {
            0 => Ok(()),
            1 => writeln!(out, "1 attempt will be ended"),
            more => writeln!(out, "{more} attempts will be ended"),
        }
    }

    fn document(&self) -> impl Serialize {
        self
    }
}
