//! `queue hold` and `queue unhold`: hold pending files, and release them.

use std::io::{self, Write};
use std::path::PathBuf;

use autoproc_domain::Status;
use autoproc_domain::request::Hold;
use clap::Args;
use serde::Serialize;

use crate::completion::Candidates;
use crate::context::Context;
use crate::error::CliError;
use crate::paths;
use crate::view::screen::Screen;
use crate::view::{View, files};

/// `queue hold`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc queue hold report.pdf       no run takes it
  autoproc queue unhold report.pdf")]
pub(crate) struct HoldArgs {
    /// Pending files; if one of them is not pending, nothing changes
    #[arg(value_name = "FILE", required = true, add = Candidates::Files(&[Status::Pending]))]
    files: Vec<PathBuf>,
}

pub(super) async fn hold(args: &HoldArgs, is_held: bool, context: &Context) -> Result<(), CliError> {
    let request = Hold { which: paths::selectors(&context.cwd, &args.files)?, is_held };
    let changed = context.storage().hold(request, context.now()).await?;
    context.show_change(&Held { changed, held: is_held })
}

#[derive(Serialize)]
struct Held {
    changed: usize,
    held: bool,
}

impl View for Held {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let outcome = if self.held { "held" } else { "released" };
        writeln!(out, "{} {outcome}", files(self.changed))
    }

    fn document(&self) -> impl Serialize {
        self
    }
}
