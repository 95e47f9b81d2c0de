//! `retry-failed`: begins another round for failed items.

use std::io::{self, Write};
use std::path::PathBuf;

use autoproc_domain::Status;
use autoproc_domain::request::Requeue;
use clap::Args;
use serde::Serialize;

use crate::completion::Candidates;
use crate::context::Context;
use crate::error::CliError;
use crate::paths;
use crate::view::screen::Screen;
use crate::view::{View, files};

/// `retry-failed`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc retry-failed               every file that failed or timed out
  autoproc retry-failed report.pdf")]
pub(crate) struct RetryFailedArgs {
    /// Only these files
    #[arg(value_name = "FILE", add = Candidates::Files(&[Status::Failed, Status::Timeout]))]
    files: Vec<PathBuf>,
}

/// Requeues the given files, or every failed file if none is given.
pub(super) async fn retry_failed(args: &RetryFailedArgs, context: &Context) -> Result<(), CliError> {
    context.require_queue()?;
    let requeue = match &args.files[..] {
        [] => Requeue::AllFailed,
        these => Requeue::These(paths::selectors(&context.cwd, these)?),
    };
    context.show_change(&Requeued { requeued: context.storage().requeue(requeue, context.now()).await? })
}

#[derive(Serialize)]
struct Requeued {
    requeued: usize,
}

impl View for Requeued {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        writeln!(out, "{} requeued", files(self.requeued))
    }

    fn document(&self) -> impl Serialize {
        self
    }
}
